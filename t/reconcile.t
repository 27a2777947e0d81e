#!/usr/bin/python3
"""`driveguardctl reconcile` without --user: every driver once, with one walk over the
trips, however many drivers there are."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import faultproxy
import harness
import stores
import trips
from tap import diag, done, in_, is_, ok, subtest

DRIVERS = 12
SEGMENTS = 4  # of a walk over the trips, and of a scan of the users


def name(n):
    return f"driver-{n}"


def reconcile(s, code=0, **more):
    """What it prints, by line, and its log."""
    r = s.ctl("reconcile", check=False, **more)
    if not is_(r.returncode, code, f"ends with {code}"):
        diag(r.stdout + r.stderr)
    found = re.findall(r"^(\w[\w ]*?)  +(\d+)", r.stdout, re.M)
    return {what: int(n) for what, n in found}, r.stderr


def orphans(s):
    """Drivers who have objects and no user, as it lists them."""
    return sorted(s.ctl("reconcile", "--orphans").stdout.splitlines())


def pending(s, trip):
    """As a crash behind the claim leaves it."""
    s.stores.change_trip(trip["trip_id"], analysis_status="pending", analysis_key=None)


def lose(s, trip):
    s.stores.delete(drivers.object_of(s, trip["trip_id"], trip["user_id"]))


def status_of(s, trip):
    return drivers.record(s, trip["trip_id"])["analysis_status"]


# Maintenance and its spool would settle some of it before.
with harness.Stack({"maintenance.interval": "10m"}, redis=False,
                   proxy=stores.chosen() == "s3") as s:
    s.users([trips.user(name(n), f"{name(n)}@example.com") for n in range(DRIVERS)])
    of = [[trips.trip(t, name(n), points=30) for t in (1, 2)] for n in range(DRIVERS)]
    for mine in of:
        for trip in mine:
            drivers.drive(s, trip)
    s.quiet()
    everywhere = sorted(drivers.objects(s, name(n)) for n in range(DRIVERS))

    with subtest("nothing to do"):
        report, _ = reconcile(s)
        is_(report, {"drivers looked at": DRIVERS, "trips scored": 0,
                     "objects removed": 0, "packs removed": 0,
                     "records moved on": 0, "failures": 0,
                     "without a user": 0}, "each driver once")
        is_(orphans(s), [], "none is without a user")

    with subtest("pending trips and lost objects of several drivers"):
        pending(s, of[1][0])
        pending(s, of[7][1])
        lose(s, of[2][0])
        lose(s, of[7][0])
        for trip in of[9]:  # a driver without any object
            lose(s, trip)
        drivers.remove_summary(s, name(9))
        report, _ = reconcile(s)
        is_((report["drivers looked at"], report["trips scored"]), (DRIVERS, 6),
            "each is scored")
        is_({status_of(s, t) for mine in of for t in mine}, {"stored"}, "and stored")
        is_(sorted(drivers.objects(s, name(n)) for n in range(DRIVERS)), everywhere,
            "where it was")

    with subtest("a trip of which a batch may be on its way: too early, and no failure"):
        trip = of[5][0]
        batches = drivers.record(s, trip["trip_id"])["total_batches"]
        pending(s, trip)
        s.stores.change_trip(trip["trip_id"], total_batches=batches + 1)
        r = s.ctl("reconcile")
        again = re.search(r"^too early +1 .* again after (\d+) s", r.stdout, re.M)
        ok(again and 0 < int(again[1]) <= 50, f"it says when to come again ({r.stdout})")
        in_("failures            0", r.stdout, "nothing failed")
        is_(status_of(s, trip), "pending", "it waits")
        s.stores.change_trip(trip["trip_id"], total_batches=batches)
        report, _ = reconcile(s)
        is_((report["trips scored"], "too early" in report), (1, False), "then it is scored")

    with subtest("linear: each pending trip is tried once, also when none can be scored"):
        for mine in of:
            for trip in mine:
                s.stores.spoil_batches(trip)
                pending(s, trip)
        report, log = reconcile(s, code=1)
        tries = len(re.findall("event=reconcile_failed trip_id=.*error=.score", log))
        is_((report["failures"], tries), (2 * DRIVERS, 2 * DRIVERS), "one try each")
        is_(report["drivers left"], DRIVERS, "of all drivers")
        for mine in of:
            for trip in mine:
                s.upload(trip)  # sent again, it is healed
        s.quiet()
        report, _ = reconcile(s)
        is_((report["trips scored"], report["failures"]), (2 * DRIVERS, 0), "then all")

    with subtest("a driver who was removed and has no objects"):
        for trip in of[3]:
            lose(s, trip)
        drivers.remove_summary(s, name(3))
        s.ctl("user", "remove", name(3))
        report, _ = reconcile(s)
        is_((report["drivers looked at"], report["trips scored"]), (DRIVERS - 1, 0),
            "is not brought back")
        is_(drivers.objects(s, name(3)), [], "by what the records still have")
        pending(s, of[3][0])
        report, _ = reconcile(s)
        is_((report["drivers looked at"], report["trips scored"]), (DRIVERS, 2),
            "but by a finalize that was promised")

    with subtest("drivers who have objects and no user"):
        s.stores.remove_user(name(5))
        s.users([trips.user("entered", "entered@example.com")])  # has no objects
        drivers.drive(s, trips.trip(77, "uploads-before-he-is-entered"))
        s.quiet()
        want = sorted([name(3), name(5), "uploads-before-he-is-entered"])
        before = s.stores.image()
        is_(orphans(s), want, "are listed")
        is_(s.stores.image(), before, "and nothing is changed")
        report, _ = reconcile(s)
        is_((report["without a user"], report["drivers looked at"]),
            (3, DRIVERS + 2), "and counted")
        ok("drivers looked at" in s.ctl("reconcile", "--user", name(5)).stdout and
           "without a user" not in s.ctl("reconcile", "--user", name(5)).stdout,
           "of one driver nothing is said")
        s.users([trips.user(name(5), f"{name(5)}@example.com")])
        s.ctl("user", "remove", "entered")
        for key in s.stores.keys("users/uploads-before-he-is-entered/"):
            s.stores.delete(key)
        is_(orphans(s), [name(3)], "until they are entered")

    with subtest("a record that nobody can read"):
        s.stores.change_trip(of[4][0]["trip_id"], revision=2**53)
        pending(s, of[4][1])
        report, log = reconcile(s, code=1)
        is_(report["failures"], 2, "fails where the trips are walked, and beside its object")
        in_(of[4][0]["trip_id"], log, "named in the log")
        is_(report["trips scored"], 1, "and keeps nobody waiting")
        pending(s, of[4][1])
        r = s.ctl("reconcile", "--user", name(4), check=False)
        is_(r.returncode, 1, "of one driver it fails, too")
        in_("trips scored        1", r.stdout, "and keeps nobody waiting")
        is_(status_of(s, of[4][1]), "stored", "his other is stored")
        s.stores.change_trip(of[4][0]["trip_id"], revision=1)

    with subtest("a folder for notes that cannot be had"):
        # Few fit into memory: it is not needed.
        report, _ = reconcile(s, settings={"server.spool": s.spool + "/elsewhere"})
        is_(report["drivers looked at"], DRIVERS, "is not needed for a few")

    if s.stores.kind == "s3":
        with subtest("one walk for all drivers"):
            s.stores.records_proxy.forget()
            report, _ = reconcile(s)
            seen = [x for x in s.stores.records_proxy.seen if x.name == "Scan"]
            is_(len(seen), 2 * SEGMENTS, "a page a segment, of users and of trips")
            is_(report["drivers looked at"], DRIVERS, "for each of them")

        with subtest("a table that is throttled for a moment"):
            asked = []

            def throttled(x):
                asked.append(x)
                refuse(x)

            def of_trips(x):
                # More often than one call is tried: the walk asks again.
                more = s.stores.tables["trips"].encode() in x.request and len(asked) < 40
                (throttled if more else faultproxy.Exchange.go_through)(x)

            refuse = faultproxy.status(400, "ProvisionedThroughputExceededException")
            s.stores.records_proxy.on("Scan", of_trips)
            report, _ = reconcile(s)
            is_(len(asked), 40, "is asked again")
            is_(report["drivers looked at"], DRIVERS, "is waited for")

    ok(s.service.alive(), "all beside a service that runs")

done()
