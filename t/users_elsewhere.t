#!/usr/bin/python3
# Users whom others change or remove, without a word to the cache: the functions before
# us, or a hand in the tables. Readers notice it within cache.user_ttl (rule 5), for one
# read of the record a driver and user_ttl, and never fail by it.
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import client
import drivers
import harness
import trips
from answers import GZIP, path, source
from drivers import held
from faultproxy import silence
from tap import done, is_, ok, subtest

harness.need_faults()

TTL = 2  # cache.user_ttl, in seconds
PATH = path(trips.EMAIL)
SUMMARY = path(trips.EMAIL, view="summary")
# An e-mail that a worker has not seen yet is looked up in the records.
BY_ID = "/analyze-driver" + client.query(user_id=trips.USER)


def outlive():
    """What is cached now was read so long ago that its user is asked for again."""
    time.sleep(TTL + 0.1)


def counts(stack, *names):
    """Of all hosts together."""
    return [sum(h.count(name) for h in stack.hosts) for name in names]


def checks(stack):
    return counts(stack, "users_checked", "users_changed", "users_unchecked")


def more(before, after):
    return [b - a for a, b in zip(before, after)]


with harness.Stack(hosts=2, workers=3, proxy=True, settings={
        "cache.user_ttl": f"{int(TTL * 1000)}ms",
        "maintenance.interval": "100ms"}) as s:
    one, two = s.hosts
    s.users([trips.user(), trips.user("many", "many@example.com")])
    drivers.drive(s, trips.trip(1))

    with subtest("within user_ttl nobody is asked for"):
        s.redis("FLUSHALL")
        one.get(BY_ID)
        before, errors = checks(s), s.count("store_errors")
        s.stores.remove_user(trips.USER)
        with s.stores.records_away():
            is_([h.get(BY_ID).status for h in (one, two, one)], [200] * 3,
                "given from the cache")
        is_(more(before, checks(s)), [0, 0, 0], "without a look")
        is_(s.count("store_errors"), errors, "nor one that failed")

    with subtest("a user whom others removed is gone on all hosts by then"):
        outlive()
        before = checks(s)
        for host in (one, two, one):
            r = host.get(BY_ID)
            is_((r.status, r.json()["code"]), (404, "driver_not_found"), "gone")
        is_(one.get(PATH).status, 404, "by his e-mail, too")
        is_(more(before, checks(s)), [1, 1, 0], "the first one noticed it")
        s.users([trips.user()])
        is_(one.get(PATH).status, 200, "back again")

    with subtest("an unchanged one is read once a user_ttl, for all hosts"):
        one.get(PATH, GZIP)
        for round in range(2):
            outlive()
            before, misses = checks(s), counts(s, "cache_misses")
            for host in (one, two, one, two):
                for headers in ({}, GZIP):
                    is_(host.get(PATH, headers).status, 200, "given")
            is_(more(before, checks(s)), [1, 0, 0], "one of them asked")
            is_(counts(s, "cache_misses"), misses, "and nothing was made anew")

    for name, member, value in (("name", "user_name", "Renamed"),
                                ("zipcode", "user_timezone",
                                 "America/Los_Angeles")):
        with subtest(f"what others changed is seen, and is another ETag: {name}"):
            s.redis("FLUSHALL")
            first = one.get(PATH)
            ok(first.json()[member] != value, "as it was")
            seen = {"If-None-Match": first.header("ETag")}
            is_(one.get(SUMMARY).status, 200, "the summary, too")
            s.stores.change_user(trips.USER, **{name: {"name": value}.get(
                name, "94103")})
            is_(two.get(PATH, seen).status, 304, "not yet")
            outlive()
            r = two.get(PATH, seen)
            is_((r.status, r.json()[member]), (200, value), "now")
            is_((one.get(PATH).json()[member], one.get(SUMMARY).json()[member]),
                (value, value), "on the other host, and in each view")

    with subtest("another e-mail: the old one is nobody's"):
        s.redis("FLUSHALL")
        is_(one.get(PATH).status, 200, "his")
        s.stores.change_user(trips.USER, email="moved@example.com")
        outlive()
        is_([h.get(PATH).status for h in s.hosts], [404] * 2, "nobody's")
        is_(one.get(path("moved@example.com")).json()["user_id"], trips.USER,
            "the new one is his")
        s.users([trips.user()])

    with subtest("what no answer shows is no change"):
        s.redis("FLUSHALL")
        one.get(PATH)
        s.stores.change_user(trips.USER, role="insurer")
        outlive()
        before = checks(s)
        is_(one.get(PATH).status, 200, "given")
        is_(more(before, checks(s)), [1, 0, 0], "looked, and the same")

    with subtest("a miss that finds nobody takes all that is cached of him"):
        s.redis("FLUSHALL")
        pages = [BY_ID, BY_ID + "&limit=1"]
        is_([one.get(p).status for p in pages], [200] * 2, "cached")
        s.stores.remove_user(trips.USER)
        is_(one.get(BY_ID + "&limit=2").status, 404, "another page")
        is_([h.get(p).status for h in s.hosts for p in pages],
            [404] * 4, "and all the others, within user_ttl")
        s.users([trips.user()])

    with subtest("a fill that began before he was removed is checked, too"):
        s.redis("FLUSHALL")
        with held(one, "analytics.before_fill", one.get, PATH) as slow:
            s.stores.remove_user(trips.USER)
            outlive()
        is_(slow.result().status, 200, "he was there when it was read")
        is_(two.get(PATH).status, 404, "its copy is as old as its reading")
        s.users([trips.user()])

    with subtest("a record read again with its trips"):
        s.redis("FLUSHALL")
        drivers.take_texts(s)
        with held(one, "roster.taken", one.get, PATH) as slow:
            s.post("/finalize-trip", drivers.ended_at(trips.trip(1), 60))
            s.stores.change_user(trips.USER, name="Renamed")
        is_(slow.result().json()["user_name"], "Renamed",
            "the answer is of one moment")
        s.users([trips.user()])

    with subtest("records that cannot be read fail no answer that is cached"):
        s.redis("FLUSHALL")
        first = one.get(BY_ID)
        outlive()
        before = checks(s)
        with s.stores.records_away():
            r = one.get(BY_ID)
            is_((r.status, r.body), (200, first.body), "the copy")
            is_(one.get(BY_ID, {"If-None-Match": first.header("ETag")}).status,
                304, "who has it is told so")
        ok(checks(s)[2] > before[2], "counted")
        ok("event=user_unchecked" in one.log(), "and logged, with its cause")
        before = checks(s)
        harness.wait_for("the record to be read again", lambda: (
            one.get(BY_ID).status == 200 and checks(s)[0] > before[0]))
        s.redis("FLUSHALL")
        with s.stores.records_away():
            is_(one.get(PATH).status, 503, "what is not cached is not invented")

    with subtest("a large answer, in a file of this host"):
        for i in range(100):
            drivers.drive(s, trips.trip(i + 1, "many", points=30))
        large = path("many@example.com")
        one.get(large, GZIP)
        is_(source(one.get(large, GZIP)), "file", "left to the web server")
        s.stores.change_user("many", name="Renamed")
        outlive()
        r = one.get(large)
        is_((source(r), r.json()["user_name"]), ("store", "Renamed"), "made anew")
        ok(source(one.get(large)) in ("file", "cache"), "and kept")
        s.stores.remove_user("many")
        outlive()
        is_(one.get(large, GZIP).status, 404, "not even the file")

    if s.stores.kind == "s3":
        with subtest("records that hang keep nobody waiting for long"):
            s.redis("FLUSHALL")
            with one.client() as c:
                c.http("GET", PATH)
            outlive()
            over = threading.Event()
            s.stores.records_proxy.on("GetItem", silence(over))
            began = time.monotonic()
            is_(one.get(PATH).status, 200, "the copy")
            took = time.monotonic() - began
            ok(0.9 < took < 3, f"after a second ({took:.1f} s)")
            s.stores.records_proxy.clear()
            over.set()

with harness.Stack(settings={"cache.user_ttl": "0s"}) as s:
    with subtest("user_ttl 0: no copy without a look"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        for _ in range(3):
            is_(s.get(PATH).status, 200, "there")
        is_(checks(s)[:2], [2, 0], "the cached ones were checked")
        s.stores.change_user(trips.USER, name="Renamed")
        is_(s.get(PATH).json()["user_name"], "Renamed", "at once")
        s.stores.remove_user(trips.USER)
        is_(s.get(PATH).status, 404, "at once")

with harness.Stack(settings={"cache.user_ttl": "1h"}) as s:
    with subtest("user_ttl over ttl: never a look"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        for _ in range(3):
            is_(s.get(PATH).status, 200, "there")
        is_(checks(s), [0, 0, 0], "none")

done()
