"""What Routor costs, next to a direct call and to a relay that does nothing, in one run.

    python tests/bench/gateway.py [--quick] [--litellm [PATH]] [--workers]

The four services run on core 1, upstream and clients on core 0. CPU is what the kernel counted
for the services' processes (sandbox and Redis are not among them), over all requests answered.
It prints Markdown, and judges only that every answer was right. Linux only.
"""

import argparse
import contextlib
import shutil
import statistics
import sys

from targets import (
    GATEWAY_CORE,
    LOAD_CORE,
    Target,
    litellm,
    load,
    routor,
    upstream_and_relay,
)

BOTH_CORES = f"{LOAD_CORE},{GATEWAY_CORE}"
ROUNDS = 4
# Rows of the table: the figure's name, what it says, its decimals.
ROWS = (
    ("json_16", "CPU ms a JSON request, 16 clients", 2),
    ("json_64", "CPU ms a JSON request, 64 clients", 2),
    ("stream_16", "CPU ms a stream of 50 chunks, 16 clients", 2),
    ("paced_16", "CPU ms a stream of 50 chunks 10 ms apart, 16 clients", 2),
    ("p50_ms", "JSON p50 ms, 1 client", 2),
    ("p99_ms", "JSON p99 ms, 1 client", 2),
    ("first_ms", "first token p50 ms, 1 client", 2),
    ("paced_first_ms", "first token p50 ms, 16 clients, upstream's own 100", 1),
    ("body_mb", "CPU ms a MB of body", 2),
    ("memory_mb", "idle memory MB", 0),
    ("ready_s", "ready after s, on one core", 1),
)
# What one client waits for: next to the ratio, the difference to a direct call is of interest.
WAITS = ("p50_ms", "p99_ms", "first_ms", "paced_first_ms")


def measure(target: Target, quick: bool) -> None:
    """Fill in the figures of a target."""
    figures, seconds = target.figures, 3.0 if quick else 5.0
    load(target, 4, 30.0, "--answers", "200")  # warm: some load half of themselves only now
    figures["json_16"] = load(target, 16, seconds)["cpu_ms"]
    figures["stream_16"] = load(target, 16, seconds, "--stream")["cpu_ms"]
    if quick:
        return
    figures["json_64"] = load(target, 64, seconds)["cpu_ms"]
    paced = load(target, 16, seconds, "--stream", "--paced")
    figures["paced_16"], figures["paced_first_ms"] = paced["cpu_ms"], paced["first_ms"]["p50"]
    alone = load(target, 1, seconds)["latency_ms"]
    figures["p50_ms"], figures["p99_ms"] = alone["p50"], alone["p99"]
    figures["first_ms"] = load(target, 1, seconds, "--stream")["first_ms"]["p50"]
    small, large = (load(target, 4, seconds, "--body-kb", size) for size in ("1", "1000"))
    figures["body_mb"] = large["cpu_ms"] - small["cpu_ms"]


def table(targets: list[Target]) -> str:
    """Return the figures as a Markdown table, and what Routor's are of each other target's."""
    ours = next(target for target in targets if target.name == "Routor")
    others = [target for target in targets if target is not ours]
    ratios = f"Routor to {', '.join(other.name for other in others)}"
    rows = [["", *(target.name for target in targets), ratios], ["---"] * (len(targets) + 2)]
    for name, text, decimals in ROWS:
        if name in ours.figures:
            cells = [cell(target, name, decimals) for target in targets]
            compared = ", ".join(ratio(ours, other, name) for other in others)
            rows.append([text, *cells, compared])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def cell(target: Target, name: str, decimals: int) -> str:
    """Return one figure; of a direct call only how long it takes."""
    figure = target.figures.get(name)
    if figure is None or (target.name == "direct" and name not in WAITS):
        return ""
    return f"{figure:.{decimals}f}"


def ratio(ours: Target, other: Target, name: str) -> str:
    """Return how many times the other's figure ours is."""
    figure = other.figures.get(name, 0.0)
    if figure <= 0 or (other.name == "direct" and name not in WAITS):
        return "–"
    times = ours.figures[name] / figure
    added = f" (+{ours.figures[name] - figure:.2f})" if other.name == "direct" else ""
    part, times = ("1/", 1 / times) if times < 1 else ("", times)
    return f"{part}{times:.{0 if times >= 10 else 1}f}×{added}"


def scaling(upstream: int) -> str:
    """Return, as Markdown, what two workers each of edge and providers do on two cores.

    Both are driven in turn, so that what disturbs one disturbs the other. With two cores, clients
    and upstream need part of them: the last column is what CPU a request says, were they away.
    """
    with contextlib.ExitStack() as stack:
        seen = []
        for count, cores in ((1, GATEWAY_CORE), (2, BOTH_CORES)):
            target = stack.enter_context(routor(upstream, cores, count))
            load(target, 16, 30.0, "--answers", "500")  # warm
            seen.append((target, LOAD_CORE if count == 1 else BOTH_CORES, []))
        for _ in range(ROUNDS):
            for target, cores, rounds in seen:
                rounds.append(load(target, 64, 2.0, cores=cores))
    names = (
        "workers",
        "cores",
        "CPU ms an answer",
        "cores it got",
        "answers a s",
        "on whole cores",
    )
    rows = [names, ["---"] * len(names)]
    first: tuple[float, float] | None = None
    for count, (_, _, rounds) in enumerate(seen, 1):
        best = max(rounds, key=lambda each: each["per_s"])
        cpu_ms = statistics.median(each["cpu_ms"] for each in rounds)
        rates = best["per_s"], 1000 * count / cpu_ms
        first = first or rates
        got = best["cpu_ms"] * best["per_s"] / 1000
        told = [f"{rate:.0f} ({rate / one:.2f}×)" for rate, one in zip(rates, first, strict=True)]
        rows.append([f"{count} + {count}", str(count), f"{cpu_ms:.2f}", f"{got:.2f}", *told])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Measure everything and print the tables."""
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="CPU a request only, under a minute")
    options.add_argument("--workers", action="store_true", help="only one and two workers compared")
    text = (
        "compare with a LiteLLM proxy: PATH of `litellm`, or where PATH in the environment has it"
    )
    options.add_argument("--litellm", nargs="?", const="litellm", metavar="PATH", help=text)
    given = options.parse_args()
    found = shutil.which(given.litellm) if given.litellm else None
    if given.litellm and not found:
        print(f"no LiteLLM at {given.litellm}: its column is left out", file=sys.stderr)
    with contextlib.ExitStack() as stack:
        upstream, targets = stack.enter_context(upstream_and_relay())
        if not given.workers:
            with contextlib.ExitStack() as gateways:
                targets.append(gateways.enter_context(routor(upstream)))
                if found:
                    targets.append(gateways.enter_context(litellm(upstream, found)))
                for target in targets:
                    measure(target, given.quick)
            print(table(targets))
        if not given.quick:
            print(f"\n{scaling(upstream)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
