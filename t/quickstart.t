#!/usr/bin/python3
"""packaging/quickstart: starts all in one folder, changes nothing the second time,
goes on after a crash or an interruption, and stops only what it started."""

import glob
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
import readme
import s3
import tap
import trips
from tap import in_, is_, ok, subtest

QUICKSTART = os.path.join(harness.SRC, "packaging", "quickstart")
AWS_NAMES = ["S3_ENDPOINT", "S3_BUCKET", "DYNAMODB_ENDPOINT", "AWS_ACCESS_KEY_ID",
             "AWS_SECRET_ACCESS_KEY", "AWS_REGION"]
NAMES = ["URL", "CONF", "CTL", "REDIS", "SOCKET", "SERVICE_PID", "NGINX_PID", "REDIS_PID"]


def quickstart(*args, good=True, env=None):
    r = subprocess.run([QUICKSTART, *args], text=True, capture_output=True, env=env,
                       stdin=subprocess.DEVNULL, timeout=400)
    if good and r.returncode:
        raise RuntimeError(f"quickstart {args}: {r.returncode}\n{r.stdout}{r.stderr}")
    return r


def read_env(folder):
    with open(os.path.join(folder, "env")) as f:
        return dict(part.split("=", 1) for part in shlex.split(f.read()))


def get(url):
    with urllib.request.urlopen(url, timeout=30) as r:
        return r.status, r.read()


def processes(folder):
    """Session leaders whose command names the folder: what was launched there."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        try:
            with open(path + "/cmdline", "rb") as f:
                command = f.read()
            with open(path + "/stat") as f:
                session = f.read().rsplit(")", 1)[1].split()[3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        # nginx and Redis change their command line; all keep the folder in it
        # or as the folder they work in.
        if session == os.path.basename(path) and (
                folder.encode() + b"/" in command):
            found.append(int(session))
    return sorted(found)


def gone(pid):
    """Not there, or over and only not yet collected by the machine's init."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def pids(env):
    return [int(env[n]) for n in ("SERVICE_PID", "NGINX_PID", "REDIS_PID")]


def starting(folder):
    """Builds, starts, says where everything is."""
    quickstart("up", "--empty", "--state", folder, "--workers", "2")
    env = read_env(folder)
    is_(list(env), NAMES, "env has its names")
    is_(get(env["URL"] + "/readyz")[0], 200, "ready")
    for name in ("REDIS", "SOCKET"):
        ok(os.path.exists(env[name]), f"{name} is there")
    in_("workers = 2", open(env["CONF"]).read(), "the option is in the settings")
    for pid in pids(env):
        ok(not gone(pid), "runs")
    if os.geteuid() == 0:
        is_(os.stat(f"/proc/{env['SERVICE_PID']}").st_uid,
            os.stat(os.path.join(folder, "state")).st_uid, "as the owner of its data")
        ok(os.stat(f"/proc/{env['SERVICE_PID']}").st_uid != 0, "not as root")
    r = subprocess.run([env["CTL"], "-c", env["CONF"], "user", "list"], capture_output=True)
    is_(r.returncode, 0, "the command works")
    is_(quickstart("status", "--state", folder).returncode, 0, "status")
    return env


def unchanged(folder, env):
    before = os.stat(os.path.join(folder, "env")).st_mtime_ns
    began = time.monotonic()
    quickstart("up", "--empty", "--state", folder)
    ok(time.monotonic() - began < 20, "quick")
    is_(read_env(folder), env, "the same processes at the same place")
    is_(os.stat(os.path.join(folder, "env")).st_mtime_ns, before, "nothing was written")


def recovering(folder, env):
    os.kill(int(env["SERVICE_PID"]), signal.SIGKILL)
    harness.wait_for("its end", lambda: quickstart(
        "status", "--state", folder, good=False).returncode == 3)
    quickstart("up", "--empty", "--state", folder)
    now = read_env(folder)
    ok(now["SERVICE_PID"] != env["SERVICE_PID"], "a new service")
    is_(now["REDIS_PID"], env["REDIS_PID"], "the same Redis")
    is_(get(now["URL"] + "/readyz")[0], 200, "ready again")


