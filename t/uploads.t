#!/usr/bin/python3
"""Nothing that an upload was acknowledged for goes: a batch number that comes again,
and a finalize that comes without any batch (doc/batch-numbers.md)."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import dynamo
import harness
import stores
import trips
from old_writer import OldWriter
from process import wait_for
from tap import done, is_, ok, subtest

harness.need_faults()
BATCH, FINALIZE = "/store-trajectory-batch", "/finalize-trip"
AWS = stores.chosen() == "s3"


def send(s, batch, number=None, deltas=None):
    """The batch, under another number or with other points; the answer, which is 200."""
    body = dict(batch, batch_number=number or batch["batch_number"],
                deltas=deltas or batch["deltas"])
    r = s.post(BATCH, body)
    is_(r.status, 200, f"batch {body['batch_number']}, {len(body['deltas'])} points")
    return r.json()


def finalized(s, trip):
    """What the finalize counted: batches and points."""
    r = s.finalize(trip)
    is_((r.status, r.json()["analysis"]["status"]), (200, "stored"), "finalized")
    return r.json()["total_batches"], r.json()["total_deltas_analyzed"]


def points(s, trip):
    """Of the analysis that readers get, once nothing is pending: its last point's time
    cannot tell, so it is counted by another finalize."""
    drivers.settled(s, trip["trip_id"])
    drivers.spool_empty(s)
    return finalized(s, trip)[1]


def counted(s, name, call, *args):
    """How far the counter went while the call ran."""
    before = s.count(name)
    call(*args)
    return s.count(name) - before


def other_points(s):
    """Two uploaders that both count from 1: the first would lose its points."""
    trip = trips.trip(1, points=100)
    one, two, three, four = trip["batches"]
    send(s, one)
    send(s, two)
    answer = send(s, three, number=1)
    is_((answer["batch_id"], answer["deltas_count"]),
        (f"{trip['trip_id']}_batch_1", 25), "answered as ever")
    send(s, four, number=2)
    is_(drivers.record(s, trip["trip_id"])["total_batches"], 2, "two numbers")
    is_(finalized(s, trip), (2, 100), "two numbers, and all the points")
    is_(drivers.record(s, trip["trip_id"])["highest_batch"], 2, "the highest of the client's")
    image = s.stores.image()
    for batch, number in ((one, 1), (two, 2), (three, 1), (four, 2)):
        is_(counted(s, "batches_repeated", send, s, batch, number), 1, "a repeat")
    is_(s.stores.image(), image, "which changes nothing")
    is_(s.post(BATCH, dict(one, batch_number=100001)).status, 400,
        "no client may use such a number")
    if AWS:
        as_the_old_functions(s, trip)


def as_the_old_functions(s, trip):
    """They list a trip's items, and sort them by number."""
    items = [dynamo.plain(i) for i in dynamo.scan(s.stores.endpoint, s.stores.tables["batches"])]
    mine = sorted((i for i in items if i["trip_id"] == trip["trip_id"]),
                  key=lambda i: i["batch_number"])
    is_([(i["batch_number"], i["batch_id"][len(trip["trip_id"]):]) for i in mine],
        [(n, f"_batch_{n}") for n in (1, 2, 100001, 100002)], "as the old functions read them")
    is_([d["sequence"] for i in mine for d in i["deltas"]], list(range(1, 101)),
        "the second uploader's in its order")


def more_points(s):
    """The app sends its whole buffer again."""
    trip = trips.trip(2, points=75)
    one, two, three = trip["batches"]
    send(s, one)
    send(s, one, deltas=one["deltas"] + two["deltas"])
    is_(finalized(s, trip), (1, 50), "replaced")
    whole = one["deltas"] + two["deltas"] + three["deltas"]
    is_(counted(s, "batches_replaced", send, s, one, 1, whole), 1, "once more")
    wait_for("the trip to be scored again", lambda: drivers.record(
        s, trip["trip_id"])["analysis_status"] == "stored")
    is_(points(s, trip), 75, "and scored again after the finalize")
    image = s.stores.image()
    send(s, one, deltas=whole[10:60])
    send(s, one)
    is_(s.stores.image(), image, "points that are all stored change nothing")


def a_number_late(s):
    trip = trips.trip(3, points=50)
    one, two = trip["batches"]
    send(s, one)
    is_(finalized(s, trip), (1, 25), "one batch")
    send(s, two, number=1)
    is_(points(s, trip), 50, "other points after the finalize are scored, too")


NOTHING = {"total_batches": 0, "total_deltas_analyzed": 0, "movement_detected": False,
           "trip_validity": "questionable", "data_quality_score": 0.0,
           "batch_aggregation_summary": {"total_batches": 0, "total_deltas": 0,
                                         "acceptance_rate": "0.0%"}}


