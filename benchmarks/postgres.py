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
from bench_support import HERE, LIMIT_MIB, Figures, machine, measure, print_table, write_results

sys.path.insert(0, os.path.join(HERE, os.pardir, "tests", "e2e"))
from postgres_server import PostgresServer  # noqa: E402  (the same private servers as the tests')

LINEITEM_FACTOR = 1.2
BIG_FACTOR = 10
NEW_ROWS = 1000
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

    # --- running ------------------------------------------------------------------------------------------------------

    def pipeline(self, stream, *, table=None, load_method="copy", mode="append", parallelism=1, sync="full_refresh", more="", folder=None):
        folder = folder or tempfile.mkdtemp(dir=self.scratch)
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
        """Drops the target, makes it anew when a shape is given, and lets the disks come to rest."""
        self.destination.query(f"DROP TABLE IF EXISTS {table}")
        # ingestr remembers there which tables it has made.
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
        """A peer's load of the same table."""
        command = self.peer_command(name, table)
        self.fresh_target(table)
        before = server_cpu(self.source) + server_cpu(self.destination)
        done = measure(command, environment=self.environment)
        return Load(rows, done, server_cpu(self.source) + server_cpu(self.destination) - before)

    def peer_command(self, name, table):
        python = self.options.ingestr if name == "ingestr" else self.options.peers
        return [python, os.path.join(HERE, "postgres_peer.py"), name, self.source.url(), self.destination.url(), table]

    def peers(self):
        return (["adbc", "duckdb"] if self.options.peers else []) + (["ingestr"] if self.options.ingestr else [])

    # --- the figures --------------------------------------------------------------------------------------------------

    def tables(self):
        """Full loads of both tables: copy, two at a time, insert, and the peers, against the floor."""
        for table, factor in (("narrow", 1), ("lineitem", LINEITEM_FACTOR)):
            rows = int(self.options.rows * factor)
            self.make_source(table, rows)
            loads = {"floor": lambda: self.floor(table, rows), "copy": lambda: self.ours(table, rows),
                     "replace": lambda: self.ours(table, rows, mode="replace"),
                     "parallel-2": lambda: self.ours(table, rows, mode="replace", parallelism=2)}
            if table == "narrow":
                loads["insert"] = lambda: self.ours(table, rows, load_method="insert")
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

    def report_table(self, table, rows, results):
        floor = statistics.median(load.rate for load in results["floor"])
        targets = {"copy": 0.90, "insert": 0.35}
        for name, loads in results.items():
            if name == "floor":
                continue
            rate = statistics.median(load.rate for load in loads)
            target = targets.get(name)
            low, high = min(load.rate for load in loads), max(load.rate for load in loads)
            self.figures.add(f"pg.{table}.{name}", rate, "rows/s", f">= {target} of the floor" if target else "for orientation",
                             target is None or rate / floor >= target, floor=floor,
                             note=f"{rows} rows, {low:.0f} to {high:.0f} rows/s; floor: psql | psql, {statistics.median(l.seconds for l in results['floor']):.2f} s")
        share = statistics.median(load.cpu / load.servers for load in results["copy"])
        cpu = statistics.median(load.cpu for load in results["copy"])
        self.figures.add(f"pg.{table}.cpu", share, "of the servers'", "<= 0.30", share <= 0.30,
                         note=f"{cpu:.2f} s of CPU against {statistics.median(l.servers for l in results['copy']):.2f} s")
        peak = max(load.peak for load in results["copy"]) / (1 << 20)
        self.figures.add(f"pg.{table}.memory", peak, "MiB", f"<= {LIMIT_MIB} MiB", peak <= LIMIT_MIB)
        self.stage_lines.append((table, statistics.median_low(sorted(load.seconds for load in results["copy"])), results["copy"][-1].report))
        for peer in self.peers():
            rates = [self.peer(peer, table, rows).rate for _ in range(2)]
            self.peer_lines.append((table, peer, max(rates), max(rates) / floor))

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
        lines = [("tool", "killed: rows left", "then run again", "bad value: exit code", "rows left")]
        for name in ["rapidbyte"] + self.peers():
            lines.append((name, *self.killed(name, rows), *self.bad_value(name)))
        widths = [max(len(str(row[i])) for row in lines) for i in range(len(lines[0]))]
        print(f"\nOf {rows} rows, after SIGKILL in the middle; and of 1,000 rows of which the text '12x4' does not fit the target's integer column:")
        for row in lines:
            print("  ".join(str(cell).ljust(width) for cell, width in zip(row, widths)).rstrip())
        self.figures.add("pg.killed", int(lines[1][2]), "rows", f"= {rows} after the next run", int(lines[1][2]) == rows)

    def command(self, name, table, file):
        if name == "rapidbyte":
            return [self.rapidbyte, "run", file, "-q"]
        return self.peer_command(name, table)

    def killed(self, name, rows):
        self.fresh_target("narrow", "narrow")
        file = self.pipeline("narrow")
        command = self.command(name, "narrow", file)
        process = subprocess.Popen(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # In the middle: when the target has grown to about half of the source's size.
        half = int(self.source.query("SELECT pg_table_size('narrow')")[0][0]) // 2
        end = time.monotonic() + 120
        while process.poll() is None and time.monotonic() < end:
            if int(self.destination.query("SELECT coalesce(sum(pg_table_size(oid)), 0) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace")[0][0]) >= half:
                break
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.wait_for_idle()
        left = self.count("narrow")
        subprocess.run(command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        again = self.count("narrow")
        shutil.rmtree(os.path.dirname(file))
        return left, again

    def bad_value(self, name):
        self.source.query("DROP TABLE IF EXISTS bad")
        self.source.query("CREATE TABLE bad (id bigint, value text)")
        self.source.query("INSERT INTO bad SELECT i, CASE WHEN i = 700 THEN '12x4' ELSE i::text END FROM generate_series(1, 1000) AS i")
        self.destination.query("DROP TABLE IF EXISTS bad")
        self.destination.query("CREATE TABLE bad (id bigint, value integer)")
        file = self.pipeline("bad")
        done = subprocess.run(self.command(name, "bad", file), env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(os.path.dirname(file))
        return done.returncode, self.count("bad")

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
        groups = {"tables": self.tables, "one-row": self.one_row, "csv": self.csv, "failures": self.failures, "big": self.big}
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
        for table, seconds, report in self.stage_lines:
            stages = report["streams"][0].get("stages", [])
            print(f"\nWhere the time of {table} goes (one stream, {seconds:.2f} s):")
            for stage in stages:
                print("  " + ", ".join(f"{key} {value}" if isinstance(value, str) else f"{key} {value:.2f}" for key, value in stage.items()))

    def print_peers(self):
        if self.peer_lines:
            print("\nPeers, the better of two runs:")
        for table, peer, rate, ratio in self.peer_lines:
            print(f"  {table:9} {peer:10} {rate:10.0f} rows/s  {ratio:.2f} of the floor")


def main():
    parser = argparse.ArgumentParser(description="Measures PostgreSQL to PostgreSQL.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--peers", default="", help="a Python that has ADBC and DuckDB; empty: without them")
    parser.add_argument("--ingestr", default="", help="a Python that has ingestr; empty: without it")
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
    if not options.filter:
        peers = [{"name": f"peer.{table}.{peer}", "value": round(rate), "unit": "rows/s", "ratio": round(ratio, 3)} for table, peer, rate, ratio in bench.peer_lines]
        write_results(options.output, note, bench.figures.lines + peers)
    sys.exit(0 if bench.figures.all_met() else 1)


if __name__ == "__main__":
    main()
