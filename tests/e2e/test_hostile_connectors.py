"""Plays the attacks of hostile_attacks.py with the real program, each in its own scratch folder.

For each it is asked that the attacker was seen attacking, that the run ends in time with the error that the table names, which names the
connector and the stream, that the program took no more memory than its budget, that the stream beside the attacked one was loaded, that
nothing outside of the grants was read or changed, and that the next run of the same pipeline, with an honest connector, loads everything.

The attacks are played two at a time; RAPIDBYTE_ATTACKS (a regular expression over their names) chooses some, RAPIDBYTE_LONG=1 plays every attack in
every role by every build of the attacker.
"""
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import pathlib
import re
import resource
import shutil
import signal
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
import unittest

import hostile_attacks
from hostile_attacks import ATTACKS, DESTINATION, GUEST_MIB, HOST_MIB, SOURCE, TRANSFORM

BINARY = os.environ.get("RAPIDBYTE_BINARY", "")
GUESTS = pathlib.Path(os.environ.get("RAPIDBYTE_BUILD", "")) / "test-guests"
LONG = os.environ.get("RAPIDBYTE_LONG") == "1"
ONLY = re.compile(os.environ.get("RAPIDBYTE_ATTACKS", ""))

ROWS = 1000
EXIT_CODES = {SOURCE: 5, DESTINATION: 6, TRANSFORM: 7}
# Random enough to be in no output by chance.
CANARY = "canary-5f3a91c07be2"
#: The program may have this many files open: what a guest opens must not be what the others lack.
OPEN_FILES = 1024


@dataclasses.dataclass
class Case:
    attack: hostile_attacks.Attack
    role: str
    build: str

    def __str__(self):
        return f"{self.attack.name} ({self.role}, {self.build})"


def cases(role):
    """What is played by `role` in this run: in CI one build each, in turn, so that all builds are used."""
    for index, attack in enumerate(ATTACKS):
        if role not in attack.roles or not ONLY.search(attack.name):
            continue
        if LONG:
            yield from (Case(attack, role, build) for build in attack.builds)
        elif attack.ci_roles is None or role in attack.ci_roles:
            yield Case(attack, role, attack.builds[(index + EXIT_CODES[role]) % len(attack.builds)])


@dataclasses.dataclass
class Finished:
    code: int
    out: str
    err: str
    seconds: float
    peak_mib: float
    #: Seconds between the interrupt and the end.
    after_interrupt: float = 0

    def report(self):
        return json.loads(self.out)


class Listener:
    """A server on loopback that says nothing; it counts who comes and what they send."""

    def __init__(self):
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self.socket.getsockname()[1]
        self.came = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.came.append(self.socket.accept()[0])

    def heard(self):
        """The bytes that each client has sent."""
        texts = []
        for client in self.came:
            client.settimeout(1)
            text = b""
            with contextlib.suppress(OSError):
                while piece := client.recv(4096):
                    text += piece
            texts.append(text)
        return texts

    def close(self):
        # Wakes accept().
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        self.thread.join()
        for client in self.came:
            client.close()


class Complaint(Exception):
    """A complaint: something was not as it should be."""


def demand(condition, what):
    if not condition:
        raise Complaint(what)


