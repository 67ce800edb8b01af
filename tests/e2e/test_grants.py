"""What a connector can reach in the file system, with the real program: a hostile destination with dest-sqlite's permissions, what
is refused before anything starts, and that dest-sqlite itself has all that it needs.

The hostile destination is tests/guests/destination.cc: it does what its config's `script` says (tests/guests/file_commands.h), logs what
came of it, and asks to be tried again.
"""
import json
import os
import pathlib
import shutil
import sqlite3

import harness
from harness import DESTINATION, INVALID, OK

GUESTS = pathlib.Path(os.environ["RAPIDBYTE_BUILD"]) / "test-guests"
REFUSED = "Operation not permitted"


class Hostile(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.write_csv("t.csv", ["id", "name"], [(1, "a")])
        self.write_csv("u.csv", ["id", "name"], [(3, "c")])
        (self.folder / "victim").mkdir()
        self.keys = self.write("victim/keys", "keys")
        self.install([{"pointer": "/path", "access": "read-write", "lock": "sqlite"}])

    def install(self, config_paths):
        """The component and its manifest beside the pipeline file."""
        shutil.copy(GUESTS / "destination_200.wasm", self.folder / "hostile.wasm")
        manifest = {"manifest_version": "1.0", "id": "test/hostile", "name": "hostile", "version": "1.0.0",
                    "protocol_version": "2", "permissions": {"fs": {"config_paths": config_paths}},
                    "roles": {"destination": {"supported_write_modes": ["append"], "features": ["single-writer"]}}}
        (self.folder / "hostile.manifest.json").write_text(json.dumps(manifest))

    def hostile(self, script="", path="out/x.db", key="path", extra=""):
        """A pipeline that begins as the README's: everything in one folder."""
        config = json.dumps({key: path, "script": script})
        return self.write("pipeline.yaml", "\n".join([
            'version: "1.0"', "pipeline: hostile", "source:", "  use: rapidbyte/source-file",
            "  config: {folder: data, format: csv}", "  streams:", "    - {name: t, sync_mode: full_refresh}",
            "    - {name: u, sync_mode: full_refresh}", "destination:", "  use: ./hostile.wasm", f"  config: {config}",
            "resources: {max_retries: 2, parallelism: 1}", extra, ""]))

    def did(self, done):
        """The answers of each guest that ran its script."""
        texts = [line.partition("did: ")[2] for line in done.err.splitlines() if "did: " in line]
        return texts

    def test_a_file_made_into_a_link_leads_neither_the_next_guest_nor_the_next_run_away(self):
        (self.folder / "out").mkdir()
        pipeline = self.hostile("unlink @;symlink ../victim/keys @;append ^/keys owned;append ^/../victim/keys owned;"
                                "append @ owned")
        for _ in range(2):
            done = self.expect(DESTINATION, "run", pipeline, "-v", says="TRY_AGAIN")
            self.assertEqual(self.keys.read_text(), "keys")
            self.assertFalse((self.folder / "out/x.db").is_symlink())
            self.assertGreaterEqual(len(self.did(done)), 3, done.err)
        self.assertEqual(sorted(path.name for path in (self.folder / "victim").iterdir()), ["keys"])

    def test_the_neighbours_of_a_database_are_out_of_reach(self):
        pipeline = self.hostile(
            "read ^/pipeline.yaml;read ^/.rapidbyte/state.db;list ^;append ^/pipeline.yaml x;unlink ^/pipeline.yaml;"
            "rename ^/pipeline.yaml @;rename @ ^/pipeline.yaml;link ^/pipeline.yaml @-wal;mkdir ^/.rapidbyte/plugins;"
            "append ^/hostile.wasm x;append ^/data/t.csv x", path="x.db")
        before = {path: path.read_bytes() for path in self.folder.rglob("*") if path.is_file() and ".cache" not in str(path)}
        done = self.expect(DESTINATION, "run", pipeline, "-v", says="TRY_AGAIN")
        answers = self.did(done)
        self.assertTrue(answers, done.err)
        for text in answers:
            self.assertEqual(text.count(REFUSED), 11, text)
        for path, content in before.items():
            self.assertEqual(path.read_bytes(), content, path)

    def test_a_folder_that_holds_what_others_rely_on_is_refused_with_its_line(self):
        self.install([{"pointer": "/folder", "access": "read-write"}])
        (self.folder / "shared").mkdir()
        for path, extra, holds in ((".", "", "holds"), ("shared", "state: {connection: shared/sub/state.db}", "the state"),
                                   ("data", "", "what source-file is given"), ("nowhere/x", "", "does not exist")):
            pipeline = self.hostile(path=path, key="folder", extra=extra)
            for command in ("run", "check"):
                if path == "nowhere/x":
                    self.expect(DESTINATION, command, pipeline, says=["config /folder", holds])
                    continue
                self.expect(INVALID, command, pipeline, says=["pipeline.yaml:11:", "destination.config.folder", "may write", holds])
                self.assertFalse((self.folder / ".rapidbyte").exists(), "refused before anything is made")
        # A separate folder is fine.
        done = self.expect(DESTINATION, "run", self.hostile(f"append {self.folder}/shared/x hello;symlink x {self.folder}/shared/y",
                                                               "shared", "folder"), "-v")
        self.assertIn("hello", (self.folder / "shared/x").read_text())
        self.assertFalse((self.folder / "shared/y").exists(), done.err)

    def test_a_path_through_a_link_that_a_guest_may_have_laid_is_refused(self):
        self.install([{"pointer": "/folder", "access": "read-write"}, {"pointer": "/path", "access": "read-write"}])
        (self.folder / "shared").mkdir()
        (self.folder / "shared/link").symlink_to("../victim")
        text = self.hostile(path="shared", key="folder").read_text().replace('"script"', '"path": "shared/link/keys", "script"')
        self.expect(INVALID, "run", self.write("pipeline.yaml", text), says=["pipeline.yaml:11:", "symbolic link"])
        self.assertEqual(self.keys.read_text(), "keys")

    def test_a_connector_given_by_a_relative_path_is_relative_to_the_pipeline_file(self):
        pipeline = self.hostile(path="x.db")
        elsewhere = self.folder / "victim"
        # Found and started: it says that it has nothing to write to, and counts batches instead of rows.
        self.expect(DESTINATION, "check", pipeline, cwd=elsewhere, says="nothing to write to")
        self.expect(DESTINATION, "run", pipeline, cwd=elsewhere, says="ROW_COUNT_MISMATCH")
        # A component in the shell's folder is not used.
        self.write("victim/hostile.wasm", "no component")
        self.expect(DESTINATION, "check", pipeline, cwd=elsewhere, says="nothing to write to")
        text = pipeline.read_text().replace("./hostile.wasm", "./victim/none.wasm")
        self.expect(harness.CONNECTOR, "run", self.write("pipeline.yaml", text), cwd=elsewhere,
                    says=[str(self.folder / "victim/none.wasm"), "relative to the pipeline file"])


class Database(harness.EndToEnd):
    """dest-sqlite in the sandbox."""

    def setUp(self):
        super().setUp()
        self.rows = [(i, f"name {i}") for i in range(50)]
        self.write_csv("t.csv", ["id", "name"], self.rows)

    def loaded(self, database):
        with sqlite3.connect(database) as connection:
            return sorted(connection.execute("SELECT id, name FROM t"))

    def test_beside_the_pipeline_file_as_in_the_readme(self):
        pipeline = self.pipeline(destination="config: {path: orders.db}", extra="")
        done = self.expect(OK, "check", pipeline)
        self.assertIn(f"files: {self.folder.resolve()}/orders.db (read and write, with its journal)", done.err)
        self.assertIn(f"folders: {self.data.resolve()} (read)", done.err)
        self.run_ok(pipeline)
        self.assertEqual(self.loaded(self.folder / "orders.db"), self.rows)
        self.assertFalse([path.name for path in self.folder.glob("orders.db-*")])

    def test_a_linked_database_is_loaded_where_it_is(self):
        (self.folder / "real").mkdir()
        sqlite3.connect(self.folder / "real/orders.db").execute("CREATE TABLE other (a)").connection.close()
        # A relative link is what an earlier version let a connector create in its file's place.
        (self.folder / "orders.db").symlink_to("real/orders.db")
        self.expect(INVALID, "run", self.pipeline(destination="config: {path: orders.db}"),
                    says=["destination.config.path", "symbolic link", "ln -sfn"])
        (self.folder / "orders.db").unlink()
        (self.folder / "orders.db").symlink_to(self.folder / "real/orders.db")
        self.run_ok(self.pipeline(destination="config: {path: orders.db}"))
        self.assertTrue((self.folder / "orders.db").is_symlink())
        self.assertEqual(self.loaded(self.folder / "real/orders.db"), self.rows)

    def test_a_database_with_two_names_is_refused_with_its_line(self):
        sqlite3.connect(self.folder / "a.db").execute("CREATE TABLE other (a)").connection.close()
        os.link(self.folder / "a.db", self.folder / "orders.db")
        self.expect(INVALID, "run", self.pipeline(destination="config: {path: orders.db}"),
                    says=["destination.config.path", "2 names", "cp -p"])

    def test_the_state_is_no_destination(self):
        self.run_ok(self.pipeline(destination="config: {path: orders.db}"))
        self.expect(INVALID, "run", self.pipeline(destination="config: {path: state.db}"),
                    says=["destination.config.path", "the state"])

    def test_the_sort_files_of_a_large_index_have_their_place(self):
        with sqlite3.connect(self.database) as connection:
            connection.execute("CREATE TABLE t (id INTEGER, name TEXT)")
            connection.execute("CREATE INDEX by_name ON t (name, id)")
        rows = [(i, f"{(i * 7919) % 1000003:0>90}") for i in range(300_000)]
        self.write_csv("t.csv", ["id", "name"], rows)
        self.run_ok(self.pipeline(mode="replace"))
        with sqlite3.connect(self.database) as connection:
            self.assertEqual(connection.execute("SELECT count(*) FROM t INDEXED BY by_name").fetchone(), (300_000,))
        self.assertFalse([path.name for path in self.folder.glob("out.db-*")])


harness.main() if __name__ == "__main__" else None
