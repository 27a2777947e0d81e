#!/usr/bin/python3
"""A Redis that does not let the service do all that the cache does: a host says it once,
whoever of its processes meets it, answers from the stores, and says when it is over."""

import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from tap import done, in_, is_, ok, subtest

READS = 24


def redis(s, *words):
    subprocess.run(["redis-cli", "-s", s.redis.socket, *words], check=True, capture_output=True)


def events(s, before, name):
    return [x for x in s.log()[before:].splitlines() if f"event={name} " in x]


def denied(s, number, rule):
    before = len(s.log())
    redis(s, "ACL", "SETUSER", "default", *rule)
    drivers.drive(s, trips.trip(number))
    for _ in range(READS):
        r = s.driver(user_id=trips.USER)
        is_((r.status, len(r.json()["trips"])), (200, number), "answered, with each trip")
    s.quiet()
    down = events(s, before, "cache_down")
    is_(len(down), 1, f"{rule}: said once by the host")
    in_("redis refuses", down[0] if down else "", "and what")
    cache = {b["name"]: b for b in s.get("/readyz").json()["backends"]}["cache"]
    is_(cache["state"], "failed", "/readyz says it, too")
    redis(s, "ACL", "SETUSER", "default", "allkeys", "+@all")
    is_({b["name"]: b for b in s.get("/readyz").json()["backends"]}["cache"]["state"], "ok",
        "over: /readyz says so")
    harness.wait_for("a hit again", lambda: hit(s))
    is_(len(events(s, before, "cache_down")), 1, "still once")
    is_(len(events(s, before, "cache_up")), 1, "and that it is over, once")


def hit(s):
    before = s.count("cache_hits")
    s.driver(user_id=trips.USER)
    return s.count("cache_hits") > before


with harness.Stack(workers=4) as s:
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))
    for number, rule in enumerate([("-@scripting",), ("-del",), ("-mget",), ("-set",),
                                   ("resetkeys", "~app:*")], 2):
        with subtest(" ".join(rule)):
            denied(s, number, rule)
done()
