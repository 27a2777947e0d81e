#!/usr/bin/python3
"""Whose answer a reader gets: by e-mail or id in either parameter, as clients write them,
and what stands for a name that is not there."""

import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import drivers
import dynamo
import harness
import trips
from answers import source
from tap import done, is_, subtest

PLUS = "ann+cars@example.com"
# Ids may look like addresses; this one is another driver's, too.
ID = "fleet+7@example.com"
BOTH = "both@example.com"


def ask(s, query):
    return s.get("/analyze-driver?" + query)


def found(s, query, user_id, by, name):
    r = ask(s, query)
    if is_(r.status, 200, f"{name}: {query}"):
        is_((r.json()["user_id"], r.json()["searched_by"]), (user_id, by), "him")


def nobody(s, query, searched):
    r = ask(s, query)
    is_((r.status, r.json()["code"], r.json().get("searched_for")),
        (404, "driver_not_found", searched), f"nobody: {query}")


with harness.Stack(workers=1, settings={"maintenance.interval": "100ms"}) as s:
    s.users([trips.user("ann", PLUS), trips.user(ID, "fleet@example.com"),
             trips.user("bare", "bare@example.com", name=""),
             trips.user("blank", "blank@example.com", name=" "),
             trips.user(BOTH, "other@example.com"), trips.user("second", BOTH)])
    for i, user in enumerate(("ann", ID, "bare", "blank", BOTH, "second")):
        drivers.drive(s, trips.trip(i + 1, user, points=30))
    s.users([trips.user("idle", "idle@example.com")])

    with subtest("an unescaped + arrives as a blank"):
        for text in ("ann+cars@example.com", "ann%20cars@example.com",
                     "ann%2Bcars@example.com", "%20Ann+Cars@Example.COM+"):
            found(s, "email=" + text, "ann", PLUS, "an e-mail")
        found(s, "user_id=" + ID, ID, ID, "an id")
        nobody(s, "email=no+body@example.com", "no+body@example.com")
    with subtest("either parameter"):
        for _ in range(2):  # looked up, and remembered
            found(s, "user_id=ANN%2Bcars@example.com", "ann", PLUS, "an e-mail as id")
            found(s, "email=ann", "ann", "ann", "an id as e-mail")
            found(s, "email=" + ID, ID, ID, "an id with an @ as e-mail")
        nobody(s, "email=ANN", "ann")
        nobody(s, "user_id=No@Body.com", "No@Body.com")
        nobody(s, "email=No@Body.com", "no@body.com")
        r = ask(s, "user_id=idle@example.com")
        is_((r.status, r.json()["code"], r.json()["user_id"]), (404, "no_trips", "idle"),
            "without trips, he is found all the same")
    with subtest("an id that is another's e-mail"):
        for _ in range(2):
            found(s, "user_id=" + BOTH, BOTH, BOTH, "as id")
            found(s, "email=" + BOTH, "second", BOTH, "as e-mail")
    with subtest("the first that is not empty"):
        found(s, "email=&user_id=ann", "ann", "ann", "the second")
        found(s, "email=+&user_id=ann", "ann", "ann", "blanks are empty")
        found(s, "email=bare@example.com&user_id=ann", "bare", "bare@example.com", "both")
        found(s, "user_id=ann&email=bare@example.com", "ann", "ann", "both")
        for query in ("email=", "email=&user_id=+", "limit=1"):
            is_(ask(s, query).json()["code"], "missing_query", query)
        is_(ask(s, "email=a@b.c&email=a@b.c").json()["code"], "bad_query", "twice")
    with subtest("ETags"):
        tags = set()
        for query in ("email=" + ID, "email=fleet@example.com", "user_id=fleet@example.com"):
            r = ask(s, query)
            tags.add(r.header("ETag"))
            again = s.get("/analyze-driver?" + query, {"If-None-Match": r.header("ETag")})
            is_((again.status, source(again)), (304, "cache"), f"hot: {query}")
        is_(len(tags), 2, "one for whom was looked for, however")
    with subtest("nobody's name"):
        for query in ("email=bare@example.com", "email=blank@example.com"):
            for _ in range(2):
                is_(ask(s, query).json()["user_name"], "Unknown", query)
    with subtest("a hint that has become wrong"):
        s.users([trips.user("ann", "ann@example.com")])
        nobody(s, "user_id=" + PLUS, PLUS)
        nobody(s, "email=" + PLUS, PLUS)
        found(s, "user_id=ann@example.com", "ann", "ann@example.com", "the new one")
        s.ctl("user", "remove", ID)
        nobody(s, "email=" + ID, ID)
    if s.stores.kind == "s3":  # SQLite's e-mails are unique
        with subtest("two users with one e-mail"):
            for user_id in ("a-twin", "z-twin"):
                dynamo.call(s.stores.endpoint, "PutItem", TableName=s.stores.tables["users"],
                            Item={"user_id": {"S": user_id}, "email": {"S": "twin@b.c"}})
            drivers.drive(s, trips.trip(1, "z-twin", points=30))
            for _ in range(3):
                found(s, "email=twin@b.c", "z-twin", "twin@b.c", "the one with trips")
            is_(s.count("emails_of_several"), 1, "asked once")
            is_(len(re.findall(r'event=email_of_several user_id="z-twin" '
                               r'other_user_id="a-twin"', s.logs())), 1, "and told once")
done()
