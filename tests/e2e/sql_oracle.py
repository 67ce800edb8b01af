"""Native DuckDB's part of test_sql_oracle.py, for a Python that has it.

    python sql_oracle.py make FOLDER SEED        the tables, as Parquet files
    python sql_oracle.py check QUERIES FOLDER        what native DuckDB itself refuses of {name: SQL}: {name: message}
    python sql_oracle.py compare QUERIES OUT FOLDER  [difference, ...] between its answers and the files in OUT/<name>
"""
import json
import sys

import duckdb

ROWS = 3000
# Limits come in with the modulo of the row: each column has its own, so that they meet.
SAMPLE = f"""
CREATE TABLE sample AS
WITH r AS (SELECT i, random() AS r0, random() AS r1, random() AS r2, random() AS r3, random() AS r4, random() AS r5, random() AS r6, random() AS r7 FROM range({ROWS}) t(i))
SELECT i::INTEGER AS id,
  CASE WHEN i % 11 = 0 THEN NULL WHEN i % 97 = 1 THEN -128 WHEN i % 97 = 2 THEN 127 ELSE floor(r0 * 40 - 20) END::TINYINT AS i8,
  CASE WHEN i % 13 = 0 THEN NULL WHEN i % 97 = 3 THEN -32768 ELSE floor(r1 * 2000 - 1000) END::SMALLINT AS i16,
  CASE WHEN i % 17 = 0 THEN NULL WHEN i % 97 = 4 THEN -2147483648 WHEN i % 97 = 5 THEN 2147483647 ELSE floor(r2 * 2000000 - 1000000) END::INTEGER AS i32,
  CASE WHEN i % 19 = 0 THEN NULL WHEN i % 97 = 6 THEN -9223372036854775808 WHEN i % 97 = 7 THEN 9223372036854775807 ELSE (r3 * 2e18 - 1e18)::BIGINT END::BIGINT AS i64,
  (i * 7919 % 256)::UTINYINT AS u8,
  CASE WHEN i % 23 = 0 THEN 4294967295 ELSE floor(r4 * 4e9) END::UINTEGER AS u32,
  CASE WHEN i % 29 = 0 THEN NULL ELSE floor(r5 * 9e18) END::UBIGINT AS u64,
  CASE WHEN i % 31 = 0 THEN NULL WHEN i % 89 = 1 THEN 'nan'::FLOAT WHEN i % 89 = 2 THEN 'inf'::FLOAT WHEN i % 89 = 3 THEN -0.0::FLOAT ELSE r6 * 2000 - 1000 END::FLOAT AS f32,
  CASE WHEN i % 37 = 0 THEN NULL WHEN i % 83 = 1 THEN 5e-324 WHEN i % 83 = 3 THEN 1e22 ELSE r7 * 20000 - 10000 END::DOUBLE AS f64,
  CASE WHEN i % 41 = 0 THEN NULL WHEN i % 83 = 4 THEN 9999999999.99 ELSE r0 * 20000 - 10000 END::DECIMAL(12, 2) AS dec2,
  CASE WHEN i % 43 = 0 THEN NULL ELSE r1 * 2000000 - 1000000 END::DECIMAL(18, 6) AS dec6,
  CASE WHEN i % 47 = 0 THEN NULL WHEN i % 83 = 5 THEN '99999999999999999999999999999999999999' ELSE (i * 123456789)::VARCHAR || '12345678901234567890' END::DECIMAL(38, 0) AS dec0,
  CASE WHEN i % 7 = 0 THEN NULL ELSE r2 < 0.5 END AS b,
  CASE i % 14 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'äöü ß ÄÖÜ' WHEN 3 THEN '日本語 テキスト' WHEN 4 THEN '👩‍👩‍👧 é e' || chr(769) WHEN 5 THEN 'a b c ' || i WHEN 6 THEN '  spaces  '
    WHEN 7 THEN 'it''s "q" \\ 100% _' WHEN 8 THEN repeat('abc', i % 9) WHEN 9 THEN 'Zebra' WHEN 10 THEN 'zebra' WHEN 11 THEN 'İstanbul ı' WHEN 12 THEN 'tab' || chr(9) || 'line' || chr(10) || 'end'
    ELSE 'row ' || i END AS s,
  CASE WHEN i % 53 = 0 THEN NULL ELSE ['alpha', 'beta', 'gamma', 'delta', 'eps'][1 + i % 5] || ' ' || ['one', 'two', 'three'][1 + i % 3] END AS w,
  ['1', '-5', '1.5', '1e3', 'x', '', ' 7 ', '2024-02-29', '2023-02-29', '12:34:56', 'true', '99999999999999999999', '0x10', '1_000', '.5', 'inf', '2024-01-01 10:00:00', 'NaN', NULL][1 + i % 19] AS n,
  CASE WHEN i % 59 = 0 THEN NULL WHEN i % 79 = 1 THEN DATE '0001-01-01' WHEN i % 79 = 2 THEN DATE '9999-12-31' WHEN i % 79 = 3 THEN DATE '0044-03-15 (BC)' ELSE DATE '1990-01-01' + (i * 17 % 14000)::INTEGER END AS d,
  CASE WHEN i % 61 = 0 THEN NULL ELSE TIME '00:00:00' + to_microseconds((r3 * 86399999999)::BIGINT) END AS t,
  CASE WHEN i % 67 = 0 THEN NULL WHEN i % 79 = 4 THEN TIMESTAMP '1969-12-31 23:59:59.999999' ELSE TIMESTAMP '1980-01-01' + to_microseconds((r4 * 2e15)::BIGINT) END AS ts,
  CASE WHEN i % 71 = 0 THEN NULL ELSE TIMESTAMPTZ '1980-01-01 00:00:00+00' + to_microseconds((r5 * 2e15)::BIGINT) END AS tz,
  CASE WHEN i % 73 = 0 THEN NULL ELSE to_months(floor(r6 * 40)::INTEGER) + to_days(floor(r7 * 60)::INTEGER) + to_seconds(floor(r0 * 200000)::BIGINT) END AS iv,
  CASE WHEN i % 9 = 0 THEN NULL ELSE unhex(left(md5(i::VARCHAR), (i % 17) * 2)) END AS x,
  CASE i % 6 WHEN 0 THEN NULL WHEN 1 THEN '{{"a": ' || i || ', "b": "t' || i || '", "c": [1, ' || i || ', null, "x"]}}' WHEN 2 THEN '[]' WHEN 3 THEN '{{"b": null, "c": [[1], {{"d": 1.5e3}}]}}'
    WHEN 4 THEN '"text"' ELSE '{{"a": -1, "nested": {{"k": true, "u": "\\u00e9"}}}}' END AS j
FROM r ORDER BY i
"""
LINEITEM = """
CREATE TABLE lineitem AS
SELECT (i // 4)::BIGINT AS l_orderkey, (i % 4)::INTEGER AS l_linenumber, floor(1 + random() * 50)::DECIMAL(15, 2) AS l_quantity, (900 + random() * 100000)::DECIMAL(15, 2) AS l_extendedprice,
  (floor(random() * 11) / 100)::DECIMAL(15, 2) AS l_discount, (floor(random() * 9) / 100)::DECIMAL(15, 2) AS l_tax, ['A', 'N', 'R'][1 + (random() * 2.999)::INTEGER % 3] AS l_returnflag,
  ['F', 'O'][1 + i % 2] AS l_linestatus, DATE '1992-01-02' + (random() * 2525)::INTEGER AS l_shipdate
FROM range(60000) t(i) ORDER BY i
"""