def interrupting(folder):
    """Killed at several points of a start; the next one makes it whole."""
    for after in (0.2, 0.6, 1.2, 2.0):
        quickstart("down", "--state", folder)
        p = subprocess.Popen([QUICKSTART, "up", "--empty", "--state", folder],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             start_new_session=True)
        time.sleep(after)
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        quickstart("up", "--empty", "--state", folder)
        env = read_env(folder)
        is_(get(env["URL"] + "/readyz")[0], 200, f"interrupted after {after} s: ready")
        ok(set(processes(folder)) <= set(pids(env)), "and nothing runs twice")


def demo(folder, source):
    """The whole show beside another instance, on a port of its own."""
    port = harness.free_port()
    args = ["--state", folder, "--port", str(port), "--build", harness.BUILD, "--trips",
            os.path.join(source, "trips")]
    out = quickstart(*args).stdout
    for words in ("Behavior score", f"http://127.0.0.1:{port}/analyze-driver?email=",
                  "analyses: 6 stored", "quickstart down --state " + folder):
        in_(words, out, f"it says: {words}")
    env = read_env(folder)
    email = json.load(open(os.path.join(source, "users.json")))[0]["email"]
    url = f"{env['URL']}/analyze-driver?email={email}"
    first = json.loads(get(url)[1])
    is_(first["total_trips"], 2, "the driver's trips")
    pasted_calls(folder)
    out = quickstart(*args).stdout
    in_("loaded already", out, "the second time nothing is sent")
    is_([t["revision"] for t in json.loads(get(url)[1])["trips"]], [1, 1],
        "and no trip is scored again")
    return env


def pasted_calls(folder):
    """README's calls, as they stand but for the folder."""
    calls = "\n".join(readme.blocks("The calls"))
    in_("/var/tmp/driveguard-quickstart/env", calls, "README says where the URL is")
    r = subprocess.run(["bash", "-ec", """
        curl() { command curl --noproxy '*' -o /dev/null -w '%{http_code} ' "$@"; }
        """ + calls.replace("/var/tmp/driveguard-quickstart", folder)],
        text=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=60)
    is_((r.stdout.split(), r.stderr), (["200"] * 3, ""), "each of README's calls ends in 200")


def on_aws(folder):
    """The same on S3 and DynamoDB: started, seen from outside, and gone with down."""
    args = ["up", "--empty", "--aws-local", "--state", folder, "--build", harness.BUILD]
    quickstart(*args)
    env = read_env(folder)
    is_(list(env), NAMES + AWS_NAMES, "env has the names of AWS, too")
    in_(f"url = s3://{env['S3_BUCKET']}", open(env["CONF"]).read(), "the bucket is in use")
    is_(get(env["URL"] + "/readyz")[0], 200, "ready")
    trip = trips.trip(1)
    for path, body in [("/store-trajectory-batch", b) for b in trip["batches"]] + [
            ("/finalize-trip", trip["finalize"])]:
        with urllib.request.urlopen(env["URL"] + path, json.dumps(body).encode(), 30) as r:
            is_(r.status, 200, path)
    bucket = s3.Bucket(env["S3_ENDPOINT"], env["S3_BUCKET"], env["AWS_ACCESS_KEY_ID"],
                       env["AWS_SECRET_ACCESS_KEY"], env["AWS_REGION"])
    is_(len(bucket.keys(f"users/{trips.USER}/trips/")), 1, "the analysis is in the bucket")
    is_(quickstart("status", "--state", folder).returncode, 0, "status")
    quickstart("up", "--empty", "--state", folder, "--build", harness.BUILD)
    is_(read_env(folder), env, "again, without the option: nothing changes")
    quickstart("down", "--state", folder)
    for name in ("S3_ENDPOINT", "DYNAMODB_ENDPOINT"):
        with socket.socket() as s:
            ok(s.connect_ex(("127.0.0.1", int(env[name].rsplit(":", 1)[1]))),
               f"{name}: nobody there any more")


