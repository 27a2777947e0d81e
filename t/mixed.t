#!/usr/bin/python3
"""Rule 10: the functions before this service write the same records, before, beside and
after it. The last finalize that was acknowledged, by whomever, is what readers see after
at most one reconcile; one of ours at once."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from drivers import Background
from old_writer import OldWriter
from process import wait_for
from tap import diag, done, is_, ok, subtest

harness.need_faults()

USERS = [trips.user()]
QUICK = {"maintenance.interval": "100ms"}
WATCHED = {**QUICK, "migration.foreign_writers": "on", "migration.foreign_every": "100ms"}


def text_of(trip, plus_s):
    return drivers.ended_at(trip, plus_s)["end_timestamp"]


def old_finalize(old, trip, plus_s=60):
    old.finalize(drivers.ended_at(trip, plus_s))


def late_batch(trip, points=10):
    """One more batch than trips.trip() gave it; its points come after the others'."""
    more = trips.trip(trip_id=trip["trip_id"], points=60 + points, batch=60,
                      start_ms=drivers.milliseconds(
                          trip["finalize"]["start_timestamp"]) - 3600_000)
    batch = more["batches"][-1]
    batch["batch_number"] = len(trip["batches"]) + 1
    return batch


def long_ago(s, trip):
    """Nobody waits for a half of its last upload any more."""
    s.stores.change_trip(trip["trip_id"], **(
        {"last_updated": "2025-01-01T00:00:00.000000"} if s.stores.kind == "s3"
        else {"updated_us": 1735689600000000}))


def answer_of(s, trip):
    """The trip as a reader gets it, or None."""
    found = [t for t in s.driver(email=trips.EMAIL).json().get("trips", [])
             if t["trip_id"] == trip["trip_id"]]
    ok(len(found) <= 1, "counted once")
    return found[0] if found else None


def ends_at(s, trip, plus_s, what):
    got = answer_of(s, trip)
    is_(got and got["end_timestamp"][:19], text_of(trip, plus_s)[:19], what)
    return got


def in_order(s, trip):
    """Record, object and row are of one claim."""
    rec = drivers.settled(s, trip["trip_id"])
    row = drivers.summary_rows(s).get(trip["trip_id"])
    is_(row and row["revision"], rec["revision"], "the row is the last claim's")
    mine = [k for k in drivers.objects(s) if trip["trip_id"] in k]
    ok(rec["analysis_key"] in mine, "the record names an object")
    if s.stores.removes:
        is_(len(mine), 1, "the only one")


def reconciled(s):
    """One reconcile of all; how many trips it scored."""
    s.quiet()
    by = s.ctl("reconcile", check=False)
    # Where the store cannot delete on a condition, an older object stays for now.
    failed = [x for x in by.stderr.splitlines() if "reconcile_failed" in x]
    ok(all('error="remove: ' in x for x in failed) if not s.stores.removes
       else not failed, "nothing else fails") or diag(by.stderr)
    line, = [x for x in by.stdout.splitlines() if x.startswith("trips scored")]
    return int(line.split()[-1])


class ByReconcile:
    """What others wrote is found by one reconcile, and by no second one."""

    settings = QUICK

    def __init__(self, s):
        self.s = s

    def found(self, trip, scored=1):
        is_(reconciled(self.s), scored, "reconcile scores what others wrote")
        is_(reconciled(self.s), 0, "once")


class ByWatching:
    """Or by maintenance, without one."""

    settings = WATCHED

    def __init__(self, s):
        self.s = s

    def walked(self):
        """Two walks end: the second began after this was asked."""
        n = self.s.count("foreign_walks")
        wait_for("two walks", lambda: self.s.count("foreign_walks") >= n + 2)

    def found(self, trip, scored=1):
        before = self.s.count("trips_rescored")
        self.walked()
        drivers.spool_empty(self.s)
        self.walked()
        # Some were scored before this was asked: what counts is that it ends.
        before = self.s.count("trips_rescored")
        self.walked()
        is_(self.s.count("trips_rescored"), before, "and is not scored for ever")


