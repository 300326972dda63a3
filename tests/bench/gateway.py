"""What Routor costs, next to a direct call and to a relay that does nothing, in one run.

    python tests/bench/gateway.py [--quick] [--litellm]

The four services run on core 1, upstream and clients on core 0. CPU is what the kernel counted
for the services' processes (sandbox and Redis are not among them), over all requests answered.
It prints, and judges only that every answer was right. Linux only: it reads /proc.
"""

import argparse
import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

HERE = Path(__file__).parent
LOAD_CORE, GATEWAY_CORE = 0, 1
KEY = "sk-routor-bench"
SERVICES = ("edge", "router", "providers", "health")
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Target:
    """Something that answers chat requests; `pids` are the processes whose CPU it costs."""

    name: str
    url: str
    pids: list[int] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Return the CPU time of its processes so far."""
        return sum(_cpu_s(pid) for pid in self.pids)

    def memory_mb(self) -> float:
        """Return the resident memory of its processes, shared pages counted once."""
        return sum(_pss_kb(pid) for pid in self.pids) / 1024


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _pss_kb(pid: int) -> int:
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("Pss:"))


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(core: int, command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command on one core; end it at last."""
    pinned = ["taskset", "-c", str(core), *command]
    process = subprocess.Popen(pinned, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(60)


def script(name: str, *arguments: object) -> list[str]:
    """Return the command of a script beside this one."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def load(target: Target, clients: int, seconds: float, *more: str) -> dict[str, Any]:
    """Drive a target; add what it cost, in CPU milliseconds an answer."""
    arguments = [target.url, "--clients", str(clients), "--seconds", str(seconds), "--key", KEY]
    before_s = target.cpu_s()
    command = ["taskset", "-c", str(LOAD_CORE), *script("load.py", *arguments, *more)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seen: dict[str, Any] = msgspec.json.decode(done.stdout)
    if seen["wrong"]:
        raise SystemExit(f"{target.name}: {seen['wrong']} of {seen['answers']} answers were wrong")
    seen["cpu_ms"] = 1000 * (target.cpu_s() - before_s) / max(1, seen["answers"])
    return seen


def measure(target: Target, quick: bool) -> None:
    """Fill in the figures of a target."""
    figures, seconds = target.figures, 3.0 if quick else 5.0
    load(target, 4, 1.5)  # warm
    for clients in (16,) if quick else (16, 64):
        figures[f"json cpu ms, {clients} clients"] = load(target, clients, seconds)["cpu_ms"]
    streams = load(target, 16, seconds, "--stream")
    figures["stream cpu ms, 16 clients"] = streams["cpu_ms"]
    if quick:
        return
    paced = load(target, 16, seconds, "--stream", "--paced")
    figures["paced stream cpu ms, 16 clients"] = paced["cpu_ms"]
    figures["paced first token p50 ms, 16 clients"] = paced["first_ms"]["p50"]
    alone = load(target, 1, seconds)
    figures["json p50 ms, 1 client"] = alone["latency_ms"]["p50"]
    figures["json p99 ms, 1 client"] = alone["latency_ms"]["p99"]
    stream = load(target, 1, seconds, "--stream")
    figures["first token p50 ms, 1 client"] = stream["first_ms"]["p50"]
    small = load(target, 4, seconds, "--body-kb", "1")["cpu_ms"]
    figures["cpu ms per MB of body"] = (
        load(target, 4, seconds, "--body-kb", "1000")["cpu_ms"] - small
    )


@contextlib.contextmanager
def routor(upstream: int) -> Iterator[Target]:
    """Start Routor in front of the upstream, with OpenAI connected; time the start."""
    with tempfile.TemporaryDirectory(prefix="routor-bench-") as home:
        listen = f"127.0.0.1:{free_port()}"
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("ROUTOR_") and not name.endswith(("_API_KEY", "_BASE_URL"))
        }
        environ = {
            **kept,
            "ROUTOR_HOME": home,
            "ROUTOR_EDGE_LISTEN": listen,
            "ROUTOR_API_KEY": KEY,
            "OPENAI_API_KEY": "bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        }
        command = [sys.executable, "-m", "services", "up"]
        began_s = time.monotonic()
        with running(GATEWAY_CORE, command, env=environ, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "stop with Ctrl-C" in line:
                    break
            ready_s = time.monotonic() - began_s
            pids = msgspec.json.decode((Path(home) / "running.json").read_bytes())["pids"]
            url = f"http://{listen}/v1/chat/completions"
            target = Target("routor", url, [pids[name] for name in SERVICES])
            target.figures["ready after s (one core)"] = ready_s
            target.figures["idle memory MB"] = target.memory_mb()
            yield target


@contextlib.contextmanager
def litellm(upstream: int) -> Iterator[Target]:
    """Start a LiteLLM proxy in front of the upstream, if it is installed beside us."""
    port = free_port()
    settings = Path(tempfile.mkdtemp(prefix="litellm-bench-")) / "config.yaml"
    address = f"http://127.0.0.1:{upstream}/v1"
    settings.write_text(
        "model_list:\n  - model_name: auto\n    litellm_params:\n"
        f"      {{model: openai/gpt-5.4-mini, api_base: '{address}', api_key: bench}}\n"
    )
    executable = str(Path(sys.executable).parent / "litellm")
    command = [executable, "--config", str(settings), "--port", str(port), "--num_workers", "1"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with running(GATEWAY_CORE, command, **quiet) as process:
        for _ in range(600):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{port}/health/liveliness").close()
                break
            time.sleep(0.1)
        yield Target("litellm", f"http://127.0.0.1:{port}/v1/chat/completions", [process.pid])


def table(targets: list[Target]) -> str:
    """Return the figures as a Markdown table, with ratios to the first two targets."""
    names = list(dict.fromkeys(name for target in targets for name in target.figures))
    rows = [["", *(target.name for target in targets)], ["---"] * (len(targets) + 1)]
    for name in names:
        figures = [target.figures.get(name) for target in targets]
        cells = ["" if figure is None else f"{figure:.3f}" for figure in figures]
        if "p50" in name or "p99" in name:
            direct = figures[0] or 0.0
            cells[1:] = [
                cell and f"{cell} (+{(figure or 0) - direct:.3f}, {(figure or 0) / direct:.1f}x)"
                for cell, figure in zip(cells[1:], figures[1:], strict=True)
            ]
        rows.append([name, *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> int:
    """Measure everything and print the table."""
    options = argparse.ArgumentParser()
    options.add_argument("--quick", action="store_true", help="CPU a request only, under a minute")
    options.add_argument("--litellm", action="store_true", help="compare with an installed LiteLLM")
    given = options.parse_args()
    upstream, relay = free_port(), free_port()
    with contextlib.ExitStack() as stack:
        stack.enter_context(running(LOAD_CORE, script("upstream.py", upstream)))
        hop = stack.enter_context(running(GATEWAY_CORE, script("relay.py", relay, upstream)))
        time.sleep(0.5)
        targets = [
            Target("direct", f"http://127.0.0.1:{upstream}/v1/chat/completions"),
            Target("relay", f"http://127.0.0.1:{relay}/v1/chat/completions", [hop.pid]),
            stack.enter_context(routor(upstream)),
        ]
        if given.litellm:
            targets.append(stack.enter_context(litellm(upstream)))
        for target in targets:
            measure(target, given.quick)
        sys.stdout.write(table(targets) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
