"""SQL in a pipeline: the result of a query is what arrives, batch by batch or over the whole stream, and a query cannot do what it may not do."""
import json

import harness

ORDERS = ["id", "customer", "amount", "status", "made"]


def orders(count, first=0):
    states = ("paid", "open", "test")
    return [[first + i, f"customer {i % 7}", round((i * 37 % 1000) / 8, 3), states[i % 3], f"2026-01-{i % 28 + 1:02d}T10:00:00Z"] for i in range(count)]


class TransformSql(harness.EndToEnd):

    def sql_pipeline(self, config, *, streams="- {name: orders, sync_mode: full_refresh}", mode="append", resources="", destination="", extra="",
                     name="pipeline.yaml"):
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: sql", "source:", "  use: rapidbyte/source-file", f"  config: {{folder: {self.data}, format: csv}}", "  streams:",
            harness.indent(streams, 4), "transforms:", "  - use: rapidbyte/transform-sql", "    config: " + json.dumps(config), "destination:",
            "  use: rapidbyte/dest-sqlite", f"  config: {{path: {self.database}}}", f"  write_mode: {mode}", harness.indent(destination, 2),
            f"state: {{backend: sqlite, connection: {self.state}}}", "resources:", harness.indent(("" if "max_memory" in resources else "max_memory: 256mb\n") + resources, 2), extra, ""
        ]), name=name)

    def assert_rows(self, query, want):
        """Says where the first difference is; a diff of thousands of rows takes minutes."""
        got = self.query(query)
        for i, (g, w) in enumerate(zip(got, want)):
            self.assertEqual(g, w, f"row {i}")
        self.assertEqual(len(got), len(want))

    def write_orders(self, count, first=0, name="orders.csv"):
        rows = orders(count, first)
        self.write_csv(name, ORDERS, rows)
        return rows

    # --- what arrives ------------------------------------------------------------------------------------------------

    def test_a_filter_and_expressions_run_batch_by_batch(self):
        rows = self.write_orders(20000)
        query = "SELECT id, upper(customer) AS customer, amount * 2 AS twice, date_part('day', made) AS day FROM input WHERE status <> 'test'"
        report = self.run_report(self.sql_pipeline({"query": query}))
        want = [(r[0], r[1].upper(), r[2] * 2, r[0] % 28 + 1) for r in rows if r[3] != "test"]
        self.assert_rows("SELECT id, customer, CAST(twice AS REAL), day FROM orders ORDER BY id", want)
        stream = report["streams"][0]
        self.assertEqual((stream["rows_read"], stream["rows_written"], stream["rows_transformed_away"]), (20000, len(want), 20000 - len(want)))

    def test_a_filter_is_applied_although_the_scan_could_not_do_it(self):
        # The trap of duckdb_arrow_scan, which leaves filters to the producer of the batches and assumes that they were applied.
        self.write_orders(5000)
        self.run_ok(self.sql_pipeline({"query": "SELECT id FROM input WHERE id % 4 = 1 AND amount > 10 AND status IN ('paid', 'open')"}))
        want = [(r[0],) for r in orders(5000) if r[0] % 4 == 1 and r[2] > 10 and r[3] != "test"]
        self.assert_rows("SELECT id FROM orders ORDER BY id", want)

    def test_streams_without_a_query_pass_through_and_patterns_choose(self):
        self.write_orders(300)
        self.write_orders(200, name="orders_old.csv")
        self.write_csv("people.csv", ["id", "name"], [[1, "Ada"], [2, None], [3, ""]])
        streams = "\n".join(f"- {{name: {name}, sync_mode: full_refresh}}" for name in ("orders", "orders_old", "people"))
        config = {"queries": {"orders*": "SELECT id, 'any' AS made FROM input", "orders": "SELECT id, 'exact' AS made FROM orders"}}
        self.run_ok(self.sql_pipeline(config, streams=streams))
        self.assertEqual(self.query("SELECT DISTINCT made FROM orders"), [("exact",)])
        self.assertEqual(self.query("SELECT made, count(*) FROM orders_old GROUP BY 1"), [("any", 200)])
        self.assertEqual(self.query("SELECT id, name FROM people ORDER BY id"), [(1, "Ada"), (2, None), (3, "")])

    def test_a_query_that_fits_no_stream_is_a_warning(self):
        self.write_orders(10)
        config = {"query": "SELECT id FROM input", "queries": {"ordres": "SELECT 1 AS one FROM input", "order[a-r]": "SELECT 2 AS two FROM input", "o*": "SELECT id FROM input"}}
        done = self.run_ok(self.sql_pipeline(config))
        self.assertEqual(done.err.count("fits no stream"), 2)
        for text in ("`ordres` fits no stream", "did you mean orders?", "`order[a-r]` fits no stream"):
            self.assertIn(text, done.err)
        self.assertEqual(self.query("SELECT count(id) FROM orders"), [(10,)])
        # A run of some streams only knows the others.
        self.write_csv("people.csv", ["id"], [[1]])
        streams = "\n".join(f"- {{name: {name}, sync_mode: full_refresh}}" for name in ("orders", "people"))
        done = self.run_ok(self.sql_pipeline({"queries": {"people": "SELECT id FROM input"}}, streams=streams, mode="replace"), "--stream", "orders")
        self.assertNotIn("fits no stream", done.err)

    def test_an_empty_stream_makes_a_table_of_the_querys_columns(self):
        self.write_csv("orders.csv", ORDERS, [])
        self.run_ok(self.sql_pipeline({"query": "SELECT 1 AS one, 'x' AS two, true AS three FROM input"}))
        self.assertEqual([row[1] for row in self.query("SELECT * FROM pragma_table_info('orders')")], ["one", "two", "three"])

    def test_a_query_over_the_whole_stream_gets_all_of_it(self):
        rows = self.write_orders(30000)
        query = "SELECT customer, count(*) AS n, sum(id) AS ids FROM input GROUP BY customer ORDER BY customer"
        self.run_ok(self.sql_pipeline({"query": query, "whole": True}))
        want = {}
        for row in rows:
            n, ids = want.get(row[1], (0, 0))
            want[row[1]] = (n + 1, ids + row[0])
        got = self.query("SELECT customer, n, CAST(ids AS INTEGER) FROM orders ORDER BY customer")
        self.assertEqual(got, [(customer, *want[customer]) for customer in sorted(want)])

    def test_parameters_are_values(self):
        self.write_orders(100)
        config = {"query": "SELECT id, $label AS label FROM input WHERE id < $most", "parameters": {"most": 10, "label": "x'); DROP TABLE input; --"}}
        self.run_ok(self.sql_pipeline(config))
        self.assertEqual(self.query("SELECT count(*), min(label) FROM orders"), [(10, "x'); DROP TABLE input; --")])

    def test_a_file_is_looked_up_batch_by_batch(self):
        self.write_orders(20000)
        self.write("lists/states.csv", "status,word\npaid,first\nopen,second\n")
        self.write("lists/rates.json", json.dumps([{"word": "first", "rate": 3}]))
        config = {
            "tables": {"states": {"path": "lists/states.csv"}, "rates": {"path": "lists/rates.json"}},
            "query": "SELECT o.id, s.word, r.rate FROM input o LEFT JOIN states s USING (status) LEFT JOIN rates r ON r.word = s.word",
        }
        report = self.run_report(self.sql_pipeline(config))
        self.assertGreaterEqual(report["streams"][0]["rows_written"], 20000)
        got = self.query("SELECT word, rate, count(*) FROM orders GROUP BY 1, 2 ORDER BY 1")
        self.assertEqual(got, [(None, None, 6666), ("first", 3, 6667), ("second", None, 6667)])
        config["tables"]["gone"] = {"path": "lists/gone.csv"}
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(config), says=["lists/gone.csv"])
        config["tables"]["gone"] = {"path": "lists/what"}
        self.write("lists/what", "x")
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(config), says=["`gone`", "format"])

    def test_an_incremental_stream_resumes_where_it_was(self):
        self.write_orders(1000)
        streams = "- {name: orders, sync_mode: incremental, cursor_field: id}"
        pipeline = self.sql_pipeline({"query": "SELECT id, customer FROM input WHERE id % 2 = 0"}, streams=streams)
        self.run_ok(pipeline)
        self.write_orders(1500)
        report = self.run_report(pipeline)
        self.assertEqual(report["streams"][0]["rows_read"], 500)
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT id), max(id) FROM orders"), [(750, 750, 1498)])

    def test_the_rows_of_one_load_are_made_by_one_query(self):
        self.write_orders(40000)
        resources = "checkpoint_interval_bytes: 64kb\nmax_retries: 0"
        # The row in the middle ends the load after some commits.
        broken = {"query": "SELECT id, CASE WHEN id = 30000 THEN CAST(customer AS INTEGER) ELSE 1 END AS one FROM input"}
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(broken, resources=resources), says="SQL_FAILED")
        committed = self.query("SELECT count(*) FROM orders")[0][0]
        self.assertGreater(committed, 0)
        mended = {"query": "SELECT id, 2 AS one FROM input"}
        self.expect(harness.INVALID, "run", self.sql_pipeline(mended, resources=resources), says=["CURSOR_CHANGED", "transforms"])
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(committed,)])
        # The same query resumes, as far as it can.
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(broken, resources=resources), says="SQL_FAILED")
        # Between loads it may change.
        self.run_ok(self.sql_pipeline({"query": "SELECT id, 1 AS one FROM input"}, mode="replace", resources=resources))
        self.run_ok(self.sql_pipeline({"query": "SELECT id, 2 AS one FROM input"}, mode="replace", resources=resources))
        self.assertEqual(self.query("SELECT one, count(*) FROM orders GROUP BY 1"), [(2, 40000)])

    def test_types_that_no_batch_carries_are_cast_without_loss(self):
        self.write_orders(3)
        query = ("SELECT id, [id, id + 1] AS list, {'a': id} AS pair, 170141183460469231731687303715884105727::HUGEINT % 1000 AS big, "
                 "'6ba7b810-9dad-11d1-80b4-00c04fd430c8'::UUID AS u FROM input")
        self.run_ok(self.sql_pipeline({"query": query}))
        got = self.query("SELECT id, list, pair, CAST(big AS INTEGER), u FROM orders ORDER BY id")
        self.assertEqual(got[2], (2, "[2,3]", '{"a":2}', 727, "6ba7b810-9dad-11d1-80b4-00c04fd430c8"))

    # --- rows that fail ----------------------------------------------------------------------------------------------

    FAILING = {"query": "SELECT id, CAST(customer AS INTEGER) AS number FROM input"}

    def write_numbers(self, bad=(17, 4000)):
        rows = [[i, f"x{i}" if i in bad else str(i), 1.5, "paid", "2026-01-01T00:00:00Z"] for i in range(5000)]
        self.write_csv("orders.csv", ORDERS, rows)

    def test_a_row_that_fails_ends_the_stream_and_is_shown(self):
        self.write_numbers()
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(self.FAILING), says=["SQL_FAILED", "x17", "line 1, column 12"])

    def test_rows_that_fail_are_skipped_and_the_others_land(self):
        self.write_numbers()
        self.run_ok(self.sql_pipeline(self.FAILING, destination="on_data_error: skip"))
        self.assertEqual(self.query("SELECT count(*), sum(id = number) FROM orders"), [(4998, 4998)])

    def test_rows_that_fail_are_dead_lettered_as_they_came(self):
        self.write_numbers()
        letters = self.folder / "rejected.ndjson"
        report = self.run_report(self.sql_pipeline(self.FAILING, destination="on_data_error: dlq", extra=f"dlq: {{path: {letters}}}"))
        stream = report["streams"][0]
        self.assertEqual((stream["rows_written"], stream["rows_rejected"], stream["rows_transformed_away"]), (4998, 2, 0))
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(4998,)])
        lines = [json.loads(line) for line in letters.read_text().splitlines()]
        self.assertEqual([line["record"]["customer"] for line in lines], ["x17", "x4000"])
        self.assertIn("x17", lines[0]["error"])

    def test_infinity_is_no_date(self):
        self.write_orders(10)
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": "SELECT id, 'infinity'::DATE AS d FROM input"}), says=["SQL_FAILED", "infinity", "`d`"])

    # --- what is refused ---------------------------------------------------------------------------------------------

    def test_a_mistake_is_shown_with_its_place_before_anything_is_written(self):
        self.write_orders(10)
        for query, *says in (
            ("SELECT id,\n  amuont FROM input", "line 2, column 3", "amuont"),
            ("SELEC id FROM input", "line 1, column 1"),
            ("SELECT id FROM input; DROP TABLE input", "2 statements"),
            ("CREATE TABLE x AS SELECT * FROM input", "must be a SELECT"),
            ("COPY (SELECT 1) TO 'out.csv'", "must be a SELECT"),
            ("SELECT id, id FROM input", "two columns", "`id`"),
            ("SELECT $x AS x FROM input", "`$x`", "parameters"),
            ("SELECT id, [1] AS ID FROM input", "two columns", "case of letters"),
            ("WITH x AS (INSERT INTO input VALUES (1) RETURNING id) SELECT i.id FROM input i", "SQL_INVALID"),
        ):
            with self.subTest(query=query):
                self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": query}), says=["SQL_INVALID", *says])
        self.assertFalse(self.database.exists() and self.query("SELECT * FROM sqlite_master WHERE name = 'orders'"))

    def test_what_needs_all_rows_is_refused_unless_it_is_allowed(self):
        self.write_orders(10)
        for query, why in (
            ("SELECT count(*) AS n FROM input", "it aggregates"),
            ("SELECT id FROM input ORDER BY id", "it sorts"),
            ("SELECT id, row_number() OVER () AS r FROM input", "it has a window function"),
            ("SELECT DISTINCT status FROM input", "it removes duplicates"),
            ("SELECT id FROM input LIMIT 3", "it has a LIMIT"),
            ("SELECT a.id FROM input a JOIN input b USING (id)", "it joins the input with itself"),
            ("SELECT id FROM input UNION ALL SELECT -1", "rows that do not come from rows of the input"),
            ("SELECT id FROM input WHERE amount > (SELECT avg(amount) FROM input)", "it aggregates"),
            ("SELECT 1 AS one", "do not come from rows of the input"),
            ("SELECT id, (SELECT max(x) FROM range(id) t(x)) AS m FROM input", "it aggregates"),
            ("SELECT v.t FROM (VALUES (5)) v(t) ASOF JOIN input i ON v.t >= i.id", "nearest row"),
            ("WITH t AS (SELECT max(id) AS m FROM input) SELECT m FROM t", "it aggregates"),
        ):
            with self.subTest(query=query):
                self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": query}), says=["SQL_NEEDS_ALL_ROWS", why])

    def test_what_works_row_by_row_gives_what_the_whole_would(self):
        # Twenty thousand rows are many batches. The same queries over the whole stream are the oracle.
        rows = self.write_orders(20000)
        self.write("lists/states.csv", "status,word\npaid,first\nopen,second\nnone,third\n")
        tables = {"states": {"path": "lists/states.csv"}}
        want = {
            "SELECT id FROM input WHERE id < 50 UNION ALL SELECT id FROM input WHERE id >= 50": [(r[0],) for r in rows],
            "SELECT id, id % 2 AS x FROM input UNION ALL SELECT id, 7 FROM orders": sorted([(r[0], r[0] % 2) for r in rows] + [(r[0], 7) for r in rows]),
            "WITH t AS (SELECT id FROM input) SELECT a.id FROM t a WHERE a.id IN (SELECT 5)": [(5,)],
            "SELECT id, word FROM input LEFT JOIN states USING (status)": [(r[0], {"paid": "first", "open": "second"}.get(r[3])) for r in rows],
            "SELECT id, word FROM states JOIN input USING (status)": [(r[0], {"paid": "first", "open": "second"}[r[3]]) for r in rows if r[3] != "test"],
            "SELECT id FROM input WHERE NOT EXISTS (SELECT 1 FROM states s WHERE s.status = input.status)": [(r[0],) for r in rows if r[3] == "test"],
            "SELECT id, unnest([id, -1]) AS n FROM input": sorted([(r[0], r[0]) for r in rows] + [(r[0], -1) for r in rows]),
        }
        for query, rows_wanted in want.items():
            with self.subTest(query=query):
                self.run_ok(self.sql_pipeline({"query": query, "tables": tables}, mode="replace"))
                self.assert_rows("SELECT * FROM orders ORDER BY 1, 2" if len(rows_wanted[0]) > 1 else "SELECT * FROM orders ORDER BY 1", rows_wanted)

    def test_a_query_over_the_whole_stream_reads_it_once(self):
        rows = self.write_orders(20000)
        for query in ("SELECT a.id FROM input a JOIN input b USING (id)", "SELECT id FROM input WHERE amount > (SELECT avg(amount) FROM input)"):
            with self.subTest(query=query):
                self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": query, "whole": True}), says=["SQL_INVALID", "AS MATERIALIZED"])
                # Before anything is written, and by whoever only looks.
                self.assertFalse(self.database.exists() and self.query("SELECT * FROM sqlite_master WHERE name = 'orders'"))
                self.assertNotEqual(self.rapidbyte("check", self.sql_pipeline({"query": query, "whole": True})).code, harness.OK)
        query = "WITH t AS MATERIALIZED (SELECT * FROM input) SELECT id FROM t WHERE amount > (SELECT avg(amount) FROM t)"
        self.run_ok(self.sql_pipeline({"query": query, "whole": True}, mode="replace"))
        mean = sum(r[2] for r in rows) / len(rows)
        self.assert_rows("SELECT id FROM orders ORDER BY id", [(r[0],) for r in rows if r[2] > mean])
        # A query that has its result before it has read everything.
        report = self.run_report(self.sql_pipeline({"query": "SELECT id FROM input ORDER BY id LIMIT 3", "whole": True}, mode="replace"))
        self.assertEqual(self.query("SELECT id FROM orders ORDER BY id"), [(0,), (1,), (2,)])
        self.assertEqual(report["streams"][0]["rows_read"], 20000)
        self.run_ok(self.sql_pipeline({"query": "SELECT id FROM input LIMIT 3", "whole": True}, mode="replace"))
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(3,)])
        self.write_csv("orders.csv", ORDERS, [])
        self.run_ok(self.sql_pipeline({"query": "SELECT count(*) AS n FROM input", "whole": True}, mode="replace"))
        self.assertEqual(self.query("SELECT n FROM orders"), [(0,)])

    def test_wide_rows_are_cut_into_batches_by_their_size(self):
        self.write_orders(8000)
        self.run_ok(self.sql_pipeline({"query": "SELECT id, repeat(customer, 500) AS wide FROM input ORDER BY id", "whole": True}))
        self.assertEqual(self.query("SELECT count(*), min(length(wide)), max(length(wide)) FROM orders"), [(8000, 5000, 5000)])

    def test_names_of_streams_and_files_do_not_meet(self):
        self.write_orders(100)
        self.write_csv("states.csv", ["status", "word"], [["paid", "stream"]])
        self.write("lists/states.csv", "status,word\npaid,file\n")
        streams = "\n".join(f"- {{name: {name}, sync_mode: full_refresh}}" for name in ("states", "orders"))
        config = {"tables": {"states": {"path": "lists/states.csv"}},
                  "queries": {"orders": "SELECT id, word FROM input JOIN states USING (status)", "states": "SELECT word FROM input"}}
        self.run_ok(self.sql_pipeline(config, streams=streams))
        self.assertEqual(self.query("SELECT DISTINCT word FROM orders"), [("file",)])
        self.assertEqual(self.query("SELECT word FROM states"), [("stream",)])
        del config["tables"]
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(config, streams=streams), says=["SQL_INVALID", "states"])

    def test_what_works_row_by_row_is_not_refused(self):
        self.write_orders(100)
        for i, query in enumerate((
            "WITH t AS (SELECT id, amount FROM input) SELECT id FROM t WHERE amount >= 0",
            "SELECT id, unnest([1, 2]) AS n FROM input",
            "SELECT i.id, x.n FROM input i, LATERAL (SELECT i.id + 1 AS n) x",
            "SELECT i.id, v.word FROM input i LEFT JOIN (VALUES ('paid', 'yes'), ('open', 'no')) v(status, word) ON v.status = i.status",
            "SELECT id FROM input WHERE status IN (SELECT 'paid')",
            "SELECT id FROM input WHERE id < 50 UNION ALL SELECT id FROM input WHERE id >= 50",
        )):
            with self.subTest(query=query):
                self.run_ok(self.sql_pipeline({"query": query}, mode="replace"))

    def test_nothing_outside_is_reached(self):
        self.write_orders(10)
        secret = self.write("secret.csv", "a\n1\n")
        for query in (
            f"SELECT * FROM read_csv('{secret}')", f"SELECT * FROM '{secret}'", "SELECT * FROM read_text('/etc/passwd')", "SELECT * FROM glob('/*')",
            "SELECT id FROM input WHERE EXISTS (SELECT 1 FROM read_blob('/proc/self/environ'))",
            "SELECT * FROM read_parquet('http://127.0.0.1:1/x.parquet')", "SELECT getenv('HOME') AS home FROM input",
        ):
            with self.subTest(query=query):
                done = self.rapidbyte("run", self.sql_pipeline({"query": query, "whole": True}))
                self.assertEqual(done.code, harness.TRANSFORM, done.err)

    # --- bounds ------------------------------------------------------------------------------------------------------

    def test_sizes_beyond_32_bits_are_refused_before_anything_is_cut(self):
        # In a guest a size has 32 bits, and DuckDB's have 64: what is cut to the lower ones would be allocated small and written large.
        self.write_orders(10)
        for expression in ("repeat('x', 3000000000)", "repeat('ab', 2147483649)", "len(range(536870913))", "list_resize([id], 1073741825)",
                           "lpad('x', 2147483647, 'y') || rpad('x', 2147483647, 'y')", "array_to_string(list_resize(['ab'], 2147483649), ',')",
                           "len(list_resize([[id]], 4294967297))", "bitstring('1', 2147483647)", "string_split(repeat(',', 4294967290), ',')"):
            with self.subTest(expression):
                query = f"SELECT id, CAST(len(CAST({expression} AS VARCHAR)) AS BIGINT) AS n FROM input WHERE id = 3"
                done = self.rapidbyte("run", self.sql_pipeline({"query": query}, resources="max_retries: 0"), timeout=240)
                self.assertEqual(done.code, harness.TRANSFORM, done.err)
                self.assertRegex(done.err, "SQL_OUT_OF_MEMORY|SQL_FAILED|SQL_ENGINE_FAILED|GUEST_TRAP|MEMORY_LIMIT|GUEST_TIMEOUT|SQL_INVALID")

    def test_a_query_over_the_whole_stream_spills_where_it_may(self):
        # 180 MB of rows, which 60 percent of 192 MiB would have to hold.
        self.write_csv("orders.csv", ["id", "text"], [[(i * 7919) % 300000, f"{i:06d}" + "x" * 600] for i in range(300000)])
        query = {"query": "SELECT id, text FROM input ORDER BY id", "whole": True}
        small = "max_memory: 192mb\nmax_retries: 0"
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(query, resources=small), says=["SQL_OUT_OF_MEMORY"])
        spill = self.folder / "spill"
        spill.mkdir()
        (spill / "mine.txt").write_text("stays")
        query["spill"] = {"folder": str(spill)}
        self.run_ok(self.sql_pipeline(query, resources=small), timeout=240)
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT id), sum(rowid - 1 = id), min(length(text)) FROM orders"), [(300000, 300000, 300000, 606)])
        self.assertEqual([path.name for path in spill.iterdir()], ["mine.txt"])
        query["spill"]["max_bytes"] = 2 << 20
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline(query, mode="replace", resources=small), says=["SQL_OUT_OF_MEMORY"])
        self.assertEqual([path.name for path in spill.iterdir()], ["mine.txt"])
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(300000,)])

    def test_a_query_that_never_ends_is_ended_and_one_that_takes_all_memory_fails(self):
        self.write_orders(10)
        endless = "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r WHERE n > 0) SELECT count(*) AS n FROM r, input"
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": endless, "whole": True}, resources="guest_timeout_seconds: 5\nmax_retries: 0"),
                    says=["GUEST_TIMEOUT"])
        greedy = "SELECT list(x || repeat('y', 1000)) AS l FROM input, range(100000000) t(x)"
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": greedy, "whole": True}, resources="max_retries: 0"), says=["SQL_OUT_OF_MEMORY", "max_memory"])
        # And the next run works.
        self.run_ok(self.sql_pipeline({"query": "SELECT id FROM input"}))

    def test_expressions_may_be_nested_deep(self):
        self.write_orders(3)
        self.run_ok(self.sql_pipeline({"query": "SELECT id" + " + 1" * 900 + " AS x FROM input"}))
        self.assertEqual(self.query("SELECT x FROM orders ORDER BY x"), [(900,), (901,), (902,)])
        self.expect(harness.TRANSFORM, "run", self.sql_pipeline({"query": "SELECT " + "(" * 5000 + "id" + ")" * 5000 + " AS x FROM input"}), says=["SQL_INVALID"])

    def test_check_says_how_each_stream_is_run(self):
        self.write_orders(10)
        config = {"queries": {"orders": "SELECT status, count(*) AS n FROM input GROUP BY status"}, "whole": True}
        done = self.rapidbyte("check", self.sql_pipeline(config))
        self.assertEqual(done.code, harness.OK, done.err + done.out)
        self.assertIn("over the whole stream: it aggregates, 2 columns", done.out + done.err)


harness.main() if __name__ == "__main__" else None
