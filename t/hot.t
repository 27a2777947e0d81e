#!/usr/bin/python3
# Answers that are made once and given many times: every path gives the same,
# nothing is given longer than it may be, and what a reader has is not sent.
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import drivers
import harness
import trips
from answers import GZIP, meaning, path, source
from drivers import Background
from tap import done, is_, ok, subtest

harness.need_faults()

SMALL, LARGE = "few@example.com", "many@example.com"
N = {SMALL: 2, LARGE: 100}


def files(host):
    return sorted(f for f in os.listdir(host.files) if not f.startswith("."))


# The headers that decide what others may do with an answer.
KEPT = ["ETag", "Vary", "Cache-Control", "Content-Type", "Content-Encoding",
        "Access-Control-Allow-Origin", "Access-Control-Expose-Headers",
        "Last-Modified", "Accept-Ranges"]


def headers(r):
    return {k: r.header(k) for k in KEPT}


with harness.Stack(hosts=2, workers=3, settings={
        "maintenance.interval": "100ms"}) as s:
    one, two = s.hosts
    s.users([trips.user(), trips.user("few", SMALL), trips.user("many", LARGE)])
    for user, email in (("few", SMALL), ("many", LARGE)):
        for i in range(N[email]):
            drivers.drive(s, trips.trip(i + 1, user, points=30))

    with subtest("all paths mean the same"):
        for email in (SMALL, LARGE):
            s.redis("FLUSHALL")
            whole = meaning(one.get(path(email)))
            is_(len(whole["trips"]), N[email], "all trips")
            for coding in ({}, GZIP):
                s.redis("FLUSHALL")
                seen = []
                for host in (one, one, one, two, two):
                    r = host.get(path(email), coding)
                    seen.append(source(r))
                    is_(meaning(r), whole, f"{email} {coding} {seen[-1]}")
                is_(seen[0], "store", "the first")
                if email == LARGE:
                    is_(seen[1:3] + seen[4:], ["file"] * 3, "then the file")
                    is_(seen[3], "cache", "of what all hosts share")
                else:
                    is_(seen[1:], ["cache"] * 4, "then the entry")

    with subtest("the headers are the same on every path"):
        for coding in ({}, GZIP):
            s.redis("FLUSHALL")
            cold = one.get(path(LARGE), coding)
            hot = one.get(path(LARGE), coding)
            s.redis("FLUSHALL")
            one.configure({"cache.files": "none"})
            one.service.stop()
            one.service.start()
            streamed = one.get(path(LARGE), coding)
            again = one.get(path(LARGE), coding)
            one.configure({"cache.files": one.files})
            one.service.stop()
            one.service.start()
            is_((source(cold), source(hot), source(streamed), source(again)),
                ("store", "file", "store", "cache"), "four paths")
            is_(headers(hot), headers(cold), "file")
            is_(headers(streamed), headers(cold), "streamed")
            is_(headers(again), headers(cold), "streamed from the cache")
            is_(cold.header("Vary"), "Accept-Encoding", "Vary")
            is_(cold.header("Cache-Control"), "private, no-cache",
                "Cache-Control")
            is_((cold.header("Last-Modified"), cold.header("Accept-Ranges")),
                (None, None), "nothing of nginx's own")
            ok(cold.header("X-Request-Id") and
               cold.header("X-Request-Id") != hot.header("X-Request-Id"),
               "each request's own id")

    with subtest("HEAD says what GET says"):
        for email in (SMALL, LARGE):
            for coding in ({}, GZIP):
                get = s.get(path(email), coding)
                head = s.http("HEAD", path(email), None, coding)
                is_((head.status, head.body, headers(head)),
                    (200, b"", headers(get)), f"{email} {coding}")
                is_(head.header("Content-Length"), str(len(get.body)), "length")

    with subtest("what a reader has is not sent"):
        for email in (SMALL, LARGE):
            for coding in ({}, GZIP):
                for flush in (True, False):
                    tag = s.get(path(email), coding).header("ETag")
                    ok(re.fullmatch('W/"[0-9a-f]{32}"', tag), "a weak ETag")
                    for value in (tag, tag[2:], "*", f'"x", {tag}'):
                        if flush:
                            s.redis("FLUSHALL")
                        r = s.get(path(email),
                                  {**coding, "If-None-Match": value})
                        is_((r.status, r.body, r.header("ETag")),
                            (304, b"", tag), value)
                        is_((r.header("Vary"), r.header("Cache-Control"),
                             source(r)),
                            ("Accept-Encoding", "private, no-cache",
                             "store" if flush else "cache"), "and says so")
                    r = s.get(path(email), {**coding, "If-None-Match": '"x"'})
                    is_(r.status, 200, "another ETag")
        r = s.http("HEAD", path(SMALL), None, {"If-None-Match": "*"})
        is_(r.status, 304, "HEAD too")
        r = s.get(path(LARGE), {"If-Modified-Since":
                                "Fri, 01 Jan 2100 00:00:00 GMT"})
        is_(r.status, 200, "dates say nothing")
        r = s.get(path(LARGE), {"Range": "bytes=0-9"})
        is_(r.status, 200, "and there are no ranges")
        r = s.get(path(LARGE), {"If-Match": '"x"'})
        is_(r.status, 200, "nor If-Match")

    with subtest("a 304 from the store reads no trip's object"):
        tag = s.get(path(SMALL)).header("ETag")
        drivers.take_texts(s, "few")
        s.redis("FLUSHALL")
        s.fault("answer.read.always", "fail")
        is_(s.get(path(SMALL)).status, 503, "without trips no answer")
        r = s.get(path(SMALL), {"If-None-Match": tag})
        s.fault_clear()
        is_((r.status, source(r)), (304, "store"), "but this one")

    with subtest("a changed driver is another ETag, and old files are dead"):
        before = s.get(path(LARGE))
        tag, old = before.header("ETag"), files(one)
        new = trips.trip(901, "many", points=30)
        drivers.drive(s, new)
        r = s.get(path(LARGE), {"If-None-Match": tag})
        is_((r.status, len(meaning(r)["trips"])), (200, N[LARGE] + 1), "new")
        ok(r.header("ETag") != tag, "another ETag")
        r = s.get(path(LARGE))
        is_((source(r), len(meaning(r)["trips"])), ("file", N[LARGE] + 1),
            "of a new file")
        N[LARGE] += 1
        s.users([trips.user("many", LARGE, name="Renamed")])
        r = s.get(path(LARGE))
        is_(meaning(r)["user_name"], "Renamed", "so does the user's record")

    with subtest("another host's new entry does not lead to this host's old file"):
        for host in (one, two):
            host.get(path(LARGE))
            is_(source(host.get(path(LARGE))), "file", "hot on each")
        drivers.drive(one, trips.trip(903, "many", points=30))
        N[LARGE] += 1
        is_(source(two.get(path(LARGE))), "store", "one fills")
        for host in (one, two, one):
            is_(len(meaning(host.get(path(LARGE)))["trips"]), N[LARGE],
                "both have the trip")

    with subtest("a file that goes between the answer and its opening"):
        want = meaning(s.get(path(LARGE)))
        ok(files(one), "there is one")
        for coding in ({}, GZIP):
            s.get(path(LARGE), coding)
            os.rename(one.files, one.files + ".away")
            # The worker has the folder open and sees it; nginx does not.
            r = s.get(path(LARGE), coding)
            is_(meaning(r), want, "asked again, and answered")
            is_(headers(r)["Vary"], "Accept-Encoding", "with its headers")
            os.rename(one.files + ".away", one.files)
            r = s.get(path(LARGE), coding)
            is_((source(r), meaning(r)), ("file", want), "and back")
        is_(s.get("/driveguard-files/" + files(one)[0]).status, 404,
            "nobody gets at a file by its name")

    with subtest("evicted, and written again"):
        for name in files(one):
            os.unlink(os.path.join(one.files, name))
        r = s.get(path(LARGE))
        is_((source(r), meaning(r)), ("cache", want), "from what hosts share")
        is_(source(s.get(path(LARGE))), "file", "and a file again")

    with subtest("a file that cannot be written is no error"):
        for name in files(one):
            os.unlink(os.path.join(one.files, name))
        s.fault("files.rename.always", "fail")
        is_(meaning(s.get(path(LARGE))), want, "answered all the same")
        is_(files(one), [], "without one")
        s.fault_clear()

    with subtest("many writers of one file"):
        for round_ in range(3):
            for name in files(one):
                os.unlink(os.path.join(one.files, name))
            crowd = [Background(s.get, path(LARGE), GZIP) for _ in range(6)]
            is_([meaning(r.result()) == want for r in crowd], [True] * 6,
                "each answer is whole")
        ok(not [f for f in os.listdir(one.files) if f.startswith(".")],
           "no temporaries are left")

    with subtest("a restarted Redis brings no file back"):
        s.redis.stop()
        s.redis.start()
        r = s.get(path(LARGE))
        is_((source(r), meaning(r)), ("store", want), "from the store")

    with subtest("while a token is owed, no file is given"):
        s.get(path(LARGE))
        is_(source(s.get(path(LARGE))), "file", "hot")
        s.fault("cache.replace_token.always", "fail")
        newer = trips.trip(902, "many", points=30)
        drivers.drive(s, newer)
        r = s.get(path(LARGE))
        is_((source(r), len(meaning(r)["trips"])), ("store", N[LARGE] + 1),
            "read past it")
        ok(s.count("cache_bypassed"), "past the cache")
        s.fault_clear()
        drivers.spool_empty(one)
        N[LARGE] += 1

    with subtest("codings"):
        for value, coding in (("gzip;q=0.5, identity", None),
                              ("identity;q=0, *", "gzip"),
                              ("br", None), ("*", "gzip"), ("gzip;q=0", None)):
            r = s.get(path(SMALL), {"Accept-Encoding": value})
            is_((r.status, r.header("Content-Encoding")), (200, coding), value)
        r = s.get(path(SMALL), {"Accept-Encoding": "identity;q=0"})
        is_((r.status, r.json()["code"]), (406, "not_acceptable"), "neither")

    with subtest("views"):
        whole = meaning(s.get(path(LARGE)))
        aggregate = {k: v for k, v in whole.items() if k != "trips"}
        for round_ in ("made", "kept"):
            for coding in ({}, GZIP):
                r = s.get(path(LARGE, view="summary"), coding)
                is_(meaning(r), aggregate, f"summary, {round_}")
                r = s.get(path(LARGE, limit=7), coding)
                got = meaning(r)
                ok(got.pop("next_before"), "a cursor")
                is_(got, {**aggregate, "trips": whole["trips"][:7]},
                    f"limit, {round_}")
                r = s.get(path(LARGE, fields="end_timestamp,trip_id"), coding)
                is_(meaning(r)["trips"],
                    [{k: t[k] for k in ("trip_id", "end_timestamp")}
                     for t in whole["trips"]], f"fields, {round_}")
        r = s.get(path(LARGE, limit=1000))
        is_((meaning(r)["next_before"], meaning(r)["trips"]),
            (None, whole["trips"]), "all in one page")
        same = [s.get(path(LARGE, fields=f)).header("ETag")
                for f in ("trip_id,hard_stops", "hard_stops,trip_id")]
        is_(same[0], same[1], "the same wish has the same ETag")
        for bad, code in (("view=all", "bad_view"), ("limit=0", "bad_limit"),
                          ("limit=1001", "bad_limit"), ("limit=x", "bad_limit"),
                          ("before=zz", "bad_cursor"),
                          ("fields=trip_id,nothing", "bad_field"),
                          ("fields=", "bad_field")):
            r = s.get(path(LARGE) + "&" + bad)
            is_((r.status, r.json()["code"]), (400, code), bad)

    with subtest("a walk over all trips, while trips come"):
        wanted = {t["trip_id"] for t in whole["trips"]}
        seen, cursor, pages = [], None, 0
        while True:
            more = {"before": cursor} if cursor else {}
            page = meaning(s.get(path(LARGE, limit=9, fields="trip_id", **more),
                                 GZIP if pages % 2 else {}))
            ok(len(page["trips"]) <= 9, "a page")
            seen += [t["trip_id"] for t in page["trips"]]
            pages += 1
            if pages % 4 == 1:
                drivers.drive(s, trips.trip(1000 + pages, "many", points=30))
                N[LARGE] += 1
            cursor = page["next_before"]
            if not cursor:
                break
        is_(len(seen), len(set(seen)), "none twice")
        is_(wanted - set(seen), set(), "none missing")
        r = meaning(s.get(path(LARGE, limit=1)))
        is_(r["total_trips"], N[LARGE], "the aggregate is over all")