def mixed_finalizes(s, old, by):
    with subtest("new x3, old, new: ours is what readers see, at once"):
        t = trips.trip(1)
        s.upload(t)
        for end in (60, 61, 62):
            s.post("/finalize-trip", drivers.ended_at(t, end))
        before = drivers.record(s, t["trip_id"])["revision"]
        old_finalize(old, t, 70)
        r = s.post("/finalize-trip", drivers.ended_at(t, 80))
        is_(r.json()["analysis"]["status"], "stored", "stored")
        ends_at(s, t, 80, "the last one")
        ok(drivers.record(s, t["trip_id"])["revision"] > before, "above what was stored")
        in_order(s, t)

    with subtest("under the same key, too"):
        t = trips.trip(2)
        s.upload(t)
        for _ in range(3):
            s.finalize(t)
        late = late_batch(t)
        old.batch(late)
        old_finalize(old, t)
        s.finalize(t)
        is_(answer_of(s, t)["segments_analyzed"], 69, "the last one, with all points")
        in_order(s, t)

    with subtest("new, old: the old one is what readers see"):
        t = trips.trip(3)
        drivers.drive(s, t)
        old.batch(late_batch(t))
        old_finalize(old, t, 75)
        by.found(t)
        is_(ends_at(s, t, 75, "the old one's end")["segments_analyzed"], 69,
            "with the old one's batch")
        in_order(s, t)

    with subtest("old alone"):
        t = trips.trip(4)
        for batch in t["batches"]:
            old.batch(batch)
        old_finalize(old, t)
        by.found(t)
        ends_at(s, t, 60, "scored")
        in_order(s, t)

    with subtest("old, new: without a reconcile"):
        t = trips.trip(5)
        for batch in t["batches"]:
            old.batch(batch)
        s.post("/finalize-trip", drivers.ended_at(t, 66))
        ends_at(s, t, 66, "ours")
        in_order(s, t)


def mixed_batches(s, old, by):
    with subtest("our late batch after an old finalize"):
        t = trips.trip(11)
        drivers.drive(s, t)
        before = s.count("foreign_finalizes")
        old_finalize(old, t, 71)
        s.upload({"batches": [late_batch(t)]})
        drivers.spool_empty(s)
        is_(s.count("foreign_finalizes"), before + 1, "it did not pass for ours")
        is_(ends_at(s, t, 71, "the old one's end")["segments_analyzed"], 69,
            "with the late points, without a reconcile")
        in_order(s, t)

    with subtest("an old batch on a stored trip"):
        t = trips.trip(12)
        drivers.drive(s, t)
        old.batch(late_batch(t))
        by.found(t)
        is_(answer_of(s, t)["segments_analyzed"], 69, "with the late points")
        in_order(s, t)

    with subtest("an old batch over one of the same number"):
        t = trips.trip(13)
        drivers.drive(s, t)
        late = late_batch(t)
        late["batch_number"] = 1
        old.batch(late)
        long_ago(s, t)
        by.found(t)
        is_(answer_of(s, t)["segments_analyzed"], 44, "with the points of that one")

    with subtest("our late batch beside an old one that is half there"):
        t = trips.trip(14)
        drivers.drive(s, t)
        late = late_batch(t, points=20)
        late["batch_number"] = 5
        late["deltas"] = late["deltas"][10:]  # behind those of ours: no repeats
        s.stores.change_trip(t["trip_id"], total_batches=4)
        s.upload({"batches": [late_batch(t)]})
        wait_for("a scoring", lambda: drivers.summary_rows(s)[t["trip_id"]]["revision"] > 1)
        is_(drivers.record(s, t["trip_id"])["analysis_status"], "pending",
            "it is waited for")
        old.batch(late)
        s.stores.change_trip(t["trip_id"], total_batches=5)
        drivers.spool_empty(s)
        is_(answer_of(s, t)["segments_analyzed"], 79, "and counted")
        in_order(s, t)


def beside(s, old, by):
    with subtest("an old finalize while ours is under way"):
        t = trips.trip(21)
        s.upload(t)
        s.fault("finalize.after_object", "hold")
        ours = Background(s.post, "/finalize-trip", drivers.ended_at(t, 60))
        s.fault_taken("finalize.after_object")
        old_finalize(old, t, 90)
        s.fault_clear()
        s.fault_go("finalize.after_object")
        is_(ours.result().json()["analysis"]["status"], "stored", "ours is answered")
        drivers.spool_empty(s)
        ends_at(s, t, 90, "the old one came last, and nobody had to ask")
        in_order(s, t)

    with subtest("ours stalls, the old one and another of ours come meanwhile"):
        t = trips.trip(22)
        s.upload(t)
        s.finalize(t)
        s.fault("finalize.after_claim", "hold")
        ours = Background(s.post, "/finalize-trip", drivers.ended_at(t, 60))
        s.fault_taken("finalize.after_claim")
        old_finalize(old, t, 90)
        r = s.post("/finalize-trip", drivers.ended_at(t, 95))
        is_(r.json()["analysis"]["status"], "stored", "the last")
        s.fault_clear()
        s.fault_go("finalize.after_claim")
        ours.result()
        ends_at(s, t, 95, "and stays the last")
        drivers.spool_empty(s)
        in_order(s, t)


