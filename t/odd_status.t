#!/usr/bin/python3
"""A trip's status that this service does not know is another writer's, who looks at none:
the trip is uploaded to, finalized, found when it is abandoned, and read (doc/foreign.md)."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import stores
import trips
from tap import done, in_, is_, subtest

BATCH = "/store-trajectory-batch"
ODD = ("paused", "COMPLETED", "1") + ((None,) if stores.chosen() == "s3" else ("",))


with harness.Stack({"maintenance.interval": "10m"}, redis=False, workers=2) as s:
    s.users([trips.user()])
    for n, odd in enumerate(ODD):
        with subtest(f"a client goes on with a trip that is {odd!r}"):
            trip = trips.trip(n, points=75)
            one, two, three = trip["batches"]
            s.post(BATCH, one)
            s.stores.change_trip(trip["trip_id"], status=odd)
            is_([s.post(BATCH, b).status for b in (two, two, three)], [200, 200, 200],
                "its uploads are stored, and their repeats")
            r = s.finalize(trip)
            is_((r.status, r.json()["analysis"]["status"], r.json()["total_deltas_analyzed"]),
                (200, "stored", 75), "and it is scored, with all of them")
            is_(drivers.record(s, trip["trip_id"])["status"], "completed", "and is ours again")
            in_(trip["trip_id"], drivers.trip_ids(s.driver(user_id=trips.USER)), "and read")
        with subtest(f"nobody finalizes a trip that is {odd!r}"):
            trip = trips.trip(10 + n, points=50)
            s.upload(trip)
            s.stores.change_trip(trip["trip_id"], status=odd)
            time.sleep(1.1)
            s.ctl("reconcile", settings={"trips.abandoned_after": "1s"})
            is_(drivers.record(s, trip["trip_id"])["analysis_status"], "stored",
                "reconcile scores it, as an abandoned one")
    with subtest("an analysis_status that nobody knows"):
        trip = trips.trip(30)
        drivers.drive(s, trip)
        s.stores.change_trip(trip["trip_id"], analysis_status="erasing")
        is_(s.finalize(trip).status, 200, "it may be finalized again")
        s.stores.change_trip(trip["trip_id"], analysis_status="erasing")
        s.ctl("reconcile")
        is_(drivers.record(s, trip["trip_id"])["analysis_status"], "stored",
            "or reconcile scores it")
    with subtest("a revision that cannot be"):
        trip = trips.trip(31)
        drivers.drive(s, trip)
        for revision in (2**53, 2**53 + 1, -1):
            s.stores.change_trip(trip["trip_id"], revision=revision)
            r = s.ctl("reconcile", check=False)
            in_(trip["trip_id"], r.stderr, f"{revision}: named")
            is_(r.returncode, 1, "and counted")
    with subtest("counts that cannot be"):
        for n, (total, highest) in enumerate(((2**50, 2**50), (-7, -7), (2**40, 0))):
            trip = trips.trip(40 + n, points=50)
            s.post(BATCH, trip["batches"][0])
            s.stores.change_trip(trip["trip_id"], total_batches=total, highest_batch=highest)
            is_(s.post(BATCH, trip["batches"][1]).status, 200, "an upload is stored")
    with subtest("times beyond 2^53 microseconds"):
        trip = trips.trip(50, points=50)
        s.upload(trip)
        r = s.post("/finalize-trip", dict(trip["finalize"],
                                          end_timestamp="9999-12-31T23:59:59.999Z"))
        is_(r.json()["analysis"]["status"], "stored", "a trip that ends in 9999 is stored")
        s.driver(user_id=trips.USER)
        s.quiet()
        s.driver(user_id=trips.USER)
        is_(s.log().count("summary_unreadable"), 0, "and its summary can be read")

done()
