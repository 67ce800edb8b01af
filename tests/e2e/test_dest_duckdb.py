"""Streams as tables of a DuckDB file: native DuckDB reads what was read from the source; no end of a run loses or doubles a row.

DuckDB exists for guests only, so the suite of table destinations (rapidbyte/testing/table_destination_suite.h) cannot run here; its cases are
among these tests.
"""
import json
import os
import pathlib
import random
import shutil
import subprocess
import time

import harness

READERS = os.environ.get("RAPIDBYTE_READERS", "")
PRELOAD = os.environ.get("RAPIDBYTE_KILL_AT_WRITE", "")
POINTS = int(os.environ.get("RAPIDBYTE_KILL_POINTS", "24"))
COLUMNS = ["id", "customer", "amount", "paid", "day", "made"]


def orders(count, first=0, mark=""):
    return [[i, f"Kundin {i % 97} \"ß\", 東{mark}", f"{i * 37 % 100000 / 100:.2f}", "true" if i % 3 else "false", f"2026-01-{i % 28 + 1:02d}",
             f"2026-01-{i % 28 + 1:02d}T10:{i % 60:02d}:00Z"] for i in range(first, first + count)]


class DuckdbTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        if not READERS:
            self.skipTest("no Python with DuckDB (RAPIDBYTE_READERS)")
        self.loads = self.folder / "loads"
        self.loads.mkdir()
        self.database = self.loads / "out.duckdb"
        self.state = self.loads / "state.db"

    def duckdb_pipeline(self, config="", *, streams="- {name: orders, sync_mode: full_refresh}", mode="append", resources="", extra="", source="",
                        destination="", transforms="", name="pipeline.yaml", pipeline="ducks"):
        mode = "upsert\n  primary_key: [id]" if mode == "upsert" else mode
        return self.pipeline("\n".join([
            'version: "1.0"', f"pipeline: {pipeline}", "source:", "  use: rapidbyte/source-file", f"  config: {{folder: {self.data}, format: csv{source}}}",
            "  streams:", harness.indent(streams, 4), transforms, "destination:", "  use: rapidbyte/dest-duckdb",
            f"  config: {{path: {self.database}{config}}}", f"  write_mode: {mode}", harness.indent(destination, 2),
            f"state: {{backend: sqlite, connection: {self.state}}}", "resources:", harness.indent("max_memory: 512mb\n" + resources, 2), extra, ""
        ]), name=name)

    def write_orders(self, count, first=0, mark="", name="orders.csv"):
        rows = orders(count, first, mark)
        self.write_csv(name, COLUMNS, rows)
        return rows

    def native(self, *statements, database=None, mode="write"):
        """The rows of the last statement, as native DuckDB has them: texts."""
        done = subprocess.run([READERS, str(pathlib.Path(__file__).with_name("query_duckdb.py")), str(database or self.database), mode, *statements],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def orders_in(self, table="orders", **options):
        return self.native(f'SELECT * FROM "{table}" ORDER BY id', **options)

    def assert_orders(self, rows, table="orders", **options):
        want = sorted(([str(r[0]), r[1], r[2], r[3], r[4], r[5].replace("T", " ").rstrip("Z")] for r in rows), key=lambda r: int(r[0]))
        got = [[r[0], r[1], f"{float(r[2]):.2f}", *r[3:5], r[5].removesuffix("+00")] for r in self.orders_in(table, **options)]
        self.assertEqual(len(got), len(want))
        for g, w in zip(got, want):
            self.assertEqual(g, w)

    def hold(self):
        """A native process that has the database open."""
        process = subprocess.Popen([READERS, str(pathlib.Path(__file__).with_name("query_duckdb.py")), str(self.database), "hold"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "open\n")
        self.running.append(process)
        return process


class DestDuckdb(DuckdbTest):

    # --- values ------------------------------------------------------------------------------------------------------

    def test_native_duckdb_reads_what_was_written(self):
        rows = self.write_orders(5000)
        report = self.run_report(self.duckdb_pipeline())
        self.assertEqual(report["streams"][0]["rows_written"] if "rows_written" in report["streams"][0] else 5000, 5000)
        self.assert_orders(rows)
        self.assertFalse(pathlib.Path(f"{self.database}.wal").exists(), "closed without moving its log into the file")
        self.assertEqual(self.native("SELECT tags['storage_version'] AS v FROM duckdb_databases() WHERE database_name = 'out'"), [["v1.0.0+"]])

    TYPES = {
        "boolean": ["true", "false"],
        "tinyint": ["-128", "127"], "smallint": ["-32768", "32767"], "integer": ["-2147483648", "2147483647"],
        "bigint": ["-9223372036854775808", "9223372036854775807"],
        "utinyint": ["0", "255"], "usmallint": ["0", "65535"], "uinteger": ["0", "4294967295"], "ubigint": ["0", "18446744073709551615"],
        "float": ["1.5", "-0.0", "nan", "inf"], "double": ["0.1", "-0.0", "-inf", "1.7976931348623157e308"],
        "decimal(4, 1)": ["-999.9"], "decimal(18, 3)": ["123456789012345.678"],
        "decimal(38, 10)": ["9999999999999999999999999999.9999999999", "-0.0000000001"],
        "varchar": ["", "東京 \"quoted\"", "line\nbreak"], "blob": ["\\x00\\xFFa"],
        "date": ["0001-01-01", "9999-12-31", "1969-12-31"], "time": ["00:00:00", "23:59:59.999999"], "time_ns": ["23:59:59.999999999"],
        "timestamp": ["1900-01-01 00:00:00", "2026-02-28 23:59:59.999999"], "timestamp_s": ["2026-02-28 23:59:59"],
        "timestamp_ms": ["2026-02-28 23:59:59.999"], "timestamp_ns": ["2026-02-28 23:59:59.999999999"],
        "timestamp with time zone": ["2026-02-28 23:59:59.999999+00"], "interval": ["1 year 2 months 3 days 04:05:06.789"],
    }

    def typed_pipeline(self, types, **options):
        columns = ", ".join(f"CAST(c{i} AS {kind}) AS c{i}" for i, kind in enumerate(types))
        transforms = f"transforms:\n  - use: rapidbyte/transform-sql\n    config:\n      query: |\n        SELECT CAST(id AS INTEGER) AS id, {columns} FROM input"
        streams = "- {name: typed, sync_mode: full_refresh}"
        return self.duckdb_pipeline(streams=streams, transforms=transforms, **options)

    def write_typed(self, types):
        depth = max(len(values) for values in types.values())
        rows = [[i, *(values[i] if i < len(values) else None for values in types.values())] for i in range(depth + 1)]
        self.write_csv("typed.csv", ["id", *(f"c{i}" for i in range(len(types)))], rows)
        return rows

    def test_every_type_keeps_its_values(self):
        rows = self.write_typed(self.TYPES)
        self.run_ok(self.typed_pipeline(self.TYPES))
        got = self.native('SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = \'typed\' ORDER BY column_index')
        want = {kind: self.native(f"SELECT typeof(CAST(NULL AS {kind})) AS t")[0][0] for kind in self.TYPES}
        self.assertEqual([kind for _, kind in got], ["INTEGER", *want.values()])
        expected = " UNION ALL ".join(
            "SELECT " + ", ".join([f"{row[0]} AS id"] + [
                f"CAST({'NULL' if value is None else harness_text(value)} AS {kind}) AS c{i}"
                for i, (kind, value) in enumerate(zip(self.TYPES, row[1:]))]) for row in rows)
        self.assertEqual(self.native(f"SELECT * FROM ({expected}) ORDER BY id"), self.native("SELECT * FROM typed ORDER BY id"))

    def test_what_an_old_file_cannot_hold_is_refused_before_the_first_row(self):
        types = {"timestamptz_ns": ["2026-02-28 23:59:59.999999999+00"]}
        self.write_typed(types)
        done = self.expect(harness.DESTINATION, "run", self.typed_pipeline(types), says=["COLUMN_UNSUPPORTED", "`c0`", "storage_version: latest"])
        self.assertIn("cast", done.err.lower())
        self.database.unlink()
        self.run_ok(self.typed_pipeline(types, config=", storage_version: latest"))
        self.assertEqual(self.native("SELECT c0 FROM typed WHERE id = 0"), [["2026-02-28 23:59:59.999999999+00"]])

    def test_a_file_keeps_its_version(self):
        self.native("CREATE TABLE mine AS SELECT 1 AS a")
        [[before]] = self.native("SELECT tags['storage_version'] AS v FROM duckdb_databases() WHERE database_name = 'out'")
        rows = self.write_orders(10)
        self.run_ok(self.duckdb_pipeline(config=", storage_version: v1.2.0"))
        [[after]] = self.native("SELECT tags['storage_version'] AS v FROM duckdb_databases() WHERE database_name = 'out'")
        self.assertEqual(before, after)
        self.assert_orders(rows)
        self.assertEqual(self.native("FROM mine"), [["1"]])

    # --- write modes -------------------------------------------------------------------------------------------------

    def test_appends_add_and_replaces_exchange(self):
        first = self.write_orders(1000)
        self.run_ok(self.duckdb_pipeline())
        second = self.write_orders(500, first=1000)
        self.run_ok(self.duckdb_pipeline(), "--allow-doubled-rows")
        self.assert_orders(first + second)
        for rows in (self.write_orders(700, first=5000), self.write_orders(0)):
            self.write_csv("orders.csv", COLUMNS, rows)
            self.run_ok(self.duckdb_pipeline(mode="replace", name="replace.yaml"))
            self.assert_orders(rows)
        self.assertEqual(self.native("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '_rapidbyte_staging%'"), [])

    def test_a_replace_keeps_indexes_views_and_constraints(self):
        self.native("CREATE TABLE orders (id BIGINT PRIMARY KEY, customer VARCHAR DEFAULT 'x' CHECK (length(customer) > 0), amount DOUBLE, paid BOOLEAN, "
                    "day DATE, made TIMESTAMP WITH TIME ZONE)", "CREATE INDEX by_day ON orders (day)", "CREATE VIEW late AS SELECT id FROM orders WHERE day > '2026-01-20'",
                    "INSERT INTO orders (id) VALUES (7)")
        rows = self.write_orders(100)
        self.run_ok(self.duckdb_pipeline(mode="replace", destination="schema_evolution: {type_change: coerce, nullability_change: allow}"))
        self.assert_orders(rows)
        self.assertEqual(self.native("SELECT index_name FROM duckdb_indexes()"), [["by_day"]])
        self.assertEqual(len(self.native("FROM late")), sum(row[4] > "2026-01-20" for row in rows))
        self.assertEqual(self.native("SELECT constraint_type FROM duckdb_constraints() WHERE table_name = 'orders' AND constraint_type <> 'NOT NULL' ORDER BY 1"),
                         [["CHECK"], ["PRIMARY KEY"]])

    def test_a_replace_that_fails_leaves_the_old_table(self):
        self.native("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR)", "INSERT INTO orders VALUES (1, 'old')")
        self.write_csv("orders.csv", ["id", "name"], [[2, "a"], [3, "b"], [2, "c"]])
        nulls = "schema_evolution: {nullability_change: allow}"
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(mode="replace", destination=nulls), says=["ROW_REFUSED", "2"])
        self.assertEqual(self.native("FROM orders"), [["1", "old"]])
        self.assertEqual(self.native("SELECT table_name FROM duckdb_tables() WHERE table_name LIKE '_rapidbyte_staging%'"), [])
        self.run_ok(self.duckdb_pipeline(mode="replace", destination=nulls + "\non_data_error: skip"))
        self.assertEqual(self.native("FROM orders ORDER BY id"), [["2", "a"], ["3", "b"]])

    def test_a_stream_without_rows_makes_its_table(self):
        for mode in ("append", "upsert"):
            self.write_orders(0)
            self.run_ok(self.duckdb_pipeline(mode=mode))
            self.assertEqual(self.orders_in(), [])
            columns = self.native("SELECT column_name FROM duckdb_columns() WHERE table_name = 'orders' ORDER BY column_index")
            self.assertEqual([name for [name] in columns], COLUMNS)
            self.database.unlink()
            self.state.unlink()

    def test_many_streams_of_one_run(self):
        rows = {}
        for i in range(12):
            rows[f"s{i}"] = self.write_orders(200 * i, first=i, name=f"s{i}.csv")
        streams = "\n".join(f"- {{name: s{i}, sync_mode: full_refresh}}" for i in range(12))
        for mode in ("append", "replace"):
            self.run_ok(self.duckdb_pipeline(streams=streams, mode=mode))
            for name, expected in rows.items():
                self.assert_orders(expected, table=name)

    def test_an_index_over_a_column_that_is_gone_is_named(self):
        self.native("CREATE TABLE orders (id BIGINT, gone VARCHAR)", "CREATE INDEX by_gone ON orders (gone)", "CREATE INDEX by_id ON orders (id)")
        rows = self.write_orders(10)
        done = self.run_ok(self.duckdb_pipeline(mode="replace"))
        self.assertIn("by_gone", done.err)
        self.assert_orders(rows)
        self.assertEqual(self.native("SELECT index_name FROM duckdb_indexes()"), [["by_id"]])

    def test_a_table_that_a_foreign_key_refers_to_cannot_be_replaced(self):
        self.native("CREATE TABLE orders (id BIGINT PRIMARY KEY)", "CREATE TABLE lines (order_id BIGINT REFERENCES orders (id))")
        self.write_csv("orders.csv", ["id"], [[1]])
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(mode="replace", destination="schema_evolution: {nullability_change: allow}"))
        self.run_ok(self.duckdb_pipeline(destination="schema_evolution: {nullability_change: allow}"))
        self.assertEqual(self.native("FROM orders"), [["1"]])

    def test_a_unique_index_that_does_not_fit_leaves_the_old_table(self):
        self.native("CREATE TABLE orders (id BIGINT, name VARCHAR)", "CREATE UNIQUE INDEX by_name ON orders (name)", "INSERT INTO orders VALUES (1, 'old')")
        self.write_csv("orders.csv", ["id", "name"], [[1, "a"], [2, "a"]])
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(mode="replace"), says=["INDEX_LOST", "by_name"])
        self.assertEqual(self.native("FROM orders"), [["1", "old"]])

    def test_upserts_keep_one_row_of_each_key_and_the_last_one_wins(self):
        rows = self.write_orders(1000)
        pipeline = self.duckdb_pipeline(mode="upsert")
        self.run_ok(pipeline)
        self.assert_orders(rows)
        changed = orders(300, first=900, mark="!")
        again = orders(50, first=950, mark="?")
        self.write_csv("orders.csv", COLUMNS, changed + again + changed[:10])
        self.run_ok(pipeline)
        newest = {row[0]: row for row in rows + changed + again + changed[:10]}
        self.assert_orders(newest.values())
        self.assertEqual(self.native("SELECT constraint_type FROM duckdb_constraints() WHERE table_name = 'orders' AND constraint_type = 'PRIMARY KEY'"),
                         [["PRIMARY KEY"]])

    def test_an_upsert_into_a_table_without_that_key_is_refused(self):
        self.native("CREATE TABLE orders (id BIGINT, customer VARCHAR)")
        self.write_orders(10)
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(mode="upsert"), says=["UPSERT_KEY_NOT_UNIQUE", "CREATE UNIQUE INDEX"])
        self.native('CREATE UNIQUE INDEX orders_key ON orders (id)')
        self.run_ok(self.duckdb_pipeline(mode="upsert"))

    def test_incremental_loads_go_behind_the_last_one(self):
        self.write_orders(1000)
        pipeline = self.duckdb_pipeline(streams="- {name: orders, sync_mode: incremental, cursor_field: id}")
        self.run_ok(pipeline)
        rows = self.write_orders(1500)
        self.run_ok(pipeline)
        self.assert_orders(rows)
        self.native("DELETE FROM orders")
        self.write_orders(2000)
        self.expect(harness.DESTINATION, "run", pipeline, says=["TARGET_EMPTIED"])
        self.assertEqual(self.orders_in(), [])

    # --- columns that change, rows that do not fit ---------------------------------------------------------------------

    def test_columns_that_come_and_types_that_change(self):
        self.write_csv("orders.csv", ["id", "a"], [[1, 5]])
        self.run_ok(self.duckdb_pipeline())
        self.write_csv("orders.csv", ["id", "b", "a"], [[2, "new", 6]])
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(destination="schema_evolution: {new_column: fail}"), "--allow-doubled-rows",
                    says=["NEW_COLUMN", '"b"'])
        self.run_ok(self.duckdb_pipeline(), "--allow-doubled-rows")
        self.assertEqual(self.native("SELECT id, a, b FROM orders ORDER BY id"), [["1", "5", None], ["2", "6", "new"]])
        self.write_csv("orders.csv", ["id", "a"], [[3, "text"], [4, "7"]])
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(), "--allow-doubled-rows", says=["TYPE_CHANGED", '"a"'])
        coerce = self.duckdb_pipeline(destination="schema_evolution: {type_change: coerce}\non_data_error: skip")
        self.run_ok(coerce, "--allow-doubled-rows")
        self.assertEqual(self.native("SELECT id, a FROM orders ORDER BY id"), [["1", "5"], ["2", "6"], ["4", "7"]])
        nulls = self.duckdb_pipeline(destination="schema_evolution: {type_change: 'null'}")
        self.run_ok(nulls, "--allow-doubled-rows")
        self.assertEqual(self.native("SELECT id, a FROM orders ORDER BY id, a"), [["1", "5"], ["2", "6"], ["3", None], ["4", "7"], ["4", "7"]])

    def test_a_column_that_must_not_be_null_by_the_policy(self):
        self.native("CREATE TABLE orders (id BIGINT, name VARCHAR NOT NULL)")
        self.write_csv("orders.csv", ["id", "name"], [[1, "a"], [2, None]])
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(destination="schema_evolution: {nullability_change: fail}"), says=["NULLABILITY_CHANGED"])
        self.native("CREATE OR REPLACE TABLE orders (id BIGINT, name VARCHAR CHECK (length(name) < 3))")
        self.write_csv("orders.csv", ["id", "name"], [[1, "a"], [2, "long"]])
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(destination="on_data_error: skip"), says=["ROW_REFUSED", "CHECK", "rows 1 to 2"])
        self.assertEqual(self.native("FROM orders"), [])

    def refused_pipeline(self, policy, **options):
        return self.duckdb_pipeline(destination=f"schema_evolution: {{nullability_change: allow}}\non_data_error: {policy}", **options)

    def test_rows_that_a_table_refuses(self):
        self.native("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR NOT NULL, code BIGINT UNIQUE)", "INSERT INTO orders VALUES (5, 'there', 50)")
        self.write_csv("orders.csv", ["id", "name", "code"],
                       [[1, "a", 10], [2, None, 20], [1, "again", 11], [5, "taken", 51], [6, "taken too", 50], [7, "b", None], [8, "c", None], [9, "d", 10]])
        self.expect(harness.DESTINATION, "run", self.refused_pipeline("fail"), says=["ROW_REFUSED", '"name"'])
        self.assertEqual(len(self.native("FROM orders")), 1)
        self.run_ok(self.refused_pipeline("skip"))
        self.assertEqual(self.native("SELECT id, name FROM orders ORDER BY id"), [["1", "a"], ["5", "there"], ["7", "b"], ["8", "c"]])

    def test_refused_rows_go_into_the_dead_letter_file(self):
        self.native("CREATE TABLE orders (id BIGINT PRIMARY KEY, name VARCHAR)", "INSERT INTO orders VALUES (2, 'there')")
        self.write_csv("orders.csv", ["id", "name"], [[1, "a"], [2, "b"], [3, "c"]])
        done = self.run_report(self.refused_pipeline("dlq"))
        self.assertIn("2", json.dumps(done))
        self.assertEqual(self.native("FROM orders ORDER BY id"), [["1", "a"], ["2", "there"], ["3", "c"]])
        [letters] = [path for path in self.folder.rglob("*.ndjson") if "events" not in path.name]
        [record] = [json.loads(line) for line in letters.read_text().splitlines()]
        self.assertIn('"b"', json.dumps(record).replace('\\"', '"'))

    # --- files that are not what they should be ------------------------------------------------------------------------

    def test_streams_that_would_be_one_table(self):
        self.write_orders(10, name="orders.csv")
        self.write_orders(10, name="Orders.csv")
        streams = "- {name: orders, sync_mode: full_refresh}\n- {name: Orders, sync_mode: full_refresh}"
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(streams=streams), says=["TARGET_CONFLICT"])
        self.assertFalse(self.database.exists())

    def test_a_view_is_no_table(self):
        self.native("CREATE VIEW orders AS SELECT 1 AS id")
        self.write_orders(10)
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(), says=["TARGET_NOT_A_TABLE"])

    def test_a_file_that_is_no_database_is_left_alone(self):
        self.write_orders(10)
        for content in (b"id,name\n1,a\n" * 1000, b"SQLite format 3\0" + bytes(20000)):
            self.database.write_bytes(content)
            self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(), says=["NOT_A_DATABASE", str(self.database)])
            self.assertEqual(self.database.read_bytes(), content)

    def test_damaged_databases_end_typed(self):
        rows = self.write_orders(20000)
        self.run_ok(self.duckdb_pipeline())
        sound = self.database.read_bytes()
        rng = random.Random(3)
        cases = [sound[:size] for size in (1, 4096, 8000, 12288, len(sound) // 2, len(sound) - 1)]
        for _ in range(10):
            damaged = bytearray(sound)
            for _ in range(rng.randrange(1, 30)):
                damaged[rng.randrange(12288 if rng.random() < 0.3 else len(damaged))] ^= 1 << rng.randrange(8)
            cases.append(bytes(damaged))
        ends = set()
        for content in cases:
            self.database.write_bytes(content)
            pathlib.Path(f"{self.database}.wal").unlink(missing_ok=True)
            done = self.rapidbyte("run", self.duckdb_pipeline(), "--allow-doubled-rows")
            ends.add(done.code)
            self.assertIn(done.code, (harness.OK, harness.DESTINATION, harness.INTERNAL), done.err)
            if done.code != harness.OK:
                self.assertRegex(done.err, "DATABASE_CORRUPT|NOT_A_DATABASE|DATABASE_IO|DATABASE_CANNOT_OPEN|SQL_ENGINE_FAILED|GUEST_TRAP|SQL_OUT_OF_MEMORY|MEMORY")
        self.assertIn(harness.DESTINATION, ends)
        self.assertEqual(len(rows), 20000)

    def test_an_empty_file_counts_as_absent(self):
        self.database.touch()
        rows = self.write_orders(10)
        self.run_ok(self.duckdb_pipeline())
        self.assert_orders(rows)

    def test_check_makes_nothing(self):
        self.write_orders(10)
        self.rapidbyte("check", self.duckdb_pipeline())
        self.assertFalse(self.database.exists())

    # --- two processes -------------------------------------------------------------------------------------------------

    def test_a_database_that_another_process_has_open_is_refused(self):
        self.native("CREATE TABLE mine AS SELECT 1 AS a")
        self.write_orders(10)
        holder = self.hold()
        self.expect(harness.DESTINATION, "run", self.duckdb_pipeline(), says=["DATABASE_LOCKED", f"the process {holder.pid}"])
        holder.communicate()
        self.run_ok(self.duckdb_pipeline())

    def test_native_duckdb_is_refused_while_a_run_has_the_database(self):
        self.write_orders(400000)
        process = self.start("run", self.duckdb_pipeline(resources="checkpoint_interval_rows: 20000"), "--events", self.events)
        self.wait_for_commits(process, self.events)
        done = subprocess.run([READERS, str(pathlib.Path(__file__).with_name("query_duckdb.py")), str(self.database), "read", "FROM orders"],
                              capture_output=True, text=True, timeout=60)
        was_running = process.poll() is None
        process.communicate()
        self.assertTrue(was_running, "the run ended too early to show anything")
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("Could not set lock", done.stderr)

    # --- kills -----------------------------------------------------------------------------------------------------------

    def test_a_table_that_was_changed_while_its_load_was_interrupted(self):
        self.write_orders(300000)
        pipeline = self.duckdb_pipeline(resources="checkpoint_interval_rows: 10000")
        process = self.start("run", pipeline, "--events", self.events)
        self.wait_for_commits(process, self.events, least=2)
        harness.kill(process)
        self.assertFalse(self.has_completed(pipeline), "the kill came too late")
        self.native("DELETE FROM orders WHERE id = 5")
        self.expect(harness.DESTINATION, "run", pipeline, says=["RECEIPT_MISSING", "rows then"])


class Kill(DuckdbTest):
    """After each kill native DuckDB opens the file, with its log, and finds what the next run then resumes behind."""

    def check_after_kill(self, mode, old, new):
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.loads, copy)
        database = copy / self.database.name
        if not database.exists() or database.stat().st_size == 0:
            self.assertFalse(old)
            return 0
        if not self.native("SELECT 1 FROM duckdb_tables() WHERE table_name = 'orders'", database=database):
            self.assertFalse(old)
            return 0
        [[rows, keys]] = self.native("SELECT count(*), count(DISTINCT id) FROM orders", database=database)
        self.assertEqual(rows, keys, "rows are doubled")
        if mode == "replace":
            self.assertIn(int(rows), (len(old), len(new)), "neither the old table nor the new one")
        return int(rows)

    def prepare(self, mode, count):
        old = orders(count // 4, first=count // 2, mark="old") if mode != "append" else []
        if old:
            self.write_csv("orders.csv", COLUMNS, old)
            self.run_ok(self.duckdb_pipeline(mode=mode))
        new = self.write_orders(count)
        expected = {row[0]: row for row in (old if mode == "upsert" else []) + new}
        self.before = self.folder / "before"
        shutil.copytree(self.loads, self.before)
        pipeline = self.duckdb_pipeline(mode=mode, resources="checkpoint_interval_rows: 2000\nmax_batch_bytes: 32kb", name="kill.yaml")
        return old, new, list(expected.values()), pipeline

    def begin(self):
        shutil.rmtree(self.loads)
        shutil.copytree(self.before, self.loads)

    def load_of(self, pipeline):
        if not self.state.exists():
            return None
        done = self.rapidbyte("state", "show", pipeline, "--json")
        self.assertEqual(done.code, harness.OK, done.err)
        loads = [stream["load_id"] for stream in json.loads(done.out)["streams"] if not stream["load_in_progress"]]
        return loads[0] if loads else None

    def finish(self, pipeline, before, expected):
        if self.load_of(pipeline) in (None, before):
            self.run_ok(pipeline)
        self.assert_orders(expected)

    def kill_at_random(self, mode):
        old, new, expected, pipeline = self.prepare(mode, 60000)
        before = self.load_of(pipeline)
        rng = random.Random(f"time-{mode}")
        sizes = set()
        for _ in range(6):
            self.begin()
            for _ in range(2):
                process = self.start("run", pipeline)
                time.sleep(rng.uniform(0.05, 1.2))
                if process.poll() is None:
                    harness.kill(process)
                process.communicate()
                sizes.add(self.check_after_kill(mode, old, new))
                if self.load_of(pipeline) not in (None, before):
                    break
            self.finish(pipeline, before, expected)
        self.assertGreaterEqual(len(sizes), 2)

    def kill_by_write(self, mode):
        self.assertTrue(os.path.exists(PRELOAD), "RAPIDBYTE_KILL_AT_WRITE does not name the library")
        old, new, expected, pipeline = self.prepare(mode, 12000)
        before = self.load_of(pipeline)
        count = self.folder / "count"
        environment = {"LD_PRELOAD": PRELOAD, "RAPIDBYTE_KILL_FILE": str(self.loads), "RAPIDBYTE_KILL_COUNT": str(count)}
        self.run_ok(pipeline, environment=self.environment(**environment))
        calls = int(count.read_text())
        self.assertGreater(calls, 40, "the library does not see the writes")
        rng = random.Random(f"write-{mode}")
        points = sorted({1 + (i * calls + rng.randrange(calls)) // POINTS for i in range(POINTS)})
        sizes, killed = set(), 0
        for point in points:
            with self.subTest(mode=mode, write=point, of=calls):
                self.begin()
                done = self.rapidbyte("run", pipeline, environment=self.environment(RAPIDBYTE_KILL_AT=str(point), **environment))
                killed += done.code == -9
                self.assertIn(done.code, (harness.OK, -9), done.err)
                sizes.add(self.check_after_kill(mode, old, new))
                self.finish(pipeline, before, expected)
        self.assertGreaterEqual(killed, len(points) - 3)
        self.assertGreaterEqual(len(sizes), 2 if mode == "replace" else 4, sizes)

    def test_append_killed_at_random_moments(self):
        self.kill_at_random("append")

    def test_replace_killed_at_random_moments(self):
        self.kill_at_random("replace")

    def test_upsert_killed_at_random_moments(self):
        self.kill_at_random("upsert")

    def test_append_killed_before_any_write(self):
        self.kill_by_write("append")

    def test_replace_killed_before_any_write(self):
        self.kill_by_write("replace")

    def test_upsert_killed_before_any_write(self):
        self.kill_by_write("upsert")


def harness_text(value):
    return "'" + value.replace("'", "''") + "'"


if __name__ == "__main__":
    harness.main()
