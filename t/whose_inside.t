#!/usr/bin/python3
"""An object whose inside names another trip or another user is not that trip: it is
named, counted and left out, and the others are answered. A summary and a pack of another
user count as none (doc/storage.md, "Objects")."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from tap import done, in_, is_, subtest

OTHER = "somebody-else"

with harness.Stack({"maintenance.interval": "10m"}, redis=False, workers=2) as s:
    s.users([trips.user(), trips.user(OTHER, "other@example.com")])
    mine, spoilt = trips.trip(1), trips.trip(2)
    for trip in (mine, spoilt):
        drivers.drive(s, trip)
    key = drivers.object_of(s, spoilt["trip_id"])
    good = drivers.unpacked(s, key)
    for what, change, counted in (
            ("another trip", {"trip_id": mine["trip_id"]}, 1),
            ("another user", {"user_id": OTHER}, 1),
            ("its own user", {"user_id": trips.USER}, 0),
            ("no user that is a text", {"user_id": 5}, 0)):
        with subtest(f"an object that names {what}"):
            drivers.remove_summary(s)
            drivers.store_packed(s, key, {**good, **change})
            answer = s.driver(user_id=trips.USER).json()
            is_((len(answer["trips"]), answer.get("unreadable_trips", 0)),
                (2 - counted, counted), "left out and counted")
            if counted:
                in_("trip_unreadable", s.log(), "and in the log")
    with subtest("finalizing again heals it"):
        drivers.store_packed(s, key, {**good, "trip_id": mine["trip_id"]})
        is_(s.finalize(spoilt).json()["analysis"]["status"], "stored", "stored")
        answer = s.driver(user_id=trips.USER).json()
        is_((len(answer["trips"]), answer.get("unreadable_trips", 0)), (2, 0), "and answered")
    with subtest("a summary of another user"):
        s.driver(user_id=trips.USER)
        doc = drivers.unpacked(s, drivers.summary_key())
        is_(doc["user_id"], trips.USER, "it says whose it is")
        drivers.store_packed(s, drivers.summary_key(), {**doc, "user_id": OTHER, "recent": []})
        before = s.log().count("summary_unreadable")
        answer = s.driver(user_id=trips.USER).json()
        is_(len(answer["trips"]), 2, "the trips are answered")
        is_(s.log().count("summary_unreadable") > before, True, "it counts as none")
        is_(drivers.unpacked(s, drivers.summary_key())["user_id"], trips.USER, "and is made anew")

done()
