"""Anthropic's request as the inner one: OpenAI chat completions.

Source of the rules: anthropic 2.12.0, types/message_create_params.py (2026-11-23).
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from services import efforts
from services.edge import chat, document, fields, spelling
from services.edge.door import NO_HEADERS, Call, Headers
from services.edge.messages import history, native, strictness
from services.edge.messages.schema import (
    Choice,
    Counted,
    MessagesRequest,
    Output,
    ThinkingSwitch,
    Tool,
)
from services.errors import Kind, RoutorError

Json = dict[str, Any]

KNOWN = frozenset(MessagesRequest.__struct_fields__)
# Without them the answer would be another one.
REFUSED = ("thread", "compaction")
# How Anthropic's own ids begin: one that the catalog lacks is for Anthropic to know.
THEIRS = "claude-"
WORDS = {
    "role": "user, assistant or system",
    "content.type": "text, image, document, search_result, tool_use, tool_result or thinking",
    "tools.name": f"{document.NAME}, 128 at most",
    "media_type": "image/jpeg, image/png, image/gif or image/webp, or of documents another one",
    "url": "an address that begins with https: or http:",
}
# With this word of anthropic-beta a budget is of all thoughts of a turn, whatever its calls.
INTERLEAVED = "interleaved-thinking"


def parse(raw: bytes, headers: Headers = NO_HEADERS) -> Call:
    """Read a body; raise RoutorError(INVALID_REQUEST) naming the faulty field."""
    beta = native.beta(headers)
    tree = document.read(raw)
    own = {name: tree.pop(name) for name in list(tree) if name.startswith(fields.PREFIX)}
    dropped = _known(tree)
    request = document.convert(tree, MessagesRequest, WORDS)
    _check_budget(request, beta)
    messages, places = history.conversation(request)
    inner = {**_counted(request, messages), **_answering(request), **own}
    carried = native.carried(tree, request, beta, messages)
    with spelling.placing(places, history.WORDS):
        call = chat.call({"model": request.model or "", **inner, **carried})
    needs = native.needs(request, carried)
    # Models of Anthropic's that think unasked are asked by their name (types/
    # message_create_params.py: what happens without `thinking` depends on the model).
    theirs = request.thinking is None and call.model.startswith((THEIRS, "anthropic/"))
    thoughts = theirs or (request.thinking is not None and request.thinking.type != "disabled")
    other = f"anthropic/{call.model}" if call.model.startswith(THEIRS) else ""
    return msgspec.structs.replace(
        call, thoughts=thoughts, dropped=dropped, other_model=other, needs=needs, places=places
    )


def parse_counted(raw: bytes) -> Call:
    """Read the body of a request that is only to be counted."""
    tree = document.read(raw)
    own = {name: tree.pop(name) for name in list(tree) if name.startswith(fields.PREFIX)}
    _known(tree)
    request = document.convert(tree, Counted, WORDS)
    if request.model is None:
        raise document.invalid("model", 'is missing: name one, or "auto"')
    messages, places = history.conversation(request)
    with spelling.placing(places, history.WORDS):
        return chat.call({"model": request.model, **_counted(request, messages), **own})


def _known(tree: Json) -> tuple[str, ...]:
    """Take out nulls and what only Anthropic knows; raise for what cannot be left out."""
    for name in [name for name, value in tree.items() if value is None]:
        del tree[name]
    for name in REFUSED:
        if name in tree:
            text = f"{name}: this field is not supported here; leave it out."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=name)
    native.check(tree)
    # Claude Code sends new ones with every month.
    unknown = tree.keys() - KNOWN.union(native.FIELDS)
    for name in unknown:
        del tree[name]
    native.wrap(tree.get("messages"))
    inside = [
        f"{name}.{member}"
        for name, kind in (("output_config", Output), ("thinking", ThinkingSwitch))
        for member in document.unknown(tree.get(name), kind)
        if member not in native.OUTPUT_FIELDS
    ]
    return document.named([*unknown, *inside])


def _check_tools(offered: Sequence[Tool]) -> None:
    known: set[str] = set()
    for at, tool in enumerate(offered):
        if not tool.name and not native.is_set(tool):
            raise document.invalid(f"tools[{at}].name", "is missing")
        if tool.name and tool.name in known:
            raise document.invalid(f"tools[{at}].name", "is the name of another tool, too")
        known.add(tool.name)


def _check_budget(request: MessagesRequest, beta: str) -> None:
    thinking = request.thinking
    budget = thinking.budget_tokens if thinking is not None else None
    if budget is not None and budget >= request.max_tokens and INTERLEAVED not in beta:
        raise document.invalid("max_tokens", "must be greater than thinking.budget_tokens")


def _counted(request: Counted, messages: list[Json]) -> Json:
    """Return the fields that every request has."""
    _check_tools(request.tools or ())
    tree: Json = {"messages": messages}
    if tools := _tools(request.tools or ()):
        tree["tools"] = tools
    if native.chooses_own(request):
        pass  # goes to Anthropic as it is
    elif tools and request.tool_choice is not None:
        tree |= _choice(request.tool_choice)
    elif request.tool_choice is not None and request.tool_choice.type in ("any", "tool"):
        raise document.invalid("tool_choice", "needs tools to choose from")
    effort = _effort(request)
    if effort:
        tree["reasoning_effort"] = effort
    output = request.output_config
    form = (output.format if output else None) or request.output_format
    if form is not None:
        exact = strictness.is_exact(form.schema)
        shape = {"name": "answer", "schema": form.schema, "strict": exact}
        tree["response_format"] = {"type": "json_schema", "json_schema": shape}
    return tree


def _answering(request: MessagesRequest) -> Json:
    """Return the fields of a request that wants an answer."""
    tree: Json = {"max_completion_tokens": request.max_tokens}
    if request.stream:
        # An Anthropic stream tells the usage at its end, and of the input at its start.
        options = {"include_usage": True, "usage_at_start": True}
        tree |= {"stream": True, "stream_options": options}
    for name in ("temperature", "top_p", "top_k"):
        if (value := getattr(request, name)) is not None:
            tree[name] = value
    if request.stop_sequences:
        tree["stop"] = request.stop_sequences
    if request.metadata is not None and request.metadata.user_id:
        tree["user"] = request.metadata.user_id
    if request.service_tier is not None:
        tree["service_tier"] = "auto" if request.service_tier == "auto" else "default"
    return tree


def _effort(request: Counted) -> str:
    """Return OpenAI's word for how much to think, "" where the request leaves it open."""
    output, thinking = request.output_config, request.thinking
    kind, budget = (thinking.type, thinking.budget_tokens) if thinking is not None else ("", None)
    if kind == "disabled":
        return "none"
    if kind == "enabled" and budget is None:
        raise document.invalid("thinking.budget_tokens", "is missing")
    if output is not None and output.effort is not None:
        return output.effort
    if not kind:
        return ""
    if budget is None:
        # Thinking that is asked for is as much as Anthropic's default, and not the model's none.
        return "high"
    return efforts.of_budget(budget)


def _tools(offered: Sequence[Tool]) -> list[Json]:
    given = enumerate(offered)
    return [_tool(tool, f"tools[{at}]") for at, tool in given if not native.is_own(tool)]


def _tool(tool: Tool, path: str) -> Json:
    if tool.input_schema is None:
        raise document.invalid(f"{path}.input_schema", "is missing")
    declared: Json = {"name": tool.name, "parameters": tool.input_schema}
    if tool.description is not None:
        declared["description"] = tool.description
    if tool.strict is not None:
        # Anthropic gets it as it was said (`native`).
        declared["strict"] = tool.strict and strictness.is_exact(tool.input_schema)
    made: Json = {"type": "function", "function": declared}
    return {**made, "cache_control": tool.cache_control} if tool.cache_control else made


def _choice(choice: Choice) -> Json:
    if choice.type == "tool":
        if not choice.name:
            raise document.invalid("tool_choice.name", "is missing")
        tree: Json = {"tool_choice": {"type": "function", "function": {"name": choice.name}}}
    else:
        tree = {"tool_choice": "required" if choice.type == "any" else choice.type}
    if choice.disable_parallel_tool_use and choice.type != "none":
        tree["parallel_tool_calls"] = False
    return tree
