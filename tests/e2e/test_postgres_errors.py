"""What can be wrong with a connection, a login or a right: exit code, code, advice; and the password is nowhere to be found."""
import base64
import json
import os
import secrets
import threading
import urllib.parse

import harness
import postgres_harness
import postgres_server
from fault_proxy import FaultProxy
from harness import DESTINATION, INVALID, OK, SOURCE, STATE
from postgres_client import literal
from postgres_harness import make_table

ONCE = {"max_retries": 0}


def setUpModule():
    postgres_harness.set_up_servers()


class Refusals(postgres_harness.PostgresTest):
    """Each on both sides; `check` finds it, too."""

    def setUp(self):
        super().setUp()
        make_table(self.source, 20)

    def refused(self, says, code, environment=None, **configs):
        """Runs and checks with the same changes of the config on one side, then on the other."""
        for side, exit_code in (("source", SOURCE), ("destination", DESTINATION)):
            with self.subTest(side):
                pipeline = self.postgres(name=f"refused-{side}", resources=ONCE, **{f"{side}_config": configs})
                failure = self.failure(pipeline, exit_code, environment=environment)
                for part in [says] if isinstance(says, str) else says:
                    self.assertIn(part.lower(), failure["message"].lower())
                self.assertEqual(failure["code"], code)
                self.assertEqual(self.rapidbyte("check", pipeline, environment=environment).code, exit_code)

    def fails(self, pipeline, exit_code, code, says):
        """Runs with a failure of this code whose message has all parts of `says`."""
        failure = self.failure(pipeline, exit_code)
        self.assertEqual(failure["code"], code)
        for part in [says] if isinstance(says, str) else says:
            self.assertIn(part.lower(), failure["message"].lower())

    def test_a_wrong_password(self):
        self.refused(["password", "loader", "check `user` and `password`"], "PASSWORD_REFUSED", password="not-the-password")

    def test_a_role_that_does_not_exist(self):
        self.refused(["nobody_here", "a wrong user name looks the same"], "PASSWORD_REFUSED", user="nobody_here")

    def test_a_database_that_does_not_exist(self):
        self.refused(["no_such_database", "check `database`"], "DATABASE_MISSING", database="no_such_database")

    def test_nobody_listens(self):
        with FaultProxy(self.source.port) as proxy:
            port = proxy.port
        self.refused([str(port), "check `host` and `port`"], "TCP_CONNECT_FAILED", port=port)

    def test_a_host_that_does_not_exist(self):
        self.refused(["no-such-host.invalid", "check `host`"], "DNS_RESOLUTION_FAILED", host="no-such-host.invalid")

    def test_something_else_listens(self):
        with FaultProxy(self.source.port) as proxy:
            proxy.refuse(100, "HTTP/", "this is no database")
            self.refused("no database", "SERVER_ERROR", port=proxy.port, sslmode="disable")

    def test_too_many_connections(self):
        for server, side, code in ((self.source, "source", SOURCE), (self.destination, "destination", DESTINATION)):
            with self.subTest(side):
                server.admin(f"ALTER ROLE {server.user} CONNECTION LIMIT 0")
                self.addCleanup(server.admin, f"ALTER ROLE {server.user} CONNECTION LIMIT -1")
                self.fails(self.postgres(resources=ONCE), code, "TOO_MANY_CONNECTIONS", ["connections for role", "CONNECTION LIMIT"])
                server.admin(f"ALTER ROLE {server.user} CONNECTION LIMIT -1")

    def test_a_server_that_is_starting_up(self):
        for side, code in (("source", SOURCE), ("destination", DESTINATION)):
            with self.subTest(side), FaultProxy(getattr(self, side).port) as proxy:
                proxy.refuse(100, "57P03", "the database system is starting up")
                pipeline = self.postgres(resources=ONCE, **{f"{side}_config": {"port": proxy.port, "sslmode": "disable"}})
                self.fails(pipeline, code, "SERVER_NOT_READY", ["starting up", "try again when it is up"])

    def test_a_table_that_does_not_exist(self):
        self.fails(self.postgres(["tt"], resources=ONCE), SOURCE, "TABLE_MISSING", ["public.tt", "rapidbyte discover"])
        self.fails(self.postgres(["T"], resources=ONCE), SOURCE, "TABLE_MISSING", ["public.T", "but `public.t`"])

    def test_no_right_to_read(self):
        self.source.admin("CREATE TABLE secret (id int); REVOKE ALL ON secret FROM PUBLIC")
        self.fails(self.postgres(["secret"], resources=ONCE), SOURCE, "PERMISSION_DENIED", ["secret", "permission", "GRANT"])

    def test_no_right_to_write(self):
        self.destination.admin("CREATE SCHEMA closed; CREATE TABLE closed.t (id bigint, amount numeric(12,2), at timestamptz, note text); "
                               "GRANT USAGE ON SCHEMA closed TO PUBLIC; GRANT SELECT ON closed.t TO PUBLIC")
        self.addCleanup(self.destination.admin, "DROP SCHEMA closed CASCADE")
        self.fails(self.postgres(destination_config={"schema": "closed"}, resources=ONCE), DESTINATION, "PERMISSION_DENIED",
                   ["permission", "closed", "GRANT"])

    def test_a_server_that_only_reads(self):
        self.destination.admin(f"ALTER ROLE {self.destination.user} SET default_transaction_read_only = on")
        self.addCleanup(self.destination.admin, f"ALTER ROLE {self.destination.user} RESET default_transaction_read_only")
        self.fails(self.postgres(resources=ONCE), DESTINATION, "READ_ONLY", ["read-only", "connect to the primary"])

    def test_a_value_the_target_cannot_take_names_row_column_and_value(self):
        self.destination.query("CREATE TABLE t (id bigint, amount numeric(12,2), at timestamptz, note varchar(10))")
        self.source.query("DROP TABLE t; CREATE TABLE t AS SELECT i::bigint AS id, 1.00::numeric(12,2) AS amount, now() AS at, "
                          "CASE WHEN i = 13 THEN 'far too long for it' END AS note FROM generate_series(1, 20) AS i")
        self.fails(self.postgres(), DESTINATION, "ROW_REFUSED", ['stream "t"', "row 13,", 'column "note"', "far too long for it"])
        self.assertEqual(self.destination.query("SELECT count(*) FROM t"), [("0",)])
        dlq = self.folder / "rejected.ndjson"
        report = self.run_report(self.postgres(name="dlq", on_data_error="dlq", dlq={"path": str(dlq)}))
        self.assertEqual([report["streams"][0][key] for key in ("rows_read", "rows_written", "rows_rejected")], [20, 19, 1])
        self.assertIn("far too long", dlq.read_text(encoding="utf-8"))
        self.assert_same(where="id <> 13")

    def test_an_interrupted_append_does_not_restart_when_its_receipts_are_looked_for_elsewhere(self):
        rows = 9000
        self.source.query("DROP TABLE t; CREATE TABLE t AS SELECT i::bigint AS id, CASE WHEN i = 8500 THEN 'far too long for it' "
                          f"ELSE 'ok' END AS note FROM generate_series(1, {rows}) AS i; ALTER TABLE t ADD PRIMARY KEY (id)")
        self.destination.query("CREATE TABLE t (id bigint, note varchar(10))")

        def pipeline(**config):
            return self.postgres([{"name": "t", "sync_mode": "incremental", "cursor_field": "id"}], destination_config=config,
                                 resources={"checkpoint_interval_rows": 3000, "max_batch_bytes": "64kb"})

        self.failure(pipeline(), DESTINATION)
        committed = self.destination.query("SELECT count(*) FROM t")
        self.assertNotEqual(committed, [("0",)])
        self.destination.query("ALTER TABLE t ALTER note TYPE text")
        for _ in range(2):
            failure = self.failure(pipeline(receipts_schema="etl"), STATE)
            self.assertEqual(failure["code"], "RECEIPT_MISSING")
            self.assertIn("receipts_schema", failure["message"])
            self.assertEqual(self.destination.query("SELECT count(*) FROM t"), committed)
        self.run_ok(pipeline())
        self.assert_same()

    def test_all_mistakes_of_a_config_are_told_before_anything_is_started(self):
        done = self.expect(INVALID, "run", self.postgres(source_config={"schemaa": "x", "sslmode": "often"}), says=["schemaa", "sslmode"])
        self.assertIn("did you mean", done.err)


