#!/usr/bin/python3
"""nginx before the service: what it refuses by itself, in the service's words; what
it passes on; who may see what."""

import os
import signal
import socket
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import client
import harness
import tap
from tap import in_, is_, ok, subtest

EXPOSED = "ETag, Retry-After, Server-Timing, X-Request-Id"
GET = b"GET %s HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
POST = b"POST /finalize-trip HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"


def check_error(r, status, code, name):
    """The form that every error has, whoever makes it."""
    if not is_(r.status, status, f"{name}: {status}"):
        tap.diag(r)
        return
    is_(r.header("Content-Type"), "application/json", f"{name}: is JSON")
    is_(r.header("Access-Control-Allow-Origin"), "*", f"{name}: open to browsers")
    is_(r.header("Access-Control-Expose-Headers"), EXPOSED, f"{name}: headers exposed")
    if r.body:
        e = r.json()
        is_(e["code"], code, f"{name}: code")
        ok(isinstance(e["error"], str) and e["error"], f"{name}: says what")
        is_(e["request_id"], r.header("X-Request-Id"), f"{name}: its id")
    if status == 503:
        ok(int(r.header("Retry-After") or 0) > 0, f"{name}: when to try again")
    if status == 405:
        ok(r.header("Allow"), f"{name}: what is allowed")


def refused(s):
    """Requests that nginx does not pass on."""
    for name, data, status, code in [
        ("no HTTP", b"hello\r\n\r\n", 400, "bad_request"),
        ("no Host", b"GET / HTTP/1.1\r\n\r\n", 400, "bad_request"),
        ("a NUL in the path", GET % b"/a%00b", 400, "bad_request"),
        ("a path above the root", GET % b"/../etc/passwd", 400, "bad_request"),
        ("an unknown HTTP version", b"GET / HTTP/3.7\r\n\r\n", 505, "http_version"),
        ("a long address", GET % (b"/" + b"a" * 70000), 414, "uri_too_long"),
        ("long headers", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 70000 + b"\r\n\r\n",
         431, "headers_too_large"),
        ("TRACE", b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405, "method_not_allowed"),
        ("a negative length", POST + b"Content-Length: -1\r\n\r\n", 400, "bad_request"),
        ("an unknown encoding", POST + b"Transfer-Encoding: foo\r\n\r\n", 501,
         "not_implemented"),
        ("bad chunks", POST + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400,
         "bad_request"),
        ("a body announced too large", POST + b"Content-Length: 1048577\r\n\r\n", 413,
         "body_too_large"),
        ("a chunked body too large", POST + b"Transfer-Encoding: chunked\r\n\r\n" +
         b"10000\r\n" + b" " * 65536 + b"\r\n" + b"100000\r\n" + b" " * 0x100000 + b"\r\n",
         413, "body_too_large"),
        ("nginx's own error page", GET % b"/driveguard-error", 404, "no_such_path"),
    ]:
        with subtest(name):
            check_error(client.parse(s.raw(data)), status, code, name)


def passed(s):
    """What the service itself answers, unchanged by nginx."""
    with subtest("unknown path and method"):
        check_error(s.get("/nothing"), 404, "no_such_path", "unknown path")
        check_error(s.get("//analyze-driver"), 404, "no_such_path", "a path with two slashes")
        for method in ("PUT", "DELETE", "PATCH", "GET", "HEAD"):
            check_error(s.http(method, "/finalize-trip"), 405, "method_not_allowed",
                        f"{method} of a POST path")
        r = s.http("POST", "/analyze-driver", b"{}")
        check_error(r, 405, "method_not_allowed", "POST of a GET path")
        in_("GET", r.header("Allow"), "GET is allowed there")
        r = client.parse(s.raw(b"FROB /stats HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"))
        check_error(r, 405, "method_not_allowed", "an invented method")
    with subtest("HEAD"):
        got, head = s.get("/healthz"), s.http("HEAD", "/healthz")
        is_((head.status, head.body), (200, b""), "headers without a body")
        is_(head.header("Content-Length"), str(len(got.body)), "with the length of GET's")
    with subtest("preflight"):
        r = s.http("OPTIONS", "/finalize-trip", None, {
            "Origin": "https://app.example.com", "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type"})
        in_(r.status, (200, 204), "is answered")
        is_(r.header("Access-Control-Allow-Origin"), "*", "any origin")
        in_("POST", r.header("Access-Control-Allow-Methods"), "the method")
        for name in ("Content-Type", "If-None-Match", "Authorization"):
            in_(name, r.header("Access-Control-Allow-Headers"), "the header by name")
    with subtest("a chunked body"):
        body = b'{"user_id":1}'
        r = client.parse(s.raw(POST + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"
                               % (len(body), body)))
        is_(r.status, 400, "reaches the service")
        ok(r.json()["code"] not in ("length_required", "bad_json"), "as a whole")


