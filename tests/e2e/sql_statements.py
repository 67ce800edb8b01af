"""Every statement that the connectors send, from the server's log, and what in one is looked up in the search_path.

With RECORDING among its settings a server logs all statements with the application's name and the backend. Statements that run while the
backend's search_path is pg_catalog (and pg_temp, behind it) may name the system's things as they like: nobody else's are found. In
all others every function, operator and cast must have its schema, or be a word of the grammar, because whoever may create in a schema
of the path can put a better match there.
"""
import re

APPLICATION = "rapidbyte"
RECORDING = {"log_statement": "all", "log_line_prefix": "@@%a@%p@ "}

_ENTRY = re.compile(r"^@@([^@]*)@(\d+)@ (\w+):  (.*)", re.S)
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
# What may stand before a bracket without being a function that is looked up.
NOT_FUNCTIONS = GRAMMAR_TYPES | {
    "all", "and", "any", "array", "as", "by", "cascade", "check", "coalesce", "conflict", "copy", "distinct", "else", "exists", "filter", "format",
    "from", "greatest", "in", "into", "key", "lateral", "least", "materialized", "not", "on", "only", "operator", "or", "over", "references",
    "row", "select", "some", "stdin", "stdout", "table", "then", "union", "unique", "using", "values", "when", "where", "with", "within"}
# Words of the grammar that look an operator up in the path.
HIDDEN_OPERATORS = {"in", "like", "ilike", "similar", "between", "nullif"}


class Recorder:
    """The statements of a server's log from now on."""

    def __init__(self, server):
        self._server = server
        self._begin = len(server.log_text())

    def entries(self):
        """(application, backend, level, text)."""
        whole = self._server.log_text()[self._begin:]
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
            for statement in split(tokens(text)):
                if not path.follow(statement) and not path.is_safe:
                    found += [(finding, text) for finding in looked_up(statement)]
            path.end_message()
        return found


class Path:
    """Whether a session's search_path holds the system's schema alone."""

    def __init__(self):
        self._session, self._local, self._in_transaction = False, None, False

    @property
    def is_safe(self):
        return self._session if self._local is None else self._local

    def follow(self, statement):
        """Takes a statement into account; True when it is one of settings or transactions, in which nothing is looked up."""
        words = [text.lower() for _, text in statement]
        if words[0] in ("begin", "start"):
            self._in_transaction = True
        elif words[0] in ("commit", "rollback", "end") and "to" not in words:
            self._in_transaction, self._local = False, None
        elif words[0] == "set" and "search_path" in words:
            safe = [word for word in words[words.index("search_path") + 2:] if word != ","] == ["pg_catalog", "pg_temp"]
            if "local" in words:
                self._local = safe
            else:
                self._session = safe
        return words[0] in ("begin", "start", "commit", "rollback", "set", "reset", "savepoint", "release", "end")

    def end_message(self):
        if not self._in_transaction:
            self._local = None


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
    """What of one statement the server looks up in the search_path, besides relations and columns."""
    found = []
    words = [text.lower() if kind == "name" else text for kind, text in statement] + [""] * 4
    kinds = [kind for kind, _ in statement] + [""] * 4
    closing = _closing_brackets(words)
    assigning = False  # in the list of SET in an UPDATE or ON CONFLICT
    i = 0
    while i < len(statement):
        word, kind, before, after = words[i], kinds[i], words[i - 1] if i else "", words[i + 1]
        if word == "operator" and after == "(":
            if "." not in words[i + 2:closing.get(i + 1, i)]:
                found.append(f"operator {words[i + 2]}")
            i = closing.get(i + 1, i)
        elif kind == "name" and word == "set":
            assigning = True
        elif kind == "name" and word in ("where", "from", "returning"):
            assigning = False
        elif kind == "operator" and not _is_no_operator(word, before, after, assigning, words[0]):
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
