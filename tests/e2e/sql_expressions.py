"""What the engine in the sandbox and native DuckDB have to answer alike (test_sql_oracle.py): expressions over the table that sql_oracle.py makes, one per line
(functions that end in the C library's mathematics are rounded, which may differ in the last digit),
and queries over all of its rows.

Columns: id; i8 i16 i32 i64 u8 u32 u64 (integers with their limits); f32 f64; dec2 (12, 2), dec6 (18, 6), dec0 (38, 0); b; s (any text), w (words), n (texts of numbers); d; t; ts; tz;
iv; x (bytes); j (JSON)."""

EXPRESSIONS = """
i8 + 1::INTEGER
i16 * 3
i32 - i16
i32 * i16::BIGINT
i64 + 1
i64 * i64
-i8
abs(i16)
abs(i8)
i32 / 7
i32 // 7
i32 % 7
-17 % i8
i32 // nullif(i8, 0)
i32 / nullif(i8, 0)
i32 % nullif(i16, 0)
u8 - 1::INTEGER
u8 - 200::UTINYINT
u64 // 3
u64 % 1000003
u32 << 3::UINTEGER
i64 >> 5
i32 << 2
i32 & 255
i32 | 4096
xor(i32, 12345)
~i64
bit_count(i64)
sign(i32)
sign(f64)
gcd(i32, i16)
lcm(i16, i8)
factorial((u8 % 20)::INTEGER)
greatest(i8, i16, i32)
least(i8, u8, i16)
i64::HUGEINT * i64
i64::HUGEINT * u64 % 1000000007
u64::UHUGEINT + 1
hex(u64)
bin(u8)
hex(i32)
to_base(u32, 36)
i64::BIT
f64 + f32
f64 * 3.25
f64 / nullif(f32, 0)
f64 - i32
isnan(f64)
isinf(f32)
isfinite(f64)
abs(f64)
ceil(f64)
floor(f64)
trunc(f64)
round(f64, 2)
round(f64, -2)
round_even(f64, 1)
even(f64)
sqrt(abs(f64))
round(cbrt(f64), 4)
round(ln(abs(f64) + 1), 12)
round(log2(abs(f64) + 1), 12)
round(log10(abs(f64) + 1), 12)
round(exp(f64 / 1e4), 8)
round(pow(abs(f64) + 1, 0.37), 10)
round(sin(f64 % 100), 12)
round(cos(f64 % 100), 12)
round(tan(f64 % 1), 10)
round(atan(f64), 12)
round(atan2(f64, f32), 12)
round(asin(sin(f64 % 1)), 10)
round(sinh(f64 % 3), 10)
round(tanh(f64 % 3), 12)
degrees(f64)
radians(f64)
pi()
nextafter(f64, 1e300)
signbit(f64)
f32::DOUBLE
f64::FLOAT
f64::INTEGER
f64::BIGINT
f64::SMALLINT
f64::DECIMAL(18, 3)
f32::DECIMAL(9, 4)
f64::VARCHAR
f32::VARCHAR
dec2 + dec6
dec2 * dec2
dec2 * 1.19
dec6 * dec2
dec2 / 3
dec2 / nullif(dec6, 0)
dec2 % 7
dec2 // 7
round(dec6, 3)
ceil(dec2)
floor(dec6)
abs(dec0)
-dec2
dec0 + 1
dec0::BIGINT
dec2::DOUBLE
dec6::VARCHAR
dec6::DECIMAL(9, 2)
dec2::INTEGER
dec0 % 1000
dec0 > i64
dec2 = dec6
dec2 BETWEEN -10 AND 1000.5
format('{:.3f}', dec6::DOUBLE)
b AND i32 > 0
b OR i8 IS NULL
NOT b
b::INTEGER
xor(b::INTEGER, 1)
CASE WHEN b THEN i32 WHEN i8 > 0 THEN -1 ELSE 0 END
CASE i8 % 3 WHEN 0 THEN 'zero' WHEN 1 THEN 'one' END
coalesce(i8, i16, i32, 0)
nullif(i8, 1)
ifnull(s, 'none')
if(b, s, w)
i8 IS DISTINCT FROM i16
i8 IN (1, 2, 3, NULL)
i8 NOT IN (1, 2, 3)
i32 IS NULL
i32 BETWEEN i8 AND i16
(i8, i16) < (i16, i8)
length(s)
strlen(s)
upper(s)
lower(s)
reverse(s)
left(s, 3)
right(s, 3)
left(s, -2)
substring(s, 2, 3)
substring(s, -3)
s[2:4]
substring_grapheme(s, 1, 2)
left_grapheme(s, 2)
length_grapheme(s)
lpad(s, 12, '*')
rpad(s, 12, 'ab')
repeat(w, 3)
replace(s, 'a', 'öö')
translate(s, 'abc', 'xy')
trim(s)
ltrim(s, 'a ')
rtrim(s, ' z')
split_part(w, ' ', 2)
string_split(w, ' ')
string_split_regex(w, '[aeiou]+')
array_to_string(string_split(w, ' '), '|')
list_reverse(string_split(w, ' '))
regexp_matches(s, '[0-9]+')
regexp_full_match(w, '[a-z ]*')
regexp_replace(s, '[aeiou]', '_', 'g')
regexp_replace(w, '(\\w+) (\\w+)', '\\2 \\1')
regexp_extract(s, '([a-z])([a-z])', 2)
regexp_extract_all(s, '[a-z]{2}')
regexp_split_to_array(w, ' +')
regexp_escape(s)
s LIKE '%a%'
s LIKE '_a%'
s NOT LIKE '%\\%%' ESCAPE '\\'
s ILIKE '%A%ö%'
s SIMILAR TO '[a-z]+.*'
s GLOB '*[0-9]*'
contains(s, w[1:2])
starts_with(s, 'a')
ends_with(s, 'e')
suffix(s, 'z')
prefix(s, 'ä')
position('a' IN s)
instr(s, 'b')
ascii(s)
ord(s)
unicode(s)
chr(65 + u8 % 26)
md5(s)
sha1(s)
sha256(s)
hash(s)
hash(i64)
hash(f64)
hash(dec2)
hash(ts)
hash(i8, s)
levenshtein(w, left(w, 3))
damerau_levenshtein(w, reverse(w))
jaccard(w || 'a', s || 'b')
jaro_similarity(w, s)
jaro_winkler_similarity(w, s)
hamming(w, reverse(w))
concat(s, i32, NULL, d)
concat_ws('-', s, i8, w)
s || '/' || w
format('{} {:>8} {:x}', w, i32, u32)
printf('%s|%05d|%.2f', w, i16, f32)
to_base64(x)
from_base64(to_base64(x))
hex(x)
unhex(hex(x))
encode(s)
decode(encode(s))
octet_length(x)
x || x
base64(encode(s))
url_encode(s)
url_decode(url_encode(s))
strip_accents(s)
nfc_normalize(s)
s COLLATE NOCASE < w
s COLLATE NOACCENT = w
icu_sort_key(s, 'de')
s COLLATE de < w COLLATE de
parse_path('/a/' || w || '/c.csv')
parse_filename('/a/' || w || '.csv', true)
parse_dirpath('/a/b/' || w)
bar(u8, 0, 255, 10)
ltrim(w) || rtrim(w)
s < w
s > 'm'
greatest(s, w)
starts_with(w, NULL)
length(string_split(s, 'a'))
list_extract(string_split(w, ' '), 1)
n::INTEGER
n::BIGINT
n::DOUBLE
n::DECIMAL(18, 4)
n::BOOLEAN
n::DATE
n::TIMESTAMP
n::TIME
n::HUGEINT
n::UTINYINT
try_cast(s AS INTEGER)
try_cast(w AS DOUBLE)
d + 1
d - 400
d - DATE '2000-01-01'
d + INTERVAL 1 MONTH
d - iv
ts + iv
ts - iv
tz + iv
ts - TIMESTAMP '2000-01-01 12:00:00'
t + INTERVAL 90 MINUTE
d + t
ts::DATE
ts::TIME
tz::DATE
tz::TIMESTAMP
ts::TIMESTAMPTZ
date_part('year', d)
date_part('month', ts)
date_part('day', ts)
date_part('hour', tz)
date_part('minute', t)
date_part('second', ts)
date_part('millisecond', ts)
date_part('microsecond', ts)
date_part('epoch', ts)
date_part('dow', d)
date_part('isodow', d)
date_part('doy', d)
date_part('week', d)
date_part('quarter', d)
date_part('isoyear', d)
date_part('yearweek', d)
date_part('decade', d)
date_part('century', d)
date_part('millennium', d)
date_part('era', d)
date_part('julian', ts)
date_part('timezone', tz)
date_part(['year', 'month', 'day'], d)
extract('day' FROM iv)
extract('hour' FROM iv)
date_trunc('month', d)
date_trunc('week', ts)
date_trunc('quarter', tz)
date_trunc('hour', ts)
date_trunc('millisecond', ts)
date_trunc('day', iv)
date_diff('day', d, DATE '2024-02-29')
date_diff('month', ts, TIMESTAMP '2024-02-29 01:02:03')
date_diff('week', d, DATE '2024-02-29')
date_diff('hour', tz, TIMESTAMPTZ '2024-02-29 01:02:03+02')
date_sub('month', ts, TIMESTAMP '2024-02-29 01:02:03')
age(ts, TIMESTAMP '2001-02-03 04:05:06')
last_day(d)
dayname(d)
monthname(d)
strftime(ts, '%Y-%m-%d %H:%M:%S.%f %j %a %b %y %I %p %W %U %u %w %x %X %c %g %G %V')
strftime(d, '%d.%m.%Y')
strptime(strftime(ts, '%d/%m/%Y %H:%M'), '%d/%m/%Y %H:%M')
try_strptime(n, '%Y-%m-%d')
make_date(2000 + u8 % 50, 1 + u8 % 12, 1 + u8 % 28)
make_time(u8 % 24, u8 % 60, f32 % 60 * 0)
make_timestamp(2000, 1 + u8 % 12, 3, u8 % 24, 5, 6.25)
make_timestamptz(2000, 1 + u8 % 12, 3, u8 % 24, 5, 6.25, 'Europe/Berlin')
epoch(ts)
epoch_ms(ts)
epoch_us(tz)
epoch_ns(d)
to_timestamp(i32)
to_days(i16)
to_months(i8)
to_seconds(i32)
time_bucket(INTERVAL 7 DAY, d)
time_bucket(INTERVAL 15 MINUTE, ts)
tz AT TIME ZONE 'Europe/Berlin'
ts AT TIME ZONE 'America/New_York'
timezone('Asia/Kolkata', tz)
date_trunc('day', tz AT TIME ZONE 'Pacific/Auckland')
strftime(tz AT TIME ZONE 'Europe/London', '%H:%M')
isfinite(d)
iv + iv
iv * 3
iv > INTERVAL 1 DAY
-iv
datepart('month', iv)
normalized_interval(iv)
ts < d
d = ts::DATE
century(d)
weekofyear(d)
json_valid(j)
json_type(j)
json_extract(j, '$.a')
j->'a'
j->>'$.b'
json_extract_string(j, '$.c[1]')
json_extract(j, ['$.a', '$.c'])
json_extract(j, '$.c[*]')
json_array_length(j, '$.c')
json_keys(j)
json_structure(j)
json_contains(j, '1')
json_exists(j, '$.b')
json_merge_patch(j, '{"a": null, "z": 1}')
json_pretty(j)
json_transform(j, '{"a": "INTEGER", "b": "VARCHAR"}')
from_json(j, '{"c": ["DOUBLE"]}')
to_json({'i': i32, 's': s, 'd': d})
json_object('k', s, 'v', i64)
json_array(i8, s, b)
row_to_json({'w': w, 'dec': dec2})
(j::JSON->'c')::VARCHAR
json_value(j, '$.b')
[i8, i16, NULL]
list_value(s, w)
list_sort([i8::INTEGER, i16::INTEGER, i32])
list_sort([s, w, 'm'], 'DESC', 'NULLS LAST')
list_distinct([u8 % 3, u8 % 2, 1])
list_sum([i8, i16])
list_avg([f32, f64])
list_aggregate([i8, i16, i32], 'max')
list_transform(string_split(w, ' '), lambda v: upper(v))
list_filter([i8, i16, 0], lambda v: v > 0)
list_reduce([i8::BIGINT, i16, 1], lambda a, v: a + v)
list_contains([i8, 1, 2], 1)
list_position([i8, 1, 2], 2)
list_concat([i8], [i16])
list_slice([1, 2, 3, 4, i8], 2, 4)
list_zip([i8, 1], [s, 'x'])
flatten([[i8], [i16, 1]])
range(u8 % 5)
generate_series(1, u8 % 4)
len([i8, i16])
array_value(i8, i16)
array_inner_product([ifnull(f32, 1), 1.0::FLOAT]::FLOAT[2], [2.0::FLOAT, 1.5]::FLOAT[2])
list_cosine_similarity([1.0, 2.0], [2.0, 1.0])
[y * 2 FOR y IN [u8::INTEGER, 1, 2] IF y > 1]
struct_pack(a := i8, b := s)
struct_extract({'a': i8, 'b': s}, 'b')
{'a': {'b': i16}}.a.b
struct_insert({'a': i8}, b := w)
map([ifnull(w, 'x'), 'k'], [i8, 1])
map {'a': i8, 'b': 2}['a']
map_keys(map {'a': i8})
map_entries(map {'a': i8})
cardinality(map {'a': i8, 'b': 1})
union_value(k := i8)
typeof(i32 + u32)
typeof(dec2 * dec6)
typeof(d - d)
typeof([i8, i32])
(i64::VARCHAR || 'x')::VARCHAR
i64::UUID IS NULL OR true
md5(s)::UUID
x::VARCHAR
s::BLOB
t::VARCHAR
iv::VARCHAR
tz::VARCHAR
ts::VARCHAR
ts::VARCHAR::DATE
current_setting('TimeZone')
bitstring(bin(u8), 16)
get_bit('0110'::BIT, 1)
bit_length(s)
set_bit('0110'::BIT, 0, 1)
equi_width_bins(0, 100, 5, true)
formatReadableSize(u32)
format_bytes((u64 // 2)::BIGINT)
to_binary(u8)
mod(i32, 13)
fdiv(i32, 7)
fmod(f64, 3)
add(i8::INTEGER, i16::INTEGER)
multiply(i16::INTEGER, 3)
log(2, abs(f64) + 1) > 3
"""

