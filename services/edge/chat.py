"""The front door POST /v1/chat/completions: OpenAI's format in and out."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from routor.v1.router_pb2 import RouteRequest
from routor.v1.types_pb2 import PROFILE_DIRECT, Profile
from services.edge import blocks, document, fields, legacy, problem, schema, spelling
from services.edge.door import NO_HEADERS, Call, Headers
from services.edge.spelling import Names, Places
from services.errors import Kind, RoutorError

# Names by which other gateways and SDKs let a caller choose hosts, keys or backends. They are
# dropped: where a request goes is never the caller's to say (GHSA-qqcv-vg9f-5rr3, 2026).
# fmt: off
DROPPED = frozenset({
    "api_base", "api_key", "api_type", "api_version", "azure_ad_token", "azure_endpoint",
    "base_url", "custom_host", "custom_llm_provider", "deployment_id", "endpoint",
    "extra_body", "extra_headers", "extra_query", "fallbacks", "headers", "host",
    "mock_response", "model_list", "num_retries", "organization", "proxy", "region_name",
    "request_timeout", "timeout", "url", "user_config", "webhook_url",
})
# fmt: on
DROPPED_PREFIXES = ("aws_", "litellm_", "portkey", "vertex_", "x-")
# Objects that are passed on as they are, so that such names may stand in them, too.
OPEN = ("audio", "prediction", "web_search_options")
# With none but these there is nothing to be taken out, unless it is null.
PLAIN = frozenset(schema.ChatRequest.__struct_fields__) - {
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "stop",
    *OPEN,
}
MOST_STOPS = 4
MOST_NAME_CHARS = 64
# What vendors name models with; an id may become a part of a path.
MODEL_ID = re.compile(r"(?!.*\.\.)[\w.:/@+~=,()\[\]-]{1,256}", re.ASCII)

# It is the inner language.
names: Names = {}

DONE = b"data: [DONE]\n\n"
# A comment to every reader of server-sent events.
KEEP_ALIVE = b": keep-alive\n\n"


def parse(raw: bytes, headers: Headers = NO_HEADERS) -> Call:
    """Read a body; raise RoutorError(INVALID_REQUEST) naming the faulty field."""
    read = call(document.read(raw), raw)
    stop = read.request.stop
    if isinstance(stop, list) and len(stop) > MOST_STOPS:
        # Through Anthropic's door there may be more.
        raise document.invalid("stop", f"must be {MOST_STOPS} sequences at most")
    for place, tool in enumerate(read.request.tools or ()):
        kind = "function" if isinstance(tool, schema.FunctionTool) else "custom"
        if len(getattr(tool, kind).name) > MOST_NAME_CHARS:
            path = f"tools[{place}].{kind}.name"
            raise document.invalid(path, f"must have {MOST_NAME_CHARS} characters at most")
    return read


def call(tree: dict[str, Any], raw: bytes | None = None) -> Call:
    """Check a decoded body; `raw` is forwarded when nothing has to be taken out of it."""
    own, older = fields.NONE, False
    dropped: tuple[str, ...] = ()
    if not (tree.keys() <= PLAIN) or None in tree.values():
        size = len(tree)
        own = fields.take(tree)
        older = legacy.rewrite(tree)
        dropped = _strip(tree)
        if older or dropped or len(tree) != size:
            raw = None
    fractions = _fractions(tree)
    request, places = _request(tree)
    if fractions != _fractions(tree):
        raw = None  # the body says 100.0 where the tree has 100 by now
    if request.tool_choice is not None:
        _check_choice(request.tool_choice, request.tools)
    if request.top_logprobs and not request.logprobs:
        raise document.invalid("top_logprobs", "needs logprobs to be true")
    if request.stream_options is not None and not request.stream:
        # OpenAI refuses it; an answer in one piece loses nothing by its absence.
        del tree["stream_options"]
        raw, dropped = None, (*dropped, "stream_options")
    profile, asked = _asked(request.model or "", own)
    body = msgspec.json.encode(tree) if raw is None or places else raw
    return Call(body, request, own, profile, asked, dropped=dropped, view=older, places=places)


def _asked(model: str, own: fields.Fields) -> tuple["Profile.ValueType", str]:
    """Return the profile, and the model that is named or "auto"."""
    if not model and own.routor_profile is None and own.routor_tier is None:
        raise document.invalid("model", 'is missing: name one, or "auto"')
    profile = fields.profile(own, model)
    if profile == PROFILE_DIRECT and not MODEL_ID.fullmatch(model):
        raise RoutorError(Kind.UNKNOWN_MODEL, "There is no model of this name.", param="model")
    return profile, model if profile == PROFILE_DIRECT else "auto"


def _fractions(tree: dict[str, Any]) -> list[str]:
    """Return the names of the numbers that were written with a point."""
    return [name for name, value in tree.items() if type(value) is float]


def _request(tree: dict[str, Any]) -> tuple[schema.ChatRequest, Places]:
    """Check the types; messages in older words or others' go into `tree` in OpenAI's own.

    Then the places are those of the messages as they were given.
    """
    places: Places = ()
    try:
        request = document.convert(tree, schema.ChatRequest)
    except RoutorError:
        # Only now: nobody else has to pay for the look.
        given = tree.get("messages")
        if not (legacy.spoken(given) or blocks.spoken(given)):
            raise
        tree["messages"], places = blocks.retell(legacy.retell(tree["messages"]))
        with spelling.placing(places, names):
            request = document.convert(tree, schema.ChatRequest)
    with spelling.placing(places, names):
        _check_messages(request.messages)
    return request, places


def answer(call: Call, body: bytes, routor: bytes) -> bytes:
    """Return the completion with the `routor` object as its last member."""
    return _with(legacy.answer(body) if call.view else body, routor)


def _own(body: bytes) -> bytes:
    """Return a completion without the stop_reason, which OpenAI's type lacks: other doors read it.

    In a text its quotes would be escaped.
    """
    if b'"stop_reason":' not in body:
        return body
    told = msgspec.json.decode(body)
    for choice in told["choices"]:
        choice.pop("stop_reason", None)
    return msgspec.json.encode(told)


class Stream:
    """Writes any number of streams: nothing has to be kept from chunk to chunk."""

    sign = KEEP_ALIVE

    def chunks(self, bodies: Iterable[bytes]) -> bytes:
        """Return a server-sent event for each body."""
        return b"data: " + b"\n\ndata: ".join(bodies) + b"\n\n"

    def finish(self, bodies: Iterable[bytes], usage_chunk: bytes, routor: bytes) -> bytes:
        """Return the chunks with finish_reason, `routor` in the last, usage if any, and [DONE]."""
        *others, last = map(_own, bodies)
        usage = [usage_chunk] if usage_chunk else []
        return self.chunks([*others, _with(last, routor), *usage]) + DONE

    def broken(self, error: RoutorError, request_id: str) -> bytes:
        """Return the error event; no finish_reason and no [DONE] ever follow it."""
        return self.chunks([msgspec.json.encode(problem.document(error, request_id))])


class OlderStream(Stream):
    """Writes streams for those who have asked with functions."""

    def chunks(self, bodies: Iterable[bytes]) -> bytes:
        """Return a server-sent event for each body."""
        return super().chunks(map(legacy.answer, bodies))


_stream = Stream()
_older_stream = OlderStream()


def writer(call: Call, question: RouteRequest) -> Stream:
    """Return what writes the stream that answers a call."""
    return _older_stream if call.view else _stream


def _with(body: bytes, routor: bytes) -> bytes:
    """Add a member to an encoded object without decoding it."""
    return _own(body).rstrip()[:-1] + b',"routor":' + routor + b"}"


def _strip(tree: dict[str, Any]) -> tuple[str, ...]:
    """Take out what is not forwarded: other gateways' fields, nulls, tool fields without tools.

    Returns the names of the first: somebody has meant something by them.
    """
    foreign = []
    for name, value in list(tree.items()):
        if value is None or (name == "stop" and value == []):
            del tree[name]
        elif _leads_elsewhere(name):
            del tree[name]
            foreign.append(name)
        elif name in OPEN:
            tree[name] = _closed(value, name, foreign)
    if tree.get("tools") == []:
        del tree["tools"]
    if "tools" not in tree:
        if isinstance(tree.get("parallel_tool_calls"), bool):
            del tree["parallel_tool_calls"]
        if tree.get("tool_choice") in ("auto", "none"):
            del tree["tool_choice"]
    return document.named(foreign)


def _leads_elsewhere(name: str) -> bool:
    return name in DROPPED or name.lower().startswith(DROPPED_PREFIXES)


def _closed(value: Any, path: str, foreign: list[str]) -> Any:
    """Return an object without such names, at any depth; their paths go to `foreign`."""
    if isinstance(value, list):
        return [_closed(one, f"{path}[]", foreign) for one in value]
    if not isinstance(value, dict):
        return value
    foreign += [f"{path}.{name}" for name in value if _leads_elsewhere(name)]
    return {
        name: _closed(one, f"{path}.{name}", foreign)
        for name, one in value.items()
        if not _leads_elsewhere(name)
    }


def _check_messages(messages: Sequence[schema.Message]) -> None:
    called: set[str] = set()
    for index, message in enumerate(messages):
        if isinstance(message, schema.User):
            if isinstance(message.content, list):
                _check_files(message.content, index)
        elif isinstance(message, schema.Assistant):
            called.update([made.id for made in message.tool_calls or ()])
            _check_arguments(message.tool_calls or ())
            if message.content is None and not (
                message.tool_calls or message.refusal or message.audio or message.thinking_blocks
            ):
                raise _unsaid(message, f"messages[{index}]")
        elif isinstance(message, schema.ToolResult) and message.tool_call_id not in called:
            text = "answers no tool call of an earlier assistant message"
            raise document.invalid(f"messages[{index}].tool_call_id", text)


def _unsaid(message: schema.Assistant, path: str) -> RoutorError:
    """Return the error of an assistant message that says nothing."""
    if message.function_call is not None:
        return document.invalid(f"{path}.function_call", "has no answer of the role function")
    return document.invalid(f"{path}.content", "is missing, and there are no calls")


def _check_arguments(calls: Iterable[schema.FunctionCall | schema.CustomCall]) -> None:
    """Refuse what vendors would take long to be given: their formats have arguments as objects."""
    for made in calls:
        if isinstance(made, schema.FunctionCall):
            given = made.function.arguments
            if len(given) > document.QUICK_BYTES:
                document.check_crowd(given.encode())


def _check_files(parts: Sequence[schema.UserPart], index: int) -> None:
    for place, part in enumerate(parts):
        if isinstance(part, schema.File) and not (part.file.file_data or part.file.file_id):
            path = f"messages[{index}].content[{place}].file"
            raise document.invalid(path, "needs file_data or file_id")


def _check_choice(choice: schema.ToolChoice, tools: Sequence[schema.Tool] | None) -> None:
    if not tools:
        raise document.invalid("tool_choice", "needs tools to choose from")
    if isinstance(choice, schema.NamedFunction):
        wanted, path = choice.function.name, "tool_choice.function.name"
    elif isinstance(choice, schema.NamedCustom):
        wanted, path = choice.custom.name, "tool_choice.custom.name"
    else:
        return
    offered = {
        tool.function.name if isinstance(tool, schema.FunctionTool) else tool.custom.name
        for tool in tools
    }
    if wanted not in offered:
        raise document.invalid(path, "is not the name of one of the tools")
