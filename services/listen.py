"""Addresses that processes listen on."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from socket import AF_INET, AF_INET6, create_server, socket

from services import settings
from services.settings import Settings, SettingsError

BACKLOG = 1024


def door(listen: str, *, beside: bool = False) -> socket:
    """Listen on host:port; `beside` others of ours that do so, too. Raises OSError, ValueError."""
    host, _, port = listen.rpartition(":")
    family = AF_INET6 if ":" in host else AF_INET
    try:
        address = (host.strip("[]"), int(port))
        return create_server(address, family=family, backlog=BACKLOG, reuse_port=beside)
    except (ValueError, OverflowError):
        raise ValueError("expected host:port") from None


def free(port: int, host: str = "127.0.0.1") -> str:
    """Return host:port, or host and another port when somebody listens there."""
    for wanted in (port, 0):
        with suppress(OSError, ValueError), door(f"{host}:{wanted}") as found:
            return f"{host}:{found.getsockname()[1]}"
    raise SettingsError(f"no free port on {host}")


@contextmanager
def checked(variable: str, listen: str) -> Iterator[None]:
    """Turn a failure to listen there into a SettingsError that names the variable.

    It tries the address before: not everything that listens says why it could not.
    """
    try:
        if listen and not listen.startswith(("unix:", "fd:")):
            door(listen).close()
        yield
    except (OSError, RuntimeError, ValueError) as failure:
        raise SettingsError(f"{variable}: cannot listen on {listen!r}: {failure}") from None


def listening(chosen: Settings, field: str = "listen") -> AbstractContextManager[None]:
    """Return `checked` for a field of the settings."""
    return checked(settings.names(type(chosen))[field], getattr(chosen, field))
