#!/usr/bin/python3
"""What a stranger may cost: pages and chosen fields without number, of a driver with
many trips, take a share of the workers, of the cache and of the disk; beyond it they
are answered 503, and all others go on."""
import itertools
import os
import re
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import client
import copies
import drivers
import harness
import slow
import trips
from answers import GZIP, meaning, source
from background import Background
from tap import diag, done, is_, ok, subtest

TRIPS = 3000
SECONDS = 4
VIEWS = 8
WORKERS = 4
HOSTILE = 16
OTHER = "other", "other@example.com"
SECOND = "second", "second@example.com"
DEAR = trips.USER
# As many choices of fields as one likes; the trips' ids in each.
FIELDS = ("behavior_score", "total_distance_miles", "smoothness_score", "hard_stops",
          "start_timestamp", "end_timestamp")


def path(user_id=DEAR, **more):
    return "/analyze-driver" + client.query(user_id=user_id, **more)


def variants():
    for i in range(50):
        yield path(limit=400 + i)
        yield path(fields=",".join(["trip_id"] + [
            f for n, f in enumerate(FIELDS) if (i + 1) >> n & 1]))


class Hostile(threading.Thread):
    """One of many that ask for one after the other, and wait for nothing; answers holds
    what they got."""

    def __init__(self, s, views, until, answers):
        super().__init__(daemon=True)
        self.s, self.views, self.until, self.answers = s, views, until, answers
        self.start()

    def run(self):
        while time.monotonic() < self.until:
            r = self.s.get(next(self.views), timeout=60)
            self.answers.append((r.status, r.header("Retry-After"), r.json().get("code")))


class Turns:
    """What comes next, for several threads."""

    def __init__(self, items):
        self.items, self.lock = itertools.cycle(items), threading.Lock()

    def __next__(self):
        with self.lock:
            return next(self.items)


def flood(s):
    answers, views, until = [], Turns(list(variants())), time.monotonic() + SECONDS
    for t in [Hostile(s, views, until, answers) for _ in range(HOSTILE)]:
        t.join()
    return answers


def writing(s):
    """Another driver's trips, one after the other, as long as the block runs."""
    numbers = itertools.count(101)

    def written():
        r = drivers.drive(s, of(OTHER[0], next(numbers)))
        assert r.json()["analysis"]["status"] == "stored", r
        return r
    return slow.Others(written, 0.05)


def of(user_id, number):
    trip = trips.trip(number, points=30)
    for part in (*trip["batches"], trip["finalize"]):
        part["user_id"] = user_id
    return trip


def prepared(s):
    s.users([trips.user(i, f"{i}@example.com") for i in (DEAR, SECOND[0], OTHER[0])])
    drivers.drive(s, of(OTHER[0], 2))
    drivers.drive(s, trips.trip(1, points=30))
    original, = copies.stored(s, DEAR)
    for user_id in (DEAR, SECOND[0]):
        copies.put(s, user_id, [original.copy(user_id, 1, n) for n in range(1, TRIPS)])


def chosen_keys(s):
    """Of pages and chosen fields in Redis: all but the handful of the others."""
    return len(s.redis("KEYS", "dg:{%s}:rep:*" % DEAR))


def files_by_driver(s):
    """How many files each driver has there, of either kind."""
    counts = {}
    for name in os.listdir(s.files):
        if len(name) == 64:
            counts[name[:16]] = counts.get(name[:16], 0) + 1
    return sorted(counts.values())


def patient(s, one, seconds=60):
    """As a client that does what Retry-After says."""
    until = time.monotonic() + seconds
    while (r := s.get(one)).status == 503 and time.monotonic() < until:
        time.sleep(int(r.header("Retry-After")))
    return r


def busy(s):
    """The worker that holds, when the others have come to rest."""
    s.quiet()
    worker, = [w for w in s.stats()["workers"]
               if (w["role"], w["state"]) == ("worker", "busy")]
    return worker["pid"]


settings = {"cache.views": VIEWS, "maintenance.interval": "100ms", "cache.user_ttl": "1h",
            "cache.fill_wait": "20s"}
