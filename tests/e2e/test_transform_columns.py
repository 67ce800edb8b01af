"""Columns chosen, renamed, cast, filled, masked, hashed and emptied by plain data: what arrives, what is refused before the first row, and what
never leaves."""
import hashlib
import hmac
import json

import harness

PEOPLE = ["id", "name", "home_email", "work_email", "card", "born", "score", "note"]


def people(count):
    return [[i, f"Person {i}", f"p{i}@home.example", None if i % 5 == 0 else f"p{i}@work.example", f"4000-{i:04d}", f"19{i % 90 + 10}-02-03", i / 4,
             "x" * (i % 4)] for i in range(count)]


class TransformColumns(harness.EndToEnd):

    def columns_pipeline(self, config, *, streams=("people",), mode="append", destination="", transform="", extra="", source="", options="", resources=""):
        lines = "\n".join(f"- {{name: {json.dumps(name)}, sync_mode: full_refresh{options}}}" for name in streams)
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: columns", "source:", "  use: rapidbyte/source-file", f"  config: {{folder: {self.data}, format: csv{source}}}",
            "  streams:", harness.indent(lines, 4), "transforms:", "  - use: rapidbyte/transform-columns", "    config: " + json.dumps(config),
            harness.indent(transform, 4), "destination:", "  use: rapidbyte/dest-sqlite", f"  config: {{path: {self.database}}}",
            f"  write_mode: {mode}", harness.indent(destination, 2), f"state: {{backend: sqlite, connection: {self.state}}}",
            "resources:", harness.indent("max_memory: 256mb\n" + resources, 2), extra, ""
        ]))

    def write_people(self, count=100, name="people.csv"):
        rows = people(count)
        self.write_csv(name, PEOPLE, rows)
        return rows

    def columns_of(self, table):
        return [(row[1], row[2], row[3]) for row in self.query(f"SELECT * FROM pragma_table_info('{table}')")]

    # --- what arrives ------------------------------------------------------------------------------------------------

    def test_every_rule_does_what_it_says(self):
        rows = self.write_people(5000)
        config = {
            "select": ["id", "name", "*_email", "card", "born", "score", "note"],
            "exclude": ["score"],
            "rename": {"id": "key", "*_email": "mail_*"},
            "cast": {"born": "text"},
            "default": {"work_email": "none"},
            "mask": {"card": 3},
            "hash": ["home_email"],
            "null": ["note"],
        }
        report = self.run_report(self.columns_pipeline(config))
        stream = report["streams"][0]
        self.assertEqual((stream["rows_read"], stream["rows_written"], stream["rows_transformed_away"]), (5000, 5000, 0))
        self.assertEqual([column[0] for column in self.columns_of("people")], ["key", "name", "mail_home", "mail_work", "card", "born", "note"])
        sha = lambda text: hashlib.sha256(text.encode()).hexdigest()
        want = [(r[0], r[1], sha(r[2]), r[3] or "none", "******" + r[4][-3:], r[5], None) for r in rows]
        self.assertEqual(self.query("SELECT * FROM people ORDER BY key"), want)

    def test_hmac_is_pythons_and_the_key_is_nowhere(self):
        rows = self.write_people(300)
        key = "0123456789abcdef-a-key-that-must-not-leak"
        pipeline = self.columns_pipeline({"hash": {"*_email": "hmac-sha256", "id": "hmac-sha256"}}, transform="permissions: {env: [RAPIDBYTE_HASH_KEY]}")
        environment = self.environment(RAPIDBYTE_HASH_KEY=key)
        done = self.run_ok(pipeline, "-vv", "--events", self.events, environment=environment)
        checked = self.rapidbyte("check", pipeline, "-vv", environment=environment)
        self.assertEqual(checked.code, harness.OK, checked.err)
        mac = lambda text: hmac.new(key.encode(), text.encode(), hashlib.sha256).hexdigest()
        want = sorted((mac(str(r[0])), mac(r[2]), mac(r[3]) if r[3] else None) for r in rows)
        self.assertEqual(sorted(self.query("SELECT id, home_email, work_email FROM people")), want)
        # The two blocks that are made of it say as much as the key.
        inner = bytes((b ^ 0x36) for b in key.encode().ljust(64, b"\0")).hex()
        outer = bytes((b ^ 0x5C) for b in key.encode().ljust(64, b"\0")).hex()
        self.assertIn("$rapidbyte_inner", done.err)
        for said in (done.out, done.err, checked.out, checked.err, self.events.read_text(), self.state.read_bytes().decode("latin-1")):
            for secret in (key, key.encode().hex(), inner, outer):
                self.assertNotIn(secret.lower(), said.lower())
        self.expect(harness.TRANSFORM, "run", pipeline, says=["HASH_KEY_INVALID", "RAPIDBYTE_HASH_KEY"])
        done = self.expect(harness.TRANSFORM, "run", pipeline, says="HASH_KEY_INVALID", environment=self.environment(RAPIDBYTE_HASH_KEY="short-key"))
        self.assertNotIn("short-key", done.err)

    def test_keys_of_every_length_make_pythons_hmac(self):
        rows = self.write_people(3)
        for length in (16, 63, 64):
            key = "".join(chr(33 + i) for i in range(length))
            pipeline = self.columns_pipeline({"hash": {"name": "hmac-sha256"}}, mode="replace", transform="permissions: {env: [RAPIDBYTE_HASH_KEY]}")
            self.run_ok(pipeline, environment=self.environment(RAPIDBYTE_HASH_KEY=key))
            want = [(hmac.new(key.encode(), r[1].encode(), hashlib.sha256).hexdigest(),) for r in rows]
            self.assertEqual(self.query("SELECT name FROM people ORDER BY id"), want)

    def test_masks_hide_what_is_too_short_to_show(self):
        values = ["", "a", "abc", "abcd", "abcde", "äöüßé", "日本語テキスト", "😀😀😀😀😀😀", "tab\tand \"quote\"", None]
        self.write_csv("people.csv", ["id", "name"], [[i, value] for i, value in enumerate(values)])
        self.run_ok(self.columns_pipeline({"mask": {"name": 4}}))
        hidden = lambda text: text and (("*" * (len(text) - 4) + text[-4:]) if len(text) > 4 else "*" * len(text))
        self.assertEqual([row[0] for row in self.query("SELECT name FROM people ORDER BY id")], [hidden(value) for value in values])
        self.run_ok(self.columns_pipeline({"mask": {"name": 0}}, mode="replace"))
        self.assertEqual([row[0] for row in self.query("SELECT name FROM people ORDER BY id")], [value and "*" * len(value) for value in values])

    def test_each_stream_has_its_rules_and_the_others_pass(self):
        self.write_people(20)
        self.write_people(30, name="people_old.csv")
        self.write_csv("zips.csv", ["zip", "town"], [["1000", "A"], ["2000", None]])
        config = {"hash": ["*_email"], "streams": {"people": {"exclude": ["note"], "rename": {"name": "full_name"}}, "*_old": {"null": ["name"]}}}
        self.run_ok(self.columns_pipeline(config, streams=("people", "people_old", "zips")))
        self.assertEqual(self.query("SELECT full_name, length(home_email) FROM people WHERE id = 3"), [("Person 3", 64)])
        self.assertNotIn("note", [column[0] for column in self.columns_of("people")])
        self.assertEqual(self.query("SELECT count(*), count(name), min(length(home_email)) FROM people_old"), [(30, 0, 64)])
        self.assertEqual(self.query("SELECT zip, town FROM zips ORDER BY 1"), [(1000, "A"), (2000, None)])

    def test_casts_keep_values_or_fail_their_rows(self):
        cases = (
            # from the file, the type, those that stay, those that do not
            ("int64", ["1", "-5", "9007199254740993"], ["1.5", "x"]),
            ("decimal(6, 2)", ["1.5", "-0.25", "9999.99", "7"], ["1.234", "10000", "x"]),
            ("float64", ["0.1", "-1e300", "0e999", ".5", "inf", "-0.0"], ["1e400", "-1e400", "1e-400", "1_000", "0x10", "1.5 m"]),
            ("float32", ["0.5", "3e38"], ["1e39", "1e-60"]),
            ("date", ["2026-01-31", "2026-01-31 00:00:00", "0044-03-15 (BC)"],
             ["2026-02-30", "2026-01-31 10:00:00", "2026-01-31 02:00:00+02", "2026-01-31 00:00:00+00", "2026-01-31Z", "2026"]),
            ("time", ["10:00", "23:59:59.123456", "10:00:00.1200000"], ["10:00:00+02", "10:00:00.1234567", "25:00", "2026-01-31 10:00:00", "10:00:00Z"]),
            ("timestamp", ["2026-01-31 10:00:00.123456", "2026-01-31T10:00:00.1234560", "2026-01-31"],
             ["2026-01-31 10:00:00.1234567", "noon", "2026-01-31 10:00:00+02", "2026-01-31 10:00:00Z", "2026-01-31 10:00:00 Europe/Berlin"]),
            ("timestamptz", ["2026-01-31 10:00:00.5+02", "2026-01-31T10:00:00Z", "2026-01-31 10:00", "2026-01-31 10:00:00 UTC", "2026-01-31 10:00:00-03:30"],
             ["2026-01-31 10:00:00.1234567+02", "2026-01-31 10:00:00 Europe/Berlin", "2026-01-31 10:00:00+2x"]),
            ("boolean", ["true", "false"], ["maybe"]),
        )
        for kind, good, bad in cases:
            with self.subTest(kind=kind):
                # One text among them makes the column text.
                rows = [[i, value] for i, value in enumerate(good + bad + ["text"])]
                self.write_csv("people.csv", ["id", "value"], rows)
                letters = self.folder / "rejected.ndjson"
                letters.unlink(missing_ok=True)
                report = self.run_report(self.columns_pipeline({"cast": {"value": kind}}, mode="replace", destination="on_data_error: dlq",
                                                               extra=f"dlq: {{path: {letters}}}"))
                stream = report["streams"][0]
                self.assertEqual((stream["rows_written"], stream["rows_rejected"]), (len(good), len(bad) + 1))
                self.assertEqual([row[0] for row in self.query("SELECT id FROM people ORDER BY id")], list(range(len(good))))
                lines = [json.loads(line) for line in letters.read_text().splitlines()]
                self.assertEqual([line["record"]["value"] for line in lines], bad + ["text"])
        self.write_csv("people.csv", ["id", "value"], [[1, 0.5], [2, 3.0]])
        self.expect(harness.TRANSFORM, "run", self.columns_pipeline({"cast": {"value": "int64"}}, mode="replace"),
                    says=["SQL_FAILED", "column `value`: 0.5 would not stay what it is as BIGINT"])
        self.write_csv("people.csv", ["id", "value"], [[1, 2.0], [2, 3.0]])
        self.run_ok(self.columns_pipeline({"cast": {"value": "int64", "id": "text"}}, mode="replace"))
        self.assertEqual(self.query("SELECT id, typeof(id), value, typeof(value) FROM people ORDER BY 1"),
                         [("1", "text", 2, "integer"), ("2", "text", 3, "integer")])

    def test_offsets_become_utc(self):
        texts = ["2026-01-31 10:00:00.5+02", "2026-01-31T10:00:00Z", "2026-01-31 10:00", "2026-01-31 10:00:00-03:30"]
        self.write_csv("people.csv", ["id", "value"], list(enumerate(texts)))
        self.run_ok(self.columns_pipeline({"cast": {"value": "timestamptz"}}, options=", columns: {value: text}"))
        self.assertEqual([row[0][:21] for row in self.query("SELECT value FROM people ORDER BY id")],
                         ["2026-01-31T08:00:00.5", "2026-01-31T10:00:00.0", "2026-01-31T10:00:00.0", "2026-01-31T13:30:00.0"])

    def test_an_empty_stream_makes_the_table_that_rows_would(self):
        config = {"rename": {"id": "key"}, "hash": ["home_email"], "cast": {"score": "decimal(9, 2)"}, "null": ["note"]}
        self.write_people(10)
        self.run_ok(self.columns_pipeline(config))
        full = self.columns_of("people")
        self.write_people(0)
        self.database.unlink()
        self.run_ok(self.columns_pipeline({"rename": {"id": "key"}, "hash": ["home_email"]}))
        self.assertEqual([column[0] for column in self.columns_of("people")], [column[0] for column in full])

    def test_three_hundred_columns(self):
        columns = [f"column {i}" for i in range(300)]
        rows = [[r * 1000 + i for i in range(300)] for r in range(50)]
        self.write_csv("people.csv", [f'"{c}"' for c in columns], rows)
        self.run_ok(self.columns_pipeline({"rename": {"column *": "c_*"}, "cast": {"column 1*": "text"}, "null": ["column 299"]}))
        self.assertEqual(self.query("SELECT count(*), sum(c_0), min(c_17), count(c_299) FROM people"), [(50, sum(r[0] for r in rows), "10017", 0)])

    def test_the_example_of_the_page_works(self):
        self.write_csv("customers.csv", ["id", "internal_code", "cust_nm", "amount", "country", "card_number", "home_email", "notes"],
                       [[1, "x", "Ada", "12.30", None, "4000123412341234", "a@example.org", "likes tea"]])
        self.write_csv("audit_log.csv", ["user_id", "action"], [["u1", "login"]])
        pipeline = self.columns_pipeline({"null": ["id"]}, streams=("customers", "audit_log")).read_text()
        first, rest = pipeline.split("transforms:")[0], pipeline[pipeline.index("destination:"):]
        key = "0123456789abcdef0123456789abcdef"
        self.run_ok(self.pipeline(first + harness.example_of("docs/connectors/transform-columns.md") + rest), environment=self.environment(RAPIDBYTE_HASH_KEY=key))
        self.assertEqual(self.query("SELECT id, customer_name, CAST(amount AS REAL), country, card_number, home_email, notes FROM customers"),
                         [(1, "Ada", 12.3, "unknown", "*" * 12 + "1234", hashlib.sha256(b"a@example.org").hexdigest(), None)])
        self.assertEqual(self.query("SELECT user_id, action FROM audit_log"), [(hmac.new(key.encode(), b"u1", hashlib.sha256).hexdigest(), "login")])

    # --- hostile names and values --------------------------------------------------------------------------------------

    def test_names_and_values_are_never_sql(self):
        columns = ['a"b', "it's", "count(*)", "*", "select", "'; DROP TABLE input; --", "input", "$rapidbyte_inner", "naïve 😀"]
        self.write_csv("people.csv", ['"' + column.replace('"', '""') + '"' for column in columns], [[f"v{i}" for i in range(len(columns))], [None] * len(columns)])
        config = {
            "rename": {"*": 'new "name"; --', "select": "from"},
            "default": {"it's": "'); DROP TABLE input; --", "count(*)": "\\'", "'; DROP TABLE input; --": "$x"},
            "hash": ["input"],
            "mask": {"$rapidbyte_inner": 1},
            "null": ['a"b'],
        }
        self.run_ok(self.columns_pipeline(config))
        names = [column[0] for column in self.columns_of("people")]
        self.assertEqual(names, ['a"b', "it's", "count(*)", 'new "name"; --', "from", "'; DROP TABLE input; --", "input", "$rapidbyte_inner", "naïve 😀"])
        first, second = self.query("SELECT * FROM people ORDER BY \"it's\" DESC")
        self.assertEqual(first, (None, "v1", "v2", "v3", "v4", "v5", hashlib.sha256(b"v6").hexdigest(), "*7", "v8"))
        self.assertEqual(second, (None, "'); DROP TABLE input; --", "\\'", None, None, "$x", None, None, None))

    def test_what_cannot_be_is_refused_before_anything_is_written(self):
        self.write_people(10)
        for config, code, *says in (
            ({"hash": ["*_emial"]}, "PATTERN_UNMATCHED", "`hash`: `*_emial` fits no column"),
            ({"rename": {"nmae": "x"}}, "PATTERN_UNMATCHED", "did you mean name?"),
            ({"streams": {"people": {"mask": {"crad": 4}}}}, "PATTERN_UNMATCHED", "`crad`", "did you mean card?"),
            ({"streams": {"poeple": {"null": ["name"]}}}, "PATTERN_UNMATCHED", "`poeple` fits no stream", "did you mean people?"),
            ({"rename": {"id": "name"}}, "COLUMNS_COLLIDE", "`id` and `name`"),
            ({"rename": {"id": "NAME"}}, "COLUMNS_COLLIDE", "case of letters"),
            ({"cast": {"born": "int64"}}, "CAST_IMPOSSIBLE", "`born`"),
            ({"default": {"id": "none"}}, "INVALID_CONFIG", "`default` of column `id`"),
            ({"default": {"born": "2026-02-30"}}, "INVALID_CONFIG", "2026-02-30"),
            ({"hash": ["name"], "mask": {"n*": 1}}, "INVALID_CONFIG", "`mask`, `hash` and `null`"),
            ({"exclude": ["*"]}, "INVALID_CONFIG", "leave no column"),
        ):
            with self.subTest(config=config):
                done = self.expect(harness.TRANSFORM, "run", self.columns_pipeline(config), says=[code, *says])
                self.assertIn("people", done.err)
                self.assertNotEqual(self.rapidbyte("check", self.columns_pipeline(config)).code, harness.OK)
        for config, *says in (
            ({"cast": {"id": "int65"}}, "int65"),
            ({"hash": {"id": "md5"}}, "hash"),
            ({"mask": {"id": -1}}, "mask"),
            ({"renmae": {"id": "x"}}, "renmae"),
            ({}, "give a rule"),
        ):
            with self.subTest(config=config):
                done = self.rapidbyte("run", self.columns_pipeline(config))
                self.assertIn(done.code, (harness.INVALID, harness.TRANSFORM))
                for text in says:
                    self.assertIn(text, done.err)
        self.assertFalse(self.table_exists("people"))
        # Names that differ only in case are no two names in SQL.
        self.write_csv("people.csv", ["id", "ID"], [[1, 2]])
        self.expect(harness.TRANSFORM, "run", self.columns_pipeline({"rename": {"id": "x"}}), says=["COLUMN_UNSUPPORTED", "case"])

    def test_a_pattern_for_all_has_to_fit_one_stream(self):
        self.write_people(10)
        self.write_csv("zips.csv", ["zip", "town"], [["1000", "A"]])
        self.run_ok(self.columns_pipeline({"hash": ["*_email"], "null": ["town"]}, streams=("people", "zips")))
        self.assertEqual(self.query("SELECT town FROM zips"), [(None,)])
        self.expect(harness.TRANSFORM, "run", self.columns_pipeline({"hash": ["*_email", "twon"]}, streams=("people", "zips"), mode="replace"),
                    says=["PATTERN_UNMATCHED", "twon"])
        # A run of one stream says nothing of the others.
        self.run_ok(self.columns_pipeline({"hash": ["*_email"], "null": ["town"]}, streams=("people", "zips"), mode="replace"), "--stream", "zips")

    def test_the_sql_is_shown(self):
        self.write_people(10)
        pipeline = self.columns_pipeline({"rename": {"id": "key"}, "hash": ["*_email"]})
        done = self.rapidbyte("check", pipeline, "-v")
        self.assertEqual(done.code, harness.OK, done.err)
        self.assertIn('input."id" AS "key"', done.err)
        self.assertIn("2 hashed, 1 renamed, 8 columns", done.out + done.err)
        self.assertNotIn("AS \"key\"", self.rapidbyte("check", pipeline).err)

    # --- resume ------------------------------------------------------------------------------------------------------

    def test_checkpoints_pass_and_an_interrupted_load_goes_on(self):
        rows = [[i, "x" if i == 30000 else str(i)] for i in range(40000)]
        self.write_csv("people.csv", ["id", "value"], rows)
        config = {"cast": {"value": "int64"}, "rename": {"id": "key"}}
        pipeline = self.columns_pipeline(config, options=", columns: {value: text}", resources="checkpoint_interval_bytes: 64kb\nmax_retries: 0")
        self.expect(harness.TRANSFORM, "run", pipeline, says="SQL_FAILED")
        committed = self.query("SELECT count(*) FROM people")[0][0]
        self.assertGreater(committed, 0)
        # It goes on from there, to the row that fails again.
        self.expect(harness.TRANSFORM, "run", pipeline, says="SQL_FAILED")
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT key) FROM people"), [(committed, committed)])


harness.main() if __name__ == "__main__" else None
