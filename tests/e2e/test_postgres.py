"""PostgreSQL to PostgreSQL and files into PostgreSQL: what arrives is what was there, in every mode; whole tables are compared."""
import json
import os
import pwd
import shutil
import threading
import unittest

import harness
import postgres_harness
import postgres_server
import sample_table
from postgres_client import identifier, literal
from postgres_harness import make_table, rows_sql


def setUpModule():
    postgres_harness.set_up_servers()


class FullRefresh(postgres_harness.PostgresTest):

    def test_append_makes_the_table_and_adds_to_it_at_each_run(self):
        make_table(self.source, 3000)
        pipeline = self.postgres()
        report = self.run_report(pipeline)
        self.assertEqual([report["streams"][0][key] for key in ("rows_read", "rows_written", "rows_rejected")], [3000, 3000, 0])
        self.assert_same()
        self.assertEqual(self.column_types(self.destination, "t"), self.column_types(self.source, "t"))
        self.run_ok(pipeline)
        self.assert_rows("t", self.destination.query("SELECT * FROM t"), self.source.query("SELECT * FROM t") * 2)

    def test_tables_are_durable_and_logged(self):
        make_table(self.source, 10)
        for mode in ("append", "replace", "upsert"):
            self.run_ok(self.postgres(mode=mode, name=mode, destination_config={"schema": mode}))
        tables = self.destination.query("SELECT relnamespace::regnamespace, relname, relpersistence FROM pg_class WHERE relkind = 'r' "
                                        "AND relnamespace::regnamespace::text IN ('append', 'replace', 'upsert')")
        self.assertGreaterEqual(len(tables), 6)  # each with its receipts
        self.assertEqual([table for table in tables if table[2] != "p"], [])

    def test_replace_leaves_only_the_new_rows_and_what_belongs_to_the_table(self):
        make_table(self.source, 900)
        pipeline = self.postgres(mode="replace")
        self.run_ok(pipeline)
        self.destination.admin("CREATE ROLE reader")
        self.addCleanup(self.destination.admin, "DROP OWNED BY reader; DROP ROLE reader")
        self.destination.query("GRANT SELECT ON t TO reader; CREATE INDEX by_note ON t (note); COMMENT ON TABLE t IS 'orders'; "
                               "CREATE VIEW v AS SELECT id FROM t")
        self.source.query("DELETE FROM t WHERE id % 3 = 0; UPDATE t SET note = 'new'")
        self.run_ok(pipeline)
        self.assert_same()
        kept = self.destination.query("SELECT has_table_privilege('reader', 't', 'SELECT'), obj_description('t'::regclass), (SELECT count(*) FROM v), "
                                      "(SELECT count(*) FROM pg_index WHERE indrelid = 't'::regclass AND indexrelid = 'by_note'::regclass)")
        self.assertEqual(kept, [("t", "orders", "600", "1")])
        self.assertEqual(self.tables(), ["t"], "staging is left")

    def test_replace_with_an_empty_table_leaves_an_empty_table(self):
        make_table(self.source, 50)
        self.run_ok(self.postgres(mode="replace"))
        self.source.query("TRUNCATE t")
        self.run_ok(self.postgres(mode="replace"))
        self.assertEqual(self.destination.query("SELECT count(*) FROM t"), [("0",)])

    def test_upsert_updates_known_keys_and_inserts_new_ones(self):
        make_table(self.source, 2000)
        pipeline = self.postgres(mode="upsert")
        self.run_ok(pipeline)
        self.assert_same()
        self.source.query("UPDATE t SET amount = -1, note = NULL WHERE id % 2 = 0; DELETE FROM t WHERE id <= 100; "
                          f"INSERT INTO t {rows_sql(300, first=2001)}")
        self.run_ok(pipeline)
        self.assert_same(where="id > 100")
        self.assertEqual(self.destination.query("SELECT count(*) FROM t WHERE id <= 100"), [("100",)])

    def test_upsert_of_a_key_that_comes_twice_keeps_one_row_of_it(self):
        self.write_csv("t.csv", ["id", "v"], [(i % 500, f"v{i}") for i in range(1500)])
        self.run_ok(self.from_files(mode="upsert"))
        self.assertEqual(self.destination.query("SELECT id, v FROM t ORDER BY id"),
                         [(str(i), f"v{i + 1000}") for i in range(500)])

    def test_insert_instead_of_copy_loads_the_same(self):
        make_table(self.source, 3000)
        for mode in ("append", "replace", "upsert"):
            with self.subTest(mode):
                self.destination.query("DROP TABLE IF EXISTS t")
                self.run_ok(self.postgres(mode=mode, name=mode, destination_config={"load_method": "insert"}))
                self.assert_same()

    def test_several_tables_load_side_by_side(self):
        tables = [f"t{i}" for i in range(6)]
        for i, table in enumerate(tables):
            make_table(self.source, 200 + i, table)
        self.run_ok(self.postgres(tables, mode="replace", resources={"parallelism": 3}))
        for table in tables:
            self.assert_same(table)

    def test_what_a_trigger_sets_ends_with_its_stream(self):
        """One session loads both tables; what the first one's trigger leaves in it must not affect the second."""
        self.source.query("CREATE TABLE a0 (id integer PRIMARY KEY); INSERT INTO a0 VALUES (1); "
                          "CREATE TABLE b1 (id integer PRIMARY KEY, note text, words text[]); "
                          "INSERT INTO b1 VALUES (1, 'Zo\u00eb \u00f1', ARRAY['x', NULL])")
        self.destination.query("""CREATE TABLE a0 (id integer PRIMARY KEY);
            CREATE FUNCTION unsettle() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                PERFORM set_config('client_encoding', 'LATIN1', false), set_config('array_nulls', 'off', false),
                    set_config('synchronous_commit', 'off', false), set_config('xmloption', 'document', false),
                    set_config('search_path', 'elsewhere', false);
                CREATE TEMP TABLE b1 (id integer, note text, words text[]);
                EXECUTE 'DEALLOCATE ALL';
                RETURN new; END $$;
            CREATE TRIGGER unsettle BEFORE INSERT ON a0 FOR EACH ROW EXECUTE FUNCTION unsettle();
            CREATE TABLE b1 (id integer PRIMARY KEY, note text, words text[], seen text);
            CREATE FUNCTION mark() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                new.seen := concat_ws(' ', current_setting('client_encoding'), current_setting('synchronous_commit'),
                    current_setting('array_nulls'), to_regclass('pg_temp.b1')); RETURN new; END $$;
            CREATE TRIGGER mark BEFORE INSERT ON b1 FOR EACH ROW EXECUTE FUNCTION mark()""")
        self.addCleanup(self.destination.query, "DROP TABLE a0, b1; DROP FUNCTION unsettle(), mark()")
        self.run_ok(self.postgres(["a0", "b1"], resources={"parallelism": 1}))
        self.assertEqual(self.destination.query("SELECT * FROM b1"), [("1", "Zo\u00eb \u00f1", "{x,NULL}", "UTF8 on on")])

    def test_a_default_that_throws_away_what_is_prepared_loses_nothing(self):
        """Triggers are not the only users' code that runs in the session."""
        tables = ["a0", "b1"]
        for table in tables:
            make_table(self.source, 3000, table)
        for mode in ("append", "upsert", "replace"):
            with self.subTest(mode):
                rows = self.destination.query
                rows("""CREATE FUNCTION unsettle() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN
                        EXECUTE 'DEALLOCATE ALL'; PERFORM set_config('client_encoding', 'LATIN1', false);
                        PERFORM set_config('search_path', 'elsewhere', false); RETURN 7; END $$;
                    CREATE TABLE a0 (id bigint PRIMARY KEY, amount numeric(12,2), at timestamptz, note text, more integer DEFAULT unsettle())""")
                pipeline = self.postgres(tables, mode=mode, name=mode, resources={"parallelism": 1, "checkpoint_interval_rows": 1000})
                report = self.run_report(pipeline)
                self.assertEqual([stream["retries"] for stream in report["streams"]], [0, 0])
                self.assertEqual(rows("SELECT count(*), count(DISTINCT id), min(more) FROM a0"), [("3000", "3000", "7")])
                self.assert_same("b1")
                rows("DROP TABLE a0, b1; DROP FUNCTION unsettle(); DROP TABLE _rapidbyte_receipts")

    def test_receipts_that_are_altered_between_two_streams_are_looked_at_again(self):
        """What a session has prepared for the first stream no longer fits for the second."""
        for change in ("ALTER rows TYPE numeric", "ADD COLUMN more integer"):
            with self.subTest(change):
                tables = ["a0", "b1"]
                for table in tables:
                    make_table(self.source, 30, table)
                self.run_ok(self.postgres(["b1"], name="before"))  # makes the receipts
                self.destination.query(f"""CREATE FUNCTION alter_receipts() RETURNS integer LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
                        IF NOT EXISTS (SELECT FROM altered) THEN
                            INSERT INTO altered VALUES (1); ALTER TABLE public._rapidbyte_receipts {change};
                        END IF; RETURN 7; END $$;
                    CREATE TABLE altered (one integer);
                    CREATE TABLE a0 (id bigint PRIMARY KEY, amount numeric(12,2), at timestamptz, note text, more integer DEFAULT alter_receipts());
                    DROP TABLE b1""")
                self.run_ok(self.postgres(tables, mode="replace", resources={"parallelism": 1}))
                self.assertEqual(self.destination.query("SELECT count(*) FROM altered"), [("1",)])
                self.assertEqual(self.destination.query("SELECT count(*), min(more) FROM a0"), [("30", "7")])
                self.assert_same("b1")
                self.destination.query("DROP TABLE a0, b1, altered, _rapidbyte_receipts; DROP FUNCTION alter_receipts()")
                self.source.query("DROP TABLE a0, b1")

    def test_a_replace_by_nothing_empties_a_table_whose_rows_the_loader_does_not_see(self):
        """A table is not left as it is because it looks empty."""
        make_table(self.source, 20)
        pipeline = self.postgres(mode="replace")
        self.run_ok(pipeline)
        self.source.query("DELETE FROM t")
        self.destination.query("ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY")
        self.assertEqual(self.destination.query("SELECT count(*) FROM t"), [("0",)])
        self.assertEqual(self.destination.admin("SELECT count(*) FROM t", self.destination.database), [("20",)])
        self.run_ok(pipeline)
        self.assertEqual(self.destination.admin("SELECT count(*) FROM t", self.destination.database), [("0",)])
        # For a partitioned table the parent has no file.
        self.source.query("CREATE TABLE parts (id integer PRIMARY KEY)")
        self.destination.query("CREATE TABLE parts (id integer PRIMARY KEY) PARTITION BY RANGE (id); "
                               "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100); INSERT INTO parts SELECT generate_series(1, 20)")
        self.addCleanup(self.destination.query, "DROP TABLE parts")
        self.run_ok(self.postgres(["parts"], mode="replace", name="parts"))
        self.assertEqual(self.destination.query("SELECT count(*) FROM parts"), [("0",)])

    def test_a_table_whose_rows_are_hidden_from_the_loader_is_not_taken_for_empty(self):
        """Row security lets the role write, and shows it nothing."""
        make_table(self.source, 20)
        stream = {"name": "t", "sync_mode": "incremental", "cursor_field": "id"}
        pipeline = self.postgres([stream], destination_config={"load_method": "insert"})
        self.run_ok(pipeline)
        self.destination.query("ALTER TABLE t ENABLE ROW LEVEL SECURITY; ALTER TABLE t FORCE ROW LEVEL SECURITY; "
                               "CREATE POLICY adding ON t FOR INSERT WITH CHECK (true)")
        self.assertEqual(self.destination.query("SELECT count(*) FROM t"), [("0",)])
        self.run_ok(pipeline)
        self.rapidbyte("state", "reset", pipeline, "--yes")
        refused = self.rapidbyte("run", pipeline)
        self.assertNotEqual(refused.code, 0)
        self.assertIn("POSITION_MISSING", refused.err)
        self.assertEqual(self.destination.admin("SELECT count(*) FROM t", self.destination.database), [("20",)])

    def test_a_role_that_acts_as_another_does_so_for_every_table(self):
        """ALTER ROLE ... SET role is how loaders make tables that belong to a group."""
        tables = ["t0", "t1", "t2"]
        for table in tables:
            make_table(self.source, 10, table)
        loader = identifier(self.destination.user)
        self.destination.admin(f"CREATE ROLE makers; GRANT makers TO {loader}; ALTER ROLE {loader} SET role = makers")
        self.destination.admin("GRANT CREATE, USAGE ON SCHEMA public TO makers", self.destination.database)
        try:
            self.run_ok(self.postgres(tables, mode="replace", resources={"parallelism": 1}))
            owners = self.destination.admin("SELECT DISTINCT tableowner FROM pg_tables WHERE tablename LIKE 't_'", self.destination.database)
            self.assertEqual(owners, [("makers",)])
        finally:
            self.destination.admin(f"ALTER ROLE {loader} RESET role")
            self.destination.admin("DROP OWNED BY makers CASCADE", self.destination.database)
            self.destination.admin("DROP ROLE makers")

    def test_a_table_without_key_without_rows_and_without_columns(self):
        make_table(self.source, 400, "no_key", key=False)
        make_table(self.source, 0, "no_rows")
        self.source.query("CREATE TABLE no_columns (); INSERT INTO no_columns SELECT FROM generate_series(1, 3)")
        self.run_ok(self.postgres(["no_key", "no_rows"]))
        self.assert_same("no_key")
        self.assert_same("no_rows")
        self.run_ok(self.postgres(["no_columns"], name="no-columns"))
        self.assertEqual(self.destination.query("SELECT count(*) FROM no_columns"), [("3",)])
        self.assertEqual(self.column_names(self.destination, "no_columns"), [])
        self.source.query("CREATE TABLE nothing ()")
        for mode in ("append", "replace"):
            with self.subTest(mode=mode):
                self.destination.query("DROP TABLE IF EXISTS nothing")
                self.run_ok(self.postgres(["nothing"], mode=mode, name="nothing-" + mode))
                self.assertTrue(self.has_table(self.destination, "nothing"))
        sqlite = {"use": "rapidbyte/dest-sqlite", "config": {"path": str(self.database)}}
        self.run_ok(self.postgres(["nothing"], to=sqlite, name="nothing-sqlite"))

    def test_columns_chosen_and_rows_filtered(self):
        make_table(self.source, 600)
        stream = {"name": "t", "select": ["note", "id"], "where": "id % 2 = 0 AND note <> 'it''s'"}
        self.run_ok(self.postgres([stream]))
        self.assertEqual(sorted(self.column_names(self.destination, "t")), ["id", "note"])
        self.assert_rows("t", self.destination.query("SELECT id, note FROM t"),
                         self.source.query("SELECT id, note FROM t WHERE id % 2 = 0 AND note <> 'it''s'"))

    def test_generated_dropped_and_identity_columns_views_and_partitioned_tables(self):
        self.source.query("CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, gone int, net int, "
                          "gross int GENERATED ALWAYS AS (net * 2) STORED); ALTER TABLE t DROP COLUMN gone; INSERT INTO t (net) SELECT generate_series(1, 50); "
                          "CREATE VIEW seen AS SELECT id, gross FROM t; CREATE MATERIALIZED VIEW kept AS SELECT id FROM t; "
                          "CREATE TABLE parts (id int, v text) PARTITION BY RANGE (id); "
                          "CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (10); "
                          "CREATE TABLE parts_2 PARTITION OF parts DEFAULT; "
                          "INSERT INTO parts SELECT i, 'p' || i FROM generate_series(0, 30) i")
        self.run_ok(self.postgres(["t", "seen", "kept", "parts"]))
        for table in ("t", "seen", "kept", "parts"):
            self.assert_same(table)

    def test_names_of_every_kind(self):
        names = ["Mixed Case", "select", 'quo"te', "semi;colon", "dollar$1", "Ünïcødé 李", "n" * 63, "it's", "back\\slash",
                 "%s {0}"]
        for i, name in enumerate(names):
            self.source.query(f"CREATE TABLE {identifier(name)} ({identifier('ID ' + name[:50])} int, {identifier(name)} text); "
                              f"INSERT INTO {identifier(name)} VALUES ({i}, {literal(name)})")
        # A quote in a name could mean something else, so the table is spelled out.
        streams = [{"name": name, "table": f"public.{identifier(name)}"} if '"' in name else name for name in names]
        self.run_ok(self.postgres(streams, mode="replace"))
        for name in names:
            self.assert_same(name)

    def test_a_name_with_a_dot_names_a_schema_unless_it_is_quoted(self):
        self.source.query('CREATE SCHEMA s; CREATE TABLE s.t AS SELECT 1 AS id; CREATE TABLE "s.t" AS SELECT 2 AS id')
        self.run_ok(self.postgres(["s.t", '"s.t"']))
        self.assertEqual(self.destination.query('SELECT id FROM s.t'), [("1",)])
        self.assertEqual(self.destination.query('SELECT id FROM "s.t"'), [("2",)])

    def test_schemas_on_both_sides(self):
        self.source.query('CREATE SCHEMA "Sales"; CREATE TABLE "Sales".t AS SELECT 1 AS id; CREATE TABLE public.t AS SELECT 2 AS id')
        self.run_ok(self.postgres(source_config={"schema": "Sales"}, destination_config={"schema": "Landing Zone"}))
        self.assertEqual(self.destination.query('SELECT id FROM "Landing Zone".t'), [("1",)])
        self.assertFalse(self.has_table(self.destination, "t"))

    def test_sixteen_hundred_columns(self):
        columns = ", ".join(f"c{i} int" for i in range(1600))
        values = ", ".join("i" if i % 3 else "NULL" for i in range(1600))
        self.source.query(f"CREATE TABLE t ({columns}); INSERT INTO t SELECT {values} FROM generate_series(1, 5) i")
        self.run_ok(self.postgres())
        self.assert_same()

    def test_tls_with_the_servers_name_checked(self):
        make_table(self.source, 100)
        secure = {"host": "localhost", "sslmode": "verify-full"}
        self.run_ok(self.postgres(source_config={**secure, "ssl_root_cert": self.source.root_certificate},
                                  destination_config={**secure, "ssl_root_cert": self.destination.root_certificate}))
        self.assert_same()
        wrong = self.postgres(name="wrong", source_config={**secure, "ssl_root_cert": self.destination.root_certificate})
        self.assertIn("certificate", self.failure(wrong, harness.SOURCE)["message"].lower())

    def test_a_url_instead_of_fields(self):
        make_table(self.source, 100)
        fields = dict.fromkeys(["host", "port", "user", "password", "database"])
        self.run_ok(self.postgres(source_config={**fields, "url": self.source.url("${SOURCE_PASSWORD}") + "?sslmode=require"},
                                  destination_config={**fields, "url": self.destination.url("${DESTINATION_PASSWORD}")}))
        self.assert_same()


