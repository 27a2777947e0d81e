#!/usr/bin/python3
"""Records in DynamoDB's tables, on npm's dynalite: the contract of records.h, and
items as other programs write and read them."""

import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "lib"))
import contract
import tap
from tap import in_, is_, ok, subtest

try:
    import boto3
except ImportError:
    tap.skip_all("needs python3-boto3")
if not os.path.exists(os.path.join(os.environ.get("DYNALITE_HOME", "/nonexistent"),
                                   "node_modules/dynalite/cli.js")):
    tap.skip_all("needs npm's dynalite (DYNALITE_HOME)")

DYNALITE = os.path.join(HERE, "lib", "dynalite.sh")


def ctl(env, folder, *words):
    """driveguardctl on these tables."""
    return contract.ctl(env, folder, {"records.url": "dynamodb:",
                                      "dynamodb.endpoint": env["DYNAMODB_ENDPOINT"],
                                      "dynamodb.region": env["AWS_REGION"]}, *words)


def without_index(env, folder, client):
    """The contract of users on a table that has none by e-mail."""
    client.create_table(
        TableName="Users-Neal", BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "user_id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "user_id", "AttributeType": "S"}])
    r = ctl(env, folder, "tables", "init")
    is_((r.returncode, r.stdout.count(": made\n")), (0, 3), "tables init leaves it as it is")
    contract.passes(env, "records", "records", "dynamodb:", SPOOL=folder)
    ok(os.path.exists(os.path.join(folder, "emails")), "by the roll")
    for table in client.list_tables()["TableNames"]:
        client.delete_table(TableName=table)


def tables_init(env, folder, client):
    first = ctl(env, folder, "tables", "init")
    is_(first.returncode, 0, "tables init")
    is_(first.stdout.count(": made\n"), 4, "makes four")
    again = ctl(env, folder, "tables", "init")
    is_((again.returncode, again.stdout.count(": is there\n")), (0, 4), "once")
    is_(again.stdout.count(": ready\n"), 2, "and two indexes")
    t = client.describe_table(TableName="TrajectoryBatches-Neal")["Table"]
    is_([i["IndexName"] for i in t["GlobalSecondaryIndexes"]],
        ["user_id-upload_timestamp-index"], "with the index of batches")


def scan(client, table):
    return [item for page in client.get_paginator("scan").paginate(TableName=table)
            for item in page["Items"]]


def items_as_stored(client):
    """What the old functions, which read these tables too, find there."""
    trips = scan(client, "Trips-Neal")
    ok(trips, "trips are there")
    trip = next(t for t in trips if t["trip_id"]["S"].startswith("claim-"))
    is_(trip["status"], {"S": "completed"}, "a completed trip's status")
    is_(trip["end_timestamp"], {"S": "2025-12-20T16:13:25+00:00"}, "its end, as text")
    is_(trip["analysis_status"], {"S": "stored"}, "its analysis")
    is_(trip["total_batches"], {"N": "2"}, "its batches")
    is_(sorted(trip["batch_numbers"]["NS"], key=int), ["1", "200"], "which they are")
    batches = scan(client, "TrajectoryBatches-Neal")
    batch = next(b for b in batches if b["batch_id"]["S"].startswith("read-")
                 and b["batch_number"]["N"] == "1")
    is_(batch["deltas"], {"L": [{"N": "1"}]}, "a batch's deltas")
    in_("S", batch["upload_timestamp"], "with a time of upload, so that the index has it")
    is_(batch["processed"], {"BOOL": False}, "not processed")
    is_(batch["batch_statistics"], {"M": {"total_deltas": {"N": "2"}}}, "statistics")
    user = next(u for u in scan(client, "Users-Neal") if "email" in u)
    in_("user_id", user, "a user")


def main(folder):
    up = subprocess.run([DYNALITE, "up", folder], text=True, capture_output=True)
    if up.returncode:
        tap.diag(up.stderr)
        raise SystemExit("dynalite did not start")
    env = dict(line.split("=", 1) for line in up.stdout.split())
    client = boto3.client("dynamodb", endpoint_url=env["DYNAMODB_ENDPOINT"],
                          region_name=env["AWS_REGION"],
                          aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
                          aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"])
    with subtest("without an index"):
        without_index(env, folder, client)
    with subtest("tables init"):
        tables_init(env, folder, client)
    with subtest("the contract"):
        for part in ("records", "records_claims", "records_walk"):
            contract.passes(env, f"{part}, on four tables", part, "dynamodb:")
    with subtest("items"):
        items_as_stored(client)


with tempfile.TemporaryDirectory(prefix="dg-dynamodb-") as folder:
    try:
        main(folder)
    finally:
        subprocess.run([DYNALITE, "down", folder], check=False)
tap.done()
