"""app.py - the service as one would write it in an afternoon of Python: Flask under
gunicorn, sqlite3, Redis, and boto3 where the analyses are objects. t/bench/README.md says
what it leaves out.

    DATABASE=FILE REDIS_SOCKET=FILE [BUCKET=NAME S3_ENDPOINT=URL] gunicorn app:app
"""

import concurrent.futures
import datetime
import gzip
import json
import os
import sqlite3

import redis
from flask import Flask, Response, request

from score import aggregate, score

KEEP_S = 300
S3_CONNECTIONS = 32

app = Flask(__name__)
cache = redis.Redis(unix_socket_path=os.environ["REDIS_SOCKET"])
db = sqlite3.connect(os.environ["DATABASE"], isolation_level=None, timeout=30)
db.execute("pragma synchronous = full")  # a commit is on the disk before its 200


class Rows:
    """Analyses in the database."""

    def put(self, trip_id, user_id, end, text):
        db.execute("insert or replace into analyses values (?, ?, ?, ?)",
                   (trip_id, user_id, end, text))

    def of_user(self, user_id):
        return [json.loads(text) for text, in db.execute(
            "select analysis from analyses where user_id = ? order by end desc", (user_id,))]


class Objects:
    """Analyses as objects, a trip each, under the names that DriveGuard gives them."""

    def __init__(self, bucket, endpoint):
        import boto3
        from botocore.config import Config

        self.bucket = bucket
        self.s3 = boto3.client("s3", endpoint_url=endpoint, config=Config(
            max_pool_connections=S3_CONNECTIONS, s3={"addressing_style": "path"}))
        self.pool = concurrent.futures.ThreadPoolExecutor(S3_CONNECTIONS)

    def put(self, trip_id, user_id, end, text):
        at = datetime.datetime.fromisoformat(end.replace("Z", "+00:00"))
        self.s3.put_object(
            Bucket=self.bucket, Body=gzip.compress(text.encode()),
            Key=f"users/{user_id}/trips/{trip_id}_{round(at.timestamp() * 1000)}.json.gz")

    def _get(self, key):
        body = self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read()
        return json.loads(gzip.decompress(body))

    def of_user(self, user_id):
        pages = self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=f"users/{user_id}/trips/")
        keys = [entry["Key"] for page in pages for entry in page.get("Contents", ())]
        return sorted(self.pool.map(self._get, keys), key=lambda a: a["end_timestamp"],
                      reverse=True)


analyses = (Objects(os.environ["BUCKET"], os.environ["S3_ENDPOINT"])
            if "BUCKET" in os.environ else Rows())


class Transaction:
    def __enter__(self):
        db.execute("begin immediate")

    def __exit__(self, kind, *_):
        db.execute("rollback" if kind else "commit")


def now():
    return datetime.datetime.utcnow().isoformat()


def number(value):
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def usable(delta):
    values = [number(delta.get(k)) for k in ("delta_lat", "delta_long", "delta_time")]
    return None not in values and values[2] > 0


@app.post("/store-trajectory-batch")
def store_batch():
    b = request.get_json()
    if not all(b.get(k) for k in ("user_id", "trip_id", "batch_number")) \
            or not isinstance(b.get("deltas"), list):
        return {"error": "Missing required fields"}, 400
    deltas = [d for d in b["deltas"] if usable(d)]
    if not deltas:
        return {"error": "No valid deltas found"}, 400
    with Transaction():
        owner = db.execute("select user_id from trips where trip_id = ?",
                           (b["trip_id"],)).fetchone()
        if owner and owner[0] != b["user_id"]:
            return {"error": "Another user's trip"}, 409
        db.execute(
            "insert into trips values (?, ?, 'active', ?, ?, 1, ?, ?) "
            "on conflict (trip_id) do update set batches = batches + 1, "
            "start = min(start, excluded.start), end = max(end, excluded.end), "
            "highest = max(highest, excluded.highest), updated = excluded.updated",
            (b["trip_id"], b["user_id"], b.get("first_point_timestamp"),
             b.get("last_point_timestamp"), b["batch_number"], now()))
        db.execute("insert or replace into batches values (?, ?, ?, ?, ?)",
                   (b["trip_id"], b["batch_number"], b["user_id"], json.dumps(deltas), now()))
    speeds = sum(number(d.get("speed_mph")) or 0 for d in deltas)
    return {"message": "Trajectory batch stored successfully",
            "batch_id": f"{b['trip_id']}_batch_{b['batch_number']}",
            "deltas_count": len(deltas), "average_speed": speeds / len(deltas)}


@app.post("/finalize-trip")
def finalize():
    f = request.get_json()
    if not f.get("user_id") or not f.get("trip_id"):
        return {"error": "Missing required fields"}, 400
    trip = db.execute("select user_id, start, end from trips where trip_id = ?",
                      (f["trip_id"],)).fetchone()
    if not trip:
        return {"error": "No such trip"}, 404
    if trip[0] != f["user_id"]:
        return {"error": "Another user's trip"}, 409
    start, end = f.get("start_timestamp") or trip[1], f.get("end_timestamp") or trip[2]
    deltas = [d for text, in db.execute(
        "select deltas from batches where trip_id = ? order by number", (f["trip_id"],))
        for d in json.loads(text)]
    analysis = {"trip_id": f["trip_id"], "user_id": f["user_id"], "start_timestamp": start,
                "end_timestamp": end, **score(deltas)}
    with Transaction():
        analyses.put(f["trip_id"], f["user_id"], end, json.dumps(analysis))
        db.execute("update trips set status = 'completed', start = ?, end = ?, updated = ? "
                   "where trip_id = ?", (start, end, now(), f["trip_id"]))
    cache.delete("answer:" + f["user_id"])
    return {"analysis": analysis}


@app.get("/analyze-driver")
def analyze():
    user_id = request.args["user_id"]
    body = cache.get("answer:" + user_id)
    if body is None:
        trips = analyses.of_user(user_id)
        if not trips:
            return {"error": "No trips"}, 404
        body = json.dumps(aggregate(user_id, trips))
        cache.set("answer:" + user_id, body, ex=KEEP_S)
    return Response(body, mimetype="application/json")
