"""contract.py - the unit tests of a contract, and driveguardctl, on a server that a
scenario has started: env says where it is."""

import os
import subprocess

import build
import tap
from process import write_conf


def _run(env, path, *arguments):
    return subprocess.run([build.program(path), *arguments], text=True,
                          capture_output=True, env={**os.environ, **env})


def unit(env, program, *arguments, **more):
    """t/unit/program: how it ended, and what it printed. more: of the environment."""
    return _run({**env, **more}, os.path.join("t/unit", program), *arguments)


def passes(env, name, program, *arguments, **more):
    r = unit(env, program, *arguments, **more)
    if not tap.is_(r.returncode, 0, name):
        tap.diag("\n".join(x for x in (r.stdout + r.stderr).splitlines()
                           if not x.startswith("ok")))
    return r


def ctl(env, folder, settings, *words):
    """driveguardctl with these settings."""
    conf = os.path.join(folder, "conf")
    write_conf(conf, {"server.spool": folder, **settings})
    return _run(env, "driveguardctl", "-c", conf, *words)
