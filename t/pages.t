#!/usr/bin/python3
"""A driver whose listing takes several pages: what a cold read costs, and that the
summary counts as it is after the last page (rule 4). Seen from a proxy before the
bucket."""

import concurrent.futures
import copy
import gzip
import json
import os
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from background import Background
from faultproxy import delay, held
from tap import diag, done, is_, ok, subtest

TRIPS = 2600  # a page has 1000; behind it two segments of at most 900
ROUND_TRIP = 0.3


def view(s):
    """The aggregate: all rows, no objects."""
    return s.driver(user_id=trips.USER, view="summary")


def seen_by(s, call, *args):
    proxy = s.stores.objects_proxy
    proxy.forget()
    answer = call(*args)
    return answer, list(proxy.seen)


def fill(s):
    """Copies of the driver's one trip, as other trips: put past the service."""
    (name,) = drivers.objects(s)
    analysis = json.loads(gzip.decompress(s.stores.get(name)))

    def store(i):
        one = copy.deepcopy(analysis)
        one["trip_id"] = f"trip-{i:05}"
        s.stores.put(name.replace(analysis["trip_id"], one["trip_id"]),
                     gzip.compress(json.dumps(one).encode(), 1))

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(store, range(1, TRIPS)))


def second_look(fault):
    """Only for who has a version of it and asks whether that is still there."""
    def only(x):
        again = b"if-none-match" in x.seen.head.lower()
        fault(x) if again else x.go_through()
    return only


def at_once(calls):
    return max(c.began for c in calls) < min(c.ended for c in calls)


with harness.Stack({"maintenance.interval": "10m", "server.request_timeout": "60s"},
                   kind="s3", proxy=True, redis=False, workers=2) as s:
    proxy = s.stores.objects_proxy
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    fill(s)

    with subtest("without a summary: page after page"):
        drivers.remove_summary(s)
        r, seen = seen_by(s, view, s)
        is_(r.json()["total_trips"], TRIPS, "all of them")
        is_([x.name for x in seen].count("LIST"), 3, "three pages")
        is_(sum("summary" in x.key for x in seen), 2, "looked for before and after")
        is_(len(drivers.summary_rows(s)), TRIPS, "and the summary knows them now")

    with subtest("with it: side by side"):
        proxy.on("*", delay(ROUND_TRIP))
        r, seen = seen_by(s, view, s)
        proxy.clear()
        is_(r.json()["total_trips"], TRIPS, "all of them")
        is_(sorted(x.name for x in seen[:2]) + [x.name for x in seen[2:]],
            ["GET", "LIST", "LIST", "LIST", "GET"],
            "first page and summary, two segments, the summary again")
        if len(seen) == 5:
            ok(at_once(seen[0:2]) and at_once(seen[2:4]), "pairs at once")
            is_(seen[4].code, 304, "which is unchanged")
            keys = [urllib.parse.parse_qs(x.key.partition("?")[2]) for x in seen[2:4]]
            is_(sorted(k["start-after"][0].split("/")[-1][:10] for k in keys),
                ["trip-01000", "trip-01900"], "split where the summary says")
        else:
            diag(seen)

    with subtest("what comes while the pages are taken is not missed"):
        second = trips.trip(2)
        s.upload(second)
        started, go = threading.Event(), threading.Event()
        proxy.on("GET", second_look(held(started, go)), key="summary")
        reader = Background(view, s)
        ok(started.wait(20), "the pages are in")
        is_(s.finalize(second).json()["analysis"]["status"], "stored", "stored meanwhile")
        go.set()
        is_(reader.result().json()["total_trips"], TRIPS + 1, "its row led to it")
        proxy.clear()

done()
