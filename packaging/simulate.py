#!/usr/bin/python3
"""simulate.py - made-up trips, the same ones every time.

    simulate.py DIR [--trips N] [--seed S]

Writes DIR/users.json and DIR/trips/NAME.json.gz: {name, user_id, trip_id, batches:
the bodies for POST /store-trajectory-batch in this order, finalize: the body for
POST /finalize-trip}. Three drivers of different temper drive in the city, on
the highway and both: a car with limits to its acceleration follows a plan of legs
(cruise, stop, turn), and its position is noted once a second, as the phone does.
"""

import argparse
import datetime
import gzip
import json
import math
import os
import random

MPH = 0.44704  # m/s
METRES_PER_DEGREE = 111_195.0
BATCH = 25  # points an upload, as the app sends them

# Temper: usual acceleration and braking (m/s2), speed against the flow of
# traffic, speed in turns (mph), and how often a leg has a harsh moment.
TEMPERS = {
    "calm": {"accelerate": 1.5, "brake": 1.7, "pace": 0.97, "turn": 11, "harsh": 0.0},
    "usual": {"accelerate": 2.0, "brake": 2.2, "pace": 1.0, "turn": 14, "harsh": 0.03},
    "hurried": {"accelerate": 2.9, "brake": 3.3, "pace": 1.1, "turn": 21, "harsh": 0.14},
}

DRIVERS = [
    ("d0000000-0000-4000-8000-000000000001", "Ada Calm", "calm", "68102",
     41.258652, -95.937187, "Omaha", "NE"),
    ("d0000000-0000-4000-8000-000000000002", "Ben Usual", "usual", "80202",
     39.751586, -104.997544, "Denver", "CO"),
    ("d0000000-0000-4000-8000-000000000003", "Cleo Hurried", "hurried", "94103",
     37.772815, -122.410927, "San Francisco", "CA"),
]
FIRST_DAY = datetime.datetime(2026, 3, 2, tzinfo=datetime.timezone.utc)


class Car:
    """Speed (m/s) and heading (degrees) second by second; drives legs and
    notes (speed, heading) for each second."""

    def __init__(self, rng, temper):
        self.rng = rng
        self.temper = TEMPERS[temper]
        self.speed = 0.0
        self.heading = rng.uniform(0, 360)
        self.notes = []

    def _second(self, target, limit, steer=0.0):
        change = max(-limit, min(limit, target - self.speed))
        self.speed = max(0.0, self.speed + change)
        self.heading = (self.heading + steer) % 360
        self.notes.append((self.speed, self.heading))

    def _reach(self, target, accelerate=None, brake=None):
        while abs(target - self.speed) > 0.05:
            up = target > self.speed
            self._second(target, (accelerate or self.temper["accelerate"]) if up
                         else (brake or self.temper["brake"]))

    def cruise(self, mph, seconds):
        """At about this speed, on a road that bends a little."""
        target = mph * MPH * self.temper["pace"]
        self._reach(target)
        bend = self.rng.uniform(-0.4, 0.4)
        for _ in range(seconds):
            self._second(target + self.rng.gauss(0, 0.25),
                         self.temper["accelerate"] / 2, bend)
        if self.rng.random() < self.temper["harsh"]:
            self._scare(target)

    def _scare(self, target):
        """Somebody cuts in: brake hard, then make up for it."""
        self._reach(target * 0.45, brake=self.rng.uniform(5.0, 7.5))
        self._reach(target, accelerate=self.rng.uniform(3.6, 4.6))

    def stop(self, seconds):
        self._reach(0.0)
        for _ in range(seconds):
            self._second(0.0, 9.0)

    def turn(self, degrees):
        speed = self.temper["turn"] * MPH * self.rng.uniform(0.9, 1.15)
        if self.speed > speed:
            self._reach(speed)
        seconds = self.rng.randint(4, 6)
        for _ in range(seconds):
            self._second(speed, self.temper["brake"], degrees / seconds)


def city(car, minutes):
    end = len(car.notes) + minutes * 60
    while len(car.notes) < end:
        car.cruise(car.rng.uniform(22, 38), car.rng.randint(12, 45))
        what = car.rng.random()
        if what < 0.45:
            car.stop(car.rng.randint(4, 28))
        elif what < 0.8:
            car.turn(car.rng.choice((-1, 1)) * car.rng.uniform(70, 105))


def highway(car, minutes):
    end = len(car.notes) + minutes * 60
    while len(car.notes) < end:
        car.cruise(car.rng.uniform(60, 68), car.rng.randint(60, 160))
        if car.rng.random() < 0.3:
            car.cruise(car.rng.uniform(50, 55), car.rng.randint(15, 40))


