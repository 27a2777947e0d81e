#!/usr/bin/python3
"""All ways to an answer mean the same: with and without a summary, out of packs and in spite
of them, out of Redis, of a file of this host, of what another host left; as text and as
gzip; whole and in pages. For every golden driver (t/lib/golden.py) and for drivers of 0 to
10,000 trips, who are put straight into the store."""

import itertools
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import answers
import bundle
import copies
import drivers
import golden
import harness
import stores
import tap
import trips
from expected import CODINGS, Driver, ask, check, check_whole, kept, wrong

# Ceph's gateway takes a second for a hundred objects; 1,100 are two pages of a listing.
COUNTS = {"dir": (0, 1, 2, 63, 64, 65, 1000, 10000),
          "s3": (0, 1, 2, 63, 64, 65, 1100)}[stores.chosen()]
FEW = 200       # drivers of at most so many trips are asked in more ways
LOOSE = 32      # of fewer no pack is made
HUGE = 2000     # and of more than so many in fewer
WIDE = 1000     # and this one's analyses are long
LARGE = (1000, 10000)   # have more text than
STREAMED = 8 << 20      # what is collected before it is sent
PAGES = 5       # are asked for in a row
FOREIGN = 7     # every so many-th trip is in the form of the plan's own writer
GZIP_LEVEL = 1  # of trips by the thousand
HEAD_SLACK = 32  # the time of answering compresses better or worse


# ---- the paths: each makes its state, asks, and checks; in this order ----

class Hosts:
    """Of one installation: two with Redis and files, one without files, one without
    either."""

    def __init__(self, stack):
        self.stack = stack
        self.one, self.two, self.no_files, self.no_cache = stack.hosts
        self.no_files.configure({"cache.files": "none"})
        self.no_cache.configure({"cache.url": "none"})

    def forget(self):
        self.stack.redis("FLUSHALL")


def repaired(h, d):
    harness.wait_for(f"the summary of {d.name}", lambda: h.stack.stores.get(d.summary) and
                     set(drivers.summary_rows(h.stack, d.user_id)) ==
                     {t["trip_id"] for t in d.trips})


def without_summary(h, d, coding):
    h.forget()
    drivers.remove_summary(h.stack, d.user_id)
    check(d, ask(h.one, d, coding), "without a summary", coding, "store")
    repaired(h, d)


def with_summary(h, d, coding):
    """There may be an old file of this host, which does not count."""
    h.forget()
    before = h.stack.stores.get(d.summary)
    check(d, ask(h.one, d, coding), "Redis is empty", coding, "store")
    h.one.quiet()
    tap.ok(h.stack.stores.get(d.summary) == before, f"{d.name}: no summary was written")


def hot(h, d, coding):
    r = ask(h.one, d, coding)
    check(d, r, "hot", coding, kept(r))
    head = ask(h.one, d, coding, "HEAD")
    tap.is_([head.header(k) for k in ("Content-Length", "ETag")],
            [r.header(k) for k in ("Content-Length", "ETag")],
            f"{d.name}, {coding}: hot HEAD")


def other_host(h, d, coding):
    check(d, ask(h.two, d, coding), "another host", coding, "cache")
    r = ask(h.two, d, coding)
    check(d, r, "hot there", coding, kept(r))


def no_files(h, d, coding):
    check(d, ask(h.no_files, d, coding), "pieces out of Redis", coding, "cache")


def no_cache(h, d, coding):
    r = check(d, ask(h.no_cache, d, coding), "without a cache", coding, "store")
    if len(d.trips) > FEW:
        return
    head = ask(h.no_cache, d, coding, "HEAD")
    off = int(head.header("Content-Length")) - int(r.header("Content-Length"))
    tap.ok(abs(off) <= (HEAD_SLACK if coding == "gzip" else 0),
           f"{d.name}, {coding}: cold HEAD")
    tap.is_(head.header("ETag"), r.header("ETag"), f"{d.name}, {coding}: its ETag")


PATHS = (without_summary, with_summary, hot, other_host, no_files, no_cache)


# ---- what is derived, spoilt: two ways of it for each driver, so that all are tried ----

