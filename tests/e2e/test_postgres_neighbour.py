"""A role that may create in `public`, as everybody may up to PostgreSQL 14, creates what a loader or reader could run by mistake: none of it
runs, and the tables are those that were sent. And the reason: whatever the connectors send is looked up in pg_catalog alone, or is named in full."""

import harness
import hostile_neighbour
import postgres_harness
import sql_statements
from hostile_neighbour import ROLE
from postgres_client import identifier
from postgres_harness import clear, make_large_table

# What the pipelines below say for themselves: it is looked up as the user wants it.
CONDITION = "id OPERATOR(pg_catalog.>) 3 AND note IS NOT NULL"
PATHS = {"default": '"$user", public', "public first": "public, pg_catalog"}
COLUMNS = ("id bigint NOT NULL, code varchar(20) COLLATE \"C\" NOT NULL, label char(4), at timestamptz NOT NULL, day date NOT NULL, amount numeric(12,2) "
           "NOT NULL, note text, tags text[], u uuid, flag boolean, data jsonb, raw bytea, span interval, n name, small smallint, half real, r int4range")
ROWS = ("SELECT i, 'code ' || lpad(i::text, 6, '0'), 'ab', timestamptz '2024-02-29 12:00:00.000001+00' + (i / 3) * interval '1 second', date '2024-01-01' + i / 50, "
        "i * 1.37, 'note ' || i, ARRAY['a', i::text, NULL], md5(i::text)::uuid, i % 2 = 0, jsonb_build_object('i', i), decode(md5(i::text), 'hex'), "
        "i * interval '1 minute', 'name ' || i, i % 100, i / 4.0, int4range(i, i + 5) FROM generate_series({first}, {last}) AS i")


def setUpModule():
    postgres_harness.set_up_servers()


