#!/usr/bin/python3
"""driveguardctl inspect: what the running system's functions left in the tables, counted
exactly, on both kinds of records; interrupted, it goes on."""

import json
import os
import signal
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import build
import harness
import old_writer
import trips
from process import wait_for
from tap import done, in_, is_, ok, subtest

ACTIVE, COMPLETED, LONG = 120, 80, "x" * 129
USERS = [("u1", "ann@example.com"), ("u2", "Ann@Example.com"), ("u3", "bob@example.com"),
         ("o'brien-pat", "pat@example.com"), ("d'arcy", None), ("jos\u00e9", "no address"),
         (".hidden", "h@example.com"), ("two words", "t@example.com"),
         (LONG, "l@example.com"), ("a/b", "s@example.com"), ("tab\there", "tab@example.com")]


def put_user(s, old, user_id, email):
    if s.stores.kind == "s3":
        old.put("users", {"user_id": user_id, "password_hash": "x",
                          **({"email": email} if email else {})})
    else:
        old._do(("INSERT INTO users (user_id, email) VALUES (?, ?)",
                 (user_id, email and email.lower())))


def old_trip(number, user_id="u1"):
    return trips.trip(number, user_id=user_id, points=30, batch=25)


def fill(s, old):
    """Trips of every kind that the old functions leave."""
    for user_id, email in USERS:
        put_user(s, old, user_id, email)
    for i in range(ACTIVE + COMPLETED):
        trip = old_trip(i)
        for batch in trip["batches"]:
            old.batch(batch)
        if i < COMPLETED:
            old.finalize(trip["finalize"])
    old.finalize({**old_trip(900)["finalize"], "trip_id": "no batch"})
    batch = old_trip(901, "o'brien-pat")["batches"][0]
    old.batch({**batch, "trip_id": "swapped",
               "first_point_timestamp": "2025-12-20T14:31:36",
               "last_point_timestamp": "2025-12-20T14:31:35"})


def fill_others(old):
    """What only DynamoDB can hold."""
    old.put("trips", {"trip_id": "odd", "user_id": "u1", "status": "paused",
                      "start_timestamp": "yesterday", "total_batches": 250})
    for trip in (old_trip(0), old_trip(1), old_trip(COMPLETED), {"trip_id": "gone"}):
        old.put("summaries", {"trip_id": trip["trip_id"], "user_id": "u1",
                              "start_timestamp": "2025-12-20T14:31:35",
                              "end_timestamp": "2025-12-20T14:31:35+00:00",
                              "analysis_cached_at": old_writer.now(zone=True)})


def inspect(s, *args, **more):
    return s.ctl("inspect", *args, **more)


def report(s, *args, **more):
    return json.loads(inspect(s, "--json", *args, **more).stdout)


def refused(r, of):
    return {i["kind"]: (i["count"], sorted(i["examples"])) for i in r["refused_ids"]
            if i["of"] == of}


def counts(s, r):
    aws = s.stores.kind == "s3"
    is_([t["items"] for t in r["tables"]],
        [len(USERS), ACTIVE + COMPLETED + 2 + aws, 2 * (ACTIVE + COMPLETED) + 1, 4 * aws],
        "items")
    c = r["counts"]
    is_((c["trips_never_finalized"], c["trips_completed"], c["trips_other_status"]),
        (ACTIVE + 1, COMPLETED + 1, aws), "trips by status")
    is_((c["trips_without_batches"], c["trips_end_before_start"], c["trips_claimed"]),
        (1, 1, 0), "odd trips, and none of ours")
    is_((c["emails_shared"], c["users_sharing"]), (1, 2), "an e-mail that two have")
    is_((c["users_without_email"], c["emails_no_address"]), (1, 1), "no e-mail")
    is_((c["trips_with_summary"], c["unfinalized_with_summary"],
         c["summaries_without_trip"]), (2, 1, 1) if aws else (0, 0, 0),
        "rows of DrivingSummaries")
    is_(c["batch_requests"], ACTIVE + COMPLETED + 2 + 3 * aws,
        "batches are read by the hundred")


def ids(r):
    is_(refused(r, "user_id of users"), {
        "an apostrophe": (2, ["d'arcy", "o'brien-pat"]),
        "a letter beyond ASCII": (1, ["jos\u00e9"]),
        "a leading dot": (1, [".hidden"]), "a blank": (1, ["two words"]),
        "over 128 characters": (1, [LONG[:92] + "..."]), "a slash": (1, ["a/b"]),
        "a control character": (1, ["tab?here"])}, "of users, by kind")
    is_(refused(r, "trip_id of trips"), {"a blank": (1, ["no batch"])}, "of trips")
    is_(refused(r, "user_id of trips"), {"an apostrophe": (1, ["o'brien-pat"])},
        "of their drivers")


def times_of(r, table, name):
    t = r["tables"][table]["times"][name]
    return t["with_zone"], t["without_zone"], t["no_time"], t["absent"]


