#!/usr/bin/python3
"""How long a look-up by e-mail takes on npm's dynalite where the users have no index:

    DG_BUILD=DIR DYNALITE_HOME=DIR t/bench/emails.py [USERS]

The first reads all users (100,000, of some 700 bytes each), the next ones are of others;
each is what a client waits. The processor time says what it would be on a machine that
does nothing else."""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

LIB = pathlib.Path(__file__).resolve().parents[1] / "lib"
sys.path.insert(0, str(LIB))
import dynamo
from dgproc import Daemon

USERS = int(sys.argv[1]) if len(sys.argv) > 1 else 100000
ASKED = 300


def user(n):
    texts = {"user_id": f"usr-{n:08}-0d6a-2f7b1a01", "email": f"driver{n}@example.com",
             "name": f"Driver Number {n}", "role": "driver", "zipcode": "68102",
             "password_hash": "x" * 60, "account_status": "active", "data_version": "3.0",
             "created_at": "2025-12-20T14:31:35.123456", "metadata": "m" * 250}
    return {"PutRequest": {"Item": {name: {"S": text} for name, text in texts.items()}}}


def cpu(pid):
    """Seconds of processor time so far."""
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_of(d, query):
    """Milliseconds until the answer; nobody here has trips."""
    began = time.monotonic()
    d.call("GET", "/analyze-driver", params={"QUERY_STRING": query})
    return (time.monotonic() - began) * 1000


def several(d, query):
    ms = sorted(wait_of(d, query % ((n * 97 + 1) % USERS)) for n in range(ASKED))
    return f"median {ms[ASKED // 2]:.1f} ms, 99% {ms[ASKED * 99 // 100]:.1f} ms"


def main(folder):
    up = subprocess.run([LIB / "dynalite.sh", "up", folder], text=True, stdout=subprocess.PIPE,
                        check=True)
    env = dict(line.split("=", 1) for line in up.stdout.split())
    endpoint = env["DYNAMODB_ENDPOINT"]
    with open(os.path.join(folder, "pid")) as f:
        server = int(f.read())
    dynamo.make_table(endpoint, "Users-Neal", "user_id")
    for at in range(0, USERS, 25):
        dynamo.call(endpoint, "BatchWriteItem", RequestItems={
            "Users-Neal": [user(n) for n in range(at, min(at + 25, USERS))]})
    with Daemon({"records.url": "dynamodb:", "dynamodb.endpoint": endpoint,
                 "dynamodb.region": env["AWS_REGION"]}, workers=1, env=env) as d:
        worker, = d.pids()
        before = cpu(server), cpu(worker)
        first = wait_of(d, "email=driver5@example.com")
        print(f"# the first of {USERS} users: {first:.0f} ms; processor: dynalite "
              f"{cpu(server) - before[0]:.2f} s, the worker {cpu(worker) - before[1]:.2f} s")
        print("# others:", several(d, "email=driver%d@example.com"))
        print("# nobody's:", several(d, "email=nobody%d@example.com"))


with tempfile.TemporaryDirectory(prefix="dg-emails-") as folder:
    try:
        main(folder)
    finally:
        subprocess.run([LIB / "dynalite.sh", "down", folder], check=False)