def looking(s, old):
    with subtest("two of ours after an old one, the first between its look and its claim"):
        t = trips.trip(23)
        drivers.drive(s, t)
        s.fault("claim.looked", "hold")
        old_finalize(old, t, 90)
        first = Background(s.post, "/finalize-trip", drivers.ended_at(t, 91))
        s.fault_taken("claim.looked")
        s.post("/finalize-trip", drivers.ended_at(t, 92))
        ends_at(s, t, 92, "the second")
        s.fault_clear()
        s.fault_go("claim.looked")
        is_(first.result().json()["analysis"]["status"], "stored", "the first is answered")
        ends_at(s, t, 91, "its claim came last")
        drivers.spool_empty(s)
        in_order(s, t)


def dying(s, old, by):
    with subtest("maintenance dies while it scores what it found"):
        t = trips.trip(41)
        drivers.drive(s, t)
        s.fault("finalize.after_object", "crash")
        old.batch(late_batch(t))
        wait_for("the crash", lambda: s.fault_came("finalize.after_object"))
        by.found(t)
        is_(answer_of(s, t)["segments_analyzed"], 69, "its successor remembers it")
        in_order(s, t)


def deleted(s, old):
    with subtest("an old delete: the records do not come back"):
        t = trips.trip(31, user_id="leaver")
        s.users([trips.user("leaver", "leaver@example.com")])
        drivers.drive(s, t)
        s.finalize(t)
        old.forget("leaver")
        is_(reconciled(s), 0, "nothing is scored")
        is_(drivers.record(s, t["trip_id"]), None, "no record")
        is_(len(drivers.objects(s, "leaver")), 1, "the object stays until it is erased")

    with subtest("what the old delete missed is not scored"):
        old_finalize(old, t)
        is_(reconciled(s), 0, "no trip of a driver who is gone")
        is_(drivers.record(s, t["trip_id"])["revision"], 0, "it stays as it is")

    with subtest("the same trip once more, after the deletion"):
        old.forget("leaver")
        s.users([trips.user("leaver", "leaver@example.com")])
        s.upload(t)
        for end in (63, 60):
            r = s.post("/finalize-trip", drivers.ended_at(t, end))
            is_(r.json()["analysis"]["status"], "stored", "stored")
            got, = s.driver(user_id="leaver").json()["trips"]
            is_(got["end_timestamp"][:19], text_of(t, end)[:19], "at once")

    with subtest("and when the summary is gone as well"):
        old.forget("leaver")
        s.users([trips.user("leaver", "leaver@example.com")])
        s.upload(t)
        drivers.remove_summary(s, "leaver")
        is_(s.finalize(t).json()["analysis"]["status"], "stored", "stored")
        a, = [a for a in drivers.analyses(s, "leaver")
              if a["end_timestamp"][:19] == text_of(t, 60)[:19]]
        is_(a["revision"], drivers.record(s, t["trip_id"])["revision"],
            "the object is the last claim's")


for way in (ByReconcile, ByWatching):
    with harness.Stack(workers=4, proxy=True, settings=way.settings) as s:
        s.users(USERS)
        old, by = OldWriter(s.stores), way(s)
        mixed_finalizes(s, old, by)
        mixed_batches(s, old, by)
        beside(s, old, by)
        if way is ByReconcile:
            looking(s, old)
            deleted(s, old)
        else:
            dying(s, old, by)

with subtest("two hosts that both look"):
    with harness.Stack(hosts=2, settings=WATCHED) as s:
        s.users(USERS)
        old, t = OldWriter(s.stores), trips.trip(51)
        for batch in t["batches"]:
            old.batch(batch)
        old_finalize(old, t)
        for host in s.hosts:
            ByWatching(host).walked()
        is_(sum(h.count("foreign_finalizes") for h in s.hosts), 1, "one of them claims it")
        in_order(s, t)

done()
