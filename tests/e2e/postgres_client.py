"""A small PostgreSQL client for tests: text in, text out, over the server's own socket file.

It shares no code with the connectors, so it can judge them. Only what tests need: the login of a trusted local user, simple queries,
and errors with their SQLSTATE. One thread per session.
"""
import socket
import struct


class ServerError(Exception):
    """What the server answered instead of rows."""

    def __init__(self, fields):
        super().__init__(f"{fields.get('C', '')} {fields.get('M', '')}".strip())
        self.sqlstate = fields.get("C", "")
        self.fields = fields


class Session:
    """One connection, as `user` in `database`."""

    def __init__(self, socket_file, user, database, timeout=180.0):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(timeout)
        self._buffer = b""
        self.backend_pid = 0
        try:
            self._socket.connect(socket_file)
            body = struct.pack("!i", 3 << 16) + b"".join(
                part.encode() + b"\0" for part in ("user", user, "database", database, "client_encoding", "UTF8",
                                                   "application_name", "test-observer")) + b"\0"
            self._socket.sendall(struct.pack("!i", len(body) + 4) + body)
            self._until_ready()
        except BaseException:
            self._socket.close()
            raise

    def close(self):
        try:
            self._socket.sendall(b"X\0\0\0\4")
        except OSError:
            pass
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def query(self, sql):
        """Runs the statements of `sql`; the rows of all of them as tuples of text, None for NULL."""
        body = sql.encode() + b"\0"
        self._socket.sendall(b"Q" + struct.pack("!i", len(body) + 4) + body)
        return self._until_ready()

    def _until_ready(self):
        rows, error = [], None
        while True:
            kind, body = self._message()
            if kind == b"D":
                rows.append(_data_row(body))
            elif kind == b"E":
                error = ServerError(_fields(body))
                if error.fields.get("V", error.fields.get("S")) in ("FATAL", "PANIC"):
                    raise error
            elif kind == b"K":
                self.backend_pid = struct.unpack_from("!i", body)[0]
            elif kind == b"R" and struct.unpack_from("!i", body)[0] != 0:
                raise ServerError({"C": "28000", "M": "the socket file asks for a password; it should trust local users"})
            elif kind in (b"G", b"H", b"W"):
                raise ServerError({"C": "0A000", "M": "COPY is not for this client; use psql_command()"})
            elif kind == b"Z":
                if error:
                    raise error
                return rows

    def _message(self):
        head = self._bytes(5)
        return head[:1], self._bytes(struct.unpack("!i", head[1:])[0] - 4)

    def _bytes(self, count):
        while len(self._buffer) < count:
            more = self._socket.recv(max(65536, count - len(self._buffer)))
            if not more:
                raise ConnectionError("the server closed the connection")
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


def _data_row(body):
    row, at = [], 2
    for _ in range(struct.unpack_from("!H", body)[0]):
        length = struct.unpack_from("!i", body, at)[0]
        at += 4
        if length < 0:
            row.append(None)
        else:
            row.append(body[at:at + length].decode())
            at += length
    return tuple(row)


def _fields(body):
    return {part[:1].decode(): part[1:].decode(errors="replace") for part in body.split(b"\0") if part}


def identifier(name):
    """As a quoted SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text):
    """As an SQL literal; None is NULL."""
    return "NULL" if text is None else "'" + text.replace("'", "''") + "'"
