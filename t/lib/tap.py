"""tap.py - Test Anything Protocol for the scenario tests, read by prove.

    import tap
    from tap import ok, is_

    with tap.subtest("one thing"):      # an exception inside fails it
        is_(1 + 1, 2, "sums")
    tap.done()                          # prints the plan, exits 0 or 1

Safe to call from several threads.
"""

import contextlib
import os
import signal
import sys
import threading
import traceback

_lock = threading.RLock()
_count = 0
_failed = 0


def diag(text):
    """Lines for whoever reads a failure; prove shows them at once."""
    with _lock:
        for line in str(text).splitlines() or [""]:
            print("#", line, file=sys.stderr, flush=True)


def note(text):
    """Lines that only `prove -v` shows."""
    with _lock:
        for line in str(text).splitlines() or [""]:
            print("#", line, flush=True)


def ok(cond, name):
    """One test point. Returns whether it passed."""
    global _count, _failed
    with _lock:
        _count += 1
        safe = str(name).replace("#", "\\#").replace("\n", " ")
        print(f"{'ok' if cond else 'not ok'} {_count} - {safe}", flush=True)
        if not cond:
            _failed += 1
            caller = sys._getframe(1)
            while caller and caller.f_code.co_filename == __file__:
                caller = caller.f_back
            if caller:
                diag(f"at {caller.f_code.co_filename} line {caller.f_lineno}")
    return bool(cond)


def is_(got, want, name):
    """Equal, or both values are shown."""
    if not ok(got == want, name):
        diag(f"  got: {_short(got)}")
        diag(f" want: {_short(want)}")
        return False
    return True


def in_(member, container, name):
    if not ok(member in container, name):
        diag(f"  {_short(member)} is not in {_short(container)}")
        return False
    return True


def fail(name):
    return ok(False, name)


def _short(value):
    text = repr(value)
    return text if len(text) <= 600 else text[:590] + f"... ({len(text)} chars)"


# Where whatever can be had was installed, what is not tried has failed.
_NEVER = os.environ.get("DG_SKIP") == "never"


def skip(reason, count=1, obtainable=True):
    """Counts points that could not be tried here. obtainable: what was missing
    can be had from Debian or npm, or by a build that has it."""
    global _count
    if _NEVER and obtainable:
        fail(f"not tried: {reason}")
        return
    with _lock:
        for _ in range(count):
            _count += 1
            print(f"ok {_count} # skip {reason}", flush=True)


def skip_all(reason, obtainable=True):
    """Ends a test program that has nothing to try here."""
    if _NEVER and obtainable:
        fail(f"not tried: {reason}")
        done()
    print(f"1..0 # skip {reason}", flush=True)
    sys.exit(0)


@contextlib.contextmanager
def subtest(name):
    """Groups points under a comment; an exception is a failed point and the
    test goes on behind the group."""
    note(name)
    try:
        yield
    except Exception:
        fail(f"{name}: exception")
        diag(traceback.format_exc())


def failed():
    return _failed


def done():
    with _lock:
        print(f"1..{_count}", flush=True)
    sys.exit(1 if _failed or not _count else 0)


def _stop(signum, _frame):
    # So that a terminated test unwinds its stacks and leaves nothing running.
    sys.exit(128 + signum)


signal.signal(signal.SIGTERM, _stop)
signal.signal(signal.SIGHUP, _stop)