class NeighbourTest(postgres_harness.PostgresTest):

    def setUp(self):
        super().setUp()
        for server in (self.source, self.destination):
            hostile_neighbour.make_role(server)
        self.recorders = {server: sql_statements.Recorder(server.log) for server in (self.source, self.destination)}

    def make_tables(self):
        """On the source: t with a primary key, by_code with one of varchar, large enough for two readers, a parent with a child."""
        for table, key in (("t", "id"), ("by_code", "code")):
            self.source.query(f"CREATE TABLE {table} ({COLUMNS}, PRIMARY KEY ({key})); INSERT INTO {table} {ROWS.format(first=1, last=300)}")
        self.source.query("CREATE TABLE parent (id int PRIMARY KEY, v varchar); CREATE TABLE child (w int) INHERITS (parent); INSERT INTO parent VALUES (1, 'a'); "
                          "INSERT INTO child VALUES (2, 'b', 3); CREATE VIEW seen AS SELECT id, code FROM t WHERE id < 50")
        make_large_table(self.source, 2000, "large")

    def pipelines(self):
        """(name, pipeline): every way of reading and of loading."""
        incremental = {"name": "by_code", "sync_mode": "incremental", "cursor_field": "code"}
        behind = {"name": "t", "sync_mode": "incremental", "tie_breaker": ["id"]}
        for schema, mode, streams in (("appended", "append", ["t", "by_code", "seen"]), ("replaced", "replace", ["t", "by_code"]),
                                      ("upserted", "upsert", ["t"])):
            yield schema, self.postgres(streams, mode=mode, name=schema, destination_config={"schema": schema})
        yield "keyed", self.postgres(["by_code"], mode="upsert", primary_key=["code"], name="keyed", destination_config={"schema": "keyed"})
        yield "incremental", self.postgres([incremental], name="incremental", destination_config={"schema": "incremental"})
        for cursor, lag in (("at", "2h"), ("day", "1d"), ("amount", "5"), ("id", "5"), ("label", None)):
            stream = {**behind, "cursor_field": cursor, **({"lag": lag} if lag else {"where": "label IS NOT NULL"})}
            yield f"by_{cursor}", self.postgres([stream], name=f"by_{cursor}", destination_config={"schema": f"by_{cursor}"})
        yield "filtered", self.postgres([{"name": "t", "where": CONDITION, "columns": {"at": "text"}}], name="filtered", destination_config={"schema": "filtered"})
        yield "parallel", self.postgres(["large"], mode="replace", name="parallel", destination_config={"schema": "parallel"}, resources={"parallelism": 2})
        yield "rejects", self.postgres(["t"], name="rejects", on_data_error="skip", destination_config={"schema": "rejects"})
        yield "everything", self.postgres([], mode="replace", name="everything", destination_config={"schema": "public"})

    def prepare_targets(self):
        """What makes the destination take its slower paths: a table that a view uses, with a trigger and a check that refuses some rows."""
        self.destination.query(f"CREATE SCHEMA rejects; CREATE TABLE rejects.t ({COLUMNS}, CHECK (small <> 7)); CREATE SCHEMA replaced; "
                               f"CREATE TABLE replaced.t ({COLUMNS}, PRIMARY KEY (id)); CREATE VIEW replaced.seen AS SELECT * FROM replaced.t; CREATE SCHEMA upserted; "
                               f"CREATE TABLE upserted.t ({COLUMNS}, PRIMARY KEY (id)); CREATE FUNCTION upserted.pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'; "
                               "CREATE TRIGGER pass BEFORE INSERT OR UPDATE ON upserted.t FOR EACH ROW EXECUTE FUNCTION upserted.pass()")

    def load_all(self):
        """Every pipeline twice, with new rows in between, and the commands that look."""
        done = {}
        for name, pipeline in self.pipelines():
            done[name] = pipeline
            self.run_ok(pipeline)
        self.change_source()
        for name, pipeline in done.items():
            self.run_ok(pipeline)
        for name in ("appended", "incremental", "everything"):
            self.expect(harness.OK, "check", done[name])
        self.expect(harness.OK, "discover", done["everything"])

    def change_source(self):
        self.source.admin("SET search_path = pg_catalog; INSERT INTO public.t " + ROWS.format(first=301, last=320) + "; INSERT INTO public.by_code " +
                          ROWS.format(first=301, last=320) + "; INSERT INTO public.by_code SELECT i, 'code 000300x', 'z', 'epoch', 'epoch', 0, 'late' FROM generate_series(0, 0) i")

    def rows(self, server, table, where="true", columns="*"):
        """Compared outside of what the neighbour made."""
        return sorted(server.admin(f"SET search_path = pg_catalog; SELECT (x.*)::text FROM (SELECT {columns} FROM {table}) x WHERE {where}"))

    def assert_loaded(self):
        for there, here, options in (("appended.by_code", "public.by_code", {"double": 300}), ("replaced.t", "public.t", {}), ("replaced.by_code", "public.by_code", {}),
                                     ("upserted.t", "public.t", {}), ("keyed.by_code", "public.by_code", {}), ("incremental.by_code", "public.by_code", {}),
                                     ("by_at.t", "public.t", {}), ("by_day.t", "public.t", {}), ("by_label.t", "public.t", {"columns": "label"}),
                                     ("parallel.large", "public.large", {}), ("public.t", "public.t", {}), ("public.child", "public.child", {}),
                                     ("public.parent", "ONLY public.parent", {})):
            with self.subTest(there):
                columns = options.get("columns", "*")
                want, have = self.rows(self.source, here, columns=columns), self.rows(self.destination, there, columns=columns)
                if "double" in options:
                    # The second run adds all rows once more.
                    self.assertEqual(len(have), len(want) + options["double"])
                    want, have = sorted(set(want)), sorted(set(have))
                self.assert_rows(there, have, want)
        self.assertEqual(self.rows(self.destination, "filtered.t", columns="count(*)"), [("(614)",)])
        self.assertEqual(self.rows(self.destination, "rejects.t", columns="count(*), min(small)"), [("(613,0)",)])


