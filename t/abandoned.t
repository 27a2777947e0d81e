#!/usr/bin/python3
"""Trips that nobody finalizes: after trips.abandoned_after without an upload the service
does it (doc/abandoned.md)."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import stores
import trips
from process import wait_for
from tap import done, in_, is_, ok, subtest

harness.need_faults()
BATCH = "/store-trajectory-batch"
AFTER = {"trips.abandoned_after": "700ms", "maintenance.interval": "100ms"}
NEVER = {"trips.abandoned_after": "0"}
LONG_AGO = "2025-01-01T00:00:00.000000+00:00"


def open_trips(host):
    """The looks that this host owes."""
    owed, folder = set(), os.path.join(host.spool, "open")
    for name in os.listdir(folder):
        try:
            with open(os.path.join(folder, name), encoding="ascii") as f:
                lines = f.read().splitlines()
        except FileNotFoundError:  # worked off meanwhile
            continue
        of_file = {}
        for line in lines:
            of_file[line[1:]] = line[0] == ">"
        owed |= {trip for trip, there in of_file.items() if there}
    return sorted(owed)


def by_service(s, trip):
    return drivers.record(s, trip["trip_id"]).get("finalized_by")


def analysis_of(s, trip):
    """The latest: some servers keep the older until reconcile (stores.removes)."""
    return max((a for a in drivers.analyses(s, trip["user_id"])
                if a["trip_id"] == trip["trip_id"]), key=lambda a: a["revision"])


def abandoned(s, trip, revision=1):
    """Waits until the service has finalized it, and its analysis is there."""
    wait_for(f"{trip['trip_id']} to be abandoned", lambda: (
        lambda r: r["analysis_status"] == "stored" and r["revision"] >= revision)(
            drivers.record(s, trip["trip_id"])))


def times(points):
    """As an analysis has them."""
    return points[0]["timestamp"].replace(".000Z", "+00:00"), \
        points[-1]["timestamp"].replace(".000Z", "+00:00")


def points_of(trip, n=None):
    return [d for b in trip["batches"][:n] for d in b["deltas"]]


def nobody_comes(s):
    trip = trips.trip(1)
    s.upload(trip)
    is_(open_trips(s), [trip["trip_id"]], "the host owes it a look")
    abandoned(s, trip)
    is_((drivers.record(s, trip["trip_id"])["status"], by_service(s, trip)),
        ("completed", "service"), "and says whose doing it was")
    a = analysis_of(s, trip)
    is_((a["start_timestamp"], a["end_timestamp"]), times(points_of(trip)),
        "from its first point to its last")
    is_(a["finalized_by"], "service", "which it says, too")
    in_(trip["trip_id"], drivers.trip_ids(s.driver(email=trips.EMAIL)), "readers see it")
    wait_for("the look to be over", lambda: not open_trips(s))
    drivers.spool_empty(s)


def the_phone_comes_back(s):
    trip = trips.trip(2, points=75)
    part = dict(trip, batches=trip["batches"][:1])
    s.upload(part)
    abandoned(s, trip)
    s.upload(dict(trip, batches=trip["batches"][1:2]))
    abandoned(s, trip, 3)
    is_((analysis_of(s, trip)["end_timestamp"], by_service(s, trip)),
        (times(points_of(trip, 2))[1], "service"), "a later batch: the end follows it")
    r = s.post("/finalize-trip", drivers.ended_at(trip, 60))
    is_((r.status, r.json()["analysis"]["status"]), (200, "stored"), "its own finalize")
    a = analysis_of(s, trip)
    is_((a["end_timestamp"], by_service(s, trip), a.get("finalized_by")),
        (drivers.ended_at(trip, 60)["end_timestamp"].replace(".000Z", "+00:00"), None, None),
        "is the last word")
    s.upload(dict(trip, batches=trip["batches"][2:]))
    drivers.settled(s, trip["trip_id"])
    is_(analysis_of(s, trip)["end_timestamp"], a["end_timestamp"], "also for batches after it")
    if not s.stores.removes:
        drivers.tidied(s)
    is_(len([k for k in drivers.objects(s) if trip["trip_id"] in k]), 1, "one object")


def under_way(s):
    """Uploads keep it open, however long it takes."""
    trip = trips.trip(3, points=250)
    began = time.time()
    for batch in trip["batches"]:
        is_(s.post(BATCH, batch).status, 200, f"batch {batch['batch_number']}")
        is_(drivers.record(s, trip["trip_id"])["status"], "active", "is not abandoned")
        time.sleep(0.2)
    ok(time.time() - began > 1.5, "for more than twice the time")
    is_(open_trips(s), [trip["trip_id"]], "looked at, and due again")
    is_(s.finalize(trip).json()["analysis"]["status"], "stored", "and finalized")
    wait_for("the look to be over", lambda: not open_trips(s))
    is_(drivers.record(s, trip["trip_id"])["revision"], 1, "once")


def taken_back(s):
    trip = trips.trip(4)
    drivers.drive(s, trip)
    is_(open_trips(s), [], "a finalize leaves no look behind")


def without_points(s):
    """Of one point there is nothing to score."""
    trip = trips.trip(5, points=1)
    s.upload(trip)
    wait_for("one point", lambda: drivers.record(
        s, trip["trip_id"])["analysis_status"] == "insufficient_data")
    is_(by_service(s, trip), "service", "finalized all the same")


def swapped_times(s):
    """The app's first uploads have them so."""
    trip = trips.trip(6, points=25)
    batch, = trip["batches"]
    first, last = batch["first_point_timestamp"], batch["last_point_timestamp"]
    is_(s.post(BATCH, dict(batch, first_point_timestamp=last,
                           last_point_timestamp=first)).status, 200, "uploaded")
    abandoned(s, trip)
    a = analysis_of(s, trip)
    is_((a["start_timestamp"], a["end_timestamp"]), times(points_of(trip)), "put right")
    trip = trips.trip(7, points=25)
    batch = dict(trip["batches"][0], first_point_timestamp=None, last_point_timestamp=None)
    is_(s.post(BATCH, batch).status, 200, "uploaded without times")
    abandoned(s, trip)
    ok(analysis_of(s, trip)["end_timestamp"] > "2025-12-21", "ends with its upload")


