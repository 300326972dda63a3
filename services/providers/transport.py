"""HTTP to the providers: one request out, one answer in, everything in it bounded.

Runs on the transport layer of httpx (over aiohttp), without its client: no redirects, no cookies,
no proxies, no authentication of its own can come between. TCP_NODELAY is on: asyncio and uvloop
set it on every TCP connection.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, Protocol

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from services.errors import Kind, RoutorError

# Nested encodings multiply: two layers of gzip turn 16 KB into 16 GB.
_ENCODINGS = ("", "identity", "gzip", "deflate")
_HEADERS = {"accept-encoding": "gzip, deflate", "user-agent": "routor"}
# A connection that was dead already is noticed within a round trip; one that dies later may have
# been working on the request.
_DEAD_S = 1.0
# How long closing may wait for a request body that the provider does not take.
_CLOSE_S = 0.1
_FAILURES = (httpx.HTTPError, httpx.StreamError, aiohttp.ClientError, OSError, ValueError)

# Tells whether the connection of the current call had been used before.
_reused: ContextVar[list[bool] | None] = ContextVar("reused", default=None)


@dataclass(frozen=True)
class Request:
    """One HTTP request. Its headers hold a key and are not shown."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    method: str = "POST"


class Reply(Protocol):
    """An answer whose head has come. Close it in every case."""

    status: int
    headers: Mapping[str, str]  # names in lower case

    def chunks(self, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        """Return the decoded body as it comes; raises RoutorError beyond the limit."""
        ...

    async def aclose(self) -> None:
        """Give the connection back when the body was read to its end, else close it at once."""
        ...


class Transport(Protocol):
    """What carries requests; in tests often a fake."""

    async def send(self, request: Request) -> Reply:
        """Send and wait for the head of the answer, whatever its status.

        Raises RoutorError(PROVIDER_UNAVAILABLE or PROVIDER_TIMEOUT) when none comes.
        """
        ...


class HttpTransport:
    """A pool of HTTP/1.1 connections that are kept alive.

    Has no read timeout: whoever calls has better timers.
    """

    def __init__(
        self, *, connect_timeout_s: float, max_connections: int, keepalive_s: float
    ) -> None:
        self._connect_timeout_s = connect_timeout_s
        self._max_connections = max_connections
        self._keepalive_s = keepalive_s
        self._inner = AiohttpTransport(client=self._session)

    def _session(self) -> aiohttp.ClientSession:
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        return aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._max_connections,
                keepalive_timeout=self._keepalive_s,
                ssl=self._inner.ssl_context,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
        )

    async def send(self, request: Request) -> "HttpReply":
        """Send; once more when a kept connection turns out to be dead before any answer."""
        marker = [False]
        token = _reused.set(marker)
        clock = asyncio.get_running_loop().time
        start_s = clock()
        try:
            try:
                return await self._send(request)
            except _FAILURES as failure:
                if not (marker[0] and _died_idle(failure) and clock() - start_s < _DEAD_S):
                    raise
                return await self._send(request)
        except _FAILURES as failure:
            raise _error(failure, self._connect_timeout_s) from failure
        finally:
            _reused.reset(token)

    async def _send(self, request: Request) -> "HttpReply":
        timeout = {"connect": self._connect_timeout_s, "pool": self._connect_timeout_s}
        response = await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                request.url,
                headers={**_HEADERS, **request.headers},
                content=request.body,
                extensions={"timeout": timeout},
            )
        )
        return HttpReply(response)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._inner.aclose()


class HttpReply:
    """An answer over HTTP."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = dict(response.headers)

    async def chunks(self, limit_bytes: int) -> AsyncGenerator[bytes, None]:
        """Return the decoded body as it comes; raises RoutorError beyond the limit."""
        if self.headers.get("content-encoding", "").strip().lower() not in _ENCODINGS:
            raise RoutorError(
                Kind.PROVIDER_UNAVAILABLE, "the answer has an encoding nobody asked for"
            )
        left = limit_bytes
        try:
            async for piece in self._response.aiter_bytes():
                left -= len(piece)
                if left < 0:
                    raise RoutorError(
                        Kind.PROVIDER_UNAVAILABLE,
                        f"the answer is larger than {limit_bytes >> 20} MB",
                    )
                yield piece
        except _FAILURES as failure:
            raise _error(failure, 0.0) from failure

    async def aclose(self) -> None:
        """Give the connection back when the body was read to its end, else close it at once."""
        with contextlib.suppress(*_FAILURES):
            async with asyncio.timeout(_CLOSE_S):
                await self._response.aclose()


async def _note_reuse(_session: aiohttp.ClientSession, _trace: SimpleNamespace, _: Any) -> None:
    marker = _reused.get()
    if marker is not None:
        marker[0] = True


def _died_idle(failure: BaseException) -> bool:
    """Tell whether a kept connection was closed before any byte of an answer came."""
    cause = failure.__cause__
    if isinstance(cause, aiohttp.ServerDisconnectedError):
        return isinstance(cause.message, str)
    return isinstance(cause, aiohttp.ClientOSError) and not isinstance(
        cause, aiohttp.ClientConnectorError
    )


# The most telling class first: httpx_aiohttp reports several of these alike.
_SAID: tuple[tuple[type[BaseException], Kind, str], ...] = (
    (aiohttp.SocketTimeoutError, Kind.PROVIDER_TIMEOUT, "the connection timed out"),
    (aiohttp.ServerTimeoutError, Kind.PROVIDER_TIMEOUT, "no connection within {timeout_s:g} s"),
    (aiohttp.ClientSSLError, Kind.PROVIDER_UNAVAILABLE, "no secure connection: {name}"),
    (aiohttp.ClientConnectorDNSError, Kind.PROVIDER_UNAVAILABLE, "its address was not found"),
    (aiohttp.ClientConnectorError, Kind.PROVIDER_UNAVAILABLE, "the connection was refused"),
    (aiohttp.ClientPayloadError, Kind.PROVIDER_UNAVAILABLE, "the answer was cut off"),
    (
        aiohttp.ClientConnectionError,
        Kind.PROVIDER_UNAVAILABLE,
        "the connection was closed before an answer",
    ),
    (aiohttp.ClientResponseError, Kind.PROVIDER_UNAVAILABLE, "the answer is not valid HTTP"),
    (httpx.DecodingError, Kind.PROVIDER_UNAVAILABLE, "the answer could not be decompressed"),
)


def _error(failure: BaseException, timeout_s: float) -> RoutorError:
    """Return what happened, in words that hold no address and no text of the provider."""
    cause = failure.__cause__ or failure
    for what, kind, text in _SAID:
        if isinstance(cause, what) or isinstance(failure, what):
            return RoutorError(kind, text.format(timeout_s=timeout_s, name=type(cause).__name__))
    return RoutorError(Kind.PROVIDER_UNAVAILABLE, f"the call failed ({type(cause).__name__})")
