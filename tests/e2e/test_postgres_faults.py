"""Connections and servers that fail in the middle: the exit code names the side, nothing hangs, the next run makes tables
equal.

A proxy breaks the connection: a reset instead of every single message of a load, but those that only prepare a statement; stalls,
half-closed and cut connections, which take longer, at messages spread over the whole load. RAPIDBYTE_FAULT_POINTS sets at how many
messages each of these comes; 0 is all of them, 1000 every kind of message at every place (a quarter of an hour on 2 cores, for a
change of the client):

    RAPIDBYTE_FAULT_POINTS=1000 ctest --test-dir build/dev -R postgres-messages --timeout 3600

Sessions are ended in COPY and in COMMIT, servers restarted, and runs interrupted.
"""
import concurrent.futures
import os
import signal
import time

import fault_proxy
import harness
import postgres_harness
from fault_proxy import FaultProxy
from harness import DESTINATION, INTERRUPTED, OK, SOURCE
from postgres_harness import make_large_table, make_table

POINTS = int(os.environ.get("RAPIDBYTE_FAULT_POINTS", "8"))
# Parse, Bind, Flush and their answers: nothing happens between them and the Execute that follows in the same packet.
PREPARATIONS = "PBH12nt"
WORKERS = 4
# Several batches, and a row of the source is a message.
ROWS = 120
# No retries: the exit code of the fault must be visible. Retries have their own tests.
ONCE = {"max_retries": 0, "max_batch_bytes": "4kb"}
# Bounds a stall; without it a server may be silent for ten minutes.
PATIENCE = {"sslmode": "disable", "connect_timeout_seconds": 1, "read_timeout_seconds": 1}
INCREMENTAL = {"name": "t", "sync_mode": "incremental", "cursor_field": "at"}
# By name: what differs from an append of the whole table. `proxied` goes to the side that the proxy is on.
LOADS = {
    "append": {},
    "replace": {"mode": "replace"},
    "upsert": {"mode": "upsert"},
    "incremental": {"streams": [INCREMENTAL], "resources": {"checkpoint_interval_rows": 40}},
    "insert": {"destination_config": {"load_method": "insert"}},
    "parallel": {"mode": "replace", "resources": {"parallelism": 2}},
    "tls": {"proxied": {"sslmode": "require"}},
}


def setUpModule():
    postgres_harness.set_up_servers()


