"""SIGKILL at many points of a running load, then run again: the table equals the source, every time, in every write mode.

Two ways to choose the points: by time, spread over the whole run (also before the first row and around the last one), and
by progress, right after a cursor became durable, which is where a commit of the destination and the host's own record of it can
fall apart. The number of kills and the time are bounded; the random numbers have fixed seeds.
"""
import os
import random
import time

import harness
import sample_table
from sample_table import COLUMNS, KINDS

ROWS = 6000
# Small batches and a commit every few hundred rows: a load of well above ten commits.
RESOURCES = "checkpoint_interval_rows: 300\nmax_batch_bytes: 16kb"
POINTS = int(os.environ.get("RAPIDBYTE_KILL_POINTS", "10"))


class Kill(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.old = []
        self.new = sample_table.rows(ROWS, seed=11)
        self.events = self.folder / "events.ndjson"

    def prepare(self, mode):
        """What is in the table before the load, and what must be there after it."""
        for file in list(self.folder.glob("*.db*")) + list(self.folder.glob("events*")):
            file.unlink()
        if mode == "append":
            self.old, self.expected = [], self.new
        elif mode == "replace":
            self.old = sample_table.rows(500, seed=12, first=1_000_000)
            self.expected = self.new
        else:
            self.old = [sample_table.changed(row, 13) for row in self.new[::3]] + sample_table.rows(
                300, seed=14, first=2_000_000)
            keys = {row[0] for row in self.new}
            self.expected = self.new + [row for row in self.old if row[0] not in keys]
        if self.old:
            self.write_csv("t.csv", COLUMNS, self.old)
            self.run_ok(self.pipeline(mode=mode))
        self.write_csv("t.csv", COLUMNS, self.new)
        self.file = self.pipeline(mode=mode, resources=RESOURCES)

    def assert_nothing_wrong_yet(self, mode):
        """After a kill: the database is whole; no row is doubled or made up; replace shows the old or the new table."""
        self.assertFalse(not self.database.exists() and self.old)
        if not self.table_exists("t"):
            self.assertFalse(self.old, "the table of the earlier load is gone")
            return
        self.assert_sound()
        rows = self.table_rows("t", COLUMNS, KINDS)
        self.assertEqual(len(rows), len(set(rows)), "rows are doubled")
        known = {tuple(harness.canonical(kind, value) for kind, value in zip(KINDS, row)) for row in self.old + self.new}
        self.assertEqual([row for row in rows if row not in known][:3], [])
        if mode == "replace":
            self.assertIn(len(rows), (len(self.old), len(self.new)), "neither the old table nor the new one")

    def finish_and_compare(self, mode):
        done = self.run_ok(self.file)
        self.assert_table("t", COLUMNS, KINDS, self.expected)
        self.assert_sound()
        return done

    def whole_run_seconds(self, mode):
        self.prepare(mode)
        self.run_ok(self.file)  # warms the caches
        self.prepare(mode)
        return self.run_ok(self.file).seconds

    def kill_by_time(self, mode):
        seconds = self.whole_run_seconds(mode)
        killed = 0
        for point in range(POINTS):
            with self.subTest(mode=mode, point=point):
                self.prepare(mode)
                process = self.start("run", self.file)
                time.sleep(seconds * (point + 0.5) / POINTS)
                killed += process.poll() is None
                complete = process.poll() == 0
                harness.kill(process) if process.poll() is None else process.communicate()
                if complete:
                    continue  # it was faster than before; the comparison of a complete run is another test's
                self.assert_nothing_wrong_yet(mode)
                self.finish_and_compare(mode)
        self.assertGreaterEqual(killed, POINTS // 2, "too few runs were still going when they were to be killed")

    def kill_again_and_again(self, mode):
        """One load, killed at every turn until it gets through: each run goes a little further than the last one."""
        seconds = self.whole_run_seconds(mode)
        generator = random.Random(f"again-{mode}")
        self.prepare(mode)
        kills = 0
        for _ in range(POINTS):
            process = self.start("run", self.file)
            time.sleep(generator.uniform(0.2, 0.7) * seconds)
            if process.poll() is not None:
                process.communicate()
                break
            harness.kill(process)
            kills += 1
            self.assert_nothing_wrong_yet(mode)
        if process.returncode == 0:
            self.assert_table("t", COLUMNS, KINDS, self.expected)
        else:
            self.finish_and_compare(mode)
        self.assertGreater(kills, 0)

    def kill_after_commits(self, mode):
        for commits in (1, 2, 5, 9):
            with self.subTest(mode=mode, commits=commits):
                self.prepare(mode)
                process = self.start("run", self.file, "--events", self.events)
                self.wait_for_commits(process, self.events, commits)
                harness.kill(process)
                self.assert_nothing_wrong_yet(mode)
                report_rows = len(self.table_rows("t", COLUMNS, KINDS)) if mode == "append" else 0
                self.finish_and_compare(mode)
                if mode == "append":
                    self.assertGreater(report_rows, 0, "a durable cursor without its rows")

    def test_append_killed_at_any_time(self):
        self.kill_by_time("append")

    def test_replace_killed_at_any_time(self):
        self.kill_by_time("replace")

    def test_upsert_killed_at_any_time(self):
        self.kill_by_time("upsert")

    def test_append_killed_again_and_again(self):
        self.kill_again_and_again("append")

    def test_replace_killed_again_and_again(self):
        self.kill_again_and_again("replace")

    def test_upsert_killed_again_and_again(self):
        self.kill_again_and_again("upsert")

    def test_append_killed_right_after_a_commit(self):
        self.kill_after_commits("append")

    def test_upsert_killed_right_after_a_commit(self):
        self.kill_after_commits("upsert")


harness.main() if __name__ == "__main__" else None
