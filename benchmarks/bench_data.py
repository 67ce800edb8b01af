"""The benchmark's CSV file: 10 mixed columns, the same bytes on every machine, kept in build/bench-data."""
import datetime
import os
import random

COLUMNS = ["id", "zip", "name", "amount", "ratio", "active", "born", "seen_at", "visits", "note"]
# Changes when the bytes change, so that an old file is not mistaken for the new one.
VERSION = 2
# Not a divisor of any block size, so that no reader benefits from the repetition. Ids never repeat.
DISTINCT_ROWS = 199_999

_FIRST = ["Ada", "Grace", "Alan", "Edsger", "Barbara", "Donald", "Margaret", "Dennis", "Frances", "Ken"]
_LAST = ["Lovelace", "Hopper", "Turing", "Dijkstra", "Liskov", "Knuth", "Hamilton", "Ritchie", "Allen", "Thompson"]
_NOTES = ["called back, no answer", "paid in full", "asked for \"\"express\"\" delivery, twice", "new address, see file",
          "prefers mail", "returned, damaged box", "gift, wrap it"]


def _row_endings():
    generator = random.Random(20240229)
    start = datetime.datetime(2021, 1, 1)
    for _ in range(DISTINCT_ROWS):
        seen = start + datetime.timedelta(microseconds=generator.randrange(10**14))
        born = datetime.date(1940, 1, 1) + datetime.timedelta(days=generator.randrange(25_000))
        visits = "" if generator.random() < 0.25 else str(generator.randrange(5000))
        note = "" if generator.random() < 0.2 else f'"{generator.choice(_NOTES)}"'
        amount = generator.randrange(-10_000_000, 100_000_000)
        yield (f",{generator.randrange(100_000):05},{generator.choice(_FIRST)} {generator.choice(_LAST)},"
               f"{'-' if amount < 0 else ''}{abs(amount) // 100}.{abs(amount) % 100:02},{generator.uniform(0, 1) * 10.0**generator.randrange(-9, 9)!r},"
               f"{'true' if generator.random() < 0.6 else 'false'},{born},{seen.isoformat(timespec='microseconds')},"
               f"{visits},{note}\n")


def write(folder, megabytes):
    """The path and the number of rows of a file of at least `megabytes` (10^6 bytes); made if it is not there yet."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, f"mixed-v{VERSION}-{megabytes}mb.csv")
    count_path = path + ".rows"
    if os.path.exists(count_path):
        with open(count_path, encoding="ascii") as count:
            return path, int(count.read())
    # In a separate process: its memory would otherwise be counted for every program that is measured later, since a child begins with its parent's
    # peak.
    maker = os.fork()
    if maker == 0:
        try:
            _make(path, count_path, megabytes)
        finally:
            os._exit(0)
    os.waitpid(maker, 0)
    with open(count_path, encoding="ascii") as count:
        return path, int(count.read())


def _make(path, count_path, megabytes):
    endings = list(_row_endings())
    wanted, written, rows = megabytes * 1_000_000, 0, 0
    first_id = 7_000_000_000_000
    partial = path + ".partial"
    with open(partial, "w", encoding="ascii", newline="", buffering=1 << 20) as out:
        written += out.write(",".join(COLUMNS) + "\n")
        while written < wanted:
            block = "".join(f"{first_id + rows + i}{ending}" for i, ending in enumerate(endings[:50_000]))
            endings = endings[50_000:] + endings[:50_000]
            written += out.write(block)
            rows += 50_000
    os.replace(partial, path)
    with open(count_path, "w", encoding="ascii") as count:
        count.write(str(rows))
