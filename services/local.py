"""Everything on one machine: `routor up`.

Starts Redis, the four services and, when no provider key is set, the sandbox; restarts
what dies; ends all of it in order, edge first, when told to stop.
"""

import asyncio
import fcntl
import os
import secrets
import socket
import sys
import urllib.error
import urllib.request
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services import catalog, rpc
from services.providers import sandbox
from services.providers.vendors import VENDORS
from services.settings import SettingsError
from services.store import EmbeddedServer

READY_TIMEOUT_S = 60.0
# Longer than a service's own drain limit of 30 s.
END_TIMEOUT_S = 35.0
# Ended in this order: who takes requests first, what others need last.
SERVICES = ("edge", "router", "providers", "health")
LISTENS = {
    "ROUTOR_EDGE_LISTEN": 8080,
    "ROUTOR_ROUTER_LISTEN": 50051,
    "ROUTOR_PROVIDERS_LISTEN": 50052,
    "ROUTOR_HEALTH_LISTEN": 50053,
    "ROUTOR_ROUTER_METRICS_LISTEN": 9151,
    "ROUTOR_PROVIDERS_METRICS_LISTEN": 9152,
    "ROUTOR_HEALTH_METRICS_LISTEN": 9153,
}
# Between the edge and these, over sockets in ROUTOR_HOME or, when its path is too long, ports.
LINKS = {"ROUTER": 50061, "PROVIDERS": 50062}
# A socket's whole path may have 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 100

KEY_NAMES = frozenset(name for vendor in VENDORS.values() for name in vendor.key_env)
# glibc would hand the memory of every large body back to the kernel and fault it in again for
# the next one: half the CPU of a 1 MB request (5.9 ms with its defaults, 2.9 ms with these).
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}
NOTE = "running.json"
# What the command line needs to talk to what `routor up` runs.
NOTED = (
    "ROUTOR_EDGE_LISTEN",
    "ROUTOR_ROUTER_ADDRESS",
    "ROUTOR_PROVIDERS_ADDRESS",
    "ROUTOR_HEALTH_ADDRESS",
    "ROUTOR_API_KEY",
    "ROUTOR_INTERNAL_TOKEN",
    "REDIS_URL",
)


@dataclass
class Process:
    """One child: its command, its environment, and whether it runs."""

    name: str
    command: list[str]
    environ: Mapping[str, str]
    log: Path
    running: asyncio.subprocess.Process | None = None
    restarts: int = 0


