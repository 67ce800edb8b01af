"""What a role that may create in `public` can put there for others to run: functions, operators, types and relations that look like the
system's. Each is a trap: it writes TRAP and its name into the server's log, and gives a wrong value.
"""
from postgres_client import identifier, literal

ROLE = "mallory"

# Types for which operators are made, with all pairs within a group: between them lie the better matches (a varchar's `=` is
# that of text, until somebody makes one for varchar).
GROUPS = [["text", "varchar", "name", "bpchar", '"char"'], ["int2", "int4", "int8", "oid", "numeric", "regclass"],
          ["date", "timestamp", "timestamptz"]]
OTHERS = ["bool", "float8", "uuid", "tid", "bytea", "jsonb", "interval", "int2[]", "int8[]", "oid[]", "name[]", "text[]", "varchar[]", "record"]
COMPARISONS = ["=", "<>", "<", "<=", ">", ">="]
VARIANTS = {"text": ["varchar", "name"], "int8": ["int4", "oid"], "int4": ["int8", "int2"], "oid": ["regclass", "int4"],
            "anyelement": ["text", "varchar", "int8"], "any": ["text", "varchar", "int8"], "name": ["text"], "anyarray": ["text[]", "int2[]", "int8[]"]}
TYPES = ["text", "varchar", "name", "bpchar", "int2", "int4", "int8", "oid", "numeric", "bool", "float8", "date", "timestamp", "timestamptz", "uuid",
         "tid", "bytea", "jsonb", "regclass", "regtype", "interval", "record"]
RELATIONS = ["pg_class", "pg_attribute", "pg_type", "pg_namespace", "pg_index", "pg_constraint", "pg_proc", "pg_inherits", "pg_database",
             "pg_depend", "pg_locks", "pg_attrdef", "pg_trigger", "pg_stat_activity"]

_BODY = "LANGUAGE plpgsql AS $trap$ BEGIN RAISE LOG 'TRAP %', {name}; RETURN{value}; END $trap$"


def make_role(server):
    """Makes the role if the server has none, with the rights that everybody had up to PostgreSQL 14."""
    if not server.admin(f"SELECT FROM pg_roles WHERE rolname = {literal(ROLE)}"):
        server.admin(f"CREATE ROLE {ROLE} LOGIN")
    server.admin("GRANT CREATE, USAGE ON SCHEMA public TO PUBLIC")


def take_back(server):
    server.admin(f"DROP OWNED BY {ROLE} CASCADE; ALTER ROLE {identifier(server.user)} RESET search_path")


def set_traps(server, functions, operators):
    """Puts a trap beside each of these functions and operators of the system, beside the comparisons, and types and relations of the
    system's names. Returns how many there are."""
    statements = list(_function_traps(server, functions))
    names = sorted(set(operators) | set(COMPARISONS))
    statements += _operator_traps(server, names)
    for name in TYPES:
        checker = f'public."check {name}"'
        statements.append(f"CREATE FUNCTION {checker}(pg_catalog.{name}) RETURNS bool {_body('type ' + name, 'bool', ' true')}")
        statements.append(f"CREATE DOMAIN public.{identifier(name)} AS pg_catalog.{name} CHECK ({checker}(VALUE))")
    for name in RELATIONS:
        statements.append(f'CREATE FUNCTION public."read {name}"() RETURNS bool {_body("relation " + name, "bool")}')
        statements.append(f'CREATE VIEW public.{name} AS SELECT c.*, c.tableoid AS oid, public."read {name}"() AS trapped FROM '
                          f"pg_catalog.{name} c WHERE public.\"read {name}\"()")
        statements.append(f"GRANT SELECT ON public.{name} TO PUBLIC")
    made = 0
    with server.session(ROLE) as session:
        session.query("SET search_path = pg_catalog, pg_temp")
        # Those that cannot be created (a type's only operator class, a polymorphic result) are no attack.
        block = "".join(f"BEGIN {_execute(statement)} made := made + 1; EXCEPTION WHEN OTHERS THEN NULL; END; " for statement in statements)
        session.query("CREATE TABLE public.traps_made (n int)")
        session.query(f"DO $do$ DECLARE made int := 0; BEGIN {block} INSERT INTO public.traps_made VALUES (made); END $do$")
        made = int(session.query("SELECT n FROM public.traps_made")[0][0])
        session.query("DROP TABLE public.traps_made")
    return made


