"""Tools that OpenAI runs or knows by itself, on their way to its models, and namespaces of tools.

The inner request carries them under `openai`, and items of theirs in turns under `openai_items`,
where the dialect finds them (`services/providers/dialects/openai_native.py`). Other models do
without: none of these tools has to be called unless tool_choice says so.
Source: openai 3.54.0, types/responses/tool_param.py and response_input_item_param.py (2026-11-23).
"""

from typing import Any

import msgspec

from services.edge.responses.schema import (
    HOSTED,
    AllowedTools,
    CustomTool,
    FunctionTool,
    Hosted,
    Message,
    NamespaceTool,
    ResponsesRequest,
)

Json = dict[str, Any]

NAME = "openai"
ITEMS = "openai_items"
IMAGE = "openai_image"  # a file stored at OpenAI that is an image, and how it is to be seen
# Codex searches its deferred tools by it. Here all of a namespace are offered at once.
SEARCH = "tool_search"
TOOLS = frozenset(
    {
        "apply_patch",
        "code_interpreter",
        "computer",
        "computer_use",
        "computer_use_preview",
        "file_search",
        "image_generation",
        "local_shell",
        "mcp",
        "shell",
        "tool_search",
        "web_search",
        "web_search_2025_08_26",
        "web_search_preview",
        "web_search_preview_2025_03_11",
    }
)
ITEM_TYPES = frozenset(
    {
        "apply_patch_call",
        "apply_patch_call_output",
        "code_interpreter_call",
        "compaction",
        "compaction_trigger",  # answered by an item that only OpenAI reads
        "computer_call",
        "computer_call_output",
        "file_search_call",
        "image_generation_call",
        "local_shell_call",
        "local_shell_call_output",
        "mcp_approval_request",
        "mcp_approval_response",
        "mcp_call",
        "mcp_list_tools",
        "shell_call",
        "shell_call_output",
        "tool_search_call",
        "tool_search_output",
        "web_search_call",
    }
)
TRIGGER = "compaction_trigger"
# What is included without being asked for, or with logprobs.
_INCLUDED = ("reasoning.encrypted_content", "message.output_text.logprobs")


def gather(tree: Json) -> None:
    """Offer the tools that items of the input add with the others; of one name, the latest.

    Codex says its tools so since 0.150, and again after it has made a conversation shorter.
    (openai 3.57.0, types/responses/response_input_item_param.py, AdditionalTools)
    """
    given = tree.get("input")
    items = [one for one in given if isinstance(one, dict)] if isinstance(given, list) else []
    added = [one.get("tools") for one in items if one.get("type") == "additional_tools"]
    lists: list[Any] = [tree.get("tools") or [], *added]
    if added and all(isinstance(one, list) for one in lists):
        tools = [tool for one in lists for tool in one]
        tree["tools"] = list({_known_by(tool): tool for tool in tools}.values())


def update(tree: Json) -> None:
    """Set what items of the input set for the answers after them; of one setting, the latest."""
    given = tree.get("input")
    for item in given if isinstance(given, list) else ():
        if not isinstance(item, dict) or item.get("type") != "configuration_update":
            continue
        for name, member in (("reasoning", "effort"), ("text", "format")):
            before, told = tree.get(name) or {}, item.get(name)
            if isinstance(before, dict) and isinstance(told, dict) and member in told:
                tree[name] = {**before, member: told[member]}


def _known_by(tool: Any) -> object:
    """Return what a tool is known by: its name, or, as OpenAI's own have none, all that it is."""
    name = tool.get("name") if isinstance(tool, dict) else None
    return name if isinstance(name, str) else msgspec.json.encode(tool, order="sorted")


def wrap(tree: Json) -> None:
    """Make OpenAI's tools, the choice of one and items of theirs known to the schema."""
    for name, kinds in (("tools", TOOLS), ("input", ITEM_TYPES)):
        if isinstance(tree.get(name), list):
            tree[name] = [_wrapped(one, kinds) for one in tree[name]]
    if "tool_choice" in tree:
        tree["tool_choice"] = _wrapped(tree["tool_choice"], TOOLS)