@dataclass
class Local:
    """The processes of one machine."""

    home: Path
    environ: dict[str, str]
    # A file descriptor that every child inherits: the lock lasts as long as any of them.
    lock: int = -1
    processes: list[Process] = field(default_factory=list)
    ending: bool = False
    keepers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the edge answers."""
        return f"http://{self.environ['ROUTOR_EDGE_LISTEN']}"

    def add(
        self,
        name: str,
        command: list[str],
        extra: Mapping[str, str] | None = None,
        drop: Collection[str] = (),
    ) -> None:
        """Plan a child; `run` starts it. Its environment is ours and `extra`, without `drop`."""
        whole = {**self.environ, **(extra or {})}
        environ = {key: value for key, value in whole.items() if key not in drop}
        self.processes.append(Process(name, command, environ, self.home / "logs" / f"{name}.log"))

    async def run(self) -> int:
        """Start all, wait until ready, keep all running until told to stop; return an exit code."""
        stop = rpc.stopping()
        for process in self.processes:
            await self._start(process)
            self.keepers.append(asyncio.create_task(self._keep(process)))
        try:
            ready = await self._ready(stop)
            if ready:
                self._announce()
                await stop.wait()
                print("\nRoutor is draining …", flush=True)
        finally:
            await self._end()
        return 0 if ready or stop.is_set() else 1

    async def _start(self, process: Process) -> None:
        with process.log.open("ab") as log:
            process.running = await asyncio.create_subprocess_exec(
                *process.command,
                env=process.environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own group: Ctrl-C reaches this process alone, which ends the others in order.
                start_new_session=True,
                pass_fds=() if self.lock < 0 else (self.lock,),
            )
        self._note()

    async def _keep(self, process: Process) -> None:
        while process.running is not None:
            code = await process.running.wait()
            if self.ending:
                return
            process.restarts += 1
            print(f"routor: {process.name} ended with {code}; starting it again", flush=True)
            await asyncio.sleep(min(0.1 * 2**process.restarts, 5.0))
            if not self.ending:
                await self._start(process)

    def _note(self) -> None:
        """Write down what runs and how to reach it, for the command line; only we may read it."""
        pids = {each.name: each.running.pid for each in self.processes if each.running}
        note = {"pids": pids, "environ": {name: self.environ[name] for name in NOTED}}
        path = self.home / NOTE
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(note))

    async def _ready(self, stop: asyncio.Event) -> bool:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not stop.is_set():
            if await asyncio.to_thread(_answers, f"{self.address}/readyz"):
                return True
            failed = next((process for process in self.processes if process.restarts > 2), None)
            if failed is not None or asyncio.get_running_loop().time() > deadline:
                for process in [failed] if failed else self.processes:
                    print(f"--- {process.log}\n{_tail(process.log)}", file=sys.stderr)
                print("routor: not ready; the logs above say why", file=sys.stderr)
                return False
            await asyncio.sleep(0.05)
        return False

    async def _end(self) -> None:
        self.ending = True
        for process in self.processes:
            running = process.running
            if running is None or running.returncode is not None:
                continue
            running.terminate()
            try:
                await asyncio.wait_for(running.wait(), END_TIMEOUT_S)
            except TimeoutError:
                running.kill()
                await running.wait()
        for keeper in self.keepers:
            keeper.cancel()
        (self.home / NOTE).unlink(missing_ok=True)

    def _announce(self) -> None:
        key = self.environ["ROUTOR_API_KEY"].split(",")[0]
        print(f"\nRoutor is ready at {self.address}/v1\n  key  {key}\n  try  {self._curl(key)}\n")
        if any(process.name == "sandbox" for process in self.processes):
            print(
                "  SANDBOX: no provider key is set, so every answer comes from the built-in\n"
                "  imitation of the vendors. Set OPENAI_API_KEY, ANTHROPIC_API_KEY, … and start\n"
                "  again for real answers.\n"
            )
        print(f"  logs {self.home / 'logs'}    stop with Ctrl-C", flush=True)

    def _curl(self, key: str) -> str:
        body = '{"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}'
        return (
            f"curl {self.address}/v1/chat/completions -H 'Authorization: Bearer {key}'"
            f" -H 'Content-Type: application/json' -d '{body}'"
        )


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the folder for data, logs and notes: ROUTOR_HOME, by default ~/.routor."""
    return Path(environ.get("ROUTOR_HOME") or Path.home() / ".routor")


