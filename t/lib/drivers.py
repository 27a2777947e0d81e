"""drivers.py - what the consistency tests ask of a stack: whole trips in, and
what is then in the stores and in the answers."""

import datetime
import gzip
import json
import os

import trips
from background import Background, held  # noqa: F401 - for the tests
from harness import wait_for


def drive(host, trip):
    """Uploads and finalizes; the answer."""
    host.upload(trip)
    return host.finalize(trip)


def ended_at(trip, plus_s):
    """The same trip's finalize body with another end time."""
    body = json.loads(json.dumps(trip["finalize"]))
    start = body["start_timestamp"]
    body["end_timestamp"] = trips.stamp(milliseconds(start) + plus_s * 1000)
    return body


def milliseconds(text):
    """Since 1970, of an ISO time."""
    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(t.timestamp() * 1000)


def objects(stack, user_id=trips.USER):
    """Keys of the driver's trip objects."""
    return stack.stores.keys(f"users/{user_id}/trips/")


def object_of(stack, trip_id, user_id=trips.USER):
    """The key of the trip's only object."""
    key, = [k for k in objects(stack, user_id) if trip_id in k]
    return key


def unpacked(stack, key):
    """The JSON inside, or None, after what the last answers left to be done."""
    stack.quiet()
    body = stack.stores.get(key)
    return None if body is None else _json(body)


def _json(body):
    return json.loads(gzip.decompress(body))


def store_packed(stack, key, doc, **more):
    """As the plan's writer does it."""
    stack.stores.put(key, gzip.compress(json.dumps(doc, **more).encode()))


def analyses(stack, user_id=trips.USER):
    """Of all trips; they are there before the answer to their finalize is."""
    return [_json(stack.stores.get(key)) for key in objects(stack, user_id)]


def summary_key(user_id=trips.USER):
    return f"users/{user_id}/summary.json.gz"


def summary_rows(stack, user_id=trips.USER):
    """The summary's rows as dicts by trip id."""
    doc = unpacked(stack, summary_key(user_id))
    if doc is None:
        return {}
    rows = [dict(zip(doc["columns"], row)) for row in doc["trips"]]
    return {row["trip_id"]: row for row in rows}


def record(stack, trip_id):
    """The trip's record as it is stored."""
    return stack.stores.record(trip_id)


def settled(stack, trip_id):
    """Waits until the trip is not pending any more."""
    wait_for(f"trip {trip_id} to be settled",
             lambda: record(stack, trip_id)["analysis_status"] not in
             ("pending", None))
    return record(stack, trip_id)


INSTALLATION = "installation.json"
SOON = {"server.request_timeout": "200ms", "server.finalize_timeout": "100ms"}


def agreed(stack):
    """What the hosts agreed on, or None."""
    text = stack.stores.get(INSTALLATION)
    return text and json.loads(text)


def agree_on(stack, timeout_ms):
    """As if the hosts had shorter requests, until one of them raises it again."""
    stack.stores.put(INSTALLATION, json.dumps(
        {**agreed(stack), "request_timeout_ms": timeout_ms}).encode())


def tidied(stack, user_id=trips.USER):
    """Reconcile. A store that cannot delete conditionally lets it remove an object
    only when no finalize can be running any more: here that is soon."""
    def tidy():
        agree_on(stack, 200)
        return not stack.ctl("reconcile", "--user", user_id, check=False,
                             settings=SOON).returncode
    wait_for("reconcile to remove what it may", tidy)


def spool_empty(host):
    """Of what is owed now: looks at trips under way fall due later."""
    wait_for("an empty spool", lambda: not [
        f for path, _, files in os.walk(host.spool) for f in files
        if os.path.basename(path) != "open"])


def change_summary(stack, change, user_id=trips.USER):
    """Rewrites the summary with change(row as a dict) done to every row."""
    doc = unpacked(stack, summary_key(user_id))
    rows = [dict(zip(doc["columns"], row)) for row in doc["trips"]]
    for row in rows:
        change(row)
    doc["trips"] = [list(row.values()) for row in rows]
    store_packed(stack, summary_key(user_id), doc)


def remove_summary(stack, user_id=trips.USER):
    """When nobody is about to write it: it is taken away from under the service, without
    its locks, and Ceph's gateway carries out a DELETE and a conditional PUT of the same
    moment both. What was written would be there again."""
    stack.quiet()
    stack.stores.delete(summary_key(user_id))


def take_texts(stack, user_id=trips.USER):
    """The summary keeps its rows alone: for texts the trips' objects must be read."""
    change_summary(stack, lambda row: row.update(pack=0), user_id)


def trip_ids(answer):
    return [t["trip_id"] for t in answer.json()["trips"]]
