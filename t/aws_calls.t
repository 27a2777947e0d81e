#!/usr/bin/python3
"""How many store calls an upload, a finalize and a cold read make one after the other:
what they cost where a store is a round trip away; and how many of DynamoDB's units an
upload takes. Counted at a proxy before each store."""

import datetime
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import copies
import drivers
import dynamo
import harness
import trips
from faultproxy import delay, in_sequence
from old_writer import OldWriter
from tap import diag, done, is_, note, ok, subtest

FINALIZE_MOST = 5
MANY = 500  # trips, which are to come in
MANY_CALLS, MANY_ROUNDS = 12, 4
ROUND_TRIP = 0.1  # long enough that calls at once are seen to overlap


def calls_of(s, call, *args):
    """What call(*args) made the service ask; its answer."""
    proxies = (s.stores.objects_proxy, s.stores.records_proxy)
    for proxy in proxies:
        proxy.on("*", delay(ROUND_TRIP))
        proxy.forget()
    answer = call(*args)
    seen = [x for proxy in proxies for x in proxy.seen]
    for proxy in proxies:
        proxy.clear()
    row = in_sequence(seen)
    note(f"{len(seen)} calls, {len(row)} in sequence: " + ", ".join(x.name for x in row))
    return answer, seen, row


def with_body(head, body):
    """A message's head and JSON body."""
    body = json.dumps(body).encode()
    lines = [line for line in head.strip().split(b"\r\n")
             if not line.lower().startswith((b"content-length:", b"transfer-encoding:"))]
    return b"\r\n".join([*lines, b"Content-Length: %d" % len(body), b"", b""]), body


def metered(units):
    """Has the server say what a request takes. A write that is refused takes what the
    item that is there would; the trips here are under 1 KB."""
    def fault(x):
        head, _, body = x.request.partition(b"\r\n\r\n")
        x.request = b"".join(with_body(
            head, {**json.loads(body), "ReturnConsumedCapacity": "TOTAL"}))
        head, answer = x.pass_on()
        answer = json.loads(answer)
        used = answer.pop("ConsumedCapacity", {"CapacityUnits": 1})
        units.extend((x.seen.name, u["CapacityUnits"])
                     for u in (used if isinstance(used, list) else [used]))
        x.reply(*with_body(head, answer))
    return fault


def units_of(s, call):
    """The units that call() took, beside those of the batch's own PutItem."""
    units = []
    s.stores.records_proxy.on("*", metered(units))
    call()
    s.stores.records_proxy.clear()
    note("units: " + ", ".join(f"{name} {n:g}" for name, n in units))
    return sum(n for name, n in units if name != "PutItem")


def send(s, what, batch, want, names, waits):
    """Uploads it: how it is answered, and the calls that it takes."""
    r, seen, row = calls_of(s, s.post, "/store-trajectory-batch", batch)
    is_(r.status, want, f"{what}: answered")
    is_(sorted(x.name for x in seen), sorted(names), f"{what}: these calls and no others")
    if not ok(len(row) <= waits, f"{what}: {len(row)} in sequence"):
        diag(row)


TWO = ["UpdateItem", "PutItem"]
LOOKED = ["UpdateItem", "GetItem", "GetItem"]  # the condition did not hold
OTHER = "somebody-else"


def own_form(text):
    """A time as the service stores it."""
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).isoformat()


def number(s, trip, *numbers, total=None):
    """What the record counts."""
    record = drivers.record(s, trip["trip_id"])
    is_(record["total_batches"], total or len(numbers), "counted")
    is_(sorted(map(int, record["batch_numbers"])), sorted(numbers), "and listed")
    return record


