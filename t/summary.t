#!/usr/bin/python3
# Rule 3: the summary is merged by revision, under conditional writes, and
# repaired from the listing when it is behind, gone or spoilt.
import os
import signal
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import bundle
import drivers
import fcgi
import harness
import trips
from drivers import Background, held
from harness import wait_for
from tap import done, is_, ok, subtest

harness.need_faults()
MANY = 64
FOLDER = f"users/{trips.USER}/trips"

with harness.Stack(workers=4) as s:
    s.users([trips.user()])

    with subtest(f"{MANY} trips finalized at the same moment"):
        all_trips = [trips.trip(n, points=30) for n in range(1, MANY + 1)]
        s.fault("packing.before_pack.always", "fail")  # see below: all stay loose
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
        doc = drivers.unpacked(s, drivers.summary_key())
        r = s.driver(email=trips.EMAIL).json()
        is_({k: r[k] for k in doc["aggregate"]}, doc["aggregate"], "the same")

    def fragments():
        """The trip ids whose analyses are in the summary."""
        return {row["trip_id"] for row in drivers.summary_rows(s).values()
                if row["pack"] == -1}

    with subtest("it holds the analyses themselves"):
        body = s.stores.get(drivers.summary_key())
        doc, pieces = bundle.take_apart(body)
        is_(len(bundle.within(doc)), MANY, "of trips that are in no pack")
        is_(bundle.put_together(doc, pieces)[:16], body[:16], "as a bundle")
        whole = drivers.unpacked(s, drivers.summary_key())["recent"]
        is_([t["trip_id"] for t in whole],
            [row["trip_id"] for row in bundle.within(doc)], "in the rows' order")
        is_(whole, [drivers.unpacked(s, drivers.object_of(s, t["trip_id"]))
                    for t in whole], "as the objects have them")
        s.fault_clear()

    with subtest("a summary that is gone"):
        drivers.remove_summary(s)
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")
        is_(len(drivers.summary_rows(s)), MANY, "repaired")

    with subtest("a summary that was written as plain gzip"):
        drivers.change_summary(s, lambda row: None)
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")

    with subtest("a summary that is spoilt"):
        s.stores.put(drivers.summary_key(), b"not gzip")
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")
        is_(len(drivers.summary_rows(s)), MANY, "repaired")
        ok("summary_unreadable" in s.log(), "named in the log")

    with subtest("a summary of a later version is left alone"):
        drivers.store_packed(s, drivers.summary_key(),
                             {"format": 2, "what": "later"})
        s.redis("FLUSHALL")
        is_(s.driver(email=trips.EMAIL).json()["total_trips"], MANY, "read")
        is_(drivers.unpacked(s, drivers.summary_key())["format"], 2,
            "not overwritten")
        drivers.remove_summary(s)

    with subtest("an object taken away by hand: its row goes at the next read"):
        s.redis("FLUSHALL")
        s.driver(email=trips.EMAIL)
        s.quiet()
        gone = all_trips[3]["trip_id"]
        s.stores.delete(drivers.object_of(s, gone))
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
        drivers.store_packed(s, f"{FOLDER}/{name}_1577837400000.json.gz", body,
                             indent=2)
        s.redis("FLUSHALL")
        r = s.driver(email=trips.EMAIL).json()
        mine = [t for t in r["trips"] if t["trip_id"] == name]
        is_(mine, [body], "sent as it is")
        is_(drivers.summary_rows(s)[name]["revision"], 0, "has a row")

    with subtest("two objects of one trip: the later counts, once"):
        drivers.store_packed(s, f"{FOLDER}/{name}_1577837500000.json.gz",
                             dict(body, behavior_score=99, revision=5))
        s.redis("FLUSHALL")
        r = s.driver(email=trips.EMAIL).json()
        mine = [t["behavior_score"] for t in r["trips"]
                if t["trip_id"] == name]
        is_(mine, [99], "the greater revision")
        is_(len([p for p in drivers.objects(s) if name in p]), 2,
            "a reader removes nothing")
        drivers.tidied(s)
        is_(drivers.object_of(s, name), f"{FOLDER}/{name}_1577837500000.json.gz",
            "reconcile removes the older")

    with subtest("without a revision the later of two is the later written"):
        for end_ms, score in ((1577837500000, 50), (1577837400000, 60)):
            drivers.store_packed(s, f"{FOLDER}/plain_{end_ms}.json.gz", dict(
                body, trip_id="plain", behavior_score=score))
            time.sleep(1.1)  # S3 counts in seconds
        s.redis("FLUSHALL")
        r = s.driver(email=trips.EMAIL).json()
        is_([t["behavior_score"] for t in r["trips"]
             if t["trip_id"] == "plain"], [60], "by LastModified, not by key")
        drivers.tidied(s)
        is_(drivers.object_of(s, "plain"), f"{FOLDER}/plain_1577837400000.json.gz",
            "reconcile keeps the same one")

    with subtest("reconcile leaves an unreadable object for a person"):
        key = f"{FOLDER}/plain_1577837600000.json.gz"
        s.stores.put(key, b"not gzip")
        s.ctl("reconcile", "--user", trips.USER)
        ok(s.stores.get(key), "beside a readable one of its trip")
        s.stores.delete(key)

