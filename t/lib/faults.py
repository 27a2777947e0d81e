"""faults.py - orders at the service's fault points (core/base/fault.h)."""

import contextlib
import glob
import os

from process import read, wait_for


class FaultPoints:
    """self.faults: the folder that the service's processes look into."""

    def fault(self, name, text):
        """Sets one: complete when it appears, as the process may be looking."""
        path = os.path.join(self.faults, name)
        with open(os.path.join(self.faults, "." + name), "w") as f:
            f.write(text + "\n")
        os.rename(f.name, path)

    def fault_came(self, name):
        """Whether a process has come by and obeys it."""
        return not os.path.exists(os.path.join(self.faults, name))

    def fault_taken(self, name, seconds=20):
        """Waits until one has."""
        wait_for(f"fault point {name}", lambda: self.fault_came(name), seconds)

    def fault_go(self, name):
        """Lets a process on that holds there, and waits until it has gone: nobody
        may take the file away before it was seen."""
        with open(os.path.join(self.faults, name + ".go"), "w"):
            pass
        taken = os.path.join(self.faults, name + ".taken")
        wait_for(f"whoever holds at {name}", lambda: not os.path.exists(taken))

    def fault_over(self, name):
        """Takes away what is left of it."""
        for ending in ("", ".taken", ".go"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.faults, name + ending))

    def held_points(self):
        """How many processes hold at a fault point now."""
        return sum(read(path).startswith("hold")
                   for path in glob.glob(os.path.join(self.faults, "*.taken")))

    def fault_clear(self):
        for path in glob.glob(os.path.join(self.faults, "*")):
            os.unlink(path)
