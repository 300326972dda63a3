"""What `routor up` starts: which processes, where each listens, what each may see."""

import os
import secrets
import socket
import sys
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from services import catalog, settings
from services.embedded import EmbeddedServer
from services.listen import checked, door, free
from services.providers import sandbox
from services.providers.vendors import VENDORS
from services.settings import SettingsError

EDGE_PORT = 8080
LISTENS = {
    "ROUTOR_ROUTER_LISTEN": 50051,
    "ROUTOR_PROVIDERS_LISTEN": 50052,
    "ROUTOR_HEALTH_LISTEN": 50053,
    "ROUTOR_ROUTER_METRICS_LISTEN": 9151,
    "ROUTOR_PROVIDERS_METRICS_LISTEN": 9152,
    "ROUTOR_HEALTH_METRICS_LISTEN": 9153,
}
# Several workers of the edge would each tell a part at its door: each then has an address for it.
EDGE_METRICS = {"ROUTOR_EDGE_METRICS_LISTEN": 9150}
# Between the edge and these, over sockets in ROUTOR_HOME or, when its path is too long, ports.
LINKS = {"ROUTER": 50061, "PROVIDERS": 50062}
# A further worker listens so far above the one before it, where that is free.
WORKER_STEP = 100
# A socket's whole path may have 107 bytes on Linux and 103 on macOS.
SOCKET_PATH_BYTES = 100

KEY_NAMES = frozenset(name for vendor in VENDORS.values() for name in vendor.key_env)
# glibc would hand the memory of every large body back to the kernel and fault it in again for
# the next one: half the CPU of a 1 MB request (5.9 ms with its defaults, 2.9 ms with these).
MALLOC = {"MALLOC_TRIM_THRESHOLD_": str(128 << 20), "MALLOC_MMAP_THRESHOLD_": str(32 << 20)}


@dataclass(frozen=True)
class Workers:
    """How many processes of a service work side by side."""

    PREFIX: ClassVar[str] = "ROUTOR_"

    edge_workers: int = 1
    providers_workers: int = 1


@dataclass(frozen=True)
class Child:
    """A process to run; `door` is a listening socket that it inherits."""

    service: str
    name: str
    command: list[str]
    environ: Mapping[str, str]
    log: Path
    door: socket.socket | None = None


