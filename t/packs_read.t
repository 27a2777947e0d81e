#!/usr/bin/python3
"""Packs are read instead of many objects, and are never the truth: whatever is wrong with
one, the answer is the objects', and the summary does not name it any more. The packs
here are written by other means than the service's; packs.t is about its own."""

import gzip
import json
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
from background import Background
from faultproxy import status
from tap import done, is_, ok, subtest

harness.need_faults()

COUNT = 24  # too few for the service to pack them itself
WORTH = 8   # texts for which a pack is read
PACK = f"users/{trips.USER}/packs/1.json.gz"


def stored(s, count):
    """A driver of so many trips, and a first read, which writes the summary."""
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    original, = copies.stored(s, trips.USER)
    copies.put(s, trips.USER, [original.copy(trips.USER, 0, n)
                               for n in range(1, count)])
    return answers.meaning(s.driver(email=trips.EMAIL))


def analyses(s):
    """By trip id, the text of each object."""
    texts = [gzip.decompress(s.stores.get(key)) for key in drivers.objects(s)]
    return {json.loads(text)["trip_id"]: text for text in texts}


def name_packs(s, texts, in_pack):
    """Writes the summary so that a row's trip is in the pack in_pack(place of the row),
    with its text as given; (rows, fragments)."""
    doc = drivers.unpacked(s, drivers.summary_key())
    named, fragments = [], []
    for place, row in enumerate(bundle.rows(doc)):
        text = texts[row["trip_id"]]
        fragments.append(bundle.fragment(text))
        named.append(dict(row, pack=in_pack(place), length=len(text),
                          crc=zlib.crc32(text), deflate=len(fragments[-1])))
    s.stores.put(drivers.summary_key(), bundle.put_together(
        dict(bundle.with_rows(doc, named), recent=[]), []))
    return named, fragments


