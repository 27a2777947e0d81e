#!/usr/bin/python3
"""Bad input: a clear 4xx with `error` and `code`, a line in the log, nothing stored,
no worker lost, and (by the sanitizers, when the stack stops) no leak."""

import copy
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
import tap
import trips
from tap import is_, ok, subtest

BATCH, FINALIZE = "/store-trajectory-batch", "/finalize-trip"
OTHER = "b2a7c3d4-7c1f-4a44-8a6b-5a8b9b1c2d02"


def stored(s):
    """All that is stored, as something to compare."""
    paths = [os.path.join(folder, n) for folder, _, names in os.walk(s.spool)
             for n in names]
    return s.stores.image(), sorted((p, os.path.getsize(p)) for p in paths)


def refused(s, kept, path, body, name, status=400, code=None):
    """One call that must be refused with a line in the log."""
    r = kept.http("POST", path, body)
    if not is_(r.status, status, f"{name}: {status}"):
        tap.diag(r)
        return
    e = r.json()
    ok(isinstance(e.get("error"), str) and e["error"] and
       isinstance(e.get("code"), str) and e["code"], f"{name}: says what and why")
    if code:
        is_(e["code"], code, f"{name}: code")
    rid = r.header("X-Request-Id")  # its line may come after the answer
    ok(harness.wait_for("a line in the log", lambda: rid in s.log()),
       f"{name}: in the log")
    return e


def with_member(body, name, value):
    """The body with one member of its own set, or without it (KeyError)."""
    changed = copy.deepcopy(body)
    if value is KeyError:
        del changed[name]
    else:
        changed[name] = value
    return changed


def raw_member(body, name, text):
    """The same with a value that json.dumps would not write."""
    mark = "@@here@@"
    return json.dumps(with_member(body, name, mark)).replace(json.dumps(mark), text)


BAD_IDS = [
    ("with a slash", "a/b"), ("that goes up", ".."), ("that goes up inside", "a/../b"),
    ("with a leading dot", ".a"), ("with a newline", "a\nb"), ("of 4 KB", "a" * 4096),
    ("of 129 characters", "a" * 129), ("with a NUL", "a\0b"), ("with a blank", "a b"),
    ("with a letter beyond ASCII", "a\u00e9"), ("with a quote", 'a"b'),
    ("with a percent sign", "a%2fb"), ("that is empty", ""), ("that is null", None),
    ("that is a number", 7), ("that is true", True), ("that is a list", ["a"]),
    ("that is an object", {"a": "b"}), ("that is missing", KeyError),
]


def ids(s, kept, path, body):
    for member in ("user_id", "trip_id"):
        for what, value in BAD_IDS:
            refused(s, kept, path, with_member(body, member, value), f"{member} {what}")


