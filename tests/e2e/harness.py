"""What the end-to-end tests share: a scratch folder per test, running the real program, and comparing whole tables.

The program and its connectors come from the build tree, named by the environment that ctest sets (RAPIDBYTE_BINARY,
RAPIDBYTE_CONNECTOR_DIR). Nothing is written outside of the scratch folder, except the cache of compiled components, which the
tests of one build tree share.
"""
import collections
import datetime
import decimal
import json
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import unittest

BINARY = os.environ.get("RAPIDBYTE_BINARY", "")
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

OK, INTERNAL, USAGE, INVALID, CONNECTOR, SOURCE, DESTINATION, TRANSFORM, REJECTED, STATE = range(10)
INTERRUPTED = 130

Finished = collections.namedtuple("Finished", "code out err seconds")


class EndToEnd(unittest.TestCase):
    """One scratch folder per test: <folder>/data for files, <folder>/out.db for the database."""

    maxDiff = None

    def setUp(self):
        self.assertTrue(BINARY and os.access(BINARY, os.X_OK), f"RAPIDBYTE_BINARY is not a program: {BINARY!r}")
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rapidbyte-e2e-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.database = self.folder / "out.db"
        self.state = self.folder / "state.db"
        self.events = self.folder / "events.ndjson"
        self.running = []
        self.addCleanup(self._stop_running)

    def _stop_running(self):
        for process in self.running:
            if process.poll() is None:
                process.kill()
            process.communicate()

    # --- files -------------------------------------------------------------------------------------------------------

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
        return path

    def write_csv(self, name, columns, rows):
        """None becomes an empty field, text is always quoted: so null and the empty string stay apart."""
        path = self.data / name
        with open(path, "w", encoding="utf-8", newline="") as out:
            out.write(",".join(columns) + "\n")
            for row in rows:
                out.write(",".join(csv_field(value) for value in row) + "\n")
        return path

    def pipeline(self, text="", *, streams=None, mode="append", resources="", extra="", source=None, destination=None,
                 name="pipeline.yaml"):
        """Writes a pipeline from the data folder to out.db; `text` replaces it wholly."""
        if not text:
            source = source or f"config: {{folder: {self.data}, format: csv}}"
            destination = destination or f"config: {{path: {self.database}}}"
            streams = streams or "- {name: t, sync_mode: full_refresh}"
            text = "\n".join([
                'version: "1.0"', "pipeline: e2e", "source:", "  use: rapidbyte/source-file", indent(source, 2),
                "  streams:", indent(streams, 4), "destination:", "  use: rapidbyte/dest-sqlite", indent(destination, 2),
                f"  write_mode: {mode}" if mode != "upsert" else "  write_mode: upsert\n  primary_key: [id]",
                f"state: {{backend: sqlite, connection: {self.state}}}",
                "resources:\n" + indent(resources, 2) if resources else "", extra, ""
            ])
        return self.write(name, text)

    # --- running -----------------------------------------------------------------------------------------------------

    def environment(self, **more):
        """The caller's environment, with a separate home folder, so that none of the user's files is read."""
        environment = dict(os.environ, HOME=str(self.folder), NO_COLOR="1")
        environment.update(more)
        return environment

    def start(self, *arguments, environment=None, cwd=None):
        process = subprocess.Popen([BINARY, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=environment or self.environment(),
                                   cwd=cwd or self.folder, start_new_session=True)
        self.running.append(process)
        return process

    def rapidbyte(self, *arguments, timeout=120, **options):
        began = time.monotonic()
        process = self.start(*arguments, **options)
        out, err = process.communicate(timeout=timeout)
        return Finished(process.returncode, out, err, time.monotonic() - began)

    def run_ok(self, pipeline, *arguments, **options):
        done = self.rapidbyte("run", pipeline, *arguments, **options)
        self.assertEqual(done.code, OK, f"stderr:\n{done.err}\nstdout:\n{done.out}")
        return done

    def run_report(self, pipeline, *arguments):
        return json.loads(self.run_ok(pipeline, "--json", "-q", *arguments).out)

    def expect(self, code, *arguments, says=(), **options):
        """Runs, and checks the exit code and what stderr says (each of `says`, in any case)."""
        done = self.rapidbyte(*arguments, **options)
        self.assertEqual(done.code, code, f"stderr:\n{done.err}\nstdout:\n{done.out}")
        for text in [says] if isinstance(says, str) else says:
            self.assertIn(text.lower(), done.err.lower())
        return done

    def has_completed(self, pipeline):
        """Whether a kill came too late: the load is complete in the state, and a further run would be a new one (appends again)."""
        if not self.state.exists():
            return False
        done = self.rapidbyte("state", "show", pipeline, "--json")
        self.assertEqual(done.code, OK, done.err)
        return any(stream["load_id"] and not stream["load_in_progress"] for stream in json.loads(done.out)["streams"])

    def wait_for_commits(self, process, events, least=1):
        """Waits until the events file shows `least` durable cursors; fails when the run ended before."""
        self.wait_for_event(process, '"checkpoint_committed"', events=events, least=least)

    def wait_for_event(self, process, *parts, events=None, least=1, timeout=60):
        """Waits until `least` lines of the events file hold all `parts`."""
        until = time.monotonic() + timeout
        while time.monotonic() < until:
            if count_lines(events or self.events, parts) >= least:
                return
            if process.poll() is not None:
                out, err = process.communicate()
                self.fail(f"the run ended (exit code {process.returncode}) before {least} x {parts}:\n{err}\n{out}")
            time.sleep(0.002)
        self.fail(f"no {least} x {parts} within {timeout} s")

    # --- tables ------------------------------------------------------------------------------------------------------

    def connect(self, timeout=0.0):
        connection = sqlite3.connect(self.database, timeout=timeout, isolation_level=None)
        self.addCleanup(connection.close)
        return connection

    def query(self, sql, *parameters):
        with_closing = sqlite3.connect(self.database, timeout=5)
        try:
            return with_closing.execute(sql, parameters).fetchall()
        finally:
            with_closing.close()

    def table_exists(self, table):
        return self.database.exists() and bool(
            self.query("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?", table))

    def table_rows(self, table, columns, kinds):
        """All rows as canonical values, sorted."""
        names = ", ".join('"' + column.replace('"', '""') + '"' for column in columns)
        rows = self.query(f'SELECT {names} FROM "{table}"')
        return sorted((tuple(canonical(kind, value) for kind, value in zip(kinds, row)) for row in rows), key=repr)

    def assert_table(self, table, columns, kinds, expected):
        """The table holds exactly `expected` (as a multiset), value by value, with nothing lost in its types."""
        actual = self.table_rows(table, columns, kinds)
        expected = sorted((tuple(canonical(kind, value) for kind, value in zip(kinds, row)) for row in expected), key=repr)
        if actual == expected:
            return
        have, want = collections.Counter(actual), collections.Counter(expected)
        missing, surplus = list((want - have).elements()), list((have - want).elements())
        self.fail(f"table {table}: {len(actual)} rows, expected {len(expected)}; {len(missing)} are missing, for example "
                  f"{missing[:3]}; {len(surplus)} are too many, for example {surplus[:3]}")

    def assert_sound(self):
        """The database is whole, as any other program sees it."""
        self.assertEqual(self.query("PRAGMA integrity_check"), [("ok",)])


def example_of(page):
    """The first YAML of a page of the documentation."""
    return (REPOSITORY / page).read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]


