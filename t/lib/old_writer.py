"""old_writer.py - does to the records what the functions before this service do, which
may write the same tables before, beside and after it (doc/consistency.md, rule 10).

    old = OldWriter(stack.stores)
    old.batch(trip["batches"][0])
    old.finalize(trip["finalize"])

They know none of what this service adds to a trip: a finalize puts a whole record in
the place of the one that is there. Every boolean that they store is the number 0. On
SQLite, where no such functions exist, another program does the same to the rows."""

import datetime
import json
import sqlite3

import dynamo

FIGURES = (
    "total_distance_miles duration_minutes behavior_score smoothness_score "
    "events_per_100_miles weighted_events_per_100_miles speed_consistency avg_speed_mph "
    "moving_avg_speed_mph max_speed_mph min_speed_mph moving_time_minutes "
    "stationary_time_minutes moving_percentage turn_safety_score").split()
COUNTS = ("sudden_accelerations sudden_decelerations hard_stops total_turns safe_turns "
          "moderate_turns aggressive_turns dangerous_turns frequency_score").split()


def OldWriter(stores):
    """For either pair of stores (stores.py)."""
    return OldTables(stores) if stores.kind == "s3" else OldRows(stores)


def now(zone=False):
    """As they print it: `created_at` and the like have no zone."""
    t = datetime.datetime.now(datetime.timezone.utc)
    return t.isoformat() if zone else t.replace(tzinfo=None).isoformat()


def quality_of(batches, quality=None):
    """trip_quality of a finalize: nested, and one number a point."""
    points = sum(len(b) for b in batches)
    return {**(quality or {}),
            "finalization_method": "enhanced_v2_with_batch_aggregation",
            "batch_aggregation": {"total_batches": len(batches),
                                  "total_valid_deltas": points,
                                  "movement_detected": points > 0},
            "trip_analysis": {"total_deltas_analyzed": points,
                              "enhancement_scores": [0.0] * points},
            "sufficient_data": points >= 5, "movement_validated": points > 0}


def statistics_of(deltas):
    moving = sum(1 for d in deltas if not d.get("is_stationary"))
    return {"total_deltas": len(deltas), "movement_points": moving,
            "stationary_points": len(deltas) - moving}


def typed(v):
    """As their client stores it."""
    if v is None:
        return {"NULL": True}
    if isinstance(v, bool):
        return {"N": "0"}
    if isinstance(v, (int, float)):
        return {"N": str(v)}
    if isinstance(v, dict):
        return {"M": attributes(v)}
    if isinstance(v, list):
        return {"L": [typed(x) for x in v]}
    return {"S": v}


def attributes(values):
    return {name: typed(v) for name, v in values.items()}


class OldTables:
    """On DynamoDB."""

    def __init__(self, stores):
        self.endpoint, self.tables = stores.endpoint, stores.tables

    def _call(self, operation, table, **body):
        return dynamo.call(self.endpoint, operation, TableName=self.tables[table], **body)

    def put(self, table, item, **more):
        """Any item of any table, from plain values; `more` has typed ones."""
        self._call("PutItem", table, Item={**attributes(item), **more})

    def _of(self, table, **plain):
        """The items of that table in which all these texts stand."""
        return [i for i in dynamo.scan(self.endpoint, self.tables[table])
                if all(i.get(k) == {"S": v} for k, v in plain.items())]

    def batch(self, body):
        trip_id, user_id = body["trip_id"], body["user_id"]
        first, last = body["first_point_timestamp"], body["last_point_timestamp"]
        if dynamo.get(self.endpoint, self.tables["trips"], trip_id=trip_id):
            self._call("UpdateItem", "trips", Key={"trip_id": {"S": trip_id}},
                       UpdateExpression="SET end_timestamp = :e, last_updated = :u, "
                                        "total_batches = total_batches + :one",
                       ExpressionAttributeValues={":e": {"S": last}, ":u": {"S": now()},
                                                  ":one": {"N": "1"}})
        else:
            self.put("trips", {
                "trip_id": trip_id, "user_id": user_id, "status": "active",
                "start_timestamp": first, "end_timestamp": last, "created_at": now(),
                "last_updated": now(), "total_batches": 1})
        self.put("batches", {
            "batch_id": f"{trip_id}_batch_{body['batch_number']}", "user_id": user_id,
            "trip_id": trip_id, "batch_number": body["batch_number"],
            "batch_size": len(body["deltas"]), "first_point_timestamp": first,
            "last_point_timestamp": last, "upload_timestamp": now(),
            "deltas": body["deltas"], "processed": False, "data_version": "2.4",
            "quality_metrics": body.get("quality_metrics", {}),
            "batch_statistics": statistics_of(body["deltas"]), "quality_issues": [],
            "enhancement_level": "high", "original_deltas_count": len(body["deltas"]),
            "validation_acceptance_rate": 1.0})

    def finalize(self, body):
        trip_id = body["trip_id"]
        was = dynamo.get(self.endpoint, self.tables["trips"], trip_id=trip_id) or {}
        batches = [i["deltas"]["L"] for i in self._of("batches", trip_id=trip_id)]
        end = body["end_timestamp"]
        self.put("trips", {
            "trip_id": trip_id, "user_id": body["user_id"], "status": "completed",
            "start_timestamp": (body.get("start_timestamp") or
                                was.get("start_timestamp", end)),
            "end_timestamp": end, "finalized_at": now(zone=True),
            "created_at": was.get("created_at", now(zone=True)),
            "total_batches": len(batches),
            "trip_quality": quality_of(batches, body.get("trip_quality"))})

    def summary(self, analysis):
        """The row of an analysis that the old read had to make. They fail when
        frequency_score is no whole number; then there is no row."""
        a = analysis
        if a["frequency_score"] != int(a["frequency_score"]):
            raise ValueError("the old write fails on a fraction")
        self.put("summaries", {
            "trip_id": a["trip_id"], "user_id": a["user_id"],
            "behavior": a["behavior_category"], "industry_rating": a["industry_rating"],
            "harsh_events": a["total_harsh_events"],
            "dangerous_events": a["total_dangerous_events"],
            "driving_context": a["driving_context"]["context"],
            "context_confidence": a["driving_context"]["confidence"],
            "start_timestamp": a["start_timestamp"], "end_timestamp": a["end_timestamp"],
            "timestamp": a["end_timestamp"], "base_point_city": a["base_point_city"],
            "data_source": a.get("data_source", "delta_coordinates"),
            "algorithm_version": "3.0_moving_average_event_grouping",
            "analysis_cached_at": now(zone=True),
            **{k: a.get(k, 0) for k in FIGURES},
            **{k: int(a.get(k, 0)) for k in COUNTS}},
            privacy_protected={"BOOL": bool(a["privacy_protected"])})

    def forget(self, user_id):
        """The app's "delete account": objects and summaries stay."""
        self._call("DeleteItem", "users", Key={"user_id": {"S": user_id}})
        for table, key in (("trips", "trip_id"), ("batches", "batch_id")):
            for item in self._of(table, user_id=user_id):
                self._call("DeleteItem", table, Key={key: item[key]})


