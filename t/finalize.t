#!/usr/bin/python3
# Rules 1 and 2: an acknowledged trip is never lost, and a trip has one
# analysis, of the latest claim, whoever stalls, dies or repeats.
import os
import sqlite3
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import drivers
import harness
import stores
import trips
from drivers import Background, held
from tap import done, in_, is_, ok, subtest

harness.need_faults()

USERS = [trips.user()]
# Where a finalize may die, in its order; its store has steps of its own after the
# second.
STEPS = ["finalize.before_claim", "finalize.after_claim",
         "finalize.after_object", "finalize.after_summary",
         "finalize.tidy", "finalize.before_token"]


def one_of_everything(s, trip):
    rec = drivers.settled(s, trip["trip_id"])
    row = drivers.summary_rows(s).get(trip["trip_id"])
    is_(row and row["revision"], rec["revision"],
        "the summary's row is the last claim's")

    def of_trip():
        return [a for a in drivers.analyses(s) if a["trip_id"] == trip["trip_id"]]

    mine = of_trip()
    if len(mine) > 1 and not s.stores.removes:
        drivers.tidied(s)
        mine = of_trip()
    is_(len(mine), 1, "one object")
    is_(mine[0]["revision"], rec["revision"], "the object is the last claim's")
    is_(rec["analysis_key"], drivers.object_of(s, trip["trip_id"]),
        "the record names the object")
    answer = s.driver(email=trips.EMAIL)
    is_(drivers.trip_ids(answer).count(trip["trip_id"]), 1, "counted once")
    return mine[0]


def summary_revision(s, trip):
    """What the summary says of the trip, once the last answers are done with."""
    return drivers.summary_rows(s)[trip["trip_id"]]["revision"]


