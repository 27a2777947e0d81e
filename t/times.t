#!/usr/bin/python3
"""Times as clients of all kinds write them mean what they say; what is no time counts as
absent, and the client, the log and a counter are told."""

import copy
import datetime
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
import trips
from drivers import drive
from old_writer import OldWriter
from tap import done, is_, ok, subtest

BATCH, FINALIZE = "/store-trajectory-batch", "/finalize-trip"
END = "2025-12-20T14:40:00+00:00"
FORMS = [
    "2025-12-20T14:40:00+0000", "2025-12-20T14:40:00+00", "2025-12-20T19:40:00+05",
    "2025-12-20T08:40:00-0600", "2025-12-20t14:40:00z", "2025-12-20T14:39:60Z",
    "2025-12-20T14:40:00Z[UTC]", "2025-12-20T08:40:00-06:00[America/Chicago]",
    "2025-12-20 14:40:00", "1766241600000", 1766241600000, 1.7662416e12]
NO_TIMES = ["soon", "", "1766241600", 1766241600, "2025-12-20T14:40:00[America/Chicago]",
            "2025-12-20T14:40:00 +0000"]


def now_ish(text):
    then = datetime.datetime.fromisoformat(text)
    return abs((datetime.datetime.now(datetime.timezone.utc) - then).total_seconds()) < 60


def lines_of(host, trip_id):
    return [line for line in host.log().splitlines()
            if "event=times_unreadable" in line and f'"{trip_id}"' in line]


def forms(host):
    before = host.count("times_unreadable")
    trip = trips.trip(1)
    host.upload(trip)
    for form in FORMS:
        r = host.post(FINALIZE, dict(trip["finalize"], end_timestamp=form)).json()
        is_((r["end_timestamp"], r.get("warnings")), (END, None), f"finalized at {form!r}")
    is_(len(host.driver(user_id=trips.USER).json()["trips"]), 1, "one analysis of all that")
    is_(host.count("times_unreadable"), before, "nothing to tell")


def no_end(host):
    """An end that is none is now: a trip that seems to last for weeks."""
    before = host.count("times_unreadable")
    trip = trips.trip(2)
    host.upload(trip)
    for value in NO_TIMES:
        r = host.post(FINALIZE, dict(trip["finalize"], end_timestamp=value)).json()
        ok(now_ish(r["end_timestamp"]), f"{value!r} ends now")
        is_(len(r["warnings"]), 1, "with one warning")
        ok("end_timestamp is no time" in r["warnings"][0], "which names it")
    is_(host.count("times_unreadable") - before, len(NO_TIMES), "counted")
    lines = lines_of(host, trip["trip_id"])
    is_(len(lines), len(NO_TIMES), "a line a call in the log")
    ok("first=end_timestamp" in lines[0] and "soon" in lines[0], "with the value")
    body = {k: v for k, v in trip["finalize"].items() if k != "end_timestamp"}
    ok("warnings" not in host.post(FINALIZE, body).json(), "an absent one is no news")
    is_(host.post(FINALIZE, dict(body, end_timestamp=True)).status, 400, "true is refused")


def deltas(host):
    """The duration is that of the timestamps that are times."""
    before = host.count("times_unreadable")
    trip = trips.trip(3, points=50, batch=50)
    batch = trip["batches"][0]
    for i in (3, 4, 5):
        batch["deltas"][i]["timestamp"] = "yesterday"
    batch["first_point_timestamp"] = "then"
    r = host.post(BATCH, batch).json()
    is_((r["deltas_count"], r["quality_issues_count"]), (50, 0), "all are taken")
    is_(len(r["warnings"]), 2, "a warning a place")
    ok("first_point_timestamp is no time" in r["warnings"][0], "the batch's own")
    ok("timestamp of 3 deltas is no time" in r["warnings"][1], "the deltas'")
    is_(host.count("times_unreadable") - before, 4, "counted")
    is_(len(lines_of(host, trip["trip_id"])), 1, "one line in the log")
    is_(host.finalize(trip).json().get("warnings"), None, "told once")


def delta_forms(host):
    """Scored alike, in whatever form."""
    plain = trips.trip(4, points=120)
    other = copy.deepcopy(plain)
    other["trip_id"] = other["finalize"]["trip_id"] = plain["trip_id"] + "_other"
    at = 0
    for batch in other["batches"]:
        batch["trip_id"] = other["trip_id"]
        for d in batch["deltas"]:
            at += 1
            then = datetime.datetime.fromisoformat(d["timestamp"].replace("Z", "+00:00"))
            d["timestamp"] = [d["timestamp"].replace("Z", "+0000"), d["timestamp"].lower(),
                              round(then.timestamp() * 1000),
                              d["timestamp"] + "[UTC]"][at % 4]
    for t in (plain, other):
        is_(drive(host, t).json()["analysis"]["status"], "stored", "stored")
    read = {t["trip_id"]: t for t in host.driver(user_id=trips.USER).json()["trips"]}
    one, two = (read[t["trip_id"]] for t in (plain, other))
    for t in (one, two):
        del t["trip_id"]
    is_(two, one, "the same analysis")


def records_without_zone(host):
    """The functions before this service keep a client's text, and print their own times
    without a zone: UTC."""
    trip = trips.trip(5, points=30, batch=30)
    batch, body = trip["batches"][0], dict(trip["finalize"])
    batch["first_point_timestamp"] = "2025-12-20T19:31:34"
    batch["last_point_timestamp"] = "2025-12-20 19:32:04"
    OldWriter(host.stack.stores).batch(batch)
    del body["start_timestamp"]
    r = host.post(FINALIZE, body).json()
    is_((r["start_timestamp"], r.get("warnings")), ("2025-12-20T19:31:34+00:00", None),
        "the start is the record's")
    is_(r["analysis"]["status"], "stored", "and the trip is scored")


def main():
    with harness.Stack(workers=2) as s:
        s.users([trips.user()])
        for test in (forms, no_end, deltas, delta_forms, records_without_zone):
            with subtest(test.__name__):
                test(s)
    done()


main()