def microseconds(text):
    """Since 1970; without a zone it is UTC."""
    t = datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))
    if t.tzinfo is None:
        t = t.replace(tzinfo=datetime.timezone.utc)
    return round(t.timestamp() * 1e6)


class OldRows:
    """On SQLite: the columns that those functions know, and no others."""

    def __init__(self, stores):
        self.file = stores.records

    def _do(self, *statements):
        db = sqlite3.connect(self.file, timeout=10)
        try:
            with db:
                return [db.execute(text, values).fetchall()
                        for text, values in statements]
        finally:
            db.close()

    def batch(self, body):
        trip_id, deltas = body["trip_id"], body["deltas"]
        first = microseconds(body["first_point_timestamp"])
        last = microseconds(body["last_point_timestamp"])
        at = microseconds(now())
        self._do(
            ("INSERT INTO trips (trip_id, user_id, status, start_us, end_us, created_us, "
             "updated_us, total_batches, highest_batch, revision) "
             "VALUES (?, ?, 'active', ?, ?, ?, ?, 1, 0, 0) ON CONFLICT (trip_id) DO UPDATE "
             "SET end_us = excluded.end_us, updated_us = excluded.updated_us, "
             "total_batches = total_batches + 1",
             (trip_id, body["user_id"], first, last, at, at)),
            ("INSERT OR REPLACE INTO batches (batch_id, trip_id, user_id, number, "
             "batch_size, first_us, last_us, uploaded_us, original_count, deltas_count, "
             "metrics, statistics, issues, deltas) "
             "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '[]', ?)",
             (f"{trip_id}_batch_{body['batch_number']}", trip_id, body["user_id"],
              body["batch_number"], len(deltas), first, last, at, len(deltas),
              len(deltas), json.dumps(body.get("quality_metrics", {})),
              json.dumps(statistics_of(deltas)), json.dumps(deltas))))

    def finalize(self, body):
        trip_id, end = body["trip_id"], microseconds(body["end_timestamp"])
        was, batches = self._do(
            ("SELECT start_us, created_us FROM trips WHERE trip_id = ?", (trip_id,)),
            ("SELECT deltas FROM batches WHERE trip_id = ?", (trip_id,)))
        start_us, created_us = was[0] if was else (end, microseconds(now()))
        if body.get("start_timestamp"):
            start_us = microseconds(body["start_timestamp"])
        quality = quality_of([json.loads(b) for b, in batches], body.get("trip_quality"))
        self._do((
            "INSERT OR REPLACE INTO trips (trip_id, user_id, status, start_us, end_us, "
            "created_us, finalized_us, total_batches, highest_batch, revision, "
            "trip_quality) VALUES (?, ?, 'completed', ?, ?, ?, ?, ?, 0, 0, ?)",
            (trip_id, body["user_id"], start_us, end, created_us, microseconds(now()),
             len(batches), json.dumps(quality))))

    def forget(self, user_id):
        self._do(*((f"DELETE FROM {table} WHERE user_id = ?", (user_id,))
                   for table in ("users", "trips", "batches")))