def drive(car, kind):
    if kind == "city":
        city(car, car.rng.randint(8, 16))
    elif kind == "highway":
        car.cruise(30, 20)
        highway(car, car.rng.randint(14, 24))
    else:
        city(car, car.rng.randint(4, 7))
        highway(car, car.rng.randint(6, 10))
        city(car, car.rng.randint(3, 6))
    car.stop(5)


def stamp(when):
    return when.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def delta(rng, note, number, when, latitude):
    """What the phone sends of one second: whole millionths of a degree."""
    speed, heading = note
    north = speed * math.cos(math.radians(heading)) + rng.gauss(0, 0.1)
    east = speed * math.sin(math.radians(heading)) + rng.gauss(0, 0.1)
    still = speed < 0.3
    if still:
        north = east = 0.0
    shrink = math.cos(math.radians(latitude))
    return {
        "delta_lat": round(north / METRES_PER_DEGREE * 1e6),
        "delta_long": round(east / METRES_PER_DEGREE / shrink * 1e6),
        "delta_time": 1000.0,
        "timestamp": stamp(when),
        "sequence": number,
        "speed_mph": round(speed / MPH, 2),
        "speed_source": "gps",
        "speed_confidence": 0.95,
        "gps_accuracy": round(rng.uniform(3.5, 7.0), 1),
        "is_stationary": still,
        "is_moving": not still,
        "data_quality": "high",
    }


def batches(ids, deltas):
    for first in range(0, len(deltas), BATCH):
        part = deltas[first:first + BATCH]
        yield {
            **ids, "batch_number": first // BATCH + 1, "batch_size": len(part),
            "first_point_timestamp": part[0]["timestamp"],
            "last_point_timestamp": part[-1]["timestamp"],
            "deltas": part,
            "quality_metrics": {"valid_points": len(part), "rejected_points": 0,
                                "gps_quality_score": 0.95}}


def trip(driver, kind, number, seed, drive=drive):
    """The number-th trip of a driver: two a day, out and back. drive(car, kind)
    moves the car."""
    user_id, name, temper, _, latitude, *_ = driver
    rng = random.Random(f"{seed} {user_id} {number}")
    car = Car(rng, temper)
    drive(car, kind)
    start = FIRST_DAY + datetime.timedelta(
        days=number // 2, hours=14 + 9 * (number % 2), minutes=rng.randint(0, 50))
    deltas = [delta(rng, note, i + 1, start + datetime.timedelta(seconds=i + 1),
                    latitude) for i, note in enumerate(car.notes)]
    ids = {"user_id": user_id,
           "trip_id": f"trip_{user_id}_{int(start.timestamp() * 1000)}"}
    end = start + datetime.timedelta(seconds=len(deltas))
    return {
        "name": f"{name.split()[0].lower()}-{number + 1:02d}-{kind}", **ids,
        "batches": list(batches(ids, deltas)),
        "finalize": {**ids, "start_timestamp": stamp(start),
                     "end_timestamp": stamp(end), "trip_quality": {}}}


def user(driver):
    user_id, name, _, zipcode, latitude, longitude, place, state = driver
    return {
        "user_id": user_id, "name": name, "role": "driver", "zipcode": zipcode,
        "email": f"{name.split()[0].lower()}@example.com",
        "base_point": {"latitude": latitude, "longitude": longitude,
                       "city": place, "state": state, "source": "zipcode",
                       "zipcode": zipcode},
        "privacy_settings": {"anonymizationRadius": 10, "dataRetentionPeriod": 12,
                             "consentLevel": "full"}}


def trips(count, seed):
    kinds = ("city", "mixed", "highway", "city")
    for number in range(count):
        driver = DRIVERS[number % len(DRIVERS)]
        nth = number // len(DRIVERS)
        yield trip(driver, kinds[nth % len(kinds)], nth, seed)


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("dir")
    options.add_argument("--trips", type=int, default=24)
    options.add_argument("--seed", default="driveguard")
    o = options.parse_args()
    os.makedirs(os.path.join(o.dir, "trips"), exist_ok=True)
    for t in trips(o.trips, o.seed):
        path = os.path.join(o.dir, "trips", t["name"] + ".json.gz")
        with open(path, "wb") as f:
            # Without a time in the gzip header the bytes are the same, too.
            f.write(gzip.compress(json.dumps(t).encode(), mtime=0))
    with open(os.path.join(o.dir, "users.json"), "w") as f:
        json.dump([user(d) for d in DRIVERS], f, indent=1)


if __name__ == "__main__":
    main()
