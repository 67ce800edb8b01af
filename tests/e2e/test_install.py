"""`cmake --install` leaves a tree that runs from any prefix, also after it was moved."""
import os
import subprocess

import harness


class Install(harness.EndToEnd):

    def test_an_installed_tree_finds_its_connectors_wherever_it_stands(self):
        first, moved = self.folder / "first place", self.folder / "moved"
        done = subprocess.run(["cmake", "--install", os.environ["RAPIDBYTE_BUILD"], "--prefix", first], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        first.rename(moved)
        environment = self.environment()
        del environment["RAPIDBYTE_CONNECTOR_DIR"]
        self.write_csv("t.csv", ["id", "name"], [(1, "a"), (2, "b")])
        ran = subprocess.run([moved / "bin/rapidbyte", "run", self.pipeline()], env=environment, cwd="/", capture_output=True,
                             text=True, check=False, timeout=120)
        self.assertEqual(ran.returncode, harness.OK, ran.stderr)
        self.assert_table("t", ["id", "name"], ["int", "text"], [(1, "a"), (2, "b")])


harness.main() if __name__ == "__main__" else None
