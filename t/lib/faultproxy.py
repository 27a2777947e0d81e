"""faultproxy.py - an HTTP proxy between the service and a store, which does to the
requests what networks and stores do.

    p = FaultProxy("http://127.0.0.1:8000")     # listens at p.url
    p.on("PUT", status(503, "SlowDown"))        # every PUT until p.clear()
    p.on("GET", cut(0.5), times=1, key="trips/")
    p.on("*", delay(0.02))                      # what comes first in the list counts
    p.down(); p.up()                            # nobody listens; again
    p.seen                                      # what passed, with its times

A request's name is the operation for DynamoDB ("GetItem"), and for S3 the method, or
LIST for a listing; its key is the path with the query, for DynamoDB the table ("/Trips", "/Users/index/by-email"). Requests are passed on byte for
byte, so that signatures for the proxy's address stay right. The proxy runs in threads of
the test itself.
"""

import contextlib
import json
import re
import socket
import struct
import threading
import time

PIECE = 65536


class Seen:
    """One request: name, key, head (bytes), began and ended (seconds), code (0: none
    was sent)."""

    def __init__(self, name, key, head):
        self.name, self.key, self.head = name, key, head
        self.began, self.ended, self.code = time.monotonic(), None, 0

    def __repr__(self):
        return f"{self.name} {self.key} {self.code}"


def in_sequence(calls):
    """The longest row of calls of which each began when the one before was over: of
    those that may come next, the one that is over first leaves most room."""
    row = []
    for call in sorted(calls, key=lambda c: c.ended):
        if not row or row[-1].ended <= call.began:
            row.append(call)
    return row


class Exchange:
    """A request under way, as the faults see it."""

    def __init__(self, proxy, client, request, seen):
        self.proxy, self.client, self.request, self.seen = proxy, client, request, seen

    def pass_on(self):
        """To the store; the reply (head, body)."""
        return self.proxy.ask(self.client, self.request)

    def reply(self, head, body):
        self.seen.code = int(head.split(b" ", 2)[1])
        # Over as soon as the client can know: it may ask on before we do.
        self.seen.ended = time.monotonic()
        self.client.sock.sendall(head + body)

    def go_through(self):
        self.reply(*self.pass_on())

    def reset(self):
        """The connection breaks."""
        self.client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                    struct.pack("ii", 1, 0))
        self.client.end()


# ---- faults: functions of an Exchange ----

def delay(seconds):
    """A round trip that takes longer."""
    def fault(x):
        time.sleep(seconds)
        x.go_through()
    return fault


def status(code, name="InternalError", headers=b""):
    """The store refuses, without looking at the request."""
    def fault(x):
        if x.seen.name in S3_NAMES:
            body = (f"<?xml version=\"1.0\"?><Error><Code>{name}</Code>"
                    "<Message>by the test</Message></Error>").encode()
        else:
            body = (f'{{"__type":"com.amazonaws.dynamodb.v20120810#{name}",'
                    '"message":"by the test"}').encode()
        x.reply(b"HTTP/1.1 %d Fault\r\n%sContent-Length: %d\r\n\r\n" %
                (code, headers, len(body)),
                b"" if x.seen.name == "HEAD" else body)
    return fault


def reset_before(x):
    """The connection breaks before the store hears of it."""
    x.reset()


def reset_after(x):
    """The store does it, and the answer is lost."""
    x.pass_on()
    x.reset()


def cut(share):
    """The answer ends in the middle of its body, at that share of it."""
    def fault(x):
        head, body = x.pass_on()
        x.reply(head, body[:int(len(body) * share)])
        x.client.end()
    return fault


