"""Prints the rows of Parquet files as JSON, by the reader that is named: what a test of another interpreter compares.

    python read_parquet.py duckdb|pyarrow|polars FOLDER [COLUMN ...]     rows in the order of the first column; values as text
"""
import datetime
import decimal
import glob
import json
import sys


def text(value):
    """One form for what the readers have different types for."""
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    if isinstance(value, decimal.Decimal):
        return format(value, "f")
    return str(value)


def rows_of(reader, files):
    if reader == "duckdb":
        import duckdb
        connection = duckdb.connect()
        connection.execute("SET TimeZone = 'UTC'")
        relation = connection.sql(f"SELECT * FROM read_parquet({files!r}, hive_partitioning = true, union_by_name = true)")
        return [dict(zip(relation.columns, row)) for row in relation.fetchall()]
    if reader == "pyarrow":
        import pyarrow.dataset
        return pyarrow.dataset.dataset(files, format="parquet").to_table().to_pylist()
    import polars
    return polars.concat([polars.read_parquet(file) for file in files], how="diagonal_relaxed").to_dicts()


def main():
    reader, folder, *columns = sys.argv[1:]
    files = sorted(glob.glob(folder + "/**/*.parquet", recursive=True))
    rows = rows_of(reader, files) if files else []
    print(json.dumps([[text(row[name]) for name in columns] if columns else {name: text(value) for name, value in row.items()} for row in rows]))


main()
