"""What Anthropic's models alone know, on its way to them.

The inner request carries it under `anthropic`, where their dialect finds it
(`services/providers/dialects/anthropic_native.py`); other models do without, and the caller reads
what was left out by the names that stand beside it.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from services.edge import document
from services.edge.door import Headers
from services.edge.messages.schema import (
    WRAPPED,
    Counted,
    Document,
    Image,
    Redacted,
    SearchResult,
    Stored,
    Text,
    Thinking,
    Tool,
    ToolReference,
    ToolResult,
    ToolUse,
    Wrapped,
)
from services.errors import Kind, RoutorError

Json = dict[str, Any]

NAME = "anthropic"
BETA = "anthropic-beta"
_WORD = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_MOST_BETA_CHARS = 2048
# anthropic 2.12.0, types/tool_param.py (2026-11-23)
TOOL_MEMBERS = ("allowed_callers", "defer_loading", "eager_input_streaming", "input_examples")
# Further fields, of the request and of its output_config: types/beta/message_create_params.py and
# beta_output_config_param.py.
FIELDS = ("container", "context_management", "diagnostics", "inference_geo", "mcp_servers", "speed")
# Those that are more than a wish: what lies at Anthropic, and whom it is to call.
_BOUND = ("container", "mcp_servers")
OUTPUT_FIELDS = ("task_budget",)
# Where a model may run at any place (platform.claude.com/docs/en/build-with-claude/data-residency).
ANYWHERE = "global"


# And the blocks of tools that Anthropic runs: types/content_block_param.py, and of its betas.
_RESULTS = (
    "advisor",
    "bash_code_execution",
    "code_execution",
    "text_editor_code_execution",
    "tool_search",
    "web_fetch",
    "web_search",
)
BLOCKS = (
    *(f"{name}_tool_result" for name in _RESULTS),
    "container_upload",
    "mcp_tool_listing",
    "mcp_tool_result",
    "mcp_tool_use",
    "server_tool_use",
)
# A file for the container of a tool is the user's to give (types/container_upload_block_param.py).
_USER_BLOCKS = ("container_upload",)
_WRAPPED_OF = {"assistant": BLOCKS, "user": _USER_BLOCKS}


def beta(headers: Headers) -> str:
    """Return the words of anthropic-beta, separated by commas; raise for what are no words."""
    given = ",".join(headers.getall(BETA, ()))
    words = [word.strip() for word in given.split(",") if word.strip()]
    if len(given) > _MOST_BETA_CHARS or not all(map(_WORD.fullmatch, words)):
        text = f"must be words of letters, digits, - and _, {_MOST_BETA_CHARS} characters at most"
        raise document.invalid(BETA, text)
    return ",".join(words)


def is_set(tool: Tool) -> bool:
    """Tell whether a tool is a set of them, which has no name (types/beta/beta_*_toolset_*.py)."""
    return "toolset" in (tool.type or "")


def is_own(tool: Tool) -> bool:
    """Tell whether a tool is one of Anthropic's own."""
    return tool.type not in (None, "custom")


def wrap(turns: object) -> None:
    """Make blocks of Anthropic's tools known to the schema."""
    for turn in turns if isinstance(turns, list) else ():
        content = turn.get("content") if isinstance(turn, dict) else None
        if isinstance(content, list):
            kinds = _WRAPPED_OF.get(str(turn.get("role")), ())
            content[:] = [_wrapped(block, kinds) for block in content]


def _wrapped(block: Any, kinds: Sequence[str]) -> Any:
    kind = block.get("type") if isinstance(block, dict) else None
    if kind == WRAPPED:
        return {**block, "type": ""}  # ours alone to give
    return {"type": WRAPPED, "block": block} if kind in kinds else block


def carried(tree: Json, request: Counted, told_beta: str, messages: Sequence[Json]) -> Json:
    """Return the member of the inner request, which says that its caller reads such blocks.

    `tree` is the request as it was written, `messages` its conversation in the inner language.
    """
    given = list(zip(request.tools or (), tree.get("tools") or (), strict=True))
    places = [place for place, (tool, _) in enumerate(given) if is_own(tool)]
    declared = {tool.name: more for tool, raw in given if not is_own(tool) and (more := _more(raw))}
    display = request.thinking.display if request.thinking is not None else None
    fields = _among(FIELDS, tree)
    more = _among(OUTPUT_FIELDS, tree.get("output_config") or {})
    held = {
        "beta": told_beta,
        "fields": fields,
        "output": more,
        "only": only(fields, messages),
        "display": display,
        "thinking": tree.get("thinking"),
        "effort": output.effort if (output := request.output_config) is not None else None,
        "tools": [given[place][1] for place in places],
        "places": places,
        "declared": declared,
        "tool_choice": tree["tool_choice"] if chooses_own(request) else None,
    }
    told = {name: value for name, value in held.items() if value}
    names = [*_names(declared, display, told_beta), *_blocks(request), *fields]
    names += [f"output_config.{name}" for name in more]
    return {NAME: {**told, "names": names}, **_thoughts(request)}