with harness.Stack(workers=4, proxy=True, settings={"server.finalize_timeout": "2s",
                                        "maintenance.interval": "100ms"}) as s:
    s.users(USERS)

    with subtest("stored at once"):
        t = trips.trip(1)
        r = drivers.drive(s, t)
        is_(r.status, 200, "finalized")
        is_(r.json()["analysis"]["status"], "stored", "stored")
        a = one_of_everything(s, t)
        is_(a["revision"], 1, "the first claim")
        is_(a["scoring_version"], "3.1", "scored as configured")
        is_(a["start_time_display"]["timezone"], "America/Chicago", "its zone")

    with subtest("a store that is away: pending, then finished without the client"):
        t = trips.trip(2)
        s.upload(t)
        s.stores.refuse("put")
        r = s.finalize(t)
        is_(r.status, 200, "acknowledged")
        is_(r.json()["analysis"]["status"], "pending", "as pending")
        is_(r.json()["analysis"]["behavior_score"], None, "no invented score")
        is_(drivers.record(s, t["trip_id"])["analysis_status"], "pending",
            "in the record too")
        ok(t["trip_id"] not in drivers.trip_ids(s.driver(email=trips.EMAIL)),
           "not counted yet")
        s.stores.heal()
        one_of_everything(s, t)

    with subtest("a promise that cannot be kept is not made"):
        t = trips.trip(52)
        s.upload(t)
        s.stores.refuse("put")
        s.fault("spool.keep.fail", "fail")
        is_(s.finalize(t).status, 503, "not acknowledged")
        s.stores.heal()
        one_of_everything(s, t)  # all the same, as this machine did not stop

    with subtest("records away: 503, and the same call again succeeds"):
        t = trips.trip(3)
        s.upload(t)
        s.fault("records.fail.always", "fail")
        r = s.finalize(t)
        is_(r.status, 503, "not acknowledged")
        ok(r.header("Retry-After"), "may be tried again")
        s.fault_clear()
        is_(s.finalize(t).json()["analysis"]["status"], "stored", "again")
        one_of_everything(s, t)

    with subtest("another end time: one analysis, the later one"):
        t = trips.trip(4)
        drivers.drive(s, t)
        for end in (70, 65, 60):
            r = s.post("/finalize-trip", drivers.ended_at(t, end))
            is_(r.json()["analysis"]["status"], "stored", f"end {end}")
            a = one_of_everything(s, t)
            ok(a["end_timestamp"].startswith(
                drivers.ended_at(t, end)["end_timestamp"][:19]),
               "the later end time")

    with subtest("a finalize that stalled does not bring its old analysis back"):
        t = trips.trip(5)
        s.upload(t)
        s.fault("finalize.after_claim", "hold")
        stalled = Background(s.post, "/finalize-trip", drivers.ended_at(t, 80))
        s.fault_taken("finalize.after_claim")
        r = s.post("/finalize-trip", drivers.ended_at(t, 90))
        is_(r.json()["analysis"]["status"], "stored", "the later one")
        s.fault_go("finalize.after_claim")
        is_(stalled.result().status, 200, "the stalled one is answered")
        a = one_of_everything(s, t)
        ok("trips" in s.driver(email=trips.EMAIL).json(), "readable")
        is_(a["end_timestamp"][17:19], drivers.ended_at(t, 90)
            ["end_timestamp"][17:19], "the later claim's end")
        s.fault_clear()

    with subtest("stalled under the same key"):
        t = trips.trip(6)
        s.upload(t)
        s.fault("finalize.after_claim", "hold")
        stalled = Background(s.finalize, t)
        s.fault_taken("finalize.after_claim")
        is_(s.finalize(t).json()["analysis"]["status"], "stored", "the later")
        s.fault_go("finalize.after_claim")
        stalled.result()
        a = one_of_everything(s, t)
        is_(a["revision"], 2, "the later claim's")
        s.fault_clear()

    with subtest("stalled behind its object: the summary keeps the later row"):
        t = trips.trip(7)
        s.upload(t)
        s.fault("finalize.after_object", "hold")
        stalled = Background(s.post, "/finalize-trip", drivers.ended_at(t, 80))
        s.fault_taken("finalize.after_object")
        is_(s.post("/finalize-trip", drivers.ended_at(t, 90))
            .json()["analysis"]["status"], "stored", "the later one")
        s.fault_go("finalize.after_object")
        stalled.result()
        one_of_everything(s, t)
        s.fault_clear()

    with subtest("three clients at once, two end times, again and again"):
        for n in range(5):
            t = trips.trip(20 + n)
            s.upload(t)
            calls = [Background(s.post, "/finalize-trip",
                                drivers.ended_at(t, end))
                     for end in (60, 75, 60)]
            is_([c.result().status for c in calls], [200] * 3, "answered")
            one_of_everything(s, t)

    with subtest("a batch after the finalize is scored without the client"):
        t = trips.trip(40, points=75)
        late = t["batches"].pop()
        drivers.drive(s, t)
        before = one_of_everything(s, t)
        is_(s.post("/store-trajectory-batch", late).status, 200, "taken")
        harness.wait_for("the rescore", lambda: drivers.record(
            s, t["trip_id"])["revision"] >= 3)
        after = one_of_everything(s, t)
        is_(after["end_timestamp"], before["end_timestamp"], "times stay")
        ok(after["segments_analyzed"] > before["segments_analyzed"],
           "with the late points")

    if stores.chosen() == "dir":
        with subtest("a trip whose batch is spoilt is set aside for a person"):
            t = trips.trip(42)
            s.upload(t)
            with sqlite3.connect(s.stores.records, timeout=10) as db:
                db.execute("update batches set deltas = '[' where trip_id = ?",
                           (t["trip_id"],))
            r = s.finalize(t)
            is_(r.json()["analysis"]["status"], "pending", "no invented score")
            drivers.spool_empty(s.hosts[0])
            is_(drivers.record(s, t["trip_id"])["analysis_status"], "pending",
                "the record still says that it is owed")
            ok("trip_cannot_be_scored" in s.log(), "and the log says why")
            is_(s.ctl("reconcile", "--user", trips.USER,
                      check=False).returncode, 1, "reconcile says so, too")
            s.upload(t)
            drivers.spool_empty(s.hosts[0])
            one_of_everything(s, t)  # sent again, it is healed

    if stores.chosen() == "s3":  # SQLite takes both steps in one transaction
        with subtest("a scoring between the two steps of a replaced batch"):
            t = trips.trip(41)
            drivers.drive(s, t)
            first = t["batches"][0]
            slower = dict(first, deltas=first["deltas"] + [
                dict(first["deltas"][-1], sequence=999, speed_mph=12.0)])
            before = one_of_everything(s, t)
            s.fault("dynamodb.batch.between", "hold")
            upload = Background(s.post, "/store-trajectory-batch", slower)
            s.fault_taken("dynamodb.batch.between")
            s.finalize(t)  # reads the old batch, and counts as many as there are
            is_(drivers.settled(s, t["trip_id"])["analysis_status"], "stored",
                "that one ends")
            s.fault_go("dynamodb.batch.between")
            is_(upload.result().status, 200, "the batch is acknowledged")
            drivers.spool_empty(s.hosts[0])
            after = one_of_everything(s, t)
            ok(after["min_speed_mph"] < before["min_speed_mph"],
               "and the last analysis has it")
            s.fault_clear()

    with subtest("a store that keeps it waiting: pending in time, not later"):
        t = trips.trip(50)
        s.upload(t)
        with s.stores.puts_wait():
            began = time.monotonic()
            r = s.finalize(t)
            took = time.monotonic() - began
        is_(r.json()["analysis"]["status"], "pending", "acknowledged")
        in_("in time", r.json()["analysis"]["reason"], "and why")
        ok(took < 5, f"within finalize_timeout ({took:.1f} s)")
        one_of_everything(s, t)

    with subtest("a claim whose outcome is unknown is finished all the same"):
        t = trips.trip(51)
        s.upload(t)
        s.fault("finalize.after_claim", "fail")
        is_(s.finalize(t).status, 503, "not acknowledged")
        drivers.spool_empty(s.hosts[0])
        one_of_everything(s, t)

    with subtest("a batch that nobody can read: pending, nothing invented"):
        t = trips.trip(52)
        s.upload(t)
        s.stores.spoil_batches(t)
        r = s.finalize(t).json()
        is_([r["analysis"][k] for k in ("status", "behavior_score",
                                        "behavior_category",
                                        "total_distance_miles")],
            ["pending", None, None, None], "no analysis")
        is_([r[k] for k in ("total_deltas_analyzed", "movement_detected",
                            "trip_validity", "data_quality_score",
                            "batch_aggregation_summary")], [None] * 5,
            "nothing is said of deltas that were not read")
        s.upload(t)
        one_of_everything(s, t)

    with subtest("an upload between its two steps: the claim stays open"):
        t = trips.trip(57)
        s.upload(t)
        batches = len(t["batches"])
        s.stores.change_trip(t["trip_id"], total_batches=batches + 1)
        is_(s.finalize(t).status, 200, "acknowledged")
        is_(drivers.record(s, t["trip_id"])["analysis_status"], "pending",
            "a batch is still to come")
        s.stores.change_trip(t["trip_id"], total_batches=batches)
        one_of_everything(s, t)

    with subtest("without any start there is no duration"):
        t = trips.trip(53, points=1)
        for b in t["batches"]:
            del b["first_point_timestamp"], b["last_point_timestamp"]
            s.post("/store-trajectory-batch", b)
        del t["finalize"]["start_timestamp"]
        r = s.finalize(t).json()
        is_([r[k] for k in ("start_timestamp", "duration_seconds",
                            "duration_minutes")], [None] * 3, "null, not 0")

    with subtest("the older object stays until the summary has the newer"):
        t = trips.trip(54)
        drivers.drive(s, t)
        old = drivers.object_of(s, t["trip_id"])
        with held(s, "summary.before_write", s.post, "/finalize-trip",
                  drivers.ended_at(t, 90)):
            ok(s.stores.get(old), "there while the row names it")
            is_(drivers.trip_ids(s.driver(email=trips.EMAIL)).count(
                t["trip_id"]), 1, "counted once")
        ok(not s.stores.get(old) or not s.stores.removes, "gone after it")
        one_of_everything(s, t)

    with subtest("what is removed is the version that was judged"):
        t = trips.trip(55)
        drivers.drive(s, t)
        with held(s, "finalize.tidy", s.post, "/finalize-trip",
                  drivers.ended_at(t, 90)):
            is_(s.finalize(t).json()["analysis"]["status"], "stored",
                "a later one under the key that is about to be removed")
        is_(one_of_everything(s, t)["revision"], 3, "it stays")

    with subtest("giving up on the summary leaves the older object"):
        t = trips.trip(56)
        drivers.drive(s, t)
        s.fault("summary.before_write.always", "fail")
        r = s.post("/finalize-trip", drivers.ended_at(t, 90))
        is_(r.json()["analysis"]["status"], "stored", "stored all the same")
        s.ctl("reconcile", "--user", trips.USER, check=False)
        s.fault_clear()
        is_(len([p for p in drivers.objects(s) if t["trip_id"] in p]), 2,
            "both are there, for reconcile, too, waits for the summary")
        a = [a for a in s.driver(email=trips.EMAIL).json()["trips"]
             if a["trip_id"] == t["trip_id"]]
        is_([x["revision"] for x in a], [2], "the later one counts")
        drivers.tidied(s)
        one_of_everything(s, t)

