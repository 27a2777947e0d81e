#!/usr/bin/python3
"""How many store calls a finalize and a cold read make one after the other: what they
cost where a store is a round trip away. Counted at a proxy before each store."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import copies
import drivers
import harness
import trips
from faultproxy import delay, in_sequence
from tap import diag, done, is_, note, ok, subtest

FINALIZE_MOST = 5
MANY = 500  # trips, which are to come in
MANY_CALLS, MANY_ROUNDS = 12, 4
ROUND_TRIP = 0.1  # long enough that calls at once are seen to overlap


def calls_of(s, call, *args):
    """What call(*args) made the service ask; its answer."""
    proxies = (s.stores.objects_proxy, s.stores.records_proxy)
    for proxy in proxies:
        proxy.on("*", delay(ROUND_TRIP))
        proxy.forget()
    answer = call(*args)
    seen = [x for proxy in proxies for x in proxy.seen]
    for proxy in proxies:
        proxy.clear()
    row = in_sequence(seen)
    note(f"{len(seen)} calls, {len(row)} in sequence: " + ", ".join(x.name for x in row))
    return answer, seen, row


def finalize(s, trip):
    s.upload(trip)
    r, seen, row = calls_of(s, s.finalize, trip)
    is_(r.json()["analysis"]["status"], "stored", "stored")
    if not ok(len(row) <= FINALIZE_MOST, f"{len(row)} calls in sequence"):
        diag(row)
    return sorted(x.name for x in seen)


# Maintenance would be seen, too.
with harness.Stack({"maintenance.interval": "10m"}, kind="s3", proxy=True, redis=False,
                   workers=1) as s:
    s.users([trips.user()])
    # A process finds out once what its server can do.
    for n in (1, 2):
        drivers.drive(s, trips.trip(n))
    with subtest("finalize"):
        is_(finalize(s, trips.trip(3)),
            ["BatchGetItem", "GET", "GetItem", "PUT", "PUT", "UpdateItem", "UpdateItem"],
            "these and no others")
    with subtest("finalize of a long trip"):
        finalize(s, trips.trip(4, points=1500))
    with subtest("a driver's first"):
        s.users([trips.user("first-timer", "first@example.com")])
        finalize(s, trips.trip(5, user_id="first-timer"))
    with subtest("a cold read"):
        r, seen, row = calls_of(s, lambda: s.driver(user_id=trips.USER))
        is_(r.json()["total_trips"], 4, "answered")
        is_(sorted(x.name for x in seen if x.began < row[0].ended),
            ["GET", "GetItem", "LIST"], "driver, listing and summary at once")
        is_(len(row), 1, "and the trips came with the summary")
    with subtest(f"a cold read of {MANY} trips"):
        s.users([trips.user("many", "many@example.com")])
        original = copies.stored(s, trips.USER)[0]
        copies.put(s, "many", [original.copy("many", 0, n) for n in range(MANY)])
        s.driver(user_id="many")  # finds them all, and packs them afterwards
        s.quiet()
        r, seen, row = calls_of(s, lambda: s.driver(user_id="many"))
        is_(r.json()["total_trips"], MANY, "answered")
        if not (ok(len(seen) <= MANY_CALLS, f"{len(seen)} calls")
                and ok(len(row) <= MANY_ROUNDS, f"{len(row)} in sequence")):
            diag(seen)
    with subtest("a cold read by e-mail"):
        s.service.stop()
        s.service.start()
        is_(s.get("/healthz").status, 200, "started")  # a start asks the stores, too
        r, seen, row = calls_of(s, lambda: s.driver(email=trips.EMAIL))
        is_(r.json()["total_trips"], 4, "answered")
        is_([row[0].name, len(row)], ["Query", 2], "but for whose e-mail it is")

done()
