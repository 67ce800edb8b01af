"""Parquet files as streams: what three writers have written arrives exactly, whatever is read of it, and wherever the run was interrupted."""
import datetime
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import harness

READERS = os.environ.get("RAPIDBYTE_READERS", "")

# Run by a Python that has the writers: makes the files that a test names.
WRITE = r"""
import json, sys
what, folder = sys.argv[1:3]
import pyarrow as pa, pyarrow.parquet as pq, decimal, datetime, os
def table(first, count):
    ids = list(range(first, first + count))
    return pa.table({
        "id": pa.array(ids, pa.int64()),
        "name": pa.array([None if i % 11 == 0 else f"n\u00e4me {i % 301}" for i in ids], pa.string()),
        "amount": pa.array([decimal.Decimal(i * 37 % 100000).scaleb(-2) for i in ids], pa.decimal128(12, 2)),
        "day": pa.array([datetime.date(2026, 1, 1) + datetime.timedelta(days=i % 365) for i in ids], pa.date32()),
        "at": pa.array([datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc) + datetime.timedelta(seconds=i) for i in ids], pa.timestamp("us", "UTC")),
        "tags": pa.array([["a", f"t{i % 3}"] if i % 2 else None for i in ids], pa.list_(pa.string())),
        "ratio": pa.array([i / 7 for i in ids], pa.float64()),
    })
if what == "one":
    pq.write_table(table(0, int(sys.argv[3])), folder + "/orders.parquet", row_group_size=int(sys.argv[4]), compression=sys.argv[5] if len(sys.argv) > 5 else "zstd")
elif what == "many":
    os.makedirs(folder + "/orders/country=DE", exist_ok=True); os.makedirs(folder + "/orders/country=FR", exist_ok=True)
    pq.write_table(table(0, 3000), folder + "/orders/country=DE/a.parquet", row_group_size=500)
    pq.write_table(table(3000, 2000), folder + "/orders/country=FR/b.parquet", row_group_size=700)
elif what == "differ":
    os.makedirs(folder + "/orders", exist_ok=True)
    pq.write_table(pa.table({"id": pa.array([1, 2], pa.int32()), "a": ["x", "y"]}), folder + "/orders/1.parquet")
    pq.write_table(pa.table({"b": [1.5], "id": pa.array([5000000000], pa.int64())}), folder + "/orders/2.parquet")
elif what == "zoned":
    at = [datetime.datetime(2026, 1, 1, 12, 0, 0, i, tzinfo=datetime.timezone.utc) for i in range(3)]
    pq.write_table(pa.table({"id": [0, 1, 2], "at": pa.array(at, pa.timestamp("ns", "UTC"))}), folder + "/orders.parquet")
elif what == "types":
    pq.write_table(pa.table({
        "i8": pa.array([-128, None], pa.int8()), "u64": pa.array([2**63 - 1, 0], pa.uint64()), "f32": pa.array([1.5, float("inf")], pa.float32()),
        "b": pa.array([True, False]), "bin": pa.array([b"\x00\xff", b""]), "ts_ms": pa.array([0, 1700000000123], pa.timestamp("ms")),
        "ts_ns": pa.array([1700000000123456789, None], pa.timestamp("ns")), "t": pa.array([0, 86399999999], pa.time64("us")),
        "s": pa.array([{"x": 1, "y": ["p"]}, None], pa.struct([("x", pa.int32()), ("y", pa.list_(pa.string()))])),
        "big": pa.array([decimal.Decimal("12345678901234567890123456789012345.678"), None], pa.decimal128(38, 3)),
    }), folder + "/types.parquet")
"""


