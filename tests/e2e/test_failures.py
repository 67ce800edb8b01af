"""Every kind of failure has its exit code, says what is wrong and how to fix it, and leaves the next run working."""
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import time

import harness
from harness import CONNECTOR, DESTINATION, INTERRUPTED, INVALID, OK, SOURCE, STATE, USAGE


class ExitCodes(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.write_csv("t.csv", ["id", "name"], [(1, "a"), (2, "b")])

    def test_wrong_usage_suggests_the_right_word(self):
        self.expect(USAGE, "rnu", says="did you mean 'run'")
        self.expect(USAGE, "run", self.pipeline(), "--dry-rnu", says="did you mean '--dry-run'")
        self.expect(USAGE, "run", says="PIPELINE")
        self.expect(USAGE, "run", self.pipeline(), "--limit", "0")

    def test_help_and_version_answer(self):
        for arguments in (["--help"], ["run", "--help"], ["version"], ["--version"]):
            done = self.rapidbyte(*arguments)
            self.assertEqual(done.code, OK)
            self.assertIn("rapidbyte", done.out.lower())

    def test_two_streams_of_one_table_are_refused_before_anything_is_loaded(self):
        self.write_csv("Orders.csv", ["id"], [(1,)])
        self.write_csv("orders.csv", ["id"], [(2,)])
        pipeline = self.write("two.yaml", "\n".join([
            'version: "1.0"',
            "pipeline: two",
            "source:",
            "  use: rapidbyte/source-file",
            f"  config: {{folder: {self.data}, format: csv}}",
            "  streams:",
            "    - {name: t, sync_mode: full_refresh}",
            "    - {name: Orders, sync_mode: full_refresh}",
            "    - {name: orders, sync_mode: full_refresh}",
            "destination:",
            "  use: rapidbyte/dest-sqlite",
            "  config: {path: two.db}",
            "  write_mode: replace"]))
        self.expect(DESTINATION, "run", pipeline, says="TARGET_CONFLICT")
        self.expect(DESTINATION, "run", pipeline, "--stream", "t", says="TARGET_CONFLICT")
        # And before the run.
        checked = self.rapidbyte("check", pipeline)
        self.assertNotEqual(checked.code, OK)
        self.assertIn('streams "Orders" and "orders" would both be loaded into table', checked.out + checked.err)
        database = self.folder / "two.db"
        if database.exists():
            with sqlite3.connect(database) as connection:
                names = connection.execute("SELECT name FROM sqlite_schema WHERE name NOT LIKE '\\_rapidbyte%' ESCAPE '\\' AND type = 'table'")
                self.assertEqual(names.fetchall(), [])

    def test_a_missing_pipeline_file_is_named(self):
        self.expect(INVALID, "run", self.folder / "nothing.yaml", says="nothing.yaml")

    def test_all_yaml_mistakes_are_told_at_once_with_their_place(self):
        pipeline = self.write("p.yaml", "\n".join([
            'version: "1.0"',  # 1
            "pipeline: e2e",
            "source:",
            "  use: rapidbyte/source-file",
            f"  config: {{folder: {self.data}, format: csv}}",
            "  streems:",  # 6
            "    - {name: t, sync_mode: full_refresh}",
            "destination:",
            "  use: rapidbyte/dest-sqlite",
            "  config: {path: out.db}",
            "  write_mode: replaces",  # 11
            "resources:",
            "  max_memory: plenty",  # 13
            ""
        ]))
        for command in ("run", "check"):
            done = self.expect(INVALID, command, pipeline, says=["p.yaml:6:3", "p.yaml:11:", "p.yaml:13:", "did you mean"])
            self.assertIn("streams", done.err)
            self.assertIn("replace", done.err)

    def test_broken_yaml_says_where(self):
        self.expect(INVALID, "run", self.write("p.yaml", 'version: "1.0"\npipeline: [a\n'), says="p.yaml:")

    def test_all_missing_environment_variables_are_named(self):
        self.expect(INVALID, "run", self.pipeline(destination="config: {path: '${E2E_ONE}/${E2E_TWO}'}"),
                    says=["E2E_ONE", "E2E_TWO"])

    def test_a_config_that_does_not_fit_the_manifest_is_refused_before_any_guest_starts(self):
        self.expect(INVALID, "run", self.pipeline(source=f"config: {{folders: {self.data}, format: csv}}"),
                    says=["folders", "did you mean", "folder"])
        self.expect(INVALID, "run", self.pipeline(source=f"config: {{folder: {self.data}, format: 7}}"), says="format")

    def test_a_missing_connector_lists_every_place_that_was_looked_at(self):
        text = self.pipeline().read_text().replace("dest-sqlite", "dest-nowhere")
        for command in ("run", "check"):
            done = self.expect(CONNECTOR, command, self.write("p.yaml", text), says=["dest_nowhere.wasm", ".rapidbyte/plugins"])
            self.assertIn("RAPIDBYTE_CONNECTOR_DIR", done.err + done.out)

    def test_a_changed_component_is_refused(self):
        plugins = self.folder / "plugins"
        plugins.mkdir()
        for file in pathlib.Path(os.environ["RAPIDBYTE_CONNECTOR_DIR"]).glob("*_*.*"):
            shutil.copy(file, plugins)
        with open(plugins / "dest_sqlite.wasm", "ab") as wasm:
            wasm.write(b"\0\1\0")
        self.expect(CONNECTOR, "run", self.pipeline(), says="checksum",
                    environment=self.environment(RAPIDBYTE_CONNECTOR_DIR=str(plugins)))
        (plugins / "dest_sqlite.manifest.json").unlink()
        self.expect(CONNECTOR, "run", self.pipeline(), says="manifest",
                    environment=self.environment(RAPIDBYTE_CONNECTOR_DIR=str(plugins)))

    def test_a_missing_file_is_the_sources_failure(self):
        (self.data / "t.csv").unlink()
        done = self.rapidbyte("run", self.pipeline())
        self.assertIn(done.code, (INVALID, SOURCE), done.err)
        self.assertIn("t.csv", done.err)

    def test_a_folder_with_a_name_that_is_not_utf8_is_named_where_all_its_names_are_needed(self):
        with open(os.fsencode(self.data) + b"/caf\xe9.csv", "w") as file:
            file.write("id\n1\n")
        self.expect(SOURCE, "run", self.pipeline(streams="- {name: t, path: '*.csv'}"),
                    says=["FILE_NAME_INVALID", str(self.data), "ls -b"])
        self.run_ok(self.pipeline(streams="- {name: t, path: t.csv}"))

    def test_a_missing_folder_of_the_database_is_named(self):
        done = self.rapidbyte("run", self.pipeline(destination=f"config: {{path: {self.folder}/no/where/out.db}}"))
        self.assertIn(done.code, (INVALID, DESTINATION), done.err)
        self.assertIn("no/where", done.err)

    def test_a_file_that_is_no_database_is_left_alone(self):
        self.database.write_text("This is not a database. " * 100)
        self.expect(DESTINATION, "run", self.pipeline(), says="out.db")
        self.assertEqual(self.database.read_text(), "This is not a database. " * 100)

    def test_a_state_file_that_cannot_be_used_has_its_own_code(self):
        self.state.write_text("This is not a database. " * 100)
        self.expect(STATE, "run", self.pipeline(), says="state.db")
        self.assertFalse(self.table_exists("t"))

    def test_an_unknown_stream_is_refused(self):
        self.expect(INVALID, "run", self.pipeline(), "--stream", "tt", says="tt")

    def test_upsert_without_the_key_column_is_refused(self):
        self.write_csv("t.csv", ["key", "name"], [(1, "a")])
        done = self.rapidbyte("run", self.pipeline(mode="upsert"))
        self.assertIn(done.code, (INVALID, DESTINATION), done.err)
        self.assertIn("id", done.err)

    def test_a_failed_replace_leaves_the_old_table(self):
        self.run_ok(self.pipeline(mode="replace"))
        rows = "".join(f"{i},x\n" for i in range(20_000))
        self.write("data/t.csv", f"id,name\n{rows}oops,x\n")
        streams = "- {name: t, sync_mode: full_refresh, columns: {id: integer}}"
        self.expect(SOURCE, "run", self.pipeline(mode="replace", streams=streams), says="oops")
        self.assert_table("t", ["id", "name"], ["int", "text"], [(1, "a"), (2, "b")])


class OneOfManyStreams(harness.EndToEnd):
    """What happens to the other streams when one fails."""

    COUNT = 30

    def setUp(self):
        super().setUp()
        self.names = [f"sales.t{i:02}" for i in range(self.COUNT)]
        for name in self.names:
            self.write_csv(f"{name}.csv", ["id"], [(1,), (2,)])
        self.write("data/sales.t03.csv", "id\n1\noops\n")

    def many(self, extra="", mode="append"):
        streams = "\n".join(f"- {{name: {name}, columns: {{id: integer}}}}" for name in self.names)
        return self.pipeline(mode=mode, streams=streams, extra=extra)

    def loaded(self):
        return [name for name in self.names if self.table_exists(name)
                and self.query(f'SELECT count(*) FROM "{name}"') == [(2,)]]

    def test_the_others_are_loaded_once_and_the_summary_shows_what_failed(self):
        pipeline = self.many()
        done = self.expect(SOURCE, "run", pipeline, says="oops")
        self.assertEqual(self.loaded(), [name for name in self.names if name != "sales.t03"])
        self.assertIn("29 streams: 58 rows read, 58 written", done.err)
        self.assertTrue(done.err.splitlines()[0].startswith(("\u2717 sales.t03", "failed sales.t03")), done.err)
        self.assertNotIn("sales.t04", done.err)
        report = json.loads(self.rapidbyte("run", pipeline, "--json").out)
        self.assertEqual(report["exit_code"], SOURCE)
        self.assertEqual([stream["stream"] for stream in report["streams"]], self.names)
        # Full appends end together: nothing is doubled until the run succeeds.
        self.write_csv("sales.t03.csv", ["id"], [(1,), (2,)])
        self.run_ok(pipeline)
        self.assertEqual(self.loaded(), self.names)

    def test_stop_starts_no_other_and_the_next_run_does(self):
        pipeline = self.many(extra="on_stream_error: stop")
        done = self.expect(SOURCE, "run", pipeline, "--json", says="oops")
        report = json.loads(done.out)
        outcomes = [stream["outcome"] for stream in report["streams"]]
        self.assertEqual(outcomes, ["succeeded"] * 3 + ["failed"] + ["not_started"] * 26)
        self.assertEqual(report["failure"]["stage"], "source")
        self.assertIn("26 streams: not started", done.err)
        self.assertEqual(self.loaded(), self.names[:3])
        known = {stream["stream"]: stream for stream in
                 json.loads(self.rapidbyte("state", "show", pipeline, "--json").out)["streams"]}
        self.assertTrue(known["sales.t03"]["load_in_progress"])
        for name in self.names[4:]:
            self.assertFalse(name in known and known[name]["load_in_progress"], name)
        self.write_csv("sales.t03.csv", ["id"], [(1,), (2,)])
        self.run_ok(pipeline)
        self.assertEqual(self.loaded(), self.names)

    def test_streams_are_chosen_by_pattern(self):
        pipeline = self.many()
        self.run_ok(pipeline, "--stream", "sales.t0[0-2]", "--stream", "*2?")
        self.assertEqual(self.loaded(), self.names[:3] + self.names[20:])
        self.expect(INVALID, "run", pipeline, "--stream", "salse.t0*", says=["UNKNOWN_STREAM", "salse.t0*", "did you mean"])
        self.expect(INVALID, "state", "reset", pipeline, "--stream", "x*", "--yes", says=["UNKNOWN_STREAM", "known are sales.t00"])
        self.expect(OK, "state", "reset", pipeline, "--stream", "*.t2?", "--yes",
                    says="Forgotten: streams sales.t20, sales.t21,")
        shown = json.loads(self.rapidbyte("state", "show", pipeline, "--json", "--stream", "sales*").out)["streams"]
        self.assertEqual([stream["stream"] for stream in shown], self.names[:3])


class InterruptedAppend(harness.EndToEnd):
    """An append that stopped at a bad value after rows had been committed: never restarted where that could double them."""

    ROWS = 20_000
    RESOURCES = "checkpoint_interval_rows: 3000\nmax_batch_bytes: 16kb"

    def installation(self, month, first):
        """A pipeline with its own folder and state; all have the same name and the same database."""
        folder = self.folder / month
        (folder / "in").mkdir(parents=True)
        self.write_rows(month, first)
        return self.write(f"{month}/orders.yaml", "\n".join([
            'version: "1.0"', "pipeline: orders",
            "source: {use: rapidbyte/source-file, config: {folder: in}, streams: [{name: orders, columns: {v: integer}}]}",
            "destination: {use: rapidbyte/dest-sqlite, config: {path: ../out.db}}", "resources:",
            harness.indent(self.RESOURCES, 2), ""
        ]))

    def write_rows(self, month, first, bad=None):
        rows = "".join(f"{i},{'five' if i == bad else 5}\n" for i in range(first, first + self.ROWS))
        self.write(f"{month}/in/orders.csv", f"id,v\n{rows}")

    def interrupted_load(self):
        """January's load ends at a bad row, which is then fixed. Returns its committed rows."""
        january = self.installation("jan", 0)
        self.write_rows("jan", 0, bad=self.ROWS - 100)
        done = self.expect(SOURCE, "run", january, says=["five", "fix the cause, then run the same command again to continue",
                                                         "if a column needs another type", "state reset"])
        self.assertIn(f"rapidbyte state reset {january} --stream orders", done.err)
        rows = self.query("SELECT count(*) FROM orders")[0][0]
        self.assertGreater(rows, 0)
        self.write_rows("jan", 0)
        return january, rows

    def assert_ids(self, *firsts):
        ids = [i for first in firsts for i in range(first, first + self.ROWS)]
        self.assertEqual([i for (i,) in self.query("SELECT id FROM orders ORDER BY id")], ids)

    def test_once_repaired_it_resumes(self):
        january, _ = self.interrupted_load()
        self.run_ok(january)
        self.assert_ids(0)

    def test_behind_another_installations_load_it_is_refused_and_the_advice_leads_on(self):
        january, rows = self.interrupted_load()
        february = self.installation("feb", 1_000_000)
        # Its state does not know January's load, which would remain unfinished.
        self.expect(DESTINATION, "run", february, says=["POSITION_MISSING", f"{rows} rows", "another installation"])
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(rows,)])
        self.expect(OK, "run", february, "--allow-doubled-rows")
        for options in ((), ("-q",)):
            done = self.expect(STATE, "run", january, *options,
                               says=["RECEIPT_FOREIGN", f"{rows} rows", "another installation", "its own name"])
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(rows + self.ROWS,)])
        # The remedy that the message names.
        command = f"rapidbyte state reset {january} --stream orders"
        self.assertIn(command, done.err)
        connection = self.connect()
        connection.execute("DELETE FROM orders WHERE id < 1000000")
        connection.close()
        self.assertEqual(self.rapidbyte(*command.split()[1:], "--yes").code, OK)
        self.run_ok(january)
        self.assert_ids(0, 1_000_000)

    def test_without_its_receipt_it_is_refused(self):
        january, rows = self.interrupted_load()
        connection = self.connect()
        connection.execute("DROP TABLE _rapidbyte_receipts")
        connection.close()
        self.expect(STATE, "run", january, says=["RECEIPT_MISSING", f"{rows} rows", "state reset"])
        self.assertEqual(self.query("SELECT count(*) FROM orders"), [(rows,)])

    def test_without_its_table_or_its_database_it_restarts(self):
        january, _ = self.interrupted_load()
        connection = self.connect()
        connection.execute("DROP TABLE orders")
        connection.close()
        self.run_ok(january)
        self.assert_ids(0)
        shutil.rmtree(self.folder / "jan")
        self.database.unlink()
        january, _ = self.interrupted_load()
        self.database.unlink()
        self.run_ok(january)
        self.assert_ids(0)

    def test_a_type_that_was_wrong_is_mended_by_the_advice(self):
        january, _ = self.interrupted_load()
        self.write_rows("jan", 0, bad=self.ROWS - 100)
        january.write_text(january.read_text().replace("columns: {v: integer}", "columns: {v: text}"))
        done = self.expect(DESTINATION, "run", january, says=["TYPE_CHANGED", "drop the table"])
        command = f"rapidbyte state reset {january} --stream orders"
        self.assertIn(command, done.err)
        connection = self.connect()
        connection.execute("DROP TABLE orders")
        connection.close()
        self.assertEqual(self.rapidbyte(*command.split()[1:], "--yes").code, OK)
        self.run_ok(january)
        self.assert_ids(0)
        self.assertEqual(self.query("SELECT v FROM orders WHERE v <> '5'"), [("five",)])


