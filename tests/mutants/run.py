"""Seeded bugs: plants one bug at a time into a copy of the sources, builds what it touches, and asks the tests of CI whether they notice.

`./dev test --mutants [NAME...]` runs all of mutants.toml, or those named, and prints a matrix: which test caught which bug. A bug that no test
catches, and one that can no longer be planted, fail the run. `--check` only looks whether each bug can still be planted and whether the tests named for it exist; CI runs that.
`--markdown FILE` also writes the matrix as a table, as docs/mutants.md has it.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
# A seeded bug may make a test wait forever (a lost wake-up); the slowest of the named tests takes a minute.
TEST_SECONDS = 300


def load():
    with open(HERE / "mutants.toml", "rb") as file:
        mutants = tomllib.load(file)["mutant"]
    names = [m["name"] for m in mutants]
    doubled = {n for n in names if names.count(n) > 1}
    if doubled:
        sys.exit(f"mutants.toml: names used twice: {', '.join(sorted(doubled))}")
    return mutants


def planted(root, mutant):
    """The source file and its text with the bug in it; exits when the place is not there exactly once."""
    path = root / mutant["file"]
    if not path.is_file():
        sys.exit(f"mutants.toml: {mutant['name']}: {mutant['file']} does not exist")
    text = path.read_text(encoding="utf-8")
    found = text.count(mutant["find"])
    if found != 1:
        sys.exit(
            f"mutants.toml: {mutant['name']}: its place occurs {found} times in {mutant['file']}, not once. The code has changed: "
            "update `find` and `replace` to say where the bug is planted"
        )
    return path, text, text.replace(mutant["find"], mutant["replace"])


def tests_in_the_sources():
    """"Suite.Name" of every test in C++, and the names of ctest's own tests."""
    names = set()
    listed = subprocess.run(["git", "ls-files", "-z", "*_test.cc", "*_suite.cc", "*CMakeLists.txt"], cwd=ROOT, check=True, capture_output=True).stdout
    for name in listed.decode().split("\0"):
        if not name or not (ROOT / name).is_file():
            continue
        text = (ROOT / name).read_text(encoding="utf-8")
        names.update(f"{suite}.{test}" for suite, test in re.findall(r"^TEST(?:_F|_P)?\((\w+),\s*(\w+)\)", text, re.MULTILINE))
        names.update(re.findall(r"^rb_postgres_test\((\w+)", text, re.MULTILINE))
        names.update(f"e2e.{test}" for test in re.findall(r"^\s*rb_e2e\(([\w-]+)", text, re.MULTILINE))
    return names


def check_tests_exist(mutant, names):
    """Each part of what is named must match a test; a part that matches none watches nothing."""
    for part in mutant["tests"].split("|"):
        # A test of a loop in CMake is identified by the beginning of its name.
        if not any(re.search(part, name) or (name.endswith("-") and part.strip("^$").startswith(name)) for name in names):
            sys.exit(f"mutants.toml: {mutant['name']}: no test is called {part}")
    for part in mutant.get("gtest", "").split(":"):
        if part and not any(re.fullmatch(part.replace(".", r"\.").replace("*", ".*"), name) for name in names):
            sys.exit(f"mutants.toml: {mutant['name']}: no test matches {part}")


def copy_tree(target):
    """The files that git knows, as they are in the work tree; unchanged files keep their times, so that little is rebuilt."""
    listed = subprocess.run(["git", "ls-files", "-z", "-c", "-o", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True).stdout
    wanted = {name for name in listed.decode().split("\0") if name and (ROOT / name).is_file()}
    for old in [p for p in target.rglob("*") if p.is_file() and "build" not in p.relative_to(target).parts[:1]]:
        if str(old.relative_to(target)) not in wanted:
            old.unlink()
    for name in wanted:
        source, copy = ROOT / name, target / name
        if copy.is_file() and copy.read_bytes() == source.read_bytes():
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, copy)
        os.utime(copy)


def run(command, log, **kwargs):
    with open(log, "ab") as out:
        out.write((" ".join(map(str, command)) + "\n").encode())
        out.flush()
        return subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, **kwargs).returncode


def build(tree, targets, log):
    return run(["cmake", "--build", tree / "build/dev", "-j", os.environ.get("JOBS", str(os.cpu_count())), "--target", *targets], log)


