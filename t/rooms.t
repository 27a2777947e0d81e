#!/usr/bin/python3
"""Who may know whom: every file includes its own room or a lower one, and so do
the symbols of what was built; each foreign library is known to one module
(HACKING.md, "The rooms")."""

import collections
import pathlib
import re
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import tap
from build import BUILD
from tap import is_, ok

TOP = pathlib.Path(__file__).resolve().parent.parent

# A room, and the ones right below it: those and what lies below them it may know.
BELOW = {
    "base": set(),
    "score": {"base"},
    "store": {"base"},
    "driver": {"score", "store"},
    "answer": {"driver"},
    "service": {"answer"},
    "host": {"service"},
    "fcgi": {"host"},
    "ctl": {"host"},
}


def known_to(room):
    return {room}.union(*map(known_to, BELOW[room]))


MAY_INCLUDE = {room: known_to(room) for room in BELOW}

# A library's header: the module that may include it, as the beginning of its
# files' names, and in how many of them.
FOREIGN = {
    "fcgiapp.h": ("fcgi/request", 2),
    "curl/curl.h": ("core/store/http", 2),
    "hiredis/hiredis.h": ("core/store/cache_redis", 2),
    "sqlite3.h": ("core/store/sqlite", 1),
    "zlib.h": ("core/base/gzip", 2),
    "ini.h": ("core/base/conf", 2),
    "cjson/cJSON.h": ("core/", 4),
    "openssl/evp.h": ("core/", 2),
    "openssl/hmac.h": ("core/base/digest", 1),
    "openssl/err.h": ("core/store/cache_redis_tls", 1),
    "openssl/ssl.h": ("core/store/cache_redis_tls", 1),
}

# The C library and the kernel; any other <header> is foreign.
OF_SYSTEM = set("""
    assert.h ctype.h dirent.h endian.h errno.h fcntl.h float.h fnmatch.h getopt.h
    grp.h inttypes.h limits.h locale.h math.h netdb.h poll.h pthread.h pwd.h
    sched.h signal.h stdalign.h stdarg.h stdatomic.h stdbool.h stddef.h stdint.h
    stdio.h stdlib.h stdnoreturn.h string.h strings.h syslog.h time.h unistd.h
    malloc.h sanitizer/asan_interface.h
""".split())
SYSTEM_FOLDERS = ("sys/", "netinet/", "arpa/", "linux/", "net/")

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]*)"|<([^>]*)>|(.*))',
                     re.MULTILINE)


def room_of(path):
    parts = path.split("/")
    return parts[1] if parts[0] == "core" else parts[0]


def own_problem(path, name):
    """What is wrong with #include "name" in this file, or None."""
    room = name.partition("/")[0]
    if name == "config.h":
        return None
    if room not in MAY_INCLUDE:
        return f'"{name}" names no room'
    if room not in MAY_INCLUDE[room_of(path)]:
        return f"{room_of(path)} must not know {room} ({name})"
    return None


def foreign_problem(path, name):
    if name in OF_SYSTEM or name.startswith(SYSTEM_FOLDERS):
        return None
    if name not in FOREIGN:
        return f"<{name}> is neither the system's nor in this test's table"
    if not path.startswith(FOREIGN[name][0]):
        return f"<{name}> belongs to {FOREIGN[name][0]} alone"
    return None


def problems(files):
    """files: {path under the top: text}. The list of what is wrong."""
    found = []
    users = collections.defaultdict(list)
    for path, text in sorted(files.items()):
        for own, foreign, odd in INCLUDE.findall(text):
            if own:
                found.append((path, own_problem(path, own)))
            elif foreign:
                found.append((path, foreign_problem(path, foreign)))
                users[foreign].append(path)
            else:
                found.append((path, f"not a plain include: {odd}"))
    for name, (_, most) in FOREIGN.items():
        if len(users[name]) > most:
            found.append((", ".join(users[name]),
                          f"<{name}> is in more than {most} files"))
    return [f"{path}: {what}" for path, what in found if what]


# ---- symbols ----

# How many symbols of a room another one uses, at most: a waist that grows says
# that a function went into the wrong room, or that one is missing.
WAIST = {
    ("answer", "driver"): 12,
    ("service", "driver"): 18,
    ("service", "answer"): 9,
}


def nm_read(text):
    """What `nm -P` says of an object: the symbols it defines for others, and
    those that it wants."""
    defined, wanted = set(), set()
    for line in text.splitlines():
        name, kind = line.split()[:2]
        if kind in "Uwv":
            wanted.add(name)
        elif kind.isupper():
            defined.add(name)
    return defined, wanted


def arrows(objects):
    """objects: {source: (defined, wanted)}. {(room, other room): {symbol: the
    sources that want it}}."""
    home = {name: room_of(path)
            for path, (defined, _) in objects.items()
            if room_of(path) not in ("fcgi", "ctl")
            for name in defined}
    found = collections.defaultdict(lambda: collections.defaultdict(list))
    for path, (_, wanted) in sorted(objects.items()):
        for name in wanted & home.keys():
            if home[name] != room_of(path):
                found[room_of(path), home[name]][name].append(path)
    return found


