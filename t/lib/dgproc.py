"""dgproc.py - driveguard-fcgi alone, without nginx and Redis, for the tests of
its processes.

    with Daemon(workers=2) as d:
        d.call("GET", "/healthz").status
        d.fault("worker.request", "hold")       # core/base/fault.h
        d.reload({"server.workers": "3"})

Objects in a folder, records in SQLite, no cache, all in a temporary folder
that goes with the `with`.
"""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import tempfile

import build
import fcgi
import tap
from faults import FaultPoints
from process import children, defects, sanitizer_env, wait_for, write_conf

NO_FILE = contextlib.suppress(FileNotFoundError)


class Daemon(FaultPoints):
    """settings: {"section.key": value}; stdin and fd3: a listening socket to
    hand over; env: further variables; start: False only makes the files."""

    def __init__(self, settings=None, workers=2, stdin=None, fd3=None, env=None,
                 start=True, folder=None):
        self.kept = folder is not None
        self.dir = folder or tempfile.mkdtemp(prefix="dgp-")
        self.socket = os.path.join(self.dir, "fcgi.sock")
        self.status_socket = os.path.join(self.dir, "status.sock")
        self.conf = os.path.join(self.dir, "driveguard.conf")
        self.log = os.path.join(self.dir, "log")
        self.faults = os.path.join(self.dir, "faults")
        self.reports = os.path.join(self.dir, "sanitizer")
        for sub in (self.faults, self.reports, self.path("objects")):
            os.makedirs(sub, exist_ok=True)
        self.stdin, self.fd3 = stdin, fd3
        self.env = dict(os.environ, DRIVEGUARD_FAULTS=self.faults,
                        **sanitizer_env(self.reports), **(env or {}))
        self.settings = {
            "server.listen": self.socket,
            "server.status_listen": self.status_socket,
            "server.spool": self.path("spool"),
            "server.scoreboard": self.path("scoreboard"),
            "server.workers": str(workers),
            "objects.url": "file://" + self.path("objects"),
            "records.url": "sqlite://" + self.path("records.db"),
            "cache.url": "none",
            "cache.files": "none",
            **(settings or {}),
        }
        self.proc = None
        self.configure()
        if start:
            try:
                self.start()
            except BaseException:
                self.close(failed=True)
                raise

    def path(self, name):
        return os.path.join(self.dir, name)

    def configure(self, settings=None):
        """Writes the settings, the changed ones included."""
        self.settings.update(settings or {})
        write_conf(self.conf, self.settings)

    def start(self, ready=True):
        argv = [build.program("driveguard-fcgi"), "-c", self.conf]
        before = len(self.lines("event=ready"))
        keep = {}
        if self.fd3:
            # The shell's process id is the program's.
            argv = ["sh", "-c", 'LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"', "sh",
                    *argv]
            keep = {"pass_fds": (3,),
                    "preexec_fn": lambda: os.dup2(self.fd3.fileno(), 3)}
        with open(self.log, "ab") as out:
            self.proc = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", "--", *argv],
                stdin=self.stdin or subprocess.DEVNULL, stdout=out, stderr=out,
                env=self.env, start_new_session=True, **keep)
        if ready:
            self.wait_line("event=ready", before + 1)

    @property
    def pid(self):
        return self.proc.pid

    def send(self, number):
        self.proc.send_signal(number)

    def exit_code(self, seconds=20):
        """Of the master, once it has ended; None: it did not."""
        try:
            return self.proc.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=20):
        self.send(signal.SIGTERM)
        return self.exit_code(seconds)

    # ---- what can be seen of it ----

    def lines(self, pattern=""):
        with NO_FILE:
            with open(self.log, errors="replace") as f:
                return [s for s in f if re.search(pattern, s)]
        return []

    def wait_line(self, pattern, count=1, seconds=20):
        def seen():
            found = self.lines(pattern)
            if self.proc.poll() is not None and len(found) < count:
                raise RuntimeError("it ended:\n" + "".join(self.lines()[-20:]))
            return len(found) >= count and found

        return wait_for(f"{count} x {pattern}", seen, seconds)

    def call(self, method, path, *args, **named):
        return fcgi.call(self.socket, method, path, *args, **named)

    def stats(self):
        return fcgi.call(self.status_socket, "GET", "/stats").json()

    def pids(self, role="worker"):
        return sorted(w["pid"] for w in self.stats()["workers"]
                      if w["role"] == role and w["state"] != "draining")

    def children(self):
        return children(self.pid)

    # ---- what is done to it ----

    def reload(self, settings=None, good=True):
        """SIGHUP, until it is through (or refused, if it is not good)."""
        pattern = "event=ready" if good else "event=reload_refused"
        before = len(self.lines(pattern))
        self.configure(settings)
        self.send(signal.SIGHUP)
        self.wait_line(pattern, before + 1)

    # ---- end ----

    def reported(self):
        for name, text in defects(self.reports, self.log).items():
            tap.fail("a process met a defect")
            tap.diag(f"{name}\n{text[:6000]}")

    def close(self, failed=False):
        if self.proc and self.proc.poll() is None:
            code = self.stop(15)
            if not failed:
                tap.is_(code, 0, "it ends by itself")
        if self.proc:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)
            self.proc.wait()
        self.reported()
        if failed:
            tap.diag("".join(self.lines()[-40:]))
        if not self.kept:
            shutil.rmtree(self.dir, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.close(failed=kind is not None)


def gone(pid):
    """Whether there is no such process (or only its remains)."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def run(name, *args, env=None):
    return subprocess.run([build.program(name), *args], text=True,
                          capture_output=True, env=env, timeout=60)
