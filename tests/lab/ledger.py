"""Runs on a host of the lab: writes records through Koverse, one after the other, and keeps a ledger of what was acknowledged.

Usage: ledger.py DATA_SET FILE

A record that is not acknowledged is tried again until it is: what a standard client does. A line of the ledger: the record's number,
the time at which it was acknowledged (seconds since the epoch), how often it was tried.
"""

import json
import sys
import time
import urllib.error
import urllib.request

PATIENCE = 20  # seconds for an answer
PAUSE = 0.1  # seconds until the next try


def acknowledged(data_set, number):
    """Whether Koverse says that it has the record."""
    body = json.dumps([{"id": f"{data_set}-{number}", "name": f"n{number}"}]).encode()
    url = f"http://localhost:8080/records?data_set={data_set}"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310 - the URL is ours
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False


def main():
    """Until it is stopped."""
    data_set, path = sys.argv[1:]
    number = 0
    with open(path, "w", buffering=1) as ledger:
        while True:
            tries = 1
            while not acknowledged(data_set, number):
                tries += 1
                time.sleep(PAUSE)
            print(number, f"{time.time():.3f}", tries, file=ledger)
            number += 1


if __name__ == "__main__":
    main()
