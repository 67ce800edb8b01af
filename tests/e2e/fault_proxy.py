"""A TCP proxy before a PostgreSQL server that knows where its messages begin, and breaks the connection at one of them.

Messages of both directions are counted in the order in which they pass. What one side says before the other answers is one *step*
(a question, the rows of a COPY), so that `steps` of a small load is short and nearly the same each time. A fault happens instead
of a chosen message of a chosen step; it fires once, and other connections are not touched. Works on connections without TLS.
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

Step = collections.namedtuple("Step", "connection sender kinds")
"""`kinds`: the type byte of each message, in order; * for the first one of a client, which has none."""
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


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

    def arm(self, fault, step, index=1):
        """Counts the steps of new connections anew; `fault` comes instead of message `index` (from 1) of step `step` (from 0)."""
        assert fault in FAULTS, fault
        with self._lock:
            self._fault, self._at = fault, (step, index)
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
        """Connections that are open already count no more: their last words would shift the numbers."""
        self.fired = threading.Event()
        self.steps = []
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
            for kind, message in _messages(source, has_startup=sender == CLIENT):
                fault = None if link.stalled.is_set() else self._count(link.number, sender, kind)
                if fault:
                    self._break(fault, link, target, message)
                    if fault != "stall":
                        return
                if not link.stalled.is_set():
                    target.sendall(message)
        except OSError:
            pass
        # One side has closed: the other hears of it, and may still send what it has to say.
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _count(self, connection, sender, kind):
        """The fault that is due instead of this message, if any."""
        with self._lock:
            connection -= self._before
            if connection <= 0:
                return None
            if not self.steps or self.steps[-1][:2] != (connection, sender):
                self.steps.append(Step(connection, sender, []))
            kinds = self.steps[-1].kinds
            kinds.append(kind)
            if not self._fault or self.fired.is_set() or self._at != (len(self.steps) - 1, len(kinds)):
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

    def __init__(self, number, client, server):
        self.number, self.client, self.server = number, client, server
        self.stalled = threading.Event()


def _reset(one):
    with contextlib.suppress(OSError):
        one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        # The other pump still waits in recv() and would keep the connection open: shutting down wakes it.
        one.shutdown(socket.SHUT_RD)
    one.close()


def _messages(source, has_startup):
    """(kind, bytes) of each message, as they come; the first one of a client has no kind byte."""
    buffer, kind_length = bytearray(), 0 if has_startup else 1
    while True:
        more = source.recv(1 << 18)
        if not more:
            return
        buffer += more
        while len(buffer) >= kind_length + 4:
            length = kind_length + struct.unpack_from("!I", buffer, kind_length)[0]
            if len(buffer) < length:
                break
            kind = buffer[:1].decode("latin-1") if kind_length else "*"
            yield kind, bytes(buffer[:length])
            del buffer[:length]
            kind_length = 1


def points(steps):
    """Where to break a load whose `steps` were counted: at every message, but of many of one kind only at the first, one in the
    middle and the last."""
    for number, step in enumerate(steps):
        at = 0
        for _, same in itertools.groupby(step.kinds):
            count = len(list(same))
            for index in sorted({1, count // 2 + 1, count}):
                yield number, at + index
            at += count
