"""trips.py - users and trips for the tests, in the shape of golden/trips."""

import datetime

USER = "6f0c1c9e-3a5e-4a55-9d0e-0d6a2f7b1a01"
EMAIL = "avery.driver@example.com"


def user(user_id=USER, email=EMAIL, **more):
    """One user as `driveguardctl user put` reads them."""
    return {
        "user_id": user_id, "email": email, "name": "Avery Driver",
        "role": "driver", "zipcode": "68102",
        "base_point": {"latitude": 41.258652, "longitude": -95.937187,
                       "city": "Omaha", "state": "NE", "source": "zipcode",
                       "zipcode": "68102"},
        "privacy_settings": {"anonymizationRadius": 10,
                             "dataRetentionPeriod": 12,
                             "consentLevel": "full"},
        **more,
    }


def stamp(ms):
    """ISO time with milliseconds and Z, as the app sends it."""
    t = datetime.datetime.fromtimestamp(ms / 1000, datetime.timezone.utc)
    return t.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ms % 1000:03d}Z"


def delta(at_ms, n, speed_mph=30.0, **more):
    """One second due north at the given speed (69 miles a degree)."""
    return {"delta_lat": round(speed_mph / 3600 / 69.0 * 1e6), "delta_long": 0,
            "delta_time": 1000.0, "timestamp": stamp(at_ms), "sequence": n,
            "speed_mph": speed_mph, "speed_confidence": 0.9,
            "gps_accuracy": 5.0, "is_stationary": False,
            "data_quality": "high", **more}


def trip(number=1, user_id=USER, points=60, start_ms=1766241094000,
         batch=25, speed_mph=30.0, trip_id=None):
    """Straight ahead at one speed; the number makes id and times differ."""
    start = start_ms + number * 3600_000
    trip_id = trip_id or f"trip_{user_id}_{start}"
    deltas = [delta(start + (i + 1) * 1000, i + 1, speed_mph)
              for i in range(points)]
    batches = []
    for i in range(0, points, batch):
        part = deltas[i:i + batch]
        batches.append({
            "user_id": user_id, "trip_id": trip_id,
            "batch_number": i // batch + 1, "batch_size": len(part),
            "first_point_timestamp": part[0]["timestamp"],
            "last_point_timestamp": part[-1]["timestamp"],
            "deltas": part, "quality_metrics": {"gps_quality_score": 0.9}})
    return {
        "user_id": user_id, "trip_id": trip_id, "batches": batches,
        "finalize": {"user_id": user_id, "trip_id": trip_id,
                     "start_timestamp": stamp(start),
                     "end_timestamp": stamp(start + points * 1000),
                     "trip_quality": {}}}
