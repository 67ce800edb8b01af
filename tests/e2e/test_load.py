"""What arrives is what was in the file: whole tables are compared, value by value, in every write mode."""
import csv
import gzip
import json
import shutil

import harness
import sample_table
from harness import REPOSITORY
from sample_table import COLUMNS, KINDS


class Load(harness.EndToEnd):

    def write_sample(self, count, name="t.csv", **options):
        rows = sample_table.rows(count, **options)
        self.write_csv(name, COLUMNS, rows)
        return rows

    def test_every_value_of_every_type_arrives_exactly(self):
        rows = self.write_sample(5000)
        report = self.run_report(self.pipeline())
        self.assert_table("t", COLUMNS, KINDS, rows)
        self.assert_sound()
        self.assertEqual(report["outcome"], "succeeded")
        self.assertEqual(report["streams"][0]["rows_read"], 5000)
        self.assertEqual(report["streams"][0]["rows_written"], 5000)
        self.assertEqual(report["streams"][0]["rows_rejected"], 0)

    def test_append_adds_to_the_rows_that_are_there(self):
        first = self.write_sample(700)
        self.run_ok(self.pipeline())
        second = self.write_sample(900, seed=2, first=700)
        self.run_ok(self.pipeline())
        self.assert_table("t", COLUMNS, KINDS, first + second)

    def test_replace_leaves_only_the_new_rows(self):
        self.write_sample(900)
        self.run_ok(self.pipeline(mode="replace"))
        rows = self.write_sample(300, seed=3, first=50)
        self.run_ok(self.pipeline(mode="replace"))
        self.assert_table("t", COLUMNS, KINDS, rows)

    def test_replace_with_an_empty_file_leaves_an_empty_table(self):
        self.write_sample(900)
        self.run_ok(self.pipeline(mode="replace"))
        self.write_csv("t.csv", COLUMNS, [])
        self.run_ok(self.pipeline(mode="replace"))
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(0,)])

    def test_upsert_updates_known_keys_and_inserts_new_ones(self):
        old = self.write_sample(1000)
        self.run_ok(self.pipeline(mode="upsert"))
        self.assert_table("t", COLUMNS, KINDS, old)
        new = [sample_table.changed(row, 7) for row in old[400:]] + sample_table.rows(200, seed=8, first=1000)
        self.write_csv("t.csv", COLUMNS, new)
        self.run_ok(self.pipeline(mode="upsert"))
        self.assert_table("t", COLUMNS, KINDS, old[:400] + new)

    def test_upsert_of_a_key_that_comes_twice_keeps_the_later_row(self):
        old = sample_table.rows(500)
        later = [sample_table.changed(row, 9) for row in old]
        self.write_csv("t.csv", COLUMNS, old + later)
        self.run_ok(self.pipeline(mode="upsert"))
        self.assert_table("t", COLUMNS, KINDS, later)

    def test_several_streams_load_side_by_side(self):
        tables = {f"t{i}": self.write_sample(400 + i, name=f"t{i}.csv", seed=i) for i in range(5)}
        streams = "\n".join(f"- {{name: {name}, sync_mode: full_refresh}}" for name in tables)
        self.run_ok(self.pipeline(streams=streams, resources="parallelism: 4"))
        for name, rows in tables.items():
            self.assert_table(name, COLUMNS, KINDS, rows)

    def test_queued_batches_may_be_compressed(self):
        for codec in ("lz4", "zstd"):
            with self.subTest(codec):
                rows = self.write_sample(3000)
                self.run_ok(self.pipeline(mode="replace", resources=f"compression: {codec}\nmax_batch_bytes: 64kb"))
                self.assert_table("t", COLUMNS, KINDS, rows)

    def test_a_gzip_file_and_a_glob_over_several_files(self):
        parts = [self.write_sample(300, name=f"part-{i}.csv", seed=i, first=i * 300) for i in range(3)]
        for i in range(3):
            plain = self.data / f"part-{i}.csv"
            with gzip.open(f"{plain}.gz", "wb") as out:
                out.write(plain.read_bytes())
            plain.unlink()
        self.run_ok(self.pipeline(streams='- {name: t, sync_mode: full_refresh, path: "part-*.csv.gz"}'))
        self.assert_table("t", COLUMNS, KINDS, sum(parts, []))

    def test_ndjson_arrives_like_csv(self):
        rows = [{"id": i, "name": f"n{i}", "score": i / 4, "on": i % 2 == 0, "gone": None} for i in range(500)]
        self.write("data/t.ndjson", "".join(json.dumps(row) + "\n" for row in rows))
        self.run_ok(self.pipeline(source=f"config: {{folder: {self.data}, format: ndjson}}"))
        self.assert_table("t", ["id", "name", "score", "on"], ["int", "text", "float", "bool"],
                          [(row["id"], row["name"], row["score"], row["on"]) for row in rows])

    def test_the_second_incremental_run_reads_only_what_is_new(self):
        rows = self.write_sample(800)
        streams = "- {name: t, sync_mode: incremental, cursor_field: id}"
        self.run_ok(self.pipeline(streams=streams))
        rows += sample_table.rows(150, seed=4, first=800)
        self.write_csv("t.csv", COLUMNS, rows)
        report = self.run_report(self.pipeline(streams=streams))
        self.assertEqual(report["streams"][0]["rows_written"], 150)
        self.assert_table("t", COLUMNS, KINDS, rows)
        report = self.run_report(self.pipeline(streams=streams))
        self.assertEqual(report["streams"][0]["rows_written"], 0)
        self.assert_table("t", COLUMNS, KINDS, rows)

    def test_positions_belong_to_their_destination_and_their_pipeline_file(self):
        streams = "- {name: t, sync_mode: incremental, cursor_field: id}"
        rows = self.write_sample(300)
        first = self.pipeline(streams=streams)
        self.run_ok(first)
        more = rows + sample_table.rows(50, seed=4, first=300)
        self.write_csv("t.csv", COLUMNS, more)
        # The same state, another database: it does not have the 300 rows.
        elsewhere = f"config: {{path: {self.folder / 'other.db'}}}"
        moved = self.pipeline(streams=streams, destination=elsewhere)
        self.expect(harness.INVALID, "run", moved, says=["CURSOR_CHANGED", "out.db", "other.db", "--keep-positions"])
        self.assertFalse((self.folder / "other.db").exists())
        # A second file with that name shares the cursors.
        first = self.pipeline(streams=streams)
        copy = self.pipeline(streams=streams, name="copy.yaml")
        self.expect(harness.INVALID, "run", copy, says=["CURSOR_CHANGED", "pipeline.yaml", "copy.yaml"])
        self.expect(harness.OK, "run", first)
        self.assert_table("t", COLUMNS, KINDS, more)
        self.expect(harness.OK, "run", copy, "--keep-positions")
        self.assert_table("t", COLUMNS, KINDS, more)
        # From now on they are the copy's.
        self.expect(harness.OK, "run", copy)

    def test_the_position_and_the_table_are_of_the_same_day(self):
        streams = "- {name: t, sync_mode: incremental, cursor_field: id}"
        state, table = self.state, self.folder / "out.db"
        rows = self.write_sample(100)
        pipeline = self.pipeline(streams=streams)

        def remove(path):
            for file in path.parent.glob(path.name + "*"):
                if not file.name.endswith((".day1", ".day2")):
                    file.unlink()

        def copy(suffix):
            for path in (state, table):
                shutil.copy(path, f"{path}.{suffix}")

        def put(path, suffix):
            remove(path)
            shutil.copy(f"{path}.{suffix}", path)

        self.run_ok(pipeline)
        copy("day1")
        rows += sample_table.rows(50, seed=4, first=100)
        self.write_csv("t.csv", COLUMNS, rows)
        self.run_ok(pipeline)
        copy("day2")
        # The table is restored: the 50 rows would be missing for good.
        put(table, "day1")
        self.expect(harness.DESTINATION, "run", pipeline, says=["RECEIPT_FOREIGN", "--keep-positions"])
        # Both are.
        put(state, "day1")
        self.run_ok(pipeline)
        self.assert_table("t", COLUMNS, KINDS, rows)
        # The state is restored: the 50 rows would be doubled.
        put(table, "day2")
        put(state, "day1")
        self.expect(harness.DESTINATION, "run", pipeline, says=["RECEIPT_FOREIGN", "--allow-doubled-rows"])
        # It is lost, or was reset without checking the table.
        remove(state)
        self.expect(harness.DESTINATION, "run", pipeline, says=["POSITION_MISSING"])
        self.assert_table("t", COLUMNS, KINDS, rows)
        put(state, "day2")
        self.run_ok(pipeline)
        # Rows that were written without the state.
        rows += sample_table.rows(10, seed=5, first=150)
        self.write_csv("t.csv", COLUMNS, rows)
        self.expect(harness.OK, "run", pipeline, "--limit", "3", "--allow-partial")
        self.expect(harness.DESTINATION, "run", pipeline, says=["RECEIPT_FOREIGN", "--limit"])
        put(table, "day2")
        self.run_ok(pipeline)
        self.assert_table("t", COLUMNS, KINDS, rows)

    def test_a_full_refresh_that_fails_leaves_the_position(self):
        incremental = "- {name: t, sync_mode: incremental, cursor_field: id}"
        rows = self.write_sample(3000)
        self.run_ok(self.pipeline(streams=incremental))
        rows += sample_table.rows(50, seed=4, first=3000)
        self.write_csv("t.csv", COLUMNS, rows)
        with open(self.data / "t.csv", "a", encoding="utf-8") as file:
            file.write("ragged\n")
        for mode in ("replace", "upsert"):
            failing = self.pipeline(streams="- {name: t, sync_mode: full_refresh}", mode=mode)
            # The table has no key, so the destination may refuse an upsert before the source reaches the bad value.
            self.assertIn(self.rapidbyte("run", failing).code, (harness.SOURCE, harness.DESTINATION))
        self.write_csv("t.csv", COLUMNS, rows)
        report = self.run_report(self.pipeline(streams=incremental))
        self.assertEqual(report["streams"][0]["rows_written"], 50)
        self.assert_table("t", COLUMNS, KINDS, rows)

    def test_an_append_is_not_loaded_again_by_another_sync_mode(self):
        rows = self.write_sample(100)
        incremental = self.pipeline(streams="- {name: t, sync_mode: incremental, cursor_field: id}")
        self.run_ok(incremental)
        full = self.pipeline(streams="- {name: t, sync_mode: full_refresh}")
        self.expect(harness.INVALID, "run", full, says=["CURSOR_CHANGED", "sync_mode"])
        self.expect(harness.INVALID, "check", full, says=["sync_mode"])
        incremental = self.pipeline(streams="- {name: t, sync_mode: incremental, cursor_field: id}")
        self.run_ok(incremental)
        self.assert_table("t", COLUMNS, KINDS, rows)

    def test_state_reset_reads_everything_again(self):
        rows = self.write_sample(200)
        pipeline = self.pipeline(streams="- {name: t, sync_mode: incremental, cursor_field: id}", mode="upsert")
        self.run_ok(pipeline)
        self.expect(harness.OK, "state", "reset", pipeline, "--yes")
        report = self.run_report(pipeline)
        self.assertEqual(report["streams"][0]["rows_written"], 200)
        self.assert_table("t", COLUMNS, KINDS, rows)

    def test_the_demo_keeps_codes_text_and_empty_fields_null(self):
        database = self.database
        environment = self.environment(DEMO_DATABASE=str(database), DEMO_STATE=str(self.state))
        self.run_ok(REPOSITORY / "examples/demo/pipeline.yaml", environment=environment)
        text, number = "text", "number"
        for table, kinds in {
                "airports": [text] * 5 + [number] * 2,
                "earthquakes": [text, "timestamp", number, number, number, number, text, text, "int", "int", "bool", number,
                                text, text, text, "date"],
        }.items():
            with open(REPOSITORY / "examples/data" / f"{table}.csv", encoding="utf-8", newline="") as lines:
                columns, *rows = csv.reader(lines)
            parse = {"int": int, "bool": lambda v: v == "true"}
            expected = [[None if value == "" else parse.get(kind, str)(value) for kind, value in zip(kinds, row)]
                        for row in rows]
            self.assert_table(table, columns, kinds, expected)
        self.assertEqual(self.query("SELECT iata, state FROM airports WHERE iata IN ('0E0', '00M') ORDER BY 1"),
                         [("00M", "MS"), ("0E0", "NM")])
        self.assertEqual(self.query("SELECT count(*) FROM airports WHERE state = 'NA'"), [(12,)])
        self.assertEqual(self.query("SELECT sum(felt_reports IS NULL) FROM earthquakes"), [(1580,)])


