#!/usr/bin/python3
"""Readers of any speed: 64 that take 8 KB a second of 20 MB answers hold no worker, have
all bytes in the end, and others do not notice; with files that nginx sends and without,
with nginx and without, cold and hot.

No worker may be busy with them once their answers are made. DG_SLOW_SECONDS is how long
they are slow; with 30, others are measured from the start (by hand, on a quiet machine)."""
import contextlib
import http.client
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import client
import copies
import drivers
import fcgi
import harness
import slow
import trips
from answers import meaning
from tap import diag, done, is_, ok, subtest

SECONDS = float(os.environ.get("DG_SLOW_SECONDS", 4))
LONG = SECONDS >= 30
READERS = 64
OTHER = "other", "other@example.com"
PATH = "/analyze-driver" + client.query(user_id=trips.USER)
SMALL = "/analyze-driver" + client.query(user_id=OTHER[0], view="summary")


def by_http(s):
    """Readers behind nginx."""
    request = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

    def parse(data):
        try:
            return client.parse(data)
        except http.client.HTTPException:
            return None

    return (socket.AF_INET, ("127.0.0.1", s.nginx.port)), request.encode(), parse


def by_socket(s):
    """Readers at the service's own socket: a web server that keeps nothing."""
    request = fcgi.request("GET", "/analyze-driver", query=f"user_id={trips.USER}")

    def parse(data):
        try:
            return fcgi.parse(data)
        except fcgi.Cut:
            return None

    return (socket.AF_UNIX, s.socket), request, parse


def baseline(s, seconds=2):
    for _ in range(20):
        s.get(SMALL)
    with slow.Others(lambda: s.get(SMALL)) as others:
        time.sleep(seconds)
    is_(others.failures, [], "others before")
    return others.p99()


def check(s, name, way, before, whole):
    with subtest(name):
        with contextlib.ExitStack() as held:
            others = slow.Others(lambda: s.get(SMALL))
            if LONG:  # in a short run most of it would be the making of answers
                held.enter_context(others)
            readers = [slow.Reader(*way) for _ in range(READERS)]
            if not LONG:
                s.quiet(60)
                held.enter_context(others)
            slow.throttled(readers, 8192, SECONDS)
        is_(others.failures, [], "others are answered")
        diag(f"{name}: p99 of others {others.p99() * 1000:.1f} ms of "
             f"{len(others.times)} calls, before {before * 1000:.1f} ms, longest "
             f"{max(others.times) * 1000:.0f} ms")
        # What holds a worker holds it for seconds.
        ok(others.p99() < 3 * before + 0.3, "and do not wait")
        is_([r.over for r in readers if r.over], [], "nobody was cut")
        ok(slow.unthrottled(readers, 60), "all come to their end")
        got = [r.whole() for r in readers]
        is_([i for i, r in enumerate(got) if not r or r.status != 200], [],
            "each has an answer")
        ok(all(r and meaning(r) == whole for r in got[:3]) and
           len({len(r.body) for r in got if r}) <= 2, "with all its bytes")
        for r in readers:
            r.close()


def prepared(s):
    s.users([trips.user(), {**trips.user(), "user_id": OTHER[0], "email": OTHER[1]}])
    copies.store_large(s, 100, 200_000)
    other = trips.trip(2, points=30)
    for part in (*other["batches"], other["finalize"]):
        part["user_id"] = OTHER[0]
    drivers.drive(s, other)


for files in (True, False):
    settings = {"maintenance.interval": "10m"}
    if not files:
        settings["cache.files"] = "none"
    with harness.Stack(settings, workers=4) as s:
        prepared(s)
        before = baseline(s)
        kind = "files" if files else "no files"
        whole = meaning(s.get(PATH))
        is_(len(whole["trips"]), 100, "a large answer")
        check(s, f"{kind}, hot", by_http(s), before, whole)
        s.redis("FLUSHALL")
        check(s, f"{kind}, cold", by_http(s), before, whole)
        if not files:
            check(s, "without a web server that keeps anything", by_socket(s), before,
                  whole)
            harness.wait_for("nothing unsent", lambda: not s.stats()["gauges"]
                             ["unsent_bytes"])

def gauge(s):
    return s.stats()["gauges"]["unsent_bytes"]


