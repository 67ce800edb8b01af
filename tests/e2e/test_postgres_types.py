"""Every type of PostgreSQL arrives in another one with its type and the same text, extremes included; or is refused clearly."""
import harness
import postgres_harness
from postgres_client import identifier, literal

INF = ["infinity", "-infinity"]
FLOATS = ["0", "-0", "NaN", "Infinity", "-Infinity", "0.1"]
TEXTS = ["", " ", "a", "NULL", "\\N", "\\", "a\tb\nc\rd", "'\"", "é́ 李雷 🐘", "\x01\x7f", "x" * 70_000]

# type -> values; NULL is added to each. A name with * has another type on arrival: text, or a domain's base type.
NUMBERS = {
    "smallint": ["-32768", "32767", "0"],
    "integer": ["-2147483648", "2147483647", "0"],
    "bigint": ["-9223372036854775808", "9223372036854775807", "0"],
    "oid": ["0", "4294967295"],
    "real": FLOATS + ["3.4028235e38", "1.1754944e-38", "1e-45", "16777217"],
    "double precision": FLOATS + ["1.7976931348623157e308", "5e-324", "0.30000000000000004"],
    "numeric": ["0", "0.00", "1.10", "1.1000", "-0.1", "NaN", "Infinity", "-Infinity", "1e300", "-1e-300", "9" * 200, "0." + "7" * 400],
    "numeric(12,2)": ["9999999999.99", "-9999999999.99", "0.00", "NaN", "-0.01"],
    "numeric(9,0)": ["999999999", "-999999999", "10000", "NaN"],
    "numeric(4,4)": ["0.9999", "-0.0001", "0.1000"],
    "numeric(38,10)": ["9" * 28 + "." + "9" * 10, "-" + "9" * 28 + "." + "9" * 10, "NaN"],
    "numeric(39,0)": ["9" * 39, "-" + "9" * 39, "NaN"],
    "numeric(76,38)": ["9" * 38 + "." + "9" * 38, "-" + "9" * 38 + "." + "9" * 38, "0", "NaN"],
    "numeric(77,5)": ["9" * 72 + ".12345", "NaN"],
    "numeric(1000,500)": ["9" * 500 + "." + "9" * 500, "1"],
    "numeric(3,-2)": ["12300", "-99900"],
    "numeric(2,5)": ["0.00012", "-0.00099"],
    "boolean": ["t", "f"],
    "money": ["-92233720368547758.08", "92233720368547758.07", "0"],
}
BYTES = {
    "text": TEXTS,
    "character varying": TEXTS,
    "character varying(10)": ["", "0123456789", "éééééééééé"],
    "character(5)": ["", "abc", "abcde", "é"],
    "bpchar": ["a  ", "", "é "],
    '"char"': ["a", "", "\\377"],
    "name": ["", "n" * 63],
    "bytea": ["", "\\x00", "\\x00ff5c275c", "\\x" + "00010203fcfdfeff" * 10_000],
    "uuid": ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"],
    "json": ['{"b" :1,  "a": [1, 2.50, null], "b": 2}', "null", '"\\u0041"'],
    "jsonb": ['{"b": 1, "a": [1, 2.50, null]}', "null", "12345678901234567890.123"],
    "xml": ["<a b='c'>é</a>", ""],
    "bit(5)": ["10101", "00000"],
    "bit varying": ["", "1", "0101010101010101010"],
    "bit varying(7)": ["", "1111111"],
}
TIMES = {
    "date": ["4713-01-01 BC", "5874897-12-31", "0001-01-01", "0001-12-31 BC", "10000-01-01", "1970-01-01", "1969-12-31"] + INF,
    "time without time zone": ["00:00:00", "23:59:59.999999", "24:00:00", "00:00:00.000001"],
    "time(3) without time zone": ["12:34:56.789"],
    "time with time zone": ["00:00:00+15:59:59", "24:00:00-15:59:59", "12:34:56.000001+05:30"],
    "timestamp without time zone": ["4713-01-01 00:00:00 BC", "294247-01-10 04:00:54.775806", "0001-01-01 00:00:00",
                                    "10000-01-01 00:00:00", "1969-12-31 23:59:59.999999"] + INF,
    "timestamp(3) without time zone": ["2024-02-29 23:59:59.999"],
    "timestamp with time zone": ["4713-01-01 00:00:00+00 BC", "294247-01-10 04:00:54.775806+00", "1970-01-01 00:00:00+00",
                                 "2024-03-31 02:30:00+02"] + INF,
    "timestamp(0) with time zone": ["2024-02-29 23:59:59+00"],
    "interval": ["-178000000 years", "178000000 years", "1 mon -1 day 00:00:00.000001", "00:00:00", "-00:00:00.000001",
                 "2147483647 days -2147483648 hours"],
    "interval day to second(3)": ["3 days 04:05:06.789"],
    "interval year to month": ["1 year 2 mons"],
}
OTHERS = {
    "inet": ["0.0.0.0/0", "192.168.1.5", "::ffff:1.2.3.4/128", "fe80::1/64"],
    "cidr": ["10.0.0.0/8", "::/0"],
    "macaddr": ["08:00:2b:01:02:03"],
    "macaddr8": ["08:00:2b:01:02:03:04:05"],
    "integer[]": ["{}", "{1,NULL,-3}", "{{1,2},{3,NULL}}", "[0:1]={7,8}"],
    "text[]": ["{}", '{"",NULL,"NULL","a,b","q\\"\\\\","{}"}', "{{a},{b}}"],
    "numeric(10,2)[]": ["{1.10,NaN,NULL}"],
    "timestamp with time zone[]": ['{"2024-02-29 12:00:00+00",infinity,NULL}'],
    "bytea[]": ['{"\\\\x00ff",NULL}'],
    "jsonb[]": ['{"{\\"a\\": 1}",NULL}'],
    "int4range": ["empty", "[1,5)", "(,)", "[1,)"],
    "numrange": ["[1.10,2.20]", "(,3)"],
    "tstzrange": ['["2024-02-29 12:00:00+00",infinity)'],
    "int4multirange": ["{}", "{[1,3),[5,9)}"],
    "point": ["(1.5,-2)"],
    "polygon": ["((0,0),(1,1),(2,0))"],
    "tsvector": ["'a':1A 'b c':2"],
    "tsquery": ["'a' & !'b'"],
    "pg_lsn": ["16/B374D848"],
    "jsonpath": ['$."a"[*]?(@ > 1)'],
    "hstore": ['"a"=>"1", "b"=>NULL', ""],
    "mood": ["sad", "O'Hara \"x\""],
    "pair": ['(1,"a b")', "(,)", '(2,"")'],
    "mood[]": ["{sad,NULL}"],
    "pair[]": ['{"(1,\\"a b\\")",NULL}'],
}
SHARED_TYPES = """CREATE EXTENSION hstore; CREATE TYPE mood AS ENUM ('sad', 'O''Hara "x"'); CREATE TYPE pair AS (n int, s text)"""
# On the source only: these arrive as their base type, or as text.
LOCAL_TYPES = """CREATE EXTENSION hstore; CREATE EXTENSION citext; CREATE DOMAIN price AS numeric(8,2) CHECK (VALUE >= 0); CREATE DOMAIN code AS text; CREATE DOMAIN codes AS int[];
    CREATE TYPE colour AS ENUM ('red', 'blue'); CREATE TYPE size AS (w int, h int); CREATE TYPE floatrange AS RANGE (subtype = float8)"""
