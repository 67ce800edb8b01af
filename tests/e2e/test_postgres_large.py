"""Cells of 200 MB from one server into another, with the limits that the pages of the two connectors name for them."""
import harness
import postgres_harness

BYTES = 200_000_000
# What docs/connectors/source-postgres.md and dest-postgres.md say that such a cell needs.
RESOURCES = {"max_record_bytes": "256mb", "max_memory": "2gb"}


def setUpModule():
    postgres_harness.set_up_servers()


class Large(postgres_harness.PostgresTest):

    def setUp(self):
        super().setUp()
        # 32 hexadecimal digits a piece. The text has a few characters that COPY escapes and one of two bytes, the bytea all bytes.
        self.source.query("CREATE TABLE t (id int PRIMARY KEY, doc text, raw bytea); "
                          "ALTER TABLE t ALTER doc SET STORAGE EXTERNAL, ALTER raw SET STORAGE EXTERNAL; "
                          "CREATE VIEW with_array AS SELECT *, '{a,b}'::text[] AS tags FROM t; "
                          "CREATE TEMPORARY TABLE pieces AS "
                          f"SELECT string_agg(md5(i::text), '') AS digits FROM generate_series(1, {BYTES // 32}) AS i; "
                          "INSERT INTO t SELECT 1, overlay(digits PLACING E'\\\\\\t\\nÄ' FROM 7 FOR 5), NULL FROM pieces; "
                          "INSERT INTO t SELECT 2, 'small', decode(digits, 'hex') || decode(reverse(digits), 'hex') FROM pieces; "
                          "INSERT INTO t VALUES (3, NULL, ''); DROP TABLE pieces")
        self.want = self.contents(self.source, "t")
        self.assertEqual([self.want[0][1], self.want[1][3]], [str(BYTES)] * 2)

    def contents(self, server, table):
        return server.query(f"SELECT id, octet_length(doc), md5(doc), octet_length(raw), md5(raw) FROM {table} ORDER BY id")

    def test_a_text_and_a_bytea_of_200_mb_arrive(self):
        # A column that has no binary form makes the COPY one in text format, where bytea goes as hexadecimal digits.
        for name, table, method in (("copy", "t", "copy"), ("insert", "t", "insert"), ("text-format", "with_array", "copy")):
            with self.subTest(name):
                self.destination.query(f"DROP TABLE IF EXISTS {table}")
                self.run_ok(self.postgres([table], name=name, destination_config={"load_method": method}, resources=RESOURCES),
                            timeout=240)
                self.assertEqual(self.contents(self.destination, table), self.want)


harness.main() if __name__ == "__main__" else None
