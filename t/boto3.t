#!/usr/bin/python3
"""What the service stores is what the plan's Python reads, and the other way round: the
plan's writer and reader (boto3, gzip, json), in the words of this test, on the bucket
of a running service. `prove -v` shows the round trip."""

import gzip
import json
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import harness
import tap
import trips
from tap import done, in_, is_, note, ok, subtest

try:
    import boto3
    import botocore.config
except ImportError:
    tap.skip_all("needs python3-boto3")


# ---- what the plan's functions do ----

def plan_store(s3, bucket, analysis):
    """As finalize-trip of the plan stores an analysis; its key."""
    end_ms = drivers.milliseconds(analysis["end_timestamp"])
    key = f"users/{analysis['user_id']}/trips/{analysis['trip_id']}_{end_ms}.json.gz"
    s3.put_object(Bucket=bucket, Key=key, Body=gzip.compress(json.dumps(analysis).encode()),
                  ContentType="application/json", ContentEncoding="gzip", Metadata={
                      "trip_id": analysis["trip_id"], "user_id": analysis["user_id"],
                      "behavior_score": str(analysis["behavior_score"])})
    return key


def plan_read(s3, bucket, user_id):
    """As analyze-driver of the plan reads a driver's analyses, newest first."""
    found = []
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=f"users/{user_id}/trips/")
    for entry in (e for page in pages for e in page.get("Contents", [])):
        body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
        found.append(json.loads(gzip.decompress(body).decode("utf-8")))
    return sorted(found, key=lambda a: a["end_timestamp"], reverse=True)


# ---- the round trip ----

def read_by_the_plan(s3, s, one):
    """Ours, read by the plan's reader and by a plain HEAD."""
    analysis, = plan_read(s3, s.stores.bucket.name, trips.USER)
    key = drivers.object_of(s, one["trip_id"])
    note(f"stored by the service:   {key}")
    note(f"read by the plan:        trip {analysis['trip_id']}, "
         f"score {analysis['behavior_score']}, {analysis['total_distance_miles']} miles")
    is_(analysis["trip_id"], one["trip_id"], "the trip")
    sent = s.driver(email=trips.EMAIL).json()["trips"][0]
    is_(analysis, sent, "the analysis, as the service answers it")
    is_(key, f"users/{trips.USER}/trips/{one['trip_id']}_"
        f"{drivers.milliseconds(analysis['end_timestamp'])}.json.gz", "the plan's key")
    head = s3.head_object(Bucket=s.stores.bucket.name, Key=key)
    is_((head["ContentType"], head["ContentEncoding"]), ("application/json", "gzip"),
        "the plan's types")
    # Ceph's gateway gives names back with - for _.
    metadata = {k.replace("-", "_"): v for k, v in head["Metadata"].items()}
    note(f"its metadata:            {metadata}")
    is_(metadata, {"trip_id": one["trip_id"], "user_id": trips.USER,
                   "behavior_score": str(analysis["behavior_score"])}, "the plan's metadata")
    return analysis


def metadata_as_sent(s, one):
    """The header's name, before any server changes it."""
    proxy = s.stores.objects_proxy
    put = next(x for x in proxy.seen if x.name == "PUT" and one["trip_id"] in x.key)
    for name, value in (("trip_id", one["trip_id"]), ("user_id", trips.USER)):
        in_(f"\r\nx-amz-meta-{name}: {value}\r\n".encode(), put.head, f"{name} as sent")
    ok(b"\r\nx-amz-meta-behavior_score: " in put.head, "behavior_score as sent")


def written_by_the_plan(s3, s, like):
    """The plan's, read by the service, however Python prints it."""
    theirs = {**like, "trip_id": "trip_of_the_plan", "behavior_score": 71.5,
              "end_timestamp": "2025-12-21T10:00:00+00:00", "note": "\u00e9 \"\\ \u2028",
              "more": [1e-7, None, {"a": []}], "user_id": trips.USER}
    theirs.pop("revision")
    key = plan_store(s3, s.stores.bucket.name, theirs)
    s.redis("FLUSHALL")
    r = s.driver(email=trips.EMAIL).json()
    mine = [t for t in r["trips"] if t["trip_id"] == "trip_of_the_plan"]
    note(f"stored by the plan:      {key}")
    note(f"answered by the service: {r['total_trips']} trips, "
         f"overall score {r['overall_behavior_score']}")
    is_(mine, [theirs], "the plan's trip, member by member")
    is_(r["total_trips"], 2, "and counted")
    is_([a["trip_id"] for a in plan_read(s3, s.stores.bucket.name, trips.USER)],
        drivers.trip_ids(s.driver(email=trips.EMAIL)), "both read the same trips, newest first")


with harness.Stack(kind="s3", proxy=True) as s:
    bucket = s.stores.bucket
    s3 = boto3.client("s3", endpoint_url="http://" + bucket.host, region_name=bucket.region,
                      aws_access_key_id=bucket.key_id, aws_secret_access_key=bucket.secret,
                      config=botocore.config.Config(s3={"addressing_style": "path"}))
    s.users([trips.user()])
    first = trips.trip(1)
    drivers.drive(s, first)
    with subtest("what the service stores, the plan reads"):
        analysis = read_by_the_plan(s3, s, first)
    with subtest("metadata"):
        metadata_as_sent(s, first)
    with subtest("what the plan stores, the service reads"):
        written_by_the_plan(s3, s, {**analysis, "user_id": trips.USER})

done()
