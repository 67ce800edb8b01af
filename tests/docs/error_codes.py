"""docs/error-codes.md names every error code that the sources raise, under the part that raises it, and no other.

A code is a string literal of capitals, digits and underscores. Literals that look like one and are none (SQL words, environment variables)
are listed below; a new one has to be added there, or to the page. Exits with 1 and a list of what does not agree.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = "docs/error-codes.md"

# Heading of the page -> where the codes below it are raised.
SECTIONS = {
    "Host": ("src/rapidbyte/", "rust/"),
    "SDK": ("sdk/cpp/src/", "sdk/cpp/text/", "sdk/cpp/include/"),
    "source-postgres": ("connectors/source_postgres/src/",),
    "dest-postgres": ("connectors/dest_postgres/src/",),
    "PostgreSQL client": ("connectors/shared/postgres/",),
    "source-file": ("connectors/source_file/src/",),
    "dest-sqlite": ("connectors/dest_sqlite/src/",),
    "dest-discard": ("connectors/dest_discard/src/",),
}
# Below this heading a code may be of any part.
INTERNAL = "Internal codes"
SOURCES = re.compile(r"\.(cc|h|rs)$")
FOR_TESTS = re.compile(r"(^|/)test(s|ing)?/|_(test|fixture)\.(cc|h)$|(^|/)fake_\w+\.h$")

NOT_CODES = {
    "words of SQL and of PostgreSQL's protocol": """ANY BEGIN BLOB BOOLEAN CHAR CHARINT CLOB COMMIT COPY DOUB FLOA INT INTEGER
        NOTHING NULL REAL ROLLBACK SQLITE TEXT UTF8""",
    "SQLSTATEs": "P0001",
    "words of times": "PT0S UTC",
    "variables of the environment": """COLUMNS HOME LANG LC_ALL LC_CTYPE LINES NO_COLOR RAPIDBYTE_CONNECTOR_DIR RAPIDBYTE_SOCKET_POLL_MS
        RAPIDBYTE_WASMTIME_AOT RAPIDBYTE_WASMTIME_AOT_DIR TERM XDG_CACHE_HOME""",
    "placeholders in help": "FILE NAME PIPELINE",
    "the mark in the state's file": "RBST",
    "what the host puts before a connector's code": "CONNECTOR_",
}
# Codes that a file only knows, because another part raises them.
OF_OTHERS = {"src/rapidbyte/cli/summary.cc": {"COMPOSITE_CHANGED", "OUT_OF_RANGE", "SPECIAL_VALUE", "TYPE_CHANGED", "WRONG_TYPE"}}

# A comparison raises nothing.
LITERAL = re.compile(r'(?<![=!]= )"([A-Z][A-Z0-9_]{2,})"')


def section_of(path):
    for name, folders in SECTIONS.items():
        if path.startswith(folders):
            return name
    return None


def codes_in_sources(problems):
    """Section -> code -> the first file that has it."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    words = {word for text in NOT_CODES.values() for word in text.split()}
    used, found = set(), {name: {} for name in SECTIONS}
    for path in sorted(listed.stdout.decode().split("\0")):
        section = section_of(path)
        if section is None or not SOURCES.search(path) or FOR_TESTS.search(path) or not (ROOT / path).is_file():
            continue
        literals = set(LITERAL.findall((ROOT / path).read_text(encoding="utf-8")))
        used |= literals & words
        others = OF_OTHERS.get(path, set())
        problems += [f"OF_OTHERS names {code} for {path}, which does not have it" for code in sorted(others - literals)]
        for code in literals - words - others:
            found[section].setdefault(code, path)
    problems += [f"NOT_CODES names {word}, which no source has" for word in sorted(words - used)]
    for name, codes in found.items():
        folder = ROOT / SECTIONS[name][0]
        if not folder.is_dir():
            problems.append(f"{SECTIONS[name][0]} is not there: correct SECTIONS")
        elif not codes and name != "dest-discard":
            problems.append(f"no code was found in {', '.join(SECTIONS[name])}: are the codes written otherwise now?")
    return found


def codes_on_the_page(problems):
    """Section -> codes in the first column of its tables."""
    found, section = {}, None
    for number, line in enumerate((ROOT / PAGE).read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("## "):
            section = line[3:].strip()
        first = re.match(r"\|((?: `[A-Z][A-Z0-9_]*`,?)+) \|", line)
        if not first:
            continue
        for code in re.findall(r"`(\w+)`", first[1]):
            if section not in SECTIONS and section != INTERNAL:
                problems.append(f"{PAGE}:{number}: {code} stands below the heading '{section}', which is no part's")
                continue
            codes = found.setdefault(section, {})
            if code in codes:
                problems.append(f"{PAGE}:{number}: {code} stands twice below '{section}' (line {codes[code]})")
            codes[code] = number
    return found


def main():
    problems = []
    raised = codes_in_sources(problems)
    named = codes_on_the_page(problems)
    internal = named.get(INTERNAL, {})
    for name, codes in raised.items():
        for code in sorted(codes.keys() - named.get(name, {}).keys() - internal.keys()):
            problems.append(f"{PAGE} does not name {code} below '{name}' ({codes[code]})")
    for name, codes in named.items():
        known = set().union(*raised.values()) if name == INTERNAL else raised[name].keys()
        for code in sorted(codes.keys() - known):
            problems.append(f"{PAGE}:{codes[code]}: {code} is raised nowhere in {', '.join(SECTIONS.get(name, ('the sources',)))}")
    if problems:
        sys.exit("\n".join(problems) + f"\n{len(problems)} difference(s) between {PAGE} and the sources")
    total = len(set().union(*raised.values()))
    print(f"{PAGE}: {total} codes of {len(raised)} parts, all named")


if __name__ == "__main__":
    main()
