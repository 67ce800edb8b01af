"""A TCP proxy in front of a PostgreSQL server that knows where messages begin, and breaks the connection at one of them.

Messages of both directions are counted per connection, in the order in which they pass. What one side says before the other answers
is one *step* (a question, the rows of a COPY), so that `steps` of a small load is short and the same each time, also when several
connections work at once. A fault happens instead of a chosen message of a chosen step; it fires once, and other connections are not
touched. Once a connection speaks TLS, its records count as messages: nobody between can see more.
"""
import collections
import contextlib
import itertools
import socket
import struct
import threading

CLIENT, SERVER = "client", "server"
FAULTS = ("reset", "stall", "half-close", "truncate")
"""reset: both ends get a RST. stall: nothing passes any more until one side gives up, which the other then hears. half-close: the
receiver sees the end, its own bytes still pass. truncate: half of the message, then the end for both."""

Step = collections.namedtuple("Step", "connection number sender kinds")
"""All that one side says on a connection: which of it the other side has heard by then depends on time, for a client that sends the next
statement before the last one's answer. `number`: 0 for the client, 1 for the server. `kinds`: the type byte of each message, in order; * for the first ones of a client, which have none, "tls" for a record of TLS."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_SSL_REQUEST = 80877103


class FaultProxy:
    """Listens on 127.0.0.1:`port` from its construction until close()."""

    def __init__(self, server_port):
        self._server_port = server_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets, self._threads = [], []
        self._closed = False
        self._refusals, self._refusal = 0, b""
        self.connections = 0
        self.disarm()
        self._go(self._accept)

    def arm(self, fault, connection, step, index=1):
        """Counts new connections and their steps from the beginning; on connection `connection` (from 1) `fault` comes instead of message `index`
        (from 1) of step `step`."""
        assert fault in FAULTS, fault
        with self._lock:
            self._fault, self._at = fault, (connection, step, index)
            self._restart_count()

    def disarm(self):
        with self._lock:
            self._fault, self._at = None, None
            self._restart_count()

    def refuse(self, count, sqlstate, message):
        """The next `count` logins are answered with this error instead of being passed on."""
        fields = f"SFATAL\0VFATAL\0C{sqlstate}\0M{message}\0\0".encode()
        with self._lock:
            self._refusals, self._refusal = count, b"E" + struct.pack("!i", len(fields) + 4) + fields

    def close(self):
        self._closed = True
        with self._lock:
            sockets = [self._listener, *self._sockets]
        for one in sockets:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(10)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # --- inside -------------------------------------------------------------------------------------------------------

    def _restart_count(self):
        """Connections that are already open no longer count: their last messages would shift the numbers."""
        self.fired = threading.Event()
        self.steps, self._newest = [], {}
        self._before = self.connections

    def _go(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while not self._closed:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            with self._lock:
                self._sockets.append(client)
                self.connections += 1
                number = self.connections
                refusal = self._refusal if self._refusals else None
                self._refusals -= bool(refusal)
            if refusal:
                self._go(self._refuse, client, refusal)
                continue
            try:
                server = socket.create_connection(("127.0.0.1", self._server_port))
            except OSError:
                _reset(client)
                continue
            with self._lock:
                self._sockets.append(server)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link = _Link(number, client, server)
            self._go(self._pump, link, CLIENT)
            self._go(self._pump, link, SERVER)

    def _refuse(self, client, refusal):
        with contextlib.suppress(OSError):
            client.recv(65536)
            client.sendall(refusal)
            client.shutdown(socket.SHUT_WR)
            while client.recv(65536):
                pass
        client.close()

    def _pump(self, link, sender):
        source, target = (link.client, link.server) if sender == CLIENT else (link.server, link.client)
        try:
            for kind, message in _messages(source, link, sender):
                fault = None if link.stalled.is_set() else self._count(link.number, sender, kind)
                if fault:
                    self._break(fault, link, target, message)
                    if fault != "stall":
                        return
                if not link.stalled.is_set():
                    target.sendall(message)
        except OSError:
            pass
        # One side has closed: the other is told, and may still send what it has to say.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _count(self, connection, sender, kind):
        """The fault to inject instead of this message, if any."""
        with self._lock:
            connection -= self._before
            if connection <= 0:
                return None
            step = self._newest.get((connection, sender))
            if not step:
                step = Step(connection, (CLIENT, SERVER).index(sender), sender, [])
                self._newest[connection, sender] = step
                self.steps.append(step)
            step.kinds.append(kind)
            if not self._fault or self.fired.is_set() or self._at != (connection, step.number, len(step.kinds)):
                return None
            self.fired.set()
            return self._fault

    def _break(self, fault, link, target, message):
        if fault == "stall":
            link.stalled.set()
        elif fault == "reset":
            _reset(link.client)
            _reset(link.server)
        elif fault == "truncate":
            with contextlib.suppress(OSError):
                target.sendall(message[:len(message) // 2])
            for one in (link.client, link.server):
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
        elif fault == "half-close":
            with contextlib.suppress(OSError):
                target.shutdown(socket.SHUT_WR)


class _Link:
    """Both ends of one connection, and how its messages begin: `phase` is STARTUP until the client has said who it is, ASKED while the
    server owes the single byte that answers a request for TLS, then PLAIN or TLS. The sides take turns until then, so that no lock
    is needed."""

    STARTUP, ASKED, PLAIN, TLS = range(4)

    def __init__(self, number, client, server):
        self.number, self.client, self.server = number, client, server
        self.stalled = threading.Event()
        self.phase = self.STARTUP

    def next_message(self, sender, buffer):
        """(kind, length) of the message that begins `buffer`, or None when not all of it is there yet."""
        if self.phase == self.ASKED and sender == SERVER and buffer:
            self.phase = self.TLS if buffer[:1] == b"S" else self.STARTUP
            return chr(buffer[0]), 1
        if self.phase == self.TLS:
            head, kind = 5, "tls"
            length = head + struct.unpack_from("!H", buffer, 3)[0] if len(buffer) >= head else 0
        else:
            without_kind = sender == CLIENT and self.phase == self.STARTUP
            head, kind = (4, "*") if without_kind else (5, buffer[:1].decode("latin-1"))
            length = head - 4 + struct.unpack_from("!I", buffer, head - 4)[0] if len(buffer) >= head else 0
        if len(buffer) < head or len(buffer) < length:
            return None
        if kind == "*":
            self.phase = self.ASKED if struct.unpack_from("!I", buffer, 4)[0] == _SSL_REQUEST else self.PLAIN
        return kind, length


def _reset(one):
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # The other pump still waits in recv() and would keep the connection open: shutting down wakes it.
        one.shutdown(socket.SHUT_RD)
    one.close()


def _messages(source, link, sender):
    """(kind, bytes) of each message, as they come."""
    buffer = bytearray()
    while True:
        more = source.recv(1 << 18)
        if not more:
            return
        buffer += more
        while found := link.next_message(sender, buffer):
            kind, length = found
            yield kind, bytes(buffer[:length])
            del buffer[:length]


def points(steps, every=False, without=""):
    """(connection, step, index) of where to break a load whose `steps` were counted: at every message but those of the kinds `without`;
    or, unless `every`, of many of one kind only at the first, one in the middle and the last, of TLS at a dozen."""
    for step in steps:
        at = 0
        for kind, same in itertools.groupby(step.kinds):
            count = len(list(same))
            if kind in without:
                at += count
                continue
            # TLS records do not show their content.
            few = 12 if kind == "tls" else 3
            for index in range(1, count + 1) if every else sorted({1 + i * (count - 1) // (few - 1) for i in range(few)}):
                yield step.connection, step.number, at + index
            at += count