with harness.Stack(workers=4, redis=False) as s:
    s.users([trips.user()])
    first, second, third, fourth = [trips.trip(n) for n in range(1, 5)]

    def miles():
        return s.driver(email=trips.EMAIL).json()["total_distance_miles"]

    with subtest("a finalize that meets another merges with what is there"):
        s.upload(first)
        s.upload(second)
        with held(s, "summary.before_write", s.finalize, first):
            is_(s.finalize(second).status, 200, "the other goes first")
        is_(set(drivers.summary_rows(s)),
            {first["trip_id"], second["trip_id"]},
            "both rows are there before anybody reads")

    with subtest("a repair does not undo a row written meanwhile"):
        drivers.remove_summary(s)
        s.upload(third)
        with held(s, "summary.before_write", miles):
            is_(s.finalize(third).status, 200, "stored during the repair")
        ok(third["trip_id"] in drivers.summary_rows(s), "its row is there")

    def unrepaired(order):
        """A driver without a summary, whose repair gets this order."""
        drivers.remove_summary(s)
        s.fault("roster.before_repair", order)

    with subtest("a slow repair delays nobody's answer, and outlives a drain"):
        unrepaired("hold")
        miles()
        s.fault_taken("roster.before_repair")
        is_(drivers.summary_rows(s), {}, "answered, and not yet repaired")
        s.service.send(signal.SIGQUIT)
        wait_for("the drain", lambda: "event=stopping" in s.log())
        s.fault_go("roster.before_repair")
        is_(s.service.proc.wait(20), 0, "drained")
        is_(len(drivers.summary_rows(s)), 3, "repaired before the end")
        s.fault_clear()
        s.service.start()

    with subtest("a repair after the answer names its request"):
        unrepaired("fail")
        asked = s.driver(email=trips.EMAIL).headers["x-request-id"]
        is_(drivers.summary_rows(s), {}, "not repaired")
        line, = [x for x in s.log().splitlines() if "summary_not_repaired" in x]
        ok(f"rid={asked}" in line, "in the log")
        miles()
        is_(len(drivers.summary_rows(s)), 3, "the next read tries again")

    with subtest("a repair is made for a client that left, too"):
        unrepaired("sleep 0")
        s.fault("analytics.before_fill", "hold")
        with fcgi.Connection(s.socket) as c:
            c.send("GET", "/analyze-driver",
                   params={"QUERY_STRING": f"email={trips.EMAIL}"})
            s.fault_taken("analytics.before_fill")
        s.fault_go("analytics.before_fill")
        wait_for("the client to be missed",
                 lambda: s.count("clients_gone") == 1)
        is_(len(drivers.summary_rows(s)), 3, "repaired")
        s.fault_clear()

    with subtest("conflicts without end: stored in time, and the read repairs"):
        s.upload(fourth)
        s.fault("summary.before_write.always", "fail")
        r = s.finalize(fourth)
        s.fault_clear()
        is_(r.json()["analysis"]["status"], "stored", "not pending")
        is_(s.count("summary_given_up"), 1, "given up, once")
        ok(fourth["trip_id"] not in drivers.summary_rows(s), "no row")
        miles()
        is_(len(drivers.summary_rows(s)), 4, "all rows, of the next read")

    with subtest("a row stands for its object only with key, ETag and size"):
        right = miles()
        drivers.change_summary(
            s, lambda row: row.update(total_distance_miles=1000))
        is_(miles(), 4000, "complete rows do")
        for what in ({"end_ms": 1}, {"etag": "0" * 32}, {"size": 1}):
            drivers.change_summary(
                s, lambda row: row.update(what, total_distance_miles=1000))
            is_(miles(), right, f"not with another {list(what)[0]}")

with harness.Stack(workers=1, redis=False, settings={
        "server.request_timeout": "1s", "server.finalize_timeout": "900ms"}) as s:
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    drivers.settled(s, trips.trip(1)["trip_id"])

    with subtest("what is stuck after its answer is ended like a request"):
        drivers.remove_summary(s)
        s.fault("roster.before_repair", "sleep 60000")
        r = s.driver(email=trips.EMAIL)
        is_(r.status, 200, "answered")
        wait_for("its end", lambda: "event=child_stuck" in s.log())
        line, = [x for x in s.log().splitlines() if "child_stuck" in x]
        ok(f"request_id={r.headers['x-request-id']}" in line, "named in the log")
        is_(s.driver(email=trips.EMAIL).status, 200, "replaced")
        is_(len(drivers.summary_rows(s)), 1, "whose repair is made")

done()
