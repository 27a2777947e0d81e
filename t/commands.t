#!/usr/bin/python3
"""The programs as an operator calls them: which settings count, and whose the
files are that root makes."""

import os
import pathlib
import pwd
import re
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import build
import tap
from dgproc import Daemon, run
from tap import in_, is_, ok, subtest


def settings_file():
    """Without -c the one in its place counts, when there is one."""
    usage = run("driveguardctl").stderr
    place = pathlib.Path(re.search(r"by default (/\S+)", usage)[1])
    in_(str(place), run("driveguard-fcgi", "--help").stdout, "--help names it")
    if not ok(os.access(place.parents[2], os.W_OK) and not place.exists(),
              f"this build looks for {place}, where this test may make it"):
        return
    with Daemon(start=False) as d:
        r = run("driveguard-fcgi", "--dump-config")
        in_("listen = /run/driveguard/fcgi.sock", r.stdout, "none: defaults")
        place.parent.mkdir(parents=True)
        shutil.copy(d.conf, place)
        try:
            r = run("driveguard-fcgi", "--dump-config")
            in_(f"listen = {d.socket}", r.stdout, "it is read")
            in_(f"{place} is valid", run("driveguardctl", "config").stdout,
                "and said")
            r = run("driveguardctl", "bucket", "policy")
            ok(r.returncode == 1 and r.stdout == "" and str(place) in r.stderr,
               "no policy where nothing is AWS's, and whose settings say so")
            r = run("driveguardctl", "user", "list")
            is_((r.returncode, r.stderr), (0, ""), "a command on this host")
            place.unlink()
            place.mkdir()
            r = run("driveguardctl", "config")
            ok(r.returncode == 1 and str(place) in r.stderr,
               "not passed over when it cannot be read")
        finally:
            shutil.rmtree(place.parent)


def by_root():
    """What root makes before the first start, the service can write."""
    if os.geteuid() != 0:
        tap.skip("needs root", obtainable=False)
        return
    nobody = pwd.getpwnam("nobody")
    with Daemon(start=False) as d:
        os.chmod(d.dir, 0o755)
        state = pathlib.Path(d.path("state"))
        d.configure({"server.spool": str(state / "spool"),
                     "objects.url": f"file://{state}/objects",
                     "records.url": f"sqlite://{state}/records.db"})

        def made():
            return {p.owner() for p in [state, *state.rglob("*")]}

        state.mkdir()
        os.chown(state, nobody.pw_uid, nobody.pw_gid)
        r = run("driveguard-fcgi", "-t", "-c", d.conf)
        ok(r.returncode == 0 and (state / "spool/trips").is_dir(), "-t")
        users = pathlib.Path(d.path("users.json"))
        users.write_text('[{"user_id": "u", "email": "u@example.com"}]')
        users.chmod(0o600)
        r = run("driveguardctl", "-c", d.conf, "user", "put", str(users))
        is_((r.returncode, r.stderr), (0, ""), "a file that only root may read")
        is_(made(), {"nobody"}, "all belongs to the folder's owner")
        missing = d.path("no-users.json")
        r = run("driveguardctl", "-c", d.conf, "user", "put", missing)
        ok(r.returncode == 1 and missing in r.stderr, "a file that is not there")


def no_zones():
    """Without zone data local times would be stored as UTC."""
    with Daemon(start=False, env={"TZDIR": "/nonexistent"}) as d:
        for args in (["driveguard-fcgi", "-t"], ["driveguard-fcgi"],
                     ["driveguardctl", "reconcile"]):
            r = subprocess.run([build.program(args[0]), *args[1:], "-c", d.conf], env=d.env,
                               capture_output=True, text=True, timeout=30)
            ok(r.returncode == 1 and "install tzdata" in r.stderr, f"refused: {args}")


build.program("driveguard-fcgi")
for test in (settings_file, by_root, no_zones):
    with subtest(test.__name__):
        test()
tap.done()
