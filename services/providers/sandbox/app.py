"""The HTTP server: 13 vendors under 13 prefixes, and /_sandbox to set faults and to look."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import msgspec
from aiohttp import web

from services.providers.sandbox import (
    anthropic_messages,
    anthropic_refusals,
    embeddings,
    google_generate,
    google_refusals,
    openai_chat,
    openai_responses,
    refusals,
)
from services.providers.sandbox.errors import Trouble, refusal
from services.providers.sandbox.faults import (
    HUNG_UP,
    Board,
    Fault,
    break_stream,
    due,
    reply,
    spoiled,
    spoiled_stream,
    strike,
)
from services.providers.sandbox.frames import Frame, halves
from services.providers.sandbox.listing import listing
from services.providers.sandbox.records import Records
from services.providers.sandbox.vendors import VENDORS, Vendor

Json = dict[str, Any]
Models = Mapping[str, Sequence[str]]

_BODY_LIMIT = 64 * 1024 * 1024
_BOARD = web.AppKey("board", Board)
_RECORDS = web.AppKey("records", Records)
_MODELS = web.AppKey("models", dict[str, Sequence[str]])


def application(models: Models | None = None) -> web.Application:
    """Build the sandbox; `models` are the upstream ids that each provider lists and serves.

    A provider that `models` leaves out has a small built-in list. Ids that begin with "custom-"
    are served by everybody.
    """
    app = web.Application(client_max_size=_BODY_LIMIT)
    app[_BOARD], app[_RECORDS] = Board(), Records()
    app[_MODELS] = {v.id: v.models for v in VENDORS.values()} | dict(models or {})
    for vendor in VENDORS.values():
        app.router.add_route("*", vendor.prefix + "/{path:.*}", partial(_serve, vendor))
    app.router.add_post("/_sandbox/faults", _set_fault)
    app.router.add_get("/_sandbox/faults", _show_faults)
    app.router.add_delete("/_sandbox/faults", _clear_faults)
    app.router.add_get("/_sandbox/requests", _show_requests)
    app.router.add_delete("/_sandbox/requests", _clear_requests)
    app.on_response_prepare.append(_mark)
    return app


async def _mark(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers["x-routor-sandbox"] = "1"


async def _serve(vendor: Vendor, request: web.Request) -> web.StreamResponse:
    """Answer one request to a vendor and keep a record of it."""
    content = await request.read()
    record = request.app[_RECORDS].add(vendor, request, content)
    response: web.StreamResponse = web.Response()
    try:
        response = await _answer(vendor, request, content)
        record.status = response.status
        record.done = not _left(request) and not request.get(HUNG_UP, False)
    except Trouble as trouble:
        response = reply(refusal(vendor, trouble))
        record.status, record.done = response.status, True
    except ConnectionError:
        return response
    finally:
        record.disconnected = not record.done and not request.get(HUNG_UP, False)
    return response


def _left(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


async def _answer(vendor: Vendor, request: web.Request, content: bytes) -> web.StreamResponse:
    """Check the key and find the endpoint; raises Trouble for what the vendor refuses."""
    _authenticate(vendor, request)
    path = request.match_info["path"]
    if vendor.dialect != "openai_chat":
        path = path.removeprefix("v1/").removeprefix("v1beta/")
    elif vendor.id == "deepseek":
        path = path.removeprefix("v1/").removeprefix("beta/")
    if request.method == "GET" and path == "models":
        return await _list(vendor, request)
    if request.method == "POST" and path.endswith(("embeddings", ":batchEmbedContents")):
        return await _embed(vendor, request, content)
    if request.method == "POST" and vendor.dialect == "google_generate":
        model, _, verb = path.removeprefix("models/").rpartition(":")
        if verb in {"generateContent", "streamGenerateContent"}:
            stream = verb == "streamGenerateContent"
            return await _complete(vendor, request, content, model=model, stream=stream)
    if request.method == "POST" and path == "responses" and vendor.id in ("openai", "microsoft"):
        return await _complete(replace(vendor, dialect="openai_responses"), request, content)
    wanted = "messages" if vendor.dialect == "anthropic_messages" else "chat/completions"
    if request.method == "POST" and path == wanted and vendor.dialect != "google_generate":
        return await _complete(vendor, request, content)
    raise Trouble("not_found", f"Unknown path: {request.method} {request.path}", code="unknown_url")


def _authenticate(vendor: Vendor, request: web.Request) -> None:
    given = [request.headers[name] for name in vendor.key_headers if name in request.headers]
    if vendor.id == "google" and "key" in request.query:
        given.append(request.query["key"])
    if not given:
        status = {"xai": 401, "google": 403}.get(vendor.id)
        code = "1001" if vendor.id == "zai" else None
        raise Trouble("unauthenticated", "No API key was provided.", status=status, code=code)
    if vendor.key not in given and f"Bearer {vendor.key}" not in given:
        raise Trouble("unauthenticated")


async def _list(vendor: Vendor, request: web.Request) -> web.Response:
    fault = request.app[_BOARD].take(vendor.id, None, stream=False)
    if fault is not None and (response := await strike(request, vendor, fault)) is not None:
        return response
    page = listing(vendor, request.app[_MODELS][vendor.id], request.query)
    return web.Response(body=msgspec.json.encode(page), content_type="application/json")


async def _complete(
    vendor: Vendor,
    request: web.Request,
    content: bytes,
    *,
    model: str | None = None,
    stream: bool | None = None,
) -> web.StreamResponse:
    """Answer a completion; model and stream are given where the path says them."""
    body = _body(content)
    if vendor.dialect == "google_generate":
        body = google_generate.camel(body)
    model = model if model is not None else _model(body)
    stream = stream if stream is not None else body.get("stream") is True
    fault = request.app[_BOARD].take(vendor.id, model, stream=stream)
    if fault is not None and (response := await strike(request, vendor, fault)) is not None:
        return response
    if model not in request.app[_MODELS][vendor.id] and not model.startswith("custom-"):
        text = f"The model `{model}` does not exist or you do not have access to it."
        raise Trouble("not_found", text, param="model")
    try:
        _check(vendor, request, model, body)
        answered = _stream(vendor, model, body) if stream else _whole(vendor, model, body)
        if isinstance(answered, bytes):
            answered = spoiled(vendor, fault, answered)
            return web.Response(body=answered, content_type="application/json")
        frames = list(spoiled_stream(vendor, fault, answered))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        name = type(error).__name__
        raise Trouble("invalid", f"The request body is malformed ({name}: {error})") from error
    if vendor.dialect == "google_generate" and request.query.get("alt") != "sse":
        return _array(frames)
    return await _send(request, vendor, frames, fault)


async def _embed(vendor: Vendor, request: web.Request, content: bytes) -> web.StreamResponse:
    """Answer a request for embeddings."""
    body = _body(content)
    path = request.match_info["path"].rpartition("models/")[2]
    model = path.partition(":")[0] if vendor.dialect == "google_generate" else _model(body)
    fault = request.app[_BOARD].take(vendor.id, model, stream=False)
    if fault is not None and (response := await strike(request, vendor, fault)) is not None:
        return response
    if model not in embeddings.MODELS.get(vendor.id, ()):
        raise Trouble("not_found", f"The model `{model}` does not exist.", param="model")
    try:
        answered = embeddings.whole(vendor, model, body)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        name = type(error).__name__
        raise Trouble("invalid", f"The request body is malformed ({name}: {error})") from error
    return web.Response(body=answered, content_type="application/json")


def _body(content: bytes) -> Json:
    try:
        body = msgspec.json.decode(content)
    except ValueError as error:
        raise Trouble("invalid", "Could not parse the JSON body of the request.") from error
    if not isinstance(body, dict):
        raise Trouble("invalid", "The JSON body of the request must be an object.")
    return body


def _model(body: Json) -> str:
    model = body.get("model")
    if not isinstance(model, str) or not model:
        raise Trouble("invalid", "You must provide a model parameter.", param="model")
    return model


def _check(vendor: Vendor, request: web.Request, model: str, body: Json) -> None:
    match vendor.dialect:
        case "openai_chat":
            refusals.check(vendor, body)
        case "openai_responses":
            openai_responses.check(body)
        case "anthropic_messages":
            anthropic_refusals.check(body, request.headers.get("anthropic-version", ""))
        case "google_generate":
            google_refusals.check(model, body)


def _whole(vendor: Vendor, model: str, body: Json) -> bytes:
    match vendor.dialect:
        case "openai_chat":
            return openai_chat.whole(vendor, body)
        case "openai_responses":
            return openai_responses.whole(vendor, body)
        case "anthropic_messages":
            return anthropic_messages.whole(body)
        case "google_generate":
            return google_generate.whole(model, body)


def _stream(vendor: Vendor, model: str, body: Json) -> Iterator[Frame]:
    match vendor.dialect:
        case "openai_chat":
            return openai_chat.stream(vendor, body)
        case "openai_responses":
            return openai_responses.stream(vendor, body)
        case "anthropic_messages":
            return anthropic_messages.stream(body)
        case "google_generate":
            return google_generate.stream(model, body)


def _array(frames: list[Frame]) -> web.Response:
    """Return a Gemini stream as the JSON array that it is without alt=sse."""
    chunks = [frame.data.removeprefix(b"data: ").strip() for frame in frames]
    body = b"[" + b",\r\n".join(chunks) + b"]"
    return web.Response(body=body, content_type="application/json")


async def _send(
    request: web.Request, vendor: Vendor, frames: list[Frame], fault: Fault | None
) -> web.StreamResponse:
    """Write the frames one by one; a character of several bytes is cut by a write."""
    response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
    response.content_type = "text/event-stream"
    await response.prepare(request)
    for number, frame in enumerate(frames):
        if fault is not None and due(fault, number, frame):
            if not await break_stream(request, vendor, fault, response):
                break
            fault = fault if fault.kind in ("stream_slow", "stream_bytes") else None
        single = fault is not None and fault.kind == "stream_bytes" and number >= fault.after_chunks
        for half in map(bytes, zip(frame.data)) if single else halves(frame.data):
            if half:
                await response.write(half)
        await asyncio.sleep(0)
    if not request.get(HUNG_UP, False):
        await response.write_eof()
    return response


def _json(value: object, status: int = 200) -> web.Response:
    body = msgspec.json.encode(value)
    return web.Response(status=status, body=body, content_type="application/json")


async def _set_fault(request: web.Request) -> web.Response:
    try:
        return _json(request.app[_BOARD].add(await request.read()), status=201)
    except ValueError as error:
        return _json({"error": str(error)}, status=400)


async def _show_faults(request: web.Request) -> web.Response:
    return _json({"faults": request.app[_BOARD].faults})


async def _clear_faults(request: web.Request) -> web.Response:
    request.app[_BOARD].faults.clear()
    return web.Response(status=204)


async def _show_requests(request: web.Request) -> web.Response:
    return _json({"requests": request.app[_RECORDS].of(request.query.get("provider"))})


async def _clear_requests(request: web.Request) -> web.Response:
    request.app[_RECORDS].clear()
    return web.Response(status=204)