def slow(pieces, seconds):
    """The answer comes in so many pieces over so many seconds."""
    def fault(x):
        head, body = x.pass_on()
        x.reply(head, b"")
        step = max(1, len(body) // pieces)
        for at in range(0, len(body), step):
            time.sleep(seconds / pieces)
            x.client.sock.sendall(body[at:at + step])
    return fault


def changed(change):
    """The answer as change(head, body) makes it."""
    def fault(x):
        x.reply(*change(*x.pass_on()))
    return fault


def with_body(change):
    """The answer with the body that change(body) makes of it, whole and with its length."""
    def fault(x):
        head, body = x.pass_on()
        if re.search(rb"\r\ntransfer-encoding: *chunked", head, re.I):
            body = _dechunked(body)
        body = change(body)
        head = re.sub(rb"(?i)\r\n(content-length|transfer-encoding):[^\r]*", b"", head)
        x.reply(head[:-2] + b"Content-Length: %d\r\n\r\n" % len(body), body)
    return fault


def before(call):
    """call() is run first."""
    def fault(x):
        call()
        x.go_through()
    return fault


def between(call):
    """call() is run when the store has done it and nobody knows yet."""
    def fault(x):
        answer = x.pass_on()
        call()
        x.reply(*answer)
    return fault


def held(started, go):
    """Waits, once it has said so, until it may go on (two events)."""
    def fault(x):
        started.set()
        go.wait()
        x.go_through()
    return fault


def silence(over):
    """No word from the store until that event, and then a broken connection."""
    def fault(x):
        over.wait()
        x.reset()
    return fault


# ---- the proxy ----

S3_NAMES = ("GET", "PUT", "HEAD", "DELETE", "POST", "LIST")


class _Rule:
    def __init__(self, name, fault, times, key):
        self.name, self.fault, self.times, self.key = name, fault, times, key

    def fits(self, seen):
        return self.name in ("*", seen.name) and self.key in seen.key


def _table_of(body):
    """Of a request to DynamoDB."""
    asked = json.loads(body or b"{}")
    table = asked.get("TableName") or next(iter(asked.get("RequestItems", [""])), "")
    return f"/{table}" + (f"/index/{asked['IndexName']}" if "IndexName" in asked else "")


def _name_of(head, body):
    target = re.search(rb"\r\nx-amz-target: *\w+\.(\w+)", head, re.I)
    method, path = head.split(b" ", 2)[:2]
    if target:
        return target[1].decode(), _table_of(body)
    if b"list-type=2" in path:
        return "LIST", path.decode()
    return method.decode(), path.decode()


class _Client:
    """One connection of the service, and ours to the store for it."""

    def __init__(self, sock):
        self.sock, self.file = sock, sock.makefile("rb")
        self.store = None
        self.over = False

    def end(self):
        self.over = True
        for s in (self.file, self.sock, self.store):
            with contextlib.suppress(OSError):
                if s:
                    s.close()


def _read_head(f):
    lines = []
    while True:
        line = f.readline(PIECE)
        if not line:
            return b""
        lines.append(line)
        if line == b"\r\n":
            return b"".join(lines)


def _length(head):
    found = re.search(rb"\r\ncontent-length: *(\d+)", head, re.I)
    return int(found[1]) if found else 0


def _chunks(f):
    """A chunked body, as it came."""
    out = []
    while True:
        size = f.readline()
        data = f.read(int(size.split(b";")[0], 16) + 2)
        out += [size, data]
        if data == b"\r\n":
            return b"".join(out)


def _dechunked(body):
    out = []
    while True:
        size, _, body = body.partition(b"\r\n")
        n = int(size.split(b";")[0], 16)
        if not n:
            return b"".join(out)
        out.append(body[:n])
        body = body[n + 2:]


class FaultProxy:
    def __init__(self, target):
        host, _, port = target.split("://")[1].partition(":")
        self.target = (host, int(port))
        self.rules, self.seen = [], []
        self.clients = set()
        self.lock = threading.Lock()
        self.listener, self.port = None, 0
        self.up()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    # ---- what the test says ----

    def on(self, name, fault, times=None, key=""):
        """The fault for requests of that name ("*": all) with key in their path;
        times: only so often."""
        with self.lock:
            self.rules.append(_Rule(name, fault, times, key))

    def clear(self):
        with self.lock:
            self.rules = []

    def waiting(self):
        """Whether some fault that was ordered a number of times is still to come."""
        with self.lock:
            return any(r.times for r in self.rules)

    def forget(self):
        """Empties the list of what was seen."""
        with self.lock:
            self.seen = []

    def down(self):
        """Nobody listens any more, and every connection breaks."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            clients = list(self.clients)
        for c in clients:
            with contextlib.suppress(OSError):
                c.sock.shutdown(socket.SHUT_RDWR)

    def up(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind(("127.0.0.1", self.port))
        s.listen(256)
        self.listener, self.port = s, s.getsockname()[1]
        threading.Thread(target=self._accept, args=(s,), daemon=True).start()

    # ---- the work ----

    def _accept(self, listener):
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(_Client(sock),),
                             daemon=True).start()

    def _serve(self, client):
        with self.lock:
            self.clients.add(client)
        try:
            while not client.over and (head := _read_head(client.file)):
                self._one(client, head, client.file.read(_length(head)))
        except (OSError, ValueError):
            pass  # one of the two sides has gone
        finally:
            client.end()
            with self.lock:
                self.clients.discard(client)

    def _one(self, client, head, body):
        seen = Seen(*_name_of(head, body), head)
        with self.lock:
            self.seen.append(seen)
            rule = next((r for r in self.rules if r.fits(seen)), None)
            if rule and rule.times is not None:
                rule.times -= 1
                if not rule.times:
                    self.rules.remove(rule)
        x = Exchange(self, client, head + body, seen)
        try:
            (rule.fault if rule else Exchange.go_through)(x)
        finally:
            seen.ended = seen.ended or time.monotonic()

    def ask(self, client, request):
        """The store's reply; a kept connection that it has closed is opened anew."""
        if client.store:
            with contextlib.suppress(OSError):
                return self._ask_once(client, request)
            client.store.close()
        client.store = socket.create_connection(self.target, timeout=60)
        client.store.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._ask_once(client, request)

    def _ask_once(self, client, request):
        client.store.sendall(request)
        with client.store.makefile("rb") as f:
            head = _read_head(f)
            if not head:
                raise ConnectionResetError
            if request.startswith(b"HEAD ") or head[9:12] in (b"204", b"304"):
                return head, b""
            if re.search(rb"\r\ntransfer-encoding: *chunked", head, re.I):
                return head, _chunks(f)
            return head, f.read(_length(head))
