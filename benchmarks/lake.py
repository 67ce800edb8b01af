#!/usr/bin/env python3
"""Measures SQL, Parquet and DuckDB in the sandbox (`./dev bench lake` builds release and starts this).

Native DuckDB, pyarrow and polars do the same in the same run, interleaved, in one thread each and without the start of their Python; our times are of the whole program.
Medians count. Prints a table and writes benchmarks/results/lake.jsonl, as run.py does.

usage: lake.py --build build/release [--readers PYTHON] [--peers PYTHON] [--ingestr PYTHON] [--sling BINARY] [--megabytes 320] [--rows 1000000] [--repetitions 5] [FILTER]
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

import bench_data
import postgres_data
from bench_support import HERE, LIMIT_MIB, Figures, machine, measure, print_table, write_results

sys.path.insert(0, os.path.join(HERE, os.pardir, "tests", "e2e"))
from postgres_server import PostgresServer  # noqa: E402  (the same private servers as the tests')

PEER = os.path.join(HERE, "lake_peer.py")
QUERY = "SELECT id, upper(name) AS name, amount * 1.19 AS gross, ratio / 2 AS half, zip || '/' || note AS place FROM input WHERE active"
# Rows of the file that the slow peers are given.
SAMPLE_ROWS = 200_000
MIB = 1 << 20


class Bench:

    def __init__(self, options):
        self.options = options
        self.build = os.path.abspath(options.build)
        self.rapidbyte = os.path.join(self.build, "rapidbyte")
        self.scratch = tempfile.mkdtemp(prefix="lake-", dir=os.path.join(self.build, os.pardir))
        self.figures = Figures()
        self.environment = dict(os.environ, RAPIDBYTE_CONNECTOR_DIR=os.path.join(self.build, "connectors"), NO_COLOR="1", PGSSLMODE="disable")
        self.csv, self.csv_rows = bench_data.write(os.path.join(self.build, os.pardir, "bench-data"), options.megabytes)
        self.server = None

    # --- running ------------------------------------------------------------------------------------------------------

    def place(self):
        return tempfile.mkdtemp(dir=self.scratch)

    def run(self, source, destination, rows, transforms="", resources="max_memory: 512mb", stream="t", more="", environment=None):
        """One run of the program; `rows` is what has to arrive, None where that is not known."""
        place = self.place()
        file = os.path.join(place, "pipeline.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""version: "1.0"
pipeline: bench
source: {{{source}, streams: [{{name: {stream}, sync_mode: full_refresh{more}}}]}}
{"transforms: [" + transforms + "]" if transforms else ""}
destination: {{{destination.replace("PLACE", place)}}}
resources: {{{resources}}}
state: {{backend: sqlite, connection: {place}/state.db}}
""")
        done = measure([self.rapidbyte, "run", file, "-q", "--json"], environment={**self.environment, **(environment or {})})
        written = json.loads(done.out)["streams"][0]["rows_written"]
        if rows is not None and written != rows:
            sys.exit(f"bench: {written} of {rows} rows arrived")
        done.rows = written
        shutil.rmtree(place)
        return done

    def from_csv(self, path=None):
        path = path or self.csv
        return f"use: rapidbyte/source-file, config: {{folder: {os.path.dirname(path)}, format: csv}}", f", path: {os.path.basename(path)}"

    def postgres(self, role):
        server = self.server
        return (f"use: rapidbyte/{role}-postgres, config: {{host: 127.0.0.1, port: {server.port}, user: {server.user}, password: '{server.password}', "
                f"database: {server.database}, sslmode: disable}}")

    def peer(self, python, *arguments):
        """Seconds that a peer says it took; the peak of its process in bytes."""
        done = measure([python, PEER, *map(str, arguments)], environment=self.environment)
        return float(done.out), done.peak

    def medians(self, *tasks):
        """Of each task, called in turn; the first round only warms up. A task returns seconds."""
        times = [[] for _ in tasks]
        for repetition in range(self.options.repetitions + 1):
            for kept, task in zip(times, tasks):
                seconds = task()
                if repetition > 0:
                    kept.append(seconds)
        return [statistics.median(kept) for kept in times]

    def compare(self, name, target, ours, floor, note, peer_of="native DuckDB, one thread"):
        """The ratio of the floor's time to ours."""
        mine, theirs = self.medians(ours, floor)
        ratio = theirs / mine
        self.figures.add(name, mine, "s", f">= {target} of {peer_of}", ratio >= target, floor=theirs, ratio=ratio, note=note)

    # --- the figures --------------------------------------------------------------------------------------------------

    def first_use(self):
        """The component compiled by all cores into an empty cache, and how quickly a run starts when it is there."""
        cache = self.place()
        fresh = {"RAPIDBYTE_WASMTIME_AOT_DIR": cache}
        done = measure([self.rapidbyte, "connectors", "prepare", "transform-sql", "--json"], environment={**self.environment, **fresh})
        component = json.loads(done.out)["components"][0]
        self.figures.add("lake.compile", component["seconds"], "s", "< 60 s", component["seconds"] < 60,
                         note=f"{done.cpu:.0f} CPU seconds; {os.path.getsize(component['path']) / MIB:.0f} MiB of WebAssembly become {component['compiled_bytes'] / MIB:.0f} MiB")
        path = os.path.join(self.place(), "one.csv")
        with open(path, "w", encoding="ascii") as out:
            out.write("id,name,amount,ratio,active,zip,note\n1,a,2.5,0.5,true,z,n\n")
        source, more = self.from_csv(path)
        sql = f"use: rapidbyte/transform-sql, config: {{query: {json.dumps(QUERY)}}}"
        times, plain = [], []
        for _ in range(12):
            times.append(self.run(source, "use: rapidbyte/dest-discard, write_mode: append", 1, sql, more=more, environment=fresh).seconds * 1000)
            plain.append(self.run(source, "use: rapidbyte/dest-discard, write_mode: append", 1, more=more, environment=fresh).seconds * 1000)
        value, without = statistics.median(times[2:]), statistics.median(plain[2:])
        self.figures.add("lake.warm-start", value, "ms", "< 60 ms", value < 60, floor=without, note="a run of one row with transform-sql; the floor is the same run without it")

    def sql(self):
        """A filter and four expressions over the file, against the file alone, and against tools that move rows through Python or Go."""
        source, more = self.from_csv()
        discard = "use: rapidbyte/dest-discard, write_mode: append"
        sql = f"use: rapidbyte/transform-sql, config: {{query: {json.dumps(QUERY)}}}"
        megabytes = os.path.getsize(self.csv) / 1e6
        with_sql, plain = self.medians(lambda: self.run(source, discard, None, sql, more=more).seconds, lambda: self.run(source, discard, self.csv_rows, more=more).seconds)
        ratio = plain / with_sql
        self.figures.add("lake.csv-sql-discard", with_sql, "s", ">= 0.6 of the speed without", ratio >= 0.6, floor=plain, ratio=ratio,
                         note=f"{self.csv_rows} rows, {megabytes:.0f} MB: {megabytes / with_sql:.0f} MB/s against {megabytes / plain:.0f} MB/s")
        sample = os.path.join(self.place(), "sample.csv")
        with open(self.csv, encoding="ascii") as whole, open(sample, "w", encoding="ascii") as out:
            for number, line in enumerate(whole):
                if number > SAMPLE_ROWS:
                    break
                out.write(line)
        size = os.path.getsize(sample) / 1e6
        for name, python, arguments in (("dlt", self.options.ingestr, ("dlt", sample, self.place())),
                                        ("sling", self.options.readers, ("sling", self.options.sling, sample, os.path.join(self.place(), "out.csv")))):
            if not os.access(python, os.X_OK) or (name == "sling" and not os.access(self.options.sling, os.X_OK)):
                print(f"bench: no {name} here", file=sys.stderr)
                continue
            seconds, _ = self.peer(python, *arguments)
            ratio = (megabytes / with_sql) / (size / seconds)
            self.figures.add(f"lake.csv-sql-{name}", ratio, "times", f"> 1 times {name}'s speed", ratio > 1, note=f"{name}: {size / seconds:.1f} MB/s of {SAMPLE_ROWS} rows, written to a file")

    def columns(self):
        """PostgreSQL to PostgreSQL with one column hashed and two renamed."""
        rename = "use: rapidbyte/transform-columns, config: {hash: [name], rename: {rate: score, note: remark}}"

        def copy(transforms):
            self.server.query("DROP TABLE IF EXISTS copied.narrow")
            self.server.query("CHECKPOINT")
            destination = self.postgres("dest").replace("sslmode:", "schema: copied, sslmode:")
            return self.run(self.postgres("source"), destination + ", write_mode: append", self.options.rows, transforms, stream="narrow").seconds
        self.server.query("CREATE SCHEMA IF NOT EXISTS copied")
        mine, plain = self.medians(lambda: copy(rename), lambda: copy(""))
        ratio = plain / mine
        self.figures.add("lake.postgres-columns-postgres", mine, "s", ">= 0.8 of the plain copy", ratio >= 0.8, floor=plain, ratio=ratio, note=f"{self.options.rows} rows")

    def parquet(self):
        """PostgreSQL to Parquet and back."""
        rows, peers = self.options.rows, self.options.peers
        write = "use: rapidbyte/dest-file, config: {folder: PLACE}, write_mode: replace"
        target = os.path.join(self.place(), "peer.parquet")
        if os.access(peers, os.X_OK):
            self.compare("lake.postgres-to-parquet", 0.8, lambda: self.run(self.postgres("source"), write, rows, stream="narrow").seconds,
                         lambda: self.peer(peers, "postgres-to-parquet", self.server.url(), "narrow", target)[0], f"{rows} rows; DuckDB's postgres_scan")
        # Back: the same rows, from the file that we have written.
        folder = self.place()
        self.run(self.postgres("source"), write.replace("PLACE", folder), rows, stream="narrow")
        binary = os.path.join(self.place(), "narrow.bin")
        measure(["bash", "-c", f"{self.server.psql_command()} -c 'COPY narrow TO STDOUT (FORMAT binary)' > {binary}"], environment=self.environment)

        def fresh():
            self.server.query("DROP TABLE IF EXISTS copied.narrow")
            self.server.query(postgres_data.create("narrow", "copied.narrow"))
            self.server.query("CHECKPOINT")

        def ours():
            fresh()
            destination = self.postgres("dest").replace("sslmode:", "schema: copied, sslmode:")
            return self.run(f"use: rapidbyte/source-parquet, config: {{folder: {folder}}}", destination + ", write_mode: append", rows, stream="narrow").seconds

        def floor():
            fresh()
            return measure(self.server.psql_command().split() + ["-c", f"\\copy copied.narrow FROM '{binary}' WITH (FORMAT binary)"], environment=self.environment).seconds
        self.server.query("CREATE SCHEMA IF NOT EXISTS copied")
        self.compare("lake.parquet-to-postgres", 0.9, ours, floor, f"{rows} rows", "psql \\copy in binary")

    def files(self):
        """CSV to Parquet and to a DuckDB file; Parquet to nowhere."""
        readers = self.options.readers
        source, more = self.from_csv()
        target = os.path.join(self.place(), "peer.parquet")
        note = f"{self.csv_rows} rows, {os.path.getsize(self.csv) / 1e6:.0f} MB"
        write = "use: rapidbyte/dest-file, config: {folder: PLACE}, write_mode: replace"
        self.compare("lake.csv-to-parquet", 0.8, lambda: self.run(source, write, self.csv_rows, more=more).seconds,
                     lambda: self.peer(readers, "csv-to-parquet", self.csv, target)[0], note)
        polars = statistics.median(self.peer(readers, "polars-csv-to-parquet", self.csv, target)[0] for _ in range(self.options.repetitions))
        ours = self.figures.lines[-1]["value"]
        self.figures.add("lake.csv-to-parquet-polars", ours, "s", "no target", True, floor=polars, ratio=polars / ours, note="polars, one thread")
        if os.path.exists(os.path.join(self.build, "connectors", "dest_duckdb.manifest.json")):
            database = os.path.join(self.place(), "peer.duckdb")

            def peer():
                if os.path.exists(database):
                    os.remove(database)
                return self.peer(readers, "csv-to-duckdb", self.csv, database)[0]
            self.compare("lake.csv-to-duckdb", 0.5, lambda: self.run(source, "use: rapidbyte/dest-duckdb, config: {path: PLACE/out.duckdb}, write_mode: replace", self.csv_rows, more=more).seconds,
                         peer, note)
        folder = self.place()
        os.makedirs(os.path.join(folder, "t"))
        shutil.copy(target, os.path.join(folder, "t", "t.parquet"))
        self.compare("lake.parquet-to-discard", 0.5,
                     lambda: self.run(f"use: rapidbyte/source-parquet, config: {{folder: {folder}}}", "use: rapidbyte/dest-discard, write_mode: append", self.csv_rows).seconds,
                     lambda: self.peer(readers, "parquet-read", os.path.join(folder, "t", "t.parquet"))[0], note, "pyarrow, one thread")

    def memory(self):
        """A streaming query's memory does not grow with the rows."""
        sql = f"use: rapidbyte/transform-sql, config: {{query: {json.dumps('SELECT id, upper(name) AS name, amount * 2 AS twice FROM input WHERE id % 3 <> 0')}}}"
        peaks = []
        for rows in (1, 1_000_000, 20_000_000):
            path = os.path.join(self.place(), "rows.csv")
            self.peer(self.options.readers, "rows", rows, path)
            source, more = self.from_csv(path)
            peaks.append(self.run(source, "use: rapidbyte/dest-discard, write_mode: append", rows - (rows + 2) // 3, sql, more=more).peak / MIB)
            os.remove(path)
        idle, one, twenty = peaks
        self.figures.add("lake.memory", twenty, "MiB", f"<= {LIMIT_MIB} MiB + idle, flat", twenty <= LIMIT_MIB + idle and twenty <= one * 1.1, floor=idle,
                         note=f"the whole process: {idle:.0f} MiB with 1 row, {one:.0f} with a million, {twenty:.0f} with twenty millions")

    def run_all(self):
        steps = [self.first_use, self.sql, self.files, self.memory]
        chosen = [step for step in steps + [self.columns, self.parquet] if self.options.filter in step.__name__.replace("_", "-")]
        if not chosen:
            sys.exit(f"bench: no figure is named {self.options.filter}; there are first-use, sql, files, memory, columns and parquet")
        measure([self.rapidbyte, "connectors", "prepare"], environment=self.environment)
        try:
            for step in chosen:
                if step in steps:
                    step()
            if any(step not in steps for step in chosen):
                with PostgresServer() as self.server:
                    self.server.query(postgres_data.create("narrow"))
                    self.server.query(postgres_data.fill("narrow", 1, self.options.rows))
                    self.server.query("VACUUM ANALYZE narrow")
                    for step in chosen:
                        if step not in steps:
                            step()
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Measures SQL, Parquet and DuckDB in the sandbox.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--readers", required=True, help="a Python that has DuckDB of the guest's version, pyarrow and polars")
    parser.add_argument("--peers", default="", help="a Python that has DuckDB and its extension postgres; empty: they are not installed")
    parser.add_argument("--ingestr", default="", help="a Python that has dlt; empty: it is not installed")
    parser.add_argument("--sling", default="", help="sling's program; empty: it is not installed")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=320)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--output", default=os.path.join(HERE, "results", "lake.jsonl"))
    parser.add_argument("filter", nargs="?", default="")
    options = parser.parse_args()
    note = machine(rows=options.rows, megabytes=options.megabytes, repetitions=options.repetitions)
    bench = Bench(options)
    bench.run_all()
    print_table(note, bench.figures.lines)
    if not options.filter:
        write_results(options.output, note, bench.figures.lines)
    sys.exit(0 if bench.figures.all_met() else 1)


if __name__ == "__main__":
    main()
