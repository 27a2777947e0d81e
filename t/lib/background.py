"""background.py - calls beside the test."""

import contextlib
import threading


class Background(threading.Thread):
    """A call beside the test; .result() is what it returned."""

    def __init__(self, call, *args):
        super().__init__(daemon=True)
        self._call, self._args = call, args
        self._value = self._error = None
        self.start()

    def run(self):
        try:
            self._value = self._call(*self._args)
        except Exception as e:  # handed to whoever asks for the result
            self._error = e

    def result(self, seconds=60):
        self.join(seconds)
        if self.is_alive():
            raise TimeoutError(f"{self._call} has not returned")
        if self._error:
            raise self._error
        return self._value


@contextlib.contextmanager
def held(host, point, call, *args):
    """The call, stopped at a fault point as long as the block runs. Its
    .result() is there after the block."""
    host.fault(point, "hold")
    stopped = Background(call, *args)
    host.fault_taken(point)
    try:
        yield stopped
    finally:
        host.fault_go(point)
        stopped.join(60)
        host.fault_over(point)