class AttackOnOneSide:
    """The tests of either side: `attacked` is the server that the neighbour has an account on."""
    attacked = None

    def test_names_are_qualified_or_looked_up_in_the_systems_schema_alone(self):
        """All that the connector sends in all its loads, and when it looks at all tables."""
        self.load_first()
        self.assertEqual(self.rapidbyte("discover", self.postgres([], name="everything")).code, harness.OK)
        recorder = self.recorders[self.attacked]
        self.assertGreater(len(list(recorder.statements())), 100)
        found = recorder.unqualified([CONDITION, "label IS NOT NULL"])
        shown = "\n".join(f"{finding}: {statement[:600]}" for finding, statement in found[:20])
        self.assertFalse(found, f"{len(found)} findings:\n{shown}")

    def test_nothing_that_the_neighbour_made_runs(self):
        """A trap beside everything that a statement names, in the path that roles have and in one that prefers the traps."""
        self.load_first()
        functions, operators = {"count", "now", "max", "min", "sum", "text", "lower", "length", "unnest"}, set()
        for _, statement in self.recorders[self.attacked].statements():
            found = sql_statements.tokens(statement)
            functions |= sql_statements.functions(found)
            operators |= sql_statements.operators(found)
        for name, path in PATHS.items():
            for server in (self.source, self.destination):
                clear(server)
            hostile_neighbour.make_role(self.attacked)
            self.make_tables()
            self.prepare_targets()
            self.assertGreater(hostile_neighbour.set_traps(self.attacked, functions, operators), 500)
            self.addCleanup(hostile_neighbour.take_back, self.attacked)
            self.attacked.admin(f"ALTER ROLE {identifier(self.attacked.user)} SET search_path = {path}")
            self.recorders[self.attacked] = sql_statements.Recorder(self.attacked.log)
            for state in self.folder.glob("*.db*"):
                state.unlink()
            with self.subTest(path=name):
                self.load_all()
                self.assert_loaded()
            with self.subTest(path=name, of="traps"):
                self.assertEqual(hostile_neighbour.sprung(self.recorders[self.attacked], sql_statements.APPLICATION), [])
            hostile_neighbour.take_back(self.attacked)

    def load_first(self):
        self.make_tables()
        self.prepare_targets()
        self.load_all()
        self.assert_loaded()


class OnTheSource(AttackOnOneSide, NeighbourTest):

    def setUp(self):
        super().setUp()
        self.attacked = self.source


class OnTheDestination(AttackOnOneSide, NeighbourTest):

    def setUp(self):
        super().setUp()
        self.attacked = self.destination