class Parallel(postgres_harness.PostgresTest):

    ROWS = 400_000  # about 50 MiB: tables under 32 MiB are not worth several readers

    def setUp(self):
        super().setUp()
        self.source.query(f"CREATE TABLE t (id int PRIMARY KEY, amount int NOT NULL, pad text); "
                          f"INSERT INTO t SELECT i, 100, repeat('x', 90) || i FROM generate_series(1, {self.ROWS}) i")

    def digest(self, server):
        return server.query("SELECT count(*), sum(hashtextextended(t::text, 0)::numeric), sum(amount) FROM t")

    def test_parts_of_a_table_read_side_by_side_make_the_whole(self):
        for mode in ("replace", "upsert"):
            with self.subTest(mode):
                report = self.run_report(self.postgres(mode=mode, name=mode, resources={"parallelism": 3}))
                self.assertEqual(self.digest(self.destination), self.digest(self.source))
                self.assertEqual(report["streams"][0]["rows_written"], self.ROWS)
                self.assertGreater(report["streams"][0]["partitions"], 1)
                self.destination.query("DROP TABLE t")

    def test_parts_see_one_moment_of_a_table_that_changes(self):
        """Another session moves amounts between rows and deletes and inserts in pairs: sum and count never change."""
        stop, moves = threading.Event(), []

        def move():
            with self.source.session() as session:
                while not stop.is_set():
                    low, high = 1 + len(moves) % 1000, self.ROWS - len(moves) % 1000
                    session.query(f"BEGIN; UPDATE t SET amount = amount - 1 WHERE id = {low}; "
                                  f"UPDATE t SET amount = amount + 1 WHERE id = {high}; "
                                  f"DELETE FROM t WHERE id = {low + 5000}; INSERT INTO t VALUES ({low + 5000}, 100, 'back'); COMMIT")
                    moves.append(low)

        thread = threading.Thread(target=move)
        thread.start()
        try:
            report = self.run_report(self.postgres(mode="replace", resources={"parallelism": 3}))
        finally:
            stop.set()
            thread.join()
        self.assertGreater(report["streams"][0]["partitions"], 1)
        self.assertGreater(len(moves), 20, "nothing happened meanwhile")
        self.assertEqual(self.destination.query("SELECT count(*), count(DISTINCT id), sum(amount) FROM t"),
                         [(str(self.ROWS), str(self.ROWS), str(self.ROWS * 100))])

    def test_append_has_one_writer(self):
        report = self.run_report(self.postgres(resources={"parallelism": 3}))
        self.assertEqual(self.digest(self.destination), self.digest(self.source))
        self.assertIn(report["streams"][0].get("partitions", 1), (0, 1))


