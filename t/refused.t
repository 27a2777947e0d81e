#!/usr/bin/python3
"""One object that the store refuses is one object: the driver's others are answered, it is
named in the log and counted, and what is derived from others is made anew. When nothing
of the driver is given out, that is an outage. On S3, behind a proxy that refuses; what is
the folder's own is in unit/objects_dir."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import copies
import drivers
import harness
import trips
from faultproxy import status, with_body
from tap import diag, done, in_, is_, ok, subtest

ARCHIVED = status(403, "InvalidObjectState")
DENIED = status(403, "AccessDenied")
number = iter(range(1, 1000))
COUNT = 40  # enough to be packed
PACK = 256  # trips of one


def read(s):
    return s.driver(email=trips.EMAIL)


def answered(s, unreadable, name):
    """The answer, which says that so many trips are not in it."""
    r = read(s)
    said = r.status == 200 and r.json().get("unreadable_trips", 0)
    if not is_((r.status, said), (200, unreadable), f"{name}: answered"):
        diag(r)
    return drivers.trip_ids(r) if r.status == 200 else []


def refused(s, name):
    r = read(s)
    is_(r.status, 503, f"{name}: 503")
    ok(r.header("Retry-After"), f"{name}: may be tried again")


def named(s, event, key):
    return any(f"event={event}" in line and key in line for line in s.log().splitlines())


def stored(s, trip, name, **more):
    r = s.post("/finalize-trip", drivers.ended_at(trip, **more)) if more else \
        drivers.drive(s, trip)
    is_((r.status, r.json().get("analysis", {}).get("status")), (200, "stored"), name)


def driven(s):
    t = trips.trip(next(number))
    drivers.drive(s, t)
    return t["trip_id"], drivers.object_of(s, t["trip_id"])


def a_trip(s):
    """Without a row that stands for it, and with one whose text has to be read."""
    objects = s.stores.objects_proxy
    for name, fault in (("archived", ARCHIVED), ("denied", DENIED),
                        ("its key of KMS off", status(400, "KMS.DisabledException"))):
        trip_id, key = driven(s)
        for how, prepare in (("no summary", drivers.remove_summary),
                             ("a summary without texts", drivers.take_texts)):
            s.stores.objects_proxy.clear()
            whole = set(drivers.trip_ids(read(s)))
            prepare(s)
            objects.on("GET", fault, key=trip_id)
            is_(set(answered(s, 1, f"{name}, {how}")), whole - {trip_id},
                f"{name}, {how}: the others are")
        ok(named(s, "trip_unreadable", key), f"{name}: named in the log")
        stored(s, trips.trip(next(number)), f"{name}: another trip is stored")
        objects.clear()
        in_(trip_id, answered(s, 0, f"{name}: over"), f"{name}: there again")


def a_trip_finalized_again(s):
    objects = s.stores.objects_proxy
    for what, prepare in (("", lambda s: None), (", no summary", drivers.remove_summary)):
        t = trips.trip(next(number))
        drivers.drive(s, t)
        for name, fault in (("archived", ARCHIVED), ("denied", DENIED)):
            objects.on("GET", fault, key=t["trip_id"])
            stored(s, t, f"{name}{what}: finalized again, with another end",
                   plus_s=next(number) * 10 + 200)
            prepare(s)
            if fault is ARCHIVED:  # of what is denied, nobody knows that it is older
                stored(s, t, f"{name}{what}: and as it was", plus_s=171)
            objects.clear()


def a_summary(s):
    objects = s.stores.objects_proxy
    before = set(answered(s, 0, "before"))
    for name, fault in (("archived", ARCHIVED), ("denied", DENIED)):
        objects.on("GET", fault, key="summary.json.gz")
        is_(set(answered(s, 0, f"{name}")), before, f"{name}: from the trips")
        s.quiet()
        objects.clear()
        objects.forget()
        is_(set(answered(s, 0, f"{name}, read since")), before, "all of them")
        gets = [x.key for x in objects.seen if x.name == "GET" and "/trips/" in x.key]
        is_(gets, [], f"{name}: it was made anew")
        objects.on("GET", fault, key="summary.json.gz")
        t = trips.trip(next(number))
        stored(s, t, f"{name}: a trip is stored")
        before.add(t["trip_id"])
        objects.clear()
    is_(set(answered(s, 0, "over")), before, "over: all of them")


def a_pack(s):
    """The packer's own: so many trips that there is one."""
    objects = s.stores.objects_proxy
    original = copies.stored(s, trips.USER)[0]
    copies.put(s, trips.USER, [original.copy(trips.USER, 0, n) for n in range(900, 900 + COUNT)])
    before = set(answered(s, 0, "before"))
    s.quiet()
    packs = s.stores.keys(f"users/{trips.USER}/packs/")
    ok(packs, "there is a pack")
    for name, fault in (("archived", ARCHIVED), ("denied", DENIED)):
        objects.on("GET", fault, key="/packs/")
        is_(set(answered(s, 0, name)), before, f"{name}: from the trips")
        ok(named(s, "pack_unusable", "packs/"), f"{name}: named in the log")
        s.quiet()
        objects.clear()
        is_(set(answered(s, 0, f"{name}: over")), before, "all of them")
        s.quiet()


