"""docs/error-codes.md, protocol/error_codes.h and the sources agree on the error codes.

Every code is a constant of the header, with its meaning. The page names every code of the header, and no other, and each under the part
that raises it. Sources use the constants; only tests and Rust spell codes out. A string literal that looks like a code is refused, unless it
is one of the exceptions below. Exits with 1 and a list of what does not agree.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = "docs/error-codes.md"
HEADER = "protocol/include/rapidbyte/protocol/error_codes.h"

# Heading of the page -> where the codes below it are raised.
SECTIONS = {
    "Host": ("src/rapidbyte/", "rust/"),
    "SDK": ("sdk/cpp/src/", "sdk/cpp/text/", "sdk/cpp/include/"),
    "source-postgres": ("connectors/source_postgres/src/",),
    "dest-postgres": ("connectors/dest_postgres/src/",),
    "PostgreSQL client": ("connectors/shared/postgres/",),
    "source-file": ("connectors/source_file/src/",),
    "dest-sqlite": ("connectors/dest_sqlite/src/",),
    "DuckDB files": ("connectors/shared/duckdb/database.cc", "connectors/shared/duckdb/database.h"),
    "transform-sql": ("connectors/transform_sql/src/", "connectors/shared/duckdb/"),
    "dest-file": ("connectors/dest_file/src/",),
    "source-parquet": ("connectors/source_parquet/src/",),
    "dest-duckdb": ("connectors/dest_duckdb/src/",),
    "source-duckdb": ("connectors/source_duckdb/src/",),
    "transform-columns": ("connectors/transform_columns/src/",),
    "transform-check": ("connectors/transform_check/src/",),
    "dest-discard": ("connectors/dest_discard/src/",),
}
# What both sides raise: such a code is listed under one of the two headings.
SHARED, SHARED_BY = "protocol/", ("Host", "SDK")
# What all table destinations raise through the kit that they are built with: such a code is listed under each of them.
KIT, KIT_OF = "sdk/cpp/table/", ("dest-postgres", "dest-sqlite")
KIT_FOLDERS = (KIT, "sdk/cpp/include/rapidbyte/table/")
# Under this heading a code may belong to any part.
INTERNAL = "Internal codes"
SOURCES = re.compile(r"\.(cc|h|rs)$")
FOR_TESTS = re.compile(r"(^|/)test(s|ing)?/|_(test|fixture)\.(cc|h)$|(^|/)fake_\w+\.h$")

NOT_CODES = {
    "how a Parquet file begins": "PAR1",
    "words of SQL, of YAML and of PostgreSQL's protocol": """ANY BEGIN BIGINT BLOB BOOLEAN CHAR CHARINT CHECKPOINT CLOB COMMIT COPY DATE DOUB DOUBLE EXCLUSIVE FALSE FATAL FLOA FLOAT HUGEINT INT
        INTEGER INTERVAL NOTHING NULL PANIC REAL ROLLBACK SMALLINT SQLITE SQL_ASCII TEXT TIME TIMESTAMP TIMESTAMP_MS TIMESTAMP_NS TIMESTAMP_S
        TIMESTAMPTZ_NS TIME_NS TINYINT TRUE UBIGINT UHUGEINT UINTEGER USMALLINT UTF8 UTINYINT UUID VARCHAR WARNING""",
    "SQLSTATEs": "P0000 P0001",
    "words of times": "GMT PT0S UTC",
    "variables of the environment": """COLUMNS HOME LANG LC_ALL LC_CTYPE LINES NO_COLOR RAPIDBYTE_CONNECTOR_DIR RAPIDBYTE_HASH_KEY
        RAPIDBYTE_SOCKET_POLL_MS
        RAPIDBYTE_WASMTIME_AOT RAPIDBYTE_WASMTIME_AOT_DIR TERM XDG_CACHE_HOME""",
    "placeholders in help": "FILE NAME PIPELINE",
    "a signal inside dest-postgres, which nobody outside sees": "NEW_COLUMNS",
    "the mark in the state's file": "RBST",
    "the mark in a DuckDB file, and a setting of DuckDB's": "DUCK READ_ONLY",
    "what the host puts before a connector's code": "CONNECTOR_",
}
# Codes that a file only knows, because another part raises them.
OF_OTHERS = {"src/rapidbyte/cli/view/summary.cc": {"COMPOSITE_CHANGED", "OUT_OF_RANGE", "SPECIAL_VALUE", "TYPE_CHANGED", "WRONG_TYPE"}}

CONSTANT = re.compile(r'^/// (?P<meaning>.*)\ninline constexpr const char\* (?P<name>k\w+) = "(?P<code>\w+)";$', re.M)
LITERAL = re.compile(r'"([A-Z][A-Z0-9_]{2,})"')
# A comparison raises nothing.
USE = re.compile(r"(?<![=!]= )codes::(k\w+)")


def section_of(path):
    if path.startswith(SHARED):
        return SHARED
    if path.startswith(KIT_FOLDERS):
        return KIT
    for name, folders in SECTIONS.items():
        if path.startswith(folders):
            return name
    return None


def codes_of_the_header(problems):
    """Name of the constant -> code."""
    text = (ROOT / HEADER).read_text(encoding="utf-8")
    found = {match["name"]: match["code"] for match in CONSTANT.finditer(text)}
    if len(found) != text.count("inline constexpr"):
        problems.append(f"{HEADER} has constants that this test cannot read, without a meaning, or twice")
    codes = list(found.values())
    problems += [f"{HEADER}: {code} stands twice" for code in sorted({code for code in codes if codes.count(code) > 1})]
    if codes != sorted(codes):
        problems.append(f"{HEADER}: the codes are not in alphabetical order")
    for name, code in found.items():
        wanted = "k" + "".join(word.capitalize() for word in code.split("_"))
        if name != wanted:
            problems.append(f"{HEADER}: the constant of {code} should be {wanted}, not {name}")
    return found


def codes_in_sources(constants, problems):
    """Section -> code -> the first file that has it."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, check=True, capture_output=True)
    words = {word for text in NOT_CODES.values() for word in text.split()}
    used, found = set(), {name: {} for name in (*SECTIONS, SHARED, KIT)}
    for path in sorted(listed.stdout.decode().split("\0")):
        section = section_of(path)
        if section is None or path == HEADER or not SOURCES.search(path) or FOR_TESTS.search(path) or not (ROOT / path).is_file():
            continue
        text = (ROOT / path).read_text(encoding="utf-8")
        literals = set(LITERAL.findall(text))
        used |= literals & words
        literals -= words
        if path.endswith(".rs"):
            codes = literals
        else:
            names = set(USE.findall(text))
            problems += [f"{path}: there is no codes::{name}" for name in sorted(names - constants.keys())]
            problems += [f'{path}: write codes::k... for "{code}", or name the word in NOT_CODES' for code in sorted(literals)]
            codes = {constants[name] for name in names & constants.keys()}
        others = OF_OTHERS.get(path, set())
        problems += [f"OF_OTHERS names {code} for {path}, which does not have it" for code in sorted(others - codes)]
        for code in codes - others:
            found[section].setdefault(code, path)
    problems += [f"NOT_CODES names {word}, which no source has" for word in sorted(words - used)]
    for name, folders in SECTIONS.items():
        codes, folder = found[name], ROOT / folders[0]
        if not folder.exists():
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
    constants = codes_of_the_header(problems)
    raised = codes_in_sources(constants, problems)
    named = codes_on_the_page(problems)
    on_page = set().union(*(codes.keys() for codes in named.values()))
    problems += [f"{PAGE} does not name {code}, which {HEADER} has" for code in sorted(set(constants.values()) - on_page)]
    problems += [f"{HEADER} does not have {code}, which {PAGE} names" for code in sorted(on_page - set(constants.values()))]
    internal = named.get(INTERNAL, {})
    shared, kit = raised.pop(SHARED), raised.pop(KIT)
    if not kit:
        problems.append(f"no code was found in {KIT}: are the codes written otherwise now?")
    for name in KIT_OF:
        raised[name] = kit | raised[name]
    for code in sorted(shared.keys() - internal.keys() - set().union(*(named.get(name, {}).keys() for name in SHARED_BY))):
        problems.append(f"{PAGE} names {code} below none of {', '.join(SHARED_BY)} ({shared[code]})")
    for name, codes in raised.items():
        for code in sorted(codes.keys() - named.get(name, {}).keys() - internal.keys()):
            problems.append(f"{PAGE} does not name {code} below '{name}' ({codes[code]})")
    for name, codes in named.items():
        known = set().union(*raised.values()) if name == INTERNAL else raised[name].keys()
        if name == INTERNAL or name in SHARED_BY:
            known = known | shared.keys()
        for code in sorted(codes.keys() - known):
            problems.append(f"{PAGE}:{codes[code]}: {code} is raised nowhere in {', '.join(SECTIONS.get(name, ('the sources',)))}")
    if problems:
        sys.exit("\n".join(problems) + f"\n{len(problems)} difference(s) between {PAGE} and the sources")
    total = len(set().union(shared, *raised.values()))
    print(f"{PAGE}: {total} codes of {len(raised)} parts, all named")


if __name__ == "__main__":
    main()