def tables_of_dynamodb(s, r):
    n = ACTIVE + COMPLETED
    is_(times_of(r, 1, "start_timestamp"), (n + 1, 1, 1, 0), "starts")
    is_(times_of(r, 1, "created_at"), (1, n + 1, 0, 1), "created_at")
    is_(times_of(r, 1, "finalized_at"), (COMPLETED + 1, 0, 0, ACTIVE + 2), "finalized_at")
    is_(times_of(r, 2, "upload_timestamp"), (0, 2 * n + 1, 0, 0), "uploads")
    is_(r["tables"][0]["index"], {"name": "email-index", "state": "there"}, "the index")
    largest = r["tables"][2]["largest"]
    is_(len(largest), 5, "the largest batches")
    ok(all(a["bytes"] >= b["bytes"] for a, b in zip(largest, largest[1:])), "sorted")
    ok(4000 < largest[0]["bytes"] < 5500, f"25 points are some 5 KB: {largest[0]}")
    b = r["backfill"]
    units = r["tables"][2]["bytes"] / 4096
    ok(units < b["read_units"] < 2 * units + 300, f"each batch costs whole units: {b}")
    is_(b["requests"], 1 + r["counts"]["batch_requests"] + len(USERS), "requests")
    other = report(s, settings={"dynamodb.email_index": "our-index"})
    is_(other["tables"][0]["index"],
        {"name": "our-index", "state": "missing", "like_it": "email-index"},
        "one that is missing, and one that would do")


def interrupted(s, whole):
    """Killed in the midst of the trips, it goes on behind the users."""
    folder = os.path.join(s.settings["server.spool"], "inspect")
    p = subprocess.Popen([build.program("driveguardctl"), "-c", s.conf, "inspect",
                          "--units", "1"], env=dict(os.environ, **s.env),
                         stdout=subprocess.DEVNULL)
    try:
        wait_for("the first table", lambda: os.path.exists(folder + "/state"))
        r = inspect(s, check=False)
        ok(r.returncode == 1 and "another inspect" in r.stderr, "not two at once")
    finally:
        p.send_signal(signal.SIGKILL)
        p.wait()
    ok(os.path.exists(folder + "/state"), "what it had is there")
    if s.stores.kind == "s3":
        r = inspect(s, check=False, settings={
            "dynamodb.trips_table": s.stores.tables["summaries"]})
        ok(r.returncode == 1 and "--again" in r.stderr, "not taken for that of others")
    r = report(s)
    is_(r["interrupted"], True, "it goes on")
    for part in ("counts", "refused_ids", "backfill"):
        is_(r[part], whole[part], f"with the same {part}")
    for there, wanted in zip(r["tables"], whole["tables"]):
        is_([there[k] for k in ("items", "bytes", "times")],
            [wanted[k] for k in ("items", "bytes", "times")], f"and {there['name']}")
    ok(not os.path.exists(folder), "nothing is left")


def killed_often(s, old):
    """At every page, after its state was kept or before: each item counts once."""
    if s.stores.kind == "dir":  # so many that they are several pages
        old._do(*(("INSERT INTO trips (trip_id, user_id, status, total_batches, "
                   "highest_batch, revision) VALUES (?, 'u1', 'completed', 1, 1, 1)",
                   (f"more{i}",)) for i in range(1200)))
    whole = report(s)
    runs = 0
    s.fault("inspect.keep.always", "fail")
    while runs < 30:
        s.fault("inspect.kept" if runs % 3 else "inspect.unkept", "crash")
        r = inspect(s, "--json", check=False)
        if r.returncode == 0:
            break
        is_(r.returncode, 99, "it dies")
        runs += 1
    ok(runs >= (7 if s.stores.kind == "dir" else 4), f"at every page: {runs} times")
    if not is_(r.returncode, 0, "in the end it is done"):
        return
    r = json.loads(r.stdout)
    for part in ("counts", "refused_ids", "backfill"):
        is_(r[part], whole[part], f"with the same {part}")
    is_([t["bytes"] for t in r["tables"]], [t["bytes"] for t in whole["tables"]], "and bytes")
    s.fault_clear()


with harness.Stack(redis=False, start=False) as s:
    old = old_writer.OldWriter(s.stores)
    s.ctl("user", "list")  # makes the database
    fill(s, old)
    if s.stores.kind == "s3":
        fill_others(old)
    report(s)  # gives SQLite's file its identity
    before = s.stores.image()
    with subtest("for people"):
        text = inspect(s).stdout
        in_("trips never finalized", text, "a line a count")
        ok("@example.com" not in text, "no e-mail")
    whole = report(s, "--segments", "3")
    with subtest("counts"):
        counts(s, whole)
    with subtest("ids"):
        ids(whole)
    if s.stores.kind == "s3":
        with subtest("DynamoDB's tables"):
            tables_of_dynamodb(s, whole)
    with subtest("interrupted"):
        interrupted(s, whole)
    is_(s.stores.image(), before, "it only reads")
    if build.faults_built():
        with subtest("killed often"):
            killed_often(s, old)
done()