def sprung(recorder, application):
    """The traps that ran for this application."""
    return sorted({text for name, _, level, text in recorder.entries() if name == application and level == "LOG" and text.startswith("TRAP ")})


def _execute(statement):
    return f"EXECUTE {literal(statement)};"


def _body(name, result, value=None):
    if value is None:
        value = {"bool": " false", "void": ""}.get(result, " NULL")
    return _BODY.format(name=literal(name), value=value)


def _function_traps(server, names):
    listed = ", ".join(literal(name.lower()) for name in sorted(names))
    rows = server.admin(
        "SELECT p.proname, p.proretset, t.typname, coalesce((SELECT string_agg(format_type(a.oid, NULL), '|' ORDER BY a.n) FROM "
        "unnest(p.proargtypes) WITH ORDINALITY a(oid, n)), '') FROM pg_proc p JOIN pg_type t ON t.oid = p.prorettype WHERE p.pronamespace = "
        f"'pg_catalog'::regnamespace AND p.prokind IN ('f', 'a', 'w') AND p.proname IN ({listed})")
    made = set()
    for name, is_set, result, arguments in rows:
        arguments = [argument.strip('"') if argument == '"any"' else argument for argument in arguments.split("|")] if arguments else []
        lists = [arguments]
        for i, argument in enumerate(arguments):
            for variant in _variants(argument):
                lists.append([*arguments[:i], variant, *arguments[i + 1:]])
        lists.append([(_variants(argument) or [argument])[0] for argument in arguments])
        for types in lists:
            if (name, tuple(types)) in made:
                continue
            made.add((name, tuple(types)))
            plain = result if not result.startswith("any") else "text"
            label = f"function {name}({', '.join(types)})"
            yield (f"CREATE FUNCTION public.{identifier(name)}({', '.join(types)}) RETURNS {'SETOF ' if is_set == 't' else ''}pg_catalog.{identifier(plain)} "
                   f"{_body(label, 'void' if is_set == 't' else plain)}")
    # count(*) works on aggregates only.
    yield f"CREATE FUNCTION public.count_step(int8) RETURNS int8 {_body('aggregate count(*)', 'int8')}"
    yield "CREATE AGGREGATE public.count(*) (SFUNC = public.count_step, STYPE = int8, INITCOND = '7')"


def _variants(argument):
    known = {"bigint": "int8", "integer": "int4", "smallint": "int2"}.get(argument, argument)
    return VARIANTS.get(known, [])


def _operator_traps(server, names):
    pairs = {(left, right) for group in GROUPS for left in group for right in group} | {(one, one) for one in OTHERS}
    out = []
    made = set()
    listed = ", ".join(literal(name) for name in names)
    own = server.admin("SELECT o.oprname, format_type(o.oprleft, NULL), format_type(o.oprright, NULL), r.typname FROM pg_operator o JOIN pg_type r ON "
                       f"r.oid = o.oprresult WHERE o.oprkind = 'b' AND o.oprnamespace = 'pg_catalog'::regnamespace AND o.oprname IN ({listed})")
    wanted = [(name, left, right, result) for name, left, right, result in own]
    wanted += [(name, left, right, "bool") for name in names if name in COMPARISONS for left, right in sorted(pairs)]
    for name, left, right, result in wanted:
        key = (name, left, right)
        if key in made:
            continue
        made.add(key)
        function = f"public.{identifier(f'op {len(made)}')}"
        out.append(f"CREATE FUNCTION {function}({left}, {right}) RETURNS pg_catalog.{identifier(result)} "
                   f"{_body(f'operator {left} {name} {right}', result)}")
        out.append(f"CREATE OPERATOR public.{name} (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = {function})")
    return out
