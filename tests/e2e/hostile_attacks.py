"""The table of attacks that test_hostile_connectors.py plays: what a connector does, and how the run must end.

An attack is done by the component `attacker` (tests/guests/attacker), which is built for each role in both shapes of 2.0.0 and for
2.1.0. In CI each attack is played in each of its roles by one of these builds, in turn; `./dev test --long` plays all.
"""
import dataclasses

SOURCE, DESTINATION, TRANSFORM = "source", "destination", "transform"
ALL = (SOURCE, DESTINATION, TRANSFORM)
BUILDS = ("200", "200_dlq", "210")
WITH_REJECTS = ("200_dlq", "210")
NEWEST = ("210",)

# What the program may use besides the memory of its guests, MiB: code of three components, queues, state, its own buffers.
HOST_MIB = 80
# resources.max_memory of every pipeline here.
GUEST_MIB = 48


@dataclasses.dataclass(frozen=True)
class Attack:
    name: str
    #: What the attacker is told: {"attack": ..., "at": ..., ...}. "{root}", "{port}" and "{silent}" are filled in: the folder, a port where
    #: somebody listens and says nothing, a port that nobody may reach.
    config: dict
    #: Code of the failure, or several that are possible; None: the attack is parried in the guest's face, and the run succeeds.
    code: object = None
    roles: tuple = ALL
    builds: tuple = BUILDS
    #: Seconds for the whole run.
    deadline: float = 20
    #: resources.guest_timeout_seconds
    patience: int = 60
    #: What the attacker must have been told (regular expressions over its log).
    told: tuple = ()
    #: What else must stand on stderr or in the report.
    says: tuple = ()
    #: "" none, "folder" (read and write), "read" (folder), "database" (a file with its journal), "file"
    grant: str = ""
    network: dict = dataclasses.field(default_factory=lambda: {"allowed_domains": ["db.example.com"]})
    features: tuple = ()
    #: Memory that the host may need beyond HOST_MIB and its guests', MiB, where a limit of the protocol allows so much.
    extra_mib: int = 0
    #: Guests that have memory at a time.
    guests: int = 2
    #: Whether the stream beside it is loaded all the same.
    good: bool = True
    #: The command; others than run end with the exit code alone.
    command: str = "run"
    #: Exit code where it is not that of the role.
    exit: int = -1
    #: Seconds after which the run is interrupted, which must then end within two more.
    interrupt: float = 0
    #: More of the pipeline file: {"resources": {...}, "dlq": {...}, "write_mode": ...}
    pipeline: dict = dataclasses.field(default_factory=dict)
    #: Names of functions of test_hostile_connectors.py: before and after.
    before: str = ""
    after: str = ""
    #: Roles in which it is played in CI, where it takes long.
    ci_roles: tuple = None


def act(name, attack, at, code=None, **more):
    config = {"attack": attack, "at": at, **more.pop("config", {})}
    return Attack(name, config, code, **more)


def files(name, script, refused, **more):
    """An attack on files: each command of the script (tests/guests/file_commands.h) must be answered with one of `refused`."""
    more.setdefault("grant", "folder")
    count = script.count(";") + 1
    answers = "|".join(refused)
    config = {"script": script, "path": "{path}"}
    return act(name, "files", "run", config=config, told=(rf"did: ((^|\|)?({answers})(?=\||$)){{{count}}}$",), **more)


def slow(name, attack, at="run", **more):
    """Something that never ends by itself."""
    more.setdefault("patience", 2)
    more.setdefault("ci_roles", (more.get("roles", ALL)[0],))
    return act(name, attack, at, more.pop("code", "GUEST_TIMEOUT"), **more)


def answer(name, attack, at, code, **more):
    return act(name, "answer_" + attack, at, code, **more)


# last-committed is asked when an earlier run was interrupted in an append.
AFTER_A_BREAK = {"roles": (DESTINATION,), "builds": NEWEST, "before": "leave_an_interrupted_load", "good": False, "pipeline": {"write_mode": "append"}}

