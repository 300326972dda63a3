"""A Responses request as the inner one: OpenAI chat completions. Nothing is stored."""

from collections.abc import Mapping
from typing import Any, get_args

import msgspec

from services.edge import chat, document, fields, spelling
from services.edge.door import NO_HEADERS, Call, Headers
from services.edge.responses import history, hosted
from services.edge.responses.schema import (
    HOSTED,
    AllowedTools,
    CustomTool,
    FunctionTool,
    Hosted,
    Item,
    NamedCustom,
    NamedFunction,
    ObjectFormat,
    ResponsesRequest,
    SchemaFormat,
    TextOptions,
    Thinking,
)
from services.errors import Kind, RoutorError

Json = dict[str, Any]

# They ask for something kept at the server.
KEPT = {
    "previous_response_id": "send the earlier items in input",
    "conversation": "send the earlier items in input",
    "background": "stream the answer instead",
    "prompt": "send the prompt in instructions and input",
}
# How the ids of reasoning items and of messages begin.
THOUGHTS, SAID = "rs_", "msg_"
REFERENCE = "item_reference"
TOOL_KINDS: Mapping[str, type[msgspec.Struct]] = {"function": FunctionTool, "custom": CustomTool}
TOOL_TYPES = hosted.TOOLS | {"function", "custom", "namespace"}
ITEM_TYPES = hosted.ITEM_TYPES | {one.__struct_config__.tag for one in get_args(Item)} - {HOSTED}
CALLS = ("function_call", "custom_tool_call")
KNOWN = frozenset(ResponsesRequest.__struct_fields__)
# What Chat Completions calls otherwise. Left out, the answer would be another one.
MOVED = {
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "messages": "input",
    "reasoning_effort": "reasoning.effort",
    "response_format": "text.format",
    "verbosity": "text.verbosity",
}
_PARTS = "input_text, input_image, input_file"
WORDS = {
    "role": "user, assistant, system or developer",
    "content.type": f"{_PARTS}, input_audio, output_text or refusal",
    "output.type": _PARTS,
    "format.name": f"{document.NAME}, 64 at most",
    "tools.name": f"{document.NAME}, 64 at most",
    "image_url": "an address that begins with https: or http:, or a data URL of base64",
    "file_url": "an address that begins with https: or http:",
}
_SAME = ("temperature", "top_p", "parallel_tool_calls", "metadata", "user", "service_tier")
_ALSO_SAME = (
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_options",
    "prompt_cache_retention",
    "store",
)


def parse(raw: bytes, headers: Headers = NO_HEADERS) -> Call:
    """Read a body; raise RoutorError(INVALID_REQUEST) naming the faulty field."""
    tree = document.read(raw)
    own = {name: tree.pop(name) for name in list(tree) if name.startswith(fields.PREFIX)}
    dropped = _known(tree)
    if isinstance(tree.get("input"), list):
        dropped += _items(tree["input"])
    echo = {name: tree.get(name) for name in ("tools", "tool_choice", "text", "reasoning")}
    hosted.gather(tree)
    hosted.update(tree)
    _refuse_unknown(tree)
    dropped += _inside(tree)
    hosted.wrap(tree)
    request = document.convert(tree, ResponsesRequest, WORDS)
    messages, places = history.conversation(request)
    inner = {**_inner(request, messages), **hosted.carried(request), **own}
    with spelling.placing(places, history.WORDS):
        call = chat.call(inner)
    return msgspec.structs.replace(
        call,
        places=places,
        view=View(request, echo, hosted.namespaces(request)),
        dropped=document.named((*dropped, *hosted.dropped(request), *_idle(request))),
        needs=("openai_tools",) if hosted.forced(request) else (),
    )


