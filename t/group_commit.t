#!/usr/bin/python3
"""Uploads, claims and their ends of several workers are committed together; no one
of them suffers from another, from a leader that dies, or from one that hangs."""

import os
import random
import signal
import sqlite3
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from background import Background, held
from process import wait_for
from tap import done, is_, note, ok, subtest

harness.need_faults()

CALLERS = 12


def stored(s):
    """The batches in the database, by id."""
    db = sqlite3.connect(f"file:{s.stores.records}?mode=ro", uri=True, timeout=10)
    try:
        return {row[0] for row in db.execute("select batch_id from batches")}
    finally:
        db.close()


def batch_id(body):
    return f"{body['trip_id']}_batch_{body['batch_number']}"


def post(s, body):
    return s.post("/store-trajectory-batch", body, timeout=30)


def posts(s, bodies):
    """All at the same time; what each got."""
    calls = [Background(post, s, body) for body in bodies]
    return [c.result() for c in calls]


def finalize(s, trip, user_id=trips.USER):
    return s.post("/finalize-trip", dict(trip["finalize"], user_id=user_id), timeout=30)


def trips_of(s, numbers):
    """Uploaded, and not finalized."""
    all_of = [trips.trip(n, points=5 + n % 10) for n in numbers]
    for t in all_of:
        s.upload(t)
    return all_of


def is_scored(s, trip):
    """Its record, its row and its object are of it alone."""
    rec = drivers.settled(s, trip["trip_id"])
    row = drivers.summary_rows(s)[trip["trip_id"]]
    is_((rec["analysis_status"], row["revision"]), ("stored", rec["revision"]),
        f"{trip['trip_id']} is stored, its row of the last claim")
    is_([k for k in drivers.objects(s) if trip["trip_id"] in k], [rec["analysis_key"]],
        "its record names its one object")


def batch_of(number, user_id=trips.USER):
    """A batch of a trip of its own."""
    return trips.trip(number, user_id=user_id, points=5)["batches"][0]


