#!/usr/bin/env python3
"""One task by a peer, in one thread where it can be told: lake_peer.py TASK ARGUMENT...; prints the seconds that the task took, without the start of Python.

    csv-to-parquet CSV PARQUET      csv-to-duckdb CSV DUCKDB      postgres-to-parquet URL TABLE PARQUET      (duckdb)
    polars-csv-to-parquet CSV PARQUET    parquet-read PARQUET (pyarrow)    dlt CSV FOLDER    sling BINARY CSV OUT
    rows COUNT CSV      makes a CSV file; nothing is timed
"""
import os
import subprocess
import sys
import tempfile
import time


def connect():
    import duckdb
    connection = duckdb.connect()
    connection.execute("SET threads = 1")
    return connection


def csv_to_parquet(csv, parquet):
    connection = connect()
    yield
    connection.execute(f"COPY (FROM read_csv('{csv}')) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)")


def csv_to_duckdb(csv, database):
    connection = connect()
    yield
    connection.execute(f"ATTACH '{database}' AS target")
    connection.execute(f"CREATE TABLE target.t AS FROM read_csv('{csv}')")
    connection.execute("DETACH target")


def postgres_to_parquet(url, table, parquet):
    import duckdb
    import duckdb_extension_postgres
    connection = connect()
    folder = os.path.dirname(duckdb_extension_postgres.__file__)
    extension = os.path.join(folder, "extensions", f"v{duckdb.__version__}", "postgres.duckdb_extension")
    with tempfile.TemporaryDirectory() as place:
        # The package names the file otherwise than the extension, from whose name DuckDB derives the entry point.
        named = os.path.join(place, "postgres_scanner.duckdb_extension")
        os.symlink(extension, named)
        connection.execute(f"LOAD '{named}'")
    yield
    connection.execute(f"COPY (FROM postgres_scan('{url}', 'public', '{table}')) TO '{parquet}' (FORMAT parquet, COMPRESSION zstd)")


def polars_csv_to_parquet(csv, parquet):
    # Its threads are set when it is imported.
    os.environ["POLARS_MAX_THREADS"] = "1"
    import polars
    yield
    polars.scan_csv(csv).sink_parquet(parquet, compression="zstd")


def parquet_read(parquet):
    import pyarrow
    import pyarrow.parquet
    pyarrow.set_cpu_count(1)
    yield
    rows = 0
    for batch in pyarrow.parquet.ParquetFile(parquet).iter_batches(use_threads=False):
        rows += batch.num_rows
    if rows == 0:
        sys.exit("nothing was read")


def dlt(csv, folder):
    import csv as reader
    import decimal
    import dlt as engine
    os.environ["DESTINATION__FILESYSTEM__BUCKET_URL"] = folder

    @engine.resource(name="t")
    def rows():
        with open(csv, encoding="utf-8", newline="") as file:
            for row in reader.DictReader(file):
                if row["active"] == "true":
                    yield {"id": int(row["id"]), "name": row["name"].upper(), "gross": decimal.Decimal(row["amount"]) * decimal.Decimal("1.19"),
                           "half": float(row["ratio"]) / 2, "place": row["zip"] + "/" + row["note"]}

    pipeline = engine.pipeline(pipeline_name="bench", destination="filesystem", dataset_name="bench", pipelines_dir=os.path.join(folder, "state"))
    yield
    pipeline.run(rows(), loader_file_format="parquet")


def sling(binary, csv, out):
    """Its SQL over files needs a download, so one of its built-in transforms on one column stands for the expressions."""
    place = os.path.dirname(out)
    with open(os.path.join(place, "sling.yaml"), "w", encoding="utf-8") as file:
        file.write(f"source: LOCAL\ntarget: LOCAL\nstreams:\n  'file://{csv}':\n    object: 'file://{out}'\n    mode: full-refresh\n    transforms:\n      - {{name: trim_space}}\n")
    environment = dict(os.environ, SLING_HOME_DIR=place, SLING_DISABLE_TELEMETRY="true")
    yield
    subprocess.run([binary, "run", "-r", os.path.join(place, "sling.yaml")], env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if os.path.getsize(out) == 0:
        sys.exit("sling wrote nothing")


def rows(count, csv):
    connection = connect()
    yield
    connection.execute(f"COPY (SELECT i AS id, 'row ' || i AS name, i / 4 AS amount FROM range({int(count)}) t(i)) TO '{csv}' (FORMAT csv, HEADER)")


def main():
    task, *arguments = sys.argv[1:]
    steps = {"csv-to-parquet": csv_to_parquet, "csv-to-duckdb": csv_to_duckdb, "postgres-to-parquet": postgres_to_parquet,
             "polars-csv-to-parquet": polars_csv_to_parquet, "parquet-read": parquet_read, "dlt": dlt, "sling": sling, "rows": rows}[task](*arguments)
    next(steps)
    began = time.perf_counter()
    for _ in steps:
        pass
    print(time.perf_counter() - began)


main()
