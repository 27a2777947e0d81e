#!/usr/bin/python3
"""answer.details = off: trips without what no client reads, at no price for hot answers;
and a setting that changes, or differs between hosts, gives nobody the other's form."""

import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import copies
import drivers
import harness
import trips
from answers import GZIP, IDENTITY, meaning, path, source
from tap import done, is_, ok, subtest

DETAILS = {"turn_details", "acceleration_events", "deceleration_events", "event_breakdown"}
MANY = 80  # more than the cache's entry of an answer holds, with or without details
LARGE = 90  # of 100 KB each
FOREIGN = "other@example.com"


def crooked(number):
    """A trip with turns and harsh events: its details are no empty lists."""
    t = trips.trip(number, points=60)
    for i, d in enumerate(d for b in t["batches"] for d in b["deltas"]):
        if i // 10 % 2:
            d["delta_lat"], d["delta_long"] = 0, d["delta_lat"]
        d["speed_mph"] = (5.0, 20.0, 35.0, 50.0, 35.0, 20.0)[i % 6]
    return t


def shown(answer):
    """Of all its trips."""
    return set().union(*(t.keys() for t in answer["trips"]))


def less_details(answer):
    return {**answer, "trips": [{k: v for k, v in t.items() if k not in DETAILS}
                                for t in answer["trips"]]}


def reload(host, value):
    host.configure({"answer.details": value})
    before = set(host.service.children())
    host.service.hup()
    harness.wait_for("new workers", lambda: not before & set(host.service.children()))


def every_way(one, two, full):
    """one has them off, two on; both fill the same entry, in turn."""
    small = less_details(full)
    for coding in (IDENTITY, GZIP):
        for r, want in ((one.get(path(trips.EMAIL), coding), small),
                        (two.get(path(trips.EMAIL), coding), full),
                        (one.get(path(trips.EMAIL), coding), small),
                        (two.get(path(trips.EMAIL), coding), full)):
            is_(meaning(r), want, f"{coding} {source(r)}: its own form")
    is_(shown(meaning(one.get(path(trips.EMAIL, limit=3)))) & DETAILS, set(), "of a page, too")
    named = meaning(one.get(path(trips.EMAIL, fields="trip_id,turn_details")))
    is_(shown(named), {"trip_id", "turn_details"}, "unless they are named")
    is_(meaning(one.get(path(trips.EMAIL, view="summary"))),
        meaning(two.get(path(trips.EMAIL, view="summary"))), "the summary is the same")


def hot(host, name):
    """Without files the second reader has the trips from the cache, in either coding."""
    host.stack.redis("FLUSHALL")
    seen = [source(host.get(path(trips.EMAIL), coding)) for coding in (IDENTITY, IDENTITY, GZIP)]
    is_(seen, ["store", "cache", "cache"], f"{name}: filled once for all")


def etags(host, full):
    """A reload that switches it: whoever has the other form gets the new one."""
    first = host.get(path(trips.EMAIL))
    have = {"If-None-Match": first.header("ETag")}
    is_(host.get(path(trips.EMAIL), have).status, 304, "unchanged")
    reload(host, "on")
    r = host.get(path(trips.EMAIL), have)
    is_((r.status, shown(meaning(r)) >= DETAILS), (200, True), "switched on: the new form")
    is_(host.get(path(trips.EMAIL), {"If-None-Match": r.header("ETag")}).status, 304, "once")
    reload(host, "off")
    for _ in range(2):
        r = host.get(path(trips.EMAIL))
        is_(meaning(r), less_details(full), f"off again, {source(r)}")
    is_(host.get(path(trips.EMAIL), have).status, 304, "whose ETag is that of before")


def foreign(host):
    """Members that nobody here knows pass as before."""
    original = copies.stored(host.stack, trips.USER)[0]
    trip_id, end_ms, text = original.copy("other", 1, 1)
    doc = json.loads(text) | {"weather": {"rain": True}}
    copies.put(host.stack, "other", [(trip_id, end_ms, json.dumps(doc))])
    got = meaning(host.get(path(FOREIGN)))["trips"]
    is_([t.get("weather") for t in got], [{"rain": True}], "another writer's member stays")
    is_(shown({"trips": got}) & DETAILS, set(), "the details do not")


def large(host):
    """Over 8 MB whole trips are streamed; without their details they are collected, and
    come whole out of the cache all the same."""
    original, = copies.stored(host.stack, trips.USER)[:1]
    made = []
    for n in range(LARGE):
        trip_id, end_ms, text = original.copy("large", n, n)
        doc = json.loads(text) | {"note": random.Random(n).randbytes(50_000).hex()}
        made.append((trip_id, end_ms, json.dumps(doc)))
    copies.put(host.stack, "large", made)
    for coding in (IDENTITY, GZIP):
        host.stack.redis("FLUSHALL")
        seen = [host.get("/analyze-driver?user_id=large", coding) for _ in range(2)]
        is_([source(r) for r in seen], ["store", "cache"], "collected, then out of the cache")
        one, again = (meaning(r)["trips"] for r in seen)
        is_((len(one), shown({"trips": one}) & DETAILS), (LARGE, set()), "without details")
        ok(one == again, "the same again")


def main():
    with harness.Stack(hosts=2, workers=2, settings={"answer.details": "off"}) as s:
        one, two = s.hosts
        s.users([trips.user(), trips.user("other", FOREIGN),
                 trips.user("large", "large@example.com")])
        reload(two, "on")
        for n in range(3):
            drivers.drive(s, crooked(n + 1))
        full = meaning(two.get(path(trips.EMAIL)))
        ok(DETAILS <= shown(full), "there are details")
        ok(all(t["turn_details"] and t["acceleration_events"] for t in full["trips"]),
           "which say something")
        with subtest("two hosts"):
            every_way(one, two, full)
        with subtest("a reload"):
            etags(one, full)
        with subtest("many trips"):
            original, = copies.stored(s, trips.USER)[:1]
            copies.put(s, trips.USER, [original.copy(trips.USER, n, n + 1) for n in range(MANY)])
            s.redis("FLUSHALL")
            full = meaning(two.get(path(trips.EMAIL)))
            is_(len(full["trips"]), MANY + 3, "all are there")
            every_way(one, two, full)
            for host in (one, two):
                host.configure({"cache.files": "none"})
            reload(one, "off")
            reload(two, "on")
            hot(two, "with details")
            hot(one, "without")
        with subtest("a foreign member"):
            foreign(one)
        with subtest("a large answer"):
            large(one)
    done()


main()
