"""One component that is several connectors: as source and as destination of one pipeline, listed, compiled and cached once, checked for each."""
import json
import os
import pathlib
import shutil

import harness

EXAMPLES = pathlib.Path(os.environ.get("RAPIDBYTE_BUILD", ".")) / "example-connectors"


class SharedComponent(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.connectors = self.folder / "connectors"
        self.connectors.mkdir()
        for name in ("numbers.wasm", "source_numbers.manifest.json", "dest_sum.manifest.json"):
            shutil.copy(EXAMPLES / name, self.connectors / name)
        self.aot = self.folder / "aot"
        self.env = self.environment(RAPIDBYTE_CONNECTOR_DIR=str(self.connectors), RAPIDBYTE_WASMTIME_AOT_DIR=str(self.aot))

    def numbers_pipeline(self, source="example/source-numbers@v0.1.0", destination="example/dest-sum"):
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: numbers", "source:", f"  use: {source}", "  config: {count: 1000}", "  streams:",
            "    - {name: numbers, sync_mode: full_refresh}", "destination:", f"  use: {destination}", "  config: {}", "  write_mode: append",
            f"state: {{backend: sqlite, connection: {self.state}}}", ""
        ]))

    def change_manifest(self, name, change):
        path = self.connectors / f"{name}.manifest.json"
        manifest = json.loads(path.read_text())
        change(manifest)
        path.write_text(json.dumps(manifest))

    def test_it_is_source_and_destination_of_one_pipeline(self):
        done = self.run_ok(self.numbers_pipeline(), "-v", "--json", environment=self.env)
        self.assertIn("the sum of numbers is 499500", done.err)
        report = json.loads(done.out)
        self.assertEqual((report["streams"][0]["rows_read"], report["streams"][0]["rows_written"]), (1000, 1000))
        self.assertEqual(len(report["compiled"]), 1, "compiled for one of them")
        self.assertEqual([path.name.split("-")[0] for path in self.aot.glob("*.cwasm")], ["numbers"])
        self.assertEqual(json.loads(self.run_ok(self.numbers_pipeline(), "--json", environment=self.env).out)["compiled"], [])

    def test_both_are_listed_and_the_component_is_not(self):
        # Those beside the program are listed, too, and are in the cache of all tests.
        environment = self.environment(RAPIDBYTE_CONNECTOR_DIR=str(self.connectors))
        listed = json.loads(self.rapidbyte("connectors", "--json", environment=environment).out)["connectors"]
        found = {entry["name"]: entry for entry in listed if entry["path"].startswith(str(self.connectors))}
        self.assertEqual({name: (entry["roles"], entry["problem"], pathlib.Path(entry["path"]).name) for name, entry in found.items()},
                         {"dest-sum": (["destination"], None, "numbers.wasm"), "source-numbers": (["source"], None, "numbers.wasm")})
        self.expect(harness.CONNECTOR, "run", self.numbers_pipeline(source="example/numbers"), environment=self.env,
                    says=["MANIFEST_MISSING", "use one of them: dest-sum, source-numbers"])

    def test_a_manifest_may_be_named_by_its_path(self):
        done = self.run_ok(self.numbers_pipeline("connectors/source_numbers.manifest.json", "./connectors/dest_sum.manifest.json"), "-v",
                           environment=self.environment(RAPIDBYTE_WASMTIME_AOT_DIR=str(self.aot)))
        self.assertIn("the sum of numbers is 499500", done.err)

    def test_the_manifest_decides_what_it_is(self):
        self.expect(harness.CONNECTOR, "run", self.numbers_pipeline(source="example/dest-sum"), environment=self.env,
                    says=["WRONG_ROLE", "is a destination, but the pipeline uses it as a source"])
        self.change_manifest("source_numbers", lambda manifest: manifest["artifact"].update(arguments=["dest-sum"]))
        self.expect(harness.SOURCE, "run", self.numbers_pipeline(), environment=self.env, says=["CONNECTOR_UNKNOWN", "no source `dest-sum`; it has source-numbers"])
        self.change_manifest("source_numbers", lambda manifest: manifest["artifact"].pop("arguments"))
        self.expect(harness.SOURCE, "run", self.numbers_pipeline(), environment=self.env, says=["CONNECTOR_UNKNOWN", "without a name"])

    def test_each_manifest_is_checked_against_the_component(self):
        for name in ("source_numbers", "dest_sum"):
            with self.subTest(name=name):
                good = (self.connectors / f"{name}.manifest.json").read_text()
                self.change_manifest(name, lambda manifest: manifest["artifact"].update(checksum="sha256:" + "0" * 64))
                self.expect(harness.CONNECTOR, "run", self.numbers_pipeline(), environment=self.env, says="CHECKSUM_MISMATCH")
                (self.connectors / f"{name}.manifest.json").write_text(good)
        for entry in ("../connectors/numbers.wasm", str(self.connectors / "numbers.wasm"), ".wasm", "numbers"):
            with self.subTest(entry=entry):
                self.change_manifest("dest_sum", lambda manifest: manifest["artifact"].update(entry_point=entry))
                self.expect(harness.CONNECTOR, "run", self.numbers_pipeline(), environment=self.env, says=["MANIFEST_INVALID", "entry_point"])
        self.change_manifest("dest_sum", lambda manifest: manifest["artifact"].update(entry_point="gone.wasm"))
        self.expect(harness.CONNECTOR, "run", self.numbers_pipeline(), environment=self.env, says=["CONNECTOR_NOT_FOUND", "gone.wasm"])


harness.main() if __name__ == "__main__" else None
