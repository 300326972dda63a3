"""Addresses that processes listen on."""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from socket import (
    AF_INET,
    AF_INET6,
    SHUT_RD,
    SO_ACCEPTCONN,
    SO_REUSEPORT,
    SOL_SOCKET,
    create_server,
    socket,
)

from services import settings
from services.settings import Settings, SettingsError

# A connection that finds no place waits a second before it asks again; Linux grants 4096 at most.
BACKLOG = 4096


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


def leave(door: socket) -> None:
    """Leave what comes to those who listen beside this door, in every process that has it.

    A door without others beside it stays: who comes waits there for whoever listens next.
    """
    if door.getsockopt(SOL_SOCKET, SO_REUSEPORT):
        with suppress(OSError):
            door.shutdown(SHUT_RD)


def reopen(door: socket) -> None:
    """Listen again, behind the same descriptor, where `leave` was called."""
    if door.getsockopt(SOL_SOCKET, SO_REUSEPORT) and not door.getsockopt(SOL_SOCKET, SO_ACCEPTCONN):
        # To call listen() is not enough: Linux 6.18 deals nothing to such a socket any more.
        address, family = door.getsockname(), door.family
        with create_server(address, family=family, backlog=BACKLOG, reuse_port=True) as fresh:
            os.dup2(fresh.fileno(), door.fileno(), inheritable=False)


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
