#!/usr/bin/python3
"""Packs: which trips come into them, when, and that nothing that happens on the way
(a crash, another writer, a store that refuses) costs more than reading trips singly."""

import contextlib
import gzip
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from background import held
from tap import done, is_, ok, subtest

harness.need_faults()
DUE = 32
FULL = 256
HERE = -1  # the pack of a row whose analysis lies in the summary itself


class Driver:
    """A driver of one test alone."""

    def __init__(self, s, name):
        self.s, self.id, self.email = s, name, name + "@example.com"
        self.n = 0
        s.users([trips.user(name, self.email)])

    def finalize(self, count=1):
        """So many new trips, one after the other; their bodies, when what that led to
        is done, too."""
        new = [trips.trip(self.n + i, user_id=self.id, points=3) for i in range(count)]
        self.n += count
        for t in new:
            is_status(drivers.drive(self.s, t))
        self.s.quiet()
        return new

    def store(self, count, **more):
        """So many trips as another writer stores them; their keys."""
        keys = []
        for self.n in range(self.n + 1, self.n + 1 + count):
            keys.append(self.key(self.n))
            self.store_one(self.n, **more)
        return keys

    def key(self, n):
        return f"users/{self.id}/trips/t{n}_{1577837400000 + n * 3600000}.json.gz"

    def store_one(self, n, **more):
        drivers.store_packed(self.s, self.key(n), {
            "trip_id": f"t{n}", "start_timestamp": "2020-01-01T00:00:00+00:00",
            "end_timestamp": trips.stamp(1577837400000 + n * 3600000),
            "behavior_score": 71, "total_distance_miles": n, "duration_minutes": 10,
            "driving_context": {"context": "city"}, **more})

    def read(self):
        """The answer, when what it left for later is done, too."""
        r = self.s.driver(email=self.email)
        is_status(r)
        self.s.quiet()
        return r.json()

    def rows(self):
        return drivers.summary_rows(self.s, self.id)

    def packs(self):
        """What lies in packs/: trip ids by pack number."""
        self.s.quiet()
        return {number_of(key): {t["trip_id"] for t in self.pack(key)["trips"]}
                for key in self.s.stores.keys(f"users/{self.id}/packs/")}

    def pack_key(self, number):
        return f"users/{self.id}/packs/{number}.json.gz"

    def pack(self, key):
        """Its JSON, the index as dicts."""
        doc = json.loads(gzip.decompress(self.s.stores.get(key)))
        doc["trips"] = [dict(zip(doc["columns"], row)) for row in doc["trips"]]
        return doc

    def named(self):
        """Which trips the summary says are in which pack."""
        by_pack = {}
        for trip_id, row in self.rows().items():
            by_pack.setdefault(row["pack"], set()).add(trip_id)
        return by_pack

    def packed(self):
        """How many trips are in a pack."""
        return sum(row["pack"] > 0 for row in self.rows().values())


def number_of(key):
    return int(key.split("/")[-1].removesuffix(".json.gz"))


def is_status(r):
    if r.status != 200:
        raise AssertionError(f"{r.status}: {r.body}")


def sizes(by_pack):
    return {number: len(ids) for number, ids in by_pack.items()}


def packs_are_named(d, what):
    """Every trip is in the pack that its row names, with its object's ETag."""
    rows, missing = d.rows(), []
    for number, ids in d.packs().items():
        index = {t["trip_id"]: t for t in d.pack(d.pack_key(number))["trips"]}
        missing += [i for i in rows if rows[i]["pack"] == number and
                    (i not in ids or index[i]["etag"] != rows[i]["etag"])]
    named = {row["pack"] for row in rows.values()} - {0, HERE}
    is_((missing, named - set(d.packs())), ([], set()), what)


@contextlib.contextmanager
def packer_held(s, call, point="packing.before_summary"):
    """A packing that call() leads to, held there for as long as the block runs."""
    with held(s, point, call):
        yield
    s.quiet()


@contextlib.contextmanager
def no_packs(s):
    """Nobody can write a pack for as long as the block runs."""
    point = "packing.before_pack.always"
    s.fault(point, "fail")
    yield
    s.quiet()
    s.fault_over(point)


def tidied(s, d, wanted=None):
    """Reconcile, until it has removed the packs that are not named, and the others
    are as wanted: what was just written is left alone."""
    def looks_so():
        drivers.tidied(s, d.id)
        return set(d.packs()) <= set(d.named()) and wanted in (None, sizes(d.packs()))
    harness.wait_for("reconcile to be done with the packs", looks_so)