def _wrapped(given: Any, kinds: frozenset[str]) -> Any:
    kind = given.get("type") if isinstance(given, dict) else None
    if kind == HOSTED:
        return {**given, "type": ""}  # ours alone to give
    return {"type": HOSTED, "whole": given} if isinstance(kind, str) and kind in kinds else given


def offered(request: ResponsesRequest) -> list[Hosted]:
    """Return OpenAI's tools that may be called."""
    given = [one for one in request.tools or () if isinstance(one, Hosted) and one.kind != SEARCH]
    if isinstance(request.tool_choice, AllowedTools):
        allowed = request.tool_choice.tools
        return [tool for tool in given if any(one.type == tool.kind for one in allowed)]
    return given


def carried(request: ResponsesRequest) -> Json:
    """Return the member of the inner request, {} when there is nothing to carry."""
    tools = offered(request)
    given = request.input if isinstance(request.input, list) else []
    left = {f"input[].{item.kind}" for item in given if isinstance(item, Hosted)}
    if any(isinstance(item, Message) and item.phase is not None for item in given):
        left.add("input[].phase")
    held = {
        "tools": [tool.whole for tool in tools],
        "tool_choice": choice(request) if tools else None,
        "include": [word for word in request.include or () if word not in _INCLUDED],
        "max_tool_calls": request.max_tool_calls if tools else None,
        **_thoughts(request),
        "names": sorted(left | {f"tools[].{tool.kind}" for tool in tools}),
    }
    # Without any of it OpenAI's models are spoken to in chat completions, which know no items.
    there = bool(request.tools or left or held["summary"] or held["sealed"])
    return {NAME: {name: value for name, value in held.items() if value}} if there else {}


def _thoughts(request: ResponsesRequest) -> Json:
    """Return how the caller wants to be told what the model thought."""
    asked = request.reasoning
    return {
        "summary": (asked.summary or asked.generate_summary) if asked is not None else None,
        "sealed": _INCLUDED[0] in (request.include or ()),
    }


def choice(request: ResponsesRequest) -> Any:
    """Return a tool_choice that is about OpenAI's tools alone; None when there is none."""
    chosen = request.tool_choice
    if isinstance(chosen, Hosted):
        return chosen.whole
    others = functions(request)
    if isinstance(chosen, AllowedTools):
        chosen = chosen.mode
    return chosen if isinstance(chosen, str) and not others else None


def forced(request: ResponsesRequest) -> bool:
    """Tell whether one of OpenAI's tools has to be called, or the conversation made shorter."""
    last = request.input[-1] if isinstance(request.input, list) else None
    if isinstance(last, Hosted) and last.kind == TRIGGER:
        return True
    return bool(offered(request)) and choice(request) not in (None, "auto", "none")


def dropped(request: ResponsesRequest) -> tuple[str, ...]:
    """Return the names of tools that no model is given."""
    searches = (one for one in request.tools or () if isinstance(one, Hosted))
    return (f"tools[].{SEARCH}",) if any(one.kind == SEARCH for one in searches) else ()


def functions(request: ResponsesRequest) -> list[tuple[str, FunctionTool | CustomTool]]:
    """Return all other tools by the names that models know them by, namespaces opened."""
    found: list[tuple[str, FunctionTool | CustomTool]] = []
    for tool in request.tools or ():
        if isinstance(tool, NamespaceTool):
            found += [(flat(tool.name, one.name), one) for one in tool.tools]
        elif not isinstance(tool, Hosted):
            found.append((tool.name, tool))
    if isinstance(request.tool_choice, AllowedTools):
        names = {one.name for one in request.tool_choice.tools}
        spaces = {one.name for one in request.tool_choice.tools if one.type == "namespace"}
        inside = {name for name, (space, _) in namespaces(request).items() if space in spaces}
        found = [(name, tool) for name, tool in found if name in names | inside]
    return found


def flat(namespace: str | None, name: str) -> str:
    """Return one name of a tool in a namespace."""
    return f"{namespace.removesuffix('__')}__{name}" if namespace else name


def namespaces(request: ResponsesRequest) -> dict[str, tuple[str, str]]:
    """Return namespace and name by the name that models know."""
    return {
        flat(tool.name, one.name): (tool.name, one.name)
        for tool in request.tools or ()
        if isinstance(tool, NamespaceTool)
        for one in tool.tools
    }
