#!/usr/bin/python3
"""Processes: start, reload, drain, renewal, crashes, stuck workers, inherited
sockets."""

import contextlib
import os
import pathlib
import random
import signal
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import build
import fcgi
import tap
from background import Background
from dgproc import Daemon, gone, run
from process import wait_for
from tap import in_, is_, ok, subtest


class Load:
    """Threads that call without a pause; failures holds what went wrong."""

    def __init__(self, d, threads=3):
        self.d = d
        self.done = 0
        self.failures = []
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run)
                        for _ in range(threads)]

    def _run(self):
        while not self.stopping.is_set():
            try:
                r = self.d.call("GET", "/healthz", timeout=20)
                if r.status != 200:
                    self.failures.append(r)
            except Exception as e:
                self.failures.append(repr(e))
            self.done += 1

    def __enter__(self):
        for t in self.threads:
            t.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for t in self.threads:
            t.join()


def hold(d, n):
    """n requests that n workers hold until fault_go; their Backgrounds."""
    d.fault("worker.request.always", "hold")
    calls = [Background(d.call, "GET", "/healthz") for _ in range(n)]
    wait_for("busy workers", lambda: sum(
        w["role"] == "worker" and w["route"] == "/healthz"
        for w in d.stats()["workers"]) == n)
    return calls


def release(d, calls):
    d.fault_go("worker.request")
    return [c.result() for c in calls]


def options():
    is_(run("driveguard-fcgi", "--version").returncode, 0, "--version")
    in_("-t", run("driveguard-fcgi", "--help").stdout, "--help")
    for args in (["--nonsense"], ["extra"], ["-c"]):
        r = run("driveguard-fcgi", *args)
        ok(r.returncode == 2 and "usage" in r.stderr, f"refused: {args}")
    with Daemon(start=False) as d:
        r = run("driveguard-fcgi", "-t", "-c", d.conf)
        is_(r.returncode, 0, "-t")
        for name in ("objects", "records", "spool", "cache"):
            in_(f"{name}: ok", r.stdout, f"-t asks {name}")
        r = run("driveguard-fcgi", "-c", d.conf, "--dump-config")
        in_(f"listen = {d.socket}", r.stdout, "--dump-config")
        d.configure({"server.workers": "none"})
        for args in (["-t"], [], ["--dump-config"]):
            r = run("driveguard-fcgi", "-c", d.conf, *args)
            ok(r.returncode == 1 and "workers" in r.stderr,
               f"a wrong setting is named: {args}")
        d.configure({"server.workers": "2",
                     "server.spool": "/dev/null/spool"})
        for args in (["-t"], []):
            r = run("driveguard-fcgi", "-c", d.conf, *args)
            ok(r.returncode == 1 and "/dev/null/spool" in r.stderr,
               f"a spool that cannot be: {args}")


def addresses():
    with Daemon(start=False) as d:
        with socket.socket(socket.AF_UNIX) as s:
            s.bind(d.socket)  # and nobody listens: left by the dead
        d.start()
        is_(d.call("GET", "/healthz").status, 200, "a stale socket is replaced")
        is_(os.stat(d.socket).st_mode & 0o777, 0o660, "access mode")
        r = run("driveguard-fcgi", "-c", d.conf)
        ok(r.returncode == 1 and "another process listens" in r.stderr,
           "an address in use is refused")
        is_(d.call("GET", "/healthz").status, 200, "and stays with its owner")
        is_(d.stop(), 0, "the end")
        is_([n for n in os.listdir(d.dir) if n.endswith("sock") or
             n.startswith("scoreboard")], [], "takes its files away")
        with socket.socket(socket.AF_UNIX) as s, \
                socket.socket(socket.AF_UNIX) as c:
            s.bind(d.socket)
            s.listen(0)
            c.connect(d.socket)  # and the queue is full
            r = run("driveguard-fcgi", "-c", d.conf)
            ok(r.returncode == 1 and os.path.exists(d.socket),
               "who is too busy to answer is not taken for dead")
        os.unlink(d.socket)
        pathlib.Path(d.socket).write_text("a file")
        r = run("driveguard-fcgi", "-c", d.conf)
        ok(r.returncode == 1 and os.path.isfile(d.socket),
           "a file is not taken for a socket")


