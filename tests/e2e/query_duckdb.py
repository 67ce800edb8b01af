"""Runs SQL in native DuckDB: what a test of another interpreter compares a database file with.

    python query_duckdb.py DATABASE read|write SQL ...      prints the rows of the last statement as JSON, values as DuckDB's text
    python query_duckdb.py DATABASE hold SQL ...            keeps the database open until its input ends
"""
import json
import sys

import duckdb


def main():
    path, mode, *statements = sys.argv[1:]
    connection = duckdb.connect(path, read_only=mode == "read")
    connection.execute("SET TimeZone = 'UTC'")
    if mode == "hold":
        for sql in statements:
            connection.execute(sql)
        print("open", flush=True)
        sys.stdin.read()
        return
    rows = []
    for sql in statements[:-1]:
        connection.execute(sql)
    relation = connection.sql(statements[-1]) if statements else None
    if relation is not None:
        names = ", ".join('CAST("' + name.replace('"', '""') + '" AS VARCHAR)' for name in relation.columns)
        rows = relation.project(names).fetchall()
    json.dump(rows, sys.stdout)


main()