class View(msgspec.Struct, frozen=True):
    """What the answer says again of its request; `echo` holds members as they were written.

    `namespaces` has namespace and name of tools by the names that models know.
    """

    request: ResponsesRequest
    echo: Json
    namespaces: Mapping[str, tuple[str, str]] = {}

    @property
    def thoughts(self) -> bool:
        """Whether the caller wants to be told what the model thought."""
        asked = self.request.reasoning
        return asked is not None and bool(asked.summary or asked.generate_summary)

    @property
    def sealed(self) -> bool:
        """Whether the caller gets thoughts that it can send back.

        Nothing is kept here, and some models want calls back with the thoughts that led to them.
        """
        request = self.request
        return bool(request.tools) or "reasoning.encrypted_content" in (request.include or ())


def _known(tree: Json) -> tuple[str, ...]:
    """Take out nulls and what nobody here knows; raise for what needs a server's memory."""
    for name in [name for name, value in tree.items() if value is None]:
        del tree[name]
    for name, advice in KEPT.items():
        if tree.pop(name, None):
            text = f"{name}: Routor keeps no responses; {advice}."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=name)
    for name, ours in MOVED.items():
        if name in tree:
            text = f"{ours}: Responses call {name} so; send it by this name."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=ours)
    unknown = tree.keys() - KNOWN
    dropped = document.named(unknown)
    for name in unknown:
        del tree[name]
    return dropped


def _inside(tree: Json) -> tuple[str, ...]:
    """Return the names of what is asked for inside fields and unknown to the schema."""
    found = [
        f"{name}.{member}"
        for name, kind in (("reasoning", Thinking), ("text", TextOptions))
        for member in document.unknown(tree.get(name), kind)
    ]
    tools = tree.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        kind = TOOL_KINDS.get(str(tool.get("type"))) if isinstance(tool, dict) else None
        if kind is not None:
            found += [f"tools[].{member}" for member in document.unknown(tool, kind)]
    return tuple(set(found))


def _idle(request: ResponsesRequest) -> tuple[str, ...]:
    """Return the names of what changes nothing here.

    Without tools that OpenAI runs nobody counts calls; what is too long goes to a model that takes
    it, or is refused, and is never cut; an answer in one piece has no stream's options.
    """
    idle = {
        "max_tool_calls": request.max_tool_calls is not None and not hosted.offered(request),
        "truncation": request.truncation == "auto",
        "stream_options": request.stream_options is not None and not request.stream,
    }
    return tuple(name for name, is_idle in idle.items() if is_idle)


def _items(given: list[Any]) -> tuple[str, ...]:
    """Give items the type they may go without; return what was left out.

    A reference to an item that stands in the same input says nothing new, and OpenAI has each
    item once in a conversation. Others need a server's memory and are refused, but for thoughts,
    which can be done without, and for what was said on the way to a call, whose tools it only
    announces; the Vercel AI SDK (@ai-sdk/openai 3.0.141) refers to both in a loop of tools unless
    told `store: false`.
    """
    items = [(index, item) for index, item in enumerate(given) if isinstance(item, dict)]
    for _, item in items:
        if item.get("type") is None and ("role" in item or "id" in item):
            item["type"] = "message" if "role" in item else REFERENCE
    there = [item.get("id") for _, item in items if item.get("type") != REFERENCE]
    told = {own for own in there if isinstance(own, str)}
    left_out: tuple[str, ...] = ()
    calls_next = False  # read from the end: whether this turn goes on with a call
    for index, item in reversed(items):
        kind = item.get("type")
        if kind == REFERENCE:
            if str(item.get("id")) not in told:
                _refuse_reference(item, index, calls_next=calls_next)
            left_out = (f"input[].{REFERENCE}",)
        elif kind != "reasoning":
            calls_next = kind in CALLS
    return left_out


def _refuse_reference(item: Json, index: int, *, calls_next: bool) -> None:
    """Raise for a reference to what the model has to know."""
    named = item.get("id")
    if not isinstance(named, str):
        return  # the schema says what is wrong
    if named.startswith(THOUGHTS) or (calls_next and named.startswith(SAID)):
        return
    param = f"input[{index}].id"
    advice = "send the item itself, as clients do with store: false"
    text = f"{param}: Routor keeps no items, and this one is not in the input; {advice}."
    raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=param)


