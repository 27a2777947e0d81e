#!/usr/bin/python3
"""Requests as a web server hands them over, and what one that misbehaves can do to a
worker."""

import contextlib
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import fcgi
import tap
from dgproc import Daemon
from process import wait_for
from tap import in_, is_, ok, subtest

FINALIZE = "/finalize-trip"


def answers(d):
    r = d.call("GET", "/healthz")
    is_((r.status, r.json()["status"]), (200, "ok"), "/healthz")
    is_(int(r.headers["content-length"]), len(r.body), "exact length")
    is_(r.headers["content-type"], "application/json", "type")
    h = d.call("HEAD", "/healthz")
    is_((h.status, h.body, h.headers["content-length"]),
        (200, b"", r.headers["content-length"]), "HEAD")
    r = d.call("GET", "/readyz")
    is_((r.status, r.json()["ready"]), (200, True), "/readyz")
    is_(sorted(b["name"] for b in r.json()["backends"] if b["state"] == "ok"),
        ["cache", "files", "objects", "records", "spool", "workers"], "names each backend")
    for path in ("/", "/stats", "/healthz/", "/Healthz", "//healthz", ""):
        r = d.call("GET", path)
        is_((r.status, r.json()["code"]), (404, "no_such_path"), f"{path}: 404")
        is_(r.headers["access-control-allow-origin"], "*", "CORS on errors")
        is_(r.json()["request_id"], r.headers["x-request-id"], "its id")
    for method, path, allow in [
            ("PUT", FINALIZE, "POST, OPTIONS"),
            ("HEAD", FINALIZE, "POST, OPTIONS"),
            ("", FINALIZE, "POST, OPTIONS"),
            ("POST", "/analyze-driver", "GET, HEAD, OPTIONS")]:
        r = d.call(method, path, b"{}")
        is_((r.status, r.headers["allow"]), (405, allow), f"{method} {path}")
    r = d.call("OPTIONS", FINALIZE)
    is_((r.status, r.body), (204, b""), "preflight")
    in_("POST", r.headers["access-control-allow-methods"], "allows the method")
    for name in ("Content-Type", "If-None-Match", "Authorization"):
        in_(name, r.headers["access-control-allow-headers"], f"allows {name}")
    is_(d.call("OPTIONS", "/nowhere").status, 404, "preflight of nothing")


def targets(d):
    for params, status in [
            ({"DOCUMENT_URI": None, "SCRIPT_NAME": "/healthz"}, 200),
            ({"DOCUMENT_URI": None, "REQUEST_URI": "/healthz?a=/b"}, 200),
            ({"DOCUMENT_URI": "", "SCRIPT_NAME": "/healthz",
              "REQUEST_URI": "/other"}, 200),
            ({"DOCUMENT_URI": None}, 404)]:
        is_(d.call("GET", "/unused", params=params).status, status,
            f"{params}")
    for given, taken in [("a" * 8, True), ("A-1" * 20, True), ("a" * 64, True),
                         ("short", False), ("a" * 65, False),
                         ("new\nline-1", False), ("with blank 1", False)]:
        r = d.call("GET", "/healthz", params={"HTTP_X_REQUEST_ID": given})
        is_(r.headers["x-request-id"] == given, taken, f"id {given!r}")
    r = d.call("GET", "/healthz", params={"REQUEST_ID": "from-nginx-1"})
    is_(r.headers["x-request-id"], "from-nginx-1", "REQUEST_ID")


def bodies(d):
    before = d.pids()
    for length, code in [(None, "length_required"), ("", "length_required"),
                         ("-1", "length_required"), ("+3", "length_required"),
                         (" 3", "length_required"), ("3x", "length_required"),
                         ("9" * 30, "length_required"), ("4", "body_short"),
                         ("2", "body_long")]:
        r = d.call("POST", FINALIZE, b"{ }", params={"CONTENT_LENGTH": length})
        is_((r.status, r.json()["code"]), (400, code), f"length {length!r}")
    limit = 1048576
    r = d.call("POST", FINALIZE, b" " * (limit + 1))
    is_((r.status, r.json()["code"]), (413, "body_too_large"), "over the limit")
    r = d.call("POST", FINALIZE, b" " * 3 * limit)
    is_(r.status, 413, "far over the limit")
    r = d.call("POST", FINALIZE, b" " * limit)
    is_(r.status, 400, "at the limit it is read")
    ok(r.json()["code"] not in ("body_too_large", "body_short"), "as a whole")
    is_(d.pids(), before, "no worker was lost")