def not_json(s, kept, path, body):
    good = json.dumps(body)
    for what, text in [
        ("nothing", ""), ("a blank", " "), ("words", "hello"), ("half of it", good[:len(good) // 2]),
        ("something behind it", good + "x"), ("it twice", good + good),
        ("a comment", "/* */" + good), ("a comma too many", good[:-1] + ",}"),
        ("a byte order mark", "\ufeff" + good), ("bytes that are no UTF-8", b'{"a":"\xff"}'),
        ("an overlong form", b'{"a":"\xc0\xaf"}'), ("a lone surrogate", '{"a":"\\ud800"}'),
        ("a raw NUL", good.replace("{", "{\0", 1)), ("a control character", '{"a":"\x01"}'),
        ("single quotes", good.replace('"', "'")),
        ("100 levels", raw_member(body, "quality_metrics", "[" * 100 + "]" * 100)),
        ("100,000 levels", "[" * 100000),
        ("a member twice", raw_member(body, "user_id", '"a","user_id":"a"')),
        ("a member twice, escaped", raw_member(body, "user_id", '"a","user\\u005fid":"a"')),
        ("a member twice, deep inside", raw_member(body, "x", '[{"y":{"a":1,"a":2}}]')),
        ("an escaped NUL", raw_member(body, "user_id", '"a\\u0000b"')),
        ("an escaped NUL in a name", raw_member(body, "x", '{"user_id\\u0000":1}')),
        ("NaN", raw_member(body, "x", "NaN")), ("Infinity", raw_member(body, "x", "-Infinity")),
        ("1e400", raw_member(body, "x", "1e400")), ("a leading zero", raw_member(body, "x", "01")),
        ("a leading plus", raw_member(body, "x", "+1")), ("hexadecimal", raw_member(body, "x", "0x1")),
    ]:
        refused(s, kept, path, text, f"{path}: {what}", code="bad_json")
    for what, text in [("a list", f"[{good}]"), ("null", "null"), ("a number", "7"),
                       ("a string", json.dumps(good)), ("an empty object", "{}")]:
        refused(s, kept, path, text, f"{path}: {what}")


def wrong_batches(s, kept, body):
    for value in (0, -1, 1.5, 100001, 1e300, "1", True, None, [1], KeyError):
        refused(s, kept, BATCH, with_member(body, "batch_number", value), f"batch_number {value}")
    for value in (None, {}, "deltas", 7, [], KeyError):
        refused(s, kept, BATCH, with_member(body, "deltas", value), f"deltas {value}")
    is_(refused(s, kept, BATCH, with_member(body, "deltas", KeyError), "no deltas")["error"],
        "Missing required fields", "in the words of today")
    required = {"delta_lat": 1, "delta_long": 1, "delta_time": 1000}
    bad = ([7, None, [], "x"] +
           [with_member(required, k, v) for k in required
            for v in (None, "x", "nan", "inf", "1e400", True, [], {}, KeyError)] +
           [with_member(required, "delta_time", v) for v in (0, -1, 3600001, "0")])
    e = refused(s, kept, BATCH, with_member(body, "deltas", bad), "bad deltas only")
    is_(e["error"], "No valid deltas found", "in the words of today")
    is_((e["original_count"], e["validated_count"]), (len(bad), 0), "counted")
    ok(isinstance(e["quality_issues"], list) and e["quality_issues"], "and named")
    for number in ("1e127", "1" * 39, "1e-131", "0.1" + "0" * 40 + "1"):
        for name, text in (("a batch's member", raw_member(body, "quality_metrics", '{"x":%s}' % number)),
                           ("a delta's member", raw_member(
                               body, "deltas", '[{"delta_lat":1,"delta_long":1,"delta_time":9,"x":%s}]' % number))):
            refused(s, kept, BATCH, text, f"{name} of {number}", code="bad_number")


def too_large(s, kept, body):
    small = {"delta_lat": 1, "delta_long": 1, "delta_time": 9}
    refused(s, kept, BATCH, with_member(body, "deltas", [small] * 5001), "5,001 deltas",
            413, "batch_too_large")
    long = dict(small, note="x" * 380000)
    refused(s, kept, BATCH, with_member(body, "deltas", [long]), "a batch over 380,000 bytes",
            413, "batch_too_large")
    for path in (BATCH, FINALIZE):
        r = s.post(path, b" " * (1 << 20) + b"{}")
        is_((r.status, r.json()["code"]), (413, "body_too_large"), f"{path}: over 1 MB")


def queries(s):
    for query, status, error in [
        ("", 400, "Query parameters are required"), ("?", 400, "Query parameters are required"),
        ("?x=1", 400, 'Either "email" or "user_id" parameter is required'),
        ("?email=a@b.c&user_id=a", 404, "Driver not found"), ("?user_id=a/b", 404, "Driver not found"),
        ("?user_id=..%2f..%2fetc", 404, "Driver not found"), ("?user_id=.a", 404, "Driver not found"),
        ("?user_id=a%00b", 400, None), ("?user_id=a%0ab", 404, "Driver not found"),
        ("?user_id=" + "a" * 4096, 404, "Driver not found"), ("?user_id=%ff%fe", 404, "Driver not found"),
        ("?email=%00", 400, None), ("?email=" + "a" * 4096 + "@b.c", 404, "Driver not found"),
        ("?email=%zz", 400, None), ("?user_id=a&user_id=a", 400, None),
        ("?user_id=" + trips.USER, 404, "No trips found for this user"),
    ]:
        r = s.get("/analyze-driver" + query)
        name = "/analyze-driver" + query[:40]
        if is_(r.status, status, f"{name}: {status}"):
            e = r.json()
            ok(e["code"], f"{name}: code")
            if error:
                is_(e["error"], error, f"{name}: in the words of today")
        else:
            tap.diag(r)


def hanging_up(s, body):
    text = json.dumps(body).encode()
    head = (b"POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n"
            b"Content-Type: application/json\r\n\r\n" % (BATCH.encode(), len(text)))
    for data in (b"", b"POST ", head, head + text[:100]):
        is_(s.raw(data, timeout=0.2, shut=True)[:12] in (b"", b"HTTP/1.1 400"), True,
            f"a client that leaves after {len(data)} bytes")


def foreign(s):
    """Another user's trip: refused before anything of it is touched."""
    mine = trips.trip(1, points=50)
    s.upload(mine)
    before = stored(s)
    with s.client() as kept:
        for batch in mine["batches"] + [dict(mine["batches"][0], batch_number=9)]:
            refused(s, kept, BATCH, dict(batch, user_id=OTHER), "another's batch", 409)
        refused(s, kept, FINALIZE, dict(mine["finalize"], user_id=OTHER), "another's finalize", 409)
    is_(stored(s), before, "nothing of the first user's is changed")
    r = s.finalize(mine)
    is_((r.status, r.json()["analysis"]["status"]), (200, "stored"), "and it goes on as if nothing was")
    before = stored(s)
    is_(s.post(FINALIZE, dict(mine["finalize"], user_id=OTHER)).status, 409, "also when completed")
    is_(s.post(BATCH, dict(mine["batches"][0], user_id=OTHER)).status, 409, "batches, too")
    is_(stored(s), before, "nothing is changed then, either")


def just_fitting(s, body):
    """The limits of a batch, to the byte."""
    small = {"delta_lat": 1, "delta_long": 1, "delta_time": 9}
    for size, metrics, status in ((380000, None, 200), (380001, None, 413),
                                  (379998, {}, 200), (379999, {}, 413)):
        room = size - len(json.dumps([dict(small, note="")], separators=(",", ":")))
        r = s.post(BATCH, dict(body, quality_metrics=metrics,
                               deltas=[dict(small, note="x" * room)]))
        is_(r.status, status, f"deltas of {size} bytes, metrics {metrics}")
    for count, status in ((5000, 200), (5001, 413)):
        r = s.post(BATCH, dict(body, deltas=[small] * count))
        is_(r.status, status, f"{count} deltas")


def main():
    trip = trips.trip(7)
    batch, finalize = trip["batches"][0], trip["finalize"]
    with harness.Stack(workers=2) as s:
        s.users([trips.user(), trips.user(OTHER, "blake.driver@example.com")])
        s.get("/readyz")
        workers, before = s.service.children(), stored(s)
        with s.client() as kept:
            for path, body in ((BATCH, batch), (FINALIZE, finalize)):
                with subtest(f"{path}: ids"):
                    ids(s, kept, path, body)
                with subtest(f"{path}: not JSON"):
                    not_json(s, kept, path, body)
            with subtest("batches"):
                wrong_batches(s, kept, batch)
            with subtest("sizes"):
                too_large(s, kept, batch)
        with subtest("queries"):
            queries(s)
        with subtest("hanging up"):
            hanging_up(s, batch)
        is_(stored(s), before, "nothing was stored")
        with subtest("just fitting"):
            just_fitting(s, batch)
        with subtest("another user's trip"):
            foreign(s)
        is_(s.service.children(), workers, "no worker was lost")
        is_(s.get("/readyz").status, 200, "the service is ready")
    tap.done()


main()