class AtEveryMessage(postgres_harness.PostgresTest):
    """Small loads through a proxy that breaks one connection at one message."""

    def pipeline_through(self, proxy, side, load, name):
        options = dict(LOADS[load])
        configs = {"source": dict(PATIENCE),
                   "destination": {**PATIENCE, "schema": name, **options.pop("destination_config", {})}}
        configs[side].update(port=proxy.port, **options.pop("proxied", {}))
        resources = {**ONCE, **options.pop("resources", {})}
        return self.postgres(options.pop("streams", ["t"]), name=name, resources=resources, source_config=configs["source"],
                             destination_config=configs["destination"], **options)

    def steps_of(self, side, load):
        with FaultProxy(getattr(self, side).port) as proxy:
            report = self.run_report(self.pipeline_through(proxy, side, load, f"whole_{load}"))
            self.assertEqual(report["streams"][0]["partitions"], 2 if load == "parallel" else 1)
            return list(proxy.steps)

    def one_fault(self, side, load, fault, number, point):
        """What went wrong, or None; and whether the fault happened. Runs in a worker."""
        name = f"{load}_{fault}_{number}".replace("-", "_")
        expected = {OK, SOURCE if side == "source" else DESTINATION}
        with FaultProxy(getattr(self, side).port) as proxy:
            pipeline = self.pipeline_through(proxy, side, load, name)
            proxy.arm(fault, *point)
            first = self.rapidbyte("run", pipeline, timeout=60)
            fired = proxy.fired.is_set()
            if first.code not in expected:
                return f"exit code {first.code}: {first.err}", fired
            if first.seconds > 15:
                return f"the run took {first.seconds:.1f} s", fired
            proxy.disarm()
            # The load may be complete although the run failed at its very end: to append again would be a further load.
            if first.code != OK and not self.load_of(pipeline)[1]:
                second = self.rapidbyte("run", pipeline, timeout=60)
                if second.code != OK:
                    return f"the next run failed with {second.code}: {second.err}\nafter {first.err}", fired
        rows = "SELECT count(*), sum(hashtextextended(row(id, amount, at, note)::text, 0)::numeric) FROM"
        with self.source.session() as source, self.destination.session() as destination:
            want, have = source.query(f"{rows} t"), destination.query(f"{rows} {name}.t")
            destination.query(f"DROP SCHEMA {name} CASCADE")
        same = want == have
        return None if same else f"rows differ: {have}, expected {want}; the first run said: {first.err}", fired

    def break_everywhere(self, side, load):
        if load == "parallel":
            make_large_table(self.source, ROWS)
        else:
            make_table(self.source, ROWS)
        steps = self.steps_of(side, load)
        spread = list(fault_proxy.points(steps))
        self.assertGreater(len(spread), 15, "the proxy does not see the protocol")
        jobs = []
        for fault in fault_proxy.FAULTS:
            chosen = list(fault_proxy.points(steps, every=True, without=PREPARATIONS if 0 < POINTS < 1000 else ""))
            if fault != "reset" and POINTS:
                every = max(1, len(spread) / POINTS)
                # Each fault has its own offset, so that together they hit more messages.
                offset = fault_proxy.FAULTS.index(fault) * every / len(fault_proxy.FAULTS)
                chosen = [spread[int(offset + i * every)] for i in range(int(len(spread) / every))]
            jobs += [(fault, number, point) for number, point in enumerate(chosen)]
        fired = 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
            results = list(workers.map(lambda job: self.one_fault(side, load, *job), jobs))
        for (fault, _, point), (problem, hit) in zip(jobs, results):
            fired += hit
            with self.subTest(side=side, load=load, fault=fault, point=point):
                self.assertIsNone(problem)
        # Concurrent connections do not always say the same, and on a busy machine the run that was listened to may have said a little more than those
        # that follow (297 of 321 faults were seen to happen there, otherwise nearly all).
        self.assertGreater(fired, len(jobs) * (0.8 if load == "parallel" else 0.9), "faults did not happen")

    def test_source_append(self):
        self.break_everywhere("source", "append")

    def test_source_incremental(self):
        self.break_everywhere("source", "incremental")

    def test_source_parallel(self):
        self.break_everywhere("source", "parallel")

    def test_source_tls(self):
        self.break_everywhere("source", "tls")

    def test_destination_append(self):
        self.break_everywhere("destination", "append")

    def test_destination_replace(self):
        self.break_everywhere("destination", "replace")

    def test_destination_upsert(self):
        self.break_everywhere("destination", "upsert")

    def test_destination_incremental(self):
        self.break_everywhere("destination", "incremental")

    def test_destination_insert(self):
        self.break_everywhere("destination", "insert")

    def test_destination_parallel(self):
        self.break_everywhere("destination", "parallel")

    def test_destination_tls(self):
        self.break_everywhere("destination", "tls")


class OneBrokenConnection(postgres_harness.PostgresTest):

    def setUp(self):
        super().setUp()
        make_table(self.source, 300)

    def test_is_repaired_by_a_retry(self):
        for side in ("source", "destination"):
            with self.subTest(side), FaultProxy(getattr(self, side).port) as proxy:
                ports = {f"{side}_config": {"port": proxy.port, "sslmode": "disable"}}
                pipeline = self.postgres(name=f"retried-{side}", mode="replace", **ports)
                self.run_ok(pipeline)
                copy = next(step for step in proxy.steps if "d" in step.kinds)
                self.destination.query("DROP TABLE t")
                proxy.arm("reset", copy.connection, copy.number, copy.kinds.index("d") + 1)
                self.run_ok(pipeline)
                self.assertTrue(proxy.fired.is_set())
                self.assert_same()

    def test_a_server_that_is_starting_up_is_waited_for(self):
        for side in ("source", "destination"):
            with self.subTest(side), FaultProxy(getattr(self, side).port) as proxy:
                ports = {f"{side}_config": {"port": proxy.port, "sslmode": "disable"}}
                pipeline = self.postgres(name=f"starting-{side}", mode="replace", **ports)
                proxy.refuse(1, "57P03", "the database system is starting up")
                self.run_ok(pipeline)
                self.assertGreater(proxy.connections, 1)
                self.assert_same()


