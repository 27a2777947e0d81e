#!/usr/bin/python3
"""What a trip may have is refused where it would be too much, at the upload, and
changes nothing; what others stored ends at the finalize, with the reason
(doc/limits.md)."""

import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import stores
import trips
from tap import done, in_, is_, subtest

BATCH = "/store-trajectory-batch"
MOST = {"stored_deltas": 2_000_000, "stored_bytes": 256 * 1024 * 1024}
NAMED = {"stored_deltas": "2000000", "stored_bytes": "268435456", "stored_batches": "50000"}
AWS = stores.chosen() == "s3"


def refused(s, batch, name):
    """413 that names the limit, and nothing is otherwise than before."""
    image = s.stores.image()
    r = s.post(BATCH, batch)
    is_((r.status, r.json().get("code")), (413, "trip_too_large"), "refused")
    in_(NAMED[name], r.json()["error"], "the limit is named")
    is_(s.stores.image(), image, "nothing is changed")


def size_of(s, trip):
    return {name: int(drivers.record(s, trip["trip_id"])[name]) for name in MOST}


def border(s, name, number):
    """One more than the limit is too much, and up to it all are stored."""
    trip = trips.trip(number, points=75)
    one, two, three = trip["batches"]
    for batch in (one, two):
        is_(s.post(BATCH, batch).status, 200, "stored")
    each = {"stored_deltas": 25, "stored_bytes":
            len(json.dumps(three["deltas"], separators=(",", ":")))}[name]
    s.stores.change_trip(trip["trip_id"], **{name: MOST[name] - each + 1})
    refused(s, three, name)
    refused(s, dict(three, batch_number=2), name)
    is_(s.post(BATCH, two).status, 200, "a repeat is none more")
    s.stores.change_trip(trip["trip_id"], **{name: MOST[name] - each})
    is_(s.post(BATCH, three).status, 200, "what fits is stored")
    r = s.finalize(trip)
    is_((r.json()["analysis"]["status"], r.json()["total_deltas_analyzed"]), ("stored", 75),
        "and the trip is scored")
    refused(s, dict(three, batch_number=4, deltas=one["deltas"]), name)


def others(s):
    """A record that no upload has counted: by a host of before, or another program."""
    trip = trips.trip(8, points=75)
    one, two, three = trip["batches"]
    s.post(BATCH, one)
    s.stores.change_trip(trip["trip_id"], **dict.fromkeys(MOST, None if AWS else 0))
    is_(s.post(BATCH, two).status, 200, "stored")
    is_(size_of(s, trip)["stored_deltas"], 25, "counted from then on")


def too_many_batches(s):
    trip = trips.trip(9, points=50)
    one, two = trip["batches"]
    s.post(BATCH, one)
    s.stores.change_trip(trip["trip_id"], stored_batches=50_000)
    refused(s, two, "stored_batches")
    s.stores.change_trip(trip["trip_id"], stored_batches=49_999)
    is_(s.post(BATCH, two).status, 200, "stored")


def quality(s):
    """Beside the list of a long trip's batches it must fit an item of DynamoDB."""
    trip = trips.trip(11, points=50)
    s.upload(trip)
    image = s.stores.image()
    for n, want in ((64 * 1024 + 1, 413), (64 * 1024, 200)):
        text = "x" * (n - len('{"a": ""}'))
        r = s.post("/finalize-trip", dict(trip["finalize"], trip_quality={"a": text}))
        is_((r.status, r.json().get("code")),
            (want, "trip_quality_too_large" if want == 413 else None), f"{n} bytes")
        if want == 413:
            is_(s.stores.image(), image, "nothing is changed")


def at_the_finalize(s):
    """What got past the uploads ends all the same, with the reason."""
    trip = trips.trip(10, points=50)
    s.upload(trip)
    s.stores._change("update batches set deltas_count = 1999999 where trip_id = ?",
                     trip["trip_id"])
    r = s.finalize(trip)
    is_((r.status, r.json()["analysis"]["status"]), (200, "insufficient_data"), "not scored")
    in_("2000000", r.json()["analysis"]["reason"], "the limit is named")
    is_(drivers.record(s, trip["trip_id"])["analysis_status"], "insufficient_data", "for good")


with harness.Stack({"maintenance.interval": "10m"}, redis=False, workers=2) as s:
    s.users([trips.user()])
    for number, name in enumerate(MOST):
        with subtest(f"the border: {name}"):
            border(s, name, number)
    with subtest("a record that nobody has counted"):
        others(s)
    with subtest("trip_quality"):
        quality(s)
    if not AWS:
        with subtest("too many batches"):
            too_many_batches(s)
        with subtest("what got past the uploads"):
            at_the_finalize(s)

done()
