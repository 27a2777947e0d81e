#!/usr/bin/python3
"""The service on S3 and DynamoDB: trips in and out, readable both ways, and what
happens while the stores misbehave."""

import gzip
import json
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import awsstores
import faultproxy
import harness
import tap
import trips
from tap import done, in_, is_, ok, subtest

stores = awsstores.servers()


def plan_reads(s3, bucket):
    """The plan's own reader: list the prefix, get each, gunzip, parse."""
    keys = [o["Key"] for page in s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"users/{trips.USER}/trips/") for o in page.get("Contents", [])]
    found = {}
    for key in keys:
        o = s3.get_object(Bucket=bucket, Key=key)
        found[key] = (json.loads(gzip.decompress(o["Body"].read()).decode("utf-8")), o)
    return found


def readable_both_ways(s, s3, bucket, trip):
    found = plan_reads(s3, bucket)
    (key, (analysis, o)), = found.items()
    in_(trip["trip_id"] + "_", key, "the plan's reader finds the object by its key")
    is_(analysis["trip_id"], trip["trip_id"], "and reads it")
    is_((o["ContentType"], o["ContentEncoding"]), ("application/json", "gzip"), "its headers")
    meta = {k.replace("-", "_"): v for k, v in o["Metadata"].items()}
    is_(meta, {"trip_id": trip["trip_id"], "user_id": trips.USER,
               "behavior_score": meta.get("behavior_score")}, "its metadata")
    is_(float(meta["behavior_score"]), analysis["behavior_score"], "the score in it")

    # The other way: what the plan's writer makes, with another spacing.
    other = dict(analysis, trip_id="made-by-python", end_timestamp="2025-12-01T10:00:00+00:00")
    s3.put_object(Bucket=bucket, Key=f"users/{trips.USER}/trips/made-by-python_1764583200000.json.gz",
                  Body=gzip.compress(json.dumps(other, indent=1).encode()),
                  ContentType="application/json", ContentEncoding="gzip",
                  Metadata={"trip_id": "made-by-python", "user_id": trips.USER,
                            "behavior_score": str(other["behavior_score"])})
    s.redis("FLUSHALL")
    r = s.driver(user_id=trips.USER).json()
    is_(sorted(t["trip_id"] for t in r["trips"]), sorted([trip["trip_id"], "made-by-python"]),
        "the service reads what the plan's writer made")


def unavailable(s, name):
    """503 with Retry-After, and /readyz names the store; not a word of success."""
    r = s.driver(user_id=trips.USER)
    is_(r.status, 503, f"{name}: a reader gets 503")
    ok(int(r.header("Retry-After") or 0) > 0, f"{name}: and when to come again")
    is_(s.get("/readyz").status, 503, f"{name}: not ready")


def answers_again(s, name, total):
    s.redis("FLUSHALL")
    harness.wait_for(f"{name} to be over",
                     lambda: s.driver(user_id=trips.USER).status == 200, 20)
    is_(s.driver(user_id=trips.USER).json()["total_trips"], total, f"{name}: all trips are there")


def outages(s, proxy):
    for mode in ("503", "reset", "403", "cut"):
        s.redis("FLUSHALL")
        proxy.mode = mode
        unavailable(s, mode)
        proxy.mode = "pass"
        answers_again(s, mode, 2)
    s.redis("FLUSHALL")
    proxy.refuse()
    unavailable(s, "nobody listens")
    in_(proxy.url, s.get("/readyz").body.decode(), "/readyz says where")
    proxy.listen()
    answers_again(s, "nobody listens", 2)
    proxy.mode = "slow"
    answers_again(s, "slow bytes", 2)
    proxy.mode = "pass"


def finalize_in_an_outage(s, proxy):
    trip = trips.trip(7)
    s.upload(trip)
    proxy.mode = "503"
    began = time.monotonic()
    r = s.finalize(trip)
    is_((r.status, r.json()["analysis"]["status"]), (200, "pending"), "finalize: pending")
    ok(time.monotonic() - began < 10, "within the app's patience")
    proxy.mode = "pass"
    harness.wait_for("maintenance to finish the trip", lambda: trip["trip_id"] in {
        t["trip_id"] for t in s.driver(user_id=trips.USER).json()["trips"]}, 30)
    ok(True, "stored when the store was back, without the client")


with faultproxy.Proxy(int(stores.env["S3_ENDPOINT"].rsplit(":", 1)[1])) as proxy:
    settings = stores.settings(proxy.url)
    bucket = settings["objects.url"].removeprefix("s3://")
    with harness.Stack({**settings, "server.request_timeout": "4s",
                        "server.finalize_timeout": "3s"}, start=False) as s:
        with subtest("tables init"):
            is_(s.ctl("tables", "init").stdout.count(": made"), 4, "four tables")
        s.start()
        s.users([trips.user()])
        first = trips.trip(1)
        with subtest("a trip in and out"):
            s.upload(first)
            is_(s.finalize(first).json()["analysis"]["status"], "stored", "stored")
            is_(s.driver(email=trips.EMAIL).json()["total_trips"], 1, "read by e-mail")
            is_(s.get("/readyz").status, 200, "ready")
        with subtest("readable both ways"):
            readable_both_ways(s, stores.client("s3"), bucket, first)
        with subtest("outages"):
            outages(s, proxy)
        with subtest("a finalize in an outage"):
            finalize_in_an_outage(s, proxy)
done()
