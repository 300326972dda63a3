"""What surrounds every request: its id, its key, its span, its metrics, its errors, the drain."""

import asyncio
import logging
import re
import time
import uuid
from collections.abc import Mapping

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from services import telemetry
from services.edge import notes, problem
from services.edge.gate import Gate
from services.errors import Kind, RoutorError

logger = logging.getLogger(__name__)

# Answered without a key. Every other path needs one: closed by default.
OPEN = frozenset({"/healthz", "/readyz", "/metrics"})
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")


class Traffic:
    """Counts running requests, and knows whether the edge is draining."""

    def __init__(self) -> None:
        self.draining = False
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

    async def quiet(self, timeout_s: float) -> bool:
        """Wait until nothing runs; False when `timeout_s` passed before."""
        try:
            await asyncio.wait_for(self._quiet.wait(), timeout_s)
        except TimeoutError:
            return False
        return True


def request_id(headers: Mapping[str, str]) -> str:
    """Return the caller's X-Request-Id when it is harmless, else a fresh one."""
    given = headers.get("X-Request-Id", "")
    return given if _REQUEST_ID.fullmatch(given) else f"req_{uuid.uuid4().hex}"


async def stamp(request: web.Request, response: web.StreamResponse) -> None:
    """Put the request id on every answer, streams and errors included, and no version numbers."""
    # aiohttp answers a wrong Expect header before any middleware.
    known = request.get(notes.REQUEST_ID) or request_id(request.headers)
    response.headers["X-Request-Id"] = known
    response.headers["Server"] = problem.SERVER


def middleware(gate: Gate, traffic: Traffic) -> Middleware:
    """Return the one middleware of the edge."""

    @web.middleware
    async def frame(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[notes.REQUEST_ID] = request_id(request.headers)
        path = _path(request)
        attributes = {
            "http.request.method": request.method,
            "http.route": path,
            telemetry.REQUEST_ID: request[notes.REQUEST_ID],
        }
        started_s = time.perf_counter()
        traffic.enter()
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
                    response = await _answered(request, handler, gate, traffic, path)
                    status = response.status
                finally:
                    _count(request, path, status, time.perf_counter() - started_s)
            return response
        finally:
            traffic.leave()

    return frame


async def _answered(
    request: web.Request, handler: Handler, gate: Gate, traffic: Traffic, path: str
) -> web.StreamResponse:
    """Let the request through to its handler, and turn every failure into an answer."""
    try:
        # Path and key are judged from the same matched route.
        if request.match_info.http_exception is None and path not in OPEN:
            if traffic.draining:
                text = "This server is shutting down; try again."
                raise RoutorError(Kind.OVERLOADED, text, retry_after_s=1)
            await gate.check(request.headers)
        response = await handler(request)
    except web.HTTPException as refused:
        response = problem.refusal(refused, request.method)
    except RoutorError as failure:
        response = _failed(request, failure)
    except ConnectionError:
        raise
    except Exception as failure:
        logger.exception("a request failed unexpectedly: %s", type(failure).__name__)
        text = "Something failed inside Routor; see its log."
        response = _failed(request, RoutorError(Kind.INTERNAL, text))
    if traffic.draining and not response.prepared:
        response.force_close()
    return response


def _failed(request: web.Request, error: RoutorError) -> web.Response:
    request[notes.FAILURE] = error
    return problem.response(error, request[notes.REQUEST_ID])


def _path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource is not None else "unknown"


def _count(request: web.Request, path: str, status: int, duration_s: float) -> None:
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
    if path in OPEN:
        return
    fields = {
        "request_id": request[notes.REQUEST_ID],
        "method": method,
        "route": path,
        "status": status,
        "kind": kind,
        "duration_ms": round(duration_s * 1000, 1),
    }
    logger.info("request", extra={"fields": fields})
