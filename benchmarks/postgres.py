#!/usr/bin/env python3
"""Measures PostgreSQL to PostgreSQL (`./dev bench pg` builds release and starts this).

Two private servers with default settings (so with default durability) on loopback. The floor is
`psql COPY TO STDOUT (FORMAT binary) | psql COPY FROM STDIN (FORMAT binary)` of the same rows, interleaved with our runs and the peers';
medians count. Prints tables and writes benchmarks/results/postgres.jsonl, as run.py does.

usage: postgres.py --build build/release [--peers PYTHON] [--ingestr PYTHON] [--rows 1000000] [--repetitions 5] [FILTER]
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import bench_data
import postgres_data
from delay_proxy import DelayProxy, round_trip
from bench_support import HERE, LIMIT_MIB, Figures, machine, measure, print_table, write_results

sys.path.insert(0, os.path.join(HERE, os.pardir, "tests", "e2e"))
from postgres_server import PostgresServer  # noqa: E402  (the same private servers as the tests')

LINEITEM_FACTOR = 1.2
BIG_FACTOR = 10
NEW_ROWS = 1000
BAD_ROWS, BAD_ID, BAD_VALUE = 1000, 700, "12x4"
MANY_TABLES, MANY_ROWS, EMPTY_TABLES, FAR_TABLES = 300, 200, 2000, 20
FAR_SECONDS = 0.010  # each way
CSV_COLUMNS = "id bigint, name text, city text, amount numeric, rate double precision, flag text, day text, at text, count bigint, note text"


def server_cpu(server):
    """CPU seconds of a server so far: the postmaster, its children, and those that have ended."""
    ticks = 0
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                fields = file.read().rpartition(")")[2].split()
        except OSError:
            continue
        is_master = int(entry) == server.pid
        if is_master or int(fields[1]) == server.pid:
            ticks += int(fields[11]) + int(fields[12])
        if is_master:
            ticks += int(fields[13]) + int(fields[14])
    return ticks / os.sysconf("SC_CLK_TCK")


class Load:
    """One finished load: rows a second, our CPU, the servers' CPU, peak memory, the run report if there is one."""

    def __init__(self, rows, done, servers, report=None):
        self.seconds, self.cpu, self.peak, self.servers, self.report = done.seconds, done.cpu, done.peak, servers, report
        self.rate = rows / done.seconds


class Bench:

    def __init__(self, options, source, destination):
        self.options = options
        self.source, self.destination = source, destination
        self.build = os.path.abspath(options.build)
        self.rapidbyte = os.path.join(self.build, "rapidbyte")
        self.scratch = tempfile.mkdtemp(prefix="pg-", dir=os.path.join(self.build, os.pardir))
        self.figures = Figures()
        self.environment = dict(os.environ, RAPIDBYTE_CONNECTOR_DIR=os.path.join(self.build, "connectors"), NO_COLOR="1",
                                BENCH_PASSWORD=source.password, BENCH_DESTINATION_PASSWORD=destination.password,
                                PGSSLMODE="disable")
        self.stage_lines = []
        self.peer_lines = []
        self.failure_lines = []

    # --- running ------------------------------------------------------------------------------------------------------

    def pipeline(self, stream, *, load_method="copy", mode="append", parallelism=1, sync="full_refresh", more="",
                 on_data_error="fail", type_change="fail"):
        folder = tempfile.mkdtemp(dir=self.scratch)
        file = os.path.join(folder, "pipeline.yaml")

        def connection(server, variable):
            return (f"host: 127.0.0.1, port: {server.port}, user: {server.user}, password: '${{{variable}}}', "
                    f"database: {server.database}, sslmode: disable")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""version: "1.0"
pipeline: bench
source:
  use: rapidbyte/source-postgres
  config: {{{connection(self.source, "BENCH_PASSWORD")}}}
  streams: [{{name: {stream}, sync_mode: {sync}{more}}}]
