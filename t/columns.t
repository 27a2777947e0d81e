#!/usr/bin/python3
"""Hosts of two versions share a driver's summary: columns that a host does not know stay,
figures that a row lacks come from its trip's text, and neither costs a trip's object or a
pack. The other version is played here, by summaries as it would write them."""

import gzip
import itertools
import os
import sys
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import answers
import bundle
import copies
import drivers
import harness
import trips
from tap import done, is_, ok, subtest

COUNT = 24  # too few for the service to pack them itself
PACK = f"users/{trips.USER}/packs/1.json.gz"
TRIPS = f"users/{trips.USER}/trips/"
LATER = [{"x": [1, None]}, "text", 7, True, None]  # a column of a later version


def summary():
    return drivers.unpacked(s, drivers.summary_key())


def put(columns, rows, **more):
    """The summary with these columns of these rows (dicts), all texts in the pack."""
    s.quiet()  # nobody is about to write it
    doc = dict(summary(), columns=columns, recent=[], **more)
    s.stores.put(drivers.summary_key(), bundle.put_together(bundle.with_rows(doc, rows), []))


def packed_rows():
    """Puts all trips into pack 1; the rows that say so, in the summary's order."""
    rows, pieces = [], []
    for key in drivers.objects(s):
        text = gzip.decompress(s.stores.get(key))
        pieces.append(bundle.fragment(text))
        row = drivers.summary_rows(s)[key[len(TRIPS):].rsplit("_", 1)[0]]
        rows.append(dict(row, pack=1, length=len(text), crc=zlib.crc32(text),
                         deflate=len(pieces[-1])))
    order = sorted(range(len(rows)), key=lambda i: rows[i]["trip_id"])
    rows, pieces = [rows[i] for i in order], [pieces[i] for i in order]
    s.stores.put(PACK, bundle.put_together(bundle.pack_doc(trips.USER, rows), pieces))
    return rows


def read():
    """With no trip's object to be had."""
    with s.stores.unreadable(TRIPS):
        return answers.meaning(s.driver(email=trips.EMAIL))


def counted(name, call):
    before = s.count(name)
    result = call()
    return s.count(name) - before, result


def untouched(pack, why):
    ok(s.stores.get(PACK) == pack, f"{why}: the pack is as it was")
    is_({r["pack"] for r in drivers.summary_rows(s).values()}, {1}, f"{why}: all are in it")


number = itertools.count(2)


def drive():
    """A trip that was never there: another upload for a finalized one would have it
    scored once more, whenever maintenance comes to it."""
    trip = trips.trip(next(number))
    drivers.drive(s, trip)
    return trip


def forget(trip):
    s.quiet()
    for key in drivers.objects(s):  # Ceph's gateway keeps the older ones
        if trip["trip_id"] in key:
            s.stores.delete(key)


with harness.Stack(workers=2, redis=False, proxy=True) as s:
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    original, = copies.stored(s, trips.USER)
    made = [original.copy(trips.USER, 0, n) for n in range(1, COUNT)]
    # Another writer's, nested deeper than what clients may send.
    trip_id, end_ms, text = made[0]
    deep = f'{text.rstrip()[:-1]},"deep":{"[" * 40}{"]" * 40}}}'
    copies.put(s, trips.USER, [(trip_id, end_ms, deep), *made[1:]])
    whole = answers.meaning(s.driver(email=trips.EMAIL))
    ours = summary()["columns"]
    rows = packed_rows()
    pack = s.stores.get(PACK)

    with subtest("a column of a later version"):
        theirs = ["later", *reversed(ours)]
        put(theirs, [dict(row, later=LATER[i % len(LATER)]) for i, row in enumerate(rows)])
        before = s.stores.get(drivers.summary_key())
        is_(read(), whole, "the same answer, and no object was read")
        ok(s.stores.get(drivers.summary_key()) == before, "nothing is written")
        untouched(pack, "read")
        added = drive()
        now = drivers.summary_rows(s)
        is_([now[row["trip_id"]].get("later", "gone") for row in rows],
            [LATER[i % len(LATER)] for i in range(COUNT)], "a finalize keeps its cells")
        is_(now[added["trip_id"]]["later"], None, "its own row has none")
        is_(len(now), COUNT + 1, "and is there")
        s.post("/finalize-trip", drivers.ended_at(added, 60))
        is_(drivers.summary_rows(s)[added["trip_id"]]["later"], None,
            "a row that is replaced says nothing of what was before")

    with subtest("a cell of it goes with the trip's analysis"):
        put([*ours, "later"], [dict(row, later=1, pack=max(row["pack"], 0))
                               for row in drivers.summary_rows(s).values()])
        s.post("/finalize-trip", drivers.ended_at(added, 120))
        now = {k: row["later"] for k, row in drivers.summary_rows(s).items()}
        is_(now.pop(added["trip_id"]), None, "the new analysis has none")
        is_(set(now.values()), {1}, "the others keep theirs")

    for lacking in (["behavior_score"], ["start_us", "context", "hard_stops"]):
        with subtest(f"an earlier version, without {', '.join(lacking)}"):
            forget(added)
            theirs = [c for c in ours if c not in lacking] + ["later"]
            put(theirs, [dict(row, later=i) for i, row in enumerate(rows)], aggregate={})
            completed, answer = counted("rows_completed", read)
            is_(answer, whole, "the same answer, and no object was read")
            is_(completed, COUNT, "by the texts in the pack")
            s.quiet()
            untouched(pack, "completed")
            is_(summary()["columns"], [*ours, "later"], "the summary has all columns now")
            is_([row["later"] for row in drivers.summary_rows(s).values()],
                list(range(COUNT)), "and what is not ours")
            ok("overall_behavior_score" in summary()["aggregate"], "and its aggregate")
            completed, answer = counted("rows_completed", read)
            ok(answer == whole and completed == 0, "the next reader has nothing to do")
            added = drive()

    with subtest("rows that an earlier version adds"):
        forget(added)
        put(ours, [dict(row, behavior_score=None, end_us=False) if i < 2 else row
                   for i, row in enumerate(rows)])
        drive()
        now = drivers.summary_rows(s)
        is_([(now[row["trip_id"]]["behavior_score"], now[row["trip_id"]]["end_us"])
             for row in rows[:2]], [(None, False)] * 2, "a finalize says so, too")
        ok("aggregate" not in summary(), "and no aggregate of what it does not know")
        completed, _ = counted("rows_completed", lambda: s.driver(email=trips.EMAIL))
        is_(completed, 2, "the next reader completes them")
        s.quiet()
        is_([row["behavior_score"] for row in drivers.summary_rows(s).values()].count(None),
            0, "for good")

    with subtest("a row that lacks more than figures"):
        put([c for c in ours if c != "etag"], rows)
        is_(answers.meaning(s.driver(email=trips.EMAIL))["total_trips"], COUNT + 1,
            "the summary counts as none")
        s.quiet()
        is_(summary()["columns"], ours, "and is made anew")

done()
