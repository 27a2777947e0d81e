"""rows.py - trips that wait for their finalize, made of one that was uploaded: its rows
under other ids, straight into SQLite. Thousands of uploads in a second, of any of the
services whose records are `trips` and `batches`."""

import contextlib
import datetime
import sqlite3

BUSY_S = 30
A_COMMIT = 20  # trips, so that a service with work to do gets the lock


def _value(column):
    if column in ("trip_id", "batch_id"):
        return f'replace("{column}", :original, :trip_id)'
    return ":user_id" if column == "user_id" else f'"{column}"'


def _statement(db, table):
    columns = [row[1] for row in db.execute(f"pragma table_info({table})")]
    names = ", ".join(f'"{c}"' for c in columns)
    return (f"insert into {table} ({names}) select {', '.join(map(_value, columns))} "
            f"from {table} where trip_id = :original")


def copy_trips(path, original, trips):
    """original: the id of the trip that is there; trips: [(user id, trip id)]."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as db:
        statements = [_statement(db, table) for table in ("trips", "batches")]
        for first in range(0, len(trips), A_COMMIT):
            with db:
                for user_id, trip_id in trips[first:first + A_COMMIT]:
                    ids = {"original": original, "user_id": user_id, "trip_id": trip_id}
                    for statement in statements:
                        if not db.execute(statement, ids).rowcount:
                            raise RuntimeError(f"{path}: no rows of {original}")
        # Who is measured next should not have to take these out of the log.
        db.execute("pragma wal_checkpoint(truncate)").fetchall()


def count(path, query, *values):
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as db:
        return db.execute(query, values).fetchone()[0]


def _iso(ms):
    return datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc).isoformat()


def put_analyses(path, user_id, analyses):
    """Into a yardstick's table; analyses: as copies.Original.copy gives them."""
    with contextlib.closing(sqlite3.connect(path, timeout=BUSY_S)) as db, db:
        db.executemany("insert into analyses values (?, ?, ?, ?)",
                       ((trip_id, user_id, _iso(end_ms), text)
                        for trip_id, end_ms, text in analyses))