def busy():
    with Daemon() as d:
        all_busy(d)


def all_busy(d):
    calls = hold(d, 2)
    s = d.stats()
    held = [w for w in s["workers"] if w["role"] == "worker"]
    is_([w["state"] for w in held], ["busy"] * 2, "all workers are busy")
    ok(all(w["busy_ms"] >= 0 and w["rss_bytes"] > 0 and w["request_id"]
           for w in held), "with what, and since when")
    def not_ready():
        r = fcgi.call(d.status_socket, "GET", "/readyz")
        return r.status == 503 and r.json()

    body = wait_for("/readyz to notice", not_ready)
    named, = [b for b in body["backends"] if b["state"] == "failed"]
    ok(named["name"] == "workers" and "none of 2 workers" in named["message"],
       "/readyz says that nobody takes calls")
    is_(fcgi.call(d.status_socket, "GET", "/healthz").status, 200, "/healthz")
    is_(fcgi.call(d.status_socket, "POST", "/finalize-trip", b"{}").status, 404,
        "the monitor has no other routes")
    for args in (["-c", d.conf, "status", "--json"],
                 ["status", "--json", "-c", d.conf]):
        r = run("driveguardctl", *args)
        ok(r.returncode == 0 and '"busy"' in r.stdout, "driveguardctl " +
           " ".join(args))
    r = run("driveguardctl", "-c", d.conf, "status")
    ok(r.returncode == 0 and "/healthz" in r.stdout, "driveguardctl status")
    is_([r.status for r in release(d, calls)], [200, 200], "both are answered")
    d.fault_clear()
    is_(fcgi.call(d.status_socket, "GET", "/readyz").status, 200,
        "and /readyz is content")


def command():
    with Daemon(start=False) as d:
        r = run("driveguardctl", "status", "-c", d.conf)
        ok(r.returncode == 1 and "not running" in r.stderr, "not running")
        d.start()
        os.killpg(d.pid, signal.SIGKILL)
        d.exit_code()
        r = run("driveguardctl", "status", "-c", d.conf)
        ok(r.returncode == 1 and "not running" in r.stderr,
           "the scoreboard of a dead master is not taken for it")
        r = run("driveguardctl", "config", "--dump", "-c", d.conf)
        in_(f"listen = {d.socket}", r.stdout, "config --dump")
        is_(run("driveguardctl", "config", "-c", d.conf).returncode, 0, "config")
        for args in ([], ["nonsense"], ["status", "x"], ["config", "x"],
                     ["status", "-c"]):
            is_(run("driveguardctl", *args).returncode, 2, f"refused: {args}")
        d.start()
        is_(d.call("GET", "/healthz").status, 200, "starts after a kill")


def reload():
    with Daemon() as d:
        first = d.pids()
        count = 0
        with Load(d) as load:
            for generation in range(2, 7):
                d.reload({"server.workers": str(1 + generation % 3)})
                s = d.stats()
                is_(s["configuration_generation"], generation, "new generation")
                ok(s["counters"]["requests"] >= count, "counters go on")
                count = s["counters"]["requests"]
        is_(load.failures, [], f"none of {load.done} requests refused")
        ok(not set(first) & set(d.pids()), "all workers are new")
        wait_for("old ones", lambda: len(d.children()) == 1 + 6 % 3 + 3)
        d.reload({"server.listen": d.path("other.sock")})
        ok(d.lines("needs_restart.*server.listen"), "what needs a restart")
        ok(not os.path.exists(d.path("other.sock")), "and has none")
        for _ in range(10):  # again before the last one is through
            d.send(signal.SIGHUP)
            time.sleep(random.random() / 50)
        is_(d.call("GET", "/healthz").status, 200, "many at once")
        wait_for("old ones", lambda: len(d.children()) == 1 + 6 % 3 + 3)


def bad_reload():
    with Daemon() as d:
        before = d.pids()
        for settings in ({"server.workers": "many"},
                         {"server.spool": "/dev/null/spool"}):
            was = {k: d.settings[k] for k in settings}
            d.reload(settings, good=False)
            is_(d.pids(), before, f"the old workers stay: {settings}")
            is_(d.stats()["configuration_generation"], 1, "and settings")
            d.configure(was)
        d.reload()
        ok(d.pids() != before, "the next good one counts")