def _among(names: Iterable[str], given: Json) -> Json:
    return {name: given[name] for name in names if given.get(name) is not None}


def only(fields: Json, messages: Iterable[Json]) -> list[str]:
    """Return the paths of what no other model can do: residency, and what is Anthropic's to reach.

    That is containers and MCP servers, and files that are stored there.
    """
    bound = [name for name in _BOUND if fields.get(name)]
    if fields.get("inference_geo", ANYWHERE) != ANYWHERE:
        bound.append("inference_geo")
    for place, message in enumerate(messages):
        parts = message["content"] if isinstance(message["content"], list) else ()
        for number, part in enumerate(parts):
            # The door makes such a part of nothing else.
            if part["type"] == "file" and "file_id" in part["file"]:
                bound.append(f"messages[{place}].content[{number}].file")
    return bound


def needs(request: Counted, carried: Json) -> tuple[str, ...]:
    """Return what a model must have beside what the inner request says."""
    tools = any(map(is_own, request.tools or ()))
    held = {"anthropic_tools": tools, "anthropic": carried[NAME].get("only")}
    return tuple(name for name, asked in held.items() if asked)


def check(tree: Json) -> None:
    """Raise for what would make another thing of the answer than its caller can be told of."""
    context = tree.get("context_management")
    edits = context.get("edits") if isinstance(context, dict) else None
    for place, edit in enumerate(edits if isinstance(edits, list) else ()):
        if isinstance(edit, dict) and str(edit.get("type")).startswith("compact"):
            path = f"context_management.edits[{place}]"
            text = f"{path}: compaction is not supported here; leave it out."
            raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=path)


def _thoughts(request: Counted) -> Json:
    """Return how OpenAI's models tell thoughts, where they are asked for: summed up, and sealed.

    The member is what their own front door carries (`responses/hosted.py`).
    """
    asked = request.thinking
    if asked is None or asked.type == "disabled":
        return {}
    summary = {} if asked.display == "omitted" else {"summary": "auto"}
    return {"openai": {**summary, "sealed": True}}


def chooses_own(request: Counted) -> bool:
    """Tell whether the tool_choice is about Anthropic's own tools alone."""
    tools, choice = request.tools or (), request.tool_choice
    if choice is None or not any(map(is_own, tools)):
        return False
    wanted = [tool for tool in tools if choice.type != "tool" or tool.name == choice.name]
    return bool(wanted) and all(map(is_own, wanted))


def _more(raw: Json) -> Json:
    """Return the members of a tool that only Anthropic knows, and how strict it is there."""
    names = (*TOOL_MEMBERS, "strict")
    return {name: raw[name] for name in names if raw.get(name) is not None}


def _names(declared: Json, display: str | None, told_beta: str) -> list[str]:
    """Return what the parts are called that other models do without."""
    members = {name for more in declared.values() for name in more if name != "strict"}
    return [
        *((BETA,) if told_beta else ()),
        *(("thinking.display",) if display else ()),
        *(f"tools[].{name}" for name in sorted(members)),
    ]


def _blocks(request: Counted) -> list[str]:
    """Return the same of blocks in the conversation."""
    kinds: set[str] = set()
    for turn in request.messages:
        for block in _all(turn.content):
            if isinstance(block, ToolReference):
                kinds.add("messages[].content[].tool_reference")
            elif isinstance(block, Wrapped):
                kinds.add(f"messages[].content[].{block.block['type']}")
            elif _cites(block):
                kinds.add("messages[].content[].citations")
    return sorted(kinds)


def _all(content: object) -> Iterable[object]:
    """Return the blocks of a turn, and those in results of tools."""
    for block in content if isinstance(content, list) else ():
        yield block
        if isinstance(block, ToolResult):
            yield from _all(block.content)


def _is_own_block(block: object) -> bool:
    if isinstance(block, ToolUse):
        # OpenAI's shape has no place for them in a call.
        return any((block.cache_control, block.caller, block.toolset_name))
    if isinstance(block, Document | Image) and isinstance(block.source, Stored):
        return True
    return isinstance(block, Wrapped | ToolReference) or _cites(block)


def _cites(block: object) -> bool:
    """Tell whether a block is to be cited, or cites."""
    if isinstance(block, Document | SearchResult):
        return block.citations is not None and bool(block.citations.enabled)
    return isinstance(block, Text) and bool(block.citations)


# How OpenAI's shape has what a model said; thoughts must come back to Anthropic in their places.
_ORDER: dict[type, int] = {Thinking: 0, Redacted: 0, Text: 1, ToolUse: 2}


def whole(blocks: Iterable[object]) -> list[Json]:
    """Return a turn as it was written; [] where OpenAI's shape tells all of it, in its order."""
    told = list(blocks)
    order = [_ORDER[type(one)] for one in told if type(one) in _ORDER]
    if order == sorted(order) and not any(map(_is_own_block, told)):
        return []
    return [one.block if isinstance(one, Wrapped) else _written(one) for one in told]


def _written(block: object) -> Json:
    given: Json = msgspec.to_builtins(block)
    return {name: value for name, value in given.items() if value is not None}
