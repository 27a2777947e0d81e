#!/usr/bin/python3
"""report.py - a driver's aggregate and last trips, readably.

    report.py URL EMAIL
    report.py URL --first USERS.json    the first driver in the file who has trips
"""

import json
import signal
import sys
import urllib.error
import urllib.parse
import urllib.request


def address(url, email):
    return f"{url}/analyze-driver?" + urllib.parse.urlencode({"email": email})


def fetch(url, email):
    """The answer; None for a driver without trips."""
    try:
        with urllib.request.urlopen(address(url, email), timeout=60) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as e:
        if e.code == 404:
            return None
        sys.exit(f"report.py: {e.code} {e.read().decode(errors='replace')[:300]}")
    except OSError as e:
        sys.exit(f"report.py: {url}: {e}")


def first(url, path):
    with open(path) as f:
        users = json.load(f)
    answers = (fetch(url, u["email"]) for u in users)
    return next((a for a in answers if a), None)


AGGREGATE = [
    ("Behavior score", "{overall_behavior_score} ({behavior_category}, {risk_level})"),
    ("Trips", "{total_trips}, {total_distance_miles} miles, {formatted_total_time}"),
    ("Speed", "{overall_moving_avg_speed_mph} mph moving, {overall_max_speed_mph} at most"),
    ("Harsh events", "{total_harsh_events}, {total_dangerous_events} dangerous; "
                     "{events_per_100_miles} per 100 miles ({industry_rating})"),
    ("Speed consistency", "{speed_consistency_score}"),
    ("Safe turns", "{safe_turns_percentage} %"),
    ("Driving context", "{dominant_driving_context} ({context_confidence})"),
]


def show(a):
    print(f"  {a['user_name']} <{a['user_email']}>")
    for label, words in AGGREGATE:
        print(f"    {label:18} {words.format(**a)}")
    print(f"\n    {'newest trips (UTC)':20} {'miles':>6} {'min':>6} {'score':>6}  "
          f"{'context':9} {'harsh':>5}")
    for t in a["trips"][:5]:
        print(f"    {t['end_timestamp'][:16].replace('T', ' '):20} "
              f"{t['total_distance_miles']:6.1f} {t['duration_minutes']:6.1f} "
              f"{t['behavior_score']:6.1f}  {t['driving_context']['context']:9} "
              f"{t['total_harsh_events']:5}")


def main():
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    if len(sys.argv) == 4 and sys.argv[2] == "--first":
        answer = first(sys.argv[1], sys.argv[3])
    elif len(sys.argv) == 3:
        answer = fetch(sys.argv[1], sys.argv[2])
    else:
        sys.exit(__doc__)
    if answer is None:
        sys.exit("report.py: no driver with analysed trips")
    show(answer)
    print(f"\n  The same as JSON: {address(sys.argv[1], answer['user_email'])}")


if __name__ == "__main__":
    main()
