"""A private PostgreSQL server for tests and benchmarks: on loopback, a free port, a temporary folder, TLS with its own CA, SCRAM.

    with PostgresServer() as server:
        server.query("CREATE TABLE t (id int)")
        ... server.port, server.user, server.password, server.database ...

Works as root, too: PostgreSQL refuses to be root, so the server then runs as `postgres` or, without one, as `nobody`. Settings are
PostgreSQL's defaults, durability included; `durable=False` turns fsync off, for tests that prove nothing about power cuts.
The server ends with the program that started it, also when that is killed.
"""
import ctypes
import glob
import os
import pathlib
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

import postgres_client
from postgres_client import identifier, literal

SUPERUSER = "postgres"
START_SECONDS = 60
_PR_SET_PDEATHSIG = 1


class PostgresServer:
    """`user` is an ordinary login that owns `database`; over the socket file every user is trusted, which only the tests can reach."""

    def __init__(self, *, durable=True, settings=(), user="loader", database="shop"):
        self.user, self.database = user, database
        self.password = secrets.token_urlsafe(12)
        self.binaries = find_binaries()
        self.owner = _server_owner()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="rapidbyte-pg-"))
        self.data = self.folder / "data"
        self.log = self.folder / "server.log"
        self.port = 0
        self._process = None
        self._session = None
        self._has_database = False
        self._lock = threading.Lock()
        self._settings = {"unix_socket_directories": str(self.folder), "listen_addresses": "127.0.0.1", "ssl": "on",
                          "ssl_cert_file": str(self.folder / "server.crt"), "ssl_key_file": str(self.folder / "server.key"),
                          "password_encryption": "scram-sha-256", "lc_messages": "C", **dict(settings)}
        if not durable:
            # Commits still survive a crash of the server, as its files are then the kernel's; only a power failure loses some.
            self._settings.update(fsync="off", full_page_writes="off")
        try:
            self._create()
        except BaseException:
            self.remove()
            raise

    # --- what clients need --------------------------------------------------------------------------------------------

    @property
    def pid(self):
        """Of the postmaster."""
        return self._process.pid

    @property
    def root_certificate(self):
        """The CA's certificate as PEM text."""
        return (self.folder / "ca.crt").read_text(encoding="ascii")

    def url(self, password=None):
        return f"postgresql://{self.user}:{password or self.password}@127.0.0.1:{self.port}/{self.database}"

    def psql_command(self):
        """psql over TCP as `user`, without quotes, so that it can be split at blanks or used in a shell command."""
        url = f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.database}?passfile={self.folder}/passwords"
        return f"{self.binaries / 'psql'} -X -q -v ON_ERROR_STOP=1 -d {url}"

    def session(self, user=None, database=None):
        """A separate connection, for another thread or an open transaction."""
        return postgres_client.Session(f"{self.folder}/.s.PGSQL.{self.port}", user or self.user, database or self.database)

    def query(self, sql):
        """Runs `sql` as `user` on a connection that is kept; rows as tuples of text, None for NULL."""
        with self._lock:
            if self._session is None:
                self._session = self.session()
            try:
                return self._session.query(sql)
            except (OSError, postgres_client.ServerError) as error:
                # FATAL, or gone with a restart: the next query has a new connection.
                if isinstance(error, OSError) or error.fields.get("V") == "FATAL":
                    self._session.close()
                    self._session = None
                raise

    def admin(self, sql, database=None):
        """Runs `sql` as the superuser."""
        with self.session(SUPERUSER, database or self.database) as session:
            return session.query(sql)

    def backends(self):
        """(pid, state, query) of the clients that came by TCP: those of the program under test."""
        return self.admin("SELECT pid, state, query FROM pg_stat_activity WHERE backend_type = 'client backend' "
                          "AND client_addr IS NOT NULL ORDER BY backend_start")

    def terminate(self, pid):
        """Ends one backend as an administrator would; False when it had ended already."""
        return self.admin(f"SELECT pg_terminate_backend({pid})") == [("t",)]

    def kill(self, pid):
        """Kills a backend, as the system does when memory runs out: the server ends all sessions, recovers and continues."""
        os.kill(pid, signal.SIGKILL)
        self._forget_session()

    def wait_until_recovered(self):
        if not self._wait_until_ready():
            raise RuntimeError(f"the server did not recover:\n{self.log_text()}")

    def wait_until_idle(self, seconds=20):
        """Until no client that came by TCP is left."""
        until = time.monotonic() + seconds
        while self.backends():
            if time.monotonic() > until:
                raise TimeoutError(f"clients are still connected: {self.backends()}")
            time.sleep(0.01)

    # --- its life -----------------------------------------------------------------------------------------------------

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.remove()

    def start(self, wait=True):
        """Starts it on the port it had, at first on a free one. It ends with the thread that calls this: call it in the main one."""
        for _ in range(5):
            # Somebody else may take a free port first: try others, as long as nobody was told the number.
            self.port = self.port if self._has_database else _free_port()
            settings = [f"-c{name}={value}" for name, value in self._settings.items()]
            with open(self.log, "ab") as log:
                self._process = subprocess.Popen([self.binaries / "postgres", "-D", self.data, f"-p{self.port}", *settings],
                                                 stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent,
                                                 cwd=self.folder, start_new_session=True, **self._as_owner())
            if not wait or self._wait_until_ready():
                break
        else:
            raise RuntimeError(f"the server does not start:\n{self.log_text()[-3000:]}")
        if wait and not self._has_database:
            self._create_database()

    def stop(self, mode="fast"):
        """Stops it: "smart", "fast" (disconnects clients) or "immediate" (as a crash, recovers at the next start)."""
        self._forget_session()
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal({"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}[mode])
        self._process.wait(START_SECONDS)
        self._process = None

    def restart(self, mode="fast"):
        self.stop(mode)
        self.start()

    def remove(self):
        """Stops it and removes its folder."""
        try:
            self.stop("immediate")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    def log_text(self):
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    # --- inside -------------------------------------------------------------------------------------------------------

    def _create(self):
        os.chmod(self.folder, 0o700)
        self._make_certificates()
        if self.owner:
            for path in [self.folder, *self.folder.iterdir()]:
                shutil.chown(path, self.owner.pw_name, self.owner.pw_gid)
        # No sync only for the empty cluster: nothing is in it yet that could be lost.
        self._run(self.binaries / "initdb", "--no-sync", "--no-instructions", "-D", self.data, "-U", SUPERUSER, "-A", "trust",
                  "--locale=C.UTF-8", "-E", "UTF8")
        with open(self.data / "pg_hba.conf", "w", encoding="ascii") as file:
            file.write("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")

    def _create_database(self):
        with self.session(SUPERUSER, "postgres") as session:
            session.query(f"CREATE ROLE {identifier(self.user)} LOGIN PASSWORD {literal(self.password)} IN ROLE pg_checkpoint, pg_monitor")
            session.query(f"CREATE DATABASE {identifier(self.database)} OWNER {identifier(self.user)}")
        passwords = self.folder / "passwords"
        passwords.write_text(f"*:*:*:{self.user}:{self.password}\n", encoding="ascii")
        passwords.chmod(0o600)
        self._has_database = True

    def _make_certificates(self):
        """A CA, and a certificate for localhost and 127.0.0.1 that it signed."""
        (self.folder / "names").write_text("subjectAltName = DNS:localhost, IP:127.0.0.1\n", encoding="ascii")
        new_key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
        self._openssl("req", "-x509", *new_key, "-keyout", "ca.key", "-out", "ca.crt", "-days", "2", "-subj", "/CN=Test CA")
        self._openssl("req", *new_key, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=localhost")
        self._openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
                      "-extfile", "names", "-out", "server.crt")
        os.chmod(self.folder / "server.key", 0o600)

    def _openssl(self, *arguments):
        _check(subprocess.run(["openssl", *arguments], cwd=self.folder, capture_output=True, check=False))

    def _run(self, *command):
        _check(subprocess.run(command, cwd=self.folder, capture_output=True, check=False, **self._as_owner()))

    def _as_owner(self):
        return {"user": self.owner.pw_uid, "group": self.owner.pw_gid, "extra_groups": []} if self.owner else {}

    def _wait_until_ready(self):
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                self.session(SUPERUSER, "postgres").close()
                return True
            except (OSError, postgres_client.ServerError):
                time.sleep(0.02)
        return False

    def _forget_session(self):
        with self._lock:
            if self._session:
                self._session.close()
                self._session = None


def find_binaries():
    """The folder with initdb, postgres and psql: of version 15 when there is a choice."""
    folders = ["/usr/lib/postgresql/15/bin", *sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    found = shutil.which("initdb")
    for folder in folders + ([os.path.dirname(os.path.realpath(found))] if found else []):
        if all(os.access(os.path.join(folder, name), os.X_OK) for name in ("initdb", "postgres", "psql")):
            return pathlib.Path(folder)
    raise FileNotFoundError(f"no PostgreSQL server programs in {', '.join(folders)} or PATH; install the package postgresql-15")


def _server_owner():
    """The user to run the server as, or None for the caller."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            pass
    raise LookupError("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _die_with_parent():
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGQUIT)


def _check(done):
    if done.returncode:
        raise RuntimeError(f"{done.args[0]} failed ({done.returncode}):\n{done.stderr.decode(errors='replace')}")
