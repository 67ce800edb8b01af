"""SIGKILL at seeded moments of loads between two servers, then run again: the table equals the source, every time, in every mode
and way of loading.

The moments are spread over the whole load, from before the first row to around the last commit. The next run begins at
once, while the servers may not have noticed yet that their clients are gone. Some loads are killed again in their second run.
RAPIDBYTE_KILL_MOMENTS sets how many moments there are for each of them.
"""
import collections
import json
import os
import random
import subprocess
import threading
import time

import harness
import postgres_harness
from postgres_harness import make_large_table, make_table, rows_sql

MOMENTS = int(os.environ.get("RAPIDBYTE_KILL_MOMENTS", "13"))
ROWS = 36_000
# Small batches and, where a load commits on the way, a commit every 3,000 rows.
RESOURCES = {"checkpoint_interval_rows": 3000, "max_batch_bytes": "64kb"}
INCREMENTAL = {"name": "t", "sync_mode": "incremental", "cursor_field": "at"}
BAD_ROW = "id % 1000 = 7"

Load = collections.namedtuple("Load", "mode streams options parallelism", defaults=("append", "t", {}, 1))
LOADS = {
    "append": Load(),
    "replace": Load("replace"),
    "upsert": Load("upsert"),
    "incremental": Load(streams=INCREMENTAL),
    "insert": Load(streams=INCREMENTAL, options={"destination_config": {"load_method": "insert"}}),
    "rejects": Load(streams=INCREMENTAL, options={"on_data_error": "dlq"}),
    "parallel_replace": Load("replace", parallelism=2),
    "parallel_upsert": Load("upsert", parallelism=2),
}


def setUpModule():
    postgres_harness.set_up_servers()


