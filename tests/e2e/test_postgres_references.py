"""Tables that refer to each other by foreign keys: the table that is referred to is loaded first, whatever the streams' order; where a cycle
of references makes that impossible, the messages say so."""
import json

import harness
import postgres_harness
from postgres_client import identifier, literal

ROWS = 400
# In the order of their names, each refers to the next one.
TABLES = {"a_items": "id bigint PRIMARY KEY, m_order bigint NOT NULL, note text", "m_orders": "id bigint PRIMARY KEY, z_customer bigint NOT NULL, note text",
          "z_customers": "id bigint PRIMARY KEY, note text"}
REFERENCES = {"a_items": ("m_order", "m_orders"), "m_orders": ("z_customer", "z_customers")}


def setUpModule():
    postgres_harness.set_up_servers()


class References(postgres_harness.PostgresTest):

    def make_levels(self, schema="public"):
        """Three tables on both sides, with foreign keys on the destination; rows on the source."""
        self.destination.query(f"CREATE SCHEMA IF NOT EXISTS {schema}")
        for table, columns in TABLES.items():
            if not self.has_table(self.source, table):
                self.source.query(f"CREATE TABLE {table} ({columns})")
                values = "i, 1 + i % 50, 'note ' || i" if table in REFERENCES else "i, 'note ' || i"
                self.source.query(f"INSERT INTO {table} SELECT {values} FROM generate_series(1, {ROWS}) i")
            self.destination.query(f"CREATE TABLE {schema}.{table} ({columns})")
        for table, (column, other) in REFERENCES.items():
            self.destination.query(f"ALTER TABLE {schema}.{table} ADD FOREIGN KEY ({column}) REFERENCES {schema}.{other}")

    def test_three_levels_are_loaded_from_the_one_that_all_refer_to(self):
        for mode in ("append", "upsert"):
            for parallelism in (1, 4):
                for streams in ([], list(TABLES)):
                    schema = f"{mode}_{parallelism}_{len(streams)}"
                    with self.subTest(schema):
                        self.make_levels(schema)
                        self.run_ok(self.postgres(streams, mode=mode, name=schema, destination_config={"schema": schema},
                                                  resources={"parallelism": parallelism}))
                        for table in TABLES:
                            self.assert_same(table, schema=schema)

    def test_streams_that_refer_to_a_failed_one_are_held_back_and_the_others_are_loaded(self):
        self.make_levels()
        for server in (self.source, self.destination):
            server.query("CREATE TABLE elsewhere (id bigint)")
        self.source.query("INSERT INTO elsewhere VALUES (1), (2)")
        self.destination.query("ALTER TABLE z_customers ADD CONSTRAINT few CHECK (id < 100)")
        tables = [*TABLES, "elsewhere"]
        pipeline = self.postgres(tables, resources={"parallelism": 1})
        done = self.rapidbyte("run", pipeline, "--json")
        self.assertEqual(done.code, harness.DESTINATION, done.err)
        streams = {stream["stream"]: stream for stream in json.loads(done.out)["streams"]}
        self.assertEqual({name: (stream["outcome"], stream["held_back_by"]) for name, stream in streams.items()}, {
            "z_customers": ("failed", None), "m_orders": ("not_started", "z_customers"), "a_items": ("not_started", "z_customers"),
            "elsewhere": ("succeeded", None)})
        self.assertIn("a_items: not started, because its rows may refer to those of z_customers", done.err)
        self.assert_same("elsewhere")
        self.destination.query("ALTER TABLE z_customers DROP CONSTRAINT few")
        self.run_ok(pipeline)
        for table in tables:
            self.assert_same(table)

    def test_incremental_runs_keep_the_order(self):
        self.make_levels()
        streams = [{"name": table, "sync_mode": "incremental", "cursor_field": "id"} for table in TABLES]
        pipeline = self.postgres(streams, resources={"parallelism": 3})
        self.run_ok(pipeline)
        self.source.query("INSERT INTO z_customers VALUES (1000, 'new'); INSERT INTO m_orders VALUES (1000, 1000, 'new'); "
                          "INSERT INTO a_items VALUES (1000, 1000, 'new')")
        self.run_ok(pipeline)
        for table in TABLES:
            self.assert_same(table)

    def test_partitions_and_their_parents_count_for_each_other(self):
        """a_items refers to a partitioned table, and its rows come as a stream of one partition."""
        self.make_levels()
        self.source.query("ALTER TABLE m_orders RENAME TO z_orders_1")
        self.destination.query("DROP TABLE m_orders CASCADE; CREATE TABLE m_orders (id bigint PRIMARY KEY, z_customer bigint NOT NULL REFERENCES z_customers, note text) "
                               "PARTITION BY RANGE (id); CREATE TABLE z_orders_1 PARTITION OF m_orders FOR VALUES FROM (0) TO (1000000); "
                               "ALTER TABLE a_items ADD FOREIGN KEY (m_order) REFERENCES m_orders")
        self.run_ok(self.postgres(["a_items", "z_orders_1", "z_customers"], resources={"parallelism": 1}))
        for table in ("a_items", "z_orders_1", "z_customers"):
            self.assert_same(table)

    def test_a_table_may_refer_to_itself(self):
        """Rows come before those that they refer to."""
        columns = "id bigint PRIMARY KEY, boss bigint NOT NULL, note text"
        self.source.query(f"CREATE TABLE staff ({columns}); INSERT INTO staff SELECT i, least(i + 1, 20000), md5(i::text) || md5(i::text) || md5(i::text) FROM "
                          "generate_series(1, 20000) i")
        self.source.query("CREATE TABLE other (id bigint)")
        for mode, method, deferred in (("append", "copy", ""), ("upsert", "copy", ""), ("replace", "copy", ""),
                                       ("append", "insert", " DEFERRABLE INITIALLY DEFERRED")):
            schema = f"{mode}_{method}"
            with self.subTest(schema):
                self.destination.query(f"CREATE SCHEMA {schema}; CREATE TABLE {schema}.staff ({columns}, FOREIGN KEY (boss) REFERENCES {schema}.staff{deferred})")
                self.run_ok(self.postgres(["staff", "other"] if mode != "upsert" else ["staff"], mode=mode, name=schema,
                                          destination_config={"schema": schema, "load_method": method}))
                self.assert_same("staff", schema=schema)

    def make_ring(self):
        for server in (self.source, self.destination):
            server.query("CREATE TABLE hens (id bigint PRIMARY KEY, egg bigint, note text); CREATE TABLE eggs (id bigint PRIMARY KEY, hen bigint, note text); "
                         "CREATE TABLE farms (id bigint PRIMARY KEY)")
        self.destination.query("ALTER TABLE hens ADD FOREIGN KEY (egg) REFERENCES eggs DEFERRABLE INITIALLY DEFERRED; ALTER TABLE eggs ADD FOREIGN KEY (hen) REFERENCES hens")
        self.source.query("INSERT INTO farms VALUES (1); INSERT INTO hens SELECT i, i, 'x' FROM generate_series(1, 50) i; "
                          "INSERT INTO eggs SELECT i, i, 'x' FROM generate_series(1, 50) i")

    def test_a_ring_is_named_with_the_ways_out(self):
        self.make_ring()
        pipeline = self.postgres(["hens", "farms", "eggs"], resources={"parallelism": 4})
        done = self.rapidbyte("run", pipeline, "--json")
        self.assertEqual(done.code, harness.DESTINATION)
        failure = json.loads(done.out)["failure"]
        self.assertEqual(failure["category"], "data")
        for text in ('("hens" -> "eggs" -> "hens")', "session_replication_role", "drop one of the foreign keys", "in the order of the pipeline's streams"):
            self.assertIn(text, failure["message"])
            self.assertIn(text, done.err)
        self.assertEqual(self.destination.query("SELECT count(*) FROM hens"), [("0",)])
        self.assertEqual(self.destination.query("SELECT count(*) FROM eggs"), [("0",)], "the second of the cycle must not have begun")
        checked = self.rapidbyte("check", pipeline)
        self.assertEqual(checked.code, harness.OK, checked.err)
        self.assertIn("in a cycle", checked.out + checked.err)
        # The remedy that the message names: nothing is checked, and nothing is reported.
        self.destination.admin(f"ALTER ROLE {identifier(self.destination.user)} SET session_replication_role = replica")
        self.addCleanup(self.destination.admin, f"ALTER ROLE {identifier(self.destination.user)} RESET session_replication_role")
        done = self.run_ok(pipeline)
        self.assertNotIn("in a cycle", done.err)
        for table in ("hens", "eggs", "farms"):
            self.assert_same(table)

    def test_in_a_ring_the_pipelines_order_counts(self):
        """Hens without an egg are loaded first, or not, as the pipeline says."""
        self.make_ring()
        self.source.query("UPDATE hens SET egg = NULL")
        failed = self.rapidbyte("run", self.postgres(["eggs", "hens"], name="wrong"))
        self.assertNotEqual(failed.code, harness.OK)
        self.assertIn('"eggs" -> "hens" -> "eggs"', failed.err)
        done = self.run_ok(self.postgres(["hens", "eggs"], name="right", resources={"parallelism": 4}))
        self.assertIn('"hens" -> "eggs" -> "hens"', done.err)  # a warning
        for table in ("hens", "eggs"):
            self.assert_same(table)

    def test_replace_of_a_table_that_is_referred_to_is_refused_before_anything_is_loaded(self):
        self.make_levels()
        self.destination.query("INSERT INTO z_customers VALUES (1, 'old'); INSERT INTO m_orders VALUES (1, 1, 'old'); INSERT INTO a_items VALUES (1, 1, 'old')")
        failure = self.failure(self.postgres([], mode="replace"), harness.DESTINATION)
        self.assertEqual(failure["code"], "REPLACE_REFERENCED")
        for table in TABLES:
            self.assertEqual(self.destination.query(f"SELECT count(*) FROM {table} WHERE note = {literal('old')}"), [("1",)], table)

    def test_a_table_that_only_refers_is_replaced_behind_those_that_it_refers_to(self):
        self.make_levels()
        self.destination.query("INSERT INTO z_customers VALUES (1, 'old'); INSERT INTO m_orders VALUES (1, 1, 'old'); INSERT INTO a_items VALUES (1, 1, 'old')")
        streams = [{"name": "a_items", "write_mode": "replace"}, {"name": "m_orders", "write_mode": "upsert", "primary_key": ["id"]},
                   {"name": "z_customers", "write_mode": "upsert", "primary_key": ["id"]}]
        for policy in ("fail", "skip"):
            self.run_ok(self.postgres(streams, name=policy, on_data_error=policy, resources={"parallelism": 4}))
            for table in TABLES:
                self.assert_same(table)


harness.main() if __name__ == "__main__" else None