def stores_away(s):
    """The claim is there, its analysis cannot be placed: then as for any other."""
    trip = trips.trip(8)
    s.stores.refuse("put")
    s.upload(trip)
    wait_for("the claim", lambda: drivers.record(
        s, trip["trip_id"])["analysis_status"] == "pending")
    s.stores.heal()
    abandoned(s, trip)
    drivers.spool_empty(s)
    s.fault("records.fail.always", "fail")
    time.sleep(0.3)
    s.fault_clear()
    is_(s.count("trips_abandoned") > 5, True, "counted")


def dies(s):
    """Killed behind the claim: the trip's entry in the spool leads to it."""
    trip = trips.trip(9)
    s.fault("finalize.after_object", "crash")
    s.upload(trip)
    s.fault_taken("finalize.after_object")
    abandoned(s, trip)
    drivers.spool_empty(s)
    is_(analysis_of(s, trip)["end_timestamp"], times(points_of(trip))[1], "one analysis")


def lost_by_its_host(s):
    """Its host is gone, or never knew of it: reconcile."""
    mine, young, theirs = trips.trip(11), trips.trip(12), trips.trip(13, user_id="removed")
    s.hosts[1].upload(mine)
    s.hosts[1].upload(theirs)
    s.hosts[1].upload(young)
    is_(open_trips(s.hosts[1]), [], "never, by this host's settings")
    for trip in (mine, theirs):
        s.stores.change_trip(trip["trip_id"], **(
            {"last_updated": LONG_AGO} if stores.chosen() == "s3" else {"updated_us": 1}))
    hour = {"trips.abandoned_after": "1h"}
    s.ctl("reconcile", settings=NEVER)
    is_(drivers.record(s, mine["trip_id"])["status"], "active", "0 is never")
    s.ctl("reconcile", settings=hour)
    is_([drivers.record(s, t["trip_id"])["status"] for t in (mine, young, theirs)],
        ["completed", "active", "active"], "the old one of a known driver")
    is_((by_service(s, mine), analysis_of(s, mine)["end_timestamp"]),
        ("service", times(points_of(mine))[1]), "as by its host")
    s.users([trips.user(), trips.user("removed", "removed@example.com")])
    s.ctl("reconcile", "--user", "removed", settings=hour)
    is_(drivers.record(s, theirs["trip_id"])["status"], "completed",
        "of a driver who is known by then")


with harness.Stack(AFTER, hosts=2, proxy=True) as s:
    s.users([trips.user()])
    for name, test in (("a trip that nobody finalizes", nobody_comes),
                       ("the phone comes back", the_phone_comes_back),
                       ("a long trip", under_way),
                       ("a trip that is finalized", taken_back),
                       ("a trip of one point", without_points),
                       ("times that are swapped, or not there", swapped_times),
                       ("stores that are away", stores_away),
                       ("a maintenance that dies", dies)):
        with subtest(name):
            test(s)
    s.hosts[1].service.stop(30)
    s.hosts[1].configure(NEVER)
    s.hosts[1].service.start()
    s.hosts[0].service.stop(30)
    s.hosts[0].configure(NEVER)
    s.hosts[0].service.start()
    with subtest("a trip whose host is gone"):
        lost_by_its_host(s)
done()