class WithoutLoading(harness.EndToEnd):

    def test_a_dry_run_shows_rows_and_types_and_writes_nothing(self):
        self.write_csv("t.csv", ["id", "name"], [(i, f"name-{i}") for i in range(100)])
        done = self.run_ok(self.pipeline(), "--dry-run", "--limit", "5")
        self.assertIn("name-4", done.out)
        self.assertNotIn("name-5", done.out)
        self.assertIn("int64", done.out.lower())
        self.assertFalse(self.database.exists())
        self.assertFalse(self.state.exists())

    def test_limit_loads_so_many_rows_and_the_next_run_loads_all(self):
        self.write_csv("t.csv", ["id", "name"], [(i, f"name-{i}") for i in range(100)])
        self.run_ok(self.pipeline(mode="replace"), "--limit", "7")
        self.assertEqual(self.query("SELECT count(*), max(id) FROM t"), [(7, 6)])
        self.run_ok(self.pipeline(mode="replace"))
        self.assertEqual(self.query("SELECT count(*) FROM t"), [(100,)])

    def test_limit_does_not_cut_a_table_short_nor_double_its_rows_unless_it_is_meant(self):
        self.write_csv("t.csv", ["id", "name"], [(i, f"name-{i}") for i in range(100)])
        for mode, partial in (("replace", 7), ("append", 107)):
            with self.subTest(mode=mode):
                self.database.unlink(missing_ok=True)
                self.state.unlink(missing_ok=True)
                self.run_ok(self.pipeline(mode=mode))
                done = self.expect(harness.INVALID, "run", self.pipeline(mode=mode), "--limit", "7",
                                   says=["LIMIT_REFUSED", "--allow-partial", "--dry-run --limit 7"])
                self.assertNotIn("rapidbyte check", done.err, "check does not show it")
                self.assertEqual(self.query("SELECT count(*) FROM t"), [(100,)])
                self.run_ok(self.pipeline(mode=mode), "--limit", "7", "--allow-partial")
                self.assertEqual(self.query("SELECT count(*) FROM t"), [(partial,)])

    def test_stream_loads_only_the_named_one(self):
        for name in ("a", "b"):
            self.write_csv(f"{name}.csv", ["id"], [(1,), (2,)])
        self.run_ok(self.pipeline(streams="- {name: a, sync_mode: full_refresh}\n- {name: b, sync_mode: full_refresh}"),
                    "--stream", "b")
        self.assertFalse(self.table_exists("a"))
        self.assertEqual(self.query("SELECT count(*) FROM b"), [(2,)])

    def test_check_finds_everything_fine_and_moves_nothing(self):
        self.write_csv("t.csv", ["id"], [(1,)])
        self.expect(harness.OK, "check", self.pipeline())
        self.assertEqual([file.name for file in self.folder.glob("out.db*")], [], "check left files behind")

    def test_nothing_stays_beside_a_database_whose_load_has_ended(self):
        self.write_csv("t.csv", ["id"], [(1,)])
        self.run_ok(self.pipeline())
        self.assertEqual([file.name for file in self.folder.glob("out.db*")], ["out.db"])

    def test_discover_lists_streams_with_their_types(self):
        self.write_csv("t.csv", ["id", "name"], [(1, "x")])
        done = self.rapidbyte("discover", self.pipeline(), "--json")
        self.assertEqual(done.code, harness.OK, done.err)
        stream = json.loads(done.out)["streams"][0]
        self.assertEqual(stream["name"], "t")
        self.assertEqual([(column["name"], column["data_type"]) for column in stream["schema"]],
                         [("id", "Int64"), ("name", "Utf8")])

    def test_quiet_says_nothing_and_json_is_one_document_on_stdout(self):
        self.write_csv("t.csv", ["id"], [(1,)])
        quiet = self.run_ok(self.pipeline(), "-q")
        self.assertEqual((quiet.out, quiet.err), ("", ""))
        report = self.run_ok(self.pipeline(), "-q", "--json")
        self.assertEqual(json.loads(report.out)["pipeline"], "e2e")
        self.assertEqual(report.err, "")