def uploads(s):
    trip = trips.trip(20, points=175)
    one, two, three, four, five, six, seven = trip["batches"]
    with subtest("a trip's first batch"):
        send(s, "a trip's first batch", one, 200, TWO, 2)
    with subtest("the second, and the third"):
        send(s, "the second, and the third", two, 200, TWO, 2)
        send(s, "the second, and the third", three, 200, TWO, 2)
        record = number(s, trip, 1, 2, 3)
        is_((record["start_timestamp"], record["end_timestamp"], record["highest_batch"]),
            (own_form(one["first_point_timestamp"]),
             own_form(three["last_point_timestamp"]), 3), "and widened")
    with subtest("a repeat"):
        image = s.stores.image()
        send(s, "a repeat", two, 200, LOOKED, 2)
        is_(s.stores.image(), image, "changes nothing")
    with subtest("another user's"):
        send(s, "another user's", dict(four, user_id=OTHER), 409, LOOKED, 2)
        is_(s.stores.image(), image, "changes nothing")
    with subtest("a number below the highest"):
        send(s, "a number below the highest", five, 200, TWO, 2)
        send(s, "a number below the highest",
             dict(four, last_point_timestamp=six["last_point_timestamp"]), 200, LOOKED + TWO, 4)
        is_(number(s, trip, 1, 2, 3, 4, 5)["highest_batch"], 5, "which stays")
    with subtest("other points under a taken number"):
        send(s, "other points under a taken number", dict(six, batch_number=5), 200,
             LOOKED + TWO, 4)
        number(s, trip, 1, 2, 3, 4, 5, 100005, total=5)
    with subtest("the next number then"):
        send(s, "the next number then", six, 200, TWO, 2)
        number(s, trip, 1, 2, 3, 4, 5, 6, 100005, total=6)
    with subtest("a listed number above the highest"):
        s.stores.change_trip(trip["trip_id"], highest_batch=5)
        send(s, "a listed number above the highest", six, 200, LOOKED, 2)
        number(s, trip, 1, 2, 3, 4, 5, 6, 100005, total=6)
        s.stores.change_trip(trip["trip_id"], highest_batch=6)
    with subtest("a finalized trip"):
        is_(s.finalize(trip).json()["analysis"]["status"], "stored", "finalized")
        before = drivers.record(s, trip["trip_id"])
        r, seen, _ = calls_of(s, s.post, "/store-trajectory-batch", seven)
        is_(r.status, 200, "answered")
        seen.sort(key=lambda x: x.began)  # the scoring may have begun by then
        is_(sorted(x.name for x in seen[:5]), sorted(LOOKED + TWO),
            "a finalized trip: after these calls")
        record = number(s, trip, 1, 2, 3, 4, 5, 6, 7, 100005, total=7)
        is_((record["status"], record["end_timestamp"], record["revision"] > before["revision"]),
            ("completed", before["end_timestamp"], True), "is still that, and scored again")


def backwards(s):
    """A trip's times are the earliest and the latest, whatever comes next."""
    trip = trips.trip(21, points=100)
    one, two, three, four = trip["batches"]
    send(s, "a trip that begins late", dict(two, batch_number=1), 200, TWO, 2)
    with subtest("a batch that begins earlier"):
        early = dict(four, first_point_timestamp=one["first_point_timestamp"])
        send(s, "a batch that begins earlier", dict(early, batch_number=2), 200, LOOKED + TWO, 4)
    with subtest("one that ends earlier"):
        send(s, "one that ends earlier", three, 200, LOOKED + TWO, 4)
    record = number(s, trip, 1, 2, 3)
    is_((record["start_timestamp"], record["end_timestamp"]),
        (own_form(one["first_point_timestamp"]), own_form(four["last_point_timestamp"])),
        "the earliest and the latest")


def times(s):
    """Those of other programs are not compared as texts."""
    for n, (name, text, later) in enumerate((
            ("a blank", "2025-12-20 23:00:00+00:00", True),
            ("another zone", "2025-12-20T14:00:00-05:00", True),
            ("a zone's name", "2025-12-20T14:00:00-05[+00:00]", True),
            ("second 60", "2025-12-20T15:32:60.9+00:00", True),
            ("no zone", "2025-12-20T15:33:00", False),
            ("Z", "2025-12-20T15:33:00Z", False),
            ("none", None, False))):
        trip = trips.trip(1, points=50, trip_id=f"times-{n}")
        one, two = trip["batches"]
        two["last_point_timestamp"] = "2025-12-20T15:33:00.5Z"
        with subtest("times of others: " + name):
            s.post("/store-trajectory-batch", one)
            s.stores.change_trip(trip["trip_id"], end_timestamp=text)
            send(s, "times of others: " + name, two, 200, LOOKED + TWO, 4)
            is_(drivers.record(s, trip["trip_id"])["end_timestamp"],
                text if later else own_form(two["last_point_timestamp"]),
                "the later of both")