class SourceParquet(harness.EndToEnd):

    def make(self, *what):
        if not READERS:
            self.skipTest("no Python with Parquet writers (RAPIDBYTE_READERS)")
        subprocess.run([READERS, "-c", WRITE, what[0], str(self.data), *map(str, what[1:])], check=True, timeout=120)

    def parquet_pipeline(self, streams="- {name: orders, sync_mode: full_refresh}", *, mode="append", resources="", name="pipeline.yaml", extra=""):
        return self.pipeline("\n".join([
            'version: "1.0"', "pipeline: parquet", "source:", "  use: rapidbyte/source-parquet", f"  config: {{folder: {self.data}}}", "  streams:",
            harness.indent(streams, 4), "destination:", "  use: rapidbyte/dest-sqlite", f"  config: {{path: {self.database}}}", f"  write_mode: {mode}",
            f"state: {{backend: sqlite, connection: {self.state}}}", "resources:", harness.indent("max_memory: 512mb\n" + resources, 2), extra, ""
        ]), name=name)

    def ids(self):
        return [row[0] for row in self.query("SELECT id FROM orders ORDER BY id")]

    def test_a_file_arrives_exactly(self):
        self.make("one", 5000, 700)
        report = self.run_report(self.parquet_pipeline())
        self.assertEqual(report["streams"][0]["rows_written"], 5000)
        rows = self.query("SELECT id, name, amount, day, tags FROM orders ORDER BY id")
        for i, row in enumerate(rows):
            day = str(datetime.date(2026, 1, 1) + datetime.timedelta(days=i % 365))
            tags = json.dumps(["a", f"t{i % 3}"], separators=(",", ":")) if i % 2 else None
            self.assertEqual((row[0], row[1], float(row[2]), row[3], row[4]), (i, None if i % 11 == 0 else f"näme {i % 301}", i * 37 % 100000 / 100, day, tags))

    def test_codecs(self):
        for codec in ("none", "snappy", "gzip", "brotli", "lz4", "zstd"):
            self.make("one", 300, 100, codec)
            self.run_ok(self.parquet_pipeline(mode="replace"))
            self.assertEqual(self.ids(), list(range(300)), codec)

    def test_types(self):
        self.make("types")
        self.run_ok(self.parquet_pipeline("- {name: types, sync_mode: full_refresh}"))
        [first, second] = self.query('SELECT i8, u64, f32, b, hex(bin), ts_ms, ts_ns, t, s, big FROM types ORDER BY rowid')
        self.assertEqual(first[0:5], (-128, 9223372036854775807, 1.5, 1, "00FF"))
        self.assertEqual((first[6], second[5]), ("2023-11-14T22:13:20.123456789", "2023-11-14T22:13:20.123000"))
        self.assertEqual((first[8], first[9]), ('{"x":1,"y":["p"]}', "12345678901234567890123456789012345.678"))
        self.assertEqual((second[0], second[8], second[9]), (None, None, None))

    def test_columns_and_rows_that_are_chosen(self):
        self.make("one", 5000, 500)
        self.run_ok(self.parquet_pipeline("- {name: orders, sync_mode: full_refresh, select: [amount, id], where: \"id >= 4200 AND ratio < 700 -- not all\"}"))
        self.assertEqual([column[1] for column in self.query("SELECT * FROM pragma_table_info('orders')")], ["amount", "id"])
        self.assertEqual(self.ids(), [i for i in range(4200, 5000) if i / 7 < 700])

    def test_hive_folders_are_columns(self):
        self.make("many")
        self.run_ok(self.parquet_pipeline())
        self.assertEqual(self.query("SELECT country, count(*), min(id), max(id) FROM orders GROUP BY 1 ORDER BY 1"), [("DE", 3000, 0, 2999), ("FR", 2000, 3000, 4999)])

    def test_files_with_other_columns(self):
        self.make("differ")
        self.run_ok(self.parquet_pipeline())
        self.assertEqual(self.query("SELECT id, a, b FROM orders ORDER BY id"), [(1, "x", None), (2, "y", None), (5000000000, None, 1.5)])

    def test_discover_finds_files_and_folders(self):
        self.make("many")
        self.make("types")
        (self.data / "broken.parquet").write_bytes(b"PAR1 this is none PAR1")
        pipeline = self.parquet_pipeline()
        pipeline.write_text(pipeline.read_text().replace("  streams:\n    - {name: orders, sync_mode: full_refresh}\n", ""))
        done = self.expect(harness.OK, "discover", pipeline, says=["broken.parquet"])
        self.assertIn("orders", done.out)
        self.assertIn("types", done.out)

    def test_partitions_read_every_row_once(self):
        self.make("one", 300000, 20000)
        self.make("many")
        self.run_ok(self.parquet_pipeline("- {name: all, sync_mode: full_refresh, path: \"**/*.parquet\", select: [id], hive_partitions: false}", mode="replace", resources="parallelism: 2"))
        self.assertEqual(self.query('SELECT count(*), count(DISTINCT id) FROM "all"'), [(305000, 300000)])

    def test_incremental(self):
        self.make("one", 1000, 100)
        for cursor in ("id", "at", "day", "amount", "name"):
            pipeline = self.parquet_pipeline(f"- {{name: orders, sync_mode: incremental, cursor_field: {cursor}}}", name=f"{cursor}.yaml")
            pipeline.write_text(pipeline.read_text().replace("pipeline: parquet", f"pipeline: by_{cursor}").replace("out.db", f"{cursor}.db"))
            self.make("one", 1000, 100)
            self.run_ok(pipeline)
            self.assertEqual(self.run_report(pipeline)["rows_read"], 0, cursor)
        pipeline = self.folder / "id.yaml"
        self.make("one", 1500, 100)
        self.assertEqual(self.run_report(pipeline)["rows_read"], 500)
        self.expect(harness.INVALID, "run", self.pipeline(pipeline.read_text().replace("cursor_field: id", "cursor_field: tags"), name="id.yaml"), says=["CURSOR"])

    def test_a_cursor_with_nanoseconds_and_a_zone_is_not_read_twice(self):
        self.make("zoned")
        pipeline = self.parquet_pipeline("- {name: orders, sync_mode: incremental, cursor_field: at}")
        self.run_ok(pipeline)
        self.assertEqual(self.run_report(pipeline)["rows_read"], 0)
        self.assertEqual(self.ids(), [0, 1, 2])

    def test_wrong_words(self):
        self.make("one", 10, 10)
        self.expect(harness.SOURCE, "run", self.parquet_pipeline("- {name: orders, sync_mode: full_refresh, where: \"id >\"}"), says=["SQL_INVALID"])
        self.expect(harness.SOURCE, "run", self.parquet_pipeline("- {name: orders, sync_mode: full_refresh, where: \"true) UNION SELECT (1\"}"), says=["SQL_INVALID"])
        self.expect(harness.SOURCE, "run", self.parquet_pipeline("- {name: orders, sync_mode: full_refresh, select: [idd]}"), says=["UNKNOWN_COLUMN", "idd"])
        done = self.rapidbyte("run", self.parquet_pipeline("- {name: ordrs, sync_mode: full_refresh}"))
        self.assertNotEqual(done.code, 0)
        self.assertIn("ordrs", done.err)

    def test_files_that_are_broken(self):
        self.make("one", 20000, 1000)
        whole = (self.data / "orders.parquet").read_bytes()
        rng = random.Random(3)
        said = set()
        for i in range(25):
            broken = bytearray(whole)
            if i % 5 == 0:
                broken = broken[:rng.randrange(len(broken))]
            else:
                for _ in range(rng.choice((1, 8, 200))):
                    broken[rng.randrange(len(broken) - 4000 if i % 2 else len(broken))] ^= 1 << rng.randrange(8)
            (self.data / "orders.parquet").write_bytes(broken)
            self.database.unlink(missing_ok=True)
            self.state.unlink(missing_ok=True)
            done = self.rapidbyte("run", self.parquet_pipeline(resources="").with_name("pipeline.yaml"))
            self.assertIn(done.code, (harness.OK, harness.SOURCE, harness.DESTINATION), done.err)
            if done.code != harness.OK:
                said.add(done.err.split("(")[-1].split(")")[0][:20])
                self.assertRegex(done.err, "FILE_UNREADABLE|SQL_|GUEST_TRAP|MEMORY_LIMIT|INVALID_|SCHEMA", done.err)
        self.assertTrue(said)

    def test_killed_runs_resume_where_they_were(self):
        self.make("one", 400000, 5000)
        rng = random.Random(5)
        pipeline = self.parquet_pipeline(resources="checkpoint_interval_bytes: 1mb")
        for _ in range(6):
            process = self.start("run", pipeline)
            time.sleep(rng.uniform(0.05, 0.6))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if self.has_completed(pipeline):
                break
        else:
            self.run_ok(pipeline)
        self.assertEqual(self.query("SELECT count(*), count(DISTINCT id), min(id), max(id) FROM orders"), [(400000, 400000, 0, 399999)])


if __name__ == "__main__":
    harness.main()
