"""Everything on one machine: `routor up`.

Starts Redis, the four services and, when no provider key is set, the sandbox; restarts
what dies; ends all of it in order, edge first, when told to stop.
"""

import asyncio
import fcntl
import os
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from services import listen, signals
from services.plan import Child, Plan, home_of, plan
from services.settings import SettingsError

READY_TIMEOUT_S = 60.0
# One question whether it is ready; the edge's door is open before the edge runs.
READY_POLL_S = 1.0
# Longer than a service's own drain limit of 30 s.
END_TIMEOUT_S = 35.0
# Ended in this order: who takes requests first, what others need last.
ENDING = (("edge",), ("router", "providers", "health"), ("sandbox", "redis"))
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
    "ROUTOR_TLS_CERT_FILE",
    "ROUTOR_TLS_KEY_FILE",
    "ROUTOR_TLS_CA_FILE",
)


@dataclass
class Process:
    """One child, and whether it runs."""

    child: Child
    running: asyncio.subprocess.Process | None = None
    restarts: int = 0


@dataclass
class Local:
    """The processes of one machine."""

    plan: Plan
    # A file descriptor that every child inherits: the lock lasts as long as any of them.
    lock: int = -1
    processes: list[Process] = field(default_factory=list)
    ending: bool = False
    keepers: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def address(self) -> str:
        """Where the edge answers."""
        return f"http://{self.plan.environ['ROUTOR_EDGE_LISTEN']}"

    async def run(self) -> int:
        """Start all, wait until ready, keep all running until told to stop; return an exit code."""
        stop = signals.stopping()
        self.processes = [Process(child) for child in self.plan.children]
        await asyncio.gather(*map(self._start, self.processes))
        for process in self.processes:
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
        child = process.child
        kept = [self.lock] if self.lock >= 0 else []
        if child.door is not None:
            listen.reopen(child.door)
            kept.append(child.door.fileno())
        with child.log.open("ab") as log:
            process.running = await asyncio.create_subprocess_exec(
                *child.command,
                env=child.environ,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own group: Ctrl-C reaches this process alone, which ends the others in order.
                start_new_session=True,
                pass_fds=kept,
            )
        self._note()

    async def _keep(self, process: Process) -> None:
        while process.running is not None:
            code = await process.running.wait()
            if self.ending:
                return
            process.restarts += 1
            print(f"routor: {process.child.name} ended with {code}; starting it again", flush=True)
            await asyncio.sleep(min(0.1 * 2**process.restarts, 5.0))
            if not self.ending:
                await self._start(process)

    def _note(self) -> None:
        """Write down what runs and how to reach it, for the command line; only we may read it."""
        pids = {each.child.name: each.running.pid for each in self.processes if each.running}
        environ = self.plan.environ
        noted = {name: environ[name] for name in NOTED if name in environ}
        note = {"pids": pids, "metrics": self.plan.metrics, "environ": noted}
        # Whoever reads it finds the whole of one note, the old or the new.
        path = self.plan.home / f"{NOTE}.new"
        path.touch(mode=0o600)
        path.write_bytes(msgspec.json.encode(note))
        path.replace(self.plan.home / NOTE)

    async def _ready(self, stop: asyncio.Event) -> bool:
        deadline = asyncio.get_running_loop().time() + READY_TIMEOUT_S
        while not stop.is_set():
            if await _serves(self.plan.environ["ROUTOR_EDGE_LISTEN"]):
                return True
            failed = next((process for process in self.processes if process.restarts > 2), None)
            if failed is not None or asyncio.get_running_loop().time() > deadline:
                for process in [failed] if failed else self.processes:
                    print(f"--- {process.child.log}\n{_tail(process.child.log)}", file=sys.stderr)
                print("routor: not ready; the logs above say why", file=sys.stderr)
                return False
            await asyncio.sleep(0.05)
        return False

    async def _end(self) -> None:
        self.ending = True
        for process in self.processes:
            if process.child.door is not None:
                # Nobody shall wait at a door that will not be opened again.
                process.child.door.close()
        for services in ENDING:
            leaving = [each for each in self.processes if each.child.service in services]
            await asyncio.gather(*map(_leave, leaving))
        for keeper in self.keepers:
            keeper.cancel()
        (self.plan.home / NOTE).unlink(missing_ok=True)

    def _announce(self) -> None:
        key = self.plan.environ["ROUTOR_API_KEY"].split(",")[0]
        print(f"\nRoutor is ready at {self.address}/v1\n  key  {key}\n  try  {self._curl(key)}\n")
        if any(child.service == "sandbox" for child in self.plan.children):
            print(
                "  SANDBOX: no provider key is set, so every answer comes from the built-in\n"
                "  imitation of the vendors. Set OPENAI_API_KEY, ANTHROPIC_API_KEY, … and start\n"
                "  again for real answers.\n"
            )
        print(f"  logs {self.plan.home / 'logs'}    stop with Ctrl-C", flush=True)

    def _curl(self, key: str) -> str:
        body = '{"model": "auto", "messages": [{"role": "user", "content": "Hello!"}]}'
        return (
            f"curl {self.address}/v1/chat/completions -H 'Authorization: Bearer {key}'"
            f" -H 'Content-Type: application/json' -d '{body}'"
        )


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


async def _leave(process: Process) -> None:
    """Tell a child to end, and wait until it has."""
    running = process.running
    if running is None or running.returncode is not None:
        return
    running.terminate()
    try:
        await asyncio.wait_for(running.wait(), END_TIMEOUT_S)
    except TimeoutError:
        running.kill()
        await running.wait()


async def _serves(address: str) -> bool:
    """Ask the edge whether it is ready; in plain HTTP, as a library for it takes long to load."""
    host, _, port = address.rpartition(":")
    with suppress(OSError, TimeoutError):
        async with asyncio.timeout(READY_POLL_S):
            reader, writer = await asyncio.open_connection(host.strip("[]"), int(port))
            with closing(writer):
                writer.write(f"GET /readyz HTTP/1.0\r\nHost: {address}\r\n\r\n".encode())
                return b" 200 " in await reader.readline()
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
            local = Local(plan(os.environ), lock.fileno())
            for child in local.plan.children:
                child.log.unlink(missing_ok=True)
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