def crashed_reload():
    with Daemon() as d:
        before = d.pids()
        d.fault("trial.load", "crash")
        d.reload(good=False)
        is_(d.pids(), before, "the old workers stay when reading crashes")
        is_(d.call("GET", "/healthz").status, 200, "and serve")


def reload_from_a_pipe():
    """A settings file that never ends, and a log that nobody reads."""
    with Daemon() as d:
        before, kept = d.pids(), d.conf + ".kept"
        os.rename(d.conf, kept)
        os.mkfifo(d.conf)
        d.send(signal.SIGHUP)
        wait_for("a trial", lambda: len(d.children()) == len(before) + 4)
        is_(d.call("GET", "/healthz").status, 200, "served while it is read")
        trial, = set(d.children()) - {w["pid"] for w in d.stats()["workers"]}
        os.kill(trial, signal.SIGALRM)  # the child's own clock: 20 s
        d.wait_line("event=trial_failed signal=14 .*takes too long")
        d.wait_line("event=reload_refused")
        is_(d.pids(), before, "the old workers stay")
        os.rename(kept, d.conf)
        os.mkfifo(d.path("log.pipe"))
        d.reload({"log.target": d.path("log.pipe")})
        ok(d.lines("event=log_unwritable"), "an unread log is said")
        ok(d.pids() != before, "and stops nobody")


def reload_of_long_lines():
    """libinih 59 and later ask again for a line that fills their buffer."""
    longest = "/".ljust(199 - len("scoreboard = "), "x")
    with Daemon() as d:
        d.reload({"server.scoreboard": longest})
        ok(d.lines("needs_restart key=server.scoreboard"), "199 bytes are read")
        d.reload({"server.scoreboard": longest + "x"}, good=False)
        ok(d.lines("the line has 200 bytes; at most 199"), "200 are too many")
        is_(d.call("GET", "/healthz").status, 200, "it serves")


def killed_trial():
    with Daemon(start=False) as d:
        d.fault("trial.open", "hold")
        d.start(ready=False)
        d.fault_taken("trial.open")
        trial, = d.children()
        os.kill(trial, signal.SIGKILL)
        is_(d.exit_code(), 1, "does not start without its trial")
        ok(d.lines("event=trial_failed signal=9"), "and says so")


def held_reload():
    with Daemon() as d:
        calls = hold(d, 2)
        old = d.pids()
        d.fault_clear()  # only those two are held
        d.reload()
        is_(d.call("GET", "/healthz").status, 200, "new workers serve")
        is_([w["state"] for w in d.stats()["workers"] if w["pid"] in old],
            ["draining"] * 2, "the old ones are draining")
        is_([r.status for r in release(d, calls)], [200, 200],
            "requests in flight are finished")
        wait_for("their end", lambda: all(gone(p) for p in old))


def slow_reload():
    with Daemon() as d:
        old = d.pids()
        d.fault("worker.start.always", "sleep 1000")
        d.send(signal.SIGHUP)
        for _ in range(5):
            time.sleep(0.1)
            started = time.monotonic()
            in_(d.call("GET", "/healthz").json()["pid"], old,
                "until the new workers are ready the old ones serve")
            ok(time.monotonic() - started < 0.4, "without a pause")
        d.fault_clear()
        d.wait_line("event=ready", 2)
        d.fault("worker.start.always", "fail")
        now = d.pids()
        d.send(signal.SIGHUP)
        d.wait_line("child_crashed.*status=1", 4)
        is_(d.call("GET", "/healthz").json()["pid"] in now, True,
            "and when the new ones cannot start")
        d.fault_clear()
        d.reload()
        ok(not set(now) & set(d.pids()), "until the next reload that can")


def stop_under_load():
    with Daemon(workers=1) as d:
        old = d.pids()[0]
        held = hold(d, 1)
        queue = [fcgi.Connection(d.socket) for _ in range(50)]
        for c in queue:
            c.send("GET", "/healthz")
        os.kill(old, signal.SIGTERM)
        release(d, held)
        served = [c.answer().json()["pid"] for c in queue]
        for c in queue:
            c.close()
        ok(served.count(old) <= 1 and len(set(served)) <= 2,
           "a worker told to stop does, however many wait")


