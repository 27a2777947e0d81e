#!/usr/bin/python3
"""A log that nobody reads: the service goes on, and says later what is missing."""

import fcntl
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import build
from dgproc import Daemon, gone
from process import wait_for
from tap import in_, is_, ok, subtest
import tap

CALLS = 1500  # some 200 bytes each: a pipe holds 64 KB, a socket 200 KB


def pipe():
    return os.pipe()


def pair():
    a, b = socket.socketpair()
    return a.detach(), b.detach()


def drained(fd):
    """What is there to be read."""
    os.set_blocking(fd, False)
    text = b""
    try:
        while part := os.read(fd, 65536):
            text += part
    except BlockingIOError:
        pass
    return text.decode()


def started(d, err):
    """The service with that as its stderr; ready."""
    d.proc = subprocess.Popen(
        ["setpriv", "--pdeathsig", "KILL", "--", build.program("driveguard-fcgi"), "-c",
         d.conf], stdin=subprocess.DEVNULL, stdout=err, stderr=err, env=d.env,
        start_new_session=True)
    wait_for("the service", lambda: os.path.exists(d.status_socket))
    wait_for("its workers", lambda: d.call("GET", "/healthz").status == 200)


def served(d, calls=CALLS):
    return sum(d.call("GET", "/analyze-driver", query="user_id=nobody",
                      timeout=5).status == 404 for _ in range(calls))


def nobody_reads(make):
    r, w = make()
    flags = fcntl.fcntl(w, fcntl.F_GETFL)
    with Daemon(start=False) as d:
        started(d, w)
        is_(served(d), CALLS, "all calls are answered")
        is_(fcntl.fcntl(w, fcntl.F_GETFL), flags, "others' stderr is as it was")
        dropped = d.stats()["counters"]["log_dropped"]
        ok(dropped > 0, "what was dropped is counted")
        text = drained(r)
        is_(served(d, 50), 50, "once somebody reads")
        text += drained(r)
        in_("event=log_dropped lines=", text, "the log says what it lacks")
        said = sum(int(line.split(" lines=")[1].split()[0])
                   for line in text.splitlines() if "event=log_dropped" in line)
        ok(said <= d.stats()["counters"]["log_dropped"] + 10 and said > 0,
           "how many lines")
        ok(all(line.startswith("20") for line in text.splitlines()), "no half lines")
        served(d, 600)  # full again
        began = time.monotonic()
        children = d.children()
        is_(d.stop(), 0, "a stop stops")
        ok(time.monotonic() - began < 5, "at once")
        ok(all(gone(p) for p in children), "everybody")
        d.proc = None
    os.close(r)
    os.close(w)


def reader_gone(make):
    r, w = make()
    with Daemon(start=False) as d:
        started(d, w)
        os.close(w)
        os.close(r)
        is_(served(d, 300), 300, "all calls are answered")
        ok(d.stats()["counters"]["log_dropped"] > 100, "counted")
        os.kill(d.pids()[0], signal.SIGKILL)
        wait_for("a new worker", lambda: len(d.pids()) == 2)
        is_(d.call("GET", "/healthz").status, 200, "and who comes later")
        is_(d.stop(), 0, "a stop stops")
        d.proc = None


for name, make in (("a pipe", pipe), ("a socket", pair)):
    with subtest(f"nobody reads {name}"):
        nobody_reads(make)
    with subtest(f"the reader of {name} is gone"):
        reader_gone(make)
tap.done()