with harness.Stack(workers=2, redis=False) as s:
    with subtest("without a cache"):
        s.users([trips.user()])
        for i in range(40):
            drivers.drive(s, trips.trip(i + 1, points=30))
        plain, packed = s.get(path(trips.EMAIL)), s.get(path(trips.EMAIL), GZIP)
        is_(meaning(plain), meaning(packed), "either coding")
        is_((source(plain), source(packed)), ("store", "store"), "the store")
        is_(os.listdir(s.files), [], "no file: nothing says how long it holds")
        r = s.get(path(trips.EMAIL), {"If-None-Match": plain.header("ETag")})
        is_((r.status, source(r)), (304, "store"), "304 all the same")
        r = s.get(path(trips.EMAIL, limit=3), GZIP)
        is_(len(meaning(r)["trips"]), 3, "and views")

with harness.Stack(workers=2, settings={
        "cache.ttl": "2s", "maintenance.interval": "100ms",
        "cache.files_max": "1M"}) as s:
    with subtest("files are bounded in age and size"):
        s.users([trips.user()])
        for i in range(40):
            drivers.drive(s, trips.trip(i + 1, points=30))
        s.get(path(trips.EMAIL))
        is_(source(s.get(path(trips.EMAIL))), "file", "hot")
        harness.wait_for("the file to go", lambda: not files(s), 10)
        is_(source(s.get(path(trips.EMAIL))), "store", "read anew")
        for _ in range(1048576 // len(plain.body) + 5):
            s.get(path(trips.EMAIL))
            s.redis("DEL", "dg:{%s}:token" % trips.USER)
        harness.wait_for("the folder to shrink", lambda: sum(
            os.path.getsize(os.path.join(s.files, f)) for f in files(s))
            <= 1048576, 10)
        ok(True, "within cache.files_max")

done()