def hang_ups(d):
    before = d.pids()
    gone_before = d.stats()["counters"]["clients_gone"]

    def leave(*steps):
        with contextlib.suppress(OSError), fcgi.Connection(d.socket) as c:
            for step in steps:
                step(c)

    start = {"REQUEST_METHOD": "POST", "DOCUMENT_URI": FINALIZE,
             "CONTENT_LENGTH": "1000"}
    for _ in range(5):
        leave()
        leave(lambda c: c.sock.sendall(b"GET / HTTP/1.0\r\n\r\n"))
        leave(lambda c: c.sock.sendall(bytes(range(256))))
        leave(lambda c: c.begin())
        leave(lambda c: c.begin(), lambda c: c.params(start, end=False))
        leave(lambda c: c.begin(), lambda c: c.params(start))
        leave(lambda c: c.begin(), lambda c: c.params(start),
              lambda c: c.stdin(b"{" * 500, end=False))
        leave(lambda c: c.send("GET", "/healthz"))
    is_(d.call("GET", "/healthz").status, 200, "served after hang-ups")
    wait_for("idle workers", lambda: all(
        w["state"] == "idle" for w in d.stats()["workers"]
        if w["role"] == "worker"))
    ok(d.stats()["counters"]["clients_gone"] >= gone_before + 5,
       "they are counted")
    ok(d.lines("code=body_short"), "a short body is in the log")
    is_(d.pids(), before, "no worker was lost")


def silent_client():
    with Daemon({"server.request_timeout": "400ms",
                 "server.finalize_timeout": "200ms"}, workers=1) as d:
        before = d.pids()
        with fcgi.Connection(d.socket) as c:
            c.begin()  # and nothing more
            is_(d.call("GET", "/healthz").status, 200,
                "a silent client keeps a worker only for a while")
        with fcgi.Connection(d.socket) as c:
            c.begin()
            c.params({"REQUEST_METHOD": "POST", "DOCUMENT_URI": FINALIZE,
                      "CONTENT_LENGTH": "100"})
            c.stdin(b"{", end=False)
            is_(c.answer().json()["code"], "body_slow", "also in its body")
        is_(d.pids(), before, "no worker was killed for that")


def kept_connections():
    with Daemon(workers=2) as d:
        with fcgi.Connection(d.socket) as c:
            c.send("GET", "/healthz")
            is_(c.answer().status, 200, "not asked to keep")
            is_(c.sock.recv(1), b"", "the connection is closed")
        with fcgi.Connection(d.socket, keep=True) as c:
            for _ in range(3):
                c.send("GET", "/healthz")
                is_(c.answer().status, 200, "asked to keep")
            c.begin()
            c.params({"REQUEST_METHOD": "GET", "DOCUMENT_URI": "/healthz"})
            c.sock.settimeout(0.3)
            try:
                over = c.answer()
            except TimeoutError:
                over = None
            is_(over, None, "an answer is not over before its request is")
            c.sock.settimeout(30)
            c.input = c.sock.makefile("rb")  # the timeout spoilt the other
            c.stdin(b"")
            is_(c.answer().status, 200, "and then it is")
            c.send("POST", FINALIZE, b"{ }", params={"CONTENT_LENGTH": "1"})
            is_(c.answer().status, 400, "half of a body")
            c.send("GET", "/nowhere")
            is_(c.answer().status, 404, "is not taken for the next request")
            c.send("POST", FINALIZE, b"x" * 2000000)
            is_(c.answer().status, 413, "a body that nobody reads")
            c.send("GET", "/healthz")
            is_(c.answer().status, 200, "is none, either")
        with fcgi.Connection(d.socket, keep=True) as c:
            c.send("GET", "/healthz")
            c.answer()
            started = time.monotonic()
            is_(d.stop(), 0, "an idle connection")
            ok(time.monotonic() - started < 1.5, "does not hold up the end")


with Daemon() as daemon:
    for test in (answers, targets, bodies, hang_ups):
        with subtest(test.__name__):
            test(daemon)
for test in (silent_client, kept_connections):
    with subtest(test.__name__):
        test()
tap.done()