def connect():
    connection = duckdb.connect()
    # As the guest is: one thread, and the zone in which it shows instants.
    connection.execute("SET threads = 1; SET TimeZone = 'UTC'; SET preserve_insertion_order = true")
    return connection


def make(folder, seed):
    connection = connect()
    for table, sql in (("sample", SAMPLE), ("lineitem", LINEITEM)):
        connection.execute(f"SELECT setseed({seed})")
        connection.execute(sql)
        connection.execute(f"COPY {table} TO '{folder}/{table}.parquet' (FORMAT parquet, ROW_GROUP_SIZE 20000)")


def native(connection, name, query, folder):
    table = "lineitem" if name.startswith("q_") else "sample"
    connection.execute(f"CREATE OR REPLACE VIEW input AS SELECT * FROM read_parquet('{folder}/{table}.parquet')")
    return connection.execute(query)


def compare(queries, out, folder):
    connection = connect()
    differences = []
    for name, query in queries.items():
        answer = native(connection, name, query, folder)
        columns = [column[0] for column in answer.description]
        want = answer.fetchall()
        read = connection.execute(f"SELECT * FROM read_parquet('{out}/{name}/*.parquet')")
        if [column[0] for column in read.description] != columns:
            differences.append({"query": name, "columns": [column[0] for column in read.description], "native": columns})
            continue
        got = read.fetchall()
        if len(got) != len(want):
            differences.append({"query": name, "rows": len(got), "native": len(want)})
            continue
        seen = set()
        for row, (a, b) in enumerate(zip(got, want)):
            for column, (x, y) in enumerate(zip(a, b)):
                if x != y and str(x) != str(y) and columns[column] not in seen:
                    seen.add(columns[column])
                    differences.append({"query": name, "column": columns[column], "row": row, "guest": str(x), "native": str(y)})
    return differences


def main():
    what = sys.argv[1]
    if what == "make":
        make(sys.argv[2], float(sys.argv[3]))
        return
    with open(sys.argv[2], encoding="utf-8") as file:
        queries = json.load(file)
    if what == "compare":
        print(json.dumps(compare(queries, sys.argv[3], sys.argv[4])))
        return
    refused = {}
    connection = connect()
    for name, query in queries.items():
        try:
            native(connection, name, query, sys.argv[3]).fetchall()
        except duckdb.Error as error:
            refused[name] = str(error)
    print(json.dumps(refused))


main()
