#!/usr/bin/python3
# Aged copies for when the stores are away (cache.stale_if_error): they say so, are never
# from before a change that this host knows of, and never make anybody believe that
# nothing has changed (rules 5 and 6).
import json
import os
import re
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import client
import drivers
import harness
import trips
from answers import GZIP, path, source, text_of
from drivers import Background
from faultproxy import silence
from tap import done, is_, ok, subtest

harness.need_faults()

TTL = 1
SETTINGS = {"cache.ttl": f"{TTL}s", "cache.user_ttl": "500ms",
            "maintenance.interval": "100ms", "cache.stale_if_error": "1h"}
PATH = path(trips.EMAIL)
VIEWS = {"whole": {}, "summary": {"view": "summary"}, "page": {"limit": 1},
         "fields": {"fields": "trip_id"}}
LARGE = "many@example.com"


def aged():
    """All copies are older than cache.ttl."""
    time.sleep(TTL + 0.1)


def away(stack):
    """No object can be listed or read; the records can."""
    stack.stores.refuse("list")
    if stack.stores.kind == "s3":
        stack.stores.refuse("get")
    else:
        stack.fault("dir.get.fail.always", "fail")


def healed(stack):
    """The store is there again, for workers that know of no outage: one that kept them
    waiting would be spared for as long."""
    stack.stores.heal()
    stack.fault_clear()
    stack.service.stop()
    stack.service.start()


def said(r):
    """The members that say that it is a stale one, and the rest."""
    body = json.loads(text_of(r))
    body.pop("analysis_timestamp", None)  # when the bytes were made
    return body.pop("stale", None), body.pop("as_of", None), body


def is_stale(r, fresh, words):
    stale, as_of, body = said(r)
    is_((r.status, stale), (200, True), f"{words}: says so")
    ok(re.fullmatch(r"20\d\d-\d\d-\d\dT[0-9:.]{8,15}\+00:00", as_of or ""),
       f"{words}: of when it is ({as_of})")
    is_(body, said(fresh)[2], f"{words}: and is the copy else")
    is_((r.header("Warning"), source(r)),
        ('110 - "Response is Stale"', "stale"), f"{words}: in its head, too")
    ok(TTL <= int(r.header("Age")) < 60, f"{words}: its age")
    ok(r.header("ETag") != fresh.header("ETag"), f"{words}: an ETag of its own")


