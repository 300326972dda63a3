"""What surrounds every request: its id, its key, its span, its metrics, its errors, the drain."""

import asyncio
import logging
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import NamedTuple

from aiohttp import web

from services import telemetry
from services.edge import notes, problem
from services.edge.answer import Answer
from services.edge.answer import headers as own_headers
from services.edge.cors import Cors
from services.edge.gate import Gate
from services.edge.messages.fault import ANTHROPIC, SPOKEN
from services.errors import Kind, RoutorError, bare

logger = logging.getLogger(__name__)

ID = "{id}"
_VERSIONS = ((1, 1), (1, 0))
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class Traffic:
    """Counts running requests, and knows when there may be no more of them."""

    def __init__(self, most_requests: int = 1 << 30) -> None:
        self.draining = False  # about to end
        self.closed = False  # no request is taken any more
        self._most = most_requests
        self._running = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    def enter(self) -> None:
        """Note that a request begins."""
        self._running += 1
        self._quiet.clear()

    def leave(self) -> None:
        """Note that a request has ended."""
        self._running -= 1
        if not self._running:
            self._quiet.set()

    def check(self) -> None:
        """Raise OVERLOADED where one more request, this one, is too many."""
        if self.closed:
            text = "This server is shutting down; try again."
            raise RoutorError(Kind.OVERLOADED, text, retry_after_s=1)
        if self._running > self._most:
            # What is turned down costs little, what is let in will be answered in time.
            text = "This server has all the requests it can take; try again."
            raise RoutorError(Kind.OVERLOADED, text, retry_after_s=1)

    async def quiet(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False when `timeout_s` passed before."""
        try:
            await asyncio.wait_for(self._quiet.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


class Route(NamedTuple):
    """Where a path leads; one that ends in {id} leads whatever comes there.

    Only what is `open` is answered without a key: closed by default. Errors have the `shape` that
    the clients of this path know; None: as they say. An `admin` path takes the admin key alone.
    """

    method: str
    path: str
    handle: Handler
    open: bool = False
    shape: problem.Shape | None = None
    admin: bool = False


class Way(NamedTuple):
    """The routes of one path, by method."""

    path: str
    routes: dict[str, Route]

    def route(self, method: str) -> Route:
        """Return the route of a method; who takes GET takes HEAD. Raises 405 for another."""
        route = self.routes.get("GET" if method == "HEAD" else method)
        if route is None:
            allowed = [*self.routes, "HEAD"] if "GET" in self.routes else [*self.routes]
            raise web.HTTPMethodNotAllowed(method, allowed)
        return route


class Frame:
    """Answers every request that is HTTP."""

    def __init__(
        self,
        routes: Iterable[Route],
        gate: Gate,
        traffic: Traffic,
        *,
        cors_origins: str = "",
        access_log: bool = False,
    ) -> None:
        self._exact: dict[str, Way] = {}
        self._wide: dict[str, Way] = {}
        for route in routes:
            kept = self._wide if route.path.endswith(ID) else self._exact
            way = kept.setdefault(route.path.removesuffix(ID), Way(route.path, {}))
            way.routes[route.method] = route
        self._gate = gate
        self._traffic = traffic
        self._cors = Cors(cors_origins)
        self._access_log = access_log

    async def __call__(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer within a span, and count it."""
        # Most often the request line names the path exactly.
        way = self._exact.get(request.raw_path) or self._find(request)
        path = way.path if way is not None else "unknown"
        known = request[notes.REQUEST_ID] = request_id(request.headers)
        if "Origin" in request.headers:
            request[notes.CORS] = self._cors.allowed(request)
        attributes = {
            "http.request.method": request.method,
            "http.route": path,
            telemetry.REQUEST_ID: known,
        }
        started_s = time.perf_counter()
        self._traffic.enter()
        try:
            with telemetry.span(
                f"{request.method} {path}",
                telemetry.SpanKind.SERVER,
                attributes,
                carrier=request.headers,
            ) as span:
                request[notes.SPAN] = span
                status = 499
                try:
                    response = await self._answered(request, way)
                    status = response.status
                finally:
                    self._count(request, path, status, time.perf_counter() - started_s)
            return response
        finally:
            self._traffic.leave()

    def _find(self, request: web.BaseRequest) -> Way | None:
        path, raw = request.path, request.raw_path
        if not raw.startswith("/") and _authority(raw) != request.headers.get("Host", "").lower():
            return None  # an absolute address (RFC 9112, 3.2.2) that is another's
        for start, way in self._wide.items():
            if path.startswith(start) and path != start:
                return way
        return self._exact.get(path)

    async def _answered(self, request: web.BaseRequest, way: Way | None) -> web.StreamResponse:
        """Let the request through to its handler, and turn every failure into an answer."""
        response: web.StreamResponse | None
        try:
            if request.version not in _VERSIONS:
                raise web.HTTPVersionNotSupported
            if way is None:
                raise web.HTTPNotFound
            response = self._cors.preflight(request, way.routes)
            if response is None:
                # Who may come in is asked of the same route that answers.
                route = way.route(request.method)
                await self._admit(request, route)
                response = await route.handle(request)
        except web.HTTPException as refused:
            known = request[notes.REQUEST_ID]
            response = problem.refusal(refused, request.method, known, self._shape(request, way))
        except RoutorError as failure:
            response = self._failed(request, failure, way)
        except ConnectionError:
            raise
        except Exception as failure:
            logger.exception("a request failed unexpectedly: %s", type(failure).__name__)
            text = "Something failed inside Routor; see its log."
            response = self._failed(request, RoutorError(Kind.INTERNAL, text), way)
        if not response.prepared:
            self._stamp(request, response)
        return response

    async def _admit(self, request: web.BaseRequest, route: Route) -> None:
        """Raise when the route is not to be taken by this request."""
        if not route.open:
            self._traffic.check()
            if route.admin:
                caller = self._gate.check_admin(request.headers)
            else:
                caller = await self._gate.check(request.headers)
            request[notes.OWNER] = caller.owner
            if caller.terms is not None:
                request[notes.TERMS] = caller.terms
        if "Expect" in request.headers:
            await _go_on(request)

    def _failed(
        self, request: web.BaseRequest, error: RoutorError, way: Way | None
    ) -> web.Response:
        request[notes.FAILURE] = bare(error)
        told = self._shape(request, way).error(error, request[notes.REQUEST_ID])
        return problem.response(error, told)

    def _shape(self, request: web.BaseRequest, way: Way | None) -> problem.Shape:
        """Return how who asks is told of errors, be it at a path that is not there."""
        near = way or self._door(request.path)
        for route in near.routes.values() if near is not None else ():
            if route.shape is not None:
                return route.shape
        return ANTHROPIC if SPOKEN in request.headers else problem.OPENAI

    def _door(self, path: str) -> Way | None:
        """Return the way below which a path would be: its clients know one shape of errors."""
        return next((way for at, way in self._exact.items() if path.startswith(f"{at}/")), None)

    def _stamp(self, request: web.BaseRequest, response: web.StreamResponse) -> None:
        if not isinstance(response, Answer):
            response.headers.update(own_headers(request))
            # aiohttp would tell its version.
            response.headers["Server"] = problem.SERVER
        if self._traffic.draining or request.version not in _VERSIONS:
            response.force_close()

    def _count(self, request: web.BaseRequest, path: str, status: int, duration_s: float) -> None:
        failure = request.get(notes.FAILURE)
        kind = failure.kind.name if failure else "CANCELLED" if status == 499 else ""
        span = request[notes.SPAN]
        span.set_attribute("http.response.status_code", status)
        if failure is not None:
            telemetry.mark(span, failure)
        method = request.method if request.method in ("GET", "POST") else "other"
        labels = {"http.request.method": method, "http.route": path, "error.type": kind}
        telemetry.requests.add(1, {**labels, "http.response.status_code": status})
        telemetry.request_duration.record(duration_s, labels)
        if self._access_log or status >= 500:
            fields = {
                "request_id": request[notes.REQUEST_ID],
                "method": method,
                "route": path,
                "status": status,
                "kind": kind,
                "duration_ms": round(duration_s * 1000, 1),
            }
            logger.info("request", extra={"fields": fields})


def request_id(headers: Mapping[str, str]) -> str:
    """Return the caller's X-Request-Id when it is harmless, else a fresh one."""
    given = headers.get("X-Request-Id")
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given
    return f"req_{os.urandom(16).hex()}"


def _authority(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].lower()


async def _go_on(request: web.BaseRequest) -> None:
    """Ask for the body that a client holds back until then (RFC 9110, 10.1.1)."""
    if request.headers["Expect"].lower() != "100-continue":
        raise web.HTTPExpectationFailed
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
