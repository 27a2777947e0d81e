#!/usr/bin/python3
"""replay.py - sends recorded or simulated trips through HTTP, as the app would.

    replay.py URL DIR [--jobs N]

DIR holds trips as NAME.json.gz (see simulate.py). Each of N senders keeps one
connection, uploads the batches of a trip in their order and finalizes it; like the
app it tries again, three times, when the service cannot be reached or answers
503. Exit code 1 when any call was not taken. Sending the same trips again
changes nothing: a batch replaces itself, a trip keeps one analysis.
"""

import argparse
import collections
import glob
import gzip
import http.client
import json
import os
import queue
import sys
import threading
import time
import urllib.parse

TRIES = 4


class Sender:
    """One kept connection."""

    def __init__(self, url, counts):
        parts = urllib.parse.urlsplit(url)
        self.conn = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
        self.counts = counts

    def post(self, path, body):
        """(status, answer); status 0 when there was none."""
        for left in reversed(range(TRIES)):
            try:
                self.conn.request("POST", path, json.dumps(body).encode(),
                                  {"Content-Type": "application/json"})
                answer = self.conn.getresponse()
                status, text, again = answer.status, answer.read(), 2.0
                if status == 503:
                    again = float(answer.headers.get("Retry-After", 2))
            except (OSError, http.client.HTTPException) as e:
                self.conn.close()
                status, text, again = 0, str(e).encode(), 2.0
            if status not in (0, 503) or not left:
                break
            time.sleep(again)
        self.counts[status] += 1
        return status, text

    def send(self, trip):
        """What became of the trip: a word for the totals, and why if bad."""
        for batch in trip["batches"]:
            status, text = self.post("/store-trajectory-batch", batch)
            if status != 200:
                return "failed", f"batch {batch.get('batch_number')}: {status} {text!r:.300}"
        status, text = self.post("/finalize-trip", trip["finalize"])
        if status != 200:
            return "failed", f"finalize: {status} {text!r:.300}"
        return json.loads(text)["analysis"]["status"], None


class Replay:
    def __init__(self, url, files):
        self.url = url
        self.files = queue.SimpleQueue()
        for path in files:
            self.files.put(path)
        self.total = len(files)
        self.lock = threading.Lock()
        self.outcomes = collections.Counter()
        self.statuses = collections.Counter()
        self.points = 0
        self.began = time.monotonic()

    def work(self):
        counts = collections.Counter()
        sender = Sender(self.url, counts)
        while True:
            try:
                path = self.files.get_nowait()
            except queue.Empty:
                break
            try:
                with gzip.open(path) as f:
                    trip = json.load(f)
                outcome, why = sender.send(trip)
                points = sum(len(b["deltas"]) for b in trip["batches"])
            except (OSError, EOFError, ValueError, LookupError, TypeError) as e:
                outcome, why, points = "failed", f"not in the expected form: {e!r}", 0
            self.note(path, outcome, why, points)
        sender.conn.close()
        with self.lock:
            self.statuses.update(counts)

    def note(self, path, outcome, why, points):
        with self.lock:
            self.outcomes[outcome] += 1
            self.points += points
            done = sum(self.outcomes.values())
            if why:
                print(f"  {os.path.basename(path)}: {why}", file=sys.stderr)
            if done == self.total or done % max(1, self.total // 5) == 0:
                print(f"  {done} of {self.total} trips", flush=True)

    def run(self, jobs):
        threads = [threading.Thread(target=self.work) for _ in range(jobs)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()

    def report(self):
        seconds = time.monotonic() - self.began
        calls = sum(self.statuses.values())
        print(f"  {self.points} points in {calls} calls, {seconds:.1f} s "
              f"({calls / seconds:.0f} calls/s); answers: " +
              ", ".join(f"{n} x {s or 'none'}" for s, n in sorted(self.statuses.items())))
        print("  analyses: " + ", ".join(
            f"{n} {word}" for word, n in sorted(self.outcomes.items())))
        return sum(self.outcomes.values()) == self.total and not self.outcomes["failed"]


def main():
    options = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    options.add_argument("url")
    options.add_argument("dir")
    options.add_argument("--jobs", type=int, default=4)
    o = options.parse_args()
    files = sorted(glob.glob(os.path.join(glob.escape(o.dir), "*.json.gz")))
    if not files:
        sys.exit(f"replay.py: no *.json.gz in {o.dir}")
    replay = Replay(o.url, files)
    replay.run(max(1, o.jobs))
    sys.exit(0 if replay.report() else 1)


if __name__ == "__main__":
    main()