def drain():
    for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGINT):
        with Daemon(workers=1) as d:
            calls = hold(d, 1)
            queued = [Background(d.call, "GET", "/healthz") for _ in range(3)]
            time.sleep(0.1)  # until they are in the queue
            d.send(number)
            wait_for("its name to go", lambda: not os.path.exists(d.socket))
            is_(fcgi.call(d.status_socket, "GET", "/stats").status, 200,
                "the monitor is there to the last")
            got = release(d, calls + queued)
            is_([r.status for r in got], [200] * 4,
                f"{number.name}: in flight and queued are answered")
            is_(d.exit_code(), 0, "then it ends")


def at_once():
    with Daemon() as d:
        children = d.children()
        calls = hold(d, 2)
        d.send(signal.SIGTERM)
        time.sleep(0.3)
        started = time.monotonic()
        d.send(signal.SIGTERM)
        is_(d.exit_code(5), 0, "a second SIGTERM ends it")
        ok(time.monotonic() - started < 2, "at once")
        ok(all(gone(p) for p in children), "and all its children")
        for c in calls:
            with contextlib.suppress(fcgi.Cut, ConnectionError):
                c.result()


def renewal():
    with Daemon({"server.max_requests": "5"}, workers=1) as d:
        pids, count = set(), 0
        for _ in range(23):
            pids.add(d.call("GET", "/healthz").json()["pid"])
            now = d.stats()["counters"]["requests"]
            ok(now >= count, "the sum does not go back") if now < count else 0
            count = now
        is_(len(pids), 5, "five requests a process")
        is_(d.lines("child_crashed"), [], "which is no crash")


def crash():
    with Daemon(workers=1) as d:
        before = d.pids()
        d.fault("worker.request", "crash")
        with fcgi.Connection(d.socket) as c:
            try:  # it may fall before the request is sent wholly
                c.send("GET", "/healthz", params={"REQUEST_ID": "the-one-that-fell"})
                c.answer()
                tap.fail("an answer from a dead worker")
            except (fcgi.Cut, ConnectionError):
                ok(True, "the client sees the end")
        is_(d.call("GET", "/healthz").status, 200, "replaced at once")
        ok(d.pids() != before, "by another process")
        line = d.wait_line("child_crashed")[0]
        in_("the-one-that-fell", line, "the log names the request")
        in_('route="/healthz"', line, "and the route")


def backoff():
    with Daemon(workers=1) as d:
        pauses = []
        for _ in range(4):
            victim = wait_for("a worker", d.pids)[0]
            started = time.monotonic()
            os.kill(victim, signal.SIGKILL)
            wait_for("its successor", lambda: d.pids() not in ([], [victim]))
            pauses.append(time.monotonic() - started)
        ok(pauses[0] < 0.3, "the first is replaced at once")
        ok(pauses[3] > 0.35 and pauses[3] > pauses[0] + 0.2,
           f"then ever later: {pauses}")


def stuck():
    with Daemon({"server.request_timeout": "400ms",
                 "server.finalize_timeout": "200ms"}, workers=1) as d:
        d.fault("worker.request", "sleep 30000")
        started = time.monotonic()
        with fcgi.Connection(d.socket) as c:
            c.send("GET", "/healthz", params={"REQUEST_ID": "the-stuck-one"})
            try:
                c.answer()
                tap.fail("an answer from a stuck worker")
            except (fcgi.Cut, ConnectionError):
                pass
        took = time.monotonic() - started
        ok(2.3 < took < 6, f"killed after deadline and grace: {took:.1f} s")
        line = d.wait_line("child_stuck")[0]
        in_("request_id=the-stuck-one", line, "the log names the request")
        in_('route="/healthz"', line, "and the route")
        is_(d.call("GET", "/healthz").status, 200, "replaced")


