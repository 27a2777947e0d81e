#!/usr/bin/python3
"""Connections that a web server keeps: nobody waits for a busy worker's, and whatever
its worker does, no request on one is lost."""

import os
import pathlib
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import build
import fcgi
import tap
from dgproc import Daemon
from process import wait_for
from tap import is_, ok, subtest

POINT = "worker.request"


def kept(d):
    c = fcgi.Connection(d.socket, keep=True)
    c.send("GET", "/healthz")
    return c, c.answer().json()["pid"]


def asked(c):
    """Which process answers."""
    c.send("GET", "/healthz")
    return c.answer().json()["pid"]


def gauge(d):
    return d.stats()["gauges"]["kept_connections"]


def counted(d, name):
    return d.stats()["counters"][name]


def while_one_is_busy():
    """Its kept connections are answered by the others, with and without a request
    at the moment when it became busy."""
    with Daemon(workers=2) as d:
        conns = [kept(d) for _ in range(12)]
        wait_for("all to be kept", lambda: gauge(d) == 12)
        d.fault(POINT, "hold")
        conns[0][0].send("GET", "/readyz")
        d.fault_taken(POINT)
        busy = next(w["pid"] for w in d.stats()["workers"]
                    if w["role"] == "worker" and w["state"] == "busy")
        began = time.monotonic()
        pids = {asked(c) for c, _ in conns[1:] for _ in range(3)}
        took = time.monotonic() - began
        ok(busy not in pids and len(pids) == 1, "the free worker answers all")
        ok(took < 5, f"at once ({took:.2f} s)")
        is_(d.call("GET", "/healthz").status, 200, "new ones as well")
        d.fault_go(POINT)
        is_(conns[0][0].answer().status, 200, "and the busy one in the end")
        for c, _ in conns:
            asked(c)
            c.close()
        wait_for("none to be kept", lambda: gauge(d) == 0)


def nobody_is_left():
    """While some work long, whoever comes has a worker as long as one is free, by a kept
    connection or a new one."""
    with Daemon(workers=8) as d:
        def busy():
            return sum(w["role"] == "worker" and w["state"] == "busy"
                       for w in d.stats()["workers"])

        slowest = 0
        for _ in range(20):
            conns = [kept(d)[0] for _ in range(3)]
            d.fault(POINT + ".always", "hold")
            conns += [fcgi.Connection(d.socket, keep=True) for _ in range(4)]
            began = time.monotonic()
            for c in conns[::-1]:
                c.send("GET", "/healthz")
            wait_for("all of them to be at work", lambda: busy() == len(conns))
            slowest = max(slowest, time.monotonic() - began)
            d.fault(POINT + ".go", "all")
            is_([c.answer().status for c in conns], [200] * 7, "answered")
            d.fault_clear()
            for c in conns:
                c.close()
        ok(slowest < 5, f"at once ({slowest:.2f} s at most)")


def shared():
    """Who has all gives some away, though nobody has to wait."""
    with Daemon(workers=2) as d:
        d.fault(POINT, "hold")
        with fcgi.Connection(d.socket) as held:
            held.send("GET", "/healthz")
            d.fault_taken(POINT)
            conns = [kept(d)[0] for _ in range(8)]
            d.fault_go(POINT)
            is_(held.answer().status, 200, "the other worker is free again")
        is_(len({asked(c) for c in conns}), 1, "one has them all")
        wait_for("both to have some", lambda: len({asked(c) for c in conns}) == 2)
        for c in conns:
            c.close()


class Askers:
    """Threads that ask on kept connections without a pause; a cut or a wrong answer
    is noted."""

    def __init__(self, d, n):
        self.wrong, self.answers, self.over = [], 0, False
        self.threads = [threading.Thread(target=self._ask, args=(d,)) for _ in range(n)]
        for t in self.threads:
            t.start()

    def _ask(self, d):
        try:
            with fcgi.Connection(d.socket, keep=True) as c:
                while not self.over:
                    c.send("GET", "/healthz")
                    r = c.answer()
                    self.answers += 1
                    if r.status != 200:
                        self.wrong.append(r)
        except (OSError, fcgi.Cut) as e:
            self.wrong.append(e)

    def end(self):
        self.over = True
        for t in self.threads:
            t.join()


def renewed_and_reloaded():
    with Daemon({"server.max_requests": "20"}, workers=3) as d:
        askers = Askers(d, 6)
        first = d.pids()
        for _ in range(3):
            d.reload()
        wait_for("answers", lambda: askers.answers > 600)
        askers.end()
        ok(not set(first) & set(d.pids()), "all workers are others")
        is_(askers.wrong, [], "each request got its answer")
        ok(counted(d, "kept_handed_over") > 0, "connections were handed over")


def written_before_the_end():
    """What was sent before the service ended is answered, what comes after that is
    told at once that nobody reads it."""
    with Daemon(workers=1) as d:
        c, _ = kept(d)
        idle, _ = kept(d)
        with fcgi.Connection(d.socket) as other:
            d.fault(POINT, "hold")
            other.send("GET", "/healthz")
            d.fault_taken(POINT)
            # Stopped, the worker cannot give the waiting one away.
            c.send("GET", "/nowhere")
            d.send(signal.SIGTERM)
            d.wait_line("event=stopping")
            d.fault_go(POINT)
            is_(other.answer().status, 200, "the one in hand")
            is_(c.answer().status, 404, "the one that was written")
        is_(d.exit_code(), 0, "then it ends")
        is_((c.sock.recv(1), idle.sock.recv(1)), (b"", b""), "and so do they")
        try:
            idle.send("GET", "/healthz")
            late = None
        except OSError as e:
            late = type(e)
        is_(late, BrokenPipeError, "writing fails")
        c.close()
        idle.close()


def given_away_before_the_end():
    """What waits in the channel when the service ends is answered by who ends last."""
    with Daemon(workers=1) as d:
        c, _ = kept(d)
        with fcgi.Connection(d.socket) as other:
            d.fault(POINT, "hold")
            other.send("GET", "/healthz")
            d.fault_taken(POINT)
            before = counted(d, "kept_handed_over")
            c.send("GET", "/nowhere")
            wait_for("it to be given away",
                     lambda: counted(d, "kept_handed_over") > before)
            d.send(signal.SIGTERM)
            d.wait_line("event=stopping")
            d.fault_go(POINT)
            is_(other.answer().status, 200, "the one in hand")
            is_(c.answer().status, 404, "the one that was given away")
        is_(d.exit_code(), 0, "then it ends")
        is_(c.sock.recv(1), b"", "and so does the connection")
        c.close()


def inherited_socket():
    """Of a socket that is not ours, too: nobody takes over what it kept."""
    folder_socket = socket.socket(socket.AF_UNIX)
    path = os.path.join("/tmp", f"dg-kept-{os.getpid()}.sock")
    folder_socket.bind(path)
    folder_socket.listen(16)
    try:
        with Daemon(workers=2, stdin=folder_socket) as d:
            d.socket = path
            conns = [kept(d)[0] for _ in range(4)]
            is_(d.stop(), 0, "it ends")
            is_([c.sock.recv(1) for c in conns], [b""] * 4, "all are closed")
            for c in conns:
                c.close()
    finally:
        folder_socket.close()
        os.unlink(path)


build.need_faults()
for test in (while_one_is_busy, nobody_is_left, shared, renewed_and_reloaded,
             written_before_the_end, given_away_before_the_end, inherited_socket):
    with subtest(test.__name__):
        test()
tap.done()