# All rows at once; each has an order of its own.
WHOLE = """
SELECT count(*) AS a, count(i8) AS b, count(DISTINCT i8) AS c, count(DISTINCT s) AS d FROM input
SELECT sum(i32) AS a, sum(i64) AS b, sum(dec2) AS c, sum(dec6) AS d, avg(i32) AS e, avg(dec2) AS f FROM input
SELECT min(i8) AS a, max(i64) AS b, min(s) AS c, max(w) AS d, min(d) AS e, max(tz) AS f, min(iv) AS g, max(dec0) AS h FROM input
SELECT round(sum(f32::DOUBLE), 3) AS a, fsum(f32) AS b, favg(f32) AS c, round(stddev(i16), 9) AS d, round(var_pop(i8), 9) AS e FROM input WHERE isfinite(f32)
SELECT round(corr(i8, i16), 10) AS a, round(covar_pop(i8, i16), 8) AS b, round(regr_slope(i16, i8), 10) AS c, round(regr_r2(i16, i8), 10) AS d FROM input
SELECT median(i32) AS a, quantile_cont(i32, 0.25) AS b, quantile_disc(i32, [0.1, 0.9]) AS c, mad(i16) AS d, mode(u8 % 7) AS e FROM input
SELECT bool_and(b) AS a, bool_or(b) AS b, bit_and(u8) AS c, bit_or(u32) AS d, bit_xor(i64) AS e FROM input
SELECT string_agg(w, ',' ORDER BY id) AS a FROM input WHERE id < 100
SELECT list(i8 ORDER BY id) AS a, list(DISTINCT u8 % 5 ORDER BY u8 % 5) AS b FROM input WHERE id < 200
SELECT histogram(u8 % 4) AS a, round(entropy(u8 % 4), 10) AS b, round(skewness(i8), 9) AS c, round(kurtosis(i8), 9) AS d FROM input
SELECT arg_max(s, id) AS a, arg_min(w, i64) AS b, arg_max(w, i32, 3) AS c, first(s ORDER BY id) AS d, last(s ORDER BY id) AS e FROM input
SELECT approx_count_distinct(i64) AS a, approx_quantile(i32, 0.5) AS b, reservoir_quantile(1, 0.5) AS c FROM input
SELECT u8 % 10 AS k, count(*) AS n, sum(dec2) AS a, min(s) AS m FROM input GROUP BY k ORDER BY k
SELECT w, count(*) AS n FROM input GROUP BY w HAVING count(*) > 1 ORDER BY n DESC, w
SELECT b, u8 % 3 AS k, count(*) AS n FROM input GROUP BY GROUPING SETS ((b), (k), ()) ORDER BY ALL
SELECT b, u8 % 3 AS k, sum(i32) AS n FROM input GROUP BY ROLLUP (b, k) ORDER BY ALL
SELECT b, u8 % 3 AS k, grouping(b, k) AS g, sum(i32) AS n FROM input GROUP BY CUBE (b, k) ORDER BY ALL
SELECT DISTINCT u8 % 20 AS k, b FROM input ORDER BY ALL
SELECT DISTINCT ON (u8 % 10) u8 % 10 AS k, id FROM input ORDER BY k, id
SELECT id, row_number() OVER (ORDER BY i32, id) AS a, rank() OVER (ORDER BY i8) AS b, dense_rank() OVER (ORDER BY i8) AS c FROM input ORDER BY id
SELECT id, percent_rank() OVER (ORDER BY i8) AS a, cume_dist() OVER (ORDER BY i8) AS b, ntile(7) OVER (ORDER BY id) AS c FROM input ORDER BY id
SELECT id, lag(i32, 2, 0) OVER (ORDER BY id) AS a, lead(s) OVER (PARTITION BY b ORDER BY id) AS b, first_value(w) OVER (PARTITION BY u8 % 3 ORDER BY id) AS c FROM input ORDER BY id
SELECT id, sum(i16) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND 1 FOLLOWING) AS a, max(i32) OVER (ORDER BY d RANGE BETWEEN INTERVAL 30 DAY PRECEDING AND CURRENT ROW) AS b FROM input WHERE isfinite(d) OR d IS NULL ORDER BY id
SELECT id, nth_value(i8, 3) OVER w AS a, last_value(i8 IGNORE NULLS) OVER w AS b, count(*) OVER w AS c FROM input WINDOW w AS (PARTITION BY u8 % 5 ORDER BY id) ORDER BY id
SELECT id, sum(dec2) OVER (PARTITION BY b ORDER BY id ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE CURRENT ROW) AS a FROM input ORDER BY id LIMIT 500
SELECT id, i32 FROM input QUALIFY row_number() OVER (PARTITION BY u8 % 8 ORDER BY i32 DESC, id) <= 2 ORDER BY id
SELECT id, s FROM input ORDER BY s COLLATE NOCASE, id LIMIT 300
SELECT id, s FROM input ORDER BY s COLLATE de, id LIMIT 300
SELECT id, f64 FROM input ORDER BY f64 DESC NULLS LAST, id
SELECT id FROM input ORDER BY tz NULLS FIRST, iv, dec6 DESC, id OFFSET 100 LIMIT 400
WITH t AS MATERIALIZED (SELECT * FROM input) SELECT a.id, b.id AS other FROM t a JOIN t b ON a.id = b.id + 1 AND a.b = b.b ORDER BY ALL
WITH t AS MATERIALIZED (SELECT * FROM input WHERE id < 300) SELECT a.id, count(b.id) AS n FROM t a LEFT JOIN t b ON a.i8 < b.i8 AND b.u8 > 100 GROUP BY a.id ORDER BY a.id
WITH t AS MATERIALIZED (SELECT * FROM input) SELECT id FROM t WHERE i32 > (SELECT avg(i32) FROM t) ORDER BY id
WITH t AS MATERIALIZED (SELECT * FROM input WHERE id < 400) SELECT id, (SELECT max(i32) FROM t u WHERE u.u8 % 5 = t.u8 % 5 AND u.id < t.id) AS m FROM t ORDER BY id
WITH t AS MATERIALIZED (SELECT * FROM input) SELECT u8 % 3 AS k FROM t WHERE b UNION SELECT u8 % 4 FROM t WHERE NOT b ORDER BY ALL
WITH t AS MATERIALIZED (SELECT * FROM input) SELECT i8 FROM t EXCEPT SELECT i8 FROM t WHERE b ORDER BY ALL
WITH t AS MATERIALIZED (SELECT * FROM input) SELECT i8 FROM t WHERE b INTERSECT ALL SELECT i8 FROM t WHERE NOT b ORDER BY ALL
WITH t AS MATERIALIZED (SELECT id, d, i32 FROM input WHERE d IS NOT NULL AND isfinite(d)) SELECT a.id, b.id AS before FROM (SELECT * FROM t WHERE id % 2 = 0) a ASOF JOIN (SELECT * FROM t WHERE id % 2 = 1 ) b ON a.id > b.id ORDER BY a.id
WITH RECURSIVE r(n, x) AS (SELECT 1, 1::BIGINT UNION ALL SELECT n + 1, x * 2 FROM r WHERE n < 40) SELECT n, x, (SELECT count(*) FROM input) AS c FROM r ORDER BY n
SELECT id, unnest(string_split(w, ' ')) AS word FROM input ORDER BY ALL
SELECT k, v FROM (UNPIVOT (SELECT id, i8::BIGINT AS i8, i16::BIGINT AS i16, i32::BIGINT AS i32 FROM input WHERE id < 200) ON i8, i16, i32 INTO NAME k VALUE v) ORDER BY ALL
SELECT sum(CASE WHEN b THEN 1 ELSE 0 END) FILTER (WHERE i8 > 0) AS a, count(*) FILTER (WHERE s IS NULL) AS n FROM input
SELECT date_trunc('month', d) AS m, count(*) AS n, max(ts) AS l FROM input WHERE isfinite(d) GROUP BY ALL ORDER BY ALL
SELECT dec2, count(*) AS n FROM input GROUP BY dec2 ORDER BY ALL
SELECT s, w, count(*) AS n, sum(i32) AS t FROM input GROUP BY s, w ORDER BY ALL
SELECT x, tz, iv, count(*) AS n FROM input GROUP BY ALL ORDER BY ALL
"""