def failing_npm(folder):
    """What npm says when it fails is shown, and nothing half made counts later."""
    bin_, home = os.path.join(folder, "bin"), os.path.join(folder, "npm")
    os.makedirs(bin_)
    os.makedirs(os.path.join(home, "node_modules", "dynalite"))  # of an interrupted one
    with open(os.path.join(home, "node_modules", "dynalite", "cli.js"), "w"):
        pass
    with open(os.path.join(bin_, "npm"), "w") as f:
        f.write("#!/bin/sh\necho 'npm error code E503'\nprintf '\\n\\n\\n\\n'\nexit 1\n")
    os.chmod(os.path.join(bin_, "npm"), 0o755)
    r = quickstart("up", "--empty", "--aws-local", "--state", os.path.join(folder, "s"),
                   "--build", harness.BUILD, good=False,
                   env=dict(os.environ, PATH=f"{bin_}:{os.environ['PATH']}",
                            DYNALITE_HOME=home))
    ok(r.returncode != 0, "it fails")
    in_("npm error code E503\n", r.stderr, "with npm's own words")
    in_("npm could not install dynalite", r.stderr, "and what that means")
    quickstart("down", "--state", os.path.join(folder, "s"))


def refusing(folder, taken):
    r = quickstart("up", "--empty", "--state", folder, "--port", taken, good=False)
    ok(r.returncode != 0 and f"port {taken} is taken" in r.stderr, "a taken port")
    for args in (["up", "--state"], ["--frob"], ["up", "--port", "x"], ["up", "--port", "0"],
                 ["up", "--state", "/tmp/a b"], ["up", "--state", "/tmp/" + "a" * 100],
                 ["status", "--state", folder + "/none"], ["down", "--state", folder + "/none"]):
        r = quickstart(*args, good=False)
        ok(r.returncode not in (0, 3) and r.stderr, f"refused: {args}")


def stopping(folder, env):
    """A pid file that names somebody else's process harms nobody."""
    with open(os.path.join(folder, "pid", "redis.pid")) as f:
        _, start, boot = f.read().split()
    sleeper = subprocess.Popen(["sleep", "60"])
    with open(os.path.join(folder, "pid", "redis.pid"), "w") as f:
        f.write(f"{sleeper.pid} {start} {boot}\n")
    quickstart("down", "--state", folder)
    is_(sleeper.poll(), None, "another's process lives")
    sleeper.kill()
    sleeper.wait()
    for name in ("SERVICE_PID", "NGINX_PID"):
        ok(gone(env[name]), f"{name} is gone")
    os.kill(int(env["REDIS_PID"]), signal.SIGTERM)  # whom we hid from it
    harness.wait_for("redis", lambda: gone(env["REDIS_PID"]))
    ok(not os.path.exists(os.path.join(folder, "env")), "no env of what is stopped")
    is_(quickstart("status", "--state", folder, good=False).returncode, 3, "status: stopped")
    quickstart("down", "--state", folder)


def main():
    harness.program("driveguard-fcgi")
    top = tempfile.mkdtemp(prefix="dg-")
    os.chmod(top, 0o755)  # www-data must reach it
    one, two, three, four = (os.path.join(top, name)
                             for name in ("one", "two", "three", "four"))
    try:
        with subtest("simulated trips"):
            for name in ("sim", "again"):
                subprocess.run([os.path.join(harness.SRC, "packaging", "simulate.py"),
                                os.path.join(top, name), "--trips", "6"], check=True)
            is_(subprocess.run(["diff", "-r", os.path.join(top, "sim"),
                                os.path.join(top, "again")]).returncode, 0, "are the same each time")
        with subtest("up"):
            env = starting(one)
        with subtest("up again"):
            unchanged(one, env)
        with subtest("side by side"):
            demo(two, os.path.join(top, "sim"))
            is_(get(env["URL"] + "/readyz")[0], 200, "the first still serves")
        with subtest("on S3 and DynamoDB"):
            on_aws(three)
        with subtest("npm fails"):
            failing_npm(four)
        with subtest("refusals"):
            refusing(two, env["URL"].rsplit(":", 1)[1])
        with subtest("after a crash"):
            recovering(one, env)
        with subtest("after an interruption"):
            interrupting(one)
        with subtest("down"):
            stopping(one, read_env(one))
            is_(get(read_env(two)["URL"] + "/readyz")[0], 200, "the other still serves")
    finally:
        for folder in (one, two, three, os.path.join(four, "s")):
            if os.path.isdir(os.path.join(folder, "run")):
                quickstart("down", "--state", folder, good=False)
        left = processes(top)
        is_(left, [], "nothing is left running")
        shutil.rmtree(top)
    tap.done()


main()