@dataclass
class Plan:
    """Everything on one machine; `environ` is what the processes have in common."""

    home: Path
    environ: dict[str, str]
    children: list[Child] = field(default_factory=list)

    def add(
        self,
        service: str,
        command: list[str],
        extra: Mapping[str, str],
        drop: Collection[str] = KEY_NAMES,
        door: socket.socket | None = None,
    ) -> None:
        """Add a process. Its environment is the common one and `extra`, without `drop`."""
        count = sum(child.service == service for child in self.children)
        name = f"{service}-{count + 1}" if count else service
        whole = {**self.environ, **extra}
        environ = {key: value for key, value in whole.items() if key not in drop}
        log = self.home / "logs" / f"{name}.log"
        self.children.append(Child(service, name, command, environ, log, door))

    @property
    def metrics(self) -> dict[str, str]:
        """Where each process tells its metrics, by its name."""
        variables = {
            child.name: f"ROUTOR_{child.service.upper()}_METRICS_LISTEN" for child in self.children
        }
        told = {child.name: child.environ.get(variables[child.name]) for child in self.children}
        return {name: address for name, address in told.items() if address}


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the folder for data, logs and notes: ROUTOR_HOME, by default ~/.routor."""
    return Path(environ.get("ROUTOR_HOME") or Path.home() / ".routor")


def plan(environ: Mapping[str, str]) -> Plan:
    """Decide what to start, with which addresses, keys and data folder; open the edge's sockets.

    Raises SettingsError.
    """
    workers = _workers(environ)
    made = Plan(home_of(environ), {**MALLOC, **environ})
    common = made.environ
    if not environ.get("ROUTOR_API_KEY"):
        common["ROUTOR_API_KEY"] = f"sk-routor-{secrets.token_urlsafe(32)}"
    common.setdefault("ROUTOR_INTERNAL_TOKEN", secrets.token_urlsafe(32))
    doors = _doors(common, workers.edge_workers)
    told = EDGE_METRICS if len(doors) > 1 else {}
    _place(common, made.home, {**LISTENS, **told})
    names = [f"ROUTOR_PROVIDERS_{part}LISTEN" for part in ("", "LINK_", "METRICS_")]
    places = [_beside(common, names, number) for number in range(workers.providers_workers)]
    links = ",".join(place["ROUTOR_PROVIDERS_LINK_LISTEN"] for place in places)
    common.setdefault("ROUTOR_PROVIDERS_LINK_ADDRESS", links)
    _add_redis(made)
    vendors = _add_sandbox(made)
    # Provider keys are for the providers service alone.
    for place in places:
        made.add("providers", _service("providers"), {**vendors, **place}, drop=())
    made.add("health", _service("health"), vendors)
    made.add("router", _service("router"), vendors)
    for number, mine in enumerate(doors):
        place = {**_beside(common, told, number), "ROUTOR_EDGE_LISTEN": f"fd:{mine.fileno()}"}
        made.add("edge", _service("edge"), {**vendors, **place}, door=mine)
    return made


def _service(name: str) -> list[str]:
    return [sys.executable, "-m", f"services.{name}"]


def _workers(environ: Mapping[str, str]) -> Workers:
    workers = settings.read(Workers, environ)
    for name, variable in settings.names(Workers).items():
        if not getattr(workers, name):
            raise SettingsError(f"{variable}: expected 1 or more")
    return workers


def _add_redis(made: Plan) -> None:
    if not made.environ.get("REDIS_URL"):
        try:
            server = EmbeddedServer(made.home / "redis")
        except RuntimeError as fault:
            raise SettingsError(str(fault)) from None
        made.environ["REDIS_URL"] = server.url
        made.add("redis", server.command, {})


def _add_sandbox(made: Plan) -> dict[str, str]:
    """Add the sandbox where no real provider is connected; return how its vendors are reached."""
    environ = made.environ
    directory = environ.get("ROUTOR_CATALOG_DIR")
    try:
        own = catalog.read(Path(directory)).providers.keys() - VENDORS.keys() if directory else ()
    except ValueError as fault:
        raise SettingsError(f"ROUTOR_CATALOG_DIR: {fault}") from None
    if own or any(environ.get(name) for name in KEY_NAMES):
        return {}
    listen = environ.get("ROUTOR_SANDBOX_LISTEN") or free(0)
    host, _, port = listen.rpartition(":")
    command = [sys.executable, "-m", "services.providers.sandbox", "--host", host, "--port", port]
    made.add("sandbox", command, {})
    return sandbox.environment(f"http://{listen}")


def _place(environ: dict[str, str], home: Path, listens: Mapping[str, int]) -> None:
    """Say where each service listens, and where the others find it."""
    for variable, usual in listens.items():
        environ[variable] = listen = environ.get(variable) or free(usual)
        with checked(variable, listen):
            pass  # else a stranger who listens there would answer
    for service, port in LINKS.items():
        environ.setdefault(f"ROUTOR_{service}_LINK_LISTEN", _link(home, service, port))
    for service in ("ROUTER", "PROVIDERS", "HEALTH", "ROUTER_LINK"):
        listen = environ[f"ROUTOR_{service}_LISTEN"]
        environ.setdefault(f"ROUTOR_{service}_ADDRESS", listen)


def _link(home: Path, service: str, port: int) -> str:
    path = home.absolute() / f"{service.lower()}.sock"
    short = len(os.fsencode(path)) < SOCKET_PATH_BYTES
    return f"unix:{path}" if short else free(port)


def _beside(environ: Mapping[str, str], names: Iterable[str], number: int) -> dict[str, str]:
    """Return where the worker of this number listens; the first as `environ` says."""
    return {name: _above(environ[name], number) if number else environ[name] for name in names}


def _above(listen: str, number: int) -> str:
    if listen.startswith("unix:"):
        return f"{listen}.{number + 1}"
    host, _, port = listen.rpartition(":")
    return free(int(port) + number * WORKER_STEP, host)


def _doors(environ: dict[str, str], workers: int) -> list[socket.socket]:
    """Listen for the edge, which inherits: while a worker is started again, clients can wait.

    On Linux each worker has a socket of its own, and the kernel deals connections out to them. Of
    one shared socket, the worker that is awake takes all of a burst (16 of 16; 9 and 7 of 16 with
    their own). Elsewhere the kernel does not deal, and they share one.
    """
    listen = environ.get("ROUTOR_EDGE_LISTEN") or free(EDGE_PORT)
    environ["ROUTOR_EDGE_LISTEN"] = listen
    own = workers > 1 and sys.platform == "linux"
    with checked("ROUTOR_EDGE_LISTEN", listen):
        doors = [door(listen, beside=own) for _ in range(workers if own else 1)]
    return doors if own else doors * workers
