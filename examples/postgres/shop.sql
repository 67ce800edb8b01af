-- A small shop for the pipelines of this folder: 10,000 orders of 500 customers.
CREATE TABLE customers (
  id integer PRIMARY KEY,
  name text NOT NULL,
  joined date NOT NULL,
  settings jsonb
);
CREATE TABLE orders (
  id bigint PRIMARY KEY,
  customer_id integer NOT NULL REFERENCES customers,
  amount numeric(12,2) NOT NULL,
  tags text[],
  changed_at timestamptz NOT NULL
);
-- An incremental run looks for rows beyond the last cursor: with this index it finds them at once.
CREATE INDEX ON orders (changed_at, id);

INSERT INTO customers
SELECT i, 'customer ' || i, date '2020-01-01' + i, CASE WHEN i % 3 = 0 THEN jsonb_build_object('newsletter', i % 2 = 0) END
FROM generate_series(1, 500) AS i;

INSERT INTO orders
SELECT i, 1 + i % 500, (i * 7919 % 100000)::numeric / 100, CASE WHEN i % 4 = 0 THEN ARRAY['gift', 'express'] END,
       timestamptz '2024-01-01 00:00:00+00' + i * interval '7 minutes'
FROM generate_series(1, 10000) AS i;