class Secrets(harness.EndToEnd):

    def test_values_from_the_environment_do_not_reach_any_output(self):
        secret = "hunter2-very-secret"
        self.write("data/t.csv", "id\nnot-a-number\n")
        pipeline = self.pipeline(destination=f"config: {{path: '{self.folder}/${{E2E_SECRET}}/out.db'}}")
        done = self.rapidbyte("run", pipeline, "-vvv", "--json", environment=self.environment(E2E_SECRET=secret))
        self.assertNotEqual(done.code, OK)
        self.assertNotIn(secret, done.err)
        self.assertNotIn(secret, done.out)


class DatabaseInUse(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.write_csv("t.csv", ["id", "name"], [(1, "a"), (2, "b")])
        self.run_ok(self.pipeline(mode="replace"))

    def assert_refused_then_works(self, other):
        began = time.monotonic()
        self.expect(DESTINATION, "run", self.pipeline(mode="replace", resources="max_retries: 0"), says=["out.db", "lock"])
        self.assertLess(time.monotonic() - began, 20)
        other.execute("ROLLBACK")
        self.assertEqual(other.execute("SELECT count(*) FROM t").fetchall(), [(2,)])
        other.close()
        self.run_ok(self.pipeline(mode="replace"))
        self.assert_table("t", ["id", "name"], ["int", "text"], [(1, "a"), (2, "b")])
        self.assert_sound()

    def test_a_writer_of_another_program_is_respected(self):
        other = self.connect()
        other.execute("BEGIN EXCLUSIVE")
        self.assert_refused_then_works(other)

    def test_a_reader_of_another_program_is_respected(self):
        other = self.connect()
        other.execute("BEGIN")
        other.execute("SELECT * FROM t").fetchall()
        self.assert_refused_then_works(other)


SLOW = "checkpoint_interval_rows: 200\nmax_batch_bytes: 4kb"


class DatabaseThatGoesAway(harness.EndToEnd):
    """One instance loads many streams, and its file is moved away meanwhile."""

    COUNT = 150

    def test_what_counts_as_written_is_in_one_of_the_files_and_the_next_run_loads_the_rest(self):
        names = [f"t{i:03}" for i in range(self.COUNT)]
        for name in names:
            self.write_csv(f"{name}.csv", ["id"], [(1,), (2,), (3,)])
        pipeline = self.pipeline(streams="\n".join(f"- {{name: {name}}}" for name in names))
        process = self.start("run", pipeline, "--json", "--events", self.events)
        self.wait_for_event(process, '"stream_finished"', least=3)
        former = self.folder / "former.db"
        os.rename(self.database, former)
        out, err = process.communicate(timeout=120)
        self.assertEqual(process.returncode, DESTINATION, err)
        self.assertIn("DATABASE_REPLACED", err)
        report = json.loads(out)
        # For the one that failed, too: its rows may have been committed just before the file was moved.
        written = {stream["stream"]: stream["rows_written"] for stream in report["streams"] if stream["rows_written"] != 0}
        self.assertGreater(len(written), 2)
        failed = [stream for stream in report["streams"] if stream["outcome"] != "succeeded"]
        self.assertEqual([stream["failure"]["code"] for stream in failed], ["DATABASE_REPLACED"])
        found = {}
        for path in (former, self.database):
            with sqlite3.connect(path) as database:
                for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE name GLOB 't[0-9]*'").fetchall():
                    self.assertNotIn(name, found)
                    found[name] = database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            database.close()
        self.assertEqual(found, written)
        self.assertEqual(set(found.values()), {3})
        self.run_ok(pipeline)
        for name in names:
            self.assertEqual(self.query(f"SELECT count(*) FROM {name}"), [(3,)], name)


class WhileRunning(harness.EndToEnd):
    """A load that commits every few rows, so that it takes seconds."""

    ROWS = 60_000

    def setUp(self):
        super().setUp()
        self.rows = [(i, f"name of row number {i}") for i in range(self.ROWS)]
        self.write_csv("t.csv", ["id", "name"], self.rows)

    def start_load(self, mode="append"):
        process = self.start("run", self.pipeline(mode=mode, resources=SLOW), "--events", self.events)
        self.wait_for_commits(process, self.events)
        return process

    def test_a_second_run_of_the_pipeline_is_refused_and_the_first_one_finishes(self):
        first = self.start_load()
        done = self.expect(STATE, "run", self.pipeline(resources=SLOW + "\nmax_retries: 0"), says=str(first.pid))
        self.assertIsNone(first.poll(), "the first run ended too early for this test")
        self.assertLess(done.seconds, 20)
        _, err = first.communicate(timeout=120)
        self.assertEqual(first.returncode, OK, err)
        self.assert_table("t", ["id", "name"], ["int", "text"], self.rows)

    def test_a_second_run_that_gets_around_the_lock_stops_the_first_and_no_row_is_doubled(self):
        for mode in ("append", "upsert", "replace"):
            with self.subTest(mode=mode):
                for file in self.folder.glob("*.db*"):
                    file.unlink()
                self.events.unlink(missing_ok=True)
                first = self.start_load(mode)
                # Like somebody who tidies up, or a network file system that loses locks.
                locks = list(self.state.parent.glob(f"{self.state.name}.*.lock"))
                self.assertEqual(len(locks), 1)
                locks[0].unlink()
                second = self.start("run", self.pipeline(mode=mode), "--json", "-q")
                _, err = first.communicate(timeout=60)
                self.assertEqual(first.returncode, STATE, err)
                self.assertIn("LEASE_LOST", err)
                self.assertIn(str(second.pid), err)
                out, err = second.communicate(timeout=120)
                self.assertEqual(second.returncode, OK, f"{err}\n{out}")
                self.assert_table("t", ["id", "name"], ["int", "text"], self.rows)
                self.assert_sound()
                history = json.loads(self.expect(OK, "state", "show", self.pipeline(mode=mode), "--json").out)["runs"]
                self.assertEqual([run["outcome"] for run in history], ["succeeded", "failed"])

    def test_a_run_whose_state_is_taken_away_stops(self):
        first = self.start_load()
        self.state.rename(self.folder / "elsewhere.db")
        _, err = first.communicate(timeout=60)
        self.assertEqual(first.returncode, STATE, err)
        self.assertIn("LEASE_LOST", err)
        self.assertIn("moved, replaced or deleted", err)
        self.assertLess(self.query("SELECT count(*) FROM t")[0][0], self.ROWS)

    def test_another_program_sees_a_locked_database_and_never_harms_it(self):
        first = self.start_load()
        other = self.connect()
        refused = 0
        while first.poll() is None:
            try:
                other.execute("INSERT INTO t(id, name) VALUES (-1, 'other')")
            except sqlite3.OperationalError as error:
                self.assertIn("locked", str(error))
                refused += 1
            time.sleep(0.01)
        other.close()
        _, err = first.communicate()
        self.assertEqual(first.returncode, OK, err)
        self.assertGreater(refused, 0)
        self.assert_sound()
        rows = [row for row in self.query("SELECT id, name FROM t") if row[0] != -1]
        self.assertEqual(sorted(rows), self.rows)

    def test_signals_end_the_run_within_two_seconds_and_the_next_run_resumes(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            for mode in ("append", "upsert", "replace"):
                with self.subTest(signal=number.name, mode=mode):
                    for file in self.folder.glob("*.db*"):
                        file.unlink()
                    self.events.unlink(missing_ok=True)
                    process = self.start_load(mode)
                    began = time.monotonic()
                    process.send_signal(number)
                    out, err = process.communicate(timeout=30)
                    self.assertLess(time.monotonic() - began, 2.0)
                    self.assertEqual(process.returncode, INTERRUPTED, f"{err}\n{out}")
                    self.assert_sound()
                    before = self.query("SELECT count(*) FROM t")[0][0] if self.table_exists("t") else 0
                    self.assertLess(before, self.ROWS, "the run was complete before the signal")
                    report = self.run_report(self.pipeline(mode=mode))
                    self.assert_table("t", ["id", "name"], ["int", "text"], self.rows)
                    if mode != "replace":
                        self.assertTrue(report["streams"][0]["resumed"])
                        self.assertEqual(before + report["streams"][0]["rows_written"], self.ROWS)


harness.main() if __name__ == "__main__" else None