class Kill(postgres_harness.PostgresTest):

    def pipeline_of(self, name, number):
        """A pipeline with its own state and its own schema in the destination, so that no load sees what another left."""
        load = LOADS[name]
        options = dict(load.options)
        config = {"schema": self.schema(name, number), **options.pop("destination_config", {})}
        return self.postgres([load.streams], mode=load.mode, name=self.schema(name, number), destination_config=config,
                             resources={**RESOURCES, "parallelism": load.parallelism}, **options)

    @staticmethod
    def schema(name, number):
        return f"{name}_{number}"

    def prepare(self, name, number):
        """What is there before the load: an older table for replace and upsert, one that refuses some rows, or nothing."""
        schema = self.schema(name, number)
        self.destination.query(f"CREATE SCHEMA {schema}")
        if LOADS[name].mode != "append":
            self.destination.query(f"CREATE TABLE {schema}.t AS {rows_sql(ROWS // 2)}; UPDATE {schema}.t SET note = 'old'; "
                                   f"ALTER TABLE {schema}.t ADD PRIMARY KEY (id)")
        if name == "rejects":
            self.destination.query(f"CREATE TABLE {schema}.t (id bigint PRIMARY KEY, amount numeric(12,2), at timestamptz, "
                                   f"note text, CONSTRAINT good CHECK (NOT {BAD_ROW}))")

    def rows_left(self, name, number):
        """Rows after a kill. No row is doubled; replace shows the old or the new table."""
        schema = self.schema(name, number)
        if not self.has_table(self.destination, "t", schema):
            self.assertEqual(LOADS[name].mode, "append", "the old table is gone")
            return 0
        rows, ids = map(int, self.destination.query(f"SELECT count(*), count(DISTINCT id) FROM {schema}.t")[0])
        self.assertEqual(rows, ids, "rows are doubled")
        if LOADS[name].mode == "replace":
            self.assertIn(rows, (ROWS // 2, ROWS), "neither the old table nor the new one")
        return rows

    def kill_after(self, pipeline, seconds):
        """None if the run was killed, or the seconds that it took if it had ended before."""
        began = time.monotonic()
        process = self.start("run", pipeline)
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            harness.kill(process)
            out, err = "", "it ended just before it was to be killed"
            if process.returncode == -9:
                return None
        self.assertEqual(process.returncode, harness.OK, err + out)
        return time.monotonic() - began

    def assert_loaded(self, name, number):
        """The table equals the source; but for the rows that it refuses, which are in the dead-letter files."""
        schema = self.schema(name, number)
        where = f"NOT {BAD_ROW}" if name == "rejects" else "true"
        digest = "SELECT count(*), sum(hashtextextended(row(id, amount, at, note)::text, 0)::numeric) FROM"
        want, have = self.source.query(f"{digest} t WHERE {where}"), self.destination.query(f"{digest} {schema}.t")
        if want != have:
            self.assert_same(schema=schema, where=where)
            self.fail(f"{have}, expected {want}")
        if name == "rejects":
            refused = {id for (id,) in self.source.query(f"SELECT id FROM t WHERE {BAD_ROW}")}
            self.assertEqual(self.dead_letters(schema), refused)
        names = self.destination.query(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' "
                                       "AND tablename NOT LIKE '\\_rapidbyte\\_receipts%' AND tablename <> 't'")
        self.assertEqual(names, [], "staging is left")

    def dead_letters(self, name):
        """The ids in the files of all runs. A run that resumes after a kill may refuse a row again; each file has it once."""
        found = set()
        for file in (self.folder / "dlq").glob(f"{name}-*.ndjson"):
            lines = file.read_text(encoding="utf-8").split("\n")
            # What a kill cut off was not committed either.
            ids = [str(json.loads(line)["record"]["id"]) for line in lines[:-1]]
            self.assertEqual(len(ids), len(set(ids)), "a file has a row twice")
            found.update(ids)
        return found

    def kill_at_moments(self, name):
        load = LOADS[name]
        generator = random.Random(f"postgres-{name}")
        if load.parallelism > 1:
            make_large_table(self.source, ROWS)
        else:
            make_table(self.source, ROWS)
        self.prepare(name, "whole")
        pipeline = self.pipeline_of(name, "whole")
        began = time.monotonic()
        report = self.run_report(pipeline)
        whole = time.monotonic() - began
        self.assertEqual(report["streams"][0]["partitions"], load.parallelism)
        self.assert_loaded(name, "whole")
        killed, left = 0, set()
        for number in range(3 * MOMENTS):
            # Beyond the moments that every load has: until a kill has hit what it is meant to hit, whatever else the machine is doing.
            if number >= MOMENTS and (load.streams != INCREMENTAL or len(left) > 2):
                break
            self.prepare(name, number)
            pipeline = self.pipeline_of(name, number)
            moment = (number + generator.random()) / MOMENTS if number < MOMENTS else 0.3 + 0.7 * generator.random()
            seconds = moment * whole
            with self.subTest(load=name, number=number, seconds=round(seconds, 3)):
                done = self.kill_after(pipeline, seconds)
                # A load that was done sooner than the first one shows that the machine was busy then.
                whole, killed = min(whole, done or whole), killed + (done is None)
                left.add(self.rows_left(name, number))
                if number % 4 == 3 and not self.load_of(pipeline)[1]:
                    self.kill_after(pipeline, generator.random() * whole)
                    self.rows_left(name, number)
                # A load that is durably complete is not restarted: for append that would be a further load.
                if not self.load_of(pipeline)[1]:
                    self.run_ok(pipeline)
                self.assert_loaded(name, number)
        self.assertGreater(killed, MOMENTS // 2, "runs ended before they were to be killed")
        if load.streams == INCREMENTAL:
            self.assertGreater(len(left), 2, f"no kill hit a load between its commits: {sorted(left)}")

    def test_append(self):
        self.kill_at_moments("append")

    def test_replace(self):
        self.kill_at_moments("replace")

    def test_upsert(self):
        self.kill_at_moments("upsert")

    def test_incremental(self):
        self.kill_at_moments("incremental")

    def test_insert(self):
        self.kill_at_moments("insert")

    def test_rejects(self):
        self.kill_at_moments("rejects")

    def test_parallel_replace(self):
        self.kill_at_moments("parallel_replace")

    def test_parallel_upsert(self):
        self.kill_at_moments("parallel_upsert")

    def test_readers_never_see_an_empty_or_half_table_while_it_is_replaced(self):
        make_table(self.source, ROWS)
        make_table(self.destination, ROWS // 2)
        pipeline = self.postgres(mode="replace", resources=RESOURCES)
        stop, seen, errors = threading.Event(), [], []

        def read():
            try:
                with self.destination.session() as session:
                    while not stop.is_set():
                        seen.append(int(session.query("SELECT count(*) FROM t")[0][0]))
            except Exception as error:  # pylint: disable=broad-except  (shown below, in the test's own thread)
                errors.append(error)

        readers = [threading.Thread(target=read) for _ in range(2)]
        for reader in readers:
            reader.start()
        try:
            self.run_ok(pipeline)
            self.source.query(f"DELETE FROM t WHERE id > {ROWS - 1000}")
            self.run_ok(pipeline)
        finally:
            stop.set()
            for reader in readers:
                reader.join()
        self.assertEqual(errors, [])
        self.assertLessEqual(set(seen), {ROWS // 2, ROWS, ROWS - 1000})
        self.assertGreater(len(seen), 10)
        self.assert_same()


class ManyTables(postgres_harness.PostgresTest):
    """Tables with and without rows by the same sessions: one without rows after another leaves the destination alone."""
    TABLES = 48
    FULL = range(5, TABLES, 6)
    kill_after = Kill.kill_after

    def kill_at_moments(self, mode):
        for i in range(self.TABLES):
            rows = 40 * i if i in self.FULL else 0
            self.source.query(f"CREATE TABLE t{i:02} AS SELECT g AS id, 'of ' || g AS note FROM generate_series(1, {rows}) AS g")
        generator = random.Random(f"many-{mode}")
        for schema in ("compiles", "whole"):
            pipeline = self.pipeline_into(schema, mode)
            began = time.monotonic()
            self.run_report(pipeline)
            whole = time.monotonic() - began
            self.assert_loaded(schema, 1)
        killed = 0
        for number in range(MOMENTS):
            schema = f"k{number}"
            pipeline = self.pipeline_into(schema, mode)
            done = self.kill_after(pipeline, whole * (number + generator.random()) / MOMENTS)
            # A load that was done sooner than the first one shows that the machine was busy then.
            whole, killed = min(whole, done or whole), killed + (done is None)
            # Appends end together, so that one speaks for all. A kill may come after the end.
            done = self.load_of(pipeline, "t05")[1]
            self.assert_loaded(schema, 1, partly=True)
            self.run_report(pipeline)
            self.assert_loaded(schema, 2 if done and mode == "append" else 1)
            # Nothing of the interrupted load is left that would change the next one.
            self.run_report(pipeline)
            self.assert_loaded(schema, (3 if done else 2) if mode == "append" else 1)
        self.assertGreater(killed, MOMENTS // 2)

    def pipeline_into(self, schema, mode):
        self.destination.query(f"CREATE SCHEMA {schema}")
        if mode == "replace":
            # What an empty stream replaces, and what it finds empty.
            for i in range(0, self.TABLES, 3):
                self.destination.query(f"CREATE TABLE {schema}.t{i:02} (id integer, note text); "
                                       f"INSERT INTO {schema}.t{i:02} SELECT -1, 'old' WHERE {i} % 2 = 0")
        return self.postgres([], mode=mode, name=schema, destination_config={"schema": schema}, resources={"parallelism": 2})

    def assert_loaded(self, schema, times, partly=False):
        """Every row of the source is there so many times; `partly`: or not yet, with the old rows of a replace."""
        there = {name for (name,) in self.destination.query(f"SELECT tablename FROM pg_tables WHERE schemaname = '{schema}'")}
        for i in range(self.TABLES):
            name = f"t{i:02}"
            if name not in there:
                self.assertTrue(partly, f"{name} is missing")
                continue
            rows = 40 * i if i in self.FULL else 0
            ids = [int(id) for (id,) in self.destination.query(f"SELECT id FROM {schema}.{name} ORDER BY id")]
            want = sorted(list(range(1, rows + 1)) * times)
            if partly:
                self.assertIn(ids, (want, [], [-1]), name)
            else:
                self.assertEqual(ids, want, name)

    def test_many_append(self):
        self.kill_at_moments("append")

    def test_many_replace(self):
        self.kill_at_moments("replace")


class ServerCrash(postgres_harness.PostgresTest):
    """The destination's server crashes between an interrupted load and the next run. Its recovery empties UNLOGGED tables, and keeps
    their receipts, which are in an ordinary one."""

    ROWS = 36_000

    def interrupted(self, kind, mode="append"):
        """A load that ended at a row which the target refuses, when others were committed; then the crash. The pipeline."""
        self.destination.query(f"CREATE {kind} TABLE t (id bigint PRIMARY KEY, amount numeric(12,2), at timestamptz, note text, "
                               f"CONSTRAINT good CHECK (id < {self.ROWS - 500}))")
        make_table(self.source, self.ROWS)
        pipeline = self.postgres([{"name": "t", "sync_mode": "incremental", "cursor_field": "id"}], mode=mode, resources=RESOURCES)
        self.assertEqual(self.failure(pipeline, harness.DESTINATION)["code"], "ROW_REFUSED")
        self.destination.query("ALTER TABLE t DROP CONSTRAINT good")
        committed = self.rows()
        self.assertGreater(committed, 0)
        self.destination.restart("immediate")
        self.assertEqual(self.rows(), 0 if kind else committed, "this was no crash")
        return pipeline

    def rows(self):
        return int(self.destination.query("SELECT count(*) FROM t")[0][0])

    def test_an_append_into_an_unlogged_table_is_not_resumed(self):
        pipeline = self.interrupted("UNLOGGED")
        for _ in range(2):
            failure = self.failure(pipeline, harness.STATE)
            self.assertEqual(failure["code"], "RECEIPT_MISSING")
            self.assertEqual(self.rows(), 0)
        # The remedy that it names.
        command = f"state reset {pipeline} --stream t"
        self.assertIn(command, failure["message"])
        self.assertEqual(self.rapidbyte(*command.split(), "--yes").code, harness.OK)
        self.run_ok(pipeline)
        self.assert_same()

    def test_an_upsert_into_an_unlogged_table_restarts(self):
        self.run_ok(self.interrupted("UNLOGGED", mode="upsert"))
        self.assert_same()

    def test_a_load_into_a_logged_table_resumes(self):
        report = self.run_report(self.interrupted(""))
        self.assertLess(report["streams"][0]["rows_read"], self.ROWS, "it began again")
        self.assert_same()

    def test_an_unlogged_table_that_a_crash_has_emptied_between_complete_runs_is_not_loaded_on_into(self):
        self.destination.query("CREATE UNLOGGED TABLE t (id bigint PRIMARY KEY, amount numeric(12,2), at timestamptz, note text)")
        make_table(self.source, self.ROWS)
        pipeline = self.postgres([{"name": "t", "sync_mode": "incremental", "cursor_field": "id"}], name="complete")
        self.run_ok(pipeline)
        self.assert_same()
        self.destination.restart("immediate")
        self.source.query(f"INSERT INTO t {rows_sql(10, first=self.ROWS + 1)}")
        self.assertEqual(self.failure(pipeline, harness.DESTINATION)["code"], "TARGET_EMPTIED")
        self.assertEqual(self.rows(), 0)
        self.assertEqual(self.rapidbyte("state", "reset", pipeline, "--yes").code, harness.OK)
        self.run_ok(pipeline)
        self.assert_same()


harness.main() if __name__ == "__main__" else None