with harness.Stack(settings, workers=WORKERS) as s:
    prepared(s)

    with subtest("a first read is as it was"):
        readers = [Background(s.get, path(u)) for u in (DEAR, DEAR, SECOND[0], SECOND[0])]
        got = [meaning(r.result()) for r in readers]
        is_([len(g["trips"]) for g in got], [TRIPS, TRIPS, TRIPS - 1, TRIPS - 1],
            "all trips, of several at once")
        s.quiet(60)  # summaries and packs are made now
        hot = s.get(path())
        is_(source(hot), "file", "and then hot")
        began = time.monotonic()
        is_(s.get(path(fields="trip_id")).status, 200, "a page")
        diag(f"a page takes {time.monotonic() - began:.3f} s")

    with subtest("a flood of pages and fields"):
        before = s.count("dear_refused")
        small = path(OTHER[0], view="summary")
        with slow.Others(lambda: s.get(small)) as others:
            time.sleep(1)
        alone = others.p99()
        with writing(s) as writer, slow.Others(lambda: s.get(small)) as others:
            began = time.monotonic()
            answers = flood(s)
            took = time.monotonic() - began
        diag(f"{took:.1f} s; others {alone:.3f} s alone, {len(others.times)} calls, p99 {others.p99():.3f} s, "
             f"{len(writer.times)} trips; hostile {sum(a[0] == 200 for a in answers)} x 200")
        is_((others.failures, writer.failures), ([], []), "others are answered")
        # Behind the flood it would be seconds: each waits for several pages.
        ok(others.p99() < max(0.5, 20 * alone), "hardly later than alone")
        ok(len(others.times) > 10 and len(writer.times) > 1, "and were there")
        is_(sorted({a[0] for a in answers}), [200, 503], "200 and 503 and nothing else")
        is_(sum(a[0] == 503 and a[2] != "too_many_dear" for a in answers), 0, "by its code")
        ok(all(1 <= int(a[1]) <= 30 for a in answers if a[0] == 503), "with a time")
        is_(s.count("dear_refused") - before, sum(a[0] == 503 for a in answers), "counted")
        ok("too_many_dear" in s.log(), "and in the log")

    with subtest("what is kept of one driver"):
        s.quiet()
        for one in list(variants())[:30]:
            if not is_(patient(s, one, 20).status, 200, "in turn each is answered"):
                break  # each of the others would take as long
        # His whole answer, for a reader or two, is not one of these.
        ok(VIEWS <= chosen_keys(s) <= VIEWS + 2, f"in the cache: {chosen_keys(s)}")
        harness.wait_for("the folder to shrink",
                         lambda: max(files_by_driver(s)) <= VIEWS, 20)
        s.get(path(limit=400 + 14))
        ok(source(s.get(path(limit=400 + 14))) in ("file", "cache"), "the newest are there")
        is_(source(s.get(path())), "file", "the whole answer stays hot")

    if harness.faults_built():
        with subtest("one place is left to others"):
            s.fault("analytics.before_fill", "hold")
            held = Background(s.get, path(limit=7))
            s.fault_taken("analytics.before_fill")
            r = s.get(path(limit=8))
            is_((r.status, r.json()["code"]), (503, "too_many_dear"), "the same driver")
            r = s.get(path(limit=7))
            is_((r.status, r.json()["code"]), (503, "too_many_dear"), "who waits for it, too")
            is_(s.get(path(SECOND[0], limit=7)).status, 200, "another driver with many")
            is_(s.get(path()).status, 200, "the whole answer")
            is_(s.get(path(view="summary")).status, 200, "the summary")
            with drivers.held(s, "analytics.before_store", s.get,
                              path(SECOND[0], limit=8)) as last:
                is_(s.get(path(SECOND[0], limit=9)).status, 503, "when all are taken")
                is_(s.get(path(OTHER[0], limit=1)).status, 200, "a page of few trips")
                is_(s.get(path(view="summary"), GZIP).status, 200, "a dear one's summary")
            is_(last.result().status, 200, "the last place's reader")
            s.fault_go("analytics.before_fill")
            is_(held.result().status, 200, "the first is answered")
            s.fault_over("analytics.before_fill")
            is_(s.get(path(limit=8)).status, 200, "then the next")

        with subtest("a worker that is killed gives its place back"):
            s.fault("analytics.before_fill", "hold")
            Background(s.get, path(limit=9))
            s.fault_taken("analytics.before_fill")
            is_(s.get(path(limit=10)).status, 503, "while it holds")
            os.kill(busy(s), signal.SIGKILL)
            s.fault_clear()
            is_(patient(s, path(limit=10)).status, 200, "afterwards")
            is_(patient(s, path(limit=11)).status, 200, "and again")

        with subtest("who waits for a fill leaves when the driver turns out to be dear"):
            s.service.stop()
            s.service.start()  # nothing is remembered
            s.redis("FLUSHALL")
            waits = s.count("cache_waits")
            s.fault("analytics.before_store", "hold")
            first = Background(s.get, path(limit=12))
            s.fault_taken("analytics.before_store")
            second = Background(s.get, path(limit=12))
            harness.wait_for("one who waits", lambda: s.count("cache_waits") == waits + 1)
            s.fault("analytics.before_fill", "hold")
            s.fault_go("analytics.before_store")
            s.fault_taken("analytics.before_fill")
            r = second.result(3)  # before the lock expires
            is_((r.status, r.json()["code"]), (503, "too_many_dear"), "he is refused")
            s.fault_go("analytics.before_fill")
            is_(first.result().status, 200, "the filler is answered")
            s.fault_clear()

    with subtest("after it all"):
        s.quiet()
        is_(meaning(s.get(path())), got[0], "the driver's answer is what it was")
        is_(meaning(s.get(path(), GZIP)), got[0], "in either coding")
        ok(not re.search("child_(stuck|killed)", s.log()), "nobody was stuck")


done()
