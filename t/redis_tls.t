#!/usr/bin/python3
# The cache over TLS, as a user of its own: a server that it may trust, one that it
# may not, and what the log and -t say of it.
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "lib"))
import build
import drivers
import harness
import process
import trips
from tap import done, is_, ok, subtest

RIGHTS = ("~dg:*", "+mget", "+get", "+set", "+del", "+pexpire", "+eval",
          "+info", "+select")


def certificate(folder, name, alt):
    key, cert = (os.path.join(folder, f"{name}.{end}")
                 for end in ("key", "crt"))
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
         f"/CN={name}", "-addext", f"subjectAltName={alt}", "-keyout", key,
         "-out", cert], check=True, capture_output=True)
    return key, cert


def trips_of(host):
    return host.driver(email=trips.EMAIL).json()["total_trips"]


def checked(host):
    """What -t says of the cache."""
    said = subprocess.run([build.program("driveguard-fcgi"), "-t", "-c",
                           host.conf], env=dict(os.environ, **host.env),
                          text=True, capture_output=True)
    return [line for line in said.stdout.splitlines()
            if line.startswith("cache")][0]


with harness.Stack(workers=1, redis=False, start=False) as s:
    key, cert = certificate(s.dir, "right", "IP:127.0.0.1")
    _, other = certificate(s.dir, "other", "IP:127.0.0.1")
    port = process.free_port()
    redis = process.Redis(s.dir)
    redis.argv += ["--tls-port", str(port), "--tls-cert-file", cert,
                   "--tls-key-file", key, "--tls-ca-cert-file", cert,
                   "--tls-auth-clients", "no"]
    password = s.write("password", "a secret\n")

    def settings(**more):
        s.configure({"cache.url": f"rediss://127.0.0.1:{port}/0",
                     "cache.user": "driveguard",
                     "cache.password_file": password,
                     "cache.ca_file": cert, **{
                         k.replace("__", "."): v for k, v in more.items()}})

    try:
        redis.start()
        redis("ACL", "SETUSER", "driveguard", "on", ">a secret", *RIGHTS)
        redis("ACL", "SETUSER", "default", "resetkeys", "~none", "-@scripting")
        settings()
        s.start()
        s.users([trips.user()])
        drivers.drive(s, trips.trip(1))

        with subtest("a hit over TLS, with no more than the rights in doc"):
            is_(trips_of(s), 1, "filled")
            hits = s.count("cache_hits")
            is_([trips_of(s) for _ in range(3)], [1] * 3, "answered")
            is_(s.count("cache_hits"), hits + 3, "from the cache")
            ok(" ok" in checked(s), "-t is content")
            ok("event=cache_" not in s.log(), "nothing to be said")

        with subtest("large pieces"):
            made = [trips.trip(i, points=400) for i in range(10, 30)]
            for t in made:
                drivers.drive(s, t)
            is_(trips_of(s), 21, "filled")
            hits = s.count("cache_hits")
            is_(trips_of(s), 21, "answered")
            is_(s.count("cache_hits"), hits + 1, "from the cache")

        with subtest("on one connection"):
            before = int(dict(line.split(":", 1) for line in redis(
                "INFO", "stats").decode().splitlines() if ":" in line)
                         ["total_connections_received"])
            for _ in range(5):
                trips_of(s)
            after = int(dict(line.split(":", 1) for line in redis(
                "INFO", "stats").decode().splitlines() if ":" in line)
                        ["total_connections_received"])
            ok(after - before < 4, f"not one each ({after - before})")

        for name, more, says in (
                ("another's certificate", {"cache__ca_file": other},
                 "certificate is not accepted"),
                ("no certificate at all", {"cache__ca_file": password},
                 "cache.ca_file"),
                ("another name", {"cache__url": f"rediss://localhost:{port}"},
                 "certificate is not accepted"),
                ("a wrong password",
                 {"cache__password_file": s.write("wrong", "wrong\n")},
                 "WRONGPASS"),
                ("no TLS", {"cache__url": f"redis://127.0.0.1:{port}"},
                 "redis 127.0.0.1")):
            with subtest(name):
                settings(**more)
                line = checked(s)
                ok("failed" in line and says in line, line)

        with subtest("a user without a password"):
            settings(cache__password_file="")
            said = subprocess.run(
                [build.program("driveguard-fcgi"), "-t", "-c", s.conf],
                env=dict(os.environ, **s.env), text=True, capture_output=True)
            ok("cache.user needs cache.password_file" in
               said.stdout + said.stderr, "is said")
    finally:
        redis.kill()

done()