def others(s):
    """What the functions before this service began, and what they added to."""
    old = OldWriter(s.stores)
    trip = trips.trip(40, points=125)
    one, two, three, four, five = trip["batches"]
    with subtest("a trip that others began"):
        old.batch(one)
        send(s, "a trip that others began", two, 200, LOOKED + ["BatchGetItem"] + TWO, 5)
        number(s, trip, 1, 2)
        # Its start is of their form.
        send(s, "a trip that others began", three, 200, LOOKED + TWO, 4)
    trip = trips.trip(41, points=125)
    one, two, three, four, five = trip["batches"]
    with subtest("one that they added to"):
        s.post("/store-trajectory-batch", one)
        old.batch(two)
        s.stores.change_trip(trip["trip_id"],
                             end_timestamp=own_form(two["last_point_timestamp"]))
        send(s, "one that they added to", three, 200, LOOKED + TWO, 4)
        number(s, trip, 1, 3, total=3)
    with subtest("under a number of theirs"):
        send(s, "under a number of theirs", dict(four, batch_number=2), 200, LOOKED + TWO, 4)
        number(s, trip, 1, 3, 100002, total=3)
    trip = trips.trip(42, points=50)
    one, two = trip["batches"]
    with subtest("a batch whose record they removed"):
        s.post("/store-trajectory-batch", one)
        dynamo.call(s.stores.endpoint, "DeleteItem", TableName=s.stores.tables["trips"],
                    Key={"trip_id": {"S": trip["trip_id"]}})
        send(s, "a batch whose record they removed", one, 200, TWO + ["GetItem", "GetItem"], 3)
        number(s, trip, 1)
    with subtest("another's batch in a trip of this user's"):
        mine, theirs = trips.trip(43, points=50), trips.trip(43, points=50, user_id=OTHER)
        theirs = [dict(b, trip_id=mine["trip_id"]) for b in theirs["batches"]]
        s.post("/store-trajectory-batch", mine["batches"][0])
        old.batch(theirs[1])
        s.stores.change_trip(mine["trip_id"], total_batches=1,
                             end_timestamp=drivers.record(s, mine["trip_id"])["start_timestamp"])
        image = s.stores.image()
        send(s, "another's batch in a trip of this user's", mine["batches"][1], 409,
             TWO + ["GetItem", "GetItem", "UpdateItem"], 4)
        is_(s.stores.image(), image, "another's batch in a trip of this user's changes nothing")


def units(s):
    """Before, each upload read the trip and the batch first: two units at least."""
    trip = trips.trip(50, points=75)
    one, two, three = trip["batches"]
    post = lambda batch, **more: lambda: s.post("/store-trajectory-batch", dict(batch, **more))
    for what, call, most in (("a trip's first", post(one), 1), ("the next", post(two), 1),
                             ("a repeat", post(two), 4),
                             ("another's", post(three, user_id=OTHER), 3),
                             ("a taken number", post(three, batch_number=2), 5)):
        is_(units_of(s, call), most, what)


def finalize(s, trip):
    s.upload(trip)
    r, seen, row = calls_of(s, s.finalize, trip)
    is_(r.json()["analysis"]["status"], "stored", "stored")
    if not ok(len(row) <= FINALIZE_MOST, f"{len(row)} calls in sequence"):
        diag(row)
    return sorted(x.name for x in seen)


# Maintenance would be seen, too.
with harness.Stack({"maintenance.interval": "10m"}, kind="s3", proxy=True, redis=False,
                   workers=1) as s:
    s.users([trips.user()])
    # A process finds out once what its server can do.
    for n in (1, 2):
        drivers.drive(s, trips.trip(n))
    uploads(s)
    backwards(s)
    times(s)
    others(s)
    with subtest("units of an upload"):
        units(s)
with harness.Stack({"maintenance.interval": "10m"}, kind="s3", proxy=True, redis=False,
                   workers=1) as s:
    s.users([trips.user()])
    for n in (1, 2):
        drivers.drive(s, trips.trip(n))
    with subtest("finalize"):
        is_(finalize(s, trips.trip(3)),
            ["BatchGetItem", "GET", "GetItem", "PUT", "PUT", "UpdateItem", "UpdateItem"],
            "these and no others")
    with subtest("finalize of a long trip"):
        finalize(s, trips.trip(4, points=1500))
    with subtest("a driver's first"):
        s.users([trips.user("first-timer", "first@example.com")])
        finalize(s, trips.trip(5, user_id="first-timer"))
    with subtest("a cold read"):
        r, seen, row = calls_of(s, lambda: s.driver(user_id=trips.USER))
        is_(r.json()["total_trips"], 4, "answered")
        is_(sorted(x.name for x in seen if x.began < row[0].ended),
            ["GET", "GetItem", "LIST"], "driver, listing and summary at once")
        is_(len(row), 1, "and the trips came with the summary")
    with subtest(f"a cold read of {MANY} trips"):
        s.users([trips.user("many", "many@example.com")])
        original = copies.stored(s, trips.USER)[0]
        copies.put(s, "many", [original.copy("many", 0, n) for n in range(MANY)])
        s.driver(user_id="many")  # finds them all, and packs them afterwards
        s.quiet()
        r, seen, row = calls_of(s, lambda: s.driver(user_id="many"))
        is_(r.json()["total_trips"], MANY, "answered")
        if not (ok(len(seen) <= MANY_CALLS, f"{len(seen)} calls")
                and ok(len(row) <= MANY_ROUNDS, f"{len(row)} in sequence")):
            diag(seen)
    with subtest("a cold read by e-mail"):
        s.service.stop()
        s.service.start()
        is_(s.get("/healthz").status, 200, "started")  # a start asks the stores, too
        r, seen, row = calls_of(s, lambda: s.driver(email=trips.EMAIL))
        is_(r.json()["total_trips"], 4, "answered")
        is_([row[0].name, len(row)], ["Query", 2], "but for whose e-mail it is")

done()
