"""Whether memory grows: many requests, and what each process holds as they go by.

    python tests/bench/soak.py [REQUESTS] [--every N]
    python tests/bench/soak.py --streams 1000 --minutes 30

Four of five requests ask for JSON, one for a stream of 50 chunks. Memory is what the kernel
counts as the process's own (RssAnon). Growth is told from the settled mark, where pools and
caches are full, to the end. With `--streams` so many are held open at a time, 25 s each, over
connections that are new each minute; memory is the most of a minute, that is while they are open,
and growth is told from the first minute. Linux only.
"""

import argparse
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from targets import Target, WrongAnswersError, load, routor, upstream_and_relay

SETTLED = 50_000
CLIENTS = 16
# However slow the machine is, a piece ends.
PIECE_LIMIT_S = 3600.0


def anon_mb(pid: int) -> float:
    """Return the memory that only this process has."""
    found = re.search(r"RssAnon:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) / 1024


@contextmanager
def most(pids: dict[str, int]) -> Iterator[dict[str, float]]:
    """Fill in the most memory that each process has meanwhile, looked at each second."""
    found = dict.fromkeys(pids, 0.0)
    over = Event()

    def look() -> None:
        while not over.wait(1):
            for name, pid in pids.items():
                found[name] = max(found[name], anon_mb(pid))

    looking = Thread(target=look)
    looking.start()
    try:
        yield found
    finally:
        over.set()
        looking.join()


def piece(target: Target, requests: int) -> None:
    """Let Routor answer so many requests, over fresh connections."""
    streams = requests // 5
    for count, more in ((requests - streams, ()), (streams, ("--stream",))):
        try:
            load(target, CLIENTS, PIECE_LIMIT_S, "--answers", str(count), *more, cores="0,1")
        except WrongAnswersError as wrong:
            # On a machine that is too busy some are turned down; memory goes on to count.
            print(wrong)


def held(streams: int, minutes: int) -> int:
    """Hold streams open, and print memory each minute; return 1 when an answer was wrong."""
    wrong = 0
    with upstream_and_relay() as (upstream, _), routor(upstream, cores="0,1") as target:
        print(f"{'minutes':>9} {'answers':>9} " + " ".join(f"{name:>10}" for name in target.pids))
        marks = []
        for minute in range(1, minutes + 1):
            with most(target.pids) as found:
                try:
                    held_open = load(target, streams, 60, "--stream", "--held", cores="0,1")
                    answers = held_open["answers"]
                except WrongAnswersError as failure:
                    wrong, answers = 1, 0
                    print(failure)
            marks.append(found)
            figures = " ".join(f"{held:10.2f}" for held in marks[-1].values())
            print(f"{minute:9} {answers:9} {figures}", flush=True)
    grown = {name: 100 * (marks[-1][name] / held - 1) for name, held in marks[0].items()}
    print("grown since the first minute: " + ", ".join(f"{n} {p:+.1f} %" for n, p in grown.items()))
    return wrong


def main() -> int:
    """Print memory every so many requests, then how much it grew."""
    options = argparse.ArgumentParser()
    options.add_argument("requests", type=int, nargs="?", default=20_000)
    options.add_argument("--every", type=int, default=0, help="default: a twentieth, at least 1000")
    options.add_argument("--streams", type=int, default=0)
    options.add_argument("--minutes", type=int, default=30)
    given = options.parse_args()
    if given.streams:
        return held(given.streams, given.minutes)
    every = given.every or max(1000, given.requests // 20)
    settled = min(SETTLED, given.requests // 2)
    with upstream_and_relay() as (upstream, _), routor(upstream, cores="0,1") as target:
        names = list(target.pids)
        print(f"{'requests':>9} {'seconds':>8} " + " ".join(f"{name:>10}" for name in names))
        began_s, done, marks = time.monotonic(), 0, {}
        while done < given.requests:
            piece(target, min(every, given.requests - done))
            done = min(done + every, given.requests)
            marks[done] = {name: anon_mb(pid) for name, pid in target.pids.items()}
            figures = " ".join(f"{held:10.2f}" for held in marks[done].values())
            print(f"{done:9} {time.monotonic() - began_s:8.0f} {figures}", flush=True)
        first = next(mark for mark in marks if mark >= settled)
        grown = {name: marks[done][name] - held for name, held in marks[first].items()}
        print(
            f"grown from {first} to {done}: "
            + ", ".join(f"{name} {mb:+.2f} MB" for name, mb in grown.items())
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
