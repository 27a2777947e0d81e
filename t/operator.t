#!/usr/bin/python3
"""What an operator does before and while others use the same tables: taking in
users as the running system's tables have them."""

import json
import os
import pty
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import build
import harness
import trips
from tap import done, in_, is_, ok, subtest

SECRET = "pbkdf2:sha256:never-to-be-printed"


def item(user_id, email=None, **more):
    """A row of the users' table, as `aws dynamodb scan` prints it."""
    return {"user_id": {"S": user_id}, **({"email": {"S": email}} if email else {}),
            "password_hash": {"S": SECRET}, "account_status": {"S": "active"},
            "metadata": {"M": {"logins": {"N": "3"}, "tags": {"SS": ["a", "b"]}}}, **more}


def put(s, value, name="export.json"):
    r = s.ctl("user", "put", s.write(name, value), check=False)
    ok(SECRET not in r.stdout + r.stderr, "no value of others is printed")
    return r


def shown(s, user_id):
    r = s.ctl("user", "show", user_id)
    return json.loads(r.stdout), r.stderr


def export(s):
    """The owner's file goes in as it is, but for whom the service refuses."""
    place = {"M": {"latitude": {"N": "41.25"}, "longitude": {"N": "-95.93"},
                   "city": {"S": "Omaha"}, "accuracy": {"N": "12.50"}}}
    r = put(s, {"Items": [item("u1", "Ann@Example.com", base_point=place),
                          item("o'brien-pat", "pat@example.com"),
                          item("u2", "ann@example.com"), item("u3"),
                          item("u4", "no address")],
                "Count": 5, "ScannedCount": 5, "ConsumedCapacity": None})
    is_(r.returncode, 1, "the exit status says that not all went in")
    in_("3 users put, 2 refused", r.stdout, "and how many did")
    in_('"password_hash" 3', r.stdout, "what is not ours is counted")
    in_("user 2 (o'brien-pat): refused: user_id", r.stderr, "who is refused, and why")
    in_("user 5 (u4): refused: email", r.stderr, "the other one")
    in_("user 3 (u2): warning: user u1 in this file has that e-mail", r.stderr,
        "two with one e-mail")
    user, others = shown(s, "u1")
    is_((user["email"], user["base_point"]["latitude"]), ("ann@example.com", 41.25), "u1")
    in_('"password_hash"', others, "show names what is kept for others")
    in_('"base_point"', others, "also within a map of ours")


def lines(s):
    """DynamoDB's export to S3, a line each; one of them is cut."""
    r = put(s, "".join(json.dumps({"Item": item(f"line{i}", f"line{i}@example.com")}) + "\n"
                       for i in range(3)) + '{"Item": {"user_id"\n')
    is_(r.returncode, 1, "a line that is cut")
    in_("3 users put, 1 refused", r.stdout, "costs itself alone")
    in_("line 4: refused", r.stderr, "and is named")


def partial(s):
    """What a file does not name is kept; null takes away."""
    r = put(s, [{"user_id": "u1", "zipcode": "02134", "account_status": None}])
    is_((r.returncode, r.stdout), (0, "1 user put\n"), "one member")
    user, others = shown(s, "u1")
    is_((user["zipcode"], user["email"], user["base_point"]["city"]),
        ("02134", "ann@example.com", "Omaha"), "the others are there")
    in_('"password_hash"', others, "those of others, too")
    ok("account_status" not in others, "but for the one that was null")
    if s.stores.kind == "s3":
        row = s.stores.user("u1")
        is_(row["password_hash"], SECRET, "as it was")
        is_(row["metadata"], {"logins": 3, "tags": ["a", "b"]}, "with its types")
        is_(row["base_point"]["accuracy"], 12.5, "within the map")
    r = put(s, [{"user_id": "u1", "base_point": None}])
    ok("base_point" not in shown(s, "u1")[0], "a map of ours may be taken away")
    in_("zipcode", shown(s, "u1")[0], "alone")


def taken_email(s):
    """Another user of the store has that e-mail: it is said, and he goes in."""
    put(s, [{"user_id": "first", "email": "both@example.com"}])
    r = put(s, [{"user_id": "second", "email": "both@example.com"},
                {"user_id": "third", "email": "third@example.com"}])
    is_(r.returncode, 0, "nobody is refused")
    in_("(second): warning: user first has that e-mail", r.stderr, "both are named")
    is_(r.stdout, "2 users put\n", "and he is in")
    is_(shown(s, "second")[0]["email"], "both@example.com", "with his e-mail")


def not_taken_by_the_store(s):
    """What DynamoDB alone can judge costs one user, too."""
    r = put(s, [item("twice", tags={"SS": ["a", "a"]}), item("after")])
    if s.stores.kind == "s3":
        is_(r.returncode, 1, "a set that holds a text twice")
        in_("user 1 (twice): refused:", r.stderr, "is refused by DynamoDB")
        in_("1 user put, 1 refused", r.stdout, "and the next goes in")
    else:
        is_(r.returncode, 0, "SQLite keeps it")


def not_a_file_of_users(s):
    r = put(s, "[{]")
    is_((r.returncode, r.stdout), (1, ""), "no JSON")
    in_("not JSON", r.stderr, "is said")


def progress(s):
    """On a terminal a bar, which goes when it is over; elsewhere nothing for so few."""
    path = s.write("many.json", [trips.user(f"many{i}", f"many{i}@example.com")
                                 for i in range(60000 if s.stores.kind == "dir" else 800)])
    r = s.ctl("user", "put", path)
    is_(r.stderr, "", "no line a minute in less than one")
    master, terminal = pty.openpty()
    p = subprocess.Popen([build.program("driveguardctl"), "-c", s.conf, "user", "put", path],
                         env=dict(os.environ, **s.env), stdout=subprocess.DEVNULL,
                         stderr=terminal)
    os.close(terminal)
    seen = b""
    while True:
        try:
            part = os.read(master, 4096)
        except OSError:  # EIO: nobody has it open any more
            break
        if not part:
            break
        seen += part
    os.close(master)
    is_(p.wait(), 0, "put again")
    in_("users [", seen.decode(), "a bar")
    ok(seen.endswith(b"\r\033[K"), "is cleared at the end")


with harness.Stack(redis=False, start=False) as s:
    for test in (export, lines, partial, taken_email, not_taken_by_the_store,
                 not_a_file_of_users, progress):
        with subtest(test.__doc__ or test.__name__):
            test(s)
done()
