"""The real thing: `routor up` as a child process, the sandbox behind real addresses."""

import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

from services.providers import sandbox

READY_S = 60
# Short timers, so that faults show quickly; the meaning of none of them changes.
QUICK = {
    "ROUTOR_PROVIDERS_CONNECT_TIMEOUT_S": "1",
    "ROUTOR_PROVIDERS_FIRST_TOKEN_TIMEOUT_S": "1",
    "ROUTOR_PROVIDERS_STALL_TIMEOUT_S": "2",
}


_ports = iter(random.sample(range(20_000, 32_000), 12_000))


def free_port() -> int:
    """Return a port nobody listens on or was given, below those that systems give connections."""
    for port in _ports:
        with contextlib.suppress(OSError), socket.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is left")


def until(holds, what: str, timeout_s: float = 30.0):
    """Wait until `holds()` is true; return what it returned."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError):
            if result := holds():
                return result
        threading.Event().wait(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what}")


class Up:
    """One running `routor up`."""

    def __init__(self, home: Path, extra: dict[str, str] | None = None) -> None:
        self.home = home
        ports = {
            f"ROUTOR_{name}_LISTEN": f"127.0.0.1:{free_port()}"
            for name in (
                *("EDGE", "ROUTER", "PROVIDERS", "HEALTH"),
                *("ROUTER_METRICS", "PROVIDERS_METRICS", "HEALTH_METRICS"),
            )
        }
        clean = {
            name: value
            for name, value in os.environ.items()
            if not name.endswith(("_API_KEY", "_BASE_URL", "_ENDPOINT"))
            and not name.startswith("ROUTOR_")
        }
        self.environ = {**clean, **ports, "ROUTOR_HOME": str(home), **QUICK, **(extra or {})}
        self.url = f"http://{ports['ROUTOR_EDGE_LISTEN']}"
        self.output: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services", "up"],
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        threading.Thread(target=self._read, daemon=True).start()
        until(self._is_ready, f"routor up\n{''.join(self.output)}", READY_S)
        self.key = next(line.split()[1] for line in self.output if line.startswith("  key"))

    def _read(self) -> None:
        for line in self.process.stdout:
            self.output.append(line)

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, "".join(self.output)
        return any("stop with Ctrl-C" in line for line in self.output)

    def note(self) -> dict:
        return json.loads((self.home / "running.json").read_bytes())

    def pid(self, service: str) -> int:
        return self.note()["pids"][service]

    def kill(self, service: str, number: int = signal.SIGKILL) -> int:
        pid = self.pid(service)
        os.kill(pid, number)
        return pid

    def logs(self, service: str) -> str:
        return (self.home / "logs" / f"{service}.log").read_text()

    def get(self, path: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"{self.url}{path}",
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def stop(self, number: int = signal.SIGINT) -> int:
        self.process.send_signal(number)
        return self.process.wait(45)


class Relay:
    """A TCP relay to the sandbox that can be closed: then the vendor is unreachable."""

    def __init__(self, upstream: int) -> None:
        self.port = 0  # any, until it was open for the first time
        self._upstream = upstream
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        for writer in list(self._open):
            writer.transport.abort()

    async def _serve(self, reader, writer) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection(
            "127.0.0.1", self._upstream
        )
        self._open |= {writer, upstream_writer}
        await asyncio.gather(
            self._copy(reader, upstream_writer), self._copy(upstream_reader, writer)
        )
        self._open -= {writer, upstream_writer}

    async def _copy(self, reader, writer) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort()


class Vendors:
    """The sandbox in a process of its own, each vendor behind its own relay."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.providers.sandbox", "--port", str(self.port)],
            stdout=subprocess.DEVNULL,
        )
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.relays = {name: Relay(self.port) for name in PROVIDERS}
        for relay in self.relays.values():
            self._do(relay.open())
        until(lambda: self.control("GET", "faults") is not None, "sandbox")

    def _do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    def environ(self) -> dict[str, str]:
        """Keys and addresses as an owner of real keys would set them."""
        plain = sandbox.environment(f"http://127.0.0.1:{self.port}")
        return {
            name: value.replace(f":{self.port}", f":{self.relays[_vendor_in(value)].port}")
            if value.startswith("http")
            else value
            for name, value in plain.items()
        }

    def control(self, method: str, path: str, body: dict | None = None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/_sandbox/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            text = answer.read()
            return json.loads(text) if text else {}

    def fault(self, provider: str, **fault) -> None:
        self.control("POST", "faults", {"provider": provider, **fault})

    def heal(self) -> None:
        self.control("DELETE", "faults")

    def cut_off(self, provider: str) -> None:
        self._do(self.relays[provider].close())

    def bring_back(self, provider: str) -> None:
        self._do(self.relays[provider].open())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(10)
        self._loop.call_soon_threadsafe(self._loop.stop)


PROVIDERS = (
    *("openai", "anthropic", "google", "deepseek", "xai", "nvidia", "moonshot"),
    *("minimax", "zai", "alibaba", "mistral", "microsoft", "xiaomi"),
)


def _vendor_in(address: str) -> str:
    return next(name for name in PROVIDERS if f"/{name}" in address)