class OtherEnds(postgres_harness.PostgresTest):

    SELECT = ("SELECT id::text, zip, name, amount::text, ratio::text, active::text, born::text, "
              "to_char(seen_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US'), visits::text, note FROM t")

    def expected(self, rows):
        """As self.SELECT shows them."""
        show = {"bool": lambda v: "true" if v else "false", "float": repr, "int": str, "decimal": lambda v: f"{v:.2f}",
                "date": lambda v: v.isoformat(), "text": str,
                "timestamp": lambda v: v.replace(tzinfo=None).isoformat(timespec="microseconds")}
        return [tuple(None if value is None else show[kind](value) for kind, value in zip(sample_table.KINDS, row)) for row in rows]

    def test_csv_arrives_typed_and_exact_in_every_mode(self):
        rows = sample_table.rows(4000)
        self.write_csv("t.csv", sample_table.COLUMNS, rows)
        for mode in ("append", "replace", "upsert"):
            with self.subTest(mode):
                self.destination.query("DROP TABLE IF EXISTS t")
                self.run_ok(self.from_files(mode=mode, name=mode))
                self.assert_rows("t", self.floats_as_python(), self.expected(rows))
        self.assertEqual([kind for _, kind in self.column_types(self.destination, "t")],
                         ["bigint", "text", "text", "numeric(38,2)", "double precision", "boolean", "date", "timestamp with time zone",
                          "bigint", "text"])

    def floats_as_python(self):
        return [row[:4] + (repr(float(row[4])),) + row[5:] for row in self.destination.query(self.SELECT)]

    def test_from_postgresql_into_sqlite(self):
        make_table(self.source, 2000)
        self.run_ok(self.postgres(to={"use": "rapidbyte/dest-sqlite", "config": {"path": str(self.database)}}))
        want = self.source.query("SELECT id, amount, to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), note FROM t")
        self.assert_rows("t", [(str(row[0]), *row[1:]) for row in self.query("SELECT id, amount, at, note FROM t")], want)


