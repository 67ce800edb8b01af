"""SIGKILL at many points of a running load, then run again: the table equals the source, every time, in every write mode.

Three ways to choose the points. By write: just before the n-th write, flush, truncation or removal of any file of the load (the
destination's database, its journal, the state), for n spread over the whole load; every third time the run after it is
killed in the same way. By time, also before the first row and around the last one. By progress, right after a cursor became durable. The
number of kills and the time are bounded; the random numbers have fixed seeds. RAPIDBYTE_KILL_POINTS=0 takes every write.
"""
import contextlib
import json
import os
import random
import shutil
import sqlite3
import time

import harness
import sample_table
from sample_table import COLUMNS, KINDS

ROWS = 3000
# Small batches and a commit every few hundred rows: a load of about ten commits.
RESOURCES = "checkpoint_interval_rows: 300\nmax_batch_bytes: 16kb"
POINTS = int(os.environ.get("RAPIDBYTE_KILL_POINTS", "40"))
TIMES = 6
PRELOAD = os.environ.get("RAPIDBYTE_KILL_AT_WRITE", "")


class Kill(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.new = sample_table.rows(ROWS, seed=11)
        self.old, self.expected = [], self.new
        self.loads = self.folder / "loads"
        self.loads.mkdir()
        self.database = self.loads / "out.db"
        self.state = self.loads / "state.db"

    def set_up_load(self, mode):
        """What is in the table before the load, and what must be there after it. Kept aside for begin()."""
        if mode == "replace":
            self.old = sample_table.rows(500, seed=12, first=1_000_000)
        elif mode == "upsert":
            self.old = [sample_table.changed(row, 13) for row in self.new[::3]] + sample_table.rows(
                300, seed=14, first=2_000_000)
            keys = {row[0] for row in self.new}
            self.expected = self.new + [row for row in self.old if row[0] not in keys]
        if self.old:
            self.write_csv("t.csv", COLUMNS, self.old)
            self.run_ok(self.pipeline(mode=mode))
        self.write_csv("t.csv", COLUMNS, self.new)
        self.mode = mode
        self.file = self.pipeline(mode=mode, resources=RESOURCES)
        self.known = {self.canonical_row(row) for row in self.old + self.new}
        self.load_before = self.finished_load()
        self.before = self.folder / "before"
        shutil.copytree(self.loads, self.before)

    def begin(self):
        """Puts the files back to what they were before the load."""
        shutil.rmtree(self.loads)
        shutil.copytree(self.before, self.loads)
        self.events.unlink(missing_ok=True)

    def canonical_row(self, row):
        return tuple(harness.canonical(kind, value) for kind, value in zip(KINDS, row))

    def assert_nothing_wrong_yet(self):
        """After a kill: the database is whole; no row is doubled or invented; replace shows the old or the new table."""
        if not self.table_exists("t"):
            self.assertFalse(self.old, "the table of the earlier load is gone")
            return 0
        self.assert_sound()
        rows = self.table_rows("t", COLUMNS, KINDS)
        self.assertEqual(len(rows), len(set(rows)), "rows are doubled")
        self.assertEqual([row for row in rows if row not in self.known][:3], [], "rows that nobody wrote")
        if self.mode == "replace":
            self.assertIn(len(rows), (len(self.old), len(self.new)), "neither the old table nor the new one")
        return len(rows)

    def finished_load(self):
        """Id of the newest load that the state holds as complete, or None."""
        if not self.state.exists():
            return None
        done = self.rapidbyte("state", "show", self.file, "--json")
        self.assertEqual(done.code, harness.OK, done.err)
        for stream in json.loads(done.out)["streams"]:
            return None if stream["load_in_progress"] else stream["load_id"]
        return None

    def is_complete(self):
        """Whether the kill came too late: the load was durably complete, and a further run is a new load (appends again)."""
        return self.finished_load() not in (None, self.load_before)

    def finish_and_compare(self):
        if not self.is_complete():
            self.run_ok(self.file)
        self.assert_table("t", COLUMNS, KINDS, self.expected)
        self.assert_sound()

    # --- by write -----------------------------------------------------------------------------------------------------

    def run_counting(self, kill_at=None):
        """One run with the preloaded library. The exit code, and how many calls there were (0 when it was killed)."""
        count = self.folder / "count"
        count.unlink(missing_ok=True)
        more = {"LD_PRELOAD": PRELOAD, "RAPIDBYTE_KILL_FILE": str(self.loads), "RAPIDBYTE_KILL_COUNT": str(count)}
        if kill_at:
            more["RAPIDBYTE_KILL_AT"] = str(kill_at)
        done = self.rapidbyte("run", self.file, environment=self.environment(**more))
        self.assertIn(done.code, (harness.OK, -9), done.err)
        return done.code, int(count.read_text()) if count.exists() else 0

    def kill_by_write(self, mode):
        self.assertTrue(os.path.exists(PRELOAD), "RAPIDBYTE_KILL_AT_WRITE does not name the library")
        self.set_up_load(mode)
        code, calls = self.run_counting()
        self.assertEqual(code, harness.OK)
        self.assertGreater(calls, 60, "the library does not see the writes")
        generator = random.Random(f"write-{mode}")
        count = min(POINTS or calls, calls)
        points = sorted({1 + (i * calls + generator.randrange(calls)) // count for i in range(count)} - {calls + 1})
        sizes, killed, late = set(), 0, 0
        for number, point in enumerate(points):
            with self.subTest(mode=mode, write=point, of=calls):
                self.begin()
                code, _ = self.run_counting(kill_at=point)
                killed += code == -9
                sizes.add(self.assert_nothing_wrong_yet())
                late += self.is_complete()
                if number % 3 == 0 and not self.is_complete():
                    self.run_counting(kill_at=generator.randrange(1, calls))
                    self.assert_nothing_wrong_yet()
                self.finish_and_compare()
        self.assertLessEqual(late, max(2, len(points) // 6), "much is written after a load is complete")
        self.assertGreaterEqual(killed, len(points) - 2, "runs ended before they were to be killed")
        # In replace the table is old or new; otherwise kills must have hit loads of all sizes, or they prove little.
        self.assertGreaterEqual(len(sizes), 2 if mode == "replace" else 5, f"rows found after the kills: {sorted(sizes)}")

    def test_append_killed_before_any_write(self):
        self.kill_by_write("append")

    def test_replace_killed_before_any_write(self):
        self.kill_by_write("replace")

    def test_upsert_killed_before_any_write(self):
        self.kill_by_write("upsert")

    def test_append_of_several_streams_doubles_none_that_was_done(self):
        """Of two streams the first one is complete when the run is killed in the second: the next run must not load it again."""
        other = sample_table.rows(ROWS, seed=15)
        self.write_csv("a.csv", COLUMNS, other)
        self.write_csv("t.csv", COLUMNS, self.new)
        streams = "- {name: a, sync_mode: full_refresh}\n- {name: t, sync_mode: full_refresh}"
        self.file = self.pipeline(streams=streams, resources=RESOURCES)
        process = self.start("run", self.file, "--events", self.events)
        self.wait_for_event(process, '"stream":"t"', '"checkpoint_committed"')
        harness.kill(process)
        self.assertLess(self.query("SELECT count(*) FROM t")[0][0], ROWS)
        self.run_ok(self.file)
        self.assert_table("a", COLUMNS, KINDS, other)
        self.assert_table("t", COLUMNS, KINDS, self.new)

    # --- by time ------------------------------------------------------------------------------------------------------

    def whole_run_seconds(self):
        self.begin()
        seconds = self.run_ok(self.file).seconds
        self.begin()
        return seconds

    def kill_by_time(self, mode):
        self.set_up_load(mode)
        seconds = self.whole_run_seconds()
        for point in range(TIMES):
            with self.subTest(mode=mode, point=point):
                self.begin()
                process = self.start("run", self.file)
                time.sleep(seconds * (point + 0.5) / TIMES)
                if process.poll() is not None:
                    process.communicate()
                    continue  # it was faster than the previous run; a complete run is compared elsewhere
                harness.kill(process)
                self.assert_nothing_wrong_yet()
                self.finish_and_compare()

    def kill_again_and_again(self, mode):
        """One load, killed at every turn, each run a little further than the last one; then it gets through."""
        self.set_up_load(mode)
        seconds = self.whole_run_seconds()
        generator = random.Random(f"again-{mode}")
        for _ in range(TIMES):
            process = self.start("run", self.file)
            time.sleep(generator.uniform(0.2, 0.8) * seconds)
            if process.poll() is not None:
                process.communicate()
                self.assertEqual(process.returncode, harness.OK)
                self.assert_table("t", COLUMNS, KINDS, self.expected)
                return
            harness.kill(process)
            self.assert_nothing_wrong_yet()
            if self.is_complete():
                break
        self.finish_and_compare()

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

    # --- by progress --------------------------------------------------------------------------------------------------

    def kill_after_commits(self, mode):
        self.set_up_load(mode)
        for commits in (1, 3, 6):
            with self.subTest(mode=mode, commits=commits):
                self.begin()
                process = self.start("run", self.file, "--events", self.events)
                self.wait_for_commits(process, self.events, commits)
                harness.kill(process)
                rows = self.assert_nothing_wrong_yet()
                if mode == "append":
                    self.assertGreaterEqual(rows, commits * 100, "a durable cursor without its rows")
                self.finish_and_compare()

    def test_append_killed_right_after_a_commit(self):
        self.kill_after_commits("append")

    def test_upsert_killed_right_after_a_commit(self):
        self.kill_after_commits("upsert")


class KilledAtTheEnd(harness.EndToEnd):
    """What is printed has happened: after the success line no load is under way."""

    def test_an_append_killed_behind_its_line_of_success_has_ended(self):
        self.write_csv("t.csv", ["id"], [(i,) for i in range(50)])
        for runs in range(1, 9):
            process = self.start("run", self.pipeline())
            line = process.stderr.readline()
            while line and "written" not in line:
                line = process.stderr.readline()
            harness.kill(process)
            self.assertIn("50 written", line)
            with contextlib.closing(sqlite3.connect(self.state)) as state:
                self.assertEqual(state.execute("SELECT load_in_progress FROM streams").fetchall(), [(0,)])
            self.assertEqual(self.query("SELECT count(*) FROM t"), [(50 * runs,)])


harness.main() if __name__ == "__main__" else None