def next_of(ways):
    return itertools.islice(ways, 2)


# ---- packs ----

def packs(h, d):
    """Keys of those that the summary names."""
    rows = drivers.summary_rows(h.stack, d.user_id).values()
    return [f"users/{d.user_id}/packs/{number}.json.gz"
            for number in sorted({row["pack"] for row in rows}) if number > 0]


def from_packs(h, d, coding):
    """No trip's own object need be read."""
    loose = [row["trip_id"] for row in
             drivers.summary_rows(h.stack, d.user_id).values() if row["pack"] == 0]
    tap.is_(loose, [], f"{d.name}: all trips are packed")
    tap.ok(packs(h, d) and all(map(h.stack.stores.get, packs(h, d))),
           f"{d.name}: in packs that are there")
    h.forget()
    host = h.no_cache if coding == "gzip" else h.one  # which makes both codings
    with h.stack.stores.unreadable(f"users/{d.user_id}/trips/"):
        check(d, ask(host, d, coding), "from packs alone", coding, "store")


def gone(h, d):
    for key in packs(h, d):
        h.stack.stores.delete(key)


def no_pack(h, d):
    for key in packs(h, d):
        h.stack.stores.put(key, b"not gzip")


def cut_pack(h, d):
    for key in packs(h, d):
        body = h.stack.stores.get(key)
        h.stack.stores.put(key, body[:len(body) // 2])


def plain_pack(h, d):
    """The same JSON, compressed by another hand."""
    for key in packs(h, d):
        drivers.store_packed(h.stack, key, drivers.unpacked(h.stack, key))


def change_packs(h, d, change):
    for key in packs(h, d):
        doc, fragments = bundle.take_apart(h.stack.stores.get(key))
        rows = bundle.rows(doc)
        change(rows, fragments)
        doc["trips"] = [list(row.values()) for row in rows]
        h.stack.stores.put(key, bundle.put_together(doc, fragments))


def spoilt_text(h, d):
    """Bytes that are not what the index says."""
    def change(_rows, fragments):
        fragments[::2] = map(bundle.spoilt, fragments[::2])

    change_packs(h, d, change)


def other_versions(h, d):
    """Texts of objects that were there before."""
    change_packs(h, d, lambda rows, _: [row.update(etag="0" * 32) for row in rows[::2]])


def other_trips(h, d):
    """Each trip's text under its neighbour's name, and the index agrees."""
    names = ("trip_id", "end_ms", "etag")

    def change(rows, _):
        before = [{k: row[k] for k in names} for row in rows]
        for row, other in zip(rows, before[1:] + before[:1]):
            row.update(other)

    change_packs(h, d, change)


PACKS_SPOILT = itertools.cycle((other_trips, spoilt_text, other_versions, no_pack, cut_pack,
                                plain_pack))


def check_packs(h, d):
    from_packs(h, d, "identity")
    if len(d.trips) > HUGE:
        return
    for coding, spoil in zip(itertools.cycle(("gzip", "identity")),
                             (gone, *next_of(PACKS_SPOILT))):
        spoil(h, d)
        check(d, ask(h.no_cache, d, coding), f"packs: {spoil.__name__}", coding, "store")
        drivers.remove_summary(h.stack, d.user_id)  # so that all is packed anew
        check(d, ask(h.no_cache, d, coding), "without a summary", coding, "store")
        from_packs(h, d, coding)


# ---- the summary, spoilt ----

def no_summary(h, d):
    h.stack.stores.put(d.summary, b"not gzip")


def cut_off(h, d):
    body = h.stack.stores.get(d.summary)
    h.stack.stores.put(d.summary, body[:len(body) // 2])


def foreign(h, d):
    drivers.store_packed(h.stack, d.summary, {"what": "something else"})


def stale_rows(h, d):
    """Every other row is of an older version of its object, with other figures."""
    every = itertools.cycle((True, False))
    drivers.change_summary(h.stack, lambda row: next(every) and row.update(
        etag="0" * 32, total_distance_miles=1000), d.user_id)


def strange_rows(h, d):
    """Of trips that are not his, and none of some that are."""
    every = itertools.cycle((True, False))
    drivers.change_summary(h.stack, lambda row: next(every) and row.update(
        trip_id="x" + row["trip_id"]), d.user_id)


SUMMARY_SPOILT = itertools.cycle((cut_off, stale_rows, strange_rows, no_summary, foreign))


def check_spoilt(h, d):
    for coding, spoil in zip(CODINGS, next_of(SUMMARY_SPOILT)):
        spoil(h, d)
        check(d, ask(h.no_cache, d, coding), f"summary: {spoil.__name__}", coding, "store")
        repaired(h, d)
        check(d, ask(h.no_cache, d, coding), f"after {spoil.__name__}", coding, "store")


# ---- views ----

def check_pages(h, d, host, coding, limit):
    """One behind the other they are the whole."""
    found, cursor, faults = [], None, []
    aggregate = {k: v for k, v in d.want.items() if k != "trips"}
    for first in range(0, len(d.trips), limit)[:PAGES]:
        r = ask(host, d, coding, limit=limit, **({"before": cursor} if cursor else {}))
        page = answers.meaning(r)
        cursor = page.get("next_before", "none")
        want = {**aggregate, "trips": d.want["trips"][first:first + limit],
                "next_before": cursor if first + limit < len(d.trips) else None}
        faults += wrong(d, r, coding, answers.source(r), want, (limit, first))
        found += page["trips"]
    tap.is_(faults, [], f"{d.name}, {coding}: pages of {limit}")
    tap.ok(found == d.want["trips"][:PAGES * limit],
           f"{d.name}, {coding}: one behind the other they are the whole")


def check_fields(h, d, host, coding):
    chosen = ("trip_id", "end_timestamp", "behavior_score", "driving_context")
    r = ask(host, d, coding, fields=",".join(chosen))
    want = {**d.want, "trips": [{k: t[k] for k in chosen if k in t}
                                for t in d.want["trips"]]}
    tap.is_(list(wrong(d, r, coding, answers.source(r), want, "fields")), [],
            f"{d.name}, {coding}: some fields")


def check_summary_view(h, d, host, coding):
    r = ask(host, d, coding, view="summary")
    want = {k: v for k, v in d.want.items() if k != "trips"}
    tap.is_(list(wrong(d, r, coding, answers.source(r), want, "summary")), [],
            f"{d.name}, {coding}: the aggregate alone")


def check_views(h, d, coding):
    few = len(d.trips) <= FEW
    for host in (h.one, h.no_cache) if few else (h.no_cache,):
        for limit in (1, 16, 1000) if few else (400, 1000):
            check_pages(h, d, host, coding, limit)
        if len(d.trips) <= HUGE:
            check_fields(h, d, host, coding)
        check_summary_view(h, d, host, coding)


# ---- a driver who is not asked by e-mail, and one who changes ----

def check_by_id(h, d):
    """Out of the same entry."""
    r = h.one.driver(user_id=d.user_id)
    tap.is_(r.json()["searched_by"], d.user_id, f"{d.name}: by id")
    tap.ok(answers.meaning(r) == {**d.want, "searched_by": d.user_id},
           f"{d.name}: and the same")


def check_changed(h, d):
    """A finalize anywhere, and no path has the answer of before."""
    for coding in CODINGS:  # hot everywhere
        for host in h.stack.hosts:
            ask(host, d, coding)
    drivers.drive(h.two, trips.trip(5000, d.user_id))
    before = d.etags.copy()
    d.expect()
    check_whole(d, ask(h.no_cache, d, "identity"))
    for coding, source in ("identity", "store"), ("gzip", "cache"):
        check(d, ask(h.one, d, coding), "after a finalize elsewhere", coding, source)
    for coding in CODINGS:
        for path in PATHS[2:]:
            path(h, d, coding)
        tap.ok(d.etags[coding, ""] != before[coding, ""], f"{d.name}: another ETag")


# ---- who ----

def busy_trip(number, user_id):
    """Ten minutes of stop and go around blocks: an analysis of more than 8 KB."""
    trip = trips.trip(number, user_id, points=150, batch=75)
    deltas = [delta for batch in trip["batches"] for delta in batch["deltas"]]
    for i, delta in enumerate(deltas):
        mph = 5 + 12 * abs(i % 10 - 5)
        step = round(mph / 3600 / 69.0 * 1e6)
        north = i // 20 % 2
        delta.update(speed_mph=mph, delta_lat=step * north, delta_long=step * (1 - north))
    return trip


def originals(stack, user_id, email, new_trips):
    stack.users([trips.user(user_id, email)])
    for trip in new_trips:
        r = drivers.drive(stack, trip)
        assert r.json()["analysis"]["status"] == "stored", r
    return copies.stored(stack, user_id)


def as_the_plan_writes(text):
    trip = json.loads(text)
    for own in ("revision", "start_time_display", "end_time_display"):
        del trip[own]
    return json.dumps({**trip, "note": "\u00e4 \\ \"", "new": [1, {"a": None}]},
                      separators=(" ,\n", " : "))


def many_trips(user_id, few, count):
    """Copies of few: two of each end at the same moment, and some are in a form that is
    not the service's own."""
    for number in range(count):
        days, which = divmod(number // 2, len(few))
        trip_id, end_ms, text = few[which].copy(user_id, number, days)
        if number % FOREIGN == FOREIGN - 1:
            text = as_the_plan_writes(text)
        yield trip_id, end_ms, text


def made_drivers(stack):
    short = originals(stack, "short", "short@example.com", [
        trips.trip(n, "short", points=20 + 7 * n, speed_mph=8.0 * n) for n in range(1, 5)])
    long = originals(stack, "long", "long@example.com", [
        busy_trip(n, "long") for n in range(1, 4)])
    for count in COUNTS:
        user_id, email = f"driver-{count}", f"has{count}@example.com"
        stack.users([trips.user(user_id, email)])
        copies.put(stack, user_id, many_trips(
            user_id, long if count == WIDE else short, count), GZIP_LEVEL)
        d = Driver(stack, user_id, email, count)
        tap.is_(len(d.trips), count, f"{d.name}: are in the store")
        yield d


def golden_drivers(stack):
    stack.ctl("user", "put", golden.users())
    golden.send(stack, golden.trips())
    reference = golden.answers()
    with open(golden.users()) as f:
        for user in json.load(f):
            email = user["email"].strip().lower()
            expected = reference["3.1 " + email]
            d = Driver(stack, user["user_id"], email, None,
                       expected if expected["body"] else None)
            tap.is_(200 if d.trips else 404, expected["status"], f"{d.name}: trips")
            yield d


def check_nobody(h, d):
    for coding, host in itertools.product(CODINGS, h.stack.hosts):
        check(d, ask(host, d, coding), "no trips", coding, None)


def check_driver(h, d):
    before = h.no_cache.count("answers_streamed")
    r = ask(h.no_cache, d, "identity")
    check_whole(d, r)
    tap.is_(h.no_cache.count("answers_streamed") - before, int(len(r.body) > STREAMED),
            f"{d.name}: streamed, if it is large")
    repaired(h, d)
    many, huge = len(d.trips) > FEW, len(d.trips) > HUGE
    if d.count in LARGE:
        tap.ok(len(r.body) > STREAMED, f"{d.name}: which it is")
    for coding in CODINGS:
        for path in PATHS:
            if not huge or path != without_summary:
                path(h, d, coding)
        if not many or coding == "gzip":
            check_views(h, d, coding)
    check_by_id(h, d)
    if len(d.trips) >= LOOSE:
        check_packs(h, d)
    if not huge:
        check_spoilt(h, d)


def main():
    with harness.Stack(hosts=4, start=False, proxy=True) as s:
        h = Hosts(s)
        s.start()
        for d in [*golden_drivers(s), *made_drivers(s)]:
            began = time.monotonic()
            with tap.subtest(d.name):
                (check_driver if d.trips else check_nobody)(h, d)
                if d.count and d.count <= FEW:
                    check_changed(h, d)
            tap.note(f"{d.name}: {time.monotonic() - began:.1f} s")
    tap.done()


main()
