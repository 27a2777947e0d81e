"""score.py - a simple score: distance, speeds, harsh moments. Not DriveGuard's; the same
as score.js's."""

import math

MILES_A_DEGREE, LATITUDE, MS2_A_MPH, HARSH_MS2 = 69.0, 41.0, 0.44704, 3.5
EAST_WEST = math.cos(math.radians(LATITUDE))


def score(deltas):
    miles = ms = top = total = squares = 0.0
    harsh, last = 0, None
    for d in deltas:
        speed, time = float(d.get("speed_mph") or 0), float(d["delta_time"])
        miles += math.hypot(float(d["delta_lat"]) / 1e6,
                            float(d["delta_long"]) / 1e6 * EAST_WEST) * MILES_A_DEGREE
        ms += time
        top = max(top, speed)
        total += speed
        squares += speed * speed
        if last is not None and abs(speed - last) * MS2_A_MPH / (time / 1000) > HARSH_MS2:
            harsh += 1
        last = speed
    n = len(deltas)
    mean = total / n if n else 0.0
    deviation = math.sqrt(max(0.0, squares / n - mean * mean)) if n else 0.0
    lost = 5 * harsh / max(1.0, miles / 10) + min(20.0, deviation)
    return {"total_distance_miles": miles, "duration_minutes": ms / 60000,
            "avg_speed": mean, "max_speed": top, "total_harsh_events": harsh,
            "behavior_score": round(max(30.0, 100 - lost), 1)}


def aggregate(user_id, trips):
    miles = sum(t["total_distance_miles"] for t in trips)
    weighted = sum(t["behavior_score"] * t["total_distance_miles"] for t in trips)
    return {"user_id": user_id, "total_trips": len(trips), "total_distance_miles": miles,
            "overall_behavior_score": round(weighted / (miles or 1), 1), "trips": trips}