with harness.Stack(workers=8, kind="dir") as s:
    with subtest("who comes while a group is written is in the next one"):
        groups = s.count("batch_groups")
        with held(s, "group.taken", post, s, batch_of(1)) as first:
            waiting = [Background(post, s, batch_of(n)) for n in range(2, 7)]
            wait_for("five that wait", lambda: sum(
                w["route"] == "/store-trajectory-batch"
                for w in s.stats()["workers"]) == 6)
            time.sleep(0.1)
            is_(s.count("batches_stored"), 0, "no one is answered")
        is_([c.result().status for c in (first, *waiting)], [200] * 6, "then all are")
        is_(s.count("batch_groups"), groups + 2, "in two groups")
        ok({batch_id(batch_of(n)) for n in range(1, 7)} <= stored(s), "all are stored")

    with subtest("one that is refused spoils nobody's"):
        theirs = dict(batch_of(1), user_id="someone-else", batch_number=2)
        with held(s, "group.taken", post, s, batch_of(10)) as first:
            calls = [Background(post, s, b)
                     for b in (batch_of(11), theirs, batch_of(12))]
            time.sleep(0.3)
        is_([c.result().status for c in calls], [200, 409, 200], "each its own answer")
        ok(batch_id(theirs) not in stored(s), "it changed nothing")
        is_(first.result().status, 200, "the leader's, too")

    with subtest("nor one that cannot be stored"):
        bad = batch_of(20)
        post(s, bad)
        s.stores.change_trip(bad["trip_id"], revision=2**53)
        with held(s, "group.taken", post, s, batch_of(21)):
            calls = [Background(post, s, b)
                     for b in (batch_of(22), dict(bad, batch_number=2), batch_of(23))]
            time.sleep(0.3)
        is_([c.result().status for c in calls], [200, 500, 200], "each its own answer")
        ok({batch_id(batch_of(22)), batch_id(batch_of(23))} <= stored(s), "both stored")

    for step in ("group.taken", "group.written"):
        with subtest(f"a leader dies: {step}"):
            bodies = [batch_of(random.randrange(1000, 90000)) for _ in range(6)]
            with held(s, "group.told", post, s, bodies[0]) as first:
                calls = [Background(post, s, b) for b in bodies[1:]]
                time.sleep(0.3)
                s.fault(step, "crash")
            codes = [c.result().status for c in (first, *calls)]
            is_(sorted(codes), [200] * 5 + [503], "its own client may try again")
            s.fault_over(step)
            ok({batch_id(b) for b, code in zip(bodies, codes) if code == 200}
               <= stored(s), "the others' are stored")
            is_([post(s, b).status for b in bodies], [200] * 6,
                "and every one may be repeated")

    with subtest("claims in one group with batches: each gets its own trip"):
        three = trips_of(s, (100, 101, 102))
        with held(s, "group.taken", post, s, batch_of(40)) as first:
            calls = [Background(finalize, s, t) for t in three]
            theirs = Background(finalize, s, three[0], "someone-else")
            batch = Background(post, s, batch_of(41))
            time.sleep(0.3)
        answers = [c.result().json() for c in calls]
        is_([(a["trip_id"], a["analysis"]["status"], a["total_deltas_analyzed"])
             for a in answers],
            [(t["trip_id"], "stored", 5 + n) for n, t in enumerate(three)],
            "each its own answer")
        is_([theirs.result().status, batch.result().status, first.result().status],
            [409, 200, 200], "who is no owner is told so, and spoils nothing")
        for t in three:
            is_scored(s, t)
            is_(drivers.record(s, t["trip_id"])["revision"], 1, "claimed once")

    for step in ("group.taken", "group.written"):
        with subtest(f"a leader dies with claims: {step}"):
            four = trips_of(s, [random.randrange(1000, 90000) for _ in range(4)])
            with held(s, "group.told", post, s, batch_of(random.randrange(1000, 90000))):
                calls = [Background(finalize, s, t) for t in four]
                time.sleep(0.3)
                s.fault(step, "crash")
            codes = [c.result().status for c in calls]
            is_(sorted(codes), [200] * 3 + [503], "its own client may try again")
            s.fault_over(step)
            is_([finalize(s, t).status for t, code in zip(four, codes) if code != 200],
                [200], "and does")
            drivers.spool_empty(s)
            for t in four:
                is_scored(s, t)

    with subtest("a write that hangs: who waits is told so in time"):
        s.configure({"server.request_timeout": "1500ms",
                     "server.finalize_timeout": "1s"})
        s.service.stop()
        s.service.start()
        began = time.monotonic()
        with held(s, "group.taken", post, s, batch_of(30)):
            r = post(s, batch_of(31))
            is_((r.status, r.headers.get("retry-after") is not None), (503, True),
                "503, try again")
            ok(time.monotonic() - began < 5, "soon")
        wait_for("a good one", lambda: post(s, batch_of(32)).status == 200)

with harness.Stack(workers=6, kind="dir") as s:
    with subtest("workers are killed all the time: nothing acknowledged is lost"):
        acknowledged, codes, over = [], [], threading.Event()

        def caller(number):
            k = 0
            while not over.is_set():
                k += 1
                body = batch_of(number * 10000 + k)
                code = post(s, body).status
                codes.append(code)
                if code == 200:
                    acknowledged.append(batch_id(body))

        callers = [Background(caller, n) for n in range(1, CALLERS + 1)]
        until = time.monotonic() + 4
        kills = 0
        while time.monotonic() < until:
            time.sleep(0.15)
            busy = [w["pid"] for w in s.stats()["workers"]
                    if w["role"] == "worker" and w["state"] == "busy"]
            if busy:
                os.kill(random.choice(busy), signal.SIGKILL)
                kills += 1
        over.set()
        for c in callers:
            c.result()
        note(f"{kills} killed, {codes.count(200)} stored, {codes.count(503)} to repeat")
        ok(kills > 5 and codes.count(200) > 50, "there was something to lose")
        is_(set(codes) - {200, 503}, set(), "no other answer")
        is_(set(acknowledged) - stored(s), set(), "nothing is lost")

done()
