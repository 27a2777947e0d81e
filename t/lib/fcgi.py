"""fcgi.py - a FastCGI client, for tests of the processes without nginx.

    fcgi.call(socket, "GET", "/healthz").status
    with fcgi.Connection(socket) as c:      # step by step, to misbehave
        c.begin(); c.params({...}); c.stdin(b"..."); c.close()
"""

import json
import socket
import struct

BEGIN, ABORT, END, PARAMS, STDIN, STDOUT, STDERR = range(1, 8)
RESPONDER = 1
KEEP = 1


class Cut(Exception):
    """The connection ended before the answer did."""


class Answer:
    """status, headers (lower-case names), body."""

    def __init__(self, stdout):
        head, mark, self.body = stdout.partition(b"\r\n\r\n")
        if not mark:
            raise Cut(f"no end of the headers: {stdout[:200]!r}")
        self.headers = {}
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(": ")
            self.headers[name.lower()] = value
        self.status = int(self.headers["status"].split()[0])

    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def _size(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 1 << 31)


class Connection:
    def __init__(self, path, timeout=30, keep=False):
        self.keep = keep
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.input = self.sock.makefile("rb")

    def record(self, kind, content=b""):
        pad = -len(content) % 8
        self.sock.sendall(struct.pack(">BBHHBx", 1, kind, 1, len(content), pad)
                          + content + bytes(pad))

    def begin(self):
        self.record(BEGIN, struct.pack(">HB5x", RESPONDER,
                                       KEEP if self.keep else 0))

    def params(self, params, end=True):
        data = b"".join(
            _size(len(k.encode())) + _size(len(v.encode())) + k.encode()
            + v.encode() for k, v in params.items())
        for at in range(0, len(data), 65000):
            self.record(PARAMS, data[at:at + 65000])
        if end:
            self.record(PARAMS)

    def stdin(self, body, end=True):
        for at in range(0, len(body), 65000):
            self.record(STDIN, body[at:at + 65000])
        if end:
            self.record(STDIN)

    def send(self, method, path, body=b"", query="", params=None):
        self.begin()
        given = {
            "REQUEST_METHOD": method, "DOCUMENT_URI": path,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)) if body else "",
        }
        given.update(params or {})
        self.params({k: v for k, v in given.items() if v is not None})
        self.stdin(body)

    def _read(self, n):
        data = self.input.read(n)
        if len(data) < n:
            raise Cut(f"{len(data)} of {n} bytes")
        return data

    def answer(self):
        """The whole answer. Cut when the request did not end properly."""
        out = []
        while True:
            _, kind, _, length, pad = struct.unpack(">BBHHBx", self._read(8))
            content = self._read(length)
            self._read(pad)
            if kind == STDOUT:
                out.append(content)
            elif kind == END:
                return Answer(b"".join(out))

    def close(self):
        self.input.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def call(path, method, uri, body=b"", query="", params=None, timeout=30):
    """One request on a connection of its own."""
    with Connection(path, timeout) as c:
        c.send(method, uri, body, query, params)
        return c.answer()