class Examples(postgres_harness.PostgresTest):

    def test_the_pipelines_of_examples_postgres_run_as_their_readme_says(self):
        shutil.copytree(harness.REPOSITORY / "examples", self.folder / "examples")  # their state is stored beside them
        here = self.folder / "examples" / "postgres"
        server = self.source
        server.admin(f"CREATE DATABASE warehouse OWNER {server.user}")
        self.addCleanup(server.admin, "DROP DATABASE warehouse")
        server.query((here / "shop.sql").read_text(encoding="utf-8"))
        environment = self.environment(PGHOST="localhost", PGPORT=str(server.port), PGUSER=server.user, PGPASSWORD=server.password)
        for name in ("tables", "changes", "csv"):
            self.expect(harness.OK, "check", here / f"{name}.yaml", environment=environment)
            self.run_ok(here / f"{name}.yaml", environment=environment)
        with server.session(database="warehouse") as warehouse:
            for table in ("customers", "orders"):
                self.assert_rows(table, warehouse.query(f"SELECT * FROM {table}"), server.query(f"SELECT * FROM {table}"))
            self.assert_rows("changes.orders", warehouse.query("SELECT * FROM changes.orders"), server.query("SELECT * FROM orders"))
            self.assertEqual(warehouse.query("SELECT count(*), max(latitude) FROM airports"), [("3376", "71.2854475")])