NOT_PERMITTED = "Operation not permitted"
NOT_THERE = "No such file or directory"
NOT_CAPABLE = "Capabilities insufficient"
OUTSIDE = (NOT_PERMITTED, NOT_THERE, NOT_CAPABLE, "Permission denied", "Bad file descriptor")
READ_ONLY = (NOT_PERMITTED, NOT_CAPABLE, "Read-only file system", "Permission denied", "Bad file descriptor")

LOOPBACK = (
    "127.0.0.1 127.0.0.2 127.1 127.0.1 127.255.255.254 localhost LOCALHOST localhost. localhost.localdomain ip6-localhost 0x7f.1 0x7f000001 "
    "0X7F.0.0.1 2130706433 017700000001 0177.0.0.1 0177.1 00000177.0.0.1 ::1 [::1] [::1]:80 0:0:0:0:0:0:0:1 ::0001 ::ffff:127.0.0.1 "
    "[::ffff:127.0.0.1] ::ffff:7f00:1 ::127.0.0.1 64:ff9b::7f00:1 0.0.0.0 0 :: [::] ::%lo 127.0.0.1:80 127.0.0.1%lo ::1%lo db.example.com~ "
    "db.example.com~.evil.org db.example.com@127.0.0.1 127.0.0.1#db.example.com _127.0.0.1 127.0.0.1_ db.example.com_127.0.0.1 "
    "db.example.com.evil.org evil-db.example.com xn--lcalhost-5ya.example")
METADATA = (
    "169.254.169.254 169.254.170.2 0xa9fea9fe 2852039166 0251.0376.0251.0376 169.254.43518 ::ffff:169.254.169.254 ::ffff:a9fe:a9fe "
    "::169.254.169.254 64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe 2002:a9fe:a9fe:: 2002:a9fe:a9fe::1 fe80::a9fe:a9fe fe80::1 fe80::1%lo fd00:ec2::254 "
    "fd20:ce::254 100.100.100.200 168.63.129.16 192.0.0.192 0.0.0.0 0 :: 224.0.0.1 239.255.255.255 255.255.255.255 ff02::1 [fe80::1] "
    "::ffff:0:169.254.169.254 2001:0:0:0:0:0:5601:5601")
PRIVATE = "10.0.0.1 172.16.0.1 192.168.0.1 100.64.0.1 fc00::1 fd12:3456::1 ::ffff:10.0.0.1 0xa.1 167772161"

