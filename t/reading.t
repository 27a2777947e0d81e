#!/usr/bin/python3
# Rules 4 and 9: a listing is no snapshot, and nothing is invented.
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import drivers
import harness
import trips
from drivers import Background, held
from tap import done, is_, ok, subtest

harness.need_faults()


def read(s):
    return s.driver(email=trips.EMAIL)


with harness.Stack(workers=4, redis=False, proxy=True) as s:
    s.users([trips.user()])
    first = trips.trip(1)
    drivers.drive(s, first)

    def changed_meanwhile(change, revision):
        """change() comes between a reader's listing and its reading of objects."""
        drivers.remove_summary(s)
        retaken = s.count("listings_retaken")
        s.fault("roster.matched", "hold")
        reader = Background(read, s)
        s.fault_taken("roster.matched")
        is_(change().status, 200, "changed meanwhile")
        s.fault_go("roster.matched")
        r = reader.result()
        is_(r.status, 200, "answered")
        is_(drivers.trip_ids(r), [first["trip_id"]], "once")
        is_(r.json()["trips"][0]["revision"], revision, "as it is now")
        ok(s.count("listings_retaken") > retaken, "listed again")
        s.fault_clear()

    with subtest("an object replaced between the listing and its reading"):
        changed_meanwhile(lambda: s.finalize(first), 2)

    # Where a finalize cannot remove the older object, reading that is right, too.
    if s.stores.removes:
        with subtest("an object that went to another key meanwhile"):
            changed_meanwhile(lambda: s.post(
                "/finalize-trip", drivers.ended_at(first, 90)), 3)

    with subtest("a trip stored between the listing and the summary"):
        second = trips.trip(2)
        s.upload(second)
        listed, go = s.stores.hold_summary()
        reader = Background(read, s)
        listed()
        is_(s.finalize(second).json()["analysis"]["status"], "stored",
            "stored meanwhile")
        go()
        is_(set(drivers.trip_ids(reader.result())),
            {first["trip_id"], second["trip_id"]}, "its row led to it")
        s.fault_clear()

    with subtest("an object that goes away on every try: 503, nothing partial"):
        drivers.remove_summary(s)
        s.fault("roster.gone.always", "fail")
        r = read(s)
        is_(r.status, 503, "not a partial answer")
        is_(r.json()["code"], "changing_too_fast", "says why")
        s.fault_clear()
        is_(read(s).json()["total_trips"], 2, "whole again")

    with subtest("a store that cannot be listed: 503, then recovery"):
        s.stores.refuse("list")
        r = read(s)
        is_(r.status, 503, "no answer")
        ok(r.header("Retry-After"), "may be tried again")
        s.stores.heal()
        is_(read(s).status, 200, "back by itself")

    with subtest("an unreadable object is named, counted, and hides nothing"):
        key = drivers.object_of(s, first["trip_id"])
        whole = s.stores.get(key)
        s.stores.put(key, whole[:40] + bytes(8) + whole[48:])
        r = read(s)
        is_(r.status, 200, "answered")
        is_(drivers.trip_ids(r), [second["trip_id"]], "the other trip is there")
        is_(r.json()["unreadable_trips"], 1, "and the answer says so")
        is_(r.json()["total_trips"], 1, "not counted")
        ok(os.path.basename(key) in s.log(), "named in the log")
        ok(s.stores.get(key), "and left for a person")

    with subtest("none readable: no 404, for he has trips"):
        s.stores.put(drivers.object_of(s, second["trip_id"]), b"no gzip")
        r = read(s)
        ok(r.status in (500, 503), f"a failure ({r.status})")
        is_(r.json()["code"], "trips_unreadable", "says why")

    with subtest("finalizing again heals it"):
        s.finalize(first)
        s.finalize(second)
        r = read(s)
        is_(r.json()["total_trips"], 2, "both are back")
        ok("unreadable_trips" not in r.json(), "nothing is unreadable")

    with subtest("no score yet is null with a reason, never 0"):
        short = trips.trip(9, points=1)
        r = drivers.drive(s, short)
        is_(r.json()["analysis"], {
            "status": "insufficient_data", "behavior_score": None,
            "behavior_category": None, "total_distance_miles": None,
            "scoring_version": "3.1",
            "reason": "fewer than two points"}, "insufficient")
        ok(short["trip_id"] not in drivers.trip_ids(read(s)), "counts nowhere")

    with subtest("a driver without trips"):
        s.users([trips.user("nobody-yet", "new@example.com")])
        r = s.driver(email="new@example.com")
        is_(r.status, 404, "404")
        is_(r.json()["error"], "No trips found for this user", "says so")
        is_((r.json()["user_id"], r.json()["searched_user"]),
            ("nobody-yet", "nobody-yet"), "whom it was asked for")

    with subtest("a removed user is unknown at once; his data stay"):
        before = drivers.objects(s)
        s.ctl("user", "remove", trips.USER)
        is_(read(s).status, 404, "by e-mail")
        is_(s.driver(user_id=trips.USER).status, 404, "by id")
        is_(drivers.objects(s), before, "untouched")
        s.users([trips.user()])
        is_(read(s).json()["total_trips"], 2, "and he may come back")

with harness.Stack(workers=4, redis=False, proxy=True) as s:
    s.users([trips.user()])
    one, two = trips.trip(1), trips.trip(2)

    with subtest("a row whose object moved on while it was looked for"):
        s.upload(one)
        listed, go = s.stores.hold_summary()
        reader = Background(read, s)
        listed()
        s.finalize(one)  # too late for the listing; the summary has it
        s.fault("roster.matched", "hold")
        go()
        s.fault_taken("roster.matched")
        s.post("/finalize-trip", drivers.ended_at(one, 90))
        s.fault_go("roster.matched")
        r = reader.result()
        is_(r.status, 200, "the trip is not taken for gone")
        # Where the older object stays, what the reader began with is right, too.
        is_([t["revision"] for t in r.json()["trips"]],
            [2 if s.stores.removes else 1], "as it is now")
        s.fault_clear()

    with subtest("a row whose object was written anew meanwhile"):
        s.upload(two)
        listed, go = s.stores.hold_summary()
        reader = Background(read, s)
        listed()
        s.finalize(two)
        s.fault("roster.matched", "hold")
        go()
        s.fault_taken("roster.matched")
        s.finalize(two)
        s.fault_go("roster.matched")
        is_({t["trip_id"]: t["revision"]
             for t in reader.result().json()["trips"]},
            {one["trip_id"]: 2, two["trip_id"]: 2}, "as it is now")
        s.fault_clear()

    with subtest("an object that moves on while the answer is put together"):
        drivers.take_texts(s)
        with held(s, "roster.taken", read, s) as reader:
            s.post("/finalize-trip", drivers.ended_at(one, 60))
            s.finalize(two)
        r = reader.result()
        is_(r.status, 200, "answered")
        is_({t["trip_id"]: t["revision"] for t in r.json()["trips"]},
            {one["trip_id"]: 3, two["trip_id"]: 3}, "listed again")
        ok("unreadable_trips" not in r.json(), "neither is unreadable")

done()
