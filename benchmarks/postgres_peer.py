#!/usr/bin/env python3
"""One load by a peer, as its documentation says to do it: postgres_peer.py adbc|duckdb|ingestr SOURCE_URL DESTINATION_URL TABLE.

A target table that is absent is made by the peer; one that is there is appended to.
"""
import os
import subprocess
import sys
import tempfile


def adbc(source, destination, table):
    from adbc_driver_postgresql import dbapi
    with dbapi.connect(source) as reading, dbapi.connect(destination) as writing:
        with reading.cursor() as rows, writing.cursor() as target:
            rows.execute(f"SELECT * FROM {table}")
            target.adbc_ingest(table, rows.fetch_record_batch(), mode="create_append")
        writing.commit()


def duckdb(source, destination, table):
    import duckdb as engine
    import duckdb_extension_postgres
    folder = os.path.dirname(duckdb_extension_postgres.__file__)
    extension = os.path.join(folder, "extensions", f"v{engine.__version__}", "postgres.duckdb_extension")
    connection = engine.connect()
    with tempfile.TemporaryDirectory() as place:
        # DuckDB derives the entry point from the file's name, and the package names the file otherwise than the extension.
        named = os.path.join(place, "postgres_scanner.duckdb_extension")
        os.symlink(extension, named)
        connection.execute(f"LOAD '{named}'")
    connection.execute(f"ATTACH '{source}' AS source (TYPE postgres, READ_ONLY)")
    connection.execute(f"ATTACH '{destination}' AS destination (TYPE postgres)")
    there = connection.execute("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'destination' AND table_name = ?", [table]).fetchone()[0]
    if there:
        connection.execute(f"INSERT INTO destination.public.{table} SELECT * FROM source.public.{table}")
    else:
        connection.execute(f"CREATE TABLE destination.public.{table} AS SELECT * FROM source.public.{table}")


def ingestr(source, destination, table):
    subprocess.run([os.path.join(os.path.dirname(sys.executable), "ingestr"), "ingest", "--source-uri", source, "--dest-uri", destination,
                    "--source-table", f"public.{table}", "--dest-table", f"public.{table}", "--incremental-strategy", "append",
                    "--yes", "--progress", "log"], check=True, stdout=subprocess.DEVNULL,
                   # Without a way out it would wait for its statistics to be sent.
                   env=dict(os.environ, INGESTR_DISABLE_TELEMETRY="true", RUNTIME__DLTHUB_TELEMETRY="false"))


def main():
    name, source, destination, table = sys.argv[1:]
    {"adbc": adbc, "duckdb": duckdb, "ingestr": ingestr}[name](source, destination, table)


main()