class Slow(postgres_harness.PostgresTest):
    """Loads that can be caught in the act: a source whose rows take their time, a destination that sleeps in COPY or in COMMIT."""

    def slow_source(self, rows=400, seconds=0.01):
        make_table(self.source, rows, "base")
        self.source.query(f"CREATE VIEW t AS SELECT base.* FROM base WHERE pg_sleep({seconds}) IS NOT NULL")

    def slow_destination(self, where, seconds=1.0, rows=400):
        """Sleeps `seconds` in all; `where` is "COPY" or "COMMIT"."""
        make_table(self.source, rows)
        self.destination.query("CREATE TABLE t (id bigint NOT NULL, amount numeric(12,2), at timestamptz, note text)")
        self.destination.query("CREATE FUNCTION nap() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
                               f"PERFORM pg_sleep({seconds / rows if where == 'COPY' else seconds}); RETURN NEW; END $$")
        if where == "COPY":
            self.destination.query("CREATE TRIGGER nap BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION nap()")
        else:
            self.destination.query(f"CREATE CONSTRAINT TRIGGER nap AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
                                   f"WHEN (NEW.id = {rows}) EXECUTE FUNCTION nap()")

    def wait_for_query(self, server, process, *starts):
        """The pid of the session that is busy with a statement that starts so."""
        until = time.monotonic() + 20
        while time.monotonic() < until:
            for pid, state, query in server.backends():
                if state == "active" and any(part.strip().startswith(starts) for part in query.upper().split(";")):
                    return int(pid)
            if process.poll() is not None:
                out, err = process.communicate()
                self.fail(f"the run ended (exit code {process.returncode}) before {starts}:\n{err}\n{out}")
            time.sleep(0.01)
        self.fail(f"no session runs {starts}: {server.backends()}")

    def catch(self, server, pipeline, *starts, act):
        """Starts the run, does `act(backend pid, process)` while the statement runs, and waits for the end."""
        process = self.start("run", pipeline)
        pid = self.wait_for_query(server, process, *starts)
        time.sleep(0.1)
        act(pid, process)
        began = time.monotonic()
        out, err = process.communicate(timeout=60)
        return harness.Finished(process.returncode, out, err, time.monotonic() - began)

    def fix_and_compare(self):
        """Removes the slowness and runs again."""
        self.destination.query("DROP FUNCTION IF EXISTS nap() CASCADE")
        if self.has_table(self.source, "base"):
            self.source.query("CREATE OR REPLACE VIEW t AS SELECT base.* FROM base")
        self.run_ok(self.file)
        self.assert_same()

    def test_the_sources_session_is_ended_in_copy(self):
        for mode in ("append", "replace"):
            with self.subTest(mode):
                postgres_harness.clear(self.destination)
                postgres_harness.clear(self.source)
                self.slow_source()
                self.file = self.postgres(mode=mode, name=mode, resources=ONCE)
                done = self.catch(self.source, self.file, "COPY", act=lambda pid, _: self.source.terminate(pid))
                self.assertEqual(done.code, SOURCE, done.err)
                self.assertIn("terminat", done.err.lower())
                self.fix_and_compare()

    def test_the_destinations_session_is_ended_in_copy(self):
        self.slow_destination("COPY")
        self.file = self.postgres(resources=ONCE)
        done = self.catch(self.destination, self.file, "COPY", act=lambda pid, _: self.destination.terminate(pid))
        self.assertEqual(done.code, DESTINATION, done.err)
        self.assertEqual(self.destination.query("SELECT count(*) FROM t"), [("0",)])
        self.fix_and_compare()

    def test_the_destinations_session_is_ended_in_commit(self):
        self.slow_destination("COMMIT")
        self.file = self.postgres(resources=ONCE)
        done = self.catch(self.destination, self.file, "COMMIT", act=lambda pid, _: self.destination.terminate(pid))
        self.assertEqual(done.code, DESTINATION, done.err)
        self.fix_and_compare()

    def test_ended_sessions_are_repaired_by_a_retry(self):
        for where in ("COPY", "COMMIT"):
            with self.subTest(where):
                postgres_harness.clear(self.destination)
                postgres_harness.clear(self.source)
                self.slow_destination(where, seconds=0.6)
                done = self.catch(self.destination, self.postgres(name=f"again-{where}"), where,
                                  act=lambda pid, _: self.destination.terminate(pid))
                self.assertEqual(done.code, OK, done.err)
                self.assert_same()

    def test_a_server_restarts_in_the_middle(self):
        for side, code in (("source", SOURCE), ("destination", DESTINATION)):
            for how in ("fast", "immediate"):
                with self.subTest(side=side, how=how):
                    postgres_harness.clear(self.destination)
                    postgres_harness.clear(self.source)
                    server = getattr(self, side)
                    self.slow_source() if side == "source" else self.slow_destination("COPY")
                    self.file = self.postgres(name=f"{side}-{how}", resources=ONCE)
                    done = self.catch(server, self.file, "COPY", act=lambda *_: server.restart(how))
                    self.assertEqual(done.code, code, done.err)
                    self.fix_and_compare()

    def test_a_backend_is_killed_in_the_middle(self):
        for side, code, statement in (("source", SOURCE, "COPY"), ("destination", DESTINATION, "COPY"), ("destination", DESTINATION, "COMMIT")):
            for retries in (0, 3):
                with self.subTest(side=side, statement=statement, retries=retries):
                    postgres_harness.clear(self.destination)
                    postgres_harness.clear(self.source)
                    server = getattr(self, side)
                    # With retries the second attempt is to end soon.
                    self.slow_source(seconds=0.003) if side == "source" else self.slow_destination(statement, seconds=0.6)
                    self.file = self.postgres(name=f"{side}-{statement}-{retries}", resources={**ONCE, "max_retries": retries})
                    done = self.catch(server, self.file, statement, act=lambda pid, _, server=server: server.kill(pid))
                    server.wait_until_recovered()
                    self.assertEqual(done.code, OK if retries else code, done.err)
                    if retries:
                        self.assert_same()
                    else:
                        self.fix_and_compare()

    def test_an_interrupted_run_ends_within_two_seconds(self):
        moments = {"reading": (self.slow_source, self.source, "COPY"),
                   "writing": (lambda: self.slow_destination("COPY", seconds=20), self.destination, "COPY"),
                   "committing": (lambda: self.slow_destination("COMMIT", seconds=20), self.destination, "COMMIT")}
        for moment, (prepare, server, statement) in moments.items():
            with self.subTest(moment):
                postgres_harness.clear(self.destination)
                postgres_harness.clear(self.source)
                prepare()
                self.file = self.postgres(name=moment)
                done = self.catch(server, self.file, statement, act=lambda _, process: process.send_signal(signal.SIGINT))
                self.assertEqual(done.code, INTERRUPTED, done.err)
                self.assertLess(done.seconds, 2)
                for pid, _, _ in self.destination.backends():
                    self.destination.terminate(pid)
                self.destination.wait_until_idle()
                self.fix_and_compare()

    def test_a_lock_that_somebody_else_holds_ends_in_a_clear_error(self):
        make_table(self.source, 50)
        self.run_ok(self.postgres(mode="replace"))
        with self.destination.session() as other:
            other.query("BEGIN; LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
            impatient = {"read_timeout_seconds": 1}
            process = self.start("run", self.postgres(mode="replace", destination_config=impatient, resources=ONCE))
            out, err = process.communicate(timeout=60)
            self.assertEqual(process.returncode, DESTINATION, err + out)
            self.assertIn("LOCKED", err)
            self.assertIn("in use by session", err)
            other.query("ROLLBACK")
        self.destination.wait_until_idle()
        self.run_ok(self.folder / "pipeline.yaml")
        self.assert_same()


harness.main() if __name__ == "__main__" else None