def inherited():
    for how in ("stdin", "fd3"):
        with socket.socket(socket.AF_UNIX) as s:
            with Daemon(start=False) as d:
                path = d.path("given.sock")
                s.bind(path)
                s.listen(16)
                setattr(d, how, s)
                d.start()
                is_(fcgi.call(path, "GET", "/healthz").status, 200, how)
                ok(not os.path.exists(d.socket), "none of its own")
                d.reload()
                is_(fcgi.call(path, "GET", "/healthz").status, 200, "reloaded")
                is_(d.stop(), 0, "ends")
                ok(os.path.exists(path), "the socket stays with its owner")
                late = Background(fcgi.call, path, "GET", "/healthz")
                time.sleep(0.05)
                d.start(ready=False)
                is_(late.result().status, 200, "who came in between is served")
                wait_for("two starts", lambda: len(d.lines("event=ready")) == 3)
    with Daemon(start=False) as d:
        with open(os.devnull) as d.fd3:
            d.start(ready=False)
            ok(d.exit_code() == 1 and d.lines("not a listening socket"),
               "something else on descriptor 3")


def orphans():
    with Daemon() as d:
        children = d.children()
        is_(len(children), 5, "two workers, maintenance, sender, monitor")
        os.kill(d.pid, signal.SIGKILL)
        d.exit_code()
        wait_for("their end", lambda: all(gone(p) for p in children), 5)
        ok(True, "children die with the master")


def quick_signals():
    with Daemon() as d:
        with Load(d) as load:
            for _ in range(40):
                for pid in d.pids()[:1]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGTERM)
                time.sleep(random.random() / 100)
        is_(load.failures, [], f"none of {load.done} requests lost to signals")
        is_(d.lines("child_(crashed|killed|stuck)"), [], "and no crash")
    with Daemon(start=False) as d:
        codes, slow = [], 0
        for _ in range(15):
            d.start(ready=False)
            time.sleep(0.02 + random.random() / 10)
            started = time.monotonic()
            d.send(signal.SIGTERM)
            codes.append(d.exit_code(10))
            slow = max(slow, time.monotonic() - started)
        ok(set(codes) <= {0, -signal.SIGTERM}, f"exit codes {set(codes)}")
        ok(slow < 2, f"none hangs: {slow:.2f} s at most")


def log_file():
    with Daemon(start=False) as d:
        own = d.path("own.log")
        d.configure({"log.target": own})
        d.start(ready=False)
        wait_for("the log", lambda: os.path.exists(own) and
                 "event=ready" in pathlib.Path(own).read_text())
        os.rename(own, own + ".1")
        d.send(signal.SIGUSR1)
        wait_for("a new log", lambda: os.path.exists(own))
        os.rename(own, own + ".2")
        d.send(signal.SIGHUP)
        wait_for("a new log", lambda: os.path.exists(own) and
                 "event=ready" in pathlib.Path(own).read_text())
        # An old worker may take a call, and write where it always wrote.
        wait_for("a new worker's line", lambda: d.call("GET", "/healthz") and
                 "event=request" in pathlib.Path(own).read_text())
        ok(True, "workers use it")


def notify():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        with Daemon(start=False) as d:
            s.bind(d.path("notify"))
            s.settimeout(10)
            d.env["NOTIFY_SOCKET"] = d.path("notify")
            d.start()
            is_(s.recv(100), b"READY=1", "ready")
            d.send(signal.SIGHUP)
            in_(b"RELOADING=1\nMONOTONIC_USEC=", s.recv(100), "reloading")
            is_(s.recv(100), b"READY=1", "ready again")
            d.stop()
            is_(s.recv(100), b"STOPPING=1", "stopping")


ALWAYS = (options, addresses, command, reload, bad_reload,
          reload_from_a_pipe, reload_of_long_lines, renewal, backoff,
          inherited, orphans, quick_signals, log_file, notify)
FAULTS = (busy, crashed_reload, killed_trial, held_reload, slow_reload,
          stop_under_load, drain, at_once, crash, stuck)


def main():
    build.program("driveguard-fcgi")
    wanted = set(sys.argv[1:])  # names of tests; none: all

    def chosen(tests):
        return [t for t in tests if not wanted or t.__name__ in wanted]

    for test in chosen(ALWAYS):
        with subtest(test.__name__):
            test()
    if not build.faults_built():
        tap.skip("no fault points in this build (--enable-faults)", len(FAULTS))
        tap.done()
    for test in chosen(FAULTS):
        with subtest(test.__name__):
            test()
    tap.done()


main()