def indent(text, spaces):
    return "\n".join(" " * spaces + line if line else line for line in text.splitlines())


def csv_field(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace('"', '""') + '"'
    if isinstance(value, datetime.datetime):
        return value.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, datetime.date):
        return value.isoformat()
    return str(value)


def canonical(kind, value):
    """A value of the CSV or of SQLite in one form. Raises when SQLite holds it in a type that would lose something."""
    if value is None:
        return None
    if kind == "int":
        if not isinstance(value, int):
            raise AssertionError(f"an integer came back as {value!r}")
        return int(value)
    if kind == "bool":
        if value not in (0, 1, True, False):
            raise AssertionError(f"a boolean came back as {value!r}")
        return bool(value)
    if kind == "decimal":
        if isinstance(value, float):
            raise AssertionError(f"a decimal came back as the float {value!r}")
        return str(decimal.Decimal(str(value)).normalize())
    if kind == "float":
        return repr(float(value))
    if kind == "number":  # real data: compare digits, in whatever numeric type they arrived
        return str(decimal.Decimal(repr(value) if isinstance(value, float) else str(value)).normalize())
    if kind == "date":
        return value.isoformat() if isinstance(value, datetime.date) else str(datetime.date.fromisoformat(value))
    if kind == "timestamp":
        if isinstance(value, str):
            value = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
        if value.tzinfo is not None:
            value = value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return value.isoformat(timespec="microseconds")
    if not isinstance(value, str):
        raise AssertionError(f"text came back as {value!r}")
    return value


def count_lines(file, parts):
    """Lines of a file that may not be there yet that hold all of `parts`."""
    try:
        with open(file, encoding="utf-8") as lines:
            return sum(all(part in line for part in parts) for line in lines)
    except FileNotFoundError:
        return 0


def kill(process):
    """SIGKILL: what a crash, the sudden end of a container or the OOM killer looks like."""
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def main():
    unittest.main(verbosity=2)