Q1 = """SELECT l_returnflag, l_linestatus, sum(l_quantity) AS sum_qty, sum(l_extendedprice) AS sum_base_price,
  sum(l_extendedprice * (1 - l_discount)) AS sum_disc_price, sum(l_extendedprice * (1 - l_discount) * (1 + l_tax)) AS sum_charge, avg(l_quantity) AS avg_qty,
  avg(l_extendedprice) AS avg_price, avg(l_discount) AS avg_disc, count(*) AS count_order
FROM input WHERE l_shipdate <= DATE '1998-12-01' - INTERVAL 90 DAY GROUP BY l_returnflag, l_linestatus ORDER BY l_returnflag, l_linestatus"""

Q6 = """SELECT sum(l_extendedprice * l_discount) AS revenue FROM input
WHERE l_shipdate >= DATE '1994-01-01' AND l_shipdate < DATE '1995-01-01' AND l_discount BETWEEN 0.05 AND 0.07 AND l_quantity < 24"""


def lines(text):
    return [line for line in text.strip().splitlines() if line]


def as_text(expressions):
    """A query that gives each of the expressions as text, so that nothing but the engine decides what a value is; null where it fails."""
    return "SELECT id, " + ", ".join(f"CAST(TRY({expression}) AS VARCHAR) AS e{i}" for i, expression in enumerate(expressions)) + " FROM input"


def all_as_text(query):
    return f"SELECT CAST(COLUMNS(*) AS VARCHAR) FROM ({query})"
