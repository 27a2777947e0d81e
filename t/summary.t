#!/usr/bin/python3
# Rule 3: the summary is merged by revision, under conditional writes, and
# repaired from the listing when it is behind, gone or spoilt.
import gzip
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import drivers
import harness
import trips
from drivers import Background
from tap import done, is_, ok, subtest

harness.need_faults()
MANY = 64

with harness.Stack(workers=4) as s:
    s.users([trips.user()])

    with subtest(f"{MANY} trips finalized at the same moment"):
        all_trips = [trips.trip(n, points=30) for n in range(1, MANY + 1)]
        for t in all_trips:
            s.upload(t)
        calls = [Background(s.finalize, t) for t in all_trips]
        answers = [c.result() for c in calls]
        is_([a.status for a in answers], [200] * MANY, "all acknowledged")
        r = s.driver(email=trips.EMAIL).json()
        stored = [t["trip_id"] for t, a in zip(all_trips, answers)
                  if a.json()["analysis"]["status"] == "stored"]
        is_(len(stored), MANY, "all stored in time")
        is_(r["total_trips"], MANY, "all in the aggregate of the next read")
        is_(set(drivers.summary_rows(s)), {t["trip_id"] for t in all_trips},
            "all in the summary after it")

    with subtest("the aggregate in the summary is the answer's"):
        with gzip.open(drivers.summary_path(s)) as f:
            doc = json.load(f)
        r = s.driver(email=trips.EMAIL).json()
        is_({k: r[k] for k in doc["aggregate"]}, doc["aggregate"], "the same")

    with subtest("a summary that is gone"):
        os.unlink(drivers.summary_path(s))
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")
        is_(len(drivers.summary_rows(s)), MANY, "repaired")

    with subtest("a summary that is spoilt"):
        with open(drivers.summary_path(s), "wb") as f:
            f.write(b"not gzip")
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")
        is_(len(drivers.summary_rows(s)), MANY, "repaired")
        ok("summary_unreadable" in s.log(), "named in the log")

    with subtest("a summary of a later version is left alone"):
        with gzip.open(drivers.summary_path(s), "wb") as f:
            f.write(b'{"format": 2, "what": "later"}')
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")
        with gzip.open(drivers.summary_path(s)) as f:
            is_(json.load(f)["format"], 2, "not overwritten")
        os.unlink(drivers.summary_path(s))

    with subtest("an object taken away by hand: its row goes at the next read"):
        s.redis("FLUSHALL")
        s.driver(email=trips.EMAIL)
        gone = all_trips[3]["trip_id"]
        os.unlink([p for p in drivers.objects(s) if gone in p][0])
        s.redis("FLUSHALL")
        r = s.driver(email=trips.EMAIL).json()
        is_(r["total_trips"], MANY - 1, "not counted")
        ok(gone not in drivers.summary_rows(s), "not in the summary")

    with subtest("and reconcile scores it again from the records"):
        s.ctl("reconcile", "--user", trips.USER)
        r = s.driver(email=trips.EMAIL).json()
        is_(r["total_trips"], MANY, "counted again")
        ok(gone in drivers.summary_rows(s), "in the summary")

    with subtest("what the plan's own writer stored is read, and given a row"):
        name = "trip_from_the_plan"
        body = {"end_timestamp": "2020-01-01T00:10:00+00:00",
                "start_timestamp": "2020-01-01T00:00:00+00:00",
                "trip_id": name, "behavior_score": 71, "note": "\u00e4 \\ \"",
                "total_distance_miles": 1e1, "duration_minutes": 10,
                "driving_context": {"context": "city"}, "new": [1, {"a": None}]}
        path = (f"{s.objects}/users/{trips.USER}/trips/"
                f"{name}_1577837400000.json.gz")
        with open(path, "wb") as f:
            f.write(gzip.compress(json.dumps(body, indent=2).encode()))
        s.redis("FLUSHALL")
        r = s.driver(email=trips.EMAIL).json()
        mine = [t for t in r["trips"] if t["trip_id"] == name]
        is_(mine, [body], "sent as it is")
        is_(drivers.summary_rows(s)[name]["revision"], 0, "has a row")

    with subtest("two objects of one trip: the later counts, once"):
        path = (f"{s.objects}/users/{trips.USER}/trips/"
                f"{name}_1577837500000.json.gz")
        with open(path, "wb") as f:
            f.write(gzip.compress(json.dumps(dict(
                body, behavior_score=99, revision=5)).encode()))
        s.redis("FLUSHALL")
        r = s.driver(email=trips.EMAIL).json()
        mine = [t["behavior_score"] for t in r["trips"]
                if t["trip_id"] == name]
        is_(mine, [99], "the greater revision")
        is_(len([p for p in drivers.objects(s) if name in p]), 2,
            "a reader removes nothing")
        s.ctl("reconcile", "--user", trips.USER)
        is_([os.path.basename(p) for p in drivers.objects(s) if name in p],
            [f"{name}_1577837500000.json.gz"], "reconcile removes the older")

done()
