#!/usr/bin/python3
"""The manual pages and the printed settings say what the programs know."""

import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "lib"))
import harness
import tap
from tap import in_, is_, ok, subtest

KEY = re.compile(r'^KEY\((\w+), (\w+), (\w+), "([^"]*)"', re.M)


def keys():
    with open(os.path.join(harness.SRC, "core", "base", "conf.def")) as f:
        return KEY.findall(f.read())


def page(name):
    with open(os.path.join(harness.BUILD, "packaging", "man", name)) as f:
        return f.read().replace("\\-", "-")


def run(*args):
    return subprocess.run(args, text=True, capture_output=True)


def settings_page():
    text = page("driveguard.conf.5")
    sections = dict(re.findall(r"^\.SS \[(\w+)\]\n(.*?)(?=^\.S[SH])", text, re.M | re.S))
    for section, name, _, default in keys():
        in_(f".TP\n\\fB{name}\\fR = {default}\n", sections.get(section, ""),
            f"{section}.{name} with its default")
    ok("@" not in re.sub(r"\S+@\S+\.\S+", "", text), "nothing is left to fill in")


def printed_settings():
    program = harness.program("driveguard-fcgi")
    first = run(program, "-c", "/dev/null", "--dump-config")
    is_(first.returncode, 0, "they are printed")
    for section, name, _, default in keys():
        in_(f"default {default or 'nothing'}\n{name} = ", first.stdout,
            f"{section}.{name} with its default")
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as f:
        f.write(first.stdout)
        f.flush()
        is_(run(program, "-c", f.name, "--dump-config").stdout, first.stdout,
            "and read back the same")


def command_page():
    usage = run(harness.program("driveguardctl"))
    ok(usage.returncode == 2, "called wrongly it ends with 2")
    words = re.findall(r"^ +(?:driveguardctl )?(?:\[-c \S+\] )?([a-z]+(?: [a-z]+)?)\b",
                       usage.stdout + usage.stderr, re.M)
    ok(words, "it says how to call it")
    text = page("driveguardctl.8")
    for word in words:
        in_(word, text, f"{word} is in the manual")


def main():
    harness.program("driveguard-fcgi")
    with subtest("driveguard.conf(5)"):
        settings_page()
    with subtest("the printed settings"):
        printed_settings()
    with subtest("driveguardctl(8)"):
        command_page()
    tap.done()


main()