def one_pack_of_two(s):
    """Its number is refused for good: the other is written all the same."""
    objects, other = s.stores.objects_proxy, "of-two-packs"
    s.users([trips.user(other, "two@example.com")])
    original = copies.stored(s, trips.USER)[0]
    copies.put(s, other, [original.copy(other, 0, n) for n in range(PACK + COUNT)])
    objects.on("PUT", DENIED, key="/packs/1.")
    for _ in range(2):
        is_(s.driver(user_id=other).status, 200, "read")
        s.quiet()
    is_(s.stores.keys(f"users/{other}/packs/"), [f"users/{other}/packs/2.json.gz"],
        "the second pack is there")
    objects.clear()
    is_(s.driver(user_id=other).json()["total_trips"], PACK + COUNT, "all of them")


def everything(s):
    """Nothing of the driver is given out, though he can be listed: an outage."""
    objects = s.stores.objects_proxy
    whole = set(answered(s, 0, "before"))
    for fault in (DENIED, status(400, "KMS.NotFoundException")):
        objects.on("GET", fault)
        before = len(s.log())
        refused(s, "everything is refused")
        ok("trip_unreadable" not in s.log()[before:], "no trip is blamed")
        objects.clear()
    objects.on("LIST", DENIED)
    refused(s, "the listing is")
    objects.clear()
    is_(set(answered(s, 0, "over")), whole, "over: all of them")


def listed_with(entry):
    """A listing that has this one, too."""
    return with_body(lambda body: body.replace(b"<Contents>", entry + b"<Contents>", 1))


SIZE, ETAG = "<Size>0</Size>", "<ETag>&quot;d41d8cd98f00b204e9800998ecf8427e&quot;</ETag>"
TIME = "<LastModified>2025-01-01T00:00:00.000Z</LastModified>"


def odd_entries(s):
    """What some servers list: a folder's marker without what objects have."""
    objects = s.stores.objects_proxy
    whole = set(answered(s, 0, "before"))
    ours = f"users%2F{trips.USER}%2Ftrips%2F".replace("@", "%40")
    odd = (("no ETag", TIME + SIZE), ("an empty ETag", TIME + "<ETag></ETag>" + SIZE),
           ("two quotes for an ETag", TIME + '<ETag>""</ETag>' + SIZE),
           ("no time", ETAG + SIZE), ("no size", ETAG + TIME),
           ("a time that is none", "<LastModified>?</LastModified>" + ETAG + SIZE))
    for name, more in odd:
        for key, unreadable in (("", 0), ("x_1.json.gz", 1)):
            entry = f"<Contents><Key>{ours}{key}</Key>{more}</Contents>".encode()
            objects.on("LIST", listed_with(entry), key="trips")
            is_(set(answered(s, unreadable, f"{name}, key {key or 'of a folder'}")), whole,
                "the trips are there")
            objects.clear()
    ok(named(s, "trip_unreadable", "x_1.json.gz"), "one that should be a trip is named")


def others_objects(s):
    """What consoles, sync tools and batch jobs leave: once in the log, and left alone."""
    whole = set(answered(s, 0, "before"))
    below = f"users/{trips.USER}/trips/"
    keys = [below + name for name in ("", ".keep", "_SUCCESS", "old/x_1.json.gz", "x_1.json",
                                      "x_01.json.gz", "x_1.json.gz.part")]
    keys += [f"users/{trips.USER}/packs/.keep", f"users/{trips.USER}/summary.json.gz.bak",
             "users/.keep"]
    for key in keys:
        s.stores.put(key, b"")
    is_(set(answered(s, 0, "others' objects among ours")), whole, "the same trips")
    said = s.log().count("event=strange_key ")
    ok(said >= 7, f"named in the log ({said})")
    for _ in range(5):
        read(s)
    is_(s.log().count("event=strange_key "), said, "once, by one of the workers")
    for n in range(20):
        s.stores.put(f"{below}more/{n}", b"")
    for _ in range(3):
        read(s)
    ok(s.log().count("event=strange_key") <= said + 9, "a flood of them is not")
    is_(s.ctl("reconcile", check=False).returncode, 0, "reconcile ends well")
    left = set(s.stores.keys("users/"))
    is_([k for k in keys if k not in left], [], "and leaves them")
    for key in keys + [f"{below}more/{n}" for n in range(20)]:
        s.stores.delete(key)


with harness.Stack({"server.request_timeout": "6s", "server.finalize_timeout": "4s"},
                   kind="s3", proxy=True, redis=False, workers=3) as s:
    s.users([trips.user()])
    for _ in range(3):
        drivers.drive(s, trips.trip(next(number)))
    # Where the store cannot delete on a condition, what is finalized again leaves an older
    # object, which is read each time: that comes last.
    for test in (a_trip, a_summary, everything, odd_entries, others_objects, a_pack,
                 one_pack_of_two,
                 a_trip_finalized_again):
        with subtest(test.__name__.replace("_", " ")):
            test(s)
            s.stores.objects_proxy.clear()

done()
