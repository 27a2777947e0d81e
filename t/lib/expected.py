"""expected.py - a driver, what every answer about him must say, and whether one does. It is
taken from the store's trip objects, by other means than the service's."""

import datetime

import answers
import drivers
import golden
import tap

CODINGS = {"identity": answers.IDENTITY, "gzip": answers.GZIP}
IN_ENTRY = 32 << 10     # a body larger than this is kept in a file, not in Redis


class Driver:
    def __init__(self, stack, user_id, email, count, reference=None):
        self.stack, self.user_id, self.email = stack, user_id, email
        self.count = count          # None: as many as the store has
        self.reference = reference  # golden's answer, if there is one
        self.etags = {}             # by coding and query
        self.expect()

    @property
    def name(self):
        return f"{self.email.split('@')[0]} ({len(self.trips)})"

    def expect(self):
        """As the store is now."""
        self.trips = trips_in_store(self.stack, self.user_id)
        self.want = self.text = None  # the whole answer, once one was found right
        self.etags.clear()

    @property
    def summary(self):
        return drivers.summary_key(self.user_id)


def trips_in_store(stack, user_id):
    found = drivers.analyses(stack, user_id)
    found.sort(key=lambda t: t["trip_id"])
    found.sort(key=lambda t: datetime.datetime.fromisoformat(t["end_timestamp"]),
               reverse=True)
    return found


def sums(analyses):
    """Some of the aggregate, and how far its rounding may be off."""
    def total(member):
        return sum(t.get(member, 0) for t in analyses)

    miles = total("total_distance_miles")
    score = sum(t["behavior_score"] * (t["total_distance_miles"] if miles else 1)
                for t in analyses) / (miles or len(analyses))
    return {"total_trips": (len(analyses), 0),
            "total_distance_miles": (miles, 0.006),
            "total_driving_time_hours": (total("duration_minutes") / 60, 0.006),
            "overall_behavior_score": (score, 0.06),
            "total_harsh_events": (total("total_harsh_events"), 0),
            "total_hard_stops": (total("hard_stops"), 0),
            "total_dangerous_turns": (total("dangerous_turns"), 0),
            "overall_max_speed_mph": (max(t["max_speed_mph"] for t in analyses), 0.06)}


def check_whole(d, r):
    """The first answer, against the store's objects; all others must equal it."""
    body = answers.meaning(r)
    tap.ok(body["trips"] == d.trips, f"{d.name}: all trips, in order, as stored")
    off = {k: (body.get(k), want) for k, (want, slack) in sums(d.trips).items()
           if abs(body.get(k, -1) - want) > slack}
    tap.is_(off, {}, f"{d.name}: an aggregate of all of them")
    if d.reference:
        golden.alike(body, golden.aggregate(d.reference),
                     f"{d.name}: the aggregate that is expected")
    d.want, d.text = body, answers.timeless(r)


# ---- asking ----

def ask(host, d, coding, method="GET", **more):
    return host.http(method, answers.path(d.email, **more), None, CODINGS[coding])


def wrong(d, r, coding, source, want, query=""):
    """What is not as it should be."""
    if not d.trips:
        if (r.status, r.json()["code"]) != (404, "no_trips"):
            yield f"{r}, want no_trips"
        return
    if r.status != 200:
        yield f"{r}"
        return
    # Megabytes are not parsed once more when their bytes are those of before.
    if want is not d.want or answers.timeless(r) != d.text:
        try:
            got = answers.meaning(r)
        except ValueError as e:
            yield f"no JSON: {e}"
        else:
            if got != want:
                yield "other content: " + difference(got, want)
    if (r.header("Content-Encoding") or "identity") != coding:
        yield f"Content-Encoding {r.header('Content-Encoding')}"
    if r.header("Content-Length") != str(len(r.body)):
        yield f"Content-Length {r.header('Content-Length')}"
    if answers.source(r) != source:
        yield f"from {answers.source(r)}, want {source}"
    tag = d.etags.setdefault((coding, query), r.header("ETag"))
    if not tag or r.header("ETag") != tag:
        yield f"ETag {r.header('ETag')}, {tag} before"


def difference(got, want):
    """In a line, for whoever reads the failure."""
    ids = [[t.get("trip_id") for t in body.get("trips", [])] for body in (got, want)]
    members = [k for k in {**got, **want} if got.get(k) != want.get(k)]
    return f"{members}; {len(ids[0])} trips, want {len(ids[1])}; " + (
        "the same ids" if ids[0] == ids[1] else
        f"missing {sorted(set(ids[1]) - set(ids[0]))[:3]}, "
        f"more {sorted(set(ids[0]) - set(ids[1]))[:3]}")


def check(d, r, name, coding, source):
    tap.is_(list(wrong(d, r, coding, source, d.want)), [],
            f"{d.name}, {coding}: {name}")
    return r


def kept(r):
    """Where a host has an answer that it gave before."""
    return "file" if len(r.body) > IN_ENTRY else "cache"
