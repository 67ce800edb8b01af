"""The tables of the PostgreSQL benchmark, made by the server itself from generate_series(), always the same."""

# Eight mixed columns with nulls, about 94 bytes a row in COPY's binary form.
NARROW_COLUMNS = """
  id bigint NOT NULL, account integer NOT NULL, amount numeric(12,2), rate double precision, active boolean NOT NULL,
  created_at timestamp with time zone NOT NULL, name text NOT NULL, note character varying(40)"""

NARROW_ROWS = """
  SELECT i, ((hash >> 8) & 1048575)::integer,
         CASE WHEN i % 20 = 0 THEN NULL ELSE ((hash & 1073741823)::numeric / 100)::numeric(12,2) END,
         CASE WHEN i % 17 = 0 THEN NULL ELSE (hash & 16777215) / 7.0 END::double precision,
         hash % 3 = 0, timestamptz '2024-01-01 00:00:00+00' + i * interval '1.000001 s',
         'customer-' || (hash & 65535), CASE WHEN i % 3 = 0 THEN NULL ELSE 'note ' || (hash & 4095) END
  FROM (SELECT i, abs(hashint8extended(i, 42) % 4611686018427387904) AS hash FROM generate_series({first}::bigint, {last}::bigint) AS i) AS r"""

# The shape of TPC-H's lineitem; values are hashed, not the specification's.
LINEITEM_COLUMNS = """
  l_orderkey bigint NOT NULL, l_partkey bigint NOT NULL, l_suppkey bigint NOT NULL, l_linenumber integer NOT NULL,
  l_quantity numeric(15,2) NOT NULL, l_extendedprice numeric(15,2) NOT NULL, l_discount numeric(15,2) NOT NULL, l_tax numeric(15,2) NOT NULL,
  l_returnflag character(1) NOT NULL, l_linestatus character(1) NOT NULL, l_shipdate date NOT NULL, l_commitdate date NOT NULL,
  l_receiptdate date NOT NULL, l_shipinstruct character(25) NOT NULL, l_shipmode character(10) NOT NULL, l_comment character varying(44) NOT NULL"""

LINEITEM_ROWS = """
  SELECT i / 4 * 8, hash % 200000, hash % 10000, (i % 4 + 1)::integer, (hash % 50 + 1)::numeric, (hash % 10000000)::numeric / 100,
         (hash % 11)::numeric / 100, (hash % 9)::numeric / 100, (ARRAY['A', 'N', 'R'])[hash % 3 + 1], (ARRAY['F', 'O'])[hash % 2 + 1],
         date '1992-01-02' + (hash % 2500)::integer, date '1992-01-31' + (hash % 2450)::integer, date '1992-01-04' + (hash % 2540)::integer,
         (ARRAY['DELIVER IN PERSON', 'COLLECT COD', 'NONE', 'TAKE BACK RETURN'])[hash % 4 + 1],
         (ARRAY['REG AIR', 'AIR', 'RAIL', 'SHIP', 'TRUCK', 'MAIL', 'FOB'])[hash % 7 + 1],
         substr('carefully final deposits detect slyly among the furiously regular', (hash % 20 + 1)::integer, (hash % 34 + 10)::integer)
  FROM (SELECT i, abs(hashint8extended(i, 7) % 4611686018427387904) AS hash FROM generate_series({first}::bigint, {last}::bigint) AS i) AS r"""

# Values that are read as texts: documents and labels.
DOCUMENTS_COLUMNS = """
  id bigint NOT NULL, document jsonb NOT NULL, labels text[] NOT NULL, sizes integer[], address inet, changed_at timestamp with time zone NOT NULL"""

DOCUMENTS_ROWS = """
  SELECT i, jsonb_build_object('customer', hash & 65535, 'name', 'customer-' || (hash & 65535), 'active', hash % 3 = 0, 'rate', (hash & 16777215) / 7.0),
         ARRAY['label-' || (hash & 255), 'two words', (ARRAY['red', 'green', 'blue'])[hash % 3 + 1]],
         CASE WHEN i % 5 = 0 THEN NULL ELSE ARRAY[(hash & 1023)::integer, (hash & 65535)::integer] END,
         CASE WHEN i % 3 = 0 THEN NULL ELSE '10.0.0.0'::inet + (hash & 16777215) END,
         timestamptz '2024-01-01 00:00:00+00' + i * interval '1.000001 s'
  FROM (SELECT i, abs(hashint8extended(i, 11) % 4611686018427387904) AS hash FROM generate_series({first}::bigint, {last}::bigint) AS i) AS r"""

TABLES = {"narrow": (NARROW_COLUMNS, NARROW_ROWS), "lineitem": (LINEITEM_COLUMNS, LINEITEM_ROWS), "documents": (DOCUMENTS_COLUMNS, DOCUMENTS_ROWS)}


def create(name, table=None):
    """SQL that makes the empty table `table` (default: `name`) of the shape `name`."""
    return f"CREATE TABLE {table or name} ({TABLES[name][0]})"


def fill(name, first, last, table=None):
    """SQL that inserts rows number first..last."""
    return f"INSERT INTO {table or name} " + TABLES[name][1].format(first=first, last=last)
