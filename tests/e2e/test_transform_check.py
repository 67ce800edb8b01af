"""Rules that rows have to keep: who passes, what becomes of those that fail, and that too many of them end the stream before anything is published."""
import json

import harness

ORDERS = ["id", "amount", "status", "email", "made"]


def orders(count):
    return [[i, i / 4, ("paid", "open", "sent")[i % 3], f"c{i}@example.org", f"2026-01-{i % 28 + 1:02d}"] for i in range(count)]


class TransformCheck(harness.EndToEnd):

    def check_pipeline(self, rules, *, streams=("orders",), mode="append", destination="", resources="", sync="sync_mode: full_refresh", before="", name="pipeline.yaml"):
        lines = "\n".join(f"- {{name: {stream}, {sync}}}" for stream in streams)
        self.letters = self.folder / "rejected.ndjson"
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: check", "source:", "  use: rapidbyte/source-file", f"  config: {{folder: {self.data}, format: csv}}",
            "  streams:", harness.indent(lines, 4), "transforms:", before, "  - use: rapidbyte/transform-check", "    config: " + json.dumps({"rules": rules}),
            "destination:", "  use: rapidbyte/dest-sqlite", f"  config: {{path: {self.database}}}", f"  write_mode: {mode}",
            harness.indent(destination, 2), f"dlq: {{path: {self.letters}}}", f"state: {{backend: sqlite, connection: {self.state}}}",
            "resources:", harness.indent("max_memory: 256mb\n" + resources, 2), ""
        ]), name=name)

    def write_orders(self, count=100, change=None, name="orders.csv"):
        rows = orders(count)
        for row, column, value in change or ():
            rows[row][ORDERS.index(column)] = value
        self.write_csv(name, ORDERS, rows)
        return rows

    def ids(self, table="orders"):
        return [row[0] for row in self.query(f"SELECT id FROM {table} ORDER BY id")]

    def counts(self):
        """What the events say of the rules: (stream, rule) -> rows that fail."""
        found = {}
        for line in self.events.read_text().splitlines():
            event = json.loads(line)
            if event.get("event") == "metric" and event.get("name") == "check_rows_failed":
                labels = event["labels"]
                rule = labels["rule"] if isinstance(labels, dict) else dict(labels)["rule"]
                found[event["stream"], rule] = found.get((event["stream"], rule), 0) + event["value"]
        return found

    # --- what happens to rows ----------------------------------------------------------------------------------------

    def test_rows_that_keep_the_rules_pass_as_they_are(self):
        rows = self.write_orders(20000)
        rules = [{"name": "positive", "expect": "amount >= 0"}, {"not_null": ["id", "status"]}, {"unique": "id"},
                 {"accepted_values": {"status": ["paid", "open", "sent"]}}, {"range": {"amount": {"min": 0, "max": 5000}, "made": {"min": "2026-01-01"}}},
                 {"regex": {"email": "^c[0-9]+@example\\.org$"}}]
        report = self.run_report(self.check_pipeline(rules), "--events", self.events)
        self.assertEqual(report["streams"][0]["rows_written"], 20000)
        got = self.query("SELECT id, CAST(amount AS REAL), status, email FROM orders ORDER BY id")
        # A diff of thousands of rows takes minutes.
        self.assertTrue(got == [tuple(row[:4]) for row in rows], got[:3])
        self.assertEqual(self.counts(), {("orders", name): 0 for name in ("positive", "not_null id, status", "unique id", "accepted_values status",
                                                                          "range amount, made", "regex email")})

    def test_a_row_that_fails_ends_the_stream_with_rule_and_row(self):
        self.write_orders(5000, [(4321, "amount", -1)])
        done = self.expect(harness.TRANSFORM, "run", self.check_pipeline([{"name": "positive", "expect": "amount >= 0"}]),
                           says=["CHECK_FAILED", "rule `positive`", "amount >= 0", "does not hold", '"id":4321'])
        self.assertIn("orders", done.err)
        self.assertFalse(self.table_exists("orders") and self.ids())

    def test_each_rule_says_what_becomes_of_its_rows(self):
        for kind, rule, column, value in (
            ("expect", {"expect": "amount >= 0"}, "amount", -1),
            ("not_null", {"not_null": "stat*"}, "status", None),
            ("accepted_values", {"accepted_values": {"status": ["paid", "open", "sent"]}}, "status", "it's"),
            ("range", {"range": {"made": {"max": "2026-01-31"}}}, "made", "2026-02-01"),
            ("regex", {"regex": {"email": "@example"}}, "email", "nobody"),
            ("unique", {"unique": ["email"]}, "email", "c1@example.org"),
        ):
            rows = self.write_orders(3000, [(5, column, value), (2999, column, value)])
            with self.subTest(kind=kind):
                bad = {5, 2999}
                rest = [row[0] for row in rows if row[0] not in bad]
                report = self.run_report(self.check_pipeline([dict(rule, name="r", on_fail="skip")], mode="replace"), "--events", self.events)
                self.assertEqual((report["streams"][0]["rows_written"], report["streams"][0]["rows_transformed_away"]), (2998, 2))
                self.assertEqual(self.ids(), rest)
                self.assertEqual(self.counts()["orders", "r"], 2)
                self.assertEqual(report["streams"][0]["counters"],
                                 [{"connector": "transform-check", "name": "check_rows_failed", "labels": {"rule": "r"}, "value": 2}])
                self.events.unlink()

                self.letters.unlink(missing_ok=True)
                report = self.run_report(self.check_pipeline([dict(rule, name="r", on_fail="dlq")], mode="replace"))
                self.assertEqual((report["streams"][0]["rows_written"], report["streams"][0]["rows_rejected"]), (2998, 2))
                letters = [json.loads(line) for line in self.letters.read_text().splitlines()]
                self.assertEqual([letter["record"]["id"] for letter in letters], [5, 2999])
                # Amounts are decimals, which are texts in a record.
                shown = "-1.00" if column == "amount" else value
                self.assertEqual([letter["record"][column] for letter in letters], [shown, shown])
                self.assertIn("rule `r`", letters[0]["error"])
                self.assertEqual(self.ids(), rest)

                done = self.run_ok(self.check_pipeline([dict(rule, name="r", on_fail="warn")], mode="replace"), "--events", self.events)
                self.assertEqual(self.ids(), [row[0] for row in rows])
                self.assertEqual(self.counts()["orders", "r"], 2)
                self.assertIn("rule `r`: 2 of 3000 rows fail", done.err)
                self.events.unlink()

                self.expect(harness.TRANSFORM, "run", self.check_pipeline([dict(rule, name="r")], mode="replace"), says=["CHECK_FAILED", "rule `r`"])

    def test_null_passes_as_in_a_check_of_sql(self):
        self.write_orders(10, [(3, "amount", None), (4, "status", None), (5, "email", None)])
        rules = [{"expect": "amount >= 0"}, {"accepted_values": {"status": ["paid", "open", "sent"]}}, {"regex": {"email": "@"}},
                 {"range": {"amount": {"min": 0}}}, {"name": "null", "expect": "CAST(NULL AS BOOLEAN)"}]
        self.run_ok(self.check_pipeline(rules))
        self.assertEqual(len(self.ids()), 10)

    def test_keys_with_a_null_are_like_no_other(self):
        rows = [[i, None if i % 2 else 1, "paid", f"c{i % 4}@example.org", "2026-01-01"] for i in range(100)]
        self.write_csv("orders.csv", ORDERS, rows)
        self.run_ok(self.check_pipeline([{"unique": ["amount", "email"], "on_fail": "skip"}]))
        # Of the even ones those of c0 and c2 stay once.
        self.assertEqual(self.ids(), sorted([0, 2] + list(range(1, 100, 2))))

    def test_an_expression_that_cannot_be_computed_fails_its_row_alone(self):
        self.write_orders(5000, [(17, "email", "17"), (4000, "email", "5")])
        rules = [{"name": "number", "expect": "CAST(email AS INTEGER) > 10", "on_fail": "dlq"}]
        self.write_csv("orders.csv", ORDERS, [[r[0], r[1], r[2], "x" if r[0] == 99 else ("5" if r[0] == 4000 else "17"), r[4]] for r in orders(5000)])
        report = self.run_report(self.check_pipeline(rules))
        self.assertEqual((report["streams"][0]["rows_written"], report["streams"][0]["rows_rejected"]), (4998, 2))
        letters = {json.loads(line)["record"]["id"]: json.loads(line)["error"] for line in self.letters.read_text().splitlines()}
        self.assertIn("cannot be computed", letters[99])
        self.assertIn("does not hold", letters[4000])

    def test_a_row_that_fails_several_rules_is_counted_for_each_and_removed_once(self):
        self.write_orders(100, [(7, "amount", -1), (7, "status", None), (8, "status", None)])
        rules = [{"name": "a", "expect": "amount >= 0", "on_fail": "skip"}, {"name": "b", "not_null": "status", "on_fail": "dlq"},
                 {"name": "c", "expect": "id <> 8", "on_fail": "warn"}]
        report = self.run_report(self.check_pipeline(rules), "--events", self.events)
        self.assertEqual((report["streams"][0]["rows_written"], report["streams"][0]["rows_rejected"], report["streams"][0]["rows_transformed_away"]), (98, 1, 1))
        self.assertEqual(self.counts(), {("orders", "a"): 1, ("orders", "b"): 2, ("orders", "c"): 1})

    def test_the_example_of_the_page_works(self):
        columns = ["id", "order_id", "line", "amount", "status", "email", "made_at"]
        rows = [[i, i // 2, i % 2, i / 4, "paid", f"c{i}@example.org", "2026-01-01"] for i in range(2000)]
        rows[7][3], rows[8][4], rows[9][5], rows[10][3] = -1, "lost", "nobody", 200000
        self.write_csv("orders.csv", columns, rows)
        pipeline = self.check_pipeline([{"not_null": "id"}]).read_text()
        first, rest = pipeline.split("transforms:")[0], pipeline[pipeline.index("destination:"):]
        done = self.run_ok(self.pipeline(first + harness.example_of("docs/connectors/transform-check.md") + rest), "--events", self.events)
        self.assertEqual(len(self.ids()), 1998)
        self.assertEqual({rule: count for (_, rule), count in self.counts().items() if count},
                         {"positive": 1, "accepted_values status": 1, "range amount": 2, "regex email": 1})
        self.assertEqual([json.loads(line)["record"]["id"] for line in self.letters.read_text().splitlines()], [7])
        self.assertIn("rule `range amount`: 2 of 2000 rows fail", done.err)

    # --- thresholds --------------------------------------------------------------------------------------------------

    def test_too_many_rows_end_the_stream_before_a_replace_is_published(self):
        self.write_orders(10)
        self.run_ok(self.check_pipeline([{"unique": "id"}], mode="replace"))
        change = [(i, "amount", -1) for i in range(0, 5000, 100)]  # 50 rows, 1 %
        self.write_orders(5000, change)
        for most, enough in (("1%", True), ("0.99%", False), (50, True), (49, False), ("0%", False), (0, False), ("100%", True)):
            for on_fail in ("skip", "warn", "dlq"):
                with self.subTest(most=most, on_fail=on_fail):
                    before = self.ids()
                    pipeline = self.check_pipeline([{"name": "positive", "expect": "amount >= 0", "on_fail": on_fail, "at_most": most}], mode="replace")
                    if not enough:
                        done = self.expect(harness.TRANSFORM, "run", pipeline, "--events", self.events, says=["CHECK_FAILED", "rule `positive`", str(most)])
                        self.assertEqual(self.ids(), before, "the old table stays")
                        self.assertGreater(self.counts()["orders", "positive"], 0)
                        continue
                    self.run_ok(pipeline)
                    self.assertEqual(len(self.ids()), 5000 if on_fail == "warn" else 4950)
                    self.events.unlink(missing_ok=True)
                    self.write_orders(10)
                    self.run_ok(self.check_pipeline([{"unique": "id"}], mode="replace"))
                    self.write_orders(5000, change)

    def test_with_at_most_nothing_of_an_append_is_committed_when_too_many_fail(self):
        self.write_orders(40000, [(i, "amount", -1) for i in range(39000, 40000)])
        resources = "checkpoint_interval_bytes: 64kb\nmax_retries: 0"
        rules = [{"name": "positive", "expect": "amount >= 0", "on_fail": "skip", "at_most": "1%"}]
        self.expect(harness.TRANSFORM, "run", self.check_pipeline(rules, resources=resources), says="CHECK_FAILED")
        self.assertFalse(self.table_exists("orders") and self.ids())
        rules[0]["at_most"] = "3%"
        self.run_ok(self.check_pipeline(rules, resources=resources))
        self.assertEqual(len(self.ids()), 39000)
        # A rule without a memory lets checkpoints pass: what was committed before the row that fails stays, and the load goes on.
        self.database.unlink()
        self.state.unlink()
        self.expect(harness.TRANSFORM, "run", self.check_pipeline([{"expect": "amount >= 0"}], resources=resources), says="CHECK_FAILED")
        self.assertGreater(len(self.ids()), 0)

    def test_duplicates_are_found_across_batches(self):
        rows = [[i % 30000, i, "paid", "x", "2026-01-01"] for i in range(60000)]
        self.write_csv("orders.csv", ORDERS, rows)
        report = self.run_report(self.check_pipeline([{"unique": "id", "on_fail": "skip"}]))
        self.assertEqual((report["streams"][0]["rows_written"], report["streams"][0]["rows_transformed_away"]), (30000, 30000))
        self.assertEqual(self.ids(), list(range(30000)))
        self.assertEqual(self.query("SELECT max(CAST(amount AS REAL)) FROM orders"), [(29999,)], "the first of each stays")

    def test_the_memory_of_unique_is_bounded(self):
        with open(self.data / "orders.csv", "w", encoding="utf-8") as out:
            out.write("id\n")
            out.writelines(f"{i}\n" for i in range(3_000_000))
        pipeline = self.check_pipeline([{"unique": "id"}], resources="max_retries: 0").read_text().replace("max_memory: 256mb", "max_memory: 160mb")
        self.expect(harness.TRANSFORM, "run", self.pipeline(pipeline), says=["CHECK_TOO_MANY_KEYS", "resources.max_memory"])

    # --- what is refused ---------------------------------------------------------------------------------------------

    def test_what_cannot_be_is_refused_before_anything_is_written(self):
        self.write_orders(10)
        for rule, code, *says in (
            ({"expect": "amuont >= 0"}, "SQL_INVALID", "line 1, column 1", "amuont"),
            ({"expect": "id > 0 AND\n  amuont >= 0"}, "SQL_INVALID", "line 2, column 3", "amuont"),
            ({"expect": "amount"}, "CHECK_INVALID", "not a condition"),
            ({"expect": "true) AS x, (true"}, "CHECK_INVALID", "must be one condition"),
            ({"expect": "true) FROM input; SELECT (true"}, "SQL_INVALID"),
            ({"expect": "count(*) > 1"}, "CHECK_INVALID", "about one row alone", "it aggregates"),
            ({"expect": "row_number() OVER () > 1"}, "CHECK_INVALID", "window function"),
            ({"expect": "id IN (SELECT 1 FROM read_csv('/etc/passwd'))"}, "SQL_INVALID"),
            ({"not_null": "stauts"}, "PATTERN_UNMATCHED", "did you mean status?"),
            ({"unique": "stauts"}, "CHECK_INVALID", "did you mean status?"),
            ({"not_null": "status", "streams": "ordres"}, "PATTERN_UNMATCHED", "`ordres` fits no stream", "did you mean orders?"),
            ({"range": {"made": {"min": "2026-02-30"}}}, "CHECK_INVALID", "2026-02-30"),
            ({"range": {"status": {"min": 5}}}, "CHECK_INVALID", "`status`"),
            ({"regex": {"id": "x"}}, "CHECK_INVALID", "`id`"),
            ({"regex": {"email": "("}}, "CHECK_INVALID", "rule `r`", "missing )"),
        ):
            with self.subTest(rule=rule):
                done = self.expect(harness.TRANSFORM, "run", self.check_pipeline([dict(rule, name="r")]), says=[code, "r", *says])
                self.assertNotEqual(self.rapidbyte("check", self.check_pipeline([dict(rule, name="r")])).code, harness.OK)
        self.assertFalse(self.table_exists("orders"))

    def test_a_comment_and_odd_names_are_no_harm(self):
        self.write_csv("orders.csv", ["id", '"count(*)"', '"a""b"', "rapidbyte_rule_0"], [[1, "x", "y", 5]])
        rules = [{"name": 'it\'s "x"', "expect": "id = 1 -- ) AS y"}, {"accepted_values": {"count(*)": ["x"], 'a"b': ["y"]}},
                 {"name": "own", "expect": "rapidbyte_rule_0 = 5"}]
        self.run_ok(self.check_pipeline(rules))
        self.assertEqual(self.ids(), [1])

    def test_rules_are_for_the_streams_that_they_name(self):
        self.write_orders(10)
        self.write_csv("zips.csv", ["id", "town"], [[1, None]])
        rules = [{"not_null": "status", "streams": "ord*"}, {"not_null": "id"}, {"expect": "town IS NULL", "streams": ["zips"]}]
        pipeline = self.check_pipeline(rules, streams=("orders", "zips"))
        self.run_ok(pipeline)
        self.assertEqual((len(self.ids()), len(self.ids("zips"))), (10, 1))
        done = self.rapidbyte("check", pipeline)
        self.assertEqual(done.code, harness.OK, done.err)
        self.assertIn("stream orders: 2 rules, 5 columns", done.out + done.err)
        self.expect(harness.TRANSFORM, "run", self.check_pipeline([{"expect": "town IS NULL"}], streams=("orders", "zips")), says=["SQL_INVALID", "orders", "town"])

    def test_check_and_columns_share_one_component(self):
        self.write_orders(100)
        before = "  - use: rapidbyte/transform-columns\n    config: {rename: {id: key}}\n  - use: rapidbyte/transform-sql\n    config: {query: 'SELECT * FROM input WHERE key > 9'}"
        done = self.run_ok(self.check_pipeline([{"expect": "key > 9"}], before=before))
        self.assertEqual(self.query("SELECT count(*), min(key) FROM orders"), [(90, 10)])
        self.assertLessEqual(done.err.count("compil"), 1)


harness.main() if __name__ == "__main__" else None
