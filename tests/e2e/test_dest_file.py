"""Streams as files: what was read is what the files hold, by every reader; appends add, replaces exchange, and no end of a run loses or doubles a row."""
import csv
import gzip
import json
import os
import pathlib
import random
import signal
import subprocess
import time

import harness

READERS = os.environ.get("RAPIDBYTE_READERS", "")
COLUMNS = ["id", "customer", "amount", "paid", "day", "made"]


def orders(count, first=0):
    return [[i, f"Kundin {i % 97} \"ß\", 東", f"{i * 37 % 100000 / 100:.2f}", "true" if i % 3 else "false", f"2026-01-{i % 28 + 1:02d}",
             f"2026-01-{i % 28 + 1:02d}T10:{i % 60:02d}:00Z"] for i in range(first, first + count)]


class DestFile(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.out.mkdir()

    def files_pipeline(self, config="", *, streams="- {name: orders, sync_mode: full_refresh}", mode="append", resources="", extra="", source="",
                       destination="", name="pipeline.yaml", pipeline="files"):
        return self.pipeline("\n".join([
            'version: "1.0"', f"pipeline: {pipeline}", "source:", "  use: rapidbyte/source-file", f"  config: {{folder: {self.data}, format: csv{source}}}",
            "  streams:", harness.indent(streams, 4), "destination:", "  use: rapidbyte/dest-file", f"  config: {{folder: {self.out}{config}}}",
            f"  write_mode: {mode}", harness.indent(destination, 2), f"state: {{backend: sqlite, connection: {self.state}}}",
            "resources:", harness.indent("max_memory: 512mb\n" + resources, 2), extra, ""
        ]), name=name)

    def write_orders(self, count, first=0, name="orders.csv"):
        rows = orders(count, first)
        self.write_csv(name, COLUMNS, rows)
        return rows

    def files(self, stream="orders"):
        """Of the stream's folder, as a reader that takes what is there finds them."""
        return sorted(str(path.relative_to(self.out / stream)) for path in (self.out / stream).rglob("*")
                      if path.is_file() and not path.name.startswith(("_", ".")))

    def listing(self, stream="orders"):
        return json.loads((self.out / stream / "_rapidbyte.json").read_text())

    def parquet(self, *columns, reader="duckdb", stream="orders"):
        if not READERS:
            self.skipTest("no Python with Parquet readers (RAPIDBYTE_READERS)")
        done = subprocess.run([READERS, str(pathlib.Path(__file__).with_name("read_parquet.py")), reader, str(self.out / stream), *columns],
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        return sorted(json.loads(done.stdout), key=lambda row: int(row[0])) if columns else json.loads(done.stdout)

    def assert_parquet(self, rows, reader="duckdb", columns=COLUMNS):
        want = [[str(r[0]), r[1], None if r[2] is None else r[2], r[3] == "true", r[4], r[5].replace("T", " ").rstrip("Z")] for r in rows]
        got = self.parquet(*columns, reader=reader)
        for i, (g, w) in enumerate(zip(got, want)):
            g = [g[0], g[1], None if g[2] is None else f"{float(g[2]):.2f}", *g[3:]]
            self.assertEqual(g, w, f"row {i} by {reader}")
        self.assertEqual(len(got), len(want))

    def assert_each_once(self, ids, count, message=""):
        """0 to count - 1, each once; says how many are not, since a list of the differences takes minutes."""
        self.assertEqual((len(ids), len(set(ids)), min(ids, default=0), max(ids, default=-1)), (count, count, 0, count - 1), message)

    # --- what the files hold -----------------------------------------------------------------------------------------

    def test_parquet_is_read_back_by_three_readers(self):
        rows = self.write_orders(20000)
        report = self.run_report(self.files_pipeline())
        self.assertEqual(report["streams"][0]["rows_written"], 20000)
        for reader in ("duckdb", "pyarrow", "polars"):
            self.assert_parquet(rows, reader)
        listing = self.listing()
        self.assertEqual([file["name"] for file in listing["files"]], self.files())
        self.assertEqual(sum(file["rows"] for file in listing["files"]), 20000)
        self.assertEqual([column["name"] for column in listing["columns"]], COLUMNS)

    def test_csv_keeps_null_and_the_empty_text_apart(self):
        self.write_csv("orders.csv", ["id", "note"], [[1, None], [2, ""], [3, 'a "b", c'], [4, "two\nlines"]])
        self.run_ok(self.files_pipeline(", format: csv"))
        [file] = self.files()
        self.assertTrue(file.endswith(".csv"))
        self.assertEqual((self.out / "orders" / file).read_text(), 'id,note\n1,\n2,""\n3,"a ""b"", c"\n4,"two\nlines"\n')

    def test_csv_as_the_user_wants_it(self):
        self.write_csv("orders.csv", ["id", "note"], [[1, None], [2, "x;y"]])
        self.run_ok(self.files_pipeline(', format: csv, delimiter: ";", header: false, null_value: "NULL", compression: gzip'))
        [file] = self.files()
        self.assertTrue(file.endswith(".csv.gz"))
        self.assertEqual(gzip.open(self.out / "orders" / file, "rt").read(), '1;NULL\n2;"x;y"\n')

    def test_ndjson_has_a_record_a_line(self):
        rows = self.write_orders(500)
        self.run_ok(self.files_pipeline(", format: ndjson"))
        [file] = self.files()
        records = [json.loads(line) for line in (self.out / "orders" / file).read_text().splitlines()]
        self.assertEqual([record["id"] for record in records], [row[0] for row in rows])
        self.assertEqual([record["customer"] for record in records], [row[1] for row in rows])
        self.assertEqual(list(records[0]), COLUMNS)
        self.assertEqual({type(record["paid"]) for record in records}, {bool})

    def test_partition_by_makes_hive_folders(self):
        rows = [[i, random.Random(i).choice(["DE", "FR", "a/b=c", None, ""]), i % 2] for i in range(3000)]
        self.write_csv("orders.csv", ["id", "country", "odd"], rows)
        self.run_ok(self.files_pipeline(", partition_by: [country, odd]"))
        folders = {os.path.dirname(file) for file in self.files()}
        self.assertIn("country=DE/odd=1", folders)
        self.assertIn("country=__HIVE_DEFAULT_PARTITION__/odd=0", folders)
        self.assertIn("country=a%2Fb%3Dc/odd=0", folders)
        got = self.parquet("id", "country", "odd")
        want = [[str(i), country, str(odd)] for i, country, odd in rows]
        self.assertEqual([[g[0], g[1], g[2]] for g in got if g[1] not in ("", None)], [w for w in want if w[1] not in ("", None)])
        self.assertEqual(len(got), 3000)

    def test_many_batches_into_partitions_and_back(self):
        # Several files are open at a time, each bound to rows of its own.
        rows = [[i, ("DE", "FR", "wait..", "1..2", "...")[i * 7919 % 5], f"note {i}" * 5] for i in range(60000)]
        self.write_csv("orders.csv", ["id", "country", "note"], rows)
        pipeline = self.files_pipeline(", partition_by: [country]", mode="replace")
        report = self.run_report(pipeline)
        self.assertEqual(report["streams"][0]["rows_written"], 60000)
        self.assertEqual([[g[0], g[1], g[2]] for g in self.parquet("id", "country", "note")], [[str(i), country, note] for i, country, note in rows])
        self.assertEqual(sum(file["rows"] for file in self.listing()["files"]), 60000)
        # Fewer partitions than before: what has become empty is gone, and is in nobody's way.
        rows = [[i, "FR", "x"] for i in range(10)]
        self.write_csv("orders.csv", ["id", "country", "note"], rows)
        for _ in range(2):
            self.run_ok(pipeline)
            self.assertEqual({os.path.dirname(file) for file in self.files()}, {"country=FR"})
        self.assertEqual(sorted(path.name for path in (self.out / "orders").iterdir()), ["_rapidbyte.json", "country=FR"])

    def test_what_a_killed_run_has_to_do_is_done_by_whoever_comes_next(self):
        self.write_orders(10)
        self.run_ok(self.files_pipeline())
        [own] = list((self.out / "_rapidbyte" / "orders").glob("*.receipt.json"))
        receipt, listing, [name] = json.loads(own.read_text()), self.listing(), self.files()
        own.with_name(own.name.replace(".receipt.", ".journal.")).write_text(json.dumps({
            "version": 1, "moves": [], "removals": [], "listing": listing, "receipt": receipt, "receipt_path": str(own.relative_to(self.out))}))
        more = self.write_orders(5, first=100)
        self.run_ok(self.files_pipeline(pipeline="another", name="another.yaml"))
        self.assertEqual(len(self.listing()["files"]), 2)
        self.run_ok(self.files_pipeline(), "--allow-doubled-rows")
        self.assertEqual(len(self.listing()["files"]), 3, "the journal of the first pipeline was replayed over the second's files")
        self.assertEqual(len(more), 5)

    def test_partition_by_that_cannot_be(self):
        self.write("data/orders.csv", "id,share\n1,1.5e300\n2,0.25\n")
        self.expect(harness.DESTINATION, "run", self.files_pipeline(", partition_by: [land]"), says=["UNKNOWN_COLUMN", '"land"'])
        self.expect(harness.DESTINATION, "run", self.files_pipeline(", partition_by: [share]"), says=["COLUMN_UNSUPPORTED", '"share"'])
        self.expect(harness.DESTINATION, "run", self.files_pipeline(", partition_by: [id, share]"), says=["share"])
        self.assertEqual(self.files(), [])

    def test_a_stream_without_rows_has_its_columns(self):
        self.write_csv("orders.csv", COLUMNS, [])
        self.run_ok(self.files_pipeline())
        self.assertEqual(len(self.files()), 1)
        self.assertEqual(self.parquet(), [])
        self.assertEqual([column["name"] for column in self.listing()["columns"]], COLUMNS)
        self.assertEqual(self.listing()["files"][0]["rows"], 0)

    # --- write modes -------------------------------------------------------------------------------------------------

    def test_appends_add_files_and_replaces_exchange_them(self):
        first = self.write_orders(1000)
        self.run_ok(self.files_pipeline())
        second = self.write_orders(500, first=1000)
        self.run_ok(self.files_pipeline(), "--allow-doubled-rows")
        self.assertEqual(len(self.files()), 2)
        self.assert_parquet(first + second)
        third = self.write_orders(700, first=5000)
        self.run_ok(self.files_pipeline(mode="replace", name="replace.yaml"))
        self.assertEqual(self.files(), ["data.parquet"])
        self.assert_parquet(third)
        fourth = self.write_orders(10, first=9000)
        self.run_ok(self.files_pipeline(mode="replace", name="replace.yaml"))
        self.assertEqual(self.files(), ["data.parquet"])
        self.assert_parquet(fourth)

    def test_a_replace_without_rows_empties(self):
        self.write_orders(100)
        self.run_ok(self.files_pipeline(mode="replace"))
        self.write_csv("orders.csv", COLUMNS, [])
        self.run_ok(self.files_pipeline(mode="replace"))
        self.assertEqual(self.files(), ["data.parquet"])
        self.assertEqual(self.parquet(), [])

    def test_a_replace_of_several_files(self):
        self.write_orders(150000)
        self.run_ok(self.files_pipeline(", file_size: 1048576, compression: none, format: csv", mode="replace"))
        names = self.files()
        self.assertGreater(len(names), 2)
        rows = []
        for name in names:
            with open(self.out / "orders" / name, newline="") as file:
                rows += list(csv.reader(file))[1:]
        self.assert_each_once([int(row[0]) for row in rows], 150000)
        again = self.write_orders(5)
        self.run_ok(self.files_pipeline(", format: csv", mode="replace"))
        self.assertEqual(self.files(), ["data.csv"])
        self.assertEqual(len(again), 5)

    def test_a_replace_does_not_mix_with_files_of_others(self):
        self.write_orders(10)
        (self.out / "orders").mkdir()
        (self.out / "orders" / "mine.parquet").write_text("not ours")
        self.expect(harness.DESTINATION, "run", self.files_pipeline(mode="replace"), says=["TARGET_NOT_A_TABLE", "mine.parquet"])
        self.assertEqual((self.out / "orders" / "mine.parquet").read_text(), "not ours")

    def test_upsert_is_refused_before_anything_is_read(self):
        self.write_orders(10)
        self.expect(harness.INVALID, "check", self.files_pipeline(mode="upsert\n  primary_key: [id]"), says=["upsert", "supports only append, replace"])

    def test_incremental_loads_go_behind_the_last_one(self):
        rows = self.write_orders(1000)
        pipeline = self.files_pipeline(streams="- {name: orders, sync_mode: incremental, cursor_field: id}")
        self.run_ok(pipeline)
        rows = self.write_orders(1500)
        self.run_ok(pipeline)
        self.assert_parquet(rows)
        for name in self.files():
            (self.out / "orders" / name).unlink()
        self.write_orders(2000)
        self.expect(harness.DESTINATION, "run", pipeline, says=["TARGET_EMPTIED"])
        self.assertEqual(self.files(), [])

    # --- columns that change -----------------------------------------------------------------------------------------

    def test_a_new_column_is_in_new_files(self):
        self.write_csv("orders.csv", ["id", "a"], [[1, "x"]])
        self.run_ok(self.files_pipeline())
        self.write_csv("orders.csv", ["id", "b", "a"], [[2, "new", "y"]])
        self.run_ok(self.files_pipeline(), "--allow-doubled-rows")
        self.assertEqual(self.parquet("id", "a", "b"), [["1", "x", None], ["2", "y", "new"]])
        self.assertEqual([column["name"] for column in self.listing()["columns"]], ["id", "a", "b"])

    def test_a_changed_type_is_refused(self):
        self.write_csv("orders.csv", ["id", "a"], [[1, 5]])
        self.run_ok(self.files_pipeline())
        self.write_csv("orders.csv", ["id", "a"], [[2, "text"]])
        self.expect(harness.DESTINATION, "run", self.files_pipeline(), "--allow-doubled-rows", says=["TYPE_CHANGED", '"a"'])
        self.assertEqual(len(self.files()), 1)

    # --- what goes wrong ---------------------------------------------------------------------------------------------

    def test_folders_that_cannot_be(self):
        self.write_orders(10)
        pipeline = self.files_pipeline()
        self.out.rmdir()
        done = self.rapidbyte("run", pipeline)
        self.assertNotEqual(done.code, 0)
        self.assertIn("mkdir -p", done.err)
        self.out.write_text("a file")
        done = self.rapidbyte("run", pipeline)
        self.assertNotEqual(done.code, 0)
        self.assertIn("is a file", done.err)

    def test_streams_that_would_share_a_folder(self):
        self.write_orders(10, name="orders.csv")
        self.write_orders(10, name="Orders.csv")
        streams = "- {name: orders, sync_mode: full_refresh}\n- {name: Orders, sync_mode: full_refresh}"
        self.expect(harness.DESTINATION, "run", self.files_pipeline(streams=streams), says=["TARGET_CONFLICT"])
        self.assertEqual([path for path in self.out.rglob("*.parquet")], [])

    def test_a_damaged_listing_is_no_reason_to_guess(self):
        self.write_orders(10)
        self.run_ok(self.files_pipeline())
        (self.out / "orders" / "_rapidbyte.json").write_text('{"version": 1, "files": [{"name": "../../x"}]}')
        self.expect(harness.DESTINATION, "run", self.files_pipeline(mode="replace"), says=["LISTING_DAMAGED"])

    def test_a_journal_that_leads_elsewhere_is_not_followed(self):
        self.write_orders(10)
        self.run_ok(self.files_pipeline())
        victim = self.out / "victim"
        victim.write_text("stays")
        [own] = list((self.out / "_rapidbyte" / "orders").glob("*.receipt.json"))
        journal = own.with_name(own.name.replace(".receipt.", ".journal."))
        journal.write_text(json.dumps({"version": 1, "moves": [], "removals": ["orders/../victim"]}))
        self.expect(harness.DESTINATION, "run", self.files_pipeline(mode="replace"), says=["LISTING_DAMAGED"])
        self.assertEqual(victim.read_text(), "stays")

    # --- kills -------------------------------------------------------------------------------------------------------

    def killed_runs(self, pipeline, kills, rng):
        """Kills the run at random moments, then lets it end."""
        for _ in range(kills):
            process = self.start("run", pipeline)
            time.sleep(rng.uniform(0.02, 0.5))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            if self.has_completed(pipeline):
                return  # the kill came too late: a further run would be a new load
        self.run_ok(pipeline)

    def test_killed_appends_lose_and_double_nothing(self):
        rows = self.write_orders(150000)
        rng = random.Random(7)
        for round_number in range(3):
            pipeline = self.files_pipeline(", format: csv, file_size: 1048576", resources="checkpoint_interval_bytes: 1mb", pipeline=f"k{round_number}",
                                           name=f"k{round_number}.yaml")
            self.killed_runs(pipeline, 6, rng)
            got = []
            for name in self.files():
                with open(self.out / "orders" / name, newline="") as file:
                    got += [int(row[0]) for row in list(csv.reader(file))[1:]]
            self.assert_each_once(got, len(rows), f"round {round_number}, files {self.files()}, kept in {self.folder}")
            listed = self.listing()
            self.assertEqual(sorted(file["name"] for file in listed["files"]), self.files())
            self.assertFalse(list((self.out / "_rapidbyte" / "orders").glob("*.journal.json")))
            for name in self.files():
                (self.out / "orders" / name).unlink()
            (self.out / "orders" / "_rapidbyte.json").unlink()

    def test_killed_replaces_show_the_old_or_the_new(self):
        self.write_orders(1000)
        pipeline = self.files_pipeline(", format: csv", mode="replace")
        self.run_ok(pipeline)
        self.write_orders(150000)
        rng = random.Random(11)
        for _ in range(12):
            process = self.start("run", pipeline)
            time.sleep(rng.uniform(0.02, 0.6))
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            self.assertEqual(self.files(), ["data.csv"])
            with open(self.out / "orders" / "data.csv", newline="") as file:
                self.assertIn(sum(1 for _ in csv.reader(file)) - 1, (1000, 150000))
        self.run_ok(pipeline)
        with open(self.out / "orders" / "data.csv", newline="") as file:
            self.assertEqual(sum(1 for _ in csv.reader(file)) - 1, 150000)


if __name__ == "__main__":
    harness.main()
