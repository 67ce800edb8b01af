"""A table with every kind of value that a file can hold, made from a seed, so that every run sees the same rows."""
import datetime
import decimal
import random

COLUMNS = ["id", "zip", "name", "amount", "ratio", "active", "born", "seen_at", "visits", "note"]
KINDS = ["int", "text", "text", "decimal", "float", "bool", "date", "timestamp", "int", "text"]

_NAMES = ["Ada", "Grace", "Çağla", "李雷", "O'Neill", 'Jo "Joe" Doe', "Smith, John", "line\nbreak", "tab\tstop", "é́"]


def rows(count, seed=1, first=0):
    """`count` rows with ids from `first`. The first rows hold the extreme values, so that type inference sees them."""
    generator = random.Random(seed)
    result = []
    for i in range(first, first + count):
        result.append((
            # 19 digits: no double holds them.
            9_000_000_000_000_000_000 + i,
            f"{generator.randrange(100_000):05}",
            generator.choice(_NAMES) + f" {i}",
            decimal.Decimal(generator.randrange(-10**12, 10**12)).scaleb(-2),
            generator.uniform(-1e6, 1e6),
            generator.random() < 0.5,
            datetime.date(1950, 1, 1) + datetime.timedelta(days=generator.randrange(30_000)),
            datetime.datetime(2020, 1, 1, tzinfo=datetime.timezone.utc)
            + datetime.timedelta(microseconds=generator.randrange(10**14)),
            None if generator.random() < 0.3 else generator.randrange(1000),
            None if generator.random() < 0.1 else "" if generator.random() < 0.1 else "NA, maybe" * generator.randrange(1, 4),
        ))
    return result


def changed(row, seed):
    """The same key with other values."""
    generator = random.Random(f"{seed}-{row[0]}")
    return (row[0], row[1], row[2] + " (changed)", row[3] + 1, row[4], not row[5], row[6], row[7], generator.randrange(1000),
            None)
