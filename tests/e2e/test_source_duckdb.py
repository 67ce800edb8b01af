"""Tables and views of a DuckDB file as streams: what native DuckDB holds is what arrives, and nothing is written to the file."""
import json
import os
import pathlib
import random
import subprocess
import time

import harness

READERS = os.environ.get("RAPIDBYTE_READERS", "")


class SourceDuckdb(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        if not READERS:
            self.skipTest("no Python with DuckDB (RAPIDBYTE_READERS)")
        self.input = self.folder / "in"
        self.input.mkdir()
        self.file = self.input / "shop.duckdb"

    def native(self, *statements, database=None, mode="write"):
        done = subprocess.run([READERS, str(pathlib.Path(__file__).with_name("query_duckdb.py")), str(database or self.file), mode, *statements],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def source_pipeline(self, streams, *, config="", mode="append", resources="", name="pipeline.yaml", destination=""):
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: ducks", "source:", "  use: rapidbyte/source-duckdb", f"  config: {{path: {self.file}{config}}}", "  streams:",
            harness.indent(streams, 4), "destination:", "  use: rapidbyte/dest-sqlite", f"  config: {{path: {self.database}}}", f"  write_mode: {mode}",
            harness.indent(destination, 2), f"state: {{backend: sqlite, connection: {self.state}}}", "resources:",
            harness.indent("max_memory: 512mb\n" + resources, 2), ""
        ]), name=name)

    def make_orders(self, count, first=0):
        self.native("CREATE TABLE IF NOT EXISTS orders (id BIGINT PRIMARY KEY, customer VARCHAR, amount DECIMAL(12, 2), made TIMESTAMP)",
                    f"INSERT INTO orders SELECT i, 'Kundin ' || i % 97, i / 100, TIMESTAMP '2026-01-01' + INTERVAL (i // 10) MINUTE FROM range({first}, {first + count}) r(i)")

    def ids(self, table="orders"):
        return [row[0] for row in self.query(f'SELECT id FROM "{table}" ORDER BY id')]

    # --- what is read ------------------------------------------------------------------------------------------------

    def test_a_table_arrives_value_by_value_and_the_file_stays_as_it_was(self):
        self.make_orders(300000)
        before = self.file.read_bytes()
        self.run_ok(self.source_pipeline("- {name: orders, sync_mode: full_refresh}"))
        got = self.query("SELECT id, customer, amount, made FROM orders ORDER BY id")
        want = self.native("SELECT * FROM orders ORDER BY id", mode="read")
        self.assertEqual(len(got), 300000)
        for g, w in zip(got, want):
            self.assertEqual([str(g[0]), g[1], g[2], g[3].replace("T", " ").removesuffix(".000000")], w)
        self.assertEqual(self.file.read_bytes(), before)
        self.assertEqual(sorted(path.name for path in self.input.iterdir()), ["shop.duckdb"])

    TYPES = {
        "BOOLEAN": "true", "TINYINT": "-128", "SMALLINT": "32767", "INTEGER": "-2147483648", "BIGINT": "9223372036854775807",
        "HUGEINT": "99999999999999999999999999999999999999", "UTINYINT": "255", "USMALLINT": "65535", "UINTEGER": "4294967295",
        "UBIGINT": "18446744073709551615", "FLOAT": "1.5", "DOUBLE": "0.1", "DECIMAL(4, 1)": "-999.9", "DECIMAL(38, 10)": "9999999999999999999999999999.9999999999",
        "VARCHAR": "東京", "BLOB": "\\x00\\xFFa", "DATE": "9999-12-31", "TIME": "23:59:59.999999", "TIMESTAMP": "2026-02-28 23:59:59.999999",
        "TIMESTAMP_S": "2026-02-28 23:59:59", "TIMESTAMP_MS": "2026-02-28 23:59:59.999", "TIMESTAMP_NS": "2026-02-28 23:59:59.999999999",
        "TIMESTAMP WITH TIME ZONE": "2026-02-28 23:59:59.999999+00", "INTERVAL": "1 year 2 months 3 days 04:05:06.789",
        "UUID": "0f0f0f0f-1111-2222-3333-444444444444", "BIT": "10101", "JSON": '{"a": 1.10}', "INTEGER[]": "[1, NULL, 3]",
        "STRUCT(a INTEGER, b VARCHAR)": "{'a': 1, 'b': x}", "MAP(VARCHAR, INTEGER)": "{k=1}", "ENUM('x', 'y')": "y",
    }

    def test_every_type_through_to_duckdb_and_back(self):
        columns = ", ".join(f"c{i} {kind}" for i, kind in enumerate(self.TYPES))
        values = ", ".join("CAST('" + value.replace("'", "''") + f"' AS {kind})" for kind, value in self.TYPES.items())
        self.native(f"CREATE TABLE typed ({columns}, id INTEGER)", f"INSERT INTO typed VALUES ({values}, 1)", "INSERT INTO typed (id) VALUES (2)")
        out = self.folder / "out.duckdb"
        self.run_ok(self.pipeline("\n".join([
            'version: "1.0"', "pipeline: copy", "source:", "  use: rapidbyte/source-duckdb", f"  config: {{path: {self.file}}}", "  streams:",
            "    - {name: typed, sync_mode: full_refresh}", "destination:", "  use: rapidbyte/dest-duckdb", f"  config: {{path: {out}}}", "  write_mode: append",
            f"state: {{backend: sqlite, connection: {self.state}}}", "resources: {max_memory: 512mb}", ""])))
        as_text = {"UUID", "BIT", "ENUM('x', 'y')", "JSON"}
        nested = {"INTEGER[]", "STRUCT(a INTEGER, b VARCHAR)", "MAP(VARCHAR, INTEGER)"}
        kinds = {row[0]: row[1] for row in self.native("SELECT column_name, data_type FROM duckdb_columns() WHERE table_name = 'typed'", database=out)}
        for i, kind in enumerate(self.TYPES):
            column = f"c{i}"
            want = "CAST(to_json(%s) AS VARCHAR)" % column if kind in nested else f"CAST({column} AS VARCHAR)"
            self.assertEqual(self.native(f"SELECT CAST({column} AS VARCHAR) AS v FROM typed ORDER BY id", database=out),
                             self.native(f"SELECT {want} AS v FROM typed ORDER BY id"), kind)
            name = "VARCHAR" if kind in as_text | nested else "DECIMAL(38,0)" if kind == "HUGEINT" else kind.replace(", ", ",")
            self.assertEqual(kinds[column], name)

    def test_views_select_where_and_another_name(self):
        self.make_orders(1000)
        self.native("CREATE VIEW big AS SELECT id, amount * 2 AS double FROM orders WHERE amount > 5",
                    "CREATE SCHEMA other", "CREATE TABLE other.orders AS SELECT 7 AS id")
        self.run_ok(self.source_pipeline("- {name: big, sync_mode: full_refresh}\n"
                                         "- {name: few, table: orders, select: [customer, id], where: \"id < 10 -- a comment\", sync_mode: full_refresh}"))
        self.assertEqual(len(self.query("SELECT id FROM big")), 499)
        self.assertEqual(self.query("SELECT * FROM few ORDER BY id")[9], ("Kundin 9", 9))
        self.run_ok(self.source_pipeline("- {name: orders, sync_mode: full_refresh}", config=", schema: other"))
        self.assertEqual(self.ids(), [7])

    def test_discover_lists_tables_and_views(self):
        self.make_orders(10)
        self.native("CREATE VIEW small AS SELECT id FROM orders", "CREATE TABLE _rapidbyte_receipts (a INTEGER)",
                    "CREATE TABLE dropped (a INTEGER)", "CREATE VIEW broken AS SELECT * FROM dropped", "DROP TABLE dropped")
        pipeline = self.source_pipeline("- {name: orders, sync_mode: full_refresh}")
        lines = pipeline.read_text().splitlines()
        pipeline.write_text("\n".join(line for line in lines if "streams:" not in line and "name: orders" not in line))
        done = self.rapidbyte("discover", pipeline, "--json")
        self.assertEqual(done.code, harness.OK, done.err)
        streams = {stream["name"]: stream for stream in json.loads(done.out)["streams"]}
        self.assertEqual(sorted(streams), ["orders", "small"])
        self.assertEqual(streams["orders"]["source_defined_primary_key"], ["id"])
        self.assertIn("broken", done.err)

    def test_streams_that_are_not_there(self):
        self.make_orders(10)
        for stream, says in [("{name: absent}", "TABLE_MISSING"), ("{name: orders, select: [nothing]}", "UNKNOWN_COLUMN"),
                             ("{name: orders, where: 'nothing > 1'}", "SQL_INVALID"), ("{name: orders, where: '1 = 1; DROP TABLE orders'}", "SQL_INVALID"),
                             ("{name: orders, where: \"id IN (SELECT 1 FROM read_csv('/etc/passwd'))\"}", "SQL_INVALID")]:
            done = self.rapidbyte("run", self.source_pipeline("- " + stream.replace("}", ", sync_mode: full_refresh}")))
            self.assertNotEqual(done.code, harness.OK, stream)
            self.assertIn(says, done.err, stream)
        self.assertEqual(len(self.native("FROM orders", mode="read")), 10)

    def test_infinity_ends_the_stream_with_advice(self):
        self.native("CREATE TABLE t AS SELECT 1 AS id, DATE 'infinity' AS d")
        self.expect(harness.SOURCE, "run", self.source_pipeline("- {name: t, sync_mode: full_refresh}"), says=["SQL_FAILED", "infinity", "isfinite"])
        self.run_ok(self.source_pipeline("- {name: t, sync_mode: full_refresh, where: isfinite(d)}"))

    # --- incremental -------------------------------------------------------------------------------------------------

    def test_incremental_reads_what_is_behind_the_last_cursor_and_tie_breaker(self):
        self.make_orders(1005)
        pipeline = self.source_pipeline("- {name: orders, sync_mode: incremental, cursor_field: made}")
        self.run_ok(pipeline)
        self.assertEqual(self.ids(), list(range(1005)))
        self.make_orders(1000, first=1005)  # the first of them have the last cursor
        self.run_ok(pipeline)
        self.assertEqual(self.ids(), list(range(2005)))
        report = self.run_report(pipeline)
        self.assertEqual(len(self.ids()), 2005)
        self.assertIn("orders", json.dumps(report))

    def test_incremental_by_a_unique_cursor_and_by_several_tie_breakers(self):
        self.make_orders(100)
        self.native("CREATE TABLE events AS SELECT id, id // 10 AS day, id % 10 AS number, 'x' AS v FROM orders")
        streams = ("- {name: orders, sync_mode: incremental, cursor_field: id}\n"
                   "- {name: events, sync_mode: incremental, cursor_field: day, tie_breaker: [number, v]}")
        self.run_ok(self.source_pipeline(streams))
        self.make_orders(10, first=100)
        self.native("INSERT INTO events VALUES (100, 9, 10, 'x'), (101, 9, 9, 'y'), (102, 9, 9, 'a'), (103, 10, 0, 'x')")
        self.run_ok(self.source_pipeline(streams))
        self.assertEqual(self.ids(), list(range(110)))
        self.assertEqual(self.ids("events"), [*range(100), 100, 101, 103])

    def test_cursors_that_cannot_be(self):
        self.native("CREATE TABLE t AS SELECT 1 AS id, 1.5::DOUBLE AS f, 2 AS n, NULL::INTEGER AS e")
        for stream, says in [("cursor_field: n", "TIE_BREAKER_MISSING"), ("cursor_field: f, tie_breaker: [id]", "CURSOR_TYPE"),
                             ("cursor_field: n, tie_breaker: [absent]", "UNKNOWN_COLUMN"), ("cursor_field: n, tie_breaker: [e]", "NULL_TIE_BREAKER")]:
            done = self.rapidbyte("run", self.source_pipeline("- {name: t, sync_mode: incremental, " + stream + "}"))
            self.assertNotEqual(done.code, harness.OK, stream)
            self.assertIn(says, done.err)

    def test_another_tie_breaker_is_another_position(self):
        self.make_orders(10)
        self.run_ok(self.source_pipeline("- {name: orders, sync_mode: incremental, cursor_field: made}"))
        self.expect(harness.SOURCE, "run", self.source_pipeline("- {name: orders, sync_mode: incremental, cursor_field: made, tie_breaker: [customer]}"),
                    says=["CURSOR_CHANGED"])

    # --- interrupted loads, partitions ---------------------------------------------------------------------------------

    def test_an_interrupted_load_resumes_unless_the_database_has_changed(self):
        self.make_orders(1500000)
        self.native("DELETE FROM orders WHERE id % 7 = 3")
        expected = [i for i in range(1500000) if i % 7 != 3]
        pipeline = self.source_pipeline("- {name: orders, sync_mode: full_refresh}", resources="checkpoint_interval_rows: 100000")
        process = self.start("run", pipeline, "--events", self.events)
        self.wait_for_commits(process, self.events, least=1)
        harness.kill(process)
        self.assertFalse(self.has_completed(pipeline), "the kill came too late")
        stamp = self.file.stat()
        os.utime(self.file, (1, 1))
        self.expect(harness.SOURCE, "run", pipeline, says=["SOURCE_CHANGED"])
        os.utime(self.file, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        there = len(self.ids())
        self.assertGreater(there, 0)
        report = self.run_report(pipeline)
        self.assertEqual(self.ids(), expected)
        self.assertIn(str(len(expected) - there), json.dumps(report), "the load began again")

    def test_partitions_are_the_whole(self):
        self.make_orders(700000)
        self.run_ok(self.source_pipeline("- {name: orders, sync_mode: full_refresh}", mode="replace", resources="parallelism: 3"))
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT id), sum(id) FROM orders"), [(700000, 700000, 700000 * 699999 // 2)])

    # --- files that others use, or have left -----------------------------------------------------------------------------

    def hold(self, *arguments):
        process = subprocess.Popen([READERS, str(pathlib.Path(__file__).with_name("query_duckdb.py")), str(self.file), "hold", *arguments],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(process.stdout.readline(), "open\n")
        self.running.append(process)
        return process

    def test_a_database_that_is_written_is_refused(self):
        self.make_orders(10)
        pipeline = self.source_pipeline("- {name: orders, sync_mode: full_refresh}")
        holder = self.hold()
        self.expect(harness.SOURCE, "run", pipeline, says=["DATABASE_LOCKED", f"the process {holder.pid}"])
        holder.communicate()
        self.run_ok(pipeline)

    def test_the_log_of_a_killed_process_is_read_and_left_alone(self):
        self.make_orders(10)
        holder = self.hold("INSERT INTO orders SELECT i, 'late', 1, now()::TIMESTAMP FROM range(10, 30) r(i)", "BEGIN", "INSERT INTO orders VALUES (99, 'lost', 1, now()::TIMESTAMP)")
        holder.kill()
        holder.communicate()
        log = pathlib.Path(f"{self.file}.wal")
        self.assertGreater(log.stat().st_size, 0)
        before = self.file.read_bytes(), log.read_bytes()
        self.run_ok(self.source_pipeline("- {name: orders, sync_mode: full_refresh}"))
        self.assertEqual(self.ids(), list(range(30)))
        self.assertEqual((self.file.read_bytes(), log.read_bytes()), before)
        self.assertEqual(len(self.native("FROM orders")), 30, "native DuckDB sees the same")

    def test_files_that_are_no_databases_end_typed(self):
        self.make_orders(20000)
        sound = self.file.read_bytes()
        rng = random.Random(5)
        cases = [b"", b"x", b"id,name\n" * 5000] + [sound[:size] for size in (4096, 12288, len(sound) // 2, len(sound) - 1)]
        for _ in range(12):
            damaged = bytearray(sound)
            for _ in range(rng.randrange(1, 30)):
                damaged[rng.randrange(12288 if rng.random() < 0.3 else len(damaged))] ^= 1 << rng.randrange(8)
            cases.append(bytes(damaged))
        pipeline = self.source_pipeline("- {name: orders, sync_mode: full_refresh}", mode="replace")
        refused = 0
        for content in cases:
            self.file.write_bytes(content)
            began = time.monotonic()
            done = self.rapidbyte("run", pipeline)
            self.assertLess(time.monotonic() - began, 30)
            self.assertIn(done.code, (harness.OK, harness.SOURCE, harness.INTERNAL), done.err)
            self.assertEqual(self.file.read_bytes(), content)
            if done.code != harness.OK:
                refused += 1
                self.assertRegex(done.err, "DATABASE_CORRUPT|NOT_A_DATABASE|DATABASE_IO|DATABASE_CANNOT_OPEN|SQL_ENGINE_FAILED|SQL_INVALID|GUEST_TRAP|MEMORY|TABLE_MISSING")
            else:
                self.assertEqual(len(self.ids()), 20000)
        self.assertGreaterEqual(refused, 8)


if __name__ == "__main__":
    harness.main()