def arrow_problems(found):
    wrong = [f"{', '.join(paths)}: {room} must not know {other} ({name})"
             for (room, other), names in sorted(found.items())
             if other not in MAY_INCLUDE[room]
             for name, paths in sorted(names.items())]
    wide = [f"{room} uses {len(found[room, other])} symbols of {other}, not "
            f"{most}: {' '.join(sorted(found[room, other]))}"
            for (room, other), most in WAIST.items()
            if len(found[room, other]) > most]
    return wrong + wide


def built():
    """The objects of the sources that were built."""
    objects = {}
    for path in sources():
        obj = pathlib.Path(BUILD) / path.replace(".c", ".o")
        if path.endswith(".c") and obj.exists():
            nm = subprocess.run(["nm", "-P", obj], capture_output=True,
                                text=True, check=True)
            objects[path] = nm_read(nm.stdout)
    return objects


def sources():
    return {str(p.relative_to(TOP)): p.read_text()
            for folder in ("core", "fcgi", "ctl")
            for p in (TOP / folder).rglob("*.[ch]")}


with tap.subtest("the rule itself sees what is wrong"):
    def wrong(path, line):
        return len(problems({path: f"/* x */\n{line}\n"}))

    is_(wrong("core/base/a.c", '#include "base/str.h"'), 0, "own room")
    is_(wrong("fcgi/a.c", '#include "score/score.h"'), 0, "a lower room")
    is_(wrong("core/base/a.c", '# include "store/keys.h"'), 1, "a higher room")
    is_(wrong("core/score/a.h", '#include "store/keys.h"'), 1, "score, store")
    is_(wrong("core/host/a.c", '#include "base/str.h"'), 0, "far below")
    is_(wrong("core/driver/a.c", '#include "answer/view.h"'), 1, "driver, answer")
    is_(wrong("core/answer/a.c", '#include "service/batch.h"'), 1,
        "answer, service")
    is_(wrong("ctl/a.c", '#include "fcgi/main.h"'), 1, "ctl beside fcgi")
    is_(wrong("core/base/a.c", '#include "str.h"'), 1, "no room named")
    is_(wrong("core/base/a.c", "#include ANY"), 1, "a macro")
    is_(wrong("core/base/a.c", "#include <zlib.h>"), 1, "another's library")
    is_(wrong("core/base/gzip.c", "#include <zlib.h>"), 0, "its own library")
    is_(wrong("core/base/a.c", "#include <pcre.h>"), 1, "an unknown library")
    three = {f"core/base/gzip{i}.c": "#include <zlib.h>\n" for i in range(3)}
    is_(len(problems(three)), 1, "a library in too many files")

with tap.subtest("the rule for symbols sees what is wrong"):
    is_(nm_read("f T 0 1\ng U\nh t 0 1\nv D 0 4\nw w\n"),
        ({"f", "v"}, {"g", "w"}), "what nm says")

    def wrong_symbols(*objects):
        return len(arrow_problems(arrows({path: (set(defined), set(wanted))
                                          for path, defined, wanted in objects})))

    low = ("core/driver/a.c", ["roster_take"], [])
    is_(wrong_symbols(low, ("core/answer/a.c", ["g"], ["roster_take"])), 0,
        "a lower room's")
    is_(wrong_symbols(low, ("core/driver/b.c", [], ["roster_take"])), 0,
        "its own room's")
    is_(wrong_symbols(("core/driver/a.c", [], ["g", "strlen"]),
                      ("core/answer/a.c", ["g"], [])), 1, "a higher room's")
    is_(wrong_symbols(("core/score/a.c", [], ["key_trip"]),
                      ("core/store/keys.c", ["key_trip"], [])), 1,
        "score, store")
    many = [f"f{i}" for i in range(WAIST["answer", "driver"])]
    is_(wrong_symbols(("core/driver/a.c", many, []),
                      ("core/answer/a.c", [], many)), 0, "a waist")
    is_(wrong_symbols(("core/driver/a.c", many + ["g"], []),
                      ("core/answer/a.c", [], many + ["g"])), 1,
        "one that is too wide")

with tap.subtest("the house keeps it"):
    files = sources()
    ok(len(files) > 20, "the sources are there")
    is_(problems(files), [], "no wrong arrow, no library out of its module")

with tap.subtest("so does what was built"):
    objects = built()
    # All but base/fault.c, which is not in every build.
    is_({path for path in files if path.endswith(".c")} - objects.keys()
        - {"core/base/fault.c"}, set(), "every source has its object")
    is_(arrow_problems(arrows(objects)), [], "no symbol of a higher room")

tap.done()