class WithoutLoading(postgres_harness.PostgresTest):

    def test_check_finds_everything_fine_and_changes_nothing(self):
        make_table(self.source, 10)
        self.expect(harness.OK, "check", self.postgres())
        self.assertEqual(self.tables(), [])

    def test_check_finds_what_an_incremental_run_would_refuse(self):
        self.source.query("CREATE TABLE log (at timestamptz NOT NULL, note text)")
        stream = {"name": "log", "sync_mode": "incremental", "cursor_field": "at"}
        done = self.expect(harness.SOURCE, "check", self.postgres([stream]))
        self.assertIn("tie_breaker", done.out + done.err)
        self.failure(self.postgres([stream]), harness.SOURCE)
        self.expect(harness.OK, "check", self.postgres([{**stream, "tie_breaker": ["note"]}]))

    def test_discover_lists_tables_with_types_keys_and_nullability(self):
        make_table(self.source, 1)
        self.source.query("CREATE SCHEMA other; CREATE TABLE other.u (v jsonb); CREATE TABLE p (i int) PARTITION BY LIST (i); "
                          "CREATE TABLE p1 PARTITION OF p DEFAULT")
        done = self.expect(harness.OK, "discover", self.postgres(streams=()), "--json")
        streams = {stream["name"]: stream for stream in json.loads(done.out)["streams"]}
        self.assertIn("t", streams)
        self.assertIn("other.u", streams)
        self.assertIn("p", streams)
        self.assertNotIn("p1", streams)
        columns = {column["name"]: column for column in streams["t"]["schema"]}
        self.assertEqual(columns["id"]["data_type"], "Int64")
        self.assertFalse(columns["id"]["nullable"])
        self.assertTrue(columns["at"]["nullable"])
        self.assertIn("id", json.dumps(streams["t"]))

    def test_a_dry_run_shows_rows_and_writes_nothing(self):
        make_table(self.source, 100)
        done = self.run_ok(self.postgres(), "--dry-run", "--limit", "3")
        self.assertIn("2.74", done.out)
        self.assertEqual(self.tables(), [])


