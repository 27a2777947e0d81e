#!/usr/bin/python3
# Rules 5 to 7: the cache never hides an acknowledged trip, brings nothing back,
# costs one fill for many readers, and its absence is never an error.
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import client
import drivers
import harness
import trips
from drivers import Background, held
from tap import done, is_, ok, subtest

harness.need_faults()


def read(host):
    return host.driver(email=trips.EMAIL)


def page(host, trips_of_it):
    return host.driver(email=trips.EMAIL, limit=trips_of_it)


def token_key():
    return "dg:{%s}:token" % trips.USER


def take_away(s, trip):
    """Leaves the driver his first three trips."""
    s.stores.delete(drivers.object_of(s, trip["trip_id"]))
    s.users([trips.user()])
    is_(read(s).json()["total_trips"], 3, "(taken away again)")


with harness.Stack(workers=8, proxy=True,
                   settings={"maintenance.interval": "100ms"}) as s:
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))

    with subtest("the second read is a hit, and equal"):
        first = read(s).json()
        hits = s.count("cache_hits")
        second = read(s).json()
        is_(s.count("cache_hits"), hits + 1, "hit")
        first.pop("analysis_timestamp")
        second.pop("analysis_timestamp")
        is_(second, first, "the same answer")
        is_(s.driver(user_id=trips.USER).json()["searched_by"], trips.USER,
            "what differs by request is of this request")

    with subtest("a fill that a finalize overtook is refused"):
        s.redis("FLUSHALL")
        s.fault("analytics.before_fill", "hold")
        slow = Background(read, s)
        s.fault_taken("analytics.before_fill")
        is_(drivers.drive(s, trips.trip(2)).json()["analysis"]["status"],
            "stored", "stored meanwhile")
        refused = s.count("cache_fills_refused")
        s.fault_go("analytics.before_fill")
        is_(slow.result().json()["total_trips"], 1, "the slow reader's answer")
        is_(read(s).json()["total_trips"], 2, "the next read has the trip")
        is_(s.count("cache_fills_refused"), refused + 1, "fill refused")
        s.fault_clear()

    with subtest("the same when Redis forgot the token meanwhile"):
        s.redis("FLUSHALL")
        s.fault("analytics.before_fill", "hold")
        slow = Background(read, s)
        s.fault_taken("analytics.before_fill")
        drivers.drive(s, trips.trip(3))
        s.redis("DEL", token_key())
        s.fault_go("analytics.before_fill")
        slow.result()
        is_(read(s).json()["total_trips"], 3, "the trip is there")
        s.fault_clear()

    with subtest("an entry does not outlive an evicted token"):
        read(s)
        s.redis("DEL", token_key())
        misses = s.count("cache_misses")
        is_(read(s).json()["total_trips"], 3, "answered")
        is_(s.count("cache_misses"), misses + 1, "from the store")

    with subtest("a piece that is gone makes a miss, not an error"):
        read(s)
        for key in s.redis("KEYS", "*piece*"):
            s.redis("DEL", key)
        is_(read(s).json()["total_trips"], 3, "answered")

    with subtest("a changed user record is seen at once"):
        read(s)
        s.users([trips.user(name="Renamed")])
        is_(read(s).json()["user_name"], "Renamed", "by e-mail")
        s.users([trips.user(email="moved@example.com")])
        is_(read(s).status, 404, "the old e-mail is nobody's")
        is_(s.driver(email="moved@example.com").json()["total_trips"], 3,
            "the new one is his")
        s.users([trips.user("other-user", trips.EMAIL)])
        is_(read(s).json()["user_id"], "other-user",
            "an e-mail that went to another") if read(s).status == 200 else \
            is_(read(s).json()["code"], "no_trips", "the other has no trips")
        s.ctl("user", "remove", "other-user")
        s.users([trips.user()])
        is_(read(s).json()["total_trips"], 3, "back again")

    with subtest("a removed user is unknown at once, cached or not"):
        read(s)
        s.ctl("user", "remove", trips.USER)
        is_(s.driver(user_id=trips.USER).status, 404, "by id")
        is_(read(s).status, 404, "by e-mail")
        s.users([trips.user()])

    with subtest("what a writer without a cache put there: after reconcile"):
        read(s)
        body = {"trip_id": "by_hand", "behavior_score": 71,
                "start_timestamp": "2020-01-01T00:00:00+00:00",
                "end_timestamp": "2020-01-01T00:10:00+00:00"}
        key = f"users/{trips.USER}/trips/by_hand_1577837400000.json.gz"
        drivers.store_packed(s, key, body)
        is_(read(s).json()["total_trips"], 3, "not seen for up to ttl")
        s.ctl("reconcile", "--user", trips.USER)
        is_(read(s).json()["total_trips"], 4, "seen")
        s.stores.delete(key)
        s.ctl("reconcile", "--user", trips.USER)
        is_(read(s).json()["total_trips"], 3, "and so when it is gone")

    with subtest("many readers on a cold driver: one fill"):
        s.redis("FLUSHALL")
        s.fault("analytics.before_store", "hold")
        fills = s.count("cache_fills")
        filler = Background(read, s)
        s.fault_taken("analytics.before_store")
        crowd = [Background(read, s) for _ in range(6)]
        harness.wait_for("the crowd to wait",
                         lambda: s.count("cache_waits") >= 6)
        s.fault_go("analytics.before_store")
        is_([r.result().json()["total_trips"] for r in [filler] + crowd],
            [3] * 7, "all answered")
        is_(s.count("cache_fills"), fills + 1, "one of them filled")
        s.fault_clear()

    with subtest("nor does a waiter fill who gets the lock when it is done"):
        s.redis("FLUSHALL")
        fills = s.count("cache_fills")
        with held(s, "analytics.before_store", read, s) as filler:
            s.fault("analytics.before_lock", "hold")
            waiter = Background(read, s)
            s.fault_taken("analytics.before_lock")
        s.fault_go("analytics.before_lock")
        is_([r.result().json()["total_trips"] for r in (filler, waiter)],
            [3] * 2, "both answered")
        is_(s.count("cache_fills"), fills + 1, "one of them filled")
        s.fault_clear()

    with subtest("a filler that dies makes no waiter fail"):
        s.redis("FLUSHALL")
        s.fault("analytics.before_fill", "hold")
        filler = Background(read, s)
        s.fault_taken("analytics.before_fill")
        waiter = Background(read, s)
        is_(waiter.result().json()["total_trips"], 3,
            "the waiter helps itself")
        s.fault_go("analytics.before_fill")
        filler.result()
        s.fault_clear()

    with subtest("a filler that fails gives its lock back"):
        s.redis("FLUSHALL")
        waits = s.count("cache_waits")
        s.stores.refuse("list")
        is_(read(s).status, 503, "the filler had no store")
        s.stores.heal()
        is_(read(s).json()["total_trips"], 3, "the next reader fills")
        is_(s.count("cache_waits"), waits, "without waiting for nobody")

    with subtest("who waits in vain waits no longer than fill_wait"):
        s.redis("FLUSHALL")
        with held(s, "analytics.before_store", read, s):
            began = time.monotonic()
            is_(read(s).json()["total_trips"], 3, "helps itself")
            took = time.monotonic() - began
            ok(1.5 < took < 4, f"after 2 s ({took:.1f} s)")

    with subtest("nobody waits for a fill that a change has made useless"):
        s.redis("FLUSHALL")
        waits = s.count("cache_waits")
        with held(s, "analytics.before_fill", read, s):
            s.users([trips.user(name="Changed")])
            is_(read(s).json()["user_name"], "Changed", "the new state")
            is_(s.count("cache_waits"), waits, "filled beside the old one")
        is_(read(s).json()["user_name"], "Changed", "which changes nothing")
        s.users([trips.user()])

    with subtest("nobody waits for a fill that is of no use to him"):
        s.redis("FLUSHALL")
        waits = s.count("cache_waits")
        with held(s, "analytics.before_store", page, s, 1):
            for other in (2, 3):
                is_(len(page(s, other).json()["trips"]), other, "another page")
            is_(read(s).json()["total_trips"], 3, "the whole answer")
            is_(s.count("cache_waits"), waits, "nobody has waited")

    with subtest("but for the same page: one fill"):
        s.redis("FLUSHALL")
        kept = s.count("variants_kept")
        waits = s.count("cache_waits")
        s.fault("analytics.before_store", "hold")
        filler = Background(page, s, 1)
        s.fault_taken("analytics.before_store")
        crowd = [Background(page, s, 1) for _ in range(3)]
        harness.wait_for("the crowd to wait",
                         lambda: s.count("cache_waits") >= waits + 3)
        s.fault_go("analytics.before_store")
        is_([len(r.result().json()["trips"]) for r in [filler] + crowd],
            [1] * 4, "all answered")
        is_(s.count("variants_kept"), kept + 1, "one of them made it")
        s.fault_clear()

    with subtest("a fill made while the object is on its way is forgotten"):
        t = trips.trip(6)
        s.upload(t)
        with s.stores.held_put(s.finalize, t):
            is_(read(s).json()["total_trips"], 3, "cached without it")
        is_(read(s).json()["total_trips"], 4, "the next read has the trip")
        s.stores.delete(drivers.object_of(s, t["trip_id"]))
        s.redis("FLUSHALL")
        is_(read(s).json()["total_trips"], 3, "(taken away again)")

    with subtest("an answer that misses unreadable trips is not cached"):
        key = drivers.objects(s)[0]
        good = s.stores.get(key)
        for spoilt in (b"no gzip", good[:40] + b"\0" * 8 + good[48:]):
            s.stores.put(key, spoilt)
            s.redis("FLUSHALL")
            is_(read(s).json()["unreadable_trips"], 1, "said")
            s.stores.put(key, good)
            r = read(s).json()
            is_((r["total_trips"], r.get("unreadable_trips")), (3, None),
                "mended without a word to the cache, and seen at once")

    with subtest("nor is it kept that a reader has it already"):
        s.stores.put(key, b"no gzip")
        s.redis("FLUSHALL")
        again = {"If-None-Match": read(s).header("ETag")}
        path = "/analyze-driver" + client.query(email=trips.EMAIL)
        is_(s.get(path, again).status, 304, "unchanged, and read from the store")
        s.stores.put(key, good)
        is_(s.get(path, again).status, 200, "mended, and seen at once")

    with subtest("a token that cannot be replaced: this host reads past"):
        s.fault("cache.replace_token.always", "fail")
        read(s)
        bypassed = s.count("cache_bypassed")
        t = trips.trip(7)
        is_(drivers.drive(s, t).json()["analysis"]["status"], "stored",
            "remembered in the spool")
        is_(read(s).json()["total_trips"], 4, "though the old entry is there")
        is_(s.count("cache_bypassed"), bypassed + 1, "read past")
        s.fault_clear()
        drivers.spool_empty(s.hosts[0])
        is_(read(s).json()["total_trips"], 4, "and so when it was delivered")
        take_away(s, t)

    with subtest("neither replaced nor remembered: not acknowledged as stored"):
        t = trips.trip(8)
        s.upload(t)
        owed = os.path.join(s.hosts[0].spool, "tokens", trips.USER)
        with open(owed, "w"):
            pass  # where the driver's folder would be
        s.fault("cache.replace_token.always", "fail")
        is_(s.finalize(t).json()["analysis"]["status"], "pending",
            "the client is told that it is not done")
        os.unlink(owed)
        s.fault_clear()
        drivers.spool_empty(s.hosts[0])
        is_(read(s).json()["total_trips"], 4, "finished without him")
        take_away(s, t)

    with subtest("Redis hangs: answered all the same, within a moment"):
        s.redis.pause()
        began = time.monotonic()
        is_(read(s).json()["total_trips"], 3, "read")
        is_(drivers.drive(s, trips.trip(4)).json()["analysis"]["status"],
            "stored", "finalized")
        is_(read(s).json()["total_trips"], 4, "and seen at once")
        ok(time.monotonic() - began < 8, "no call waited long for it")
        s.redis.resume()
        drivers.spool_empty(s.hosts[0])
        is_(read(s).json()["total_trips"], 4, "seen when it is back")

    with subtest("Redis stops and starts under load"):
        s.redis.stop()
        is_(read(s).json()["total_trips"], 4, "read without")
        is_(drivers.drive(s, trips.trip(5)).json()["analysis"]["status"],
            "stored", "finalized without")
        s.redis.start()
        is_(read(s).json()["total_trips"], 5, "seen")
        drivers.spool_empty(s.hosts[0])
        hits = s.count("cache_hits")
        harness.wait_for("the cache to serve again", lambda: read(
            s).status == 200 and s.count("cache_hits") > hits)