# No maintenance within the test: what is done here, the calls did.
ALONE = {"maintenance.interval": "10m"}

with harness.Stack(workers=4, settings=ALONE) as s:
    s.users(USERS)

    with subtest("the loser of two finalizes replaces the token, too"):
        t = trips.trip(1)
        drivers.drive(s, t)
        is_(s.driver(email=trips.EMAIL).status, 200, "cached")
        with held(s, "finalize.after_claim", s.post, "/finalize-trip",
                  drivers.ended_at(t, 80)) as loser:
            s.fault("finalize.before_token", "crash")
            is_(s.post("/finalize-trip", drivers.ended_at(t, 90)).status, 503,
                "the winner died before its token")
        is_(loser.result().status, 200, "the loser is answered")
        is_([a["revision"] for a in
             s.driver(email=trips.EMAIL).json()["trips"]], [3],
            "and its reader sees the winner")

    with subtest("another writer's object goes, though a reader was quicker"):
        t = trips.trip(4)
        end = drivers.ended_at(t, 60)["end_timestamp"]
        theirs = dict(drivers.analyses(s)[0], trip_id=t["trip_id"],
                      end_timestamp=end)
        del theirs["revision"]
        drivers.store_packed(s, f"users/{trips.USER}/trips/{t['trip_id']}_"
                             f"{drivers.milliseconds(end)}.json.gz", theirs)
        drivers.drive(s, trips.trip(5))
        s.driver(email=trips.EMAIL)
        is_(summary_revision(s, t), 0, "it has a row")
        s.upload(t)
        with held(s, "finalize.after_object", s.post, "/finalize-trip",
                  drivers.ended_at(t, 90)):
            drivers.drive(s, trips.trip(6))
            s.driver(email=trips.EMAIL)
            is_(summary_revision(s, t), 1, "the reader put the new row there")
        one_of_everything(s, t)

    with subtest("a batch that arrives while its trip is analysed"):
        t = trips.trip(2, points=75)
        late = t["batches"].pop()
        s.upload(t)
        with held(s, "finalize.after_object", s.finalize, t):
            is_(s.post("/store-trajectory-batch", late).status, 200, "taken")
        is_(drivers.record(s, t["trip_id"])["analysis_status"], "pending",
            "the analysis without it does not end the claim")
        drivers.tidied(s)  # reconcile finishes what is pending
        a = one_of_everything(s, t)
        is_(a["segments_analyzed"], 74, "with the late points")

    with subtest("reconcile moves a record on to a later object"):
        t = trips.trip(3)
        drivers.drive(s, t)
        old = drivers.record(s, t["trip_id"])
        s.post("/finalize-trip", drivers.ended_at(t, 70))
        s.stores.change_trip(t["trip_id"], revision=1, analysis_key=None, **{
            k: old[k] for k in ("end_us", "end_timestamp") if k in old})
        for again in ("moved", "and left alone then"):
            drivers.tidied(s)
            a = one_of_everything(s, t)
            is_(a["end_timestamp"][:19],
                drivers.ended_at(t, 70)["end_timestamp"][:19], again)
            is_(a["revision"], 2, again)

