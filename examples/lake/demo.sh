#!/usr/bin/env bash
# The demo of SQL, Parquet and DuckDB, after everything is built: the same earthquakes through three pipelines, all of it inside the sandbox.
set -euo pipefail
cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.."

title() {
  if [[ -t 1 ]]; then printf '\n\033[1m%s\033[0m\n' "$*"; else printf '\n%s\n' "$*"; fi
}

rapidbyte=build/release/rapidbyte
export LAKE_OUT="$PWD/build/demo-lake"
rm -rf "$LAKE_OUT"
mkdir -p "$LAKE_OUT"/{files,report}
export RAPIDBYTE_CONNECTOR_DIR="${RAPIDBYTE_CONNECTOR_DIR:-$PWD/build/release/connectors}"

title "1. CSV -> SQL -> Parquet: a class for each earthquake, and a folder for each class"
echo "\$ rapidbyte run examples/lake/csv_folder_to_parquet.yaml"
"$rapidbyte" run examples/lake/csv_folder_to_parquet.yaml
(cd "$LAKE_OUT/files" && find earthquakes -name '*.parquet' -printf '%p  %s bytes\n' | sort)

title "2. Parquet -> rules and a hash -> DuckDB: only the rows that a condition keeps are read"
echo "\$ rapidbyte run examples/lake/parquet_to_duckdb.yaml"
"$rapidbyte" run examples/lake/parquet_to_duckdb.yaml

title "3. DuckDB -> SQL over the whole table -> CSV: the strongest earthquake of each week"
echo "\$ rapidbyte run examples/lake/duckdb_to_csv.yaml"
"$rapidbyte" run examples/lake/duckdb_to_csv.yaml
cat "$LAKE_OUT"/report/earthquakes/*.csv

title "4. The pipelines are in examples/lake; what they made is in build/demo-lake"