with harness.Stack(workers=2, redis=False, proxy=True) as s:
    whole = stored(s, COUNT)
    texts = analyses(s)
    is_(len(texts), COUNT, "trips")

    def read(head, **more):
        """The answer, and how many packs were found unusable for it."""
        before = s.count("packs_unusable")
        r = s.get(answers.path(trips.EMAIL, **more), head)
        return answers.meaning(r), s.count("packs_unusable") - before

    def packed(make=bundle.put_together, rows=lambda r: r, fragments=lambda f: f):
        """All trips are in pack 1, which something may be wrong with."""
        right_rows, right = name_packs(s, texts, lambda place: 1)
        doc = bundle.pack_doc(trips.USER, rows(right_rows))
        s.stores.put(PACK, make(doc, fragments(right)))

    def same_answer(lost, **wrong):
        """In both codings, with the pack wrong anew; then healed. lost: how many trips
        are not in it any more, or a range."""
        lost = lost if isinstance(lost, range) else range(lost, lost + 1)
        for name, head in (("text", answers.IDENTITY), ("gzip", answers.GZIP)):
            packed(**wrong)
            answer, found = read(head)
            ok(answer == whole, f"the same answer as {name}")
            is_(found, 0 if 0 in lost else 1, "unusable packs")
        rows = drivers.summary_rows(s).values()
        ok(sum(row["pack"] != 1 for row in rows) in lost, "rows that lost their pack")
        answer, found = read(answers.GZIP)
        ok(answer == whole and not found, "and it is not missed again")

    with subtest("a pack as it should be"):
        same_answer(lost=0)

    with subtest("what is sent is what the pack has"):
        marked = {trip_id: json.dumps(dict(json.loads(text), note="packed")).encode()
                  for trip_id, text in texts.items()}
        rows, pieces = name_packs(s, marked, lambda place: 1)
        s.stores.put(PACK, bundle.put_together(bundle.pack_doc(trips.USER, rows),
                                               pieces))
        for head in (answers.IDENTITY, answers.GZIP):
            answer, found = read(head)
            is_([t.get("note") for t in answer["trips"]], ["packed"] * COUNT, "all")
        for limit, notes in ((WORTH, ["packed"] * WORTH),
                             (WORTH - 1, [None] * (WORTH - 1))):
            answer, found = read(answers.GZIP, limit=limit)
            is_([t.get("note") for t in answer["trips"]], notes,
                f"of {limit} trips {'all' if notes[0] else 'none'}")

    with subtest("a pack that is gone"):
        packed()
        s.stores.delete(PACK)
        answer, found = read(answers.GZIP)
        ok(answer == whole, "the same answer")
        is_(found, 1, "counted")
        is_({row["pack"] for row in drivers.summary_rows(s).values()} & {1}, set(),
            "no row names it any more")

    def while_it_fails(call, *args):
        """The store has the pack, and cannot give it at this one time."""
        if s.stores.kind == "s3":
            s.stores.objects_proxy.on("GET", status(503, "SlowDown"), key=PACK)
            answer = call(*args)
            s.stores.objects_proxy.clear()
            return answer
        s.fault("answer.read", "hold")  # the summary has been read
        reader = Background(call, *args)
        s.fault_taken("answer.read")
        s.fault("dir.get.fail", "fail")
        s.fault_go("answer.read")
        return reader.result()

    with subtest("a pack that the store cannot give now"):
        packed()
        answer, found = while_it_fails(read, answers.GZIP)
        ok(answer == whole, "the same answer")
        is_(found, 1, "counted")
        s.quiet()
        is_({row["pack"] for row in drivers.summary_rows(s).values()}, {1},
            "which says nothing of what is in it")

    for name, make in {
            "is empty": lambda *a: b"",
            "is not gzip": lambda *a: b"not gzip",
            "is gzip of another hand": lambda doc, pieces: gzip.compress(
                json.dumps(doc).encode()),
            "was cut at its end": lambda *a: bundle.put_together(*a)[:-1],
            "was cut in the middle": lambda *a: bundle.put_together(*a)[:1000],
            "was cut in its head": lambda *a: bundle.put_together(*a)[:17],
            "has something behind it": lambda *a: bundle.put_together(*a) + b"\0",
            "is of a later format": lambda doc, pieces: bundle.put_together(
                dict(doc, format=2), pieces),
            "has no fragments": lambda doc, pieces: bundle.put_together(doc, []),
    }.items():
        with subtest(f"a pack that {name}"):
            same_answer(COUNT, make=make)

    for column, lie in (("length", 1), ("length", -10 ** 6), ("crc", 1), ("deflate", 1),
                        ("deflate", -1), ("deflate", 2 ** 40), ("deflate", -10 ** 6)):
        with subtest(f"a pack whose index is wrong about a {column} by {lie}"):
            def make(doc, pieces):
                rows = bundle.rows(doc)
                rows[3][column] += lie
                return bundle.put_together(doc, pieces, bundle.with_rows(doc, rows))

            same_answer(COUNT, make=make)

    for name, what in (("another version", {"etag": "0" * 32}),
                       ("another end", {"end_ms": 1}), ("other trips", {"trip_id": None}),
                       ("another text", {"crc": 7})):
        with subtest(f"a pack that has {name} of some"):
            def rows(right):
                return [dict(row, **{k: v or f"another_{n}" for k, v in what.items()})
                        if n % 3 == 0 else row for n, row in enumerate(right)]

            same_answer(COUNT // 3, rows=rows)

    with subtest("a pack of another driver"):
        same_answer(COUNT, rows=lambda right: [
            dict(row, trip_id=row["trip_id"].replace(trips.USER, "another"))
            for row in right])

    with subtest("a pack that has a trip twice"):
        same_answer(COUNT, rows=lambda right: right + right[:1],
                    fragments=lambda right: right + right[:1])

    with subtest("a pack whose texts are spoilt"):
        same_answer(COUNT, fragments=lambda f: [bundle.spoilt(x) for x in f])

    with subtest("a pack of which one text is spoilt"):
        # Those that were sent before it came up are right, and stay.
        same_answer(range(1, COUNT), fragments=lambda f: f[:9] + [
            bundle.spoilt(f[9])] + f[10:])

    with subtest("a text that is spoilt in the summary"):
        for head in (answers.IDENTITY, answers.GZIP):
            doc = drivers.unpacked(s, drivers.summary_key())
            rows = [dict(row, pack=-1, deflate=len(bundle.fragment(texts[row["trip_id"]])))
                    for row in bundle.rows(doc)]
            pieces = [bundle.fragment(texts[row["trip_id"]]) for row in rows]
            pieces[5] = bundle.spoilt(pieces[5])
            s.stores.put(drivers.summary_key(), bundle.put_together(
                dict(bundle.with_rows(doc, rows), recent=[]), pieces))
            ok(read(head)[0] == whole, "the same answer")
            s.quiet()
            spoilt = s.log().count("text_spoilt")
            ok(spoilt, "named in the log")
            ok(read(head)[0] == whole, "the same answer")
            s.quiet()
            is_(s.log().count("text_spoilt"), spoilt, "and it is put right")

done()