def noted(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the addresses and tokens of a running `routor up`; empty when none runs."""
    known = _note_of(home_of(environ)).get("environ", {})
    return {str(name): str(text) for name, text in known.items()}


def _note_of(home: Path) -> dict[str, dict[str, Any]]:
    """Return what `Local` noted down there; empty when nothing runs."""
    try:
        return msgspec.json.decode((home / NOTE).read_bytes(), type=dict[str, dict[str, Any]])
    except (FileNotFoundError, msgspec.DecodeError):
        return {}


def plan(environ: Mapping[str, str]) -> Local:
    """Decide what to start, with which addresses, keys and data folder."""
    home = home_of(environ)
    local = Local(home, {**MALLOC, **environ})
    _place(local.environ, home)
    if not environ.get("ROUTOR_API_KEY"):
        local.environ["ROUTOR_API_KEY"] = f"sk-routor-{secrets.token_urlsafe(32)}"
    local.environ.setdefault("ROUTOR_INTERNAL_TOKEN", secrets.token_urlsafe(32))
    server = None
    if not environ.get("REDIS_URL"):
        server = EmbeddedServer(home / "redis")
        local.environ["REDIS_URL"] = server.url
    listen = _sandbox_listen(local.environ)
    vendors = sandbox.environment(f"http://{listen}") if listen else {}
    # Provider keys are for the providers service alone.
    for name in SERVICES:
        drop = () if name == "providers" else KEY_NAMES
        local.add(name, [sys.executable, "-m", f"services.{name}"], vendors, drop)
    if listen:
        address, _, port = listen.rpartition(":")
        command = [sys.executable, "-m", "services.providers.sandbox"]
        local.add("sandbox", [*command, "--host", address, "--port", port], drop=KEY_NAMES)
    if server is not None:
        local.add("redis", server.command, drop=KEY_NAMES)
    return local


def _sandbox_listen(environ: Mapping[str, str]) -> str:
    """Return where the sandbox shall listen; empty when a real provider is connected."""
    directory = environ.get("ROUTOR_CATALOG_DIR")
    try:
        own = catalog.read(Path(directory)).providers.keys() - VENDORS.keys() if directory else ()
    except ValueError as fault:
        raise SettingsError(f"ROUTOR_CATALOG_DIR: {fault}") from None
    if own or any(environ.get(name) for name in KEY_NAMES):
        return ""
    return environ.get("ROUTOR_SANDBOX_LISTEN") or f"127.0.0.1:{_free(0)}"


def _place(environ: dict[str, str], home: Path) -> None:
    """Say where each service listens, and where the others find it."""
    for variable, usual in LISTENS.items():
        if environ.get(variable):
            _check_listen(variable, environ[variable])
        else:
            environ[variable] = f"127.0.0.1:{_free(usual)}"
    for service, port in LINKS.items():
        environ.setdefault(f"ROUTOR_{service}_LINK_LISTEN", _link(home, service, port))
    for service in ("ROUTER", "PROVIDERS", "HEALTH", *(f"{name}_LINK" for name in LINKS)):
        listen = environ[f"ROUTOR_{service}_LISTEN"]
        environ.setdefault(f"ROUTOR_{service}_ADDRESS", listen)


def _link(home: Path, service: str, port: int) -> str:
    path = home.absolute() / f"{service.lower()}.sock"
    short = len(os.fsencode(path)) < SOCKET_PATH_BYTES
    return f"unix:{path}" if short else f"127.0.0.1:{_free(port)}"


def _check_listen(variable: str, listen: str) -> None:
    """Raise SettingsError when `listen` cannot be listened on; else a stranger would answer."""
    if listen.startswith("unix:"):
        return
    host, _, port = listen.rpartition(":")
    try:
        address = (host.strip("[]"), int(port))
        socket.create_server(address, family=_family(host)).close()
    except (ValueError, OverflowError):
        raise SettingsError(f"{variable}: expected host:port, got {listen!r}") from None
    except OSError as failure:
        raise SettingsError(f"{variable}: cannot listen on {listen}: {failure}") from None


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def _free(port: int) -> int:
    """Return `port` if nobody listens there, else a free one."""
    for wanted in (port, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", wanted))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RuntimeError("no free port")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=1) as answer:  # noqa: S310 - our own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _tail(path: Path, lines: int = 20) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])


def up() -> int:
    """Run everything on this machine until SIGINT, SIGTERM or SIGHUP; return an exit code."""
    home = home_of(os.environ)
    try:
        (home / "logs").mkdir(parents=True, exist_ok=True)
        with (home / "lock").open("w") as lock:
            # Two of them would write the same data.
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            local = plan(os.environ)
            local.lock = lock.fileno()
            for process in local.processes:
                process.log.unlink(missing_ok=True)
            return asyncio.run(local.run())
    except BlockingIOError:
        pids = " ".join(str(pid) for pid in _note_of(home).get("pids", {}).values())
        text = f"already running in {home} (processes {pids}); set another ROUTOR_HOME"
    except SettingsError as fault:
        text = str(fault)
    except OSError as failure:
        text = f"cannot write to ROUTOR_HOME: {failure}"
    print(f"routor: {text}", file=sys.stderr)
    return 1