with harness.Stack(workers=3, proxy=True, settings=SETTINGS) as s:
    s.users([trips.user(), trips.user("many", LARGE)])
    drivers.drive(s, trips.trip(1))
    drivers.drive(s, trips.trip(2))

    with subtest("in each view and coding: the copy, and it says so"):
        want = {}
        for name, query in VIEWS.items():
            for coding in ({}, GZIP):
                want[name, len(coding)] = s.get(path(trips.EMAIL, **query), coding)
        aged()
        away(s)
        stale = s.count("answers_stale")
        for name, query in VIEWS.items():
            for coding in ({}, GZIP):
                r = s.get(path(trips.EMAIL, **query), coding)
                is_(r.header("Content-Encoding"),
                    "gzip" if coding else None, f"{name}: its coding")
                is_stale(r, want[name, len(coding)], f"{name} {coding}")
        is_(s.count("answers_stale"), stale + 8, "counted")
        ok("event=stale_answer" in s.log(), "logged, with its cause")
        head = s.http("HEAD", PATH)
        is_((head.status, head.body, head.header("Warning")[:3]),
            (200, b"", "110"), "HEAD too")

    with subtest("nobody is told that he has it already"):
        for tag in (want["whole", 0].header("ETag"), s.get(PATH).header("ETag"),
                    "*"):
            r = s.get(PATH, {"If-None-Match": tag})
            is_((r.status, said(r)[0]), (200, True), tag)
        tag = s.get(PATH).header("ETag")
        healed(s)
        r = s.get(PATH, {"If-None-Match": tag})
        is_((r.status, said(r)[:2], r.header("Warning")),
            (200, (None, None), None), "the fresh one is another")
        is_(r.header("ETag"), want["whole", 0].header("ETag"),
            "and it is what it was before")
        is_(s.get(PATH, {"If-None-Match": r.header("ETag")}).status, 304,
            "the fresh one's tag is good again")

    with subtest("a copy within ttl is none"):
        s.redis("FLUSHALL")
        s.get(PATH)
        away(s)
        r = s.get(PATH)
        is_((r.status, said(r)[0], r.header("Age")), (200, None, None), "as ever")
        healed(s)

    with subtest("never from before a finalize"):
        s.get(PATH)
        aged()
        t = trips.trip(3)
        is_(drivers.drive(s, t).json()["analysis"]["status"], "stored", "stored")
        away(s)
        r = s.get(PATH)
        is_((r.status, r.json()["code"]), (503, "unavailable"), "no copy is left")
        healed(s)
        is_(s.get(PATH).json()["total_trips"], 3, "and now all")

    with subtest("nor one that Redis has not heard of"):
        s.get(PATH)
        aged()
        s.fault("cache.replace_token.always", "fail")
        is_(drivers.drive(s, trips.trip(4)).json()["analysis"]["status"],
            "stored", "remembered in the spool")
        away(s)
        s.fault("cache.replace_token.always", "fail")
        is_(s.get(PATH).status, 503, "this host knows of it")
        healed(s)
        s.fault_clear()
        drivers.spool_empty(s.hosts[0])
        is_(s.get(PATH).json()["total_trips"], 4, "delivered")

    with subtest("nor of a finalize that came while the stores were asked"):
        s.get(PATH)
        aged()
        s.fault("analytics.before_store", "hold")
        slow = Background(s.get, PATH)
        s.fault_taken("analytics.before_store")
        drivers.drive(s, trips.trip(5))
        away(s)
        s.fault_go("analytics.before_store")
        is_(slow.result().status, 503, "the token is looked at again")
        healed(s)
        is_(s.get(PATH).json()["total_trips"], 5, "and now all")

    with subtest("nor of one that was remembered while the stores were asked"):
        s.get(PATH)
        aged()
        s.fault("analytics.before_store", "hold")
        slow = Background(s.get, PATH)
        s.fault_taken("analytics.before_store")
        s.fault("cache.replace_token.always", "fail")
        is_(drivers.drive(s, trips.trip(6)).json()["analysis"]["status"],
            "stored", "remembered")
        away(s)
        s.fault_go("analytics.before_store")
        r = slow.result()
        is_((r.status, source(r)), (503, None), "this host knows of it")
        s.fault_clear()
        drivers.spool_empty(s.hosts[0])
        healed(s)
        is_(s.get(PATH).json()["total_trips"], 6, "delivered")

    with subtest("nor of another user than the record says"):
        s.get(PATH)
        aged()
        away(s)
        is_(s.get(PATH).status, 200, "as long as it says the same")
        s.stores.change_user(trips.USER, name="Renamed")
        # Not before cache.user_ttl; and a record that takes more than a second to come
        # is none for a moment.
        harness.wait_for("no copy of one who is another by now",
                         lambda: s.get(PATH).status == 503)
        s.stores.remove_user(trips.USER)
        is_(s.get(PATH).status, 404, "nor of one who is gone")
        s.users([trips.user()])
        healed(s)

    with subtest("records away"):
        fresh = s.get(PATH)
        s.get(PATH, GZIP)
        aged()
        with s.stores.records_away():
            is_stale(s.get(PATH), fresh, "by e-mail")
        healed(s)

    with subtest("records away, and an e-mail that no worker has seen"):
        s.users([trips.user("fresh", "fresh@example.com")])
        drivers.drive(s, trips.trip(50, "fresh"))
        fresh = s.driver(user_id="fresh")
        with s.stores.records_away():
            r = s.get(path("fresh@example.com"))
            # Young or aged: the records may have kept us waiting for longer than ttl.
            is_((r.status, r.json().get("user_id")), (200, "fresh"), "his copy")
            is_(s.get(path("nobody@example.com")).status, 503, "nobody's")
            aged()
            r = s.get(path("fresh@example.com"), GZIP)
            is_(said(r)[:1] + (said(r)[2]["trips"],),
                (True, said(fresh)[2]["trips"]), "an aged one")
        s.users([trips.user("fresh", "another@example.com"),
                 trips.user("next", "fresh@example.com")])
        s.driver(user_id="fresh")
        with s.stores.records_away():
            is_(s.get(path("fresh@example.com")).status, 503,
                "a copy of who had it before is not his who has it now")
        healed(s)

    with subtest("of a large answer, in a file of this host or not"):
        for i in range(100):
            drivers.drive(s, trips.trip(i + 1, "many", points=30))
        want = {}
        for name, query in VIEWS.items():
            for coding in ({}, GZIP):
                if name == "page":
                    query = {"limit": 90}
                want[name, len(coding)] = s.get(path(LARGE, **query), coding)
        is_(source(s.get(path(LARGE))), "file", "left to the web server")
        is_(source(s.get(path(LARGE, limit=90))), "file", "a page, too")
        aged()
        away(s)
        for name, query in VIEWS.items():
            for coding in ({}, GZIP):
                if name == "page":
                    query = {"limit": 90}
                is_stale(s.get(path(LARGE, **query), coding),
                         want[name, len(coding)], f"large {name} {coding}")
        healed(s)

    with subtest("what is no outage is no reason"):
        s.get(PATH)
        aged()
        is_(s.driver(user_id="nobody").status, 404, "nobody")
        with s.stores.unreadable(f"users/{trips.USER}/"):
            r = s.get(PATH)
            ok(r.status >= 500 or "unreadable_trips" in r.json() or
               s.stores.kind == "s3", "what cannot be read")
        healed(s)

    if s.stores.kind == "s3":
        with subtest("a store that hangs: a share of the time, then at once"):
            for headers in ({}, GZIP):
                s.get(PATH, headers)
            aged()
            over = threading.Event()
            s.stores.objects_proxy.on("*", silence(over))
            began = time.monotonic()
            is_(said(s.get(PATH))[0], True, "the copy")
            took = time.monotonic() - began
            ok(5 < took < 9, f"before an app gives up ({took:.1f} s)")
            s.stores.heal()
            over.set()

# A quarter of the time for the stores: one second here.
with harness.Stack(settings={**SETTINGS, "cache.stale_if_error": "5s",
                             "server.request_timeout": "4s",
                             "server.finalize_timeout": "2s"}, proxy=True) as s:
    with subtest("no older than ttl and stale_if_error"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        s.get(PATH)
        aged()
        away(s)
        is_(said(s.get(PATH))[0], True, "within")
        time.sleep(5)
        is_(s.get(PATH).status, 503, "over")
        healed(s)

with harness.Stack(settings={**SETTINGS, "cache.stale_if_error": "0s"},
                   proxy=True) as s:
    with subtest("never, if it is not set"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        s.get(PATH)
        aged()
        away(s)
        is_(s.get(PATH).status, 503, "as ever")
        healed(s)

done()