class Scene:
    """One attack in its folder:

    pipeline/  the pipeline file and the attacker       data/    what source-file reads (good.csv, evil.csv)
    state/     the state and the rejected records       out/     what dest-sqlite writes
    grant/     what the attacker may be given           canary/, empty/, neighbour: what nobody may touch
    """

    def __init__(self, case):
        self.case = case
        self.attack = case.attack
        self.root = pathlib.Path(tempfile.mkdtemp(prefix="rapidbyte-hostile-"))
        self.listener = Listener() if "port" in self.attack.config else None
        self.environment = dict(os.environ, HOME=str(self.root / "home"), NO_COLOR="1", CANARY=CANARY)
        self.finished = None

    def close(self):
        if self.listener:
            self.listener.close()
        shutil.rmtree(self.root, ignore_errors=True)

    # --- setting it up -----------------------------------------------------------------------------------------------

    def build(self):
        for name in ("pipeline", "state", "out", "data", "grant", "grant/sub", "canary", "empty", "home"):
            (self.root / name).mkdir()
        for name in ("canary/secret", "canary/keys", "neighbour", "pipeline/secret"):
            (self.root / name).write_text(CANARY)
        (self.root / "grant/mine").write_text("mine")
        (self.root / "one.file").write_text("mine")
        for stream in ("good", "evil"):
            (self.root / f"data/{stream}.csv").write_text("id\n" + "".join(f"{i}\n" for i in range(ROWS)))
        shutil.copy(GUESTS / f"attacker_{self.case.role}_{self.case.build}.wasm", self.root / "pipeline/attacker.wasm")
        self.write_manifest()
        if self.attack.before:
            getattr(self, self.attack.before)()

    def write_manifest(self):
        paths = {"folder": [{"pointer": "/path", "access": "read-write"}], "read": [{"pointer": "/path", "access": "read"}],
                 "database": [{"pointer": "/path", "access": "read-write", "lock": "sqlite"}],
                 "file": [{"pointer": "/path", "access": "read"}], "": []}[self.attack.grant]
        features = [feature for feature in self.attack.features if self.case.role == DESTINATION]
        role = {"source": {"supported_sync_modes": ["full_refresh", "incremental"], "features": []},
                "destination": {"supported_write_modes": ["append", "replace", "upsert"], "features": features},
                "transform": {}}[self.case.role]
        manifest = {"manifest_version": "1.0", "id": "test/attacker", "name": "attacker", "version": "1.0.0", "protocol_version": "2",
                    "permissions": {"fs": {"config_paths": paths}, "network": self.attack.network}, "roles": {self.case.role: role}}
        self.write_json("pipeline/attacker.manifest.json", manifest)
        if "partitioned" in self.attack.features:
            # A source is asked for partitions only when the destination can take them: then that is the honest attacker.
            shutil.copy(GUESTS / "attacker_destination_210.wasm", self.root / "pipeline/taker.wasm")
            taker = {"destination": {"supported_write_modes": ["replace"], "features": ["partitioned"]}}
            self.write_json("pipeline/taker.manifest.json", dict(manifest, id="test/taker", name="taker", roles=taker,
                                                                 permissions={"network": {"allowed_domains": []}}))

    def write_json(self, name, value):
        (self.root / name).write_text(json.dumps(value))

    def config(self, honest):
        """The attacker's config."""
        config = {} if not self.attack.grant else {
            "path": {"folder": "../grant", "read": "../grant", "database": "../one.db", "file": "../one.file"}[self.attack.grant]}
        granted = self.root.resolve() / config.get("path", "../pipeline")[3:]
        for key, value in self.attack.config.items():
            if isinstance(value, str):
                value = value.replace("{root}", str(self.root)).replace("{path}", str(granted))
                if value == "{port}":
                    value = self.listener.port
            if key == "path" and self.attack.grant:
                continue
            config[key] = value
        if honest:
            config["attack"] = "none"
        return config

    def pipeline(self, honest=False, **changes):
        """Writes the pipeline file, with the attacker in its role, or an honest connector in its place."""
        attacker = {"use": "./attacker.wasm", "config": dict(self.config(honest), **changes)}
        source = {"use": "rapidbyte/source-file", "config": {"folder": "../data", "format": "csv"}}
        destination = {"use": "rapidbyte/dest-sqlite", "config": {"path": "../out/out.db"}}
        if "partitioned" in self.attack.features:
            destination = {"use": "./taker.wasm", "config": {"attack": "none"}}
        if self.case.role == SOURCE:
            source = attacker
        if self.case.role == DESTINATION:
            destination = attacker
        more = self.attack.pipeline
        # The good one first: it has begun, at the latest, when the other one fails.
        source["streams"] = [{"name": name} for name in ("good", "evil")]
        if sync_mode := more.get("sync_mode"):
            for stream in source["streams"]:
                stream.update(sync_mode=sync_mode, cursor_field="id")
        destination["write_mode"] = more.get("write_mode", "replace")
        resources = {"max_memory": f"{GUEST_MIB}mb", "guest_timeout_seconds": 60 if honest else self.attack.patience, "max_batch_bytes": "4kb",
                     "parallelism": 4 if "partitioned" in self.attack.features else 2, "max_retries": 2, **more.get("resources", {})}
        pipeline = {"version": "1.0", "pipeline": "hostile", "source": source, "destination": destination,
                    "state": {"connection": "../state/state.db"}, "resources": resources}
        if self.case.role == TRANSFORM:
            pipeline["transforms"] = [attacker]
        if "dlq" in more:
            pipeline["dlq"] = more["dlq"]
        self.write_json("pipeline/pipeline.yaml", pipeline)  # JSON is YAML, too

    # --- running -----------------------------------------------------------------------------------------------------

    def run(self, *arguments, interrupt=0.0, deadline=60.0):
        """Runs the program to its end; if it has not ended by the deadline, it is killed, and that is a complaint."""
        command = [BINARY, *arguments]
        began = time.monotonic()
        with open(self.root / "home/out", "w+", encoding="utf-8", errors="replace") as out, \
             open(self.root / "home/err", "w+", encoding="utf-8", errors="replace") as err:
            process = subprocess.Popen(["/bin/sh", "-c", f'ulimit -n {OPEN_FILES}; exec "$@"', "sh", *command], stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                                       env=self.environment, cwd=self.root / "home", start_new_session=True)
            interrupted = 0.0
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid:
                    break
                now = time.monotonic()
                if interrupt and not interrupted and now - began >= interrupt:
                    os.kill(process.pid, signal.SIGINT)
                    interrupted = now
                if now - began > deadline:
                    os.killpg(process.pid, signal.SIGKILL)
                    os.wait4(process.pid, 0)
                    process.returncode = -9
                    raise Complaint(f"it was not over after {deadline} s; stderr:\n{tail(self.root / 'home/err')}")
                time.sleep(0.005)
            ended = time.monotonic()
            process.returncode = os.waitstatus_to_exitcode(status)
            out.seek(0)
            err.seek(0)
            return Finished(process.returncode, out.read(), err.read(), ended - began, usage.ru_maxrss / 1024,
                            ended - interrupted if interrupted else 0)

    def keeps(self):
        """Whether a load resumes: other orders do not make the attacker another connector."""
        return ("--keep-positions",) if self.attack.pipeline.get("write_mode") == "append" else ()

    def pipeline_file(self):
        return str(self.root / "pipeline/pipeline.yaml")

    def events(self):
        return self.root / "home/events.ndjson"

    def snapshot(self):
        """Whatever is not the attacker's, the state or the destination's: kind, mode and content by path."""
        seen = {}
        for path in sorted(self.root.rglob("*")):
            name = str(path.relative_to(self.root))
            if name.split("/")[0] in ("state", "out", "home") or (self.attack.grant == "folder" and name.startswith("grant")):
                continue
            if self.attack.grant == "database" and name.startswith("one.db"):
                continue
            info = path.lstat()
            content = os.readlink(path) if path.is_symlink() else hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            seen[name] = (info.st_mode, info.st_nlink, info.st_mtime_ns if path.is_file() else 0, content)
        return seen

    # --- judging -----------------------------------------------------------------------------------------------------

    def play(self):
        self.build()
        self.pipeline()
        before = self.snapshot()
        attack = self.attack
        if attack.command == "run":
            arguments = ("run", self.pipeline_file(), "--json", "-v", "--events", str(self.events()), *self.keeps())
        else:
            arguments = (attack.command, self.pipeline_file())
        done = self.finished = self.run(*arguments, interrupt=attack.interrupt, deadline=attack.deadline)
        try:
            self.judge(done)
            self.judge_untouched(before)
            if attack.after:
                getattr(self, attack.after)(done)
            self.judge_next_run()
        except Complaint as complaint:
            raise Complaint(f"{complaint}\n--- exit code {done.code}, {done.seconds:.2f} s, {done.peak_mib:.0f} MiB; report:\n"
                            f"{done.out[:1500]}\n--- stderr:\n{done.err[:3000]}\n...\n{done.err[-1500:]}") from None

    def judge(self, done):
        attack, role = self.attack, self.case.role
        demand(done.code >= 0, f"the program died of signal {-done.code}")
        begun = f"attack {attack.config['attack']} begins at {attack.config['at']}"
        demand(begun in done.err, "nobody attacked")
        for pattern in attack.told:
            demand(any(re.search(pattern, line) for line in done.err.splitlines()), f"the attacker was not told: {pattern}")
        fails = attack.code is not None
        wanted = attack.exit if attack.exit >= 0 else EXIT_CODES[role] if fails else 0
        demand(done.code == wanted, f"exit code {done.code}, not {wanted}")
        if attack.command == "run":
            self.judge_report(done.report(), fails)
        elif fails:
            codes = (attack.code,) if isinstance(attack.code, str) else attack.code
            demand(any(code in done.err for code in codes), f"none of {codes} was said")
            demand("attacker" in done.err, "the connector is not named")
        for pattern in attack.says:
            demand(re.search(pattern, done.err + done.out), f"it did not say: {pattern}")
        raw = [mark for mark in ("\x1b", "\x07", "\u202e", "\x9b", CANARY) if mark in done.err]
        demand(not raw, f"stderr holds {raw}")
        demand(CANARY not in done.out, "the report holds the canary")
        budget = HOST_MIB + attack.guests * GUEST_MIB + attack.extra_mib
        demand(done.peak_mib <= budget * 1.2, f"it took {done.peak_mib:.0f} MiB; the budget is {budget} MiB")
        if attack.interrupt:
            demand(done.after_interrupt < 2.5, f"it ended {done.after_interrupt:.1f} s after the interrupt")

    def judge_report(self, report, fails):
        attack = self.attack
        demand(report["outcome"] == ("succeeded" if not fails else "interrupted" if attack.interrupt else "failed"), f"outcome {report['outcome']}")
        if fails:
            failure = report["failure"]
            codes = (attack.code,) if isinstance(attack.code, str) else attack.code
            demand(any(re.fullmatch(code, failure["code"]) for code in codes), f"code {failure['code']}, not {codes}")
            if not attack.interrupt:
                message = failure["message"]
                demand(re.search("attacker|taker|dest-sqlite|source|destination|transform", message), f"the connector is not named: {message[:300]}")
                if attack.config["at"] != "discover" and not (self.case.role == SOURCE and attack.config["at"] == "open"):
                    demand(re.search("evil" if attack.good else "evil|good", message), f"the stream is not named: {message[:300]}")
        streams = {stream["stream"]: stream for stream in report.get("streams", [])}
        if attack.good:
            good = streams.get("good", {})
            demand(good.get("outcome") == "succeeded" and good["rows_written"] == ROWS, f"the stream beside it was not loaded: {good}")
            self.judge_table("good")
        if not fails:
            demand(streams["evil"]["outcome"] == "succeeded" and streams["evil"]["rows_written"] == ROWS, f"the stream was not loaded: {streams['evil']}")
            self.judge_table("evil")

    def judge_table(self, stream):
        """dest-sqlite has each row once. What the attacker takes as a destination is only counted."""
        if self.case.role == DESTINATION or "partitioned" in self.attack.features:
            return
        with contextlib.closing(sqlite3.connect(self.root / "out/out.db")) as database:
            ids = [row[0] for row in database.execute(f"SELECT id FROM {stream} ORDER BY id")]
        demand(ids == list(range(ROWS)), f"table {stream} has {len(ids)} rows, {len(set(ids))} of them different")

    def judge_untouched(self, before):
        now = self.snapshot()
        changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
        demand(not changed, f"outside of the grants was changed: {changed}")
        left = sorted(path.name for path in (self.root / "home").iterdir() if path.name not in ("out", "err", "events.ndjson"))
        demand(not left, f"in the home folder is {left}")
        for path in self.root.glob("state/**/*"):
            demand(not path.is_file() or CANARY.encode() not in path.read_bytes(), f"{path.name} holds the canary")
        if self.events().exists():
            demand(CANARY not in self.events().read_text(errors="replace"), "the events hold the canary")

    def judge_next_run(self):
        """The same pipeline, on the same state, with an honest connector, which can be used and loads everything."""
        if self.attack.pipeline.get("write_mode") == "append" and self.attack.code is None:
            return  # it would load everything again, as it should
        self.environment.pop("LD_PRELOAD", None)
        self.pipeline(honest=True)
        done = self.run("run", self.pipeline_file(), "--json", "-v", *self.keeps())
        if done.code == 9 and self.attack.pipeline.get("write_mode") == "append" and "ROWS_MAY_DOUBLE" in done.err:
            # The attacker keeps no receipts and was sent rows: only the user can say whether they are there.
            done = self.run("run", self.pipeline_file(), "--json", "-v", "--allow-doubled-rows", *self.keeps())
        demand(done.code == 0, f"the next run ended with {done.code}: {done.err[-1500:]}")
        for stream in done.report()["streams"]:
            # In an append the other stream is already complete, and is not loaded again before the whole run has succeeded.
            done_before = stream["resumed"] and stream["stream"] == "good" and stream["rows_written"] == 0
            demand(stream["rows_written"] == ROWS or done_before, f"the next run wrote {stream}")
            self.judge_table(stream["stream"])
        demand(done.peak_mib <= 1.2 * (HOST_MIB + 2 * GUEST_MIB), f"the next run took {done.peak_mib:.0f} MiB")

    # --- before ------------------------------------------------------------------------------------------------------

    def make_links_out(self):
        (self.root / "grant/way-out").symlink_to("../canary/secret")
        (self.root / "grant/way-out-folder").symlink_to("../canary")

    def make_large_file(self):
        with open(self.root / "grant/large", "wb") as file:
            file.truncate(256 << 20)

    def leave_an_interrupted_load(self):
        self.pipeline(attack="trap", at="middle")
        done = self.run("run", self.pipeline_file(), "--json")
        demand(done.code == EXIT_CODES[self.case.role], f"the run before it ended with {done.code}: {done.err}")

    def names_change(self):
        self.environment["LD_PRELOAD"] = os.environ["RAPIDBYTE_REBIND_NAME"]

    # --- after -------------------------------------------------------------------------------------------------------

    def canary_is_no_link(self, _done):
        demand(not (self.root / "one.db").is_symlink(), "the database is a link")

    def events_are_few(self, _done):
        metrics = sum('"metric"' in line for line in self.events().read_text().splitlines())
        # At most 100 a second, however long it took.
        demand(0 < metrics <= 100 * (self.finished.seconds + 1), f"{metrics} metrics in the events")

    def little_was_said(self, done):
        said = len(done.err) + len(done.out)
        demand(said < 1 << 20, f"{said} characters were said")
        state = sum(path.stat().st_size for path in self.root.glob("state/*"))
        demand(state < 1 << 20, f"the state has {state} bytes")

    def cursor_of_good_is_its_own(self, _done):
        shown = self.run("state", "show", self.pipeline_file())
        demand(shown.code == 0 and "999999" not in next(line for line in shown.out.splitlines() if "good" in line), f"the cursor of good: {shown.out}")

    def nothing_is_durable(self, done):
        evil = next(stream for stream in done.report()["streams"] if stream["stream"] == "evil")
        demand(evil["checkpoints"] == 0 and evil["rows_written"] == 0, f"commits that never were: {evil}")

    def wrong_calls_were_refused(self, done):
        line = next(line for line in done.err.splitlines() if "did: " in line).partition("did: ")[2]
        demand("next-batch ok" not in line or self.case.role != SOURCE, f"a source was given a batch: {line}")
        demand("emit ok" not in line or self.case.role == TRANSFORM, f"it could emit: {line}")
        for kind in (3, 4):
            demand(f"checkpoint{kind} INVALID_CHECKPOINT_KIND" in line, line)
        if self.attack.config["at"] == "end":
            own = {SOURCE: 0, DESTINATION: 1, TRANSFORM: 2}[self.case.role]
            for kind in range(3):
                demand((f"checkpoint{kind} ok" in line) == (kind == own), line)

    def was_tried_three_times(self, done):
        evil = next(stream for stream in done.report()["streams"] if stream["stream"] == "evil")
        demand(evil["retries"] == 2 and done.err.count("answer_error_retry begins") == 3, f"retries: {evil}")

    def no_secret_was_told(self, done):
        secret = self.attack.config["password"]
        texts = {"stderr": done.err, "report": done.out, "events": self.events().read_text()}
        for path in self.root.glob("state/**/*"):
            if path.is_file():
                texts[path.name] = path.read_bytes().decode("utf-8", "replace")
        forms = (secret, secret.lower(), secret.encode().hex(), "SHVudGVyMitHZWhlaW0", "Hunter2%2bGeheim")
        for name, text in texts.items():
            for form in forms:
                demand(form not in text, f"{name} holds {form}: {text[max(0, text.find(form) - 100):][:200]}")

    def rejects_are_bounded(self, _done):
        written = sum(path.stat().st_size for path in self.root.glob("state/dlq/*"))
        demand(written <= 1 << 20, f"{written} bytes of rejected records")

    def rejects_are_lines(self, _done):
        lines = [line for path in self.root.glob("state/dlq/*") for line in path.read_text().splitlines()]
        demand(len(lines) == 3, f"{len(lines)} lines for 3 records")
        for line in lines:
            record = json.loads(line)
            demand(record["connector"] == "attacker", line)
            demand("\x1b" not in line and "\u202e" not in line.replace(record["error"], ""), line)

    def nobody_came(self, done):
        if self.listener:
            demand(not self.listener.came, f"{len(self.listener.came)} connections came")
        line = next(line for line in done.err.splitlines() if "did: " in line).partition("did: ")[2]
        answers = re.findall(r"=(\w[\w ]*?)(?= \S+=|$)", line)
        hosts = self.attack.config["text"].split(" ")
        demand(answers and not [answer for answer in answers if answer not in ("NETWORK_DENIED", "DNS_RESOLUTION_FAILED")], f"answers: {line}")
        demand(len(answers) >= len([host for host in hosts if len(host) < 1000 and "=" not in host]) - 2, f"{len(answers)} answers for {len(hosts)} hosts")

    def little_was_heard(self, _done):
        for text in self.listener.heard():
            demand(len(text) <= 64, f"{len(text)} bytes came in plain")


