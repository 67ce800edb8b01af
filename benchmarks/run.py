#!/usr/bin/env python3
"""Measures what the project promises (`./dev bench` builds release and starts this).

Every figure is compared with a floor or a peer measured in the same run, repetitions are interleaved, medians count. Prints a
table and writes benchmarks/results/latest.jsonl: the machine first, then one line {name, value, unit, floor, ratio, target, met}
per figure. This process stays small and imports nothing large: on Linux a child's peak memory is never below its parent's.

usage: run.py --build build/release [--megabytes 320] [--repetitions 3] [FILTER]     FILTER: part of a benchmark's name
"""
import argparse
import json
import os
import shutil
import statistics
import sys
import tempfile

import bench_data
from bench_support import HERE, LIMIT_MIB, Figures, machine, measure, print_table, write_results


class Bench:

    def __init__(self, options):
        self.build = os.path.abspath(options.build)
        self.options = options
        self.rapidbyte = os.path.join(self.build, "rapidbyte")
        self.figures = Figures()
        self.data_folder = os.path.join(self.build, os.pardir, "bench-data")
        # Databases are written beside the data: /tmp may be memory, which would flatter everybody.
        os.makedirs(self.data_folder, exist_ok=True)
        self.scratch = tempfile.mkdtemp(prefix="run-", dir=self.data_folder)
        self.environment = dict(os.environ, RAPIDBYTE_CONNECTOR_DIR=os.path.join(self.build, "connectors"), NO_COLOR="1")

    def data(self, megabytes):
        path, rows = bench_data.write(self.data_folder, megabytes)
        with open(path, "rb") as warm:  # into the page cache, for everybody
            while warm.read(1 << 22):
                pass
        return path, rows

    def pipeline(self, path, destination, mode="append"):
        """A pipeline over the one file, with a fresh database and state; returns its path and the database's."""
        folder = tempfile.mkdtemp(dir=self.scratch)
        database = os.path.join(folder, "out.db")
        config = f"{{path: {database}}}" if destination == "dest-sqlite" else "{}"
        file = os.path.join(folder, "pipeline.yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"""version: "1.0"
pipeline: bench
source:
  use: rapidbyte/source-file
  config: {{folder: {os.path.dirname(path)}, format: csv}}
  streams: [{{name: t, sync_mode: full_refresh, path: {os.path.basename(path)}}}]
destination:
  use: rapidbyte/{destination}
  config: {config}
  write_mode: {mode}
state: {{backend: sqlite, connection: {folder}/state.db}}
""")
        return file, database

    def load(self, path, rows, destination):
        """One whole run of the program, checked; the scratch files go away after it."""
        file, database = self.pipeline(path, destination)
        done = measure([self.rapidbyte, "run", file, "-q", "--json"], environment=self.environment)
        report = json.loads(done.out)
        if report["streams"][0]["rows_written"] != rows:
            sys.exit(f"bench: {report['streams'][0]['rows_written']} of {rows} rows arrived")
        if destination == "dest-sqlite":
            counted = measure(["sqlite3", database, "SELECT count(*) FROM t"]).out.strip()
            if int(counted) != rows:
                sys.exit(f"bench: the table has {counted} of {rows} rows")
        shutil.rmtree(os.path.dirname(file))
        return done

    # --- the figures --------------------------------------------------------------------------------------------------

    def boundary(self):
        """Batches across the sandbox boundary, 1 MiB each."""
        program = os.path.join(self.build, "benchmarks", "boundary_bench")
        result = json.loads(measure([program, os.path.join(self.build, "benchmarks", "guests")]).out)
        for name, key in (("boundary.emit-batch", "emit_gb_per_s"), ("boundary.next-batch", "next_gb_per_s")):
            self.figures.add(name, result[key], "GB/s", ">= 5 GB/s", result[key] >= 5, floor=result["memcpy_gb_per_s"])

    def sockets(self):
        """Bytes between a guest and a peer on loopback, 256 KiB per call, against two native threads."""
        program = os.path.join(self.build, "benchmarks", "socket_bench")
        result = json.loads(measure([program, os.path.join(self.build, "benchmarks", "guests")]).out)
        for direction in ("read", "write"):
            value, floor = result[f"{direction}_256k_gb_per_s"], result[f"{direction}_native_gb_per_s"]
            self.figures.add(f"boundary.socket-{direction}", value, "GB/s", ">= 0.7 of native", value >= 0.7 * floor, floor=floor)

    def file_to_discard(self):
        """Parsing and typing a CSV, against pyarrow on one thread."""
        path, rows = self.data(self.options.megabytes)
        megabytes = os.path.getsize(path) / 1e6
        peer = ("import time, sys, pyarrow.csv as c\nt = time.perf_counter()\n"
                "n = c.read_csv(sys.argv[1], read_options=c.ReadOptions(use_threads=False)).num_rows\n"
                "print(time.perf_counter() - t, n)")
        ours, theirs, cpu = [], [], []
        for repetition in range(self.options.repetitions + 1):
            done = self.load(path, rows, "dest-discard")
            seconds, counted = measure([sys.executable, "-c", peer, path]).out.split()
            if int(counted) != rows:
                sys.exit(f"bench: pyarrow read {counted} of {rows} rows")
            if repetition > 0:  # the first round fills caches
                ours.append(megabytes / done.seconds)
                theirs.append(megabytes / float(seconds))
                cpu.append(done.cpu / done.seconds)
        value, floor = statistics.median(ours), statistics.median(theirs)
        note = f"{rows} rows, {megabytes:.0f} MB, {statistics.median(cpu):.2f} cores busy"
        self.figures.add("csv-to-discard.throughput", value, "MB/s", ">= 150 MB/s", value >= 150, floor=floor, note=note)
        self.figures.add("csv-to-discard.against-pyarrow", value / floor, "of pyarrow's", ">= 0.5", value / floor >= 0.5, floor=1.0,
                    note=f"pyarrow.csv.read_csv, one thread: {floor:.0f} MB/s")

    def csv_to_sqlite(self):
        """The main job, against SQLite's own import into a typed table."""
        path, rows = self.data(self.options.megabytes)
        megabytes = os.path.getsize(path) / 1e6
        ours, theirs = [], []
        for repetition in range(self.options.repetitions + 1):
            done = self.load(path, rows, "dest-sqlite")
            peer = self.sqlite_import(path, rows)
            if repetition > 0:
                ours.append(done.seconds)
                theirs.append(peer.seconds)
        value, floor = statistics.median(ours), statistics.median(theirs)
        self.figures.add("csv-to-sqlite.seconds", value, "s", "<= sqlite3 .import", value <= floor, floor=floor,
                    note=f"{rows} rows, {megabytes:.0f} MB, {megabytes / value:.0f} MB/s against {megabytes / floor:.0f} MB/s")

    def many_files(self):
        """Many small files into as many tables of one database, against one session of sqlite3 that imports each of them."""
        for files, rows in ((2000, 3), (300, 200)):
            folder = os.path.join(self.scratch, f"files-{files}")
            os.makedirs(folder)
            for number in range(files):
                with open(os.path.join(folder, f"t{number}.csv"), "w", encoding="utf-8") as out:
                    out.write("id,name,amount\n" + "".join(f"{row},name of {row},{row}.25\n" for row in range(rows)))
            ours, theirs = [], []
            for repetition in range(self.options.repetitions + 1):
                done = self.load_folder(folder, files, rows)
                peer = self.sqlite_import_folder(folder, files, rows)
                if repetition > 0:
                    ours.append(done.seconds)
                    theirs.append(peer.seconds)
            value, floor = statistics.median(ours), statistics.median(theirs)
            self.figures.add(f"many-files.{files}x{rows}", value, "s", "<= 2 * sqlite3 .import", value <= 2 * floor, floor=floor,
                        note=f"{value / files * 1000:.1f} ms a table, sqlite3 {floor / files * 1000:.1f} ms; each table is a durable commit of both")
            shutil.rmtree(folder)

    def load_folder(self, folder, files, rows):
        place = tempfile.mkdtemp(dir=self.scratch)
        pipeline, database = os.path.join(place, "pipeline.yaml"), os.path.join(place, "out.db")
        with open(pipeline, "w", encoding="utf-8") as out:
            out.write(f"""version: "1.0"
pipeline: bench
source: {{use: rapidbyte/source-file, config: {{folder: {folder}}}}}
destination: {{use: rapidbyte/dest-sqlite, config: {{path: {database}}}, write_mode: append}}
state: {{backend: sqlite, connection: {place}/state.db}}
""")
        done = measure([self.rapidbyte, "run", pipeline, "-q", "--json"], environment=self.environment)
        written = sum(stream["rows_written"] for stream in json.loads(done.out)["streams"])
        counted = int(measure(["sqlite3", database, "SELECT count(*) FROM sqlite_schema WHERE name GLOB 't[0-9]*'"]).out)
        if (counted, written) != (files, files * rows):
            sys.exit(f"bench: {counted} of {files} tables, {written} of {files * rows} rows arrived")
        shutil.rmtree(place)
        return done

    def sqlite_import_folder(self, folder, files, rows):
        place = tempfile.mkdtemp(dir=self.scratch)
        database, script = os.path.join(place, "peer.db"), os.path.join(place, "script")
        with open(script, "w", encoding="utf-8") as out:
            out.write("PRAGMA synchronous=FULL;\n.mode csv\n")
            for number in range(files):
                out.write(f"BEGIN;\nCREATE TABLE t{number}(id INTEGER, name TEXT, amount TEXT);\n"
                          f".import --skip 1 {folder}/t{number}.csv t{number}\nCOMMIT;\n")
        done = measure(["sqlite3", database, f".read {script}"])
        counted = int(measure(["sqlite3", database, f"SELECT count(*) FROM t{files - 1}"]).out)
        if counted != rows:
            sys.exit(f"bench: sqlite3 imported {counted} of {rows} rows into the last table")
        shutil.rmtree(place)
        return done

    def sqlite_import(self, path, rows):
        folder = tempfile.mkdtemp(dir=self.scratch)
        database = os.path.join(folder, "peer.db")
        types = ["INTEGER", "TEXT", "TEXT", "NUMERIC", "REAL", "INTEGER", "TEXT", "TEXT", "INTEGER", "TEXT"]
        columns = ", ".join(f"{name} {kind}" for name, kind in zip(bench_data.COLUMNS, types))
        measure(["sqlite3", database, f"CREATE TABLE t({columns})"])
        done = measure(["sqlite3", database, "-cmd", ".mode csv", f".import --skip 1 {path} t"])
        if int(measure(["sqlite3", database, "SELECT count(*) FROM t"]).out) != rows:
            sys.exit("bench: sqlite3 did not import all rows")
        shutil.rmtree(folder)
        return done

    def warm_start(self):
        """A pipeline of one row: everything but the data."""
        one = os.path.join(self.scratch, "one.csv")
        with open(one, "w", encoding="ascii") as out:
            out.write("id,name\n1,one\n")
        for destination in ("dest-discard", "dest-sqlite"):
            file, _ = self.pipeline(one, destination)
            # The first run makes the state and the database; what a user waits for every day are the others.
            times = [measure([self.rapidbyte, "run", file, "-q"], environment=self.environment).seconds * 1000 for _ in range(21)]
            value = statistics.median(times[1:])
            self.figures.add(f"warm-start.{destination}", value, "ms", "<= 50 ms", value <= 50,
                        note=f"median of 20, {min(times[1:]):.0f} to {max(times[1:]):.0f} ms; the first run, which makes the state: {times[0]:.0f} ms")
            shutil.rmtree(os.path.dirname(file))

    def help(self):
        """How long --help takes."""
        times = [measure([self.rapidbyte, "--help"], environment=self.environment).seconds * 1000 for _ in range(21)][1:]
        floor = statistics.median(measure(["true"]).seconds * 1000 for _ in range(20))
        value = statistics.median(times)
        self.figures.add("help", value, "ms", "<= 10 ms", value <= 10, floor=floor, note="floor: the program `true`")

    def memory(self):
        """Peak resident memory, and that it does not grow with the data."""
        mib = 1 << 20
        for destination in ("dest-discard", "dest-sqlite"):
            peaks = {}
            for factor in (1, 4):
                path, rows = self.data(self.options.megabytes * factor)
                peaks[factor] = self.load(path, rows, destination).peak / mib
            for factor, peak in peaks.items():
                self.figures.add(f"memory.{destination}.{factor}x", peak, "MiB", f"<= {LIMIT_MIB} MiB", peak <= LIMIT_MIB)
            growth = peaks[4] / peaks[1]
            self.figures.add(f"memory.{destination}.growth", growth, "of the small run", "0.9 to 1.1", 0.9 <= growth <= 1.1, floor=1.0)

    def run(self):
        groups = {"boundary": self.boundary, "sockets": self.sockets, "csv-to-discard": self.file_to_discard, "csv-to-sqlite": self.csv_to_sqlite, "many-files": self.many_files,
                  "warm-start": self.warm_start, "help": self.help, "memory": self.memory}
        chosen = [name for name in groups if self.options.filter in name]
        if not chosen:
            sys.exit(f"bench: no benchmark has {self.options.filter!r} in its name; there are: {', '.join(groups)}")
        try:
            for name in chosen:
                print(f"==> {name}", file=sys.stderr)
                groups[name]()
        finally:
            shutil.rmtree(self.scratch, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser(description="Measures what the project promises.")
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--megabytes", type=int, default=320, help="size of the CSV file, 10^6 bytes (default 320)")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--output", default=os.path.join(HERE, "results", "latest.jsonl"))
    parser.add_argument("filter", nargs="?", default="", help="part of a benchmark's name")
    options = parser.parse_args()
    note = machine(megabytes=options.megabytes, repetitions=options.repetitions)
    bench = Bench(options)
    bench.run()
    print_table(note, bench.figures.lines)
    # A partial run shows its table but does not replace the whole picture.
    if not options.filter:
        write_results(options.output, note, bench.figures.lines)
    sys.exit(0 if bench.figures.all_met() else 1)


main()