class Canary(postgres_harness.PostgresTest):
    """A password that occurs nowhere else is looked for in everything that the program leaves behind or shows."""

    def setUp(self):
        super().setUp()
        make_table(self.source, 2000)
        self.canary = "cAnArY-" + secrets.token_hex(12) + "%/@:é"
        for server in (self.source, self.destination):
            with server.session(postgres_server.SUPERUSER) as session:
                # The tests' servers log every statement, and this one is not the program's.
                session.query("SET log_statement = none")
                session.query(f"ALTER ROLE {server.user} PASSWORD {literal(self.canary)}")
            self.addCleanup(server.admin, f"ALTER ROLE {server.user} PASSWORD {literal(server.password)}")
        self.quoted = urllib.parse.quote(self.canary, safe="")
        self.forms = [self.canary.encode(), self.quoted.encode(), base64.b64encode(self.canary.encode()).rstrip(b"="),
                      json.dumps(self.canary)[1:-1].encode(), self.canary[:31].encode()]
        self.seen = []

    def environment(self, **more):
        return super().environment(**{"SOURCE_PASSWORD": self.canary, "DESTINATION_PASSWORD": self.canary,
                                      "SOURCE_URL": self.source.url(self.quoted), **more})

    def watched(self, *arguments, code=OK, **options):
        """Runs while another thread reads the arguments of the process and of its children; keeps everything that was output."""
        process = self.start(*arguments, **options)
        stop = threading.Event()
        thread = threading.Thread(target=self.watch_arguments, args=(process.pid, stop))
        thread.start()
        out, err = process.communicate(timeout=120)
        stop.set()
        thread.join()
        self.seen += [("stdout", out.encode()), ("stderr", err.encode())]
        self.assertEqual(process.returncode, code, err)

    def watch_arguments(self, session, stop):
        while not stop.wait(0.005):
            for pid in filter(str.isdigit, os.listdir("/proc")):
                try:
                    if os.getsid(int(pid)) == session:
                        with open(f"/proc/{pid}/cmdline", "rb") as file:
                            self.seen.append((f"arguments of {pid}", file.read()))
                except (OSError, ProcessLookupError):
                    pass

    def assert_not_shown(self):
        places = list(self.seen)
        for path in self.folder.rglob("*"):
            if path.is_file():
                places.append((str(path.relative_to(self.folder)), path.read_bytes()))
        for server in (self.source, self.destination):
            # The ALTER ROLE above is not in it.
            places.append((f"log of the server on {server.port}", server.log.read_bytes()))
        self.assertGreater(len(places), 10)
        self.assertTrue(any(name.startswith("arguments") for name, _ in places))
        for name, content in places:
            for form in self.forms:
                self.assertNotIn(form, content, f"the password is in {name}")

    def test_a_good_load_shows_it_nowhere(self):
        dlq = self.folder / "rejected.ndjson"
        self.destination.query("CREATE TABLE t (id bigint, amount numeric(12,2), at timestamptz, note varchar(20))")
        pipeline = self.postgres(on_data_error="dlq", dlq={"path": str(dlq)})
        self.watched("run", pipeline, "-vv", "--events", self.events)
        self.assertGreater(dlq.stat().st_size, 1000)
        self.watched("run", self.postgres(name="json", on_data_error="skip"), "--json", "-vv")
        for command in (["check"], ["discover", "--json"], ["state", "show"]):
            self.watched(*command, pipeline)
        self.assert_not_shown()

    def test_a_url_shows_it_nowhere(self):
        fields = dict.fromkeys(["host", "port", "user", "password", "database"])
        pipeline = self.postgres(source_config={**fields, "url": "${SOURCE_URL}"})
        self.watched("run", pipeline, "--json", "-vv")
        self.watched("run", pipeline, "-vv", code=SOURCE,
                     environment=self.environment(SOURCE_URL=self.source.url(self.quoted) + "x"))
        self.watched("run", pipeline, "-vv", code=SOURCE,
                     environment=self.environment(SOURCE_URL="not-" + self.source.url(self.quoted)))
        self.assert_not_shown()

    def test_failures_show_it_nowhere(self):
        for side, code in (("source", SOURCE), ("destination", DESTINATION)):
            for change in ({"user": "postgres"}, {"database": "nothing"}, {"port": 1}, {"sslmode": "verify-full"}):
                pipeline = self.postgres(resources=ONCE, **{f"{side}_config": change})
                self.watched("run", pipeline, "--json", "-vv", code=code)
                self.watched("check", pipeline, "-vv", code=code)
        self.assert_not_shown()

    def test_the_search_finds_a_password_that_is_shown(self):
        self.seen = [("arguments of 1", b"")] * 10 + [("stderr", b"password " + self.canary.encode())]
        with self.assertRaises(AssertionError):
            self.assert_not_shown()


harness.main() if __name__ == "__main__" else None
