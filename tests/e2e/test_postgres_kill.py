"""SIGKILL at seeded moments of loads between two servers, then run again: the table equals the source, every time, in every mode.

The moments are spread over the whole load, from before the first row to around the last commit. The next run begins at
once, while the servers may not have noticed yet that their clients are gone. Some loads are killed again in their second run.
RAPIDBYTE_KILL_MOMENTS sets how many moments there are in all.
"""
import os
import random
import threading
import time

import harness
import postgres_harness
from postgres_harness import make_table, rows_sql

MOMENTS = int(os.environ.get("RAPIDBYTE_KILL_MOMENTS", "52"))
MODES = ("append", "replace", "upsert", "incremental")
ROWS = 30_000
# Small batches and, where a load commits on the way, a commit every 3,000 rows.
RESOURCES = {"checkpoint_interval_rows": 3000, "max_batch_bytes": "64kb"}


def setUpModule():
    postgres_harness.set_up_servers()


class Kill(postgres_harness.PostgresTest):

    def setUp(self):
        super().setUp()
        make_table(self.source, ROWS)

    def pipeline_of(self, mode, number):
        """A pipeline with its own state and its own schema in the destination, so that no load sees another's leavings."""
        incremental = mode == "incremental"
        streams = [{"name": "t", "sync_mode": "incremental", "cursor_field": "at"} if incremental else "t"]
        return self.postgres(streams, mode="append" if incremental else mode, name=f"{mode}-{number}", resources=RESOURCES,
                             destination_config={"schema": self.schema(mode, number)})

    @staticmethod
    def schema(mode, number):
        return f"{mode}_{number}"

    def prepare(self, mode, number):
        """What is there before the load: for replace and upsert an older table, for the others nothing."""
        schema = self.schema(mode, number)
        self.destination.query(f"CREATE SCHEMA {schema}")
        if mode in ("replace", "upsert"):
            self.destination.query(f"CREATE TABLE {schema}.t AS {rows_sql(ROWS // 2)}; UPDATE {schema}.t SET note = 'old'; "
                                   f"ALTER TABLE {schema}.t ADD PRIMARY KEY (id)")

    def rows_left(self, mode, number):
        """Rows after a kill. No row is doubled; replace shows the old or the new table."""
        schema = self.schema(mode, number)
        if not self.has_table(self.destination, "t", schema):
            self.assertIn(mode, ("append", "incremental"), "the old table is gone")
            return 0
        rows, ids = map(int, self.destination.query(f"SELECT count(*), count(DISTINCT id) FROM {schema}.t")[0])
        self.assertEqual(rows, ids, "rows are doubled")
        if mode == "replace":
            self.assertIn(rows, (ROWS // 2, ROWS), "neither the old table nor the new one")
        return rows

    def kill_after(self, pipeline, seconds):
        """Whether the run was killed rather than done."""
        process = self.start("run", pipeline)
        time.sleep(seconds)
        if process.poll() is not None:
            out, err = process.communicate()
            self.assertEqual(process.returncode, harness.OK, err + out)
            return False
        harness.kill(process)
        return process.returncode == -9

    def is_equal(self, mode, number):
        digest = "SELECT count(*), sum(hashtextextended(row(id, amount, at, note)::text, 0)::numeric) FROM"
        return self.source.query(f"{digest} t") == self.destination.query(f"{digest} {self.schema(mode, number)}.t")

    def kill_at_moments(self, mode):
        count = -(-MOMENTS // len(MODES))
        generator = random.Random(f"postgres-{mode}")
        self.prepare(mode, "whole")
        whole = self.run_ok(self.pipeline_of(mode, "whole")).seconds
        self.assertTrue(self.is_equal(mode, "whole"))
        killed, left = 0, set()
        for number in range(count):
            self.prepare(mode, number)
            pipeline = self.pipeline_of(mode, number)
            seconds = (number + generator.random()) / count * whole
            with self.subTest(mode=mode, number=number, seconds=round(seconds, 3)):
                killed += self.kill_after(pipeline, seconds)
                left.add(self.rows_left(mode, number))
                if number % 4 == 3 and not self.load_of(pipeline)[1]:
                    self.kill_after(pipeline, generator.random() * whole)
                    self.rows_left(mode, number)
                # A load that is durably complete is not begun again: for append that would be a further load.
                if not self.load_of(pipeline)[1]:
                    self.run_ok(pipeline)
                if not self.is_equal(mode, number):
                    self.assert_same(schema=self.schema(mode, number))
                names = self.destination.query(f"SELECT tablename FROM pg_tables WHERE schemaname = '{self.schema(mode, number)}' "
                                               "AND tablename NOT LIKE '\\_rapidbyte\\_receipts%' AND tablename <> 't'")
                self.assertEqual(names, [], "staging is left")
        self.assertGreater(killed, count // 2, "runs ended before they were to be killed")
        if mode == "incremental":
            self.assertGreater(len(left), 2, f"no kill hit a load between its commits: {sorted(left)}")

    def test_append(self):
        self.kill_at_moments("append")

    def test_replace(self):
        self.kill_at_moments("replace")

    def test_upsert(self):
        self.kill_at_moments("upsert")

    def test_incremental(self):
        self.kill_at_moments("incremental")

    def test_readers_never_see_an_empty_or_half_table_while_it_is_replaced(self):
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


harness.main() if __name__ == "__main__" else None