def _refuse_unknown(tree: Json) -> None:
    """Raise for tools and items that nobody here knows, whatever else is in them."""
    known = (("tools", TOOL_TYPES, "declare a function"), ("input", ITEM_TYPES, "leave it out"))
    for name, kinds, advice in known:
        given = tree.get(name)
        for index, one in enumerate(given if isinstance(given, list) else ()):
            kind = one.get("type") if isinstance(one, dict) else None
            if isinstance(kind, str) and kind not in kinds:
                path = f"{name}[{index}].type"
                text = f"{path}: this type is not supported here; {advice}."
                raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=path)


def _inner(request: ResponsesRequest, messages: list[Json]) -> Json:
    tree: Json = {"model": request.model or "", "messages": messages}
    for name in (*_SAME, *_ALSO_SAME):
        if (value := getattr(request, name)) is not None:
            tree[name] = value
    if request.max_output_tokens is not None:
        tree["max_completion_tokens"] = request.max_output_tokens
    if request.stream:
        # The end of a Responses stream always tells the usage.
        tree |= {"stream": True, "stream_options": {"include_usage": True}}
    if request.reasoning is not None and request.reasoning.effort is not None:
        tree["reasoning_effort"] = request.reasoning.effort
    return {**tree, **_tools(request), **_text(request)}


def _tools(request: ResponsesRequest) -> Json:
    offered, choice = hosted.functions(request), request.tool_choice
    if hosted.offered(request) and hosted.choice(request) is not None:
        chosen: Json = {}  # goes to OpenAI as it is
    elif isinstance(choice, AllowedTools):
        if not offered:
            raise document.invalid("tool_choice.tools", "names none of the tools")
        chosen = {"tool_choice": choice.mode}
    elif isinstance(choice, NamedFunction | NamedCustom):
        kind = "function" if isinstance(choice, NamedFunction) else "custom"
        chosen = {"tool_choice": {"type": kind, kind: {"name": choice.name}}}
    elif isinstance(choice, Hosted):
        raise document.invalid("tool_choice.type", "is not the type of one of the tools")
    else:
        chosen = {"tool_choice": choice} if choice is not None else {}
    return {"tools": [_tool(name, tool) for name, tool in offered], **chosen} if offered else chosen


def _tool(name: str, tool: FunctionTool | CustomTool) -> Json:
    names = ("description", "parameters", "strict", "format")
    given = {name: value for name in names if (value := getattr(tool, name, None)) is not None}
    if isinstance(tool, FunctionTool):
        return {"type": "function", "function": {"name": name, **given}}
    form = given.get("format")
    if form is not None and form.get("type") == "grammar":
        # Chat completions have it nested.
        inside = {member: value for member, value in form.items() if member != "type"}
        given["format"] = {"type": "grammar", "grammar": inside}
    return {"type": "custom", "custom": {"name": name, **given}}


def _text(request: ResponsesRequest) -> Json:
    tree: Json = {}
    options = request.text
    if options is not None and options.verbosity is not None:
        tree["verbosity"] = options.verbosity
    form = options.format if options is not None else None
    if isinstance(form, ObjectFormat):
        tree["response_format"] = {"type": "json_object"}
    elif isinstance(form, SchemaFormat):
        names = ("name", "schema", "description", "strict")
        shape = {name: value for name in names if (value := getattr(form, name)) is not None}
        tree["response_format"] = {"type": "json_schema", "json_schema": shape}
    if request.top_logprobs or "message.output_text.logprobs" in (request.include or ()):
        tree["logprobs"] = True
        if request.top_logprobs:
            tree["top_logprobs"] = request.top_logprobs
    return tree