LOCAL = {
    "price": (["0.00", "999999.99"], "numeric(8,2)"),
    "code": (TEXTS, "text"),
    "codes": (["{1,2}"], "integer[]"),
    "colour": (["red", "blue"], "text"),
    "size": (["(1,2)", "(,)"], "text"),
    "floatrange": (["[0.5,1)"], "text"),
    "colour[]": (["{red,NULL}"], "text"),
    "hstore": (['"a"=>"1", "b"=>NULL', ""], "text"),
    "citext": (["Ab"], "text"),
}


def setUpModule():
    postgres_harness.set_up_servers()


class EveryType(postgres_harness.PostgresTest):

    def fill(self, types, table="t"):
        """A column per type, named after it; the n-th row holds the n-th value of each."""
        columns = ", ".join(f"{identifier(name)} {name}" for name in types)
        self.source.query(f"CREATE TABLE {table} (id int PRIMARY KEY, {columns})")
        for row in range(max(map(len, types.values())) + 1):
            values = ", ".join(f"{literal(v[row]) if row < len(v) else 'NULL'}::{name}" for name, v in types.items())
            self.source.query(f"INSERT INTO {table} VALUES ({row}, {values})")

    def assert_cells(self, types, table="t"):
        """Cell by cell, so that a failure names the type; then the types."""
        for name in types:
            with self.subTest(type=name):
                # By its output function: a cast to text strips the blanks of bpchar.
                cells = f"SELECT id, CASE num_nulls({identifier(name)}) WHEN 0 THEN format('%s', {identifier(name)}) END FROM {table} ORDER BY id"
                for want, have in zip(self.source.query(cells), self.destination.query(cells)):
                    self.assertEqual(have, want)
        self.assertEqual(self.destination.query(f"SELECT count(*) FROM {table}"), self.source.query(f"SELECT count(*) FROM {table}"))

    def load_each_way(self, types):
        self.fill(types)
        kinds = self.column_types(self.source, "t")
        for method, mode in (("copy", "replace"), ("insert", "replace"), ("copy", "upsert")):
            with self.subTest(load_method=method, mode=mode):
                self.destination.query("DROP TABLE IF EXISTS t")
                self.run_ok(self.postgres(mode=mode, name=f"{method}-{mode}", destination_config={"load_method": method}))
                self.assert_cells(types)
                self.assertEqual(self.column_types(self.destination, "t"), kinds)

    def test_numbers(self):
        self.load_each_way(NUMBERS)

    def test_texts_and_bytes(self):
        self.load_each_way(BYTES)

    def test_times(self):
        self.load_each_way(TIMES)

    def test_arrays_ranges_composites_and_extension_types(self):
        for server in (self.source, self.destination):
            server.query(SHARED_TYPES)
        self.load_each_way(OTHERS)

    def test_types_that_only_the_source_has_arrive_as_their_base_type_or_as_text(self):
        self.source.query(LOCAL_TYPES)
        types = {name: values for name, (values, _) in LOCAL.items()}
        self.fill(types)
        self.run_ok(self.postgres())
        self.assert_cells(types)
        self.assertEqual(self.column_types(self.destination, "t")[1:], [(name, there) for name, (_, there) in LOCAL.items()])

    def test_an_existing_table_keeps_its_types_and_takes_what_fits(self):
        self.fill({"integer": ["1", "-2147483648"], "numeric(12,2)": ["1.10"], "text": ["é"], "date": ["2024-02-29"]})
        self.destination.query('CREATE TABLE t (id bigint, "integer" bigint, "numeric(12,2)" numeric(20,4), "text" varchar(3), '
                               '"date" date)')
        kinds = self.column_types(self.destination, "t")
        self.run_ok(self.postgres())
        self.assertEqual(self.column_types(self.destination, "t"), kinds)
        self.assertEqual(self.destination.query('SELECT "integer"::text, "numeric(12,2)"::text FROM t ORDER BY id'),
                         [("1", "1.1000"), ("-2147483648", None), (None, None)])

    def test_a_time_beyond_microseconds_in_64_bits_is_refused_unless_read_as_text(self):
        self.fill({"timestamp without time zone": ["294276-12-31 23:59:59.999999", "294247-01-10 04:00:54.775807"]})
        failure = self.failure(self.postgres(), harness.SOURCE)
        for part in ("t", "timestamp without time zone", "294276-12-31 23:59:59.999999", "text"):
            self.assertIn(part, failure["message"])
        as_text = {"name": "t", "columns": {"timestamp without time zone": "text"}}
        self.run_ok(self.postgres([as_text], name="as-text"))
        self.assert_same()

    def test_values_the_destination_cannot_hold_are_refused_before_they_bend(self):
        """SQLite has neither infinite times nor NaN decimals, and its connector does not claim to."""
        self.fill({"timestamp with time zone": ["2024-02-29 12:00:00+00", "infinity"], "numeric(12,2)": ["1.10", "1.20"]})
        sqlite = {"use": "rapidbyte/dest-sqlite", "config": {"path": str(self.database)}}
        failure = self.failure(self.postgres(to=sqlite), harness.SOURCE)
        for part in ("timestamp with time zone", "infinity", "text"):
            self.assertIn(part, failure["message"])
        as_text = {"name": "t", "columns": {"timestamp with time zone": "text"}}
        self.run_ok(self.postgres([as_text], to=sqlite, name="as-text"))
        self.assertEqual(self.query('SELECT "timestamp with time zone", "numeric(12,2)" FROM t ORDER BY id'),
                         [("2024-02-29 12:00:00+00", "1.10"), ("infinity", "1.20"), (None, None)])

    def test_composites_of_other_fields_are_refused_and_of_the_same_ones_loaded(self):
        self.source.query("CREATE TYPE pair AS (a int, b text); CREATE TABLE t (id int, p pair, ps pair[]); "
                          "INSERT INTO t VALUES (1, '(1,2)', '{\"(1,2)\"}')")
        for fields, taken in (("b text, a int", False), ("a int, b text, c int", False), ("a int, b text", True)):
            with self.subTest(fields=fields):
                self.destination.query(f"DROP TABLE IF EXISTS t; DROP TYPE IF EXISTS pair; CREATE TYPE pair AS ({fields}); "
                                       "CREATE TABLE t (id int, p pair, ps pair[])")
                pipeline = self.postgres(mode="replace", name="pair" + str(len(fields)))
                if taken:
                    self.run_ok(pipeline)
                    self.assertEqual(self.destination.query("SELECT (p).a, (p).b, (ps[1]).a FROM t"), [("1", "2", "1")])
                else:
                    failure = self.failure(pipeline, harness.DESTINATION)
                    self.assertEqual(failure["code"], "COMPOSITE_CHANGED")
                    for part in ("(a integer,b text)", fields.replace("int", "integer").replace(", ", ",")):
                        self.assertIn(part, failure["message"])

    def test_values_that_name_tables_name_the_same_ones_here(self):
        """Their own table, one that is here, and one that is not: its row alone is refused."""
        self.source.query("CREATE TABLE t (id int, r regclass); CREATE TABLE other (id int); CREATE TABLE away (id int); "
                          "INSERT INTO t VALUES (1, 't'), (2, 'other'), (3, 'away')")
        self.destination.query("CREATE TABLE other (id int)")
        pipeline = self.postgres(mode="replace", name="names")
        message = self.failure(pipeline, harness.DESTINATION)["message"]
        for part in ('row 3, column "r"', 'relation "public.away" does not exist'):
            self.assertIn(part, message)
        self.assertFalse(self.has_table(self.destination, "t"))
        for number in range(2):  # the second time it is there already
            self.run_ok(self.postgres(mode="replace", name=f"names{number}", on_data_error="skip"))
            self.assertEqual(self.destination.query("SELECT id, r = 't'::regclass, r::text FROM t ORDER BY id"),
                             [("1", "t", "t"), ("2", "f", "other")])

    def test_a_csv_column_without_values_loads_into_any_type(self):
        self.destination.query("CREATE TABLE t (id bigint, day date, amount numeric(10,2), at timestamptz)")
        self.write_csv("t.csv", ["id", "day", "amount", "at"], [(1, None, None, None), (2, None, None, None)])
        self.run_ok(self.from_files(name="nulls"))
        self.assertEqual(self.destination.query("SELECT * FROM t ORDER BY id"), [("1", None, None, None), ("2", None, None, None)])


harness.main() if __name__ == "__main__" else None