with harness.Stack(save=True) as s:
    with subtest("a restart from an old snapshot brings nothing back"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        is_(read(s).json()["total_trips"], 1, "cached")
        s.redis("SAVE")
        drivers.drive(s, trips.trip(2))
        is_(read(s).json()["total_trips"], 2, "both")
        s.redis.kill()
        s.redis.start()
        ok(s.redis("GET", token_key()), "the old token is back in Redis")
        is_(read(s).json()["total_trips"], 2, "but it does not count")

with harness.Stack(hosts=2, settings={"maintenance.interval": "100ms",
                                      "cache.ttl": "3s"}) as s:
    here, there = s.hosts
    with subtest("Redis away from one host: what it owes is remembered"):
        s.users([trips.user()])
        drivers.drive(here, trips.trip(1))
        is_(read(there).json()["total_trips"], 1, "cached by the other host")
        here.configure({"cache.url": "unix:///nonexistent/redis.sock"})
        here.service.stop()
        here.service.start()
        r = drivers.drive(here, trips.trip(2))
        is_(r.json()["analysis"]["status"], "stored", "stored here")
        ok(here.count("tokens_remembered") >= 1, "remembered in the spool")
        is_(read(here).json()["total_trips"], 2, "this host reads past")
        old = read(there).json()["total_trips"]
        ok(old in (1, 2), f"the other may be behind ({old})")
        time.sleep(3.2)
        is_(read(there).json()["total_trips"], 2, "by ttl at most")

    with subtest("remembered over a restart, delivered when Redis is back"):
        drivers.drive(here, trips.trip(3))
        read(there)
        here.configure({"cache.url": "unix://" + s.redis.socket})
        here.service.stop()
        here.service.start()
        drivers.spool_empty(here)
        is_(read(there).json()["total_trips"], 3, "the other host sees it")
        is_(read(here).json()["total_trips"], 3, "so does this one")

with harness.Stack(settings={"cache.ttl": "2s"}) as s:
    s.users([trips.user()])
    drivers.drive(s, trips.trip(1))

    with subtest("age counts from the beginning of the store read"):
        with held(s, "analytics.before_fill", read, s):
            time.sleep(2.1)
        is_(s.count("cache_fills_refused"), 1, "too old when it was ready")
        with held(s, "roster.matched", read, s):
            time.sleep(1.2)
        hits = s.count("cache_hits")
        read(s)
        is_(s.count("cache_hits"), hits + 1, "served while it is young")
        time.sleep(1)
        read(s)
        is_(s.count("cache_hits"), hits + 1, "not for a whole ttl more")

with harness.Stack(workers=3, settings={"server.request_timeout": "4s",
                                        "server.finalize_timeout": "2s",
                                        "cache.fill_wait": "20s"}) as s:
    with subtest("who waits keeps the time to help himself"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        with held(s, "analytics.before_store", read, s):
            is_(read(s).status, 200, "answered before its deadline")

with harness.Stack(redis=False) as s:
    with subtest("no cache configured"):
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))
        for _ in range(2):
            is_(read(s).json()["total_trips"], 1, "answered from the store")
        is_(s.count("cache_hits"), 0, "no hit")
        ok(not os.listdir(os.path.join(s.hosts[0].spool, "tokens")),
           "and nothing is owed")

done()
