"""drivers.py - what the consistency tests ask of a stack: whole trips in, and
what is then in the stores and in the answers."""

import contextlib
import glob
import gzip
import json
import os
import sqlite3
import threading

import awsstores
import trips
from harness import wait_for


def drive(host, trip):
    """Uploads and finalizes; the answer."""
    host.upload(trip)
    return host.finalize(trip)


def ended_at(trip, plus_s):
    """The same trip's finalize body with another end time."""
    body = json.loads(json.dumps(trip["finalize"]))
    start = body["start_timestamp"]
    body["end_timestamp"] = trips.stamp(_ms(start) + plus_s * 1000)
    return body


def _ms(text):
    import datetime

    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    return int(t.timestamp() * 1000)


def everything(stack):
    """All that is stored, as something to compare."""
    stored = awsstores.everything(stack) if stack.on_aws else _in_folder(stack)
    return stored, sorted(_files(stack.spool))


def _in_folder(stack):
    with sqlite3.connect(f"file:{stack.records}?mode=ro", uri=True) as db:
        return list(db.iterdump()), sorted(_files(stack.objects))


def _files(top):
    return [os.path.join(folder, n) for folder, _, names in os.walk(top) for n in names]


def read_object(stack, key):
    """Its bytes, or None."""
    if stack.on_aws:
        return awsstores.read(stack, key)
    with contextlib.suppress(FileNotFoundError), open(f"{stack.objects}/{key}", "rb") as f:
        return f.read()
    return None


def write_object(stack, key, data):
    if stack.on_aws:
        return awsstores.write(stack, key, data)
    with open(f"{stack.objects}/{key}", "wb") as f:
        f.write(data)


def remove_object(stack, key):
    if stack.on_aws:
        return awsstores.remove(stack, key)
    os.unlink(f"{stack.objects}/{key}")


def objects(stack, user_id=trips.USER):
    """Keys of the driver's trip objects."""
    prefix = f"users/{user_id}/trips/"
    if stack.on_aws:
        return awsstores.keys(stack, prefix)
    return sorted(prefix + os.path.basename(path)
                  for path in glob.glob(f"{stack.objects}/{prefix}*.json.gz"))


def analyses(stack, user_id=trips.USER):
    return [json.loads(gzip.decompress(read_object(stack, key)))
            for key in objects(stack, user_id)]


def summary_key(user_id=trips.USER):
    return f"users/{user_id}/summary.json.gz"


def summary(stack, user_id=trips.USER):
    """The summary as stored, or None."""
    data = read_object(stack, summary_key(user_id))
    return json.loads(gzip.decompress(data)) if data is not None else None


def summary_rows(stack, user_id=trips.USER):
    """The summary's rows as dicts by trip id."""
    doc = summary(stack, user_id)
    if doc is None:
        return {}
    rows = [dict(zip(doc["columns"], row)) for row in doc["trips"]]
    return {row["trip_id"]: row for row in rows}


def record(stack, trip_id):
    """The trip's record as the database has it."""
    if stack.on_aws:
        return awsstores.record(stack, trip_id)
    db = sqlite3.connect(f"file:{stack.records}?mode=ro", uri=True, timeout=10)
    try:
        db.row_factory = sqlite3.Row
        row = db.execute("select * from trips where trip_id = ?",
                         (trip_id,)).fetchone()
        return dict(row) if row else None
    finally:
        db.close()


def settled(stack, trip_id):
    """Waits until the trip is not pending any more."""
    wait_for(f"trip {trip_id} to be settled",
             lambda: record(stack, trip_id)["analysis_status"] not in
             ("pending", None))
    return record(stack, trip_id)


def spool_empty(host):
    wait_for("an empty spool", lambda: not [
        f for _, _, files in os.walk(host.spool) for f in files])


def change_records(stack, statement, *values):
    """Another hand in the database: one statement, committed."""
    db = sqlite3.connect(stack.records, timeout=10)
    try:
        with db:
            db.execute(statement, values)
    finally:
        db.close()


def change_summary(stack, change, user_id=trips.USER):
    """Rewrites the summary with change(row as a dict) done to every row."""
    path = summary_path(stack, user_id)
    with gzip.open(path) as f:
        doc = json.load(f)
    rows = [dict(zip(doc["columns"], row)) for row in doc["trips"]]
    for row in rows:
        change(row)
    doc["trips"] = [list(row.values()) for row in rows]
    with gzip.open(path, "wb") as f:
        f.write(json.dumps(doc).encode())


def trip_ids(answer):
    return [t["trip_id"] for t in answer.json()["trips"]]


class Background(threading.Thread):
    """A call beside the test; .result() is what it returned."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self._call, self._args = call, args
        self._value = self._error = None
        self.start()

    def run(self):
        try:
            self._value = self._call(*self._args)
        except Exception as e:  # handed to whoever asks for the result
            self._error = e

    def result(self, seconds=60):
        self.join(seconds)
        if self.is_alive():
            raise TimeoutError(f"{self._call} has not returned")
        if self._error:
            raise self._error
        return self._value


@contextlib.contextmanager
def held(host, point, call, *args):
    """The call, stopped at a fault point as long as the block runs. Its
    .result() is there after the block."""
    host.fault(point, "hold")
    stopped = Background(call, *args)
    host.fault_taken(point)
    try:
        yield stopped
    finally:
        host.fault_go(point)
        stopped.join(60)
        for ending in (".taken", ".go"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(host.faults, point + ending))
