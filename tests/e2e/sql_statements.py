"""Every statement that the connectors send, from the server's log, and what in one is looked up in the search_path.

With RECORDING among its settings a server logs all statements with the application's name and the backend. Statements that run while the
backend's search_path is pg_catalog (and pg_temp, behind it) may name the system's things as they like: nobody else's are found. In
all others every function, operator and cast must have its schema, or be a word of the grammar, because whoever may create in a schema
of the path can put a better match there; the same goes for relations and, in definitions, for types.

As a program it runs another one, with its arguments, whose private servers leave their logs in the folder RAPIDBYTE_TEST_SERVER_LOGS, and
fails when that program does or when a statement of the connectors in these logs is open to others:

    python3 sql_statements.py build/dev/connectors/dest_postgres/connector_dest_postgres_server_test
"""
import functools
import os
import pathlib
import re
import subprocess
import sys
import tempfile

APPLICATION = "rapidbyte"
# Parameters are not looked up, and large loads have large ones.
# %c and not %p: on a busy machine process ids are reused within minutes.
RECORDING = {"log_statement": "all", "log_line_prefix": "@@%a@%c@ ", "log_parameter_max_length": "0"}

_ENTRY = re.compile(r"^@@([^@]*)@([0-9a-f.]+)@ (\w+):  (.*)", re.S)
_STATEMENT = re.compile(r"(?:statement|execute [^:]*): (.*)", re.S)
_TOKEN = re.compile(r"""
    (?P<blank>\s+|--[^\n]*|/\*.*?\*/)
  | (?P<text>[eE]?'(?:[^'\\]|''|\\.)*'|\$\w*\$.*?\$\w*\$)
  | (?P<quoted>"(?:[^"]|"")*")
  | (?P<name>[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)
  | (?P<number>\$?\d[\d.]*)
  | (?P<cast>::)
  | (?P<operator>[-+*/<>=~!@\#%^&|`?]+)
  | (?P<mark>.)""", re.S | re.X)

# Types that the grammar itself knows: they are the system's whatever the path.
GRAMMAR_TYPES = {"bigint", "int", "integer", "smallint", "boolean", "real", "float", "double", "decimal", "numeric", "character", "char",
                 "varchar", "bit", "time", "timestamp", "interval"}
# What may come before a bracket without being a function that is looked up.
NOT_FUNCTIONS = GRAMMAR_TYPES | {
    "all", "and", "any", "array", "as", "by", "cascade", "check", "coalesce", "conflict", "copy", "distinct", "else", "exists", "filter", "format",
    "from", "greatest", "in", "into", "key", "lateral", "least", "materialized", "not", "on", "only", "operator", "or", "over", "references",
    "row", "select", "some", "stdin", "stdout", "table", "then", "union", "unique", "using", "values", "when", "where", "with", "within"}
# Words of the grammar that look an operator up in the path.
HIDDEN_OPERATORS = {"in", "like", "ilike", "similar", "between", "nullif"}
# What comes before a relation's name, and what may take its place there.
BEFORE_RELATIONS = {"from", "join", "into", "update", "copy", "table", "truncate"}
NO_RELATIONS = {"only", "select", "lateral", "rows", "stdin", "stdout", "set", "if", "values", "unnest", "with", "session"}


class Recorder:
    """The statements of a server's log from now on."""

    def __init__(self, log):
        """`log`: the file's path."""
        self._log = log
        self._begin = log.stat().st_size if log.exists() else 0

    @classmethod
    def of_all(cls, log):
        """From the log's begin."""
        recorder = cls(log)
        recorder._begin = 0
        return recorder

    def entries(self):
        """(application, backend, level, text)."""
        with open(self._log, "rb") as file:
            file.seek(self._begin)
            whole = file.read().decode("utf-8", "replace")
        for part in re.split(r"^(?=@@)", whole, flags=re.M):
            entry = _ENTRY.match(part)
            if entry:
                application, backend, level, text = entry.groups()
                yield application, backend, level, text.rstrip("\n").replace("\n\t", "\n")

    def statements(self):
        """(backend, text) of what the connectors sent; several statements of one message in one text."""
        for application, backend, level, text in self.entries():
            statement = _STATEMENT.match(text) if level == "LOG" and application == APPLICATION else None
            if statement:
                yield backend, statement.group(1)

    def unqualified(self, conditions=()):
        """[(finding, statement)]; `conditions`: texts of the user's own, which are not looked at."""
        paths, found = {}, []
        for backend, text in self.statements():
            for condition in conditions:
                text = text.replace(condition, "true")
            path = paths.setdefault(backend, Path())
            for statement, findings in _judged(text):
                if not path.follow(statement) and not path.is_safe:
                    found += [(finding, text) for finding in findings]
            path.end_message()
        return found