def begun(s, count=1):
    """So many readers, whose rest the sender has by now."""
    def given():
        return len(re.findall("event=request .* unsent=", s.log()))

    before = given()
    readers = [slow.Reader(*by_socket(s)) for _ in range(count)]
    harness.wait_for("a rest of each", lambda: given() == before + count)
    harness.wait_for("the sender to have it", lambda: gauge(s) > 0)
    return readers


def rests_whole(s, name, readers):
    ok(slow.unthrottled(readers, 60), f"{name}: comes to its end")
    got = [r.whole() for r in readers]
    ok(all(r and r.status == 200 and meaning(r) == whole for r in got),
       f"{name}: whole")
    for r in readers:
        r.close()


settings = {"maintenance.interval": "10m", "cache.files": "none",
            "server.unsent_max": "32M"}
with harness.Stack(settings, workers=2) as s:
    prepared(s)
    whole = meaning(s.get(PATH))

    with subtest("a reload"):
        readers = begun(s)
        before = len(s.service.children())
        s.service.hup()
        harness.wait_for("the new ones", lambda: s.log().count("event=ready") == 2 and
                         len(s.service.children()) == before)
        slow.throttled(readers, 65536, 0.5)
        rests_whole(s, "handed on to the next sender", readers)
        harness.wait_for("nothing unsent", lambda: not gauge(s))

    with subtest("a kept connection"):
        with fcgi.Connection(s.socket, timeout=60, keep=True) as c:
            c.send("GET", "/analyze-driver", query=f"user_id={trips.USER}")
            harness.wait_for("the sender to have it", lambda: gauge(s) > 0)
            s.quiet()
            ok(meaning(c.answer()) == whole, "whole")
            for _ in range(2):
                c.send("GET", "/healthz")
                is_(c.answer().status, 200, "then a worker has it again")

    with subtest("a bound for all of them together"):
        readers = begun(s, 2)
        r = s.get(PATH)
        is_((r.status, r.json()["code"]), (503, "too_much_unsent"), "refused")
        ok(r.header("Retry-After"), "with a time to come again")
        is_(s.count("unsent_refused"), 1, "counted")
        is_(s.get(SMALL).status, 200, "small ones go on")
        rests_whole(s, "the others", readers)
        harness.wait_for("room", lambda: not gauge(s))
        is_(s.get(PATH).status, 200, "then it is answered")

    with subtest("no room for a rest"):
        if harness.faults_built():
            s.fault("unsent.keep.always", "fail")
            began = time.monotonic()
            reader = slow.Reader(*by_socket(s))
            harness.wait_for("the cut", lambda: s.count("answers_cut") == 1)
            ok(1.5 < time.monotonic() - began < 10, "a worker waits two seconds")
            ok("no_room_for_unsent" in s.log(), "the cause is in the log")
            ok(meaning(s.get(PATH)) == whole, "who takes it at once has all of it")
            s.fault_clear()
            slow.unthrottled([reader], 10)
            is_(reader.whole(), None, "it can see that it was cut")
            reader.close()

    with subtest("the sender is killed"):
        readers = begun(s)
        pid, = [w["pid"] for w in s.stats()["workers"] if w["role"] == "sender"]
        os.kill(pid, signal.SIGKILL)
        ok(slow.unthrottled(readers, 20), "its readers are cut")
        is_(readers[0].whole(), None, "and see it")
        readers[0].close()
        # Until the master has seen its end, what it had counts as unsent.
        harness.wait_for("its room", lambda: not gauge(s))
        rests_whole(s, "the next one", begun(s))

    with subtest("a reader that hangs up"):
        before = s.count("clients_gone")
        for r in begun(s, 2):
            r.close()
        harness.wait_for("the sender to see it",
                         lambda: s.count("clients_gone") == before + 2)
        is_(gauge(s), 0, "its room is free")

    with subtest("the end of the service"):
        readers = begun(s)
        s.service.send(signal.SIGTERM)
        harness.wait_for("the workers' end", lambda: len(s.service.children()) <= 2)
        time.sleep(0.5)
        ok(s.service.alive(), "it waits for a rest")
        rests_whole(s, "before it ends", readers)
        harness.wait_for("the end", lambda: not s.service.alive(), 10)

done()
