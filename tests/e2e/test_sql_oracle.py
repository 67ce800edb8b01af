"""What the engine in the sandbox answers is what native DuckDB answers: several hundred expressions and queries over random typed data, cell by cell, from
Parquet to Parquet."""
import json
import os
import pathlib
import random
import shutil
import subprocess

import harness
import sql_expressions

READERS = os.environ.get("RAPIDBYTE_READERS", "")
ORACLE = str(pathlib.Path(__file__).with_name("sql_oracle.py"))
PER_QUERY = 20


class SqlOracle(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        if not READERS:
            self.skipTest("no Python with DuckDB (RAPIDBYTE_READERS)")
        self.tables = self.folder / "tables"
        self.tables.mkdir()
        self.out = self.folder / "out"
        self.out.mkdir()

    def oracle(self, *arguments):
        done = subprocess.run([READERS, ORACLE, *map(str, arguments)], capture_output=True, text=True, timeout=240)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def assert_alike(self, queries, *, whole, seed):
        """`queries` by name; each is the query of a stream of its own, whose file is the table."""
        self.oracle("make", self.tables, seed)
        for name in queries:
            shutil.copy(self.tables / ("lineitem.parquet" if name.startswith("q_") else "sample.parquet"), self.data / f"{name}.parquet")
        streams = "\n".join(f"- {{name: {name}, sync_mode: full_refresh}}" for name in queries)
        pipeline = self.pipeline("\n".join([
            'version: "1.0"', "pipeline: oracle", "source:", "  use: rapidbyte/source-parquet", f"  config: {{folder: {self.data}}}", "  streams:", harness.indent(streams, 4),
            "transforms:", "  - use: rapidbyte/transform-sql", "    config: " + json.dumps({"queries": queries, "whole": whole}),
            "destination:", "  use: rapidbyte/dest-file", f"  config: {{folder: {self.out}}}", "  write_mode: replace",
            f"state: {{backend: sqlite, connection: {self.state}}}", "resources: {max_memory: 512mb}", ""
        ]))
        self.run_ok(pipeline)
        listed = self.folder / "queries.json"
        listed.write_text(json.dumps(queries))
        differences = json.loads(self.oracle("compare", listed, self.out, self.tables))
        for difference in differences:
            if difference.get("column", "").startswith("e") and difference["query"] in self.expressions:
                difference["expression"] = self.expressions[difference["query"]][int(difference["column"][1:])]
        self.assertEqual(differences, [], f"with the seed {seed}: " + json.dumps(differences[:20], indent=1, ensure_ascii=False))

    def test_expressions(self):
        every = sql_expressions.lines(sql_expressions.EXPRESSIONS)
        self.assertGreaterEqual(len(every), 300)
        groups = [every[i:i + PER_QUERY] for i in range(0, len(every), PER_QUERY)]
        self.expressions = {f"x_{i:02d}": group for i, group in enumerate(groups)}
        # Also with data that no run has seen; the message of a failure has the seed.
        for seed in (0.42, round(random.random(), 6)):
            with self.subTest(seed=seed):
                self.assert_alike({name: sql_expressions.as_text(group) for name, group in self.expressions.items()}, whole=False, seed=seed)

    def test_queries_over_all_rows(self):
        self.expressions = {}
        queries = {f"w_{i:02d}": sql_expressions.all_as_text(query) for i, query in enumerate(sql_expressions.lines(sql_expressions.WHOLE))}
        self.assert_alike(queries, whole=True, seed=0.42)

    def test_tpc_h(self):
        self.expressions = {}
        self.assert_alike({"q_1": sql_expressions.Q1, "q_6": sql_expressions.Q6}, whole=True, seed=0.42)


harness.main() if __name__ == "__main__" else None
