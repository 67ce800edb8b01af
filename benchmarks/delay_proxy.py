"""A TCP proxy that delivers every byte a fixed time after it arrived: a server that is far away, without loss.

Bandwidth is not limited; what is written together arrives together. For measuring how many round trips a load takes.
"""
import queue
import socket
import statistics
import threading
import time


def round_trip(seconds, count=30):
    """What one round trip through a DelayProxy really takes, in seconds: the median of `count`. Its own threads take time, too."""
    with socket.create_server(("127.0.0.1", 0)) as server, DelayProxy(server.getsockname()[1], seconds) as proxy:
        def echo():
            with server.accept()[0] as peer:
                while data := peer.recv(16):
                    peer.sendall(data)
        threading.Thread(target=echo, daemon=True).start()
        times = []
        with socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for _ in range(count):
                started = time.monotonic()
                client.sendall(b"x")
                client.recv(16)
                times.append(time.monotonic() - started)
        return statistics.median(times)


class DelayProxy:
    """Listens on 127.0.0.1:`port` until close(); `seconds` are added each way."""

    def __init__(self, server_port, seconds):
        self._server_port, self._seconds = server_port, seconds
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._sockets = []
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for one in [self._listener, *self._sockets]:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._server_port))
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets += [client, server]
            self._forward(client, server)
            self._forward(server, client)

    def _forward(self, source, target):
        due = queue.SimpleQueue()

        def read():
            while True:
                try:
                    data = source.recv(1 << 16)
                except OSError:
                    data = b""
                due.put((time.monotonic() + self._seconds, data))
                if not data:
                    return

        def write():
            while True:
                when, data = due.get()
                time.sleep(max(0.0, when - time.monotonic()))
                try:
                    if not data:
                        target.shutdown(socket.SHUT_WR)
                        return
                    target.sendall(data)
                except OSError:
                    return

        for run in (read, write):
            threading.Thread(target=run, daemon=True).start()
