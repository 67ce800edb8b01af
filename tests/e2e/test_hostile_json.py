"""JSON that a connector makes to harm the host ends as a typed error that names connector and stream."""
import json
import os
import pathlib

import harness
from harness import OK, SOURCE

GUESTS = pathlib.Path(os.environ.get("RAPIDBYTE_BUILD", "")) / "test-guests"


class HostileJson(harness.EndToEnd):

    def hostile(self, action, **config):
        """A pipeline whose source is the test guest `source_200`, which does `action`."""
        config = json.dumps({"action": action, **config})
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: e2e", "source:", f"  use: {GUESTS / 'source_200.wasm'}", f"  config: {config}",
            "destination:", "  use: rapidbyte/dest-sqlite", f"  config: {{path: {self.database}}}",
            "  write_mode: append", f"state: {{backend: sqlite, connection: {self.state}}}", ""
        ]))

    def test_catalogs(self):
        for shape, says in (("depth", ["'orders'", "nested deeper than 64 levels"]),
                            ("columns", ["100000 columns", "'orders'"]), ("streams", ["100000 streams", "'orders'"]),
                            ("nul", ["'price\\x00old'", "'orders'", "NUL"])):
            pipeline = self.hostile("catalog", shape=shape)
            for command in ("run", "discover", "check"):
                with self.subTest(shape=shape, command=command):
                    self.expect(SOURCE, command, pipeline, "--allow-unmanifested",
                                says=["source-200", *says])

    def test_names_that_steer_a_terminal_are_shown_escaped(self):
        pipeline = self.hostile("catalog", shape="steering")
        for command in ("discover", "check", "run"):
            with self.subTest(command=command):
                done = self.rapidbyte(command, pipeline, "--allow-unmanifested")
                for mark in ("\x1b]", "\x1b[31m", "\x07", "\u202e"):
                    self.assertNotIn(mark, done.out + done.err)
        done = self.expect(OK, "discover", pipeline, "--allow-unmanifested")
        self.assertIn("\\u202eevil", done.out)
        self.assertIn("\\x1b]0;title", done.out)

    def test_details_that_are_too_deep_are_left_out_and_the_error_stays(self):
        pipeline = self.hostile("error", count=100000)
        done = self.rapidbyte("run", pipeline, "--allow-unmanifested", "--json", "-q")
        self.assertEqual(done.code, SOURCE, done.err)
        failure = json.loads(done.out)["failure"]
        self.assertEqual(failure["code"], "TOO_FAST")
        self.assertIn("bytes", failure["details"]["left_out"])


if __name__ == "__main__":
    harness.main()
