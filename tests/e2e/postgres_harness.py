"""What the PostgreSQL tests share: two servers per test program, pipelines between them, and comparing whole tables.

Pipelines are written as JSON, which is YAML, so that no value needs quoting. Passwords come from the environment. Every test begins
with empty databases, and ends with a look at every statement that the connectors sent: nothing in one may be looked up where other users of
the database could put something of theirs.
"""
import collections
import json
import unittest

import harness
import sql_statements
from postgres_client import identifier
from postgres_server import PostgresServer

source, destination = None, None
"""The servers, from set_up_servers() on."""


def set_up_servers(settings=()):
    """For setUpModule: starts both servers; they are removed when the module's tests have ended."""
    global source, destination  # pylint: disable=global-statement
    settings = {**dict(settings), **sql_statements.RECORDING}
    source, destination = PostgresServer(durable=False, settings=settings), PostgresServer(durable=False, settings=settings)
    for server in (source, destination):
        unittest.addModuleCleanup(server.remove)
        server.start()


class PostgresTest(harness.EndToEnd):

    def setUp(self):
        super().setUp()
        self.source, self.destination = source, destination
        for server in (source, destination):
            clear(server)
        # Conditions of the pipelines, and what else the tests' users say for themselves: it is looked up as they want it.
        self.users_own = set()
        for name, server in (("source", source), ("destination", destination)):
            self.addCleanup(self.assert_qualified, name, sql_statements.Recorder(server.log))

    def assert_qualified(self, name, recorder):
        found = recorder.unqualified(sorted(self.users_own, key=len, reverse=True))
        shown = "\n".join(f"{finding}: {statement[:600]}" for finding, statement in found[:20])
        self.assertFalse(found, f"{len(found)} findings in statements to the {name}:\n{shown}")

    def environment(self, **more):
        return super().environment(**{"SOURCE_PASSWORD": source.password, "DESTINATION_PASSWORD": destination.password, **more})

    # --- pipelines ----------------------------------------------------------------------------------------------------

    def connection(self, server, **more):
        """A connector's config; None takes a key away."""
        variable = "SOURCE_PASSWORD" if server is source else "DESTINATION_PASSWORD"
        config = {"host": "127.0.0.1", "port": server.port, "user": server.user, "password": f"${{{variable}}}",
                  "database": server.database, **more}
        return {key: value for key, value in config.items() if value is not None}

    def postgres(self, streams=("t",), *, mode="append", name="pipeline", to=None, source_config=None, destination_config=None,
                 primary_key=("id",), resources=None, on_data_error=None, **more):
        """Writes <name>.yaml from PostgreSQL to PostgreSQL, or to the destination `to`; streams by name or as objects;
        without any the source reads everything it finds."""
        streams = [{"name": stream} if isinstance(stream, str) else stream for stream in streams]
        self.users_own |= {stream["where"] for stream in streams if "where" in stream}
        target = to or {"use": "rapidbyte/dest-postgres", "config": self.connection(destination, **(destination_config or {}))}
        target = {**target, "write_mode": mode}
        if mode == "upsert":
            target["primary_key"] = list(primary_key)
        if on_data_error:
            target["on_data_error"] = on_data_error
        pipeline = {
            "version": "1.0",
            "pipeline": name,
            "source": {"use": "rapidbyte/source-postgres", "config": self.connection(source, **(source_config or {}))},
            "destination": target,
            "state": {"backend": "sqlite", "connection": f"{self.folder}/{name}.db"},
            **more
        }
        if streams:
            pipeline["source"]["streams"] = streams
        if resources:
            pipeline["resources"] = resources
        return self.write(f"{name}.yaml", json.dumps(pipeline, indent=1, ensure_ascii=False))

    def from_files(self, streams=("t",), *, mode="append", name="files", primary_key=("id",), resources=None):
        """Writes a pipeline from the CSV files of the data folder to PostgreSQL."""
        file = self.postgres(streams, mode=mode, name=name, primary_key=primary_key, resources=resources)
        pipeline = json.loads(file.read_text(encoding="utf-8"))
        pipeline["source"].update(use="rapidbyte/source-file", config={"folder": str(self.data), "format": "csv"})
        return self.write(file.name, json.dumps(pipeline))

    def load_of(self, pipeline, stream="t"):
        """(id of the stream's newest load, whether it is complete), or (None, False)."""
        done = self.rapidbyte("state", "show", pipeline, "--json")
        if done.code == harness.OK:
            for entry in json.loads(done.out)["streams"]:
                if entry["stream"] == stream:
                    return entry["load_id"], not entry["load_in_progress"]
        return None, False

    # --- comparing ----------------------------------------------------------------------------------------------------

    def assert_same(self, table="t", there=None, columns=None, schema="public", where="true"):
        """Both tables hold the same rows: every value's text is equal, as a multiset of whole rows."""
        here = f"{identifier(schema)}.{identifier(there or table)}"
        names = columns or self.column_names(source, table)
        select = ", ".join(f"{identifier(name)}::text" for name in names)
        want = source.query(f"SELECT {select} FROM {identifier(table)} WHERE {where}")
        have = destination.query(f"SELECT {select} FROM {here} WHERE {where}")
        self.assert_rows(table, have, want)

    def assert_rows(self, table, have, want):
        have_count, want_count = collections.Counter(have), collections.Counter(want)
        if have_count != want_count:
            missing, surplus = list((want_count - have_count).elements()), list((have_count - want_count).elements())
            self.fail(f"table {table}: {len(have)} rows, expected {len(want)}; {len(missing)} are missing, for example "
                      f"{missing[:3]}; {len(surplus)} are too many, for example {surplus[:3]}")

    def column_names(self, server, table):
        return [row[0] for row in self.column_types(server, table)]

    def column_types(self, server, table, schema="public"):
        """(name, type) of each column, in order."""
        return server.query("SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
                            f"AND attrelid = to_regclass({quoted_name(schema, table)}) ORDER BY attnum")

    def has_table(self, server, table, schema="public"):
        return server.query(f"SELECT to_regclass({quoted_name(schema, table)}) IS NOT NULL") == [("t",)]

    def tables(self, server=None):
        """Names of the ordinary tables of the user, without the connector's own."""
        rows = (server or destination).query("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        return [name for (name,) in rows if not name.startswith("_rapidbyte_")]

    def failure(self, pipeline, code, *arguments, **options):
        """Runs with a failure that has this exit code, and returns the report's `failure`."""
        done = self.rapidbyte("run", pipeline, "--json", *arguments, **options)
        self.assertEqual(done.code, code, f"stderr:\n{done.err}\nstdout:\n{done.out}")
        failure = json.loads(done.out)["failure"]
        self.assertIn(failure["message"].split("\n")[0][:60], done.err, "the report and stderr say different things")
        return failure


def clear(server):
    """Leaves the database as it was when it was made."""
    schemas = server.query("SELECT nspname FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema)'")
    for (schema,) in schemas:
        server.query(f"DROP SCHEMA {identifier(schema)} CASCADE")
    server.query("CREATE SCHEMA public")


def quoted_name(schema, table):
    return "'" + f"{identifier(schema)}.{identifier(table)}".replace("'", "''") + "'"


def rows_sql(count, first=1):
    """A SELECT of `count` rows for `t`: id, amount, at, note; with nulls and repeated times."""
    return (f"SELECT i::bigint AS id, CASE WHEN i % 7 <> 0 THEN (i * 1.37)::numeric(12,2) END AS amount, "
            f"timestamptz '2024-02-29 12:00:00.000001+00' + (i / 3) * interval '1 second' AS at, "
            f"CASE WHEN i % 5 <> 0 THEN 'note ' || md5(i::text) END AS note FROM generate_series({first}, {first + count - 1}) AS i")


def make_table(server, count, table="t", first=1, key=True):
    """Creates `table` with the rows of rows_sql()."""
    server.query(f"CREATE TABLE {identifier(table)} (id bigint NOT NULL, amount numeric(12,2), at timestamptz, note text)")
    server.query(f"INSERT INTO {identifier(table)} {rows_sql(count, first)}")
    if key:
        server.query(f"ALTER TABLE {identifier(table)} ADD PRIMARY KEY (id)")


def make_large_table(server, count, table="t"):
    """make_table() with its `count` rows spread over 34 MiB, enough for source-postgres to read it in two parts."""
    every, name = 36_000 // count, identifier(table)
    server.query(f"CREATE TABLE {name} (id bigint PRIMARY KEY, amount numeric(12,2), at timestamptz, note text) "
                 "WITH (fillfactor = 10)")
    server.query(f"INSERT INTO {name} {rows_sql(count * every)}")
    server.query(f"DELETE FROM {name} WHERE id % {every} <> 0")
    server.query(f"VACUUM {name}")
