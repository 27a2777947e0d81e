"""fcgi.py - a FastCGI client, for tests of the processes without nginx.

    fcgi.call(socket, "GET", "/healthz").status
    with fcgi.Connection(socket) as c:      # step by step, to misbehave
        c.begin(); c.params({...}); c.stdin(b"..."); c.close()
"""

import io
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

    def header(self, name):
        """As client.Response has it."""
        return self.headers.get(name.lower())

    def __repr__(self):
        return f"<{self.status} {self.body[:300]!r}>"


def _size(n):
    return bytes([n]) if n < 128 else struct.pack(">I", n | 1 << 31)


def _record(kind, content=b""):
    pad = -len(content) % 8
    return (struct.pack(">BBHHBx", 1, kind, 1, len(content), pad) + content
            + bytes(pad))


def _stream(kind, data, end=True):
    """A stream's records, and its end."""
    parts = [_record(kind, data[at:at + 65000])
             for at in range(0, len(data), 65000)]
    return b"".join(parts) + (_record(kind) if end else b"")


def _params(params):
    return b"".join(
        _size(len(k.encode())) + _size(len(v.encode())) + k.encode()
        + v.encode() for k, v in params.items())


def _begin(keep=False):
    return _record(BEGIN, struct.pack(">HB5x", RESPONDER, KEEP if keep else 0))


def request(method, path, body=b"", query="", params=None, keep=False):
    """A whole one, as bytes."""
    given = {
        "REQUEST_METHOD": method, "DOCUMENT_URI": path, "QUERY_STRING": query,
        "CONTENT_LENGTH": str(len(body)) if body else "",
    }
    given.update(params or {})
    given = {k: v for k, v in given.items() if v is not None}
    return (_begin(keep) + _stream(PARAMS, _params(given))
            + _stream(STDIN, body))


def answer(read):
    """The whole answer, from read(n). Cut when the request did not end properly."""
    def exactly(n):
        data = read(n)
        if len(data) < n:
            raise Cut(f"{len(data)} of {n} bytes")
        return data

    out = []
    while True:
        _, kind, _, length, pad = struct.unpack(">BBHHBx", exactly(8))
        content = exactly(length)
        exactly(pad)
        if kind == STDOUT:
            out.append(content)
        elif kind == END:
            return Answer(b"".join(out))


def parse(data):
    """The answer in bytes that came."""
    return answer(io.BytesIO(data).read)


class Connection:
    """Step by step."""

    def __init__(self, path, timeout=30, keep=False):
        self.keep = keep
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.input = self.sock.makefile("rb")

    def begin(self):
        self.sock.sendall(_begin(self.keep))

    def params(self, params, end=True):
        self.sock.sendall(_stream(PARAMS, _params(params), end))

    def stdin(self, body, end=True):
        self.sock.sendall(_stream(STDIN, body, end))

    def send(self, method, path, body=b"", query="", params=None):
        self.sock.sendall(request(method, path, body, query, params, self.keep))

    def answer(self):
        return answer(self.input.read)

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