class Path:
    """Whether a session's search_path holds the system's schema alone."""

    def __init__(self):
        self._session, self._local = False, None
        # (savepoint, what applied when it was set) of the open transaction; its begin has no name. Whatever was set since is undone with it.
        self._points = []

    @property
    def is_safe(self):
        return self._session if self._local is None else self._local

    def follow(self, statement):
        """Takes a statement into account; True when it is one of settings or transactions, in which nothing is looked up."""
        words = [text.lower() for _, text in statement]
        if words[0] in ("begin", "start") and not self._points:
            self._points = [(None, (self._session, self._local))]
        elif words[0] == "savepoint" and self._points:
            self._points.append((words[1], (self._session, self._local)))
        elif words[0] == "rollback" and "to" in words:
            self._points = self._points[:self._point(words[-1]) + 1]
            if self._points:
                self._session, self._local = self._points[-1][1]
        elif words[0] == "release":
            self._points = self._points[:self._point(words[-1])]
        elif words[0] in ("commit", "end"):
            self._points, self._local = [], None
        elif words[0] in ("rollback", "abort"):
            if self._points:
                self._session = self._points[0][1][0]
            self._points, self._local = [], None
        elif words[0] in ("set", "reset") and "search_path" in words:
            safe = [word for word in words[words.index("search_path") + 2:] if word != ","] == ["pg_catalog", "pg_temp"]
            if "local" in words:
                self._local = safe
            else:
                self._session, self._local = safe, None
        return words[0] in ("begin", "start", "commit", "rollback", "abort", "set", "reset", "savepoint", "release", "end")

    def _point(self, name):
        """The index of the newest savepoint with this name; past all of them when there is none, which the server refuses."""
        places = [i for i, (point, _) in enumerate(self._points) if point == name]
        return places[-1] if places else len(self._points)

    def end_message(self):
        if not self._points:
            self._local = None


@functools.lru_cache(maxsize=20_000)
def _judged(sql):
    """[(statement, what it looks up)]; cached, because the same statements come again and again."""
    return [(statement, looked_up(statement)) for statement in split(tokens(sql))]


def tokens(sql):
    """[(kind, text)] without blanks and comments."""
    return [(match.lastgroup, match.group()) for match in _TOKEN.finditer(sql) if match.lastgroup != "blank"]


def split(all_tokens):
    """The statements of a message."""
    out = [[]]
    for token in all_tokens:
        if token == ("mark", ";"):
            out.append([])
        else:
            out[-1].append(token)
    return [statement for statement in out if statement]


def functions(all_tokens):
    """Names that stand before a bracket, with or without a schema."""
    return {text for (kind, text), after in zip(all_tokens, all_tokens[1:])
            if kind == "name" and after == ("mark", "(") and text.lower() not in NOT_FUNCTIONS}


def operators(all_tokens):
    return {text for kind, text in all_tokens if kind == "operator" and text != "=>"}


def looked_up(statement):
    """What of one statement the server looks up in the search_path, besides columns."""
    found = _relations(statement) + _definitions(statement)
    words = [text.lower() if kind == "name" else text for kind, text in statement] + [""] * 4
    kinds = [kind for kind, _ in statement] + [""] * 4
    closing = _closing_brackets(words)
    assigning, depth = set(), 0  # depths of brackets at which the list of SET in an UPDATE or ON CONFLICT continues
    i = 0
    while i < len(statement):
        word, kind, before, after = words[i], kinds[i], words[i - 1] if i else "", words[i + 1]
        if word in ("(", ")") and kind == "mark":
            depth += 1 if word == "(" else -1
            assigning = {level for level in assigning if level <= depth}
        if word == "operator" and after == "(":
            if "." not in words[i + 2:closing.get(i + 1, i)]:
                found.append(f"operator {words[i + 2]}")
            i = closing.get(i + 1, i)
        elif kind == "name" and word == "set":
            assigning.add(depth)
        elif kind == "name" and word in ("where", "from", "returning"):
            assigning.discard(depth)
        elif kind == "operator" and not _is_no_operator(word, before, after, depth in assigning, words[0]):
            found.append(f"operator {word}")
        elif kind == "cast":
            if words[i + 2] != "." and words[i + 1] not in GRAMMAR_TYPES:
                found.append(f"cast ::{words[i + 1]}")
        elif kind == "name" and after == "(" and before != "." and word not in NOT_FUNCTIONS and not _names_columns(words, i, closing):
            found.append(f"function {word}()")
        if kind == "name" and word in HIDDEN_OPERATORS and (word != "in" or after == "("):
            found.append(f"the operator behind {word.upper()}")
        if kind == "name" and word == "distinct" and after == "from":
            found.append("the operator behind IS DISTINCT FROM")
        if kind == "name" and word == "case" and after != "when":
            found.append("the operator behind CASE ... WHEN")
        if kind == "name" and word == "using" and after == "(" and words[i + 2] != "select":
            found.append("the operator behind JOIN ... USING")
        i += 1
    return found