class AnOrdinaryUser(unittest.TestCase):
    """CI is root; a developer is not."""

    @unittest.skipIf(os.geteuid() != 0, "every other test shows it")
    def test_the_server_of_the_tests_runs_for_one(self):
        nobody = pwd.getpwnam("nobody")
        read, write = os.pipe()
        child = os.fork()  # not exec: Python itself may be where only root can read
        if child == 0:
            try:
                os.setgroups([])
                os.setgid(nobody.pw_gid)
                os.setuid(nobody.pw_uid)
                with postgres_server.PostgresServer() as server:
                    answer = server.query("SELECT 41 + 1"), os.stat(f"/proc/{server.pid}").st_uid
            except BaseException as error:  # pylint: disable=broad-except  (the parent shows it)
                answer = repr(error)
            os.write(write, repr(answer).encode())
            os._exit(0)
        os.close(write)
        with os.fdopen(read) as pipe:
            self.assertEqual(pipe.read(), repr(([("42",)], nobody.pw_uid)))
        os.waitpid(child, 0)


class Incremental(postgres_harness.PostgresTest):

    STREAM = {"name": "t", "sync_mode": "incremental", "cursor_field": "at"}

    def load(self, *, rows=None, stream=None, **options):
        report = self.run_report(self.postgres([stream or self.STREAM], **options))
        if rows is not None:
            self.assertEqual(report["streams"][0]["rows_written"], rows)

    def test_rows_with_equal_cursor_values_are_neither_lost_nor_doubled(self):
        """Three rows share each time; the next rows begin with the very time at which the last run ended."""
        make_table(self.source, 1000)
        self.load(rows=1000)
        self.load(rows=0)
        last = 1000
        for count in (1, 1, 2, 200):
            self.source.query(f"INSERT INTO t {rows_sql(count, first=last + 1)}")
            last += count
            self.load(rows=count)
            self.assert_same()

    def test_checkpoints_in_the_middle_of_equal_values(self):
        self.source.query("CREATE TABLE t (id int PRIMARY KEY, at timestamptz); "
                          "INSERT INTO t SELECT i, '2024-01-01' FROM generate_series(1, 2500) i")
        self.load(resources={"checkpoint_interval_rows": 100, "max_batch_bytes": "4kb"}, rows=2500)
        self.assert_same()

    def test_cursors_keep_the_full_precision_of_their_type(self):
        kinds = {
            "timestamp": "'2024-01-01'::timestamp + i * interval '1 us'",
            "timestamptz": "'2024-01-01'::timestamptz + i * interval '1 us'",
            "numeric": "12345678901234567890 + i / 1000000000000000000000.0",
            "bigint": "9007199254740992 + i",
            "date": "'2024-01-01'::date + i",
            "text": "'k' || lpad(i::text, 6, '0')",
            "uuid": "lpad(to_hex(i), 32, '0')::uuid",
            "double precision": "i / 3.0",
        }
        for kind, value in kinds.items():
            with self.subTest(kind):
                postgres_harness.clear(self.destination)
                self.source.query(f"DROP TABLE IF EXISTS t; CREATE TABLE t (id int PRIMARY KEY, at {kind}); "
                                  f"INSERT INTO t SELECT i, {value} FROM generate_series(1, 50) i")
                self.load(rows=50, name=f"by-{kind.split()[0]}")
                self.source.query(f"INSERT INTO t SELECT i, {value} FROM generate_series(51, 60) i")
                self.load(rows=10, name=f"by-{kind.split()[0]}")
                self.assert_same()

    def test_a_lag_waits_for_rows_that_commit_late(self):
        self.source.query("CREATE TABLE t (id int PRIMARY KEY, at timestamptz); "
                          "INSERT INTO t SELECT i, now() - interval '1 hour' FROM generate_series(1, 20) i; "
                          "INSERT INTO t VALUES (50, now())")
        stream = {**self.STREAM, "lag": "5m"}
        self.load(rows=20, stream=stream)
        self.source.query("INSERT INTO t SELECT i, now() - interval '10 minutes' FROM generate_series(21, 30) i")
        self.load(rows=10, stream=stream)
        self.assert_same(where="id < 50")

    def test_upsert_carries_updates(self):
        make_table(self.source, 500)
        self.load(mode="upsert", rows=500)
        self.source.query("UPDATE t SET note = 'changed', at = '2030-01-01' WHERE id % 10 = 0")
        self.load(mode="upsert", rows=50)
        self.assert_same()

    def test_a_reset_reads_everything_again(self):
        make_table(self.source, 100)
        self.load(mode="upsert", rows=100)
        self.expect(harness.OK, "state", "reset", self.folder / "pipeline.yaml", "--yes")
        self.load(mode="upsert", rows=100)
        self.assert_same()


harness.main() if __name__ == "__main__" else None
