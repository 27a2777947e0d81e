#!/usr/bin/python3
"""installation.json: hosts with different request timeouts judge what others wrote by the
longest of them; a host starts without it, too."""

import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import trips
from tap import done, in_, is_, ok, subtest

LONG_MS = 25000
SHORT = {"server.request_timeout": "300ms", "server.finalize_timeout": "200ms"}
HARDLY = 3 * 0.3 + 1.2  # seconds in which nothing of the host with that is under way


def timeout(s):
    return (drivers.agreed(s) or {}).get("request_timeout_ms")


def stray_pack(s, name):
    """A pack that no summary names, as somebody who is about to name it writes it."""
    key = f"users/{trips.USER}/packs/{name}.json.gz"
    s.stores.put(key, b"not yet named")
    return key


def restart(host, settings):
    """Until it serves: the socket is there before."""
    host.configure(settings)
    host.service.stop()
    host.service.start()
    is_(host.get("/healthz").status, 200, "starts")


with harness.Stack(hosts=2, redis=False, start=False) as s:
    long, short = s.hosts
    short.configure(SHORT)
    short.start()
    s.users([trips.user()])
    drivers.drive(short, trips.trip(1))
    short.quiet()

    with subtest("the first host makes it"):
        first = drivers.agreed(s)
        is_(first["request_timeout_ms"], 300, "with its own timeout")
        is_((first["format"], len(first["installation_id"])), (1, 32), "and an id")
        in_("event=installation_made", short.log(), "and says so")

    with subtest("alone it judges by its own"):
        key = stray_pack(s, 7)
        time.sleep(HARDLY)
        short.ctl("reconcile", "--user", trips.USER)
        is_(s.stores.get(key), None, "what nobody can be about to name is removed")

    with subtest("a host with longer requests"):
        long.start()
        is_(long.get("/healthz").status, 200, "serves")
        is_(timeout(s), LONG_MS, "raises it before it serves")
        is_({**drivers.agreed(s), "request_timeout_ms": 300}, first,
            "and changes nothing else")
        in_("event=request_timeout_agreed", long.log(), "and says so")

    with subtest("the one with shorter requests"):
        key = stray_pack(s, 8)
        time.sleep(HARDLY)
        short.ctl("reconcile", "--user", trips.USER)
        ok(s.stores.get(key), "does not remove what the other may be about to name")
        drivers.agree_on(s, 300)
        short.ctl("reconcile", "--user", trips.USER)
        is_(s.stores.get(key), None, "but would if that did not count")
        harness.wait_for("the longer one to raise it again",
                         lambda: timeout(s) == LONG_MS)
        restart(short, SHORT)
        is_(timeout(s), LONG_MS, "leaves the longer one in place")
        in_("event=request_timeout_differs own_ms=300 agreed_ms=25000", short.log(),
            "and warns of it when it starts")

    with subtest("an upload of the other host that is under way"):
        # The record counts a batch that never comes.
        trip = trips.trip(2)
        short.upload(trip)
        s.stores.change_trip(trip["trip_id"], total_batches=4)
        time.sleep(2 * 0.3 + 0.2)
        is_(short.finalize(trip).json()["analysis"]["status"], "stored", "stored")
        is_(drivers.record(s, trip["trip_id"])["analysis_status"], "pending",
            "and pending for as long as the other's requests may take")

    with subtest("one that is spoilt"):
        kept = drivers.agreed(s)
        s.stores.put(drivers.INSTALLATION, b"spoilt")
        restart(short, SHORT)
        is_(s.stores.get(drivers.INSTALLATION), b"spoilt", "and is left for a person")
        in_("event=installation_unknown", short.log(), "who is told")
        key = stray_pack(s, 9)
        r = short.ctl("reconcile", "--user", trips.USER, check=False)
        in_("event=installation_unknown", r.stderr, "the operator as well")
        ok(s.stores.get(key), "what is young is not removed meanwhile")
        s.stores.delete(drivers.INSTALLATION)
        restart(long, {})
        is_(timeout(s), LONG_MS, "taken away, it is made anew")
        ok(drivers.agreed(s)["installation_id"] != kept["installation_id"],
           "under another id")

    with subtest("nobody takes it for a driver"):
        r = long.ctl("reconcile", check=False)
        in_("drivers looked at   1\n", r.stdout, "there is one")

with harness.Stack(redis=False, start=False, kind="dir",
                   settings={"maintenance.interval": "100ms"}) as s:
    harness.need_faults()
    with subtest("a store that is away when the host starts"):
        s.fault("dir.installation.fail.always", "fail")
        s.hosts[0].start()
        is_(s.get("/healthz").status, 200, "it starts")
        is_(drivers.agreed(s), None, "agreed with nobody")
        in_("event=installation_unknown", s.log(), "and says so")
        s.fault_clear()
        restart(s.hosts[0], {})
        is_(timeout(s), LONG_MS, "and does once the store is back")

done()
