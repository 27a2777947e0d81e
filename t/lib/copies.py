"""copies.py - drivers with many trips: what the service stored of a few, under other ids
and days, put straight into the store: 10,000 trips in seconds, in the service's own
form."""

import concurrent.futures
import datetime
import gzip
import itertools
import json
import random
import re

import drivers
import trips

DAY_MS = 86_400_000
DATE = re.compile(r"\d{4}-\d\d-\d\d(?=[T \"])")
SENDERS = 8
AT_ONCE = 2000  # so that texts of 100,000 trips are not in memory together


def ms_of(text):
    return round(datetime.datetime.fromisoformat(
        text.replace("Z", "+00:00")).timestamp() * 1000)


class Original:
    """Text (JSON) about one trip, of which others are made."""

    def __init__(self, text, user_id, trip_id, start, end):
        self.text = text
        self.user_id = user_id
        self.trip_id = trip_id
        self.start_ms = ms_of(start)
        self.end_ms = ms_of(end)

    def copy(self, user_id, number, days):
        """(trip id, end in ms, text); the number tells apart what starts at the
        same moment."""
        trip_id = f"trip_{user_id}_{self.start_ms + days * DAY_MS + number}"
        text = self.text.replace(self.trip_id, trip_id)
        text = text.replace(self.user_id, user_id)
        shift = datetime.timedelta(days=days)
        moved = {}

        def later(match):
            day = match[0]
            if day not in moved:
                moved[day] = str(datetime.date.fromisoformat(day) + shift)
            return moved[day]

        return trip_id, self.end_ms + days * DAY_MS, DATE.sub(later, text)


def _of_object(user_id, body):
    text = gzip.decompress(body).decode()
    a = json.loads(text)
    return Original(text, user_id, a["trip_id"], a["start_timestamp"], a["end_timestamp"])


def stored(stack, user_id):
    """Originals: all that the store has of this driver."""
    keys = stack.stores.keys(f"users/{user_id}/trips/")
    return [_of_object(user_id, stack.stores.get(key)) for key in keys]


def put(stack, user_id, trips, level=6):
    """Stores these for the driver, each as copy() gives it."""
    put_all(stack, ((user_id, trip) for trip in trips), level)


def put_all(stack, trips, level=6):
    """Stores these: (user id, what copy() gave)."""
    def one(pair):
        user_id, (trip_id, end_ms, text) = pair
        stack.stores.put(f"users/{user_id}/trips/{trip_id}_{end_ms}.json.gz",
                         gzip.compress(text.encode(), level))

    rest = iter(trips)
    with concurrent.futures.ThreadPoolExecutor(SENDERS) as pool:
        while some := list(itertools.islice(rest, AT_ONCE)):
            for _ in pool.map(one, some):
                pass


def store_large(s, count, padding):
    """trips.USER has so many objects, made of one that the service stored, each with a
    text of its own of so many characters, which gzip halves."""
    drivers.drive(s, trips.trip(1, points=30))
    original, = stored(s, trips.USER)
    s.stores.delete(drivers.object_of(s, original.trip_id))
    rng = random.Random(4)

    def large(n):
        trip_id, end_ms, text = original.copy(trips.USER, n, n)
        doc = json.loads(text)
        doc["base_point_city"] = rng.randbytes(padding // 2).hex()
        return trip_id, end_ms, json.dumps(doc)

    put(s, trips.USER, [large(n) for n in range(count)])
