#!/usr/bin/python3
"""Who may include whom: every file its own room or a lower one, and each
foreign library known to one module (DESIGN.md, "Rooms")."""

import collections
import pathlib
import re
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "lib"))
import tap
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

with tap.subtest("the house keeps it"):
    files = sources()
    ok(len(files) > 20, "the sources are there")
    is_(problems(files), [], "no wrong arrow, no library out of its module")

tap.done()