ATTACKS = (
    # --- files -------------------------------------------------------------------------------------------------------
    files("links out of its folder", "symlink ../canary/secret @/l;symlink /etc/passwd @/m;symlink .. @/n;read @/l;read @/m;list @/n", OUTSIDE),
    files("hard links to what is outside", "link ^/canary/secret @/h;link @/../canary/secret @/h2;read @/h;append @/h2/x owned", OUTSIDE),
    files("a hard link within its folder", "link @/mine @/yours", OUTSIDE),
    files("out by ..", "read @/../canary/secret;append @/../canary/new x;list @/..;mkdir @/../canary/d;unlink @/../canary/secret;"
          "rmdir @/../empty;touch @/../canary/secret;stat @/../canary/secret;read @/a/../../canary/secret", OUTSIDE),
    files("out by absolute paths", "read /etc/passwd;read /proc/self/environ;read /proc/self/mem;list /;list /proc/self/fd;read {root}/canary/secret;"
          "append {root}/pipeline/pipeline.yaml x;read {root}/state/state.db", OUTSIDE),
    files("renames its folder and into the neighbours", "rename @ ^/stolen;rename @/mine ^/canary/mine;rename ^/canary/secret @/secret;"
          "rename ^/empty @/empty;rename @/sub @/elsewhere;rename ^/pipeline/pipeline.yaml @/p;rename @/mine @/../canary/keys", OUTSIDE),
    files("a link that the user made leads out", "read @/way-out;append @/way-out x;list @/way-out-folder;read @/way-out-folder/secret;"
          "append @/way-out-folder/new x;unlink @/way-out-folder/secret", OUTSIDE, before="make_links_out"),
    files("reads where links lead", "readlink @/way-out;readlink @/way-out-folder;readlink /proc/self/exe", OUTSIDE, before="make_links_out"),
    files("writes where it may only read", "append @/mine x;append @/new x;unlink @/mine;mkdir @/d;rmdir @/sub;rename @/mine @/other;touch @/mine;"
          "symlink x @/l", READ_ONLY, grant="read"),
    files("the neighbours of its database", "read ^/neighbour;append ^/neighbour x;list ^;append ^/new x;unlink ^/neighbour;rename ^/neighbour @;"
          "rename @ ^/neighbour;link ^/neighbour @-wal;mkdir ^/d;stat ^/neighbour;append ^/one.db-tmp-xyz x;append ^/one.db-journal2 x", OUTSIDE,
          grant="database"),
    files("its database made a link", "unlink @;symlink ../canary/secret @;read ../canary/secret", ("ok",) + OUTSIDE, grant="database",
          after="canary_is_no_link"),
    files("the neighbours of its file", "read ^/neighbour;list ^;append @-journal x;append @-wal x;append @-tmp-0123456789abcdef x;symlink x @", OUTSIDE,
          grant="file"),
    files("files although nothing is granted", "list .;list /;read canary/secret;read pipeline.yaml;append x y;mkdir d;read /dev/urandom;"
          "read attacker.wasm", OUTSIDE, grant=""),
    act("descriptors without end", "descriptors", "run", grant="folder", config={"file": "{path}/mine"}, told=(r"did: \d+ open",),
        ci_roles=(SOURCE, DESTINATION)),
    act("a large file in one piece", "read_in_one_piece", "run", grant="folder", config={"file": "{path}/large", "size": 32},
        told=(r"did: \d{6,} bytes",), before="make_large_file"),
    act("random bytes in one piece", "random_in_one_piece", "run", config={"size": 32}, told=("did: 134217728 bytes",)),
    act("environment and stdin", "environment", "run", told=("did: HOME=unset PATH=unset RAPIDBYTE_CONNECTOR_DIR=unset CANARY=unset USER=unset stdin=(0|-1)",)),

    # --- JSON --------------------------------------------------------------------------------------------------------
    answer("a deep catalog", "catalog_deep", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("'evil'", "64 levels")),
    answer("a catalog of 10^5 streams", "catalog_streams", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("100000 streams", "'evil'"),
           extra_mib=200),
    answer("a catalog of 10^5 columns", "catalog_columns", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("100000 columns", "'evil'"),
           extra_mib=200),
    answer("a catalog of 2.5 million values", "catalog_values", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, extra_mib=250, says=("'evil'",),
           config={"count": 2_500_000}),
    answer("a catalog of 33 MiB", "catalog_bytes", "discover", ("CATALOG_INVALID", "MEMORY_LIMIT", "GUEST_TRAP"), roles=(SOURCE,), good=False, extra_mib=100,
           pipeline={"resources": {"max_memory": "256mb"}}, guests=5),
    answer("a NUL in a name", "catalog_nul", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("'evil'", "NUL")),
    answer("one stream twice", "catalog_twice", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("'evil'",)),
    answer("a name of 5,000 bytes", "catalog_name", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("'evil'", "5000 bytes")),
    answer("an empty name", "catalog_empty_name", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("'evil'", "empty name")),
    answer("a catalog of other types", "catalog_types", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False, says=("'evil'",)),
    answer("half a catalog", "catalog_no_json", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False),
    answer("an empty catalog", "catalog_nothing", "discover", "CATALOG_INVALID", roles=(SOURCE,), good=False),
    answer("names that steer a terminal", "catalog_steering", "discover", None, roles=(SOURCE,)),
    answer("10^6 partitions", "partitions_many", "plan", "PARTITIONS_INVALID", roles=(SOURCE,), builds=NEWEST, features=("partitioned",), extra_mib=150),
    answer("deep partitions", "partitions_deep", "plan", "PARTITIONS_INVALID", roles=(SOURCE,), builds=NEWEST, features=("partitioned",),
           config={"count": 100_000}),
    answer("a null among partitions", "partitions_null", "plan", "PARTITIONS_INVALID", roles=(SOURCE,), builds=NEWEST, features=("partitioned",)),
    answer("partitions that are no list", "partitions_object", "plan", "PARTITIONS_INVALID", roles=(SOURCE,), builds=NEWEST, features=("partitioned",)),
    answer("half a list of partitions", "partitions_no_json", "plan", "PARTITIONS_INVALID", roles=(SOURCE,), builds=NEWEST, features=("partitioned",)),
    answer("a partition of 12 MiB", "partitions_large", "plan", "PARTITIONS_INVALID", roles=(SOURCE,), builds=NEWEST, features=("partitioned",), extra_mib=50),
    act("checkpoints of all shapes", "checkpoints", "middle", roles=(SOURCE,), told=("did: 6 x PARSE_CHECKPOINT",)),
    act("a flood of checkpoints", "checkpoint_flood", "middle", roles=(SOURCE,), config={"count": 2000, "size": 100_000}, told=("did: 2000 x ok",)),
    act("metrics of all shapes", "metrics", "run", told=("did: 1 x METRIC_TOO_LARGE, 5 x PARSE_METRIC",)),
    act("a flood of metrics", "metric_flood", "run", config={"count": 20_000}, told=("did: 20000 metrics",), says=("metrics are dropped",),
        after="events_are_few"),
    answer("details nested 10^5 deep", "error_deep", "run", "ATTACKED", says=("left_out",)),
    answer("an error of megabytes", "error_huge", "run", r"ATTACKED.*", says=(r"bytes more\)",), extra_mib=90, after="little_was_said",
           pipeline={"resources": {"max_memory": "128mb"}}, guests=4),
    answer("an error that steers a terminal", "error_steering", "run", r"ATTACKED.*"),
    answer("a receipt nested 10^5 deep", "receipt_deep", "last", "POSITION_INVALID", **AFTER_A_BREAK),
    answer("half a receipt", "receipt_no_json", "last", "POSITION_INVALID", **AFTER_A_BREAK),
    answer("a receipt that is a list", "receipt_list", "last", "POSITION_INVALID", **AFTER_A_BREAK),
    answer("a receipt of 20 MiB", "receipt_large", "last", "POSITION_INVALID", **dict(AFTER_A_BREAK, pipeline={"write_mode": "append", "resources": {"max_memory": "256mb"}}), extra_mib=60,
           guests=5),
    answer("a verdict of 16 MiB", "verdict_huge", "validate", None, command="check", extra_mib=60, after="little_was_said"),
    answer("a verdict that steers a terminal", "verdict_steering", "validate", None, command="check"),
    answer("a text that is no UTF-8", "not_utf8", "validate", "the connector crashed", command="check"),
    answer("a catalog that is no UTF-8", "not_utf8", "discover", "GUEST_TRAP", roles=(SOURCE,), good=False),
    answer("a catalog outside of its memory", "pointer", "discover", "GUEST_TRAP", roles=(SOURCE,), good=False),

    # --- time --------------------------------------------------------------------------------------------------------
    slow("sleeps in open", "sleep", "open", good=False, roles=(DESTINATION, SOURCE, TRANSFORM)),
    slow("sleeps in discover", "sleep", "discover", good=False, roles=(SOURCE,)),
    slow("sleeps in validate", "sleep", "validate", code="stopped after 2 s without progress", command="check", roles=(TRANSFORM, SOURCE, DESTINATION)),
    slow("sleeps in a run", "sleep", "run", roles=(TRANSFORM, SOURCE, DESTINATION)),
    slow("sleeps with half the rows", "sleep", "middle", roles=(DESTINATION, SOURCE, TRANSFORM)),
    slow("sleeps in close", "sleep", "close", code=None, says=("closing attacker for stream 'evil': GUEST_TIMEOUT",)),
    slow("sleeps in plan-partitions", "sleep", "plan", roles=(SOURCE,), builds=NEWEST, features=("partitioned",)),
    slow("sleeps in begin-stream", "sleep", "begin", roles=(DESTINATION,), builds=NEWEST),
    slow("sleeps in finish-stream", "sleep", "finish", roles=(DESTINATION,), builds=NEWEST),
    slow("sleeps in last-committed", "sleep", "last", **AFTER_A_BREAK),
    slow("computes without end", "loop", "run"),
    slow("computes without end in open", "loop", "open", good=False, roles=(SOURCE, DESTINATION, TRANSFORM)),
    slow("never returns from close", "loop", "close", code=None, says=("closing attacker for stream 'evil': GUEST_TIMEOUT",), roles=(DESTINATION, SOURCE, TRANSFORM)),
    slow("logs without end", "loop_log", "run", roles=(DESTINATION, SOURCE, TRANSFORM), says=("log lines suppressed",)),
    slow("writes to stderr without end", "loop_stderr", "run", roles=(TRANSFORM, SOURCE, DESTINATION)),
    slow("metrics without end", "loop_metric", "run", roles=(SOURCE, DESTINATION, TRANSFORM)),
    slow("asks the state without end", "loop_state", "run", roles=(TRANSFORM, SOURCE, DESTINATION)),
    slow("refused connections without end", "loop_connect", "run", roles=(SOURCE, DESTINATION, TRANSFORM)),
    slow("checkpoints without end", "loop_checkpoint", "run", roles=(SOURCE,)),
    slow("asks for batches behind the last one without end", "loop_next", "end", roles=(DESTINATION, TRANSFORM)),
    slow("checkpoints without end in discover", "loop_checkpoint", "discover", roles=(SOURCE,), good=False),
    slow("batches without end in discover", "loop_emit", "discover", roles=(SOURCE,), good=False),
    slow("rejected records without end in discover", "loop_reject", "discover", roles=(SOURCE,), good=False, builds=WITH_REJECTS),
    slow("reads a silent socket without end", "loop_read", "run", config={"host": "127.0.0.1", "port": "{port}"}, network={"allowed_domains": ["127.0.0.1"]},
         roles=(DESTINATION, SOURCE, TRANSFORM), told=("connect ok",)),
    slow("closes sockets without end", "loop_close", "run", roles=(TRANSFORM, SOURCE, DESTINATION)),
    slow("sleeps in slices without end", "loop_sleep", "run"),
    slow("asks for the time without end", "loop_clock", "run", roles=(DESTINATION, SOURCE, TRANSFORM)),
    slow("opens what is not there without end", "loop_open", "run", roles=(TRANSFORM, SOURCE, DESTINATION)),
    slow("asks whether it is cancelled without end", "loop_cancelled", "run", builds=NEWEST, roles=(DESTINATION, SOURCE, TRANSFORM)),
    act("waits for a silent server, and the user for it", "loop_wait", "run", "CANCELLED", config={"host": "127.0.0.1", "port": "{port}"}, interrupt=1.0, exit=130,
        network={"allowed_domains": ["127.0.0.1"]}, builds=NEWEST, told=("connect ok",), good=False, ci_roles=(SOURCE,)),
    act("sleeps while the run is interrupted", "sleep", "run", "CANCELLED", interrupt=0.6, exit=130, good=False, ci_roles=(DESTINATION,)),
    act("computes while the run is interrupted", "loop", "run", "CANCELLED", interrupt=0.6, exit=130, good=False, ci_roles=(TRANSFORM,)),

    # --- crashes -----------------------------------------------------------------------------------------------------
    act("a trap in open", "trap", "open", "GUEST_TRAP", good=False),
    act("a trap in a run", "trap", "run", "GUEST_TRAP"),
    act("a trap behind the last batch", "trap", "end", "GUEST_TRAP"),
    act("a trap in close", "trap", "close", None, says=("closing attacker for stream 'evil': GUEST_TRAP",)),
    act("a trap in begin-stream", "trap", "begin", "GUEST_TRAP", roles=(DESTINATION,), builds=NEWEST),
    act("a trap in finish-stream", "trap", "finish", "GUEST_TRAP", roles=(DESTINATION,), builds=NEWEST),
    act("a trap in plan-partitions", "trap", "plan", "GUEST_TRAP", roles=(SOURCE,), builds=NEWEST, features=("partitioned",)),
    act("a panic with a megabyte on stderr", "panic", "middle", "GUEST_TRAP", says=("Its last words on stderr",)),
    act("abort", "abort", "middle", "GUEST_TRAP"),
    act("exit(0)", "exit", "middle", "GUEST_EXIT", says=(r"exit\(0\)",)),
    act("exit(77) in open", "exit", "open", "GUEST_EXIT", config={"count": 77}, good=False),
    act("recursion without end", "recurse", "run", ("STACK_OVERFLOW", "GUEST_TRAP")),
    act("bytes outside of its memory", "bad_pointers", "run", "GUEST_TRAP"),
    act("a log line that is no UTF-8", "not_utf8", "run", "GUEST_TRAP"),
    answer("an error that is no UTF-8", "error_not_utf8", "run", "GUEST_TRAP"),
    answer("an error outside of its memory", "error_pointer", "run", "GUEST_TRAP"),
    answer("an error of no known category", "error_enum", "run", "GUEST_TRAP"),

    # --- memory ------------------------------------------------------------------------------------------------------
    act("memory up to the cap, in every instance at once", "memory", "run", told=(r"did: [34]\d MiB taken",), config={"stream": "both"}),
    act("memory up to the cap, then a trap", "memory_then_trap", "run", ("MEMORY_LIMIT", "GUEST_TRAP")),
    act("a log line of 16 MiB", "long_line", "run", told=("did: logged",), says=(r"\[cut: 8192 of 16777216 bytes\]",), extra_mib=32),
    act("a flood of log lines", "log_flood", "run", says=("log lines suppressed",), after="little_was_said"),
    act("64 MiB on stderr without a line end", "stderr_without_end", "run", told=("did: written",), after="little_was_said"),
    act("batches beyond all limits", "batches", "run", roles=(SOURCE, TRANSFORM), config={"size": 100}, told=("did: 1 x BATCH_TOO_LARGE, 1 x EMPTY_BATCH",),
        pipeline={"resources": {"max_memory": "256mb"}}, guests=5),

    # --- batches -----------------------------------------------------------------------------------------------------
    answer("a batch of noise", "batch_noise", "middle", "INVALID_BATCH", roles=(SOURCE, TRANSFORM)),
    answer("half a batch", "batch_cut", "middle", "INVALID_BATCH", roles=(SOURCE,)),
    answer("a batch with a broken header", "batch_header", "middle", "INVALID_BATCH", roles=(SOURCE,)),
    answer("a batch of 10^11 rows", "batch_rows", "middle", "INVALID_BATCH", roles=(SOURCE,)),

    # --- lies --------------------------------------------------------------------------------------------------------
    answer("more rows than there were", "summary_more", "end", "ROW_COUNT_MISMATCH"),
    answer("fewer rows than there were", "summary_less", "end", "ROW_COUNT_MISMATCH"),
    answer("2^64 - 1 rows", "summary_most", "end", "ROW_COUNT_MISMATCH"),
    answer("rows rejected that were not", "summary_skipped", "end", "ROW_COUNT_MISMATCH", roles=(SOURCE, DESTINATION)),
    answer("success before anything was taken", "takes_nothing", "run", ("DESTINATION_ENDED_EARLY", "TRANSFORM_ENDED_EARLY"), roles=(DESTINATION, TRANSFORM)),
    answer("success after one batch", "takes_one", "middle", ("DESTINATION_ENDED_EARLY", "TRANSFORM_ENDED_EARLY"), roles=(DESTINATION, TRANSFORM)),
    answer("a batch swallowed", "swallows", "middle", "ROW_COUNT_MISMATCH", roles=(TRANSFORM,)),
    answer("a batch sent twice", "doubles", "middle", "ROW_COUNT_MISMATCH", roles=(TRANSFORM,)),
    answer("a checkpoint of another stream", "position_of_another", "middle", None, roles=(SOURCE,), after="cursor_of_good_is_its_own",
           pipeline={"sync_mode": "incremental", "write_mode": "append"}),
    answer("a checkpoint that says it is the end", "position_end", "middle", None, roles=(SOURCE,)),
    answer("a checkpoint that goes backwards", "position_back", "middle", None, roles=(SOURCE,)),
    answer("commits of what it never had", "commits_too_much", "middle", "GUEST_TRAP", roles=(DESTINATION,), after="nothing_is_durable",
           pipeline={"write_mode": "append"}),
    act("calls that are not its role's", "wrong_calls", "end", after="wrong_calls_were_refused"),
    act("calls before anything runs", "wrong_calls", "open", told=("next-batch NO_RECEIVER emit NO_SENDER",), good=False, after="wrong_calls_were_refused"),
    answer("always try again", "error_retry", "run", "ATTACKED", after="was_tried_three_times"),
    answer("the host's own code", "error", "run", "CONNECTOR_CANCELLED", config={"code": "CANCELLED"}),
    answer("the code of a crash", "error", "middle", "CONNECTOR_GUEST_TRAP", config={"code": "GUEST_TRAP"}),
    answer("the code of a locked state", "error", "end", "CONNECTOR_PIPELINE_LOCKED", config={"code": "PIPELINE_LOCKED"}),
    answer("an error in close", "error", "close", None, says=("closing attacker for stream 'evil': ATTACKED",)),

    # --- secrets -----------------------------------------------------------------------------------------------------
    act("secrets in every text", "secrets", "run", "ATTACKED", config={"password": "Hunter2+Geheim", "then": "fail"}, told=("did: told",), after="no_secret_was_told"),

    # --- rejected records --------------------------------------------------------------------------------------------
    act("rejected records without end", "rejects", "run", "DLQ_FULL", builds=WITH_REJECTS, config={"count": 5000, "size": 1000}, exit=8,
        pipeline={"dlq": {"max_bytes": "1mb"}}, after="rejects_are_bounded"),
    act("rejected records in other names", "odd_rejects", "run", builds=WITH_REJECTS, told=("did: 3 x ok",), after="rejects_are_lines"),
    act("a rejected record of 70 MiB", "rejects", "run", builds=WITH_REJECTS, config={"count": 1, "size": 70 << 20}, told=("did: 1 x DLQ_RECORD_TOO_LARGE",),
        pipeline={"resources": {"max_memory": "256mb"}}, guests=5),

    # --- state -------------------------------------------------------------------------------------------------------
    act("more values than the state takes", "state_flood", "run", config={"count": 10_500, "size": 10}, told=(r"did: \d+ x STATE_QUOTA, \d+ x ok",), deadline=60,
        ci_roles=(SOURCE,)),
    act("more bytes than the state takes", "state_flood", "run", config={"count": 30, "size": 4 << 20}, told=(r"did: \d+ x STATE_QUOTA, 1\d x ok",), deadline=60,
        ci_roles=(DESTINATION,), extra_mib=40),
    act("keys and values beyond their limits", "state_edges", "run", told=("did: 2 x INVALID_SCOPE, 2 x KEY_TOO_LONG, 1 x VALUE_TOO_LONG",)),

    # One stream after the other, because dest-sqlite takes one at a time.
    act("what another stream keeps", "state_of_others", "run", roles=(SOURCE,), config={"stream": "both"}, told=("did: put ok", "did: 24 x none$")),

    # --- network -----------------------------------------------------------------------------------------------------
    act("47 spellings of loopback", "connect", "run", config={"text": LOOPBACK, "port": "{port}"}, after="nobody_came"),
    act("29 ways to the metadata service", "connect", "run", config={"text": METADATA, "port": "{port}"}, network={"allowed_domains": ["*"]},
        after="nobody_came"),
    act("private addresses", "connect", "run", config={"text": PRIVATE, "port": "{port}"}, after="nobody_came"),
    act("hosts that are none", "connect", "run", config={"text": "~ _ @ / \\u202e " + "a" * 5000 + " a..b -x- %00 db.example.com:5432:1 [db.example.com *"},
        after="nobody_came"),
    act("a name that leads elsewhere the second time", "connect", "run", config={"text": "rebind.test rebind.test", "port": "{port}"},
        network={"allowed_domains": ["rebind.test"]}, told=("did: rebind.test=ok rebind.test=NETWORK_DENIED",), before="names_change", guests=3,
        ci_roles=(SOURCE, DESTINATION)),
    act("sockets by the thousand", "sockets", "run", config={"host": "127.0.0.1", "port": "{port}", "count": 2000}, network={"allowed_domains": ["127.0.0.1"]},
        told=("did: 1936 x SOCKET_LIMIT, 64 x ok",)),
    act("handles of other instances", "handles", "run", config={}, told=(r"did: \d+ x INVALID_SOCKET$",)),
    act("plain words where TLS is required", "plain", "run", config={"host": "127.0.0.1", "port": "{port}"},
        network={"allowed_domains": ["127.0.0.1"], "tls": "required"}, told=("did: connect ok, write ok, write TLS_REQUIRED",), after="little_was_heard"),
)
