"""A destination of protocol 2.0.0 that keeps no receipts, killed in the middle of an append: the next run doubles nothing and loses
nothing without the user's word. The destination is tests/guests/ledger.cc: every row is a line of a file.
"""
import collections
import json
import os
import pathlib
import re
import shutil
import signal
import time

import harness
from harness import DESTINATION, OK, STATE

GUESTS = pathlib.Path(os.environ.get("RAPIDBYTE_BUILD", "")) / "test-guests"
ROWS = 10_000


class ForeignDestination(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.write_csv("t.csv", ["id", "name"], [(i, f"row {i}") for i in range(ROWS)])
        (self.folder / "out").mkdir()
        self.ledger = self.folder / "out" / "ledger"
        self.install()

    def install(self, *features):
        shutil.copy(GUESTS / "ledger_200.wasm", self.folder / "ledger.wasm")
        manifest = {"manifest_version": "1.0", "id": "test/ledger", "name": "ledger", "version": "1.0.0",
                    "protocol_version": "2",
                    "permissions": {"fs": {"config_paths": [{"pointer": "/path", "access": "read-write"}]}},
                    "roles": {"destination": {"supported_write_modes": ["append", "replace"], "features": list(features)}}}
        (self.folder / "ledger.manifest.json").write_text(json.dumps(manifest))

    def write_pipeline(self, sync="full_refresh", source_checkpoints=True, **config):
        config = json.dumps({"path": "out/ledger", "commit_batches": 1, **config})
        stream = "{name: t, sync_mode: full_refresh}"
        if sync == "incremental":
            stream = "{name: t, sync_mode: incremental, cursor_field: id}"
        interval = "checkpoint_interval_rows: 300" if source_checkpoints else "checkpoint_interval_bytes: 1gb"
        return self.write("pipeline.yaml", "\n".join([
            'version: "1.0"', "pipeline: foreign", "source:", "  use: rapidbyte/source-file",
            "  config: {folder: data, format: csv}", "  streams:", f"    - {stream}", "destination:",
            "  use: ./ledger.wasm", f"  config: {config}", "  write_mode: append",
            f"resources: {{max_batch_bytes: 4kb, {interval}}}",
            f"state: {{backend: sqlite, connection: {self.state}}}", ""]))

    def rows(self):
        return [int(line) for line in self.ledger.read_text().splitlines()] if self.ledger.exists() else []

    def assert_every_row_once(self):
        self.assertEqual(self.rows(), list(range(ROWS)))

    def doubled(self):
        return sum(count - 1 for count in collections.Counter(self.rows()).values())

    def kill_in_the_middle(self, pipeline):
        """SIGKILL while the destination pauses, after it has committed what it says it commits."""
        process = self.start("run", pipeline)
        deadline = time.monotonic() + 60
        seen, since = -1, time.monotonic()
        while time.monotonic() < deadline and time.monotonic() - since < 0.5:
            self.assertIsNone(process.poll(), process.stderr.read() if process.poll() is not None else "")
            now = len(self.rows())
            if now != seen or now == 0:
                seen, since = now, time.monotonic()
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        self.assertTrue(0 < len(self.rows()) < ROWS, len(self.rows()))

    def test_a_killed_append_is_refused_until_doubled_rows_are_taken_into_account(self):
        for reports in (0, 1):
            for source_checkpoints in (False, True):
                with self.subTest(reports=reports, source_checkpoints=source_checkpoints):
                    for file in (self.ledger, self.state):
                        file.unlink(missing_ok=True)
                    # The third batch of a commit has been sent and not committed when the kill comes.
                    config = {"report": reports, "commit_batches": 4, "source_checkpoints": source_checkpoints}
                    self.kill_in_the_middle(self.write_pipeline(stall_at=15, **config))
                    pipeline = self.write_pipeline(**config)
                    before = self.rows()
                    self.assertEqual(self.doubled(), 0)
                    for _ in range(2):
                        done = self.expect(STATE, "run", pipeline, says=["ROWS_MAY_DOUBLE", "--allow-doubled-rows"])
                        self.assertEqual(self.rows(), before, "a refused run writes nothing")
                    most = int(re.search(r"up to (\d+) of the rows", done.err)[1])
                    done = self.expect(OK, "run", pipeline, "--allow-doubled-rows", says="in the table twice")
                    self.assertEqual(set(self.rows()), set(range(ROWS)), "a row is lost")
                    if not (reports and source_checkpoints):  # then the checkpoint may cover all that was committed
                        self.assertGreater(self.doubled(), 0, "the test tests nothing")
                    self.assertLessEqual(self.doubled(), most)
                    self.assertLessEqual(most, len(before) * 2, "the number should be of some use")

    def test_a_killed_append_that_sent_nothing_resumes(self):
        pipeline = self.write_pipeline(report=1, stall_at=0)
        process = self.start("run", pipeline)
        deadline = time.monotonic() + 60
        streams = []
        while not streams and time.monotonic() < deadline:
            shown = self.rapidbyte("state", "show", pipeline, "--json")
            streams = json.loads(shown.out)["streams"] if shown.code == OK else []
            time.sleep(0.05)
        process.kill()
        process.wait()
        self.assertTrue(streams and streams[0]["load_in_progress"], streams)
        self.run_ok(self.write_pipeline(report=1))
        self.assert_every_row_once()

    def test_a_destination_that_leaves_out_what_it_had_reported_ends_well(self):
        config = {"report": 1, "skip": 1, "source_checkpoints": False}
        self.kill_in_the_middle(self.write_pipeline(stall_at=15, **config))
        had = len(self.rows())
        pipeline = self.write_pipeline(**config)
        self.expect(STATE, "run", pipeline, says="ROWS_MAY_DOUBLE")
        report = self.run_report(pipeline, "--allow-doubled-rows")
        self.assert_every_row_once()
        self.assertEqual(report["streams"][0]["rows_already_there"], had)
        self.assertEqual(report["streams"][0]["rows_maybe_doubled"], 0)
        self.assertEqual(report["rows_written"], ROWS - had)
        # The next load is a new one.
        self.ledger.unlink()
        self.run_ok(pipeline)
        self.assert_every_row_once()

    def test_one_that_did_not_report_what_it_leaves_out_is_taken_as_it_is_by_the_user(self):
        config = {"sync": "incremental", "skip": 1, "source_checkpoints": False}
        self.kill_in_the_middle(self.write_pipeline(stall_at=15, **config))
        pipeline = self.write_pipeline(**config)
        self.expect(DESTINATION, "run", pipeline, "--allow-doubled-rows", says="ROW_COUNT_MISMATCH")
        self.expect(STATE, "run", pipeline, says=["LOAD_MISCOUNTED", "rapidbyte state accept"])
        self.assert_every_row_once()
        self.expect(OK, "state", "accept", pipeline, "--stream", "t", "--yes")
        self.run_ok(pipeline)
        self.run_ok(pipeline)
        self.assert_every_row_once()

    def test_check_says_it_beforehand(self):
        done = self.expect(OK, "check", self.write_pipeline(), says=["warning", "ROWS_MAY_DOUBLE", "stream: t"])
        self.install("idempotent")
        done = self.expect(OK, "check", self.write_pipeline())
        self.assertNotIn("ROWS_MAY_DOUBLE", done.err + done.out)


if __name__ == "__main__":
    harness.main()
