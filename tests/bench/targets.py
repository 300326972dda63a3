"""What the benchmarks drive, and what it costs: processes on given cores, their CPU and memory.

Linux only: it reads /proc.
"""

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
LOAD_CORE, GATEWAY_CORE = "0", "1"
KEY = "sk-routor-bench"
SERVICES = ("edge", "router", "providers", "health")
TICKS = os.sysconf("SC_CLK_TCK")
READY_TIMEOUT_S = 120.0


class WrongAnswersError(Exception):
    """What answered did not answer as it should; the figures say nothing."""


@dataclass
class Target:
    """Something that answers chat requests; `pids` are the processes whose CPU it costs."""

    name: str
    url: str
    pids: dict[str, int] = field(default_factory=dict)
    figures: dict[str, float] = field(default_factory=dict)

    def cpu_s(self) -> float:
        """Return the CPU time of its processes so far, those they have started included."""
        return sum(cpu_s(each) for pid in self.pids.values() for each in family(pid))

    def memory_mb(self) -> float:
        """Return the resident memory of its processes, shared pages counted once."""
        return sum(_pss_kb(each) for pid in self.pids.values() for each in family(pid)) / 1024


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += family(int(child))
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU time of one process so far."""
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
def running(cores: str, command: list[str], **options: Any) -> Iterator[subprocess.Popen[str]]:
    """Run a command on some cores ("1", "0,1"); end it at last."""
    pinned = ["taskset", "-c", cores, *command]
    process = subprocess.Popen(pinned, text=True, start_new_session=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def script(name: str, *arguments: object) -> list[str]:
    """Return the command of a script beside this one."""
    return [sys.executable, str(HERE / name), *map(str, arguments)]


def load(
    target: Target, clients: int, seconds: float, *more: str, cores: str = LOAD_CORE
) -> dict[str, Any]:
    """Drive a target; add what it cost, in CPU seconds and in milliseconds an answer."""
    arguments = [target.url, "--clients", str(clients), "--seconds", str(seconds), "--key", KEY]
    before_s = target.cpu_s()
    command = ["taskset", "-c", cores, *script("load.py", *arguments, *more)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seen: dict[str, Any] = msgspec.json.decode(done.stdout)
    if seen["wrong"]:
        told = f"{target.name}: {seen['wrong']} of {seen['answers']} answers were wrong"
        raise WrongAnswersError(f"{told}, one of them: {seen['sample']}")
    seen["cpu_s"] = target.cpu_s() - before_s
    seen["cpu_ms"] = 1000 * seen["cpu_s"] / max(1, seen["answers"])
    return seen


@contextlib.contextmanager
def upstream_and_relay() -> Iterator[tuple[int, list[Target]]]:
    """Start the upstream and a bare relay before it; yield the upstream's port, and both."""
    upstream, relay = free_port(), free_port()
    with (
        running(LOAD_CORE, script("upstream.py", upstream)) as origin,
        running(GATEWAY_CORE, script("relay.py", relay, upstream)) as hop,
    ):
        for port, process in ((upstream, origin), (relay, hop)):
            _wait(f"http://127.0.0.1:{port}/v1/models", READY_TIMEOUT_S, process)
        direct = Target("direct", chat(upstream), {"upstream": origin.pid})
        yield upstream, [direct, Target("relay", chat(relay), {"relay": hop.pid})]


def chat(port: int) -> str:
    """Return where a chat endpoint is."""
    return f"http://127.0.0.1:{port}/v1/chat/completions"


def _wait(url: str, timeout_s: float, process: subprocess.Popen[str]) -> bool:
    """Wait until a process answers; False when it has ended, or time is up."""
    deadline_s = time.monotonic() + timeout_s
    while process.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return True
        time.sleep(0.05)
    return False


@contextlib.contextmanager
def routor(upstream: int, cores: str = GATEWAY_CORE, workers: int = 1) -> Iterator[Target]:
    """Start Routor in front of the upstream, with OpenAI connected; time the start."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("ROUTOR_") and not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    port = free_port()
    # Not the usual ports: another Routor may run here.
    parts = [*map(str.upper, SERVICES[1:]), *(f"{name.upper()}_METRICS" for name in SERVICES[1:])]
    with tempfile.TemporaryDirectory(prefix="routor-bench-") as home:
        environ = {
            **kept,
            **{f"ROUTOR_{part}_LISTEN": f"127.0.0.1:{free_port()}" for part in parts},
            "ROUTOR_HOME": home,
            "ROUTOR_EDGE_LISTEN": f"127.0.0.1:{port}",
            "ROUTOR_EDGE_WORKERS": str(workers),
            "ROUTOR_PROVIDERS_WORKERS": str(workers),
            "ROUTOR_API_KEY": KEY,
            "OPENAI_API_KEY": "bench",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{upstream}/v1",
        }
        command = [sys.executable, "-m", "services", "up"]
        began_s = time.monotonic()
        with running(cores, command, env=environ, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if "stop with Ctrl-C" in line:
                    break
            else:
                raise SystemExit("Routor did not start")
            ready_s = time.monotonic() - began_s
            note = msgspec.json.decode((Path(home) / "running.json").read_bytes())
            ours = {name: pid for name, pid in note["pids"].items() if name != "redis"}
            target = Target("Routor", chat(port), ours)
            target.figures["ready_s"] = ready_s
            target.figures["memory_mb"] = target.memory_mb()
            yield target


@contextlib.contextmanager
def litellm(upstream: int, executable: str) -> Iterator[Target]:
    """Start one worker of a LiteLLM proxy in front of the upstream.

    It has no key to check, in its favour: checking one nearly doubles its CPU (1.106).
    """
    port = free_port()
    address = f"http://127.0.0.1:{upstream}/v1"
    with tempfile.TemporaryDirectory(prefix="litellm-bench-") as folder:
        settings = Path(folder) / "config.yaml"
        settings.write_text(
            "model_list:\n  - model_name: auto\n    litellm_params:\n"
            f"      {{model: openai/gpt-5.4-mini, api_base: '{address}', api_key: bench}}\n"
            "litellm_settings:\n  telemetry: false\n"
        )
        command = [executable, "--config", str(settings), "--port", str(port), "--host"]
        # Its list of prices comes with it; it would otherwise be fetched at start.
        environ = {
            **os.environ,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_DANGEROUSLY_PERMIT_WEAK_OR_UNSET_MASTER_KEY": "true",
        }
        environ.pop("PYTHONPATH", None)
        log = (Path(folder) / "log").open("w+")
        options = {"stdout": log, "stderr": log, "env": environ}
        command += ["127.0.0.1", "--num_workers", "1"]
        began_s = time.monotonic()
        with log, running(GATEWAY_CORE, command, **options) as process:
            alive = f"http://127.0.0.1:{port}/health/liveliness"
            if not _wait(alive, READY_TIMEOUT_S, process):
                log.seek(0)
                raise SystemExit(f"{executable} does not answer:\n{log.read()[-2000:]}")
            target = Target("LiteLLM", chat(port), {"litellm": process.pid})
            target.figures["ready_s"] = time.monotonic() - began_s
            target.figures["memory_mb"] = target.memory_mb()
            yield target
