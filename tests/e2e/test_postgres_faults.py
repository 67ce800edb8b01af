"""Connections and servers that fail in the middle: the exit code names the side, nothing hangs, the next run makes tables equal.

A proxy breaks the connection at messages spread over the whole load, in four ways; RAPIDBYTE_FAULT_POINTS=0 takes every way at every
message. Sessions are ended in COPY and in COMMIT, servers restarted, and runs interrupted.
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
from postgres_harness import make_table

# Messages per load at which resets come; of the other faults, which take longer, there are a quarter as many.
POINTS = int(os.environ.get("RAPIDBYTE_FAULT_POINTS", "48"))
WORKERS = 4
# No retries: the exit code of the fault is to be seen. Retries have their own tests.
ONCE = {"max_retries": 0, "max_batch_bytes": "8kb"}
# Bounds a stall; without it a server may be silent for ten minutes.
PATIENCE = {"sslmode": "disable", "connect_timeout_seconds": 1, "read_timeout_seconds": 1}


def setUpModule():
    postgres_harness.set_up_servers()


class AtEveryMessage(postgres_harness.PostgresTest):
    """Small loads through a proxy that breaks one connection at one message."""

    def setUp(self):
        super().setUp()
        make_table(self.source, 300)

    def pipeline_through(self, proxy, side, mode, name):
        ports = {"source_config": dict(PATIENCE), "destination_config": dict(PATIENCE, schema=name)}
        ports[f"{side}_config"]["port"] = proxy.port
        return self.postgres(mode=mode, name=name, resources=ONCE, **ports)

    def steps_of(self, side, mode):
        with FaultProxy(getattr(self, side).port) as proxy:
            self.run_ok(self.pipeline_through(proxy, side, mode, f"whole_{mode}"))
            return list(proxy.steps)

    def one_fault(self, side, mode, fault, number, point):
        """What went wrong, or None; runs in a worker."""
        name = f"{mode}_{fault}_{number}".replace("-", "_")
        expected = {OK, SOURCE if side == "source" else DESTINATION}
        with FaultProxy(getattr(self, side).port) as proxy:
            pipeline = self.pipeline_through(proxy, side, mode, name)
            proxy.arm(fault, *point)
            first = self.rapidbyte("run", pipeline, timeout=60)
            fired = proxy.fired.is_set()
            if first.code not in expected:
                return f"exit code {first.code}: {first.err}", fired
            if first.seconds > 15:
                return f"the run took {first.seconds:.1f} s", fired
            proxy.disarm()
            # The load may be complete although the run failed at its very end; to append it again would be a further load.
            if first.code != OK and not self.load_of(pipeline)[1]:
                second = self.rapidbyte("run", pipeline, timeout=60)
                if second.code != OK:
                    return f"the next run failed with {second.code}: {second.err}\nafter {first.err}", fired
        rows = "SELECT count(*), sum(hashtextextended(row(id, amount, at, note)::text, 0)::numeric) FROM"
        with self.source.session() as source, self.destination.session() as destination:
            want, have = source.query(f"{rows} t"), destination.query(f"{rows} {name}.t")
        return (None if want == have else f"rows differ: {have}, expected {want}; the first run said: {first.err}"), fired

    def break_everywhere(self, side, mode):
        points = list(fault_proxy.points(self.steps_of(side, mode)))
        self.assertGreater(len(points), 15, "the proxy does not see the protocol")
        jobs = []
        for fault in fault_proxy.FAULTS:
            wanted = POINTS if fault == "reset" else POINTS // 4
            every = len(points) / wanted if POINTS and wanted < len(points) else 1
            # Each fault has an offset of its own, so that together they hit more messages.
            offset = fault_proxy.FAULTS.index(fault) * every / len(fault_proxy.FAULTS)
            chosen = [points[int(offset + i * every)] for i in range(int(len(points) / every))]
            jobs += [(fault, number, point) for number, point in enumerate(chosen)]
        fired = 0
        with concurrent.futures.ThreadPoolExecutor(WORKERS) as workers:
            results = list(workers.map(lambda job: self.one_fault(side, mode, *job), jobs))
        for (fault, _, point), (problem, hit) in zip(jobs, results):
            fired += hit
            with self.subTest(side=side, mode=mode, fault=fault, step=point):
                self.assertIsNone(problem)
        self.assertGreater(fired, len(jobs) * 0.8, "faults did not happen")

    def test_source_append(self):
        self.break_everywhere("source", "append")

    def test_destination_append(self):
        self.break_everywhere("destination", "append")

    def test_destination_replace(self):
        self.break_everywhere("destination", "replace")

    def test_destination_upsert(self):
        self.break_everywhere("destination", "upsert")

    def test_one_broken_connection_is_repaired_by_a_retry(self):
        for side in ("source", "destination"):
            with self.subTest(side), FaultProxy(getattr(self, side).port) as proxy:
                ports = {f"{side}_config": {"port": proxy.port, "sslmode": "disable"}}
                steps = self.steps_of(side, "append")
                copy = next(number for number, step in enumerate(steps) if "d" in step.kinds)
                proxy.arm("reset", copy)
                pipeline = self.postgres(name=f"retried-{side}", mode="replace", **ports)
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
                if state == "active" and query.upper().startswith(starts):
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
        """Takes the slowness away and runs again."""
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
            self.assertIn("lock", err)
            other.query("ROLLBACK")
        self.destination.wait_until_idle()
        self.run_ok(self.folder / "pipeline.yaml")
        self.assert_same()


harness.main() if __name__ == "__main__" else None
