#!/usr/bin/env bash
# The demo, after everything is built: loads examples/data into a fresh database under build/demo, then asks it questions.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

title() {
  if [[ -t 1 ]]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

out=build/demo
rapidbyte=build/release/rapidbyte
rm -rf "$out"
mkdir -p "$out"
export DEMO_DATABASE="$PWD/$out/demo.db" DEMO_STATE="$PWD/$out/state.db"
export RAPIDBYTE_CONNECTOR_DIR="${RAPIDBYTE_CONNECTOR_DIR:-$PWD/build/release/connectors}"

title "1. Load two CSV files into SQLite, through two sandboxed components"
echo "\$ rapidbyte run examples/demo/pipeline.yaml"
"$rapidbyte" run examples/demo/pipeline.yaml

title "2. What arrived: the types were inferred from the files"
sqlite3 "$DEMO_DATABASE" <<'SQL'
.mode column
SELECT m.name AS "table", c.name AS "column", c.type AS "type",
       CASE m.name || '.' || c.name
         WHEN 'airports.iata' THEN '0E0 and 00M are codes, not numbers'
         WHEN 'airports.state' THEN 'NA stays text'
         WHEN 'earthquakes.felt_reports' THEN (SELECT sum(felt_reports IS NULL) || ' of ' || count(*) || ' are null, none became 0' FROM earthquakes)
         ELSE '' END AS "note"
FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND m.name IN ('earthquakes', 'airports')
ORDER BY m.name DESC, c.cid;
SELECT '';
SELECT 'earthquakes' AS "table", count(*) AS "rows", min(time) AS "first", max(time) AS "last" FROM earthquakes;
SQL

title "3. A question to both tables: the most felt earthquakes, and the nearest airport"
sqlite3 "$DEMO_DATABASE" -cmd '.mode column' <examples/demo/query.sql

title "4. Your own file"
cat <<TEXT
The database is $out/demo.db. For a file of your own, say /data/orders.csv, write orders.yaml:

    version: "1.0"
    pipeline: orders
    source:
      use: rapidbyte/source-file
      config: {folder: /data, format: csv}
      streams: [{name: orders, sync_mode: full_refresh}]
    destination:
      use: rapidbyte/dest-sqlite
      config: {path: orders.db}
      write_mode: replace

and run:

    $PWD/$rapidbyte run orders.yaml --dry-run     # look first: rows and types, nothing is written
    $PWD/$rapidbyte run orders.yaml
TEXT