def _relations(statement):
    """Relations without a schema, but for the statement's own WITH queries."""
    words = [text.lower() if kind == "name" else text for kind, text in statement]
    closing = _closing_brackets(words)
    own = {words[i] for i in range(len(words) - 1) if (words[i + 1] == "as" or (
        words[i + 1] == "(" and words[closing.get(i + 1, i) + 1:][:1] == ["as"])) and words[i - 1] in ("with", "recursive", ",")}
    found, lists, depth = [], [], 0  # lists: depths of brackets at which a comma continues a list of relations
    for i, (kind, _) in enumerate(statement):
        word, before = words[i], words[i - 1] if i else ""
        if word == "(":
            depth += 1
        elif word == ")":
            depth -= 1
            lists = [level for level in lists if level <= depth]
        elif kind == "name" and word in ("where", "group", "order", "union", "select", "set", "returning", "on", "limit"):
            lists = [level for level in lists if level != depth]
        if kind not in ("name", "quoted") or (kind == "name" and word in NO_RELATIONS):
            continue
        starts = before in BEFORE_RELATIONS or (before in ("only", "exists") and words[i - 2] in BEFORE_RELATIONS)
        if before == "from" and (words[i - 2] == "distinct" or _is_function_of_from(words, i - 1)):
            continue
        if before == "update" and (words[i - 2] in ("for", "do", "on", "or") or words[i - 2] == "no"):
            continue
        if starts and before == "from":
            lists.append(depth)
        if not starts and not (before == "," and depth in lists):
            continue
        after = words[i + 1] if i + 1 < len(words) else ""
        if before == "table" and words[0] == "create" and words[1] in ("temp", "temporary"):
            continue  # it is made in a schema that nobody else can write
        if after not in (".", "(") and word not in own:
            found.append(f"relation {word}")
        elif after == "(" and before in ("into", "copy"):
            found.append(f"relation {word}")
    return found


def _is_function_of_from(words, at):
    """Whether the FROM at this place belongs to extract(), substring(), trim() and the like."""
    depth = 0
    for i in range(at - 1, -1, -1):
        depth += (words[i] == ")") - (words[i] == "(")
        if depth < 0:
            return words[i - 1] in ("extract", "substring", "trim", "overlay", "position")
    return False


def _definitions(statement):
    """Definitions name types, which would have to be qualified one by one: they belong under the system's path."""
    words = [text.lower() for _, text in statement[:4]]
    is_copy_of_columns = ("as" in (text.lower() for _, text in statement[:12]) and ("temp" in words or "temporary" in words))
    if words[0] in ("create", "alter") and "table" in words and not is_copy_of_columns:
        return [f"types in {' '.join(words[:2]).upper()}"]
    return []


def _closing_brackets(words):
    stack, closing = [], {}
    for i, word in enumerate(words):
        if word == "(":
            stack.append(i)
        elif word == ")" and stack:
            closing[stack.pop()] = i
    return closing


def _is_no_operator(word, before, after, assigning, first):
    if word == "=>" or (word == "*" and before in ("select", "(", ",", ".", "distinct")):
        return True
    if word == "-" and before in ("", "(", ",", "[") and after[:1].isdigit():
        return True
    # An assignment; and an option of CREATE or ALTER ... WITH (name = value).
    return word == "=" and (assigning or first in ("create", "alter"))


def _names_columns(words, i, closing):
    """A relation, alias or WITH query with its list of columns, as in INSERT INTO t (a) and WITH t(a) AS."""
    if words[i - 1] in ("into", "table", "as", "join", "copy", "index", "on", ")") or i == 0:
        return True
    return words[i - 1] in ("with", "recursive", ",", "prepare") and words[closing.get(i + 1, i) + 1] == "as"


def main(command):
    with tempfile.TemporaryDirectory() as logs:
        code = subprocess.run(command, env={**os.environ, "RAPIDBYTE_TEST_SERVER_LOGS": logs}, check=False).returncode
        found, seen = [], 0
        for log in sorted(pathlib.Path(logs).glob("*.log")):
            recorder = Recorder.of_all(log)
            seen += sum(1 for _ in recorder.statements())
            found += recorder.unqualified()
    for finding, statement in list(dict.fromkeys(found))[:20]:
        print(f"{finding}: {statement[:600]}")
    print(f"{seen} statements of the connectors, {len(found)} findings")
    # A program whose server logs nothing would pass whatever it sends.
    return code or (1 if found or not seen else 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