class TheTestItself(NeighbourTest):
    """Would find what is wrong."""

    def test_finds_what_is_not_qualified(self):
        for statement, findings in {
                "SELECT now()": ["function now()"],
                "SELECT pg_catalog.now(), a.b FROM s.t WHERE a OPERATOR(pg_catalog.=) 'x = y' AND \"b = c\" IS NOT NULL": [],
                "SELECT count(*) FROM s.t": ["function count()"],
                "SELECT a = 1": ["operator ="],
                "SELECT a OPERATOR(=) 1": ["operator ="],
                "SELECT '5'::text, '5'::pg_catalog.text, '5'::bigint": ["cast ::text"],
                "UPDATE s.t SET a = 1, b = excluded.b WHERE c = 2": ["operator ="],
                "INSERT INTO s.t (a) VALUES (-1) ON CONFLICT (a) DO UPDATE SET a = excluded.a": [],
                "SELECT 1 WHERE a IN ('x') -- = now()": ["the operator behind IN"],
                "SELECT CASE a WHEN 1 THEN 2 END, CASE WHEN a THEN 2 END": ["the operator behind CASE ... WHEN"],
                "WITH RECURSIVE tree(oid) AS (SELECT 1) SELECT * FROM tree": [],
                "SELECT a IS DISTINCT FROM b": ["the operator behind IS DISTINCT FROM"],
                "SELECT 1 FROM pg_class c, s.t, pg_type WHERE a IN (SELECT b FROM ONLY u)": ["relation pg_class", "relation pg_type", "relation u",
                                                                                         "the operator behind IN"],
                "WITH r AS (SELECT 1), w(a) AS (SELECT 2 FROM r) SELECT pg_catalog.substring(x FROM 2) FROM r JOIN w ON true": [],
                "INSERT INTO t(a) SELECT 1 FROM (SELECT 2) AS u": ["relation t"],
                "UPDATE t SET a = 1": ["relation t"],
                "UPDATE s.t SET a = (SELECT b FROM s.u WHERE true), c = 1": [],
                "UPDATE s.t SET a = (SELECT b FROM s.u WHERE b = 1), c = 1 WHERE d = 2": ["operator =", "operator ="],
                "SELECT 1 FROM s.t FOR UPDATE": [],
                'COPY "T" (a) FROM STDIN (FORMAT binary)': ['relation "T"'],
                "CREATE TABLE s.t (a text)": ["types in CREATE TABLE"],
                "ALTER TABLE s.t ADD COLUMN a text": ["types in ALTER TABLE"],
                "CREATE TEMP TABLE u ON COMMIT DELETE ROWS AS SELECT a FROM s.t WITH NO DATA": [],
                "DROP TABLE IF EXISTS s.t": []}.items():
            self.assertEqual(sql_statements.looked_up(sql_statements.tokens(statement)), findings, statement)
        path = sql_statements.Path()
        self.assertFalse(path.is_safe)
        for message, safe in {"SET search_path = pg_catalog, pg_temp": True, "SET LOCAL search_path TO DEFAULT": True, "BEGIN; SET LOCAL search_path TO DEFAULT": False,
                              "ROLLBACK": True, "SET search_path = public, pg_catalog, pg_temp": False}.items():
            self.follow(path, message)
            self.assertEqual(path.is_safe, safe, message)

    @staticmethod
    def follow(path, message):
        for statement in sql_statements.split(sql_statements.tokens(message)):
            path.follow(statement)
        path.end_message()

    def test_knows_what_is_undone_with_a_savepoint_or_a_transaction(self):
        system, users = "SET LOCAL search_path = pg_catalog, pg_temp", "SET LOCAL search_path TO DEFAULT"
        for messages, safe in (
                (("BEGIN", f"SAVEPOINT a; {system}", "ROLLBACK TO SAVEPOINT a"), False),
                (("BEGIN", f"SAVEPOINT a; {system}", "RELEASE SAVEPOINT a"), True),
                (("BEGIN", system, f"SAVEPOINT a; {users}", "ROLLBACK TO a"), True),
                (("BEGIN", f"SAVEPOINT a; {system}", f"SAVEPOINT b; {users}", "ROLLBACK TO b"), True),
                (("BEGIN", f"SAVEPOINT a; {system}", f"SAVEPOINT b; {users}", "ROLLBACK TO a"), False),
                # The newest with a name counts, and what was made after it is gone, but it is not itself.
                (("BEGIN", "SAVEPOINT a", system, "SAVEPOINT a", users, "ROLLBACK TO a", users, "ROLLBACK TO a"), True),
                (("BEGIN", "SAVEPOINT a", system, "SAVEPOINT a", users, "RELEASE a", "ROLLBACK TO a"), False),
                (("BEGIN", "SAVEPOINT a", "SAVEPOINT b", system, "RELEASE a"), True),
                (("BEGIN", "SET search_path = pg_catalog, pg_temp", "ROLLBACK"), False),
                (("BEGIN", "SET search_path = pg_catalog, pg_temp", "COMMIT"), True),
                (("BEGIN", "SAVEPOINT a", "SET search_path = pg_catalog, pg_temp", "ROLLBACK TO a", "COMMIT"), False),
                (("SET search_path = pg_catalog, pg_temp", "RESET search_path"), False)):
            path = sql_statements.Path()
            for message in messages:
                self.follow(path, message)
            self.assertEqual(path.is_safe, safe, messages)

    def test_the_traps_work(self):
        hostile_neighbour.set_traps(self.source, {"now", "lower"}, {"="})
        self.addCleanup(hostile_neighbour.take_back, self.source)
        self.source.admin(f"ALTER ROLE {identifier(self.source.user)} SET search_path = public, pg_catalog")
        with self.source.session() as session:
            session.query("SELECT now(), lower('A'::pg_catalog.varchar), 1::pg_catalog.int4 = 1::pg_catalog.int4, 'a'::text, (SELECT pg_catalog.count(*) FROM pg_index)")
        self.assertGreaterEqual(len(hostile_neighbour.sprung(self.recorders[self.source], "test-observer")), 5)

    def test_a_role_like_this_cannot_make_event_triggers(self):
        for server in (self.source, self.destination):
            with server.session(ROLE) as session:
                session.query("CREATE FUNCTION public.on_event() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'")
                with self.assertRaises(Exception):
                    session.query("CREATE EVENT TRIGGER mine ON ddl_command_end EXECUTE FUNCTION public.on_event()")


harness.main() if __name__ == "__main__" else None