def failing_tests(tree, mutant, log):
    """(exit code of ctest, names of the tests that failed; None when there is no such test)."""
    command = ["ctest", "--test-dir", str(tree / "build/dev"), "-R", mutant["tests"], "--no-tests=error", "--timeout", str(TEST_SECONDS),
               "-j", "2", "--output-on-failure"]
    # Tests against a server are one program, so one test to ctest: `gtest` says which part of it is run.
    environment = dict(os.environ, GTEST_FILTER=mutant["gtest"]) if "gtest" in mutant else None
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment)
    with open(log, "a", encoding="utf-8") as out:
        out.write(done.stdout + done.stderr)
    if "No tests were found" in done.stdout + done.stderr or "0 tests from 0 test suites ran" in done.stdout:
        return done.returncode, None
    # The name of a parameterised test is followed by the parameter.
    failed = re.findall(r"^\s*\d+ - (\S+)(?: +# GetParam.*)? \(", done.stdout, re.MULTILINE)
    inside = [name for name in re.findall(r"^(?:\d+: )?\[  FAILED  \] ([\w/]+\.[\w/]+)", done.stdout, re.MULTILINE)]
    return done.returncode, sorted(set(inside)) if "gtest" in mutant and inside else failed


def try_mutant(tree, mutant, log):
    """'caught' with the tests that failed, or what else happened."""
    path, text, changed = planted(tree, mutant)
    path.write_text(changed, encoding="utf-8")
    try:
        if build(tree, mutant["targets"], log) != 0:
            return "does not build", []
        code, failed = failing_tests(tree, mutant, log)
        if failed is None:
            return "NO SUCH TEST", []
        return ("caught" if code != 0 and failed else "NOT CAUGHT"), failed
    finally:
        path.write_text(text, encoding="utf-8")


def as_markdown(matrix):
    lines = ["| seeded bug | what it does | caught by |", "| --- | --- | --- |"]
    for mutant, outcome, failed in matrix:
        # A parameter's number says nothing to a reader.
        tests = sorted({re.sub(r"^\w+/|/\d+$", "", name) for name in failed})
        by = f"`{tests[0]}`" + (f" and {len(tests) - 1} more" if len(tests) > 1 else "") if outcome == "caught" else f"**{outcome}**"
        lines.append(f"| `{mutant['name']}` | {mutant['why']} | {by} |")
    return "\n".join(lines) + "\n"


def configured(tree, deps, log):
    environment = dict(os.environ, CCACHE_BASEDIR=str(tree), CCACHE_NOHASHDIR="true")
    os.environ.update(environment)
    if (tree / "build/dev/build.ninja").is_file():
        return True
    return run(["cmake", "--preset", "dev", f"-DRB_DEPS_DIR={deps}"], log, cwd=tree) == 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the matrix as a Markdown table, too")
    parser.add_argument("--work", type=Path, default=ROOT / "build/mutants", help="folder of the copy and its build")
    parser.add_argument("--deps", default=os.environ.get("RAPIDBYTE_DEPS_DIR", str(Path.home() / ".cache/rapidbyte/deps")))
    arguments = parser.parse_args()
    mutants = load()
    unknown = set(arguments.names) - {m["name"] for m in mutants}
    if unknown:
        sys.exit(f"no such mutant: {', '.join(sorted(unknown))}")
    mutants = [m for m in mutants if not arguments.names or m["name"] in arguments.names]
    if arguments.check:
        names = tests_in_the_sources()
        for mutant in mutants:
            planted(ROOT, mutant)
            check_tests_exist(mutant, names)
        print(f"{len(mutants)} seeded bugs can be planted")
        return 0

    tree = arguments.work / "src"
    tree.mkdir(parents=True, exist_ok=True)
    log = arguments.work / "log.txt"
    log.write_bytes(b"")
    copy_tree(tree)
    if not configured(tree, arguments.deps, log):
        sys.exit(f"the copy cannot be configured: {log}")
    # First without any bug: a test that fails anyway would seem to catch everything.
    targets = sorted({t for m in mutants for t in m["targets"]})
    print(f"building {len(targets)} targets without a bug ...", flush=True)
    if build(tree, targets, log) != 0:
        sys.exit(f"the tree does not build without a bug: {log}")
    for tests, gtest in sorted({(m["tests"], m.get("gtest", "")) for m in mutants}):
        watch = {"tests": tests, "gtest": gtest} if gtest else {"tests": tests}
        code, failed = failing_tests(tree, watch, log)
        if code != 0:
            sys.exit(f"{tests} {gtest}: " + ("there is no such test" if failed is None else f"fails without a bug: {', '.join(failed)}") + f"; see {log}")

    width = max(len(m["name"]) for m in mutants)
    survivors = []
    matrix = []
    for mutant in mutants:
        begun = time.monotonic()
        outcome, failed = try_mutant(tree, mutant, log)
        if outcome != "caught":
            survivors.append(mutant["name"])
        by = f"{len(failed)}: {', '.join(failed[:2])}{' ...' if len(failed) > 2 else ''}" if failed else ""
        print(f"{mutant['name']:<{width}}  {outcome:<14}  {time.monotonic() - begun:4.0f} s  {by}", flush=True)
        matrix.append((mutant, outcome, failed))
    build(tree, targets, log)
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(matrix), encoding="utf-8")
    print(f"{len(mutants) - len(survivors)} of {len(mutants)} seeded bugs were caught" + (f"; not: {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
