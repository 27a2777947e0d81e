"""build.py - the source and the build that are tested."""

import os

import tap

SRC = os.environ.get("DG_SRC") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("DG_BUILD") or os.getcwd()
SHARED = os.environ.get("DRIVEGUARD_SHARED") or os.path.join(SRC, "..", "shared")


def program(name):
    path = os.path.join(BUILD, name)
    if not os.access(path, os.X_OK):
        tap.skip_all(f"no {path}: set DG_BUILD to a build folder")
    return path


def faults_built():
    """Whether the build has fault points (--enable-faults)."""
    with open(os.path.join(BUILD, "config.h")) as f:
        return "#define DG_FAULTS 1" in f.read()


def sanitized():
    """Whether the build has the sanitizers (--enable-sanitize)."""
    with open(os.path.join(BUILD, "Makefile")) as f:
        return any(line.startswith("HARD_CFLAGS =") and "-fsanitize=" in line
                   for line in f)


def need_faults():
    if not faults_built():
        tap.skip_all("the build has no fault points (--enable-faults)")
