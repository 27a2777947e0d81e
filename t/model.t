#!/usr/bin/python3
"""The consistency rules as a model: some quick scenes hold, and some quick
broken rules are seen. The rest: make check-model (t/model/README.md)."""

import os
import pathlib
import shutil
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import tap

if not shutil.which("spin") and not os.environ.get("CI"):
    tap.skip_all("spin is not installed")
run = pathlib.Path(__file__).resolve().parent / "model" / "run"
os.execv(run, [str(run), "--quick"])