def text_of(path):
    with open(path) as f:
        return f.read()


def seen(what):
    """A line in a log, which comes after the answer that it is about."""
    return harness.wait_for("a line in a log", what)


def ids(s):
    with subtest("request ids"):
        one = s.get("/nothing", {"X-Request-Id": "forged\tid"})
        two = s.get("/nothing", {"X-Request-Id": "forged\tid"})
        ok(len(one.header("X-Request-Id")) == 32, "are nginx's, not the client's")
        ok(one.header("X-Request-Id") != two.header("X-Request-Id"), "and differ")
        is_(one.json()["request_id"], one.header("X-Request-Id"), "in the body, too")
        rid = one.header("X-Request-Id")
        ok(seen(lambda: rid in s.log()), "and in the service's log")
    with subtest("nothing about versions and drivers"):
        is_(one.header("Server"), "nginx", "no version of nginx")
        s.get("/analyze-driver?email=secret@example.com")
        path = os.path.join(s.nginx.dir, "log", "access.log")
        ok(seen(lambda: "GET /analyze-driver 404" in text_of(path)),
           "the access log has the path")
        ok("secret" not in text_of(path), "without the query")


def status_paths(s):
    with subtest("health"):
        is_(s.get("/healthz").status, 200, "/healthz")
        r = s.get("/readyz")
        is_(r.status, 200, "/readyz")
        for name in ("objects", "records", "cache"):
            in_(name, r.body.decode(), "names each backend")
    with subtest("stats"):
        is_(s.get("/stats").status, 200, "from this machine")
        with socket.create_connection(("127.0.0.1", s.nginx.port), timeout=10,
                                      source_address=("127.0.0.2", 0)) as c:
            c.sendall(GET % b"/stats")
            data = b""
            while chunk := c.recv(65536):
                data += chunk
        check_error(client.parse(data), 403, "forbidden", "from another")


def without_service(s):
    s.service.stop()
    for method, path in (("GET", "/analyze-driver?user_id=x"), ("POST", "/finalize-trip"),
                         ("GET", "/readyz"), ("HEAD", "/healthz"), ("OPTIONS", "/x")):
        check_error(s.http(method, path), 503, "unavailable", f"{method} {path}")
    s.service.start()
    ok(harness.wait_for("the service", lambda: s.get("/readyz").status == 200),
       "and it is back")


def slow_service(s):
    """nginx gives up on the service: its own limit, made shorter here."""
    path = os.path.join(s.nginx.dir, "conf", "driveguard", "fastcgi.conf")
    with open(path) as f:
        text = f.read()
    in_("fastcgi_read_timeout 35s;", text, "longer than a request may take")
    with open(path, "w") as f:
        f.write(text.replace("fastcgi_read_timeout 35s;", "fastcgi_read_timeout 300ms;"))
    s.service.pause()
    try:
        s.nginx.send(signal.SIGHUP)
        # Until its new worker is there the old one waits for 35 s.
        harness.wait_for("the new limit", lambda: answered(s))
        check_error(s.get("/healthz"), 503, "unavailable", "a hanging service")
    finally:
        s.service.resume()
    is_(s.get("/healthz").status, 200, "it goes on afterwards")


def answered(s):
    try:
        return s.get("/healthz", timeout=1)
    except TimeoutError:
        return None


def main():
    with harness.Stack() as s:
        refused(s)
        passed(s)
        ids(s)
        status_paths(s)
        with subtest("the service hangs"):
            slow_service(s)
        with subtest("the service is down"):
            without_service(s)
    tap.done()


main()
