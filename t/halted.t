#!/usr/bin/python3
"""Processes that hear nothing, connections that say nothing, requests that memory is
lacking for: none of them is anybody else's loss."""

import contextlib
import os
import pathlib
import signal
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import build
import fcgi
import tap
from background import Background
from dgproc import Daemon, gone
from process import wait_for
from tap import in_, is_, ok, subtest

FINALIZE = "/finalize-trip"
BATCH = "/store-trajectory-batch"
HEAD = {"REQUEST_METHOD": "POST", "DOCUMENT_URI": FINALIZE, "CONTENT_LENGTH": "1000"}


def stopped():
    """SIGSTOP of each kind of child while it is idle."""
    with Daemon(workers=2) as d:
        for role in ("worker", "monitor", "sender", "maintenance"):
            pid = d.pids(role)[0]
            os.kill(pid, signal.SIGSTOP)
            d.wait_line(f"event=child_stopped child={pid} ")
            if role == "worker":
                for _ in range(10):
                    is_(d.call("GET", "/healthz", timeout=5).status, 200,
                        "another worker serves")
            d.wait_line(f"event=child_killed child={pid} ")
            wait_for("its end", lambda: gone(pid))
            wait_for(f"another {role}",
                     lambda: pid not in d.pids(role) and len(d.pids(role)) > 0)
        is_(d.call("GET", "/healthz").status, 200, "all is well")
        pid = d.pids()[0]
        os.kill(pid, signal.SIGSTOP)
        d.wait_line(f"event=child_stopped child={pid} ")
        os.kill(pid, signal.SIGCONT)
        time.sleep(4)
        in_(pid, d.pids(), "who goes on soon enough stays")


def all_stopped():
    """No worker can take a call: /readyz says so, and it passes."""
    with Daemon(workers=2) as d:
        is_(d.call("GET", "/readyz").json()["ready"], True, "ready")
        for pid in d.pids():
            os.kill(pid, signal.SIGSTOP)
        def named():
            r = fcgi.call(d.status_socket, "GET", "/readyz")
            return r.status == 503 and "workers" in [
                b["name"] for b in r.json()["backends"] if b["state"] == "failed"]
        wait_for("/readyz to notice", named, 6)
        wait_for("new ones", lambda: fcgi.call(d.status_socket, "GET",
                                               "/readyz").status == 200)
        is_(d.call("GET", "/healthz").status, 200, "they serve")


def trickle(c, data):
    """A byte now and then, as long as it is taken."""
    with contextlib.suppress(OSError):
        for i in range(len(data)):
            c.sock.sendall(data[i:i + 1])
            time.sleep(0.3)


def say_nothing():
    """Connections that send nothing, or a part, or a byte now and then."""
    whole = fcgi.request("POST", FINALIZE, b"{" * 900)
    with Daemon(workers=2) as d:
        before = d.pids()
        for name, count, steps in [
                ("nothing", 6, lambda c: None),
                ("a beginning", 2, lambda c: c.begin()),
                ("half of the parameters", 2, lambda c: (
                    c.begin(), c.params(HEAD, end=False))),
                ("no body", 2, lambda c: (c.begin(), c.params(HEAD))),
                ("a part of the body", 2, lambda c: (
                    c.begin(), c.params(HEAD), c.stdin(b"{" * 10, end=False)))]:
            with contextlib.ExitStack() as held:
                began = time.monotonic()
                for _ in range(count):
                    steps(held.enter_context(fcgi.Connection(d.socket)))
                is_(d.call("GET", "/healthz").status, 200, f"{name}: others are served")
                # Two workers, two seconds each.
                ok(time.monotonic() - began < 2.5 * (count // 2) + 2,
                   f"{name}: before long")
        with fcgi.Connection(d.socket) as one, fcgi.Connection(d.socket) as two:
            slow = [Background(trickle, c, whole) for c in (one, two)]
            began = time.monotonic()
            is_(d.call("GET", "/healthz").status, 200, "a byte now and then")
            ok(time.monotonic() - began < 6, "is silence as well")
            for s in slow:
                s.result()
        with fcgi.Connection(d.status_socket) as c:
            c.begin()
            is_(fcgi.call(d.status_socket, "GET", "/healthz", timeout=10).status, 200,
                "the monitor's socket, too")
        is_(d.pids(), before, "no worker is killed for it")


def slow_body():
    """A body's time in all is a request's."""
    with Daemon({"server.request_timeout": "3s", "server.finalize_timeout": "1s"},
                workers=1) as d:
        before = d.pids()
        with fcgi.Connection(d.socket) as c:
            c.begin()
            c.params(HEAD)
            began = time.monotonic()
            # The body's record of such a request, and the end of it.
            slow = Background(trickle, c, fcgi.request("POST", "/", b"{" * 1000)[-1016:][:30])
            is_(c.answer().json()["code"], "body_slow", "it is told")
            took = time.monotonic() - began
            ok(2.5 < took < 6, f"when that is over: {took:.1f} s")
            slow.result()
        is_(d.pids(), before, "by the worker itself")


def out_of_memory():
    large = b" " * 1048576
    with Daemon(workers=2) as d:
        before = d.pids()
        d.fault("arena.block", "fail")
        r = d.call("POST", BATCH, large)
        is_((r.status, r.json()["code"]), (503, "out_of_memory"), "the client hears of it")
        ok(int(r.headers["retry-after"]) > 0, "and when to come again")
        is_(r.json()["request_id"], r.headers["x-request-id"], "with its id")
        rid = r.json()["request_id"]
        d.wait_line(f"rid={rid} event=out_of_memory")
        is_(d.call("POST", BATCH, large).json()["code"] == "out_of_memory", False,
            "the next has memory")
        wait_for("two workers", lambda: len(d.pids()) == 2)
        is_(len(set(d.pids()) - set(before)), 1, "one worker was replaced")
        is_(d.lines("child_crashed"), [], "which is no crash")
        is_(d.stats()["counters"]["out_of_memory"], 1, "counted")


TESTS = (stopped, all_stopped, say_nothing, slow_body)


def main():
    wanted = set(sys.argv[1:])
    tests = TESTS + ((out_of_memory,) if build.faults_built() else ())
    for test in tests:
        if not wanted or test.__name__ in wanted:
            with subtest(test.__name__):
                test()
    tap.done()


main()
