"""own_disk.py - a file system of the test's own, which nobody else sees.

    own_disk.alone()                # first of all: starts the program once more
    place = own_disk.mount(SIZE)    # for all temporary files; ends the program, said as
    ...                             # skipped, where none can be had
    own_disk.unmount(place)
"""

import os
import subprocess
import sys
import tempfile

import tap


def alone():
    if "DG_DISK" not in os.environ:
        os.environ["DG_DISK"] = "1"
        os.execvp("unshare", ["unshare", "-m" if os.geteuid() == 0 else "-rm",
                              sys.executable, *sys.argv])


def mount(size):
    """Its folder, which is TMPDIR from now on."""
    place = tempfile.mkdtemp(prefix="dg-disk-")
    if subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place],
                      capture_output=True).returncode:
        os.rmdir(place)
        tap.skip("no file system can be mounted here")
        tap.done()
    os.environ["TMPDIR"] = place
    return place


def unmount(place):
    subprocess.run(["umount", place], check=True)
    os.rmdir(place)