def finalizes(s):
    d = Driver(s, "finalizes")
    d.finalize(DUE - 1)
    is_((sizes(d.named()), d.packs()), ({HERE: DUE - 1}, {}), "the summary has them")
    d.finalize()
    is_((sizes(d.named()), sizes(d.packs())), ({1: DUE}, {1: DUE}), "a pack has them")
    doc = d.pack(d.pack_key(1))
    is_([a["trip_id"] for a in doc["analyses"]], [t["trip_id"] for t in doc["trips"]],
        "its analyses, in the order of its index")
    is_(doc["analyses"][0],
        drivers.unpacked(s, drivers.object_of(s, doc["trips"][0]["trip_id"], d.id)),
        "an analysis as its object has it")
    is_(drivers.unpacked(s, drivers.summary_key(d.id))["recent"], [],
        "the summary has them no more")
    d.finalize(DUE)
    is_(sizes(d.packs()), {1: 2 * DUE}, "the next ones join them")
    packs_are_named(d, "every row names a pack that has its trip")


def finalized_again(s):
    d = Driver(s, "again")
    old = d.finalize(DUE)
    for t in old[:3]:
        r = s.post("/finalize-trip", drivers.ended_at(t, 7))
        is_status(r)
    is_(sizes(d.named()), {1: DUE - 3, HERE: 3}, "what was replaced is not in the pack")
    is_(sizes(d.packs()), {1: DUE}, "which has the old one still")
    ends = {t["trip_id"]: drivers.milliseconds(t["end_timestamp"])
            for t in d.read()["trips"]}
    is_([ends[t["trip_id"]] for t in old[:3]],
        [drivers.milliseconds(drivers.ended_at(t, 7)["end_timestamp"])
         for t in old[:3]], "answered: the new")
    d.finalize(DUE - 3)
    is_(sizes(d.packs()), {1: DUE}, "that may be another's, just written: left alone")
    tidied(s, d, {1: 2 * DUE - 3})
    is_(sizes(d.packs()), {1: 2 * DUE - 3}, "rewritten with the new, later")
    packs_are_named(d, "every row names a pack that has this version")


def first_read(s):
    d = Driver(s, "first")
    keys = d.store(FULL + 44)
    noise = "".join(random.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=120000))
    huge, = d.store(1, note=noise)
    is_(d.read()["total_trips"], len(keys) + 1, "read")
    is_(sizes(d.packs()), {1: FULL, 2: 44}, "packed, two packs")
    is_({row["trip_id"]: row["pack"] for row in d.rows().values()
         if row["pack"] not in (1, 2)}, {huge.split("/")[-1].split("_")[0]: 0},
        "a huge one stays alone")
    newest = {t["trip_id"] for t in d.pack(d.pack_key(2))["trips"]}
    is_(newest, {f"t{n}" for n in range(FULL + 1, FULL + 45)}, "by time")
    return d


def thinned(s, d):
    for n in list(range(1, 201)):
        s.stores.delete(d.key(n))
    d.store(DUE)
    is_(d.read()["total_trips"], 101 + DUE, "most of a pack's trips are gone")
    tidied(s, d, {1: 100 + DUE})
    is_(sizes(d.packs()), {1: 100 + DUE}, "what is left is put together")
    is_(sizes(d.named()), {1: 100 + DUE, 0: 1}, "and reconcile removed the other")


def summary_gone(s, d):
    before = d.read()
    drivers.remove_summary(s, d.id)
    is_(d.read()["total_trips"], before["total_trips"], "read")
    packs_are_named(d, "every row names a pack that has its trip")
    tidied(s, d)
    is_(sizes(d.packs()), {n: size for n, size in sizes(d.named()).items() if n},
        "reconcile leaves no others")


def pack_gone(s):
    d = Driver(s, "gone")
    d.store(DUE)
    d.read()
    s.stores.delete(d.pack_key(1))
    s.ctl("reconcile", "--user", d.id)
    is_(sizes(d.packs()), {1: DUE}, "reconcile makes it again")
    packs_are_named(d, "every row names it")