class Dying:
    """A stack for one death: of a worker, at a step of its finalize."""

    def __init__(self, step):
        self.step = step
        self.in_store = step in stores.of_kind().crashes
        self.stack = harness.Stack(proxy=self.in_store, settings={
            "maintenance.interval": "100ms"})

    def __enter__(self):
        self.stack.users(USERS)
        return self

    def __exit__(self, *how):
        self.stack.__exit__(*how)

    def arm(self):
        if self.in_store:
            self.stack.stores.crash(self.step)
        else:
            self.stack.fault(self.step, "crash")

    def died(self):
        if self.in_store:
            return self.stack.stores.crashed(self.step)
        return self.stack.fault_came(self.step)


for step in STEPS[:2] + stores.of_kind().crashes + STEPS[2:]:
    with subtest(f"killed at {step}, then tried again"):
        with Dying(step) as d:
            s = d.stack
            t = trips.trip(1)
            s.upload(t)
            s.post("/finalize-trip", drivers.ended_at(t, 60))
            d.arm()
            r = s.post("/finalize-trip", drivers.ended_at(t, 90))
            ok(d.died(), "a worker died there")
            ok(r.status in (200, 503), f"the client hears {r.status}")
            r = s.post("/finalize-trip", drivers.ended_at(t, 75))
            is_(r.status, 200, "the next try is answered")
            drivers.spool_empty(s.hosts[0])
            one_of_everything(s, t)

    with subtest(f"killed at {step}, and the client never comes again"):
        with Dying(step) as d:
            s = d.stack
            t = trips.trip(1)
            drivers.drive(s, t)
            d.arm()
            s.post("/finalize-trip", drivers.ended_at(t, 90))
            drivers.spool_empty(s.hosts[0])
            one_of_everything(s, t)

done()
