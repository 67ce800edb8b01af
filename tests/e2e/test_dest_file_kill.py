"""SIGKILL just before a write, flush, truncation or removal of any file of a load into files, then run again: every row is there once, and a reader of
the folder never saw anything but whole loads.

RAPIDBYTE_KILL_POINTS=0 takes every such point; by default 30 are spread over the load, at places that differ from run to run only by their seed."""
import csv
import json
import os
import random
import shutil

import harness

ROWS = 20000
POINTS = int(os.environ.get("RAPIDBYTE_KILL_POINTS", "30"))
PRELOAD = os.environ.get("RAPIDBYTE_KILL_AT_WRITE", "")


class DestFileKill(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.assertTrue(os.path.exists(PRELOAD), "RAPIDBYTE_KILL_AT_WRITE does not name the library")
        self.work = self.folder / "work"
        self.work.mkdir()
        (self.work / "out").mkdir()
        self.state = self.work / "state.db"

    def load(self, mode, count, first=0):
        """The pipeline of a load of these rows in many batches, checkpoints and files."""
        self.write_csv("orders.csv", ["id", "customer", "amount"], [[i, f"customer {i % 97} " + "x" * 40, i * 7 % 1000] for i in range(first, first + count)])
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: kill", "source:", "  use: rapidbyte/source-file", f"  config: {{folder: {self.data}, format: csv}}", "  streams: [{name: orders, sync_mode: full_refresh}]",
            "destination:", "  use: rapidbyte/dest-file", f"  config: {{folder: {self.work / 'out'}, format: csv, file_size: 1048576}}", f"  write_mode: {mode}",
            f"state: {{backend: sqlite, connection: {self.state}}}", "resources: {max_memory: 512mb, checkpoint_interval_bytes: 256kb}", ""
        ]))

    def run_once(self, pipeline, kill_at=None):
        count = self.folder / "count"
        count.unlink(missing_ok=True)
        more = {"LD_PRELOAD": PRELOAD, "RAPIDBYTE_KILL_FILE": str(self.work), "RAPIDBYTE_KILL_COUNT": str(count)}
        if kill_at:
            more["RAPIDBYTE_KILL_AT"] = str(kill_at)
        done = self.rapidbyte("run", pipeline, "-q", environment=self.environment(**more))
        self.assertIn(done.code, (harness.OK, -9), done.err)
        return done.code, int(count.read_text()) if count.exists() else 0

    def ids(self):
        """Of all files that a reader of the stream's folder finds, so without those whose names begin with _ or a dot."""
        found = []
        for path in sorted((self.work / "out" / "orders").rglob("*.csv")):
            if path.name.startswith(("_", ".")):
                continue
            with open(path, newline="", encoding="utf-8") as file:
                found += [int(row[0]) for row in list(csv.reader(file))[1:]]
        return found

    def is_complete(self, pipeline, before):
        """Whether the kill came after the load was complete: a further run would be another load."""
        if not self.state.exists():
            return False
        shown = self.rapidbyte("state", "show", pipeline, "--json")
        self.assertEqual(shown.code, harness.OK, shown.err)
        stream = next(iter(json.loads(shown.out)["streams"]), None)
        return stream is not None and not stream["load_in_progress"] and stream["load_id"] not in (None, before)

    def load_id(self, pipeline):
        shown = self.rapidbyte("state", "show", pipeline, "--json")
        return next((stream["load_id"] for stream in json.loads(shown.out)["streams"]), None) if shown.code == harness.OK else None

    def sweep(self, mode, old):
        """`old`: what was loaded before, whole."""
        if old:
            self.run_ok(self.load(mode, old, first=1_000_000))
        pipeline = self.load(mode, ROWS)
        before = self.load_id(pipeline) if old else None
        kept = self.folder / "kept"
        shutil.copytree(self.work, kept)
        code, calls = self.run_once(pipeline)
        self.assertEqual(code, harness.OK)
        self.assertGreater(calls, 60, "the library does not see the writes")
        new = set(range(ROWS))
        earlier = set(range(1_000_000, 1_000_000 + old))
        want = new | earlier if mode == "append" else new
        generator = random.Random(f"file-{mode}")
        count = min(POINTS or calls, calls)
        killed, late, sizes = 0, 0, set()
        for i in range(count):
            point = 1 + min((i * calls + generator.randrange(calls)) // count, calls - 1)
            with self.subTest(mode=mode, write=point, of=calls):
                shutil.rmtree(self.work)
                shutil.copytree(kept, self.work)
                code, _ = self.run_once(pipeline, kill_at=point)
                killed += code == -9
                seen = self.ids()
                self.assertEqual(len(seen), len(set(seen)), "rows are doubled")
                sizes.add(len(seen))
                if mode == "replace":
                    self.assertIn(set(seen), (earlier, new), "neither the old table nor the new one")
                else:
                    self.assertTrue(earlier <= set(seen) <= want, "rows are missing, or nobody wrote them")
                if self.is_complete(pipeline, before):
                    late += 1
                else:
                    self.run_ok(pipeline, "-q")
                got = self.ids()
                self.assertEqual((len(got), set(got) == want), (len(want), True))
        self.assertGreaterEqual(killed, count - 2, "runs ended before they were to be killed")
        self.assertLessEqual(late, count // 2, "much is written after a load is complete")
        self.assertGreaterEqual(len(sizes), 2, f"rows found after the kills: {sorted(sizes)}")

    def test_append_killed_before_any_write(self):
        self.sweep("append", old=0)

    def test_second_append_killed_before_any_write(self):
        self.sweep("append", old=3000)

    def test_replace_killed_before_any_write(self):
        self.sweep("replace", old=3000)


harness.main() if __name__ == "__main__" else None