destination:
  use: rapidbyte/dest-postgres
  config: {{{connection(self.destination, "BENCH_DESTINATION_PASSWORD")}, load_method: {load_method}}}
  write_mode: {mode}
  on_data_error: {on_data_error}
  schema_evolution: {{type_change: {type_change}}}
resources: {{parallelism: {parallelism}}}
state: {{backend: sqlite, connection: {folder}/state.db}}
""")
        return file

    def run(self, file, rows):
        """One run of the program, its rows checked."""
        before = server_cpu(self.source) + server_cpu(self.destination)
        done = measure([self.rapidbyte, "run", file, "-q", "--json"], environment=self.environment)
        servers = server_cpu(self.source) + server_cpu(self.destination) - before
        report = json.loads(done.out)
        written = report["streams"][0]["rows_written"]
        if written != rows:
            sys.exit(f"bench: {written} of {rows} rows arrived")
        return Load(rows, done, servers, report)

    def fresh_target(self, table, shape=None):
        """Drops the target, recreates it when a shape is given, and lets the disks come to rest."""
        self.destination.query(f"DROP TABLE IF EXISTS {table}")
        # ingestr remembers there which tables it has created.
        for (remembered,) in self.destination.query("SELECT oid::regclass::text FROM pg_class WHERE relname LIKE '\\_dlt%' AND relkind = 'r'"):
            self.destination.query(f"DROP TABLE {remembered}")
        if shape:
            self.destination.query(postgres_data.create(shape, table))
        self.destination.query("CHECKPOINT")

    def check_equal(self, table, rows):
        digest = f"SELECT count(*), sum(hashtextextended(t::text, 0)::numeric) FROM {table} AS t"
        there, here = self.source.query(digest), self.destination.query(digest)
        if there != here or int(there[0][0]) != rows:
            sys.exit(f"bench: {table} differs: {there} there, {here} here, {rows} rows expected")

    def ours(self, table, rows, **options):
        self.fresh_target(table)
        file = self.pipeline(table, **options)
        load = self.run(file, rows)
        shutil.rmtree(os.path.dirname(file))
        return load

    def floor(self, table, rows, shape=None):
        self.fresh_target(table, shape or table)
        before = server_cpu(self.source) + server_cpu(self.destination)
        done = measure(["bash", "-c", f"set -o pipefail; {self.source.psql_command()} -c 'COPY {table} TO STDOUT (FORMAT binary)' | "
                                      f"{self.destination.psql_command()} -c 'COPY {table} FROM STDIN (FORMAT binary)'"],
                       environment=self.environment)
        return Load(rows, done, server_cpu(self.source) + server_cpu(self.destination) - before)

    def peer(self, name, table, rows):
        """Rows a second of a peer's load of the same table. A peer that fails raises what measure() ends the program with."""
        command = self.peer_command(name, table)
        self.fresh_target(table)
        return rows / measure(command, environment=self.environment).seconds

    def peer_command(self, name, table):
        return [self.peers()[name], os.path.join(HERE, "postgres_peer.py"), name, self.source.url(), self.destination.url(), table]

    def peers(self):
        """The Python of each peer; empty where it is not installed."""
        pythons = {"adbc": self.options.peers, "duckdb": self.options.peers, "ingestr": self.options.ingestr}
        return {peer: python if os.access(python, os.X_OK) else "" for peer, python in pythons.items()}

    # --- the figures --------------------------------------------------------------------------------------------------

    def tables(self):
        """Full loads of both tables: copy, two at a time, insert, and the peers, against the floor. Of one also what it costs to be ready
        for rows that are refused, when none is."""
        for table, factor in (("narrow", 1), ("lineitem", LINEITEM_FACTOR)):
            rows = int(self.options.rows * factor)
            self.make_source(table, rows)
            loads = {"floor": lambda: self.floor(table, rows), "copy": lambda: self.ours(table, rows),
                     "replace": lambda: self.ours(table, rows, mode="replace"),
                     "parallel-2": lambda: self.ours(table, rows, mode="replace", parallelism=2),
                     "insert": lambda: self.ours(table, rows, load_method="insert")}
            if table == "narrow":
                loads["dlq"] = lambda: self.ours(table, rows, on_data_error="dlq")
            results = {name: [] for name in loads}
            for repetition in range(self.options.repetitions + 1):
                for name, load in loads.items():
                    if name == "insert" and repetition > 2:
                        continue
                    done = load()
                    if repetition == 0:
                        self.check_equal(table, rows)
                    else:
                        results[name].append(done)
            self.report_table(table, rows, results)

    def documents(self):
        """jsonb, arrays and addresses, which are sent as texts, against the floor."""
        rows = self.options.rows // 2
        self.make_source("documents", rows)
        loads = {"floor": lambda: self.floor("documents", rows), "copy": lambda: self.ours("documents", rows)}
        results = {name: [] for name in loads}
        for repetition in range(self.options.repetitions + 1):
            for name, load in loads.items():
                done = load()
                if repetition == 0:
                    self.check_equal("documents", rows)
                else:
                    results[name].append(done)
        floor = statistics.median(load.rate for load in results["floor"])
        rate = statistics.median(load.rate for load in results["copy"])
        self.figures.add("pg.documents.copy", rate, "rows/s", ">= 1.0 of the floor", rate / floor >= 1.0, floor=floor,
                         note=f"{rows} rows; floor: psql | psql in binary, {statistics.median(load.seconds for load in results['floor']):.2f} s")

    def report_table(self, table, rows, results):
        floor = statistics.median(load.rate for load in results["floor"])
        psql = f"psql | psql, {statistics.median(load.seconds for load in results['floor']):.2f} s"
        # Ready for refused rows is compared with our own load that is not.
        floors = {"dlq": (statistics.median(load.rate for load in results["copy"]), f"pg.{table}.copy")}
        targets = {"copy": 0.90, "insert": 0.35, "dlq": 0.90}
        for name, loads in results.items():
            if name == "floor":
                continue
            rate = statistics.median(load.rate for load in loads)
            target = targets.get(name)
            low, high = min(load.rate for load in loads), max(load.rate for load in loads)
            against, meaning = floors.get(name, (floor, psql))
            what = meaning if name in floors else "the floor"
            self.figures.add(f"pg.{table}.{name}", rate, "rows/s", f">= {target} of {what}" if target else "for orientation",
                             target is None or rate / against >= target, floor=against,
                             note=f"{rows} rows, {low:.0f} to {high:.0f} rows/s; floor: {meaning}")
        share = statistics.median(load.cpu / load.servers for load in results["copy"])
        cpu = statistics.median(load.cpu for load in results["copy"])
        self.figures.add(f"pg.{table}.cpu", share, "of the servers'", "<= 0.30", share <= 0.30,
                         note=f"{cpu:.2f} s of CPU against {statistics.median(l.servers for l in results['copy']):.2f} s")
        peak = max(load.peak for load in results["copy"]) / (1 << 20)
        self.figures.add(f"pg.{table}.memory", peak, "MiB", f"<= {LIMIT_MIB} MiB", peak <= LIMIT_MIB)
        by_time = sorted(results["copy"], key=lambda load: load.seconds)
        self.stage_lines.append((table, by_time[(len(by_time) - 1) // 2]))
        for peer, python in self.peers().items():
            self.peer_lines.append(self.measure_peer(peer, table, rows, floor) if python else peer_line(peer, table, "not installed"))

    def measure_peer(self, peer, table, rows, floor):
        try:
            rate = max(self.peer(peer, table, rows) for _ in range(2))
        except SystemExit as error:
            # The other figures do not depend on it.
            return peer_line(peer, table, f"failed: {str(error).strip().splitlines()[-1][:200]}")
        return peer_line(peer, table, value=round(rate), ratio=round(rate / floor, 3))

    def make_source(self, table, rows):
        self.source.query(f"DROP TABLE IF EXISTS {table}")
        self.source.query(postgres_data.create(table))
        self.source.query(postgres_data.fill(table, 1, rows))
        self.source.query(f"VACUUM ANALYZE {table}")
        self.source.query("CHECKPOINT")

    def one_row(self):
        """One row: what everything but the data costs."""
        self.make_source("narrow", 1)
        self.fresh_target("narrow", "narrow")
        file = self.pipeline("narrow", mode="append")
        self.run(file, 1)
        ours, floors = [], []
        for _ in range(15):
            ours.append(self.run(file, 1).seconds * 1000)
            self.destination.query("TRUNCATE narrow")
            floors.append(self.floor("narrow", 1).seconds * 1000)
        value, floor = statistics.median(ours), statistics.median(floors)
        self.figures.add("pg.one-row", value, "ms", "<= 1.5 of the floor", value / floor <= 1.5, floor=floor)

    def make_many(self, schema, tables, rows):
        """Tables t0, t1 ... of `rows` rows each in the source's schema."""
        self.source.query(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.destination.query(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        self.source.query(f"CREATE SCHEMA {schema}")
        # In pieces: a transaction holds a lock for each table that it creates.
        for first in range(0, tables, 100):
            self.source.query(f"""DO $$ BEGIN FOR i IN {first}..{min(first + 100, tables) - 1} LOOP
                EXECUTE format('CREATE TABLE {schema}.t%s (id integer PRIMARY KEY, name text, rate double precision, at timestamptz)', i);
                EXECUTE format('INSERT INTO {schema}.t%s SELECT g, ''name '' || g, g * 1.5, now() FROM generate_series(1, {rows}) AS g', i);
                END LOOP; END $$""")
        self.source.query("CHECKPOINT")

    def many_pipeline(self, schema, mode, source_port=None, destination_port=None, streams=()):
        """All tables of the schema, or `streams`; two at a time."""
        folder = tempfile.mkdtemp(dir=self.scratch)
        file = os.path.join(folder, "pipeline.yaml")

        def config(server, port, variable):
            return (f"{{host: 127.0.0.1, port: {port or server.port}, user: {server.user}, password: '${{{variable}}}', "
                    f"database: {server.database}, sslmode: disable, schema: {schema}}}")
        named = f"\n  streams: [{', '.join(f'{{name: {name}, sync_mode: full_refresh}}' for name in streams)}]" if streams else ""
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""version: "1.0"
pipeline: many
source:
  use: rapidbyte/source-postgres
  config: {config(self.source, source_port, "BENCH_PASSWORD")}{named}
destination:
  use: rapidbyte/dest-postgres
  config: {config(self.destination, destination_port, "BENCH_DESTINATION_PASSWORD")}
  write_mode: {mode}
resources: {{parallelism: 2}}
state: {{backend: sqlite, connection: {folder}/state.db}}
""")
        return file

    def run_many(self, file, rows):
        done = measure([self.rapidbyte, "run", file, "-q", "--json"], environment=self.environment)
        report = json.loads(done.out)
        written = sum(stream["rows_written"] for stream in report["streams"])
        if written != rows:
            sys.exit(f"bench: {written} of {rows} rows arrived")
        return done

    def dump(self, schema, tables):
        """What a user would do otherwise; the tables exist, and are empty."""
        for first in range(0, tables, 100):
            self.destination.query("TRUNCATE " + ", ".join(f"{schema}.t{i}" for i in range(first, min(first + 100, tables))))
        # The last word is the connection, for both programs.
        connection = self.source.psql_command().split()[-1]
        command = (f"set -o pipefail; {self.source.binaries / 'pg_dump'} --data-only -n {schema} -d {connection} | "
                   f"{self.destination.psql_command()} -o /dev/null")
        return measure(["bash", "-c", command], environment=self.environment)

    def many(self):
        """Many small tables, and many empty ones, against pg_dump --data-only | psql."""
        for schema, tables, rows in (("many", MANY_TABLES, MANY_ROWS), ("hollow", EMPTY_TABLES, 0)):
            self.make_many(schema, tables, rows)
            names = {"append": 0.5, "replace": 0.25}
            files = {mode: self.many_pipeline(schema, mode) for mode in names}
            # It also creates the tables.
            self.run_many(files["append"], tables * rows)
            times = {name: [] for name in (*names, "floor")}
            peak = 0
            for _ in range(min(self.options.repetitions, 3) if tables <= 1000 else 1):
                times["floor"].append(self.dump(schema, tables).seconds)
                for mode in names:
                    done = self.run_many(files[mode], tables * rows)
                    times[mode].append(done.seconds)
                    peak = max(peak, done.peak / (1 << 20))
            floor = statistics.median(times["floor"])
            for mode, target in names.items():
                value = statistics.median(times[mode])
                self.figures.add(f"pg.{schema}.{mode}", value, "s", f">= {target} of pg_dump | psql's speed", floor / value >= target, floor=floor,
                                 ratio=floor / value, note=f"{tables} tables of {rows} rows, {min(times[mode]):.2f} to {max(times[mode]):.2f} s")
            self.figures.add(f"pg.{schema}.memory", peak, "MiB", "<= 64 MiB" if tables > 1000 else f"<= {LIMIT_MIB} MiB",
                             peak <= (64 if tables > 1000 else LIMIT_MIB))
            for server in (self.source, self.destination):
                for first in range(0, tables, 100):
                    server.query("DROP TABLE IF EXISTS " + ", ".join(f"{schema}.t{i}" for i in range(first, min(first + 100, tables))))

    def far(self):
        """Round trips, by the time that a proxy of 10 ms each way adds: of a run of one row, and of each further table."""
        self.make_many("far", FAR_TABLES, MANY_ROWS)
        unit = round_trip(FAR_SECONDS)
        trips = {}
        for mode in ("append", "replace"):
            for count in (1, FAR_TABLES):
                names = [f"t{i}" for i in range(count)]
                seconds = []
                with DelayProxy(self.source.port, FAR_SECONDS) as source, DelayProxy(self.destination.port, FAR_SECONDS) as destination:
                    for ports in ((None, None), (source.port, destination.port)):
                        file = self.many_pipeline("far", mode, *ports, streams=names)
                        self.run_many(file, count * MANY_ROWS)  # makes the tables
                        seconds.append(statistics.median(self.run_many(file, count * MANY_ROWS).seconds for _ in range(5)))
                trips[mode, count] = (seconds[1] - seconds[0]) / unit
        self.figures.add("pg.far.one", trips["append", 1], "round trips", "<= 10", trips["append", 1] <= 10, note=f"the whole run of one table, append; a round trip took {unit * 1000:.1f} ms")
        for mode, target in (("append", 8), ("replace", 12)):
            # Two at a time.
            more = (trips[mode, FAR_TABLES] - trips[mode, 1]) / (FAR_TABLES / 2 - 1)
            self.figures.add(f"pg.far.{mode}", more, "round trips", f"<= {target}", more <= target, note=f"each further of {FAR_TABLES} tables, two at a time")

    def big(self):
        """Ten times the rows: memory; then an incremental run that finds 1,000 new rows among them."""
        rows = self.options.rows * BIG_FACTOR
        self.source.query("DROP TABLE IF EXISTS big")
        self.source.query(postgres_data.create("narrow", "big"))
        self.source.query(postgres_data.fill("narrow", 1, rows, "big"))
        self.source.query("ALTER TABLE big ADD PRIMARY KEY (id)")
        self.source.query("CREATE INDEX ON big (created_at)")
        self.source.query("VACUUM ANALYZE big")
        self.source.query("CHECKPOINT")
        self.fresh_target("big")
        file = self.pipeline("big", sync="incremental", more=", cursor_field: created_at")
        load = self.run(file, rows)
        peak = load.peak / (1 << 20)
        self.figures.add("pg.big.memory", peak, "MiB", f"<= {LIMIT_MIB} MiB", peak <= LIMIT_MIB,
                         note=f"{rows} rows in the incremental mode's first run, {load.rate:.0f} rows/s")
        times = []
        for repetition in range(6):
            first = rows + repetition * NEW_ROWS + 1
            self.source.query(postgres_data.fill("narrow", first, first + NEW_ROWS - 1, "big"))
            times.append(self.run(file, NEW_ROWS).seconds * 1000)
        self.check_equal("big", rows + 6 * NEW_ROWS)
        value = statistics.median(times[1:])
        self.figures.add("pg.incremental", value, "ms", "< 150 ms", value < 150, note=f"{NEW_ROWS} new rows among {rows}, {min(times[1:]):.0f} to {max(times[1:]):.0f} ms")
        self.source.query("DROP TABLE big")
        self.destination.query("DROP TABLE big")
        full = self.options.rows * BIG_FACTOR
        self.make_source("narrow", full)
        load = self.ours("narrow", full)
        self.figures.add("pg.full-10x.memory", load.peak / (1 << 20), "MiB", f"<= {LIMIT_MIB} MiB", load.peak / (1 << 20) <= LIMIT_MIB,
                         note=f"{full} rows, {load.rate:.0f} rows/s")
        self.destination.query("DROP TABLE narrow")

    def csv(self):
        """The file benchmark's CSV into PostgreSQL, against \\copy into the same table."""
        folder = os.path.join(self.build, os.pardir, "bench-data")
        os.makedirs(folder, exist_ok=True)
        path, rows = bench_data.write(folder, self.options.megabytes)
        ours, floors = [], []
        run_folder = tempfile.mkdtemp(dir=self.scratch)
        file = os.path.join(run_folder, "pipeline.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""version: "1.0"
pipeline: bench-csv
source:
  use: rapidbyte/source-file
  config: {{folder: {folder}, format: csv}}
  streams: [{{name: t, sync_mode: full_refresh, path: {os.path.basename(path)}}}]
destination:
  use: rapidbyte/dest-postgres
  config: {{host: 127.0.0.1, port: {self.destination.port}, user: {self.destination.user}, password: '${{BENCH_DESTINATION_PASSWORD}}',
           database: {self.destination.database}, sslmode: disable}}
  write_mode: append
state: {{backend: sqlite, connection: {run_folder}/state.db}}
""")
        self.destination.query("DROP TABLE IF EXISTS t")
        self.run(file, rows)
        columns = self.destination.query("SELECT string_agg(quote_ident(attname) || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum) "
                                         "FROM pg_attribute WHERE attrelid = 't'::regclass AND attnum > 0")[0][0]
        for _ in range(self.options.repetitions):
            for times, load in ((ours, lambda: self.run(file, rows)), (floors, lambda: self.psql_copy(path))):
                self.destination.query("DROP TABLE t")
                self.destination.query(f"CREATE TABLE t ({columns})")
                self.destination.query("CHECKPOINT")
                times.append(load().seconds)
        value, floor = statistics.median(ours), statistics.median(floors)
        self.figures.add("pg.csv", value, "s", ">= 0.8 of \\copy's speed", floor / value >= 0.8, floor=floor, ratio=floor / value,
                         note=f"{rows} rows, {os.path.getsize(path) / 1e6:.0f} MB")

    def psql_copy(self, path):
        return measure(self.destination.psql_command().split() + ["-c", f"\\copy t FROM '{path}' WITH (FORMAT csv, HEADER)"],
                       environment=self.environment)

    def failures(self):
        """What is left of a load that is killed in the middle, and of one with a value that the table cannot take."""
        rows = self.options.rows
        self.make_source("narrow", rows)
        self.failure_line("rapidbyte", killed=self.killed("rapidbyte", rows), bad=self.bad_value("rapidbyte"))
        # By default a text column does not go into an integer one at all; when told to convert, the value is refused.
        self.failure_line("rapidbyte, type_change: coerce", bad=self.bad_value("rapidbyte", type_change="coerce"))
        for peer, python in self.peers().items():
            if python:
                self.failure_line(peer, killed=self.killed(peer, rows), bad=self.bad_value(peer))
            else:
                self.failure_line(peer, note="not installed")
        ours, coerce = self.failure_lines[:2]
        self.figures.add("pg.killed", ours["killed_rows_left_after_next_run"], "rows", f"= {rows} after the next run",
                         ours["killed_rows_left_after_next_run"] == rows)
        refused = all(line["bad_value_exit_code"] != 0 and line["bad_value_rows_left"] == 0 for line in (ours, coerce))
        self.figures.add("pg.bad-value", coerce["bad_value_rows_left"], "rows", "= 0, and the run fails", refused)

    def failure_line(self, tool, killed=(None, None, ""), bad=(None, None, None), note=""):
        note = note or killed[2]
        self.failure_lines.append({
            "name": f"failures.{tool}", "tool": tool, "killed_rows_left": killed[0], "killed_rows_left_after_next_run": killed[1],
            "bad_value_exit_code": bad[0], "bad_value_rows_left": bad[1], "bad_value_became": bad[2], **({"note": note} if note else {})})

    def print_failures(self):
        if not self.failure_lines:
            return
        keys = {"tool": "tool", "killed_rows_left": "killed: rows left", "killed_rows_left_after_next_run": "then run again",
                "bad_value_exit_code": "bad value: exit code", "bad_value_rows_left": "rows left", "bad_value_became": "the value became"}
        table = [tuple(keys.values())]
        table += [tuple("-" if line[key] is None else str(line[key]) for key in keys) + (line.get("note", ""),) for line in self.failure_lines]
        widths = [max(len(row[i]) for row in table) for i in range(len(keys))]
        print(f"\nOf {self.options.rows} rows, after SIGKILL in the middle; and of {BAD_ROWS} rows of which the text {BAD_VALUE!r} does not fit the "
              "target's integer column:")
        for row in table:
            print("  ".join([cell.ljust(width) for cell, width in zip(row, widths)] + list(row[len(widths):])).rstrip())

    def command(self, name, table, file):
        if name == "rapidbyte":
            return [self.rapidbyte, "run", file, "-q"]
        return self.peer_command(name, table)

    def killed(self, name, rows):
        """(rows left, rows after the next run, a note)"""
        # Each creates the table itself: not every peer can append to one with types other than its own.
        self.fresh_target("narrow")
        file = self.pipeline("narrow")
        command = self.command(name, "narrow", file)
        before = self.destination_bytes()
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # In the middle: when the destination has grown by about half of the source's size.
        half = int(self.source.query("SELECT pg_table_size('narrow')")[0][0]) // 2
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if self.destination_bytes() - before >= half:
                break
            time.sleep(0.005)
        note = "ended before it was killed" if process.poll() is not None else ""
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.wait_for_idle()
        left = self.count("narrow")
        subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        again = self.count("narrow")
        shutil.rmtree(os.path.dirname(file))
        return left, again, note

    def destination_bytes(self):
        """Of its files, so also of tables that are not committed yet and that no other session sees."""
        return int(self.destination.query("SELECT pg_database_size(current_database())")[0][0])

    def bad_value(self, name, **options):
        """(exit code, rows left, what the bad value became)"""
        self.source.query("DROP TABLE IF EXISTS bad")
        self.source.query("CREATE TABLE bad (id bigint, value text)")
        self.source.query(f"INSERT INTO bad SELECT i, CASE WHEN i = {BAD_ID} THEN '{BAD_VALUE}' ELSE i::text END FROM generate_series(1, {BAD_ROWS}) AS i")
        self.fresh_target("bad")
        self.destination.query("CREATE TABLE bad (id bigint, value integer)")
        file = self.pipeline("bad", **options)
        done = subprocess.run(self.command(name, "bad", file), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(os.path.dirname(file))
        return done.returncode, self.count("bad"), self.fate_of_bad_value(done.returncode)

    def fate_of_bad_value(self, exit_code):
        if self.count("bad") == "no table":
            return "no table"
        rows = self.destination.query(f"SELECT to_jsonb(bad) FROM bad WHERE id = {BAD_ID}")
        if not rows:
            return "refused" if exit_code else "left out"
        row = json.loads(rows[0][0])
        fate = "NULL" if row["value"] is None else repr(row["value"])
        # Some tools put values that do not fit into a column that they add.
        others = [column for column, value in row.items() if value == BAD_VALUE and column != "value"]
        return f"{fate}, and {BAD_VALUE!r} in a new column {others[0]}" if others else fate

    def count(self, table):
        try:
            return int(self.destination.query(f"SELECT count(*) FROM {table}")[0][0])
        except Exception:  # pylint: disable=broad-except  (a peer may have dropped it)
            return "no table"

    def wait_for_idle(self):
        """Until the server has noticed that its clients are gone."""
        for _ in range(500):
            if int(self.destination.query("SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()")[0][0]) == 0:
                return
            time.sleep(0.02)

    def run_all(self):
        # `many` takes every table that the source has, so it comes first.
        groups = {"many": self.many, "far": self.far, "tables": self.tables, "one-row": self.one_row, "documents": self.documents, "csv": self.csv, "failures": self.failures, "big": self.big}
        chosen = [name for name in groups if self.options.filter in name]
        if not chosen:
            sys.exit(f"bench: no benchmark has {self.options.filter!r} in its name; there are: {', '.join(groups)}")
        try:
            for name in chosen:
                print(f"==> {name}", file=sys.stderr)
                groups[name]()
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)
        self.print_stages()
        self.print_peers()

    def print_stages(self):
        """Where the time of one run went, from its report: per stage, busy and waiting."""
        for table, load in self.stage_lines:
            print(f"\nWhere the time of {table} goes (one stream, the median run of {load.seconds:.2f} s):")
            for stage in load.report["streams"][0].get("stages", []):
                print("  " + ", ".join(f"{key} {value}" if isinstance(value, str) else f"{key} {value:.2f}" for key, value in stage.items()))

    def print_peers(self):
        if self.peer_lines:
            print("\nPeers, the better of two runs:")
        for line in self.peer_lines:
            _, table, peer = line["name"].split(".")
            print(f"  {table:9} {peer:10} " + (line.get("note") or f"{line['value']:10.0f} rows/s  {line['ratio']:.2f} of the floor"))


def peer_line(peer, table, note="", value=None, ratio=None):
    """A line of the results; `note` says why there is no figure."""
    return {"name": f"peer.{table}.{peer}", "value": value, "unit": "rows/s", "ratio": ratio, **({"note": note} if note else {})}


def main():
    parser = argparse.ArgumentParser(description="Measures PostgreSQL to PostgreSQL.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--peers", default="", help="a Python that has ADBC and DuckDB; empty: they are not installed")
    parser.add_argument("--ingestr", default="", help="a Python that has ingestr; empty: it is not installed")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=320)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", default=os.path.join(HERE, "results", "postgres.jsonl"))
    parser.add_argument("filter", nargs="?", default="")
    options = parser.parse_args()
    note = machine(rows=options.rows, repetitions=options.repetitions)
    with PostgresServer() as source, PostgresServer() as destination:
        bench = Bench(options, source, destination)
        bench.run_all()
    print_table(note, bench.figures.lines)
    bench.print_failures()
    if not options.filter:
        write_results(options.output, note, bench.figures.lines + bench.peer_lines + bench.failure_lines)
    sys.exit(0 if bench.figures.all_met() else 1)


if __name__ == "__main__":
    main()