def without_a_batch(s):
    """A drive of fewer than 25 points; then its only batch, after all."""
    trip = trips.trip(6, points=20)
    for finalize in ("the first", "the second"):
        r = s.finalize(trip)
        is_(r.status, 200, f"{finalize} finalize")
        is_(r.json()["analysis"]["status"], "insufficient_data", "nothing to score")
        is_({k: r.json()[k] for k in NOTHING}, NOTHING, "what is known is not null")
    rec = drivers.record(s, trip["trip_id"])
    is_((rec["status"], rec["analysis_status"], rec["total_batches"]),
        ("completed", "insufficient_data", 0), "its record")
    drivers.spool_empty(s)
    s.ctl("reconcile", "--user", trips.USER)
    is_(drivers.record(s, trip["trip_id"]), rec, "which reconcile leaves alone")
    send(s, trip["batches"][0])
    wait_for("the trip to be scored", lambda: drivers.record(
        s, trip["trip_id"])["analysis_status"] == "stored")
    mine, = [a for a in drivers.analyses(s) if a["trip_id"] == trip["trip_id"]]
    is_((mine["start_timestamp"], mine["end_timestamp"]),
        tuple(trip["finalize"][k].replace(".000Z", "+00:00")
              for k in ("start_timestamp", "end_timestamp")), "with the finalize's times")
    theirs = dict(trip["finalize"], user_id="somebody-else")
    is_(s.post(FINALIZE, theirs).status, 409, "nobody else's")


def of_an_unknown_driver(s):
    trip = trips.trip(7, user_id="nobody-knows", points=30)
    is_(s.finalize(trip).json()["analysis"]["status"], "insufficient_data",
        "a user whom the table does not know")
    del trip["finalize"]["start_timestamp"]
    trip["finalize"]["trip_id"] += "-b"
    r = s.finalize(trip).json()
    is_((r["start_timestamp"], r["duration_seconds"]), (None, None),
        "without a start: that is not known")


def dies(s, point, trip, number, deltas):
    """The worker dies at that step of the upload, and the client repeats itself."""
    s.fault(point, "crash")
    is_(s.post(BATCH, dict(trip["batches"][0], batch_number=number, deltas=deltas)).status,
        503, f"killed at {point}")
    ok(s.fault_came(point), "there")


def between_the_steps(s):
    trip = trips.trip(4, points=75)
    one, two, three = [b["deltas"] for b in trip["batches"]]
    send(s, trip["batches"][0])
    dies(s, "dynamodb.batch.between", trip, 1, two)
    for _ in range(2):
        send(s, trip["batches"][0], deltas=two)
    is_(finalized(s, trip), (1, 50), "the same again makes no third")
    is_(drivers.record(s, trip["trip_id"])["total_batches"], 1, "nor is it counted")

    dies(s, "dynamodb.batch.between", trip, 1, one + three)
    # The trip is pending, and nobody was told: reconcile scores it without the points.
    s.ctl("reconcile", "--user", trips.USER)
    send(s, trip["batches"][0], deltas=one + three)
    is_(points(s, trip), 75, "a batch that was about to be replaced")

    dies(s, "dynamodb.batch.replaced", trip, 1, one + three + three[:1])
    s.ctl("reconcile", "--user", trips.USER)
    revision = drivers.settled(s, trip["trip_id"])["revision"]
    send(s, trip["batches"][0], deltas=one + three + three[:1])
    drivers.settled(s, trip["trip_id"])
    wait_for("the repeat to have it scored again", lambda: drivers.record(
        s, trip["trip_id"])["revision"] > revision + 1)
    drivers.spool_empty(s)
    image = s.stores.image()
    send(s, trip["batches"][0], deltas=one + three + three[:1])
    is_(s.stores.image(), image, "and the one after it changes nothing")


def beside_the_old_functions(s):
    """They store batches of the same trip, list none, and put whole records."""
    old = OldWriter(s.stores)
    trip = trips.trip(5, points=100)
    one, two, three, four = trip["batches"]
    send(s, one)
    send(s, two, number=1)
    old.batch(one)
    old.batch(dict(three, batch_number=2))
    is_(counted(s, "batches_repeated", send, s, one), 1, "a repeat of what they stored")
    is_(counted(s, "batches_repeated", send, s, three, 2), 1, "also of what is not listed")
    if AWS:
        is_(listed(s, trip), ["1", "100001", "2"], "which it is then")
    old.finalize(trip["finalize"])
    image = s.stores.image()
    is_(counted(s, "batches_repeated", send, s, two, 1), 1, "a repeat without any list")
    is_(s.stores.image(), image, "changes nothing")
    is_(finalized(s, trip), (2, 75), "nothing is lost without it")
    old.finalize(trip["finalize"])
    send(s, four, number=2)
    is_(points(s, trip), 100, "nor by the next upload")
    if AWS:
        is_(listed(s, trip), ["1", "100001", "100002", "2"], "which makes the list again")


def listed(s, trip):
    """By the record; SQLite needs no list."""
    return sorted(drivers.record(s, trip["trip_id"])["batch_numbers"])


# The owner's table may have no index of batches.
with harness.Stack(workers=2, settings={"maintenance.interval": "100ms",
                                        "dynamodb.batches_index": ""}) as s:
    s.users([trips.user()])
    with subtest("the same number with other points"):
        other_points(s)
    with subtest("the same number with more points"):
        more_points(s)
    with subtest("the same number after the finalize"):
        a_number_late(s)
    with subtest("a finalize without any batch"):
        without_a_batch(s)
        of_an_unknown_driver(s)
    if AWS:
        with subtest("workers that die between the steps"):
            between_the_steps(s)
    with subtest("batches and finalizes of the functions before"):
        beside_the_old_functions(s)
done()