class RejectedRows(harness.EndToEnd):
    """30,000 good rows, then values that contradict the type inferred from them."""

    GOOD = 30_000
    STREAM = "- {name: t, sync_mode: full_refresh, columns: {n: integer}}"

    def setUp(self):
        super().setUp()
        self.bad = {5: "five", self.GOOD - 1: "1e400x", 700: "12-34"}
        self.rows = [(i, self.bad.get(i, i * 2)) for i in range(self.GOOD)]
        with open(self.data / "t.csv", "w", encoding="utf-8") as out:
            out.write("id,n\n" + "".join(f"{i},{n}\n" for i, n in self.rows))
        self.good = [row for row in self.rows if row[0] not in self.bad]

    def load(self, policy, code=harness.OK, extra=""):
        """Runs, and returns what it said."""
        pipeline = self.pipeline(streams=self.STREAM, extra=extra,
                                 destination=f"config: {{path: {self.database}}}\non_data_error: {policy}")
        done = self.rapidbyte("run", pipeline, "--json")
        self.assertEqual(done.code, code, done.err)
        return done

    def test_fail_names_file_line_column_and_value(self):
        done = self.load("fail", code=harness.SOURCE)
        for part in ("t.csv", "7", "n", "five"):
            self.assertIn(part, done.err)
        if self.table_exists("t"):
            self.assertEqual(self.query("SELECT count(*) FROM t"), [(0,)])

    def test_skip_loads_the_rest_and_counts(self):
        report = json.loads(self.load("skip").out)
        self.assert_table("t", ["id", "n"], ["int", "int"], self.good)
        self.assertEqual(report["streams"][0]["rows_rejected"], len(self.bad))

    def test_dlq_keeps_every_rejected_record(self):
        dlq = self.folder / "rejected.ndjson"
        self.load("dlq", extra=f"dlq: {{path: {dlq}}}")
        self.assert_table("t", ["id", "n"], ["int", "int"], self.good)
        records = [json.loads(line) for line in dlq.read_text(encoding="utf-8").splitlines()]
        self.assertEqual(len(records), len(self.bad))
        for record in records:
            self.assertEqual(record["stream"], "t")
            self.assertEqual(record["pipeline"], "e2e")
            for key in ("time", "run_id", "connector", "category", "error", "record"):
                self.assertTrue(record.get(key), f"{key} is missing in {record}")
        for value in self.bad.values():
            self.assertEqual(sum(value in json.dumps(record["record"]) for record in records), 1, value)

    def test_later_runs_append_to_the_dlq_and_have_the_whole_cap(self):
        dlq = self.folder / "rejected.ndjson"
        runs = []
        for _ in range(3):
            runs.append(json.loads(self.load("dlq", extra=f"dlq: {{path: {dlq}, max_bytes: 2kb}}").out)["run_id"])
        records = [json.loads(line) for line in dlq.read_text(encoding="utf-8").splitlines()]
        self.assertEqual([record["run_id"] for record in records], [run for run in runs for _ in self.bad])
        self.assertGreater(dlq.stat().st_size, 2048)

    def test_a_folder_for_the_dlq_gets_a_file_per_run(self):
        folder = self.folder / "rejected"
        for count in (1, 2):
            report = json.loads(self.load("dlq", extra=f"dlq: {{path: {folder}/}}").out)
            self.assertEqual(report["dlq_path"], str(folder / f"e2e-{report['run_id']}.ndjson"))
            self.assertEqual(len(list(folder.iterdir())), count)

    def test_the_byte_cap_of_the_dlq_ends_the_run(self):
        dlq = self.folder / "rejected.ndjson"
        with open(self.data / "t.csv", "a", encoding="utf-8") as out:
            out.write("".join(f"{i},not-a-number\n" for i in range(100)))
        self.load("dlq", code=harness.REJECTED, extra=f"dlq: {{path: {dlq}, max_bytes: 1kb}}")
        self.assertLessEqual(dlq.stat().st_size, 1024)
        for line in dlq.read_text(encoding="utf-8").splitlines():
            json.loads(line)


harness.main() if __name__ == "__main__" else None
