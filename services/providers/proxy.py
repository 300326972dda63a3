"""The way out through an HTTP proxy: a CONNECT tunnel (RFC 9110, section 9.3.6).

HTTPS_PROXY names the proxy of all https addresses but those in NO_PROXY; either may be written in
lower case. Plain http addresses are a company's own and are always reached directly.
"""

import asyncio
import base64
import socket
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote, urlsplit
from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

from services.errors import Kind, RoutorError
from services.providers.wire import HEAD_LIMIT_BYTES, Origin


class Proxy(NamedTuple):
    """A proxy; `credentials` are "name:password" or empty."""

    host: str
    port: int
    credentials: str

    def __repr__(self) -> str:
        return f"Proxy({self.host!r}, {self.port})"


def before(origin: Origin, environ: Mapping[str, str]) -> Proxy | None:
    """Return the proxy that leads to an origin, None for the direct way.

    Raises RoutorError for a proxy that is no http:// address.
    """
    named = environ.get("https_proxy") or environ.get("HTTPS_PROXY")
    if not named or not origin.tls:
        return None
    spared = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    if proxy_bypass_environment(f"{origin.host}:{origin.port}", {"no": spared}):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    if parts.scheme != "http" or not parts.hostname:
        raise _failed("HTTPS_PROXY must be an http:// address")
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return Proxy(parts.hostname, parts.port or 80, user)


async def tunnel(plug: socket.socket, through: Proxy, origin: Origin) -> None:
    """Ask the proxy at the other end of `plug` to connect it with `origin`."""
    loop = asyncio.get_running_loop()
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    lines = [f"CONNECT {host}:{origin.port} HTTP/1.1", f"host: {host}:{origin.port}"]
    if through.credentials:
        secret = base64.b64encode(through.credentials.encode()).decode()
        lines.append(f"proxy-authorization: Basic {secret}")
    await loop.sock_sendall(plug, "\r\n".join([*lines, "", ""]).encode())
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        piece = await loop.sock_recv(plug, 1024)
        said += piece
        if not piece or len(said) > HEAD_LIMIT_BYTES:
            raise _failed("the proxy did not answer")
    if said.split(b" ", 2)[1:2] != [b"200"]:
        raise _failed("the proxy refused the connection")


def _failed(said: str) -> RoutorError:
    return RoutorError(Kind.PROVIDER_UNAVAILABLE, said)
