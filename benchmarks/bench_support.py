"""What the benchmarks share: running and measuring a command, figures with their targets, the machine, the printed table."""
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LIMIT_MIB = 128


class Measured:
    """One finished child: wall seconds, CPU seconds, peak resident bytes, stdout."""

    def __init__(self, seconds, cpu, peak, out):
        self.seconds, self.cpu, self.peak, self.out = seconds, cpu, peak, out


def measure(command, stdin=None, environment=None):
    """Runs `command` to its end. posix_spawn and wait4 cost well under a millisecond and tell the peak memory."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, open(stdin or os.devnull, "rb") as source:
        actions = [(os.POSIX_SPAWN_DUP2, source.fileno(), 0), (os.POSIX_SPAWN_DUP2, out.fileno(), 1),
                   (os.POSIX_SPAWN_DUP2, err.fileno(), 2)]
        began = time.perf_counter()
        pid = os.posix_spawnp(command[0], command, environment or os.environ, file_actions=actions)
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - began
        out.seek(0)
        err.seek(0)
        if status != 0:
            sys.exit(f"bench: {' '.join(command)} failed ({os.waitstatus_to_exitcode(status)}):\n{err.read().decode()}")
        return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, out.read().decode())


class Figures:
    """The figures of one run, in order."""

    def __init__(self):
        self.lines = []

    def add(self, name, value, unit, target, met, floor=None, ratio=None, note=""):
        if ratio is None and floor:
            ratio = value / floor
        line = {"name": name, "value": round(value, 3), "unit": unit, "floor": None if floor is None else round(floor, 3),
                "ratio": None if ratio is None else round(ratio, 3), "target": target, "met": bool(met)}
        if note:
            line["note"] = note
        self.lines.append(line)
        print(f"  {name}: {value:.3g} {unit}, target {target}: {'met' if met else 'MISSED'}", file=sys.stderr)

    def all_met(self):
        return all(line["met"] for line in self.lines)


def machine(**settings):
    """What the figures were measured on; no names and no paths."""
    model, memory = platform.processor() or platform.machine(), 0
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        found = re.search(r"^model name\s*: (.*)$", lines.read(), re.MULTILINE)
        model = found.group(1) if found else model
    with open("/proc/meminfo", encoding="utf-8") as lines:
        memory = int(re.search(r"MemTotal:\s+(\d+)", lines.read()).group(1)) // 1024
    commit = subprocess.run(["git", "-C", HERE, "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return {"name": "machine", "cpu": model, "cores": os.cpu_count(), "memory_mib": memory, "kernel": platform.release(),
            "load_before": round(os.getloadavg()[0], 2), "date": time.strftime("%Y-%m-%d", time.gmtime()),
            "commit": commit.stdout.strip(), **settings}


def print_table(note, figures):
    print(f"\n{note['cpu']}, {note['cores']} cores, {note['memory_mib']} MiB, Linux {note['kernel']}, {note['date']}, "
          f"commit {note['commit']}, load before {note['load_before']}\n")
    rows = [("figure", "value", "floor", "ratio", "target", "")]
    for line in figures:
        show = lambda value, unit="": "" if value is None else f"{value:.4g} {unit}".strip()
        rows.append((line["name"], show(line["value"], line["unit"]), show(line["floor"]), show(line["ratio"]), line["target"],
                     "met" if line["met"] else "MISSED"))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
    for line in figures:
        if "note" in line:
            print(f"  {line['name']}: {line['note']}")


def write_results(file, note, figures):
    """The machine first, then one JSON line per figure."""
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "w", encoding="utf-8") as out:
        for line in [note] + figures:
            out.write(json.dumps(line) + "\n")