def worker_dies(s, point):
    d = Driver(s, "dies-" + point.replace(".", "-"))
    d.finalize(DUE - 1)
    s.fault(point, "crash")
    d.finalize()
    s.fault_taken(point)
    is_(d.packed(), 0, "answered, and not packed")
    packs_are_named(d, "every row names a pack that has its trip")
    is_(d.read()["total_trips"], DUE, "read")
    is_(d.packed(), DUE, "packed by the reader")
    packs_are_named(d, "every row names a pack that has its trip")
    tidied(s, d)
    is_(sizes(d.packs()), sizes(d.named()), "reconcile leaves no others")


def store_refuses(s):
    d = Driver(s, "refused")
    d.finalize(DUE - 1)
    failed = s.count("packs_failed")
    with no_packs(s):
        d.finalize()
    is_(d.packs(), {}, "answered, not packed")
    is_(s.count("packs_failed"), failed + 1, "counted")
    ok("event=pack_not_written" in s.log(), "and logged")
    d.finalize(DUE - 1)
    is_(d.packs(), {}, "not tried again by each")
    d.finalize()
    is_(sizes(d.packs()), {1: 2 * DUE}, "but with the next that are due")


def another_writer(s):
    d = Driver(s, "writer")
    d.store(DUE)
    with packer_held(s, d.read):
        d.finalize()
    is_((sizes(d.named()), sizes(d.packs())), ({1: DUE, HERE: 1}, {1: DUE}),
        "the finalize's row and the packer's numbers are both there")
    packs_are_named(d, "every row names a pack that has its trip")


def another_packer(s):
    d = Driver(s, "packer")
    d.store(DUE)
    failed = s.count("packs_failed")
    with packer_held(s, d.read):
        d.finalize()
        d.read()
    is_((sizes(d.named()), sizes(d.packs())), ({2: DUE + 1}, {1: DUE, 2: DUE + 1}),
        "each wrote a pack of its own, one is named")
    is_(s.count("packs_failed"), failed + 1, "the other was in vain")
    is_(d.read()["total_trips"], DUE + 1, "read")
    s.ctl("reconcile", "--user", d.id)
    is_(sorted(d.packs()), [1, 2], "reconcile leaves what may be about to be named")


def same_pack(s, d, point):
    """Two packers at once, the slower of which has less to put into the same pack."""
    number = max(d.packs(), default=1)
    d.store(DUE)
    failed = s.count("packs_failed")
    with packer_held(s, d.read, point):
        d.finalize()
        d.read()
    is_(s.count("packs_failed"), failed + 1, "one was in vain")
    is_(sizes(d.packs()), {number: len(d.rows())}, "the other's pack is there")
    packs_are_named(d, "every row names a pack that has its trip")


def replaced_meanwhile(s):
    d = Driver(s, "meanwhile")
    d.store(DUE)
    with packer_held(s, d.read), no_packs(s):
        d.store_one(1, note="new")
        d.read()
    # Before anybody reads again: a reader would put it right.
    ok(d.rows()["t1"]["pack"] <= 0, "its row does not name the pack of the old")
    is_(d.packed(), DUE - 1, "the others do")
    is_([a["note"] for a in d.read()["trips"] if a["trip_id"] == "t1"], ["new"],
        "answered: the new")


# Maintenance would be seen, too.
with harness.Stack({"maintenance.interval": "10m"}, redis=False, workers=3) as s:
    with subtest("finalizes"):
        finalizes(s)
    with subtest("trips finalized again"):
        finalized_again(s)
    with subtest("a driver read for the first time"):
        first = first_read(s)
    with subtest("packs that have become thin"):
        thinned(s, first)
    with subtest("no summary"):
        summary_gone(s, first)
    with subtest("a pack that is gone"):
        pack_gone(s)
    with subtest("a worker dies before it writes a pack"):
        worker_dies(s, "packing.before_pack")
    with subtest("a worker dies between pack and summary"):
        worker_dies(s, "packing.before_summary")
    with subtest("a pack that cannot be written"):
        store_refuses(s)
    with subtest("a summary written by somebody else in between"):
        another_writer(s)
    with subtest("two packers at once"):
        another_packer(s)
    one = Driver(s, "same-pack")
    with subtest("two packers of the same new pack"):
        same_pack(s, one, "packing.before_pack")
    with subtest("two packers of the same pack to be replaced"):
        same_pack(s, one, "packing.before_pack")
    with subtest("a packer with a summary from before another's run"):
        same_pack(s, one, "packing.before_texts")
    with subtest("a trip replaced in between"):
        replaced_meanwhile(s)

done()