def tail(path):
    return path.read_text(errors="replace")[-2000:]


def play(case):
    scene = Scene(case)
    try:
        scene.play()
    finally:
        scene.close()


class Attacks:
    """All attacks of one role are played two at a time when the first of its tests begins."""

    role = ""

    @classmethod
    def setUpClass(cls):
        assert BINARY and os.access(BINARY, os.X_OK), f"RAPIDBYTE_BINARY is not a program: {BINARY!r}"
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        # A run whose parent ignores the signal (started in the background) would ignore it, too.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        cls.pool = concurrent.futures.ThreadPoolExecutor(2)
        cls.played = {str(case): cls.pool.submit(play, case) for case in cases(cls.role)}

    @classmethod
    def tearDownClass(cls):
        cls.pool.shutdown(cancel_futures=True)


def attacks_of(role):
    """A class of tests, one for each attack that `role` plays."""

    def test_of(name):

        def test(self):
            try:
                self.played[name].result()
            except Complaint as complaint:
                self.fail(f"{name}: {complaint}")

        return test

    tests = {"test_" + re.sub(r"\W+", "_", str(case)).strip("_"): test_of(str(case)) for case in cases(role)}
    return type(role.capitalize() + "Attacks", (Attacks, unittest.TestCase), dict(tests, role=role))


SourceAttacks = attacks_of(SOURCE)
DestinationAttacks = attacks_of(DESTINATION)
TransformAttacks = attacks_of(TRANSFORM)


class TheTable(unittest.TestCase):
    """The table itself."""

    def test_it_has_sixty_attacks_of_different_names(self):
        names = [attack.name for attack in ATTACKS]
        self.assertEqual(len(names), len(set(names)))
        self.assertGreaterEqual(len(names), 60)

    def test_every_build_and_role_is_used(self):
        used = {(case.role, case.build) for role in EXIT_CODES for case in cases(role)}
        if not ONLY.pattern:
            self.assertEqual(used, {(role, build) for role in EXIT_CODES for build in hostile_attacks.BUILDS})


if __name__ == "__main__":
    unittest.main(verbosity=2)
