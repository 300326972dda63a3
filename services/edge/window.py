"""What the router sees of a request: a bounded window of its texts, and all of its needs. Pure."""

from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from routor.v1 import router_pb2, types_pb2
from services.edge import schema

# The cost of a decision must not grow with the prompt: long texts go as head, samples, tail.
WHOLE_CHARS = 8_000
END_CHARS = 3_000
SAMPLES = 4
SAMPLE_CHARS = 500
# Only the latest messages, and the instructions at the start, carry text.
LATEST = 20
DESCRIPTION_CHARS = 500

_ATTACHED: Final = {
    schema.Image: types_pb2.MODALITY_IMAGE,
    schema.File: types_pb2.MODALITY_FILE,
    schema.Audio: types_pb2.MODALITY_AUDIO,
    schema.Video: types_pb2.MODALITY_VIDEO,
}
_ROLES: Final = {
    schema.System: router_pb2.ROLE_SYSTEM,
    schema.Developer: router_pb2.ROLE_SYSTEM,
    schema.User: router_pb2.ROLE_USER,
    schema.Assistant: router_pb2.ROLE_ASSISTANT,
    schema.ToolResult: router_pb2.ROLE_TOOL,
}
_CHOICES: Final = {
    "auto": router_pb2.TOOL_CHOICE_AUTO,
    "none": router_pb2.TOOL_CHOICE_NONE,
    "required": router_pb2.TOOL_CHOICE_REQUIRED,
}
_FORMATS: Final = {
    schema.TextFormat: router_pb2.RESPONSE_FORMAT_TEXT,
    schema.ObjectFormat: router_pb2.RESPONSE_FORMAT_JSON_OBJECT,
    schema.SchemaFormat: router_pb2.RESPONSE_FORMAT_JSON_SCHEMA,
}
# Parameters that ask for something, with the value that asks for nothing.
_PARAMETERS: Final = {
    "n": 1,
    "stop": [],
    "logprobs": False,
    "top_logprobs": 0,
    "temperature": 1,
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "logit_bias": {},
    "seed": None,
    "modalities": ["text"],
    "audio": None,
    "prediction": None,
    "web_search_options": None,
    "verbosity": "medium",
}
_ASKED: Final = attrgetter(*_PARAMETERS)
_UNASKED: Final = (None,) * len(_PARAMETERS)


def messages(conversation: Sequence[schema.Message]) -> list[router_pb2.Message]:
    """Return the conversation, oldest first, with texts excerpted."""
    first_latest = len(conversation) - LATEST
    opening = True
    seen = []
    for index, message in enumerate(conversation):
        opening = opening and isinstance(message, schema.System | schema.Developer)
        # The instructions at the very start say what the whole conversation is about.
        told = index >= first_latest or (opening and index < LATEST)
        seen.append(_message(message, told))
    return seen


def tools(offered: Iterable[schema.Tool] | None) -> list[router_pb2.Tool]:
    """Return the tools with bounded descriptions and the sizes of their schemas."""
    seen = []
    for tool in offered or ():
        declared = tool.function if isinstance(tool, schema.FunctionTool) else tool.custom
        shape = getattr(declared, "parameters", None) or getattr(declared, "format", None)
        seen.append(
            router_pb2.Tool(
                name=declared.name,
                description=(declared.description or "")[:DESCRIPTION_CHARS],
                schema_chars=len(msgspec.json.encode(shape)) if shape else 0,
            )
        )
    return seen


def needs(request: schema.ChatRequest) -> router_pb2.Needs:
    """Return what a model must be able to do."""
    return router_pb2.Needs(
        stream=bool(request.stream),
        tool_choice=_choice(request.tool_choice if request.tools else None),
        parallel_tool_calls=request.parallel_tool_calls if request.tools else None,
        response_format=_FORMATS.get(type(request.response_format)),  # type: ignore[arg-type]
        max_output_tokens=request.max_completion_tokens or request.max_tokens or 0,
        reasoning_effort=request.reasoning_effort or "",
        parameters=_parameters(request),
    )


def _parameters(request: schema.ChatRequest) -> Sequence[str]:
    """Return the names of the parameters that ask for something."""
    given = _ASKED(request)
    if given == _UNASKED:
        return ()
    return [
        name
        for (name, nothing), asked in zip(_PARAMETERS.items(), given, strict=True)
        if asked is not None and asked != nothing
    ]


def excerpt(text: str) -> str:
    """Return a text whole, or its head, evenly spaced samples of its middle, and its tail."""
    if len(text) <= WHOLE_CHARS:
        return text
    step = (len(text) - 2 * END_CHARS) // SAMPLES
    starts = (END_CHARS + step * number for number in range(SAMPLES))
    samples = (text[start : start + SAMPLE_CHARS] for start in starts)
    return "\n".join((text[:END_CHARS], *samples, text[-END_CHARS:]))


def _message(message: schema.Message, told: bool) -> router_pb2.Message:
    content = message.content
    calls = (message.tool_calls or ()) if isinstance(message, schema.Assistant) else ()
    role = _ROLES[type(message)]
    if isinstance(content, str) and not calls:
        # Nearly all messages are this plain.
        if not told:
            return router_pb2.Message(role=role, text_chars=len(content))
        if len(content) <= WHOLE_CHARS:
            return router_pb2.Message(role=role, text=content)
    parts = content if isinstance(content, list) else ()
    text = content if isinstance(content, str) else "\n".join(_texts(parts))
    shown = excerpt(text) if told else ""
    # Arguments of calls are read by the model, too, though they say little to the judge.
    chars = len(text) + sum(_call_chars(call) for call in calls)
    return router_pb2.Message(
        role=role,
        text=shown,
        text_chars=chars if chars != len(shown) else 0,
        attachments=_attached(parts),
        tool_calls=len(calls),
    )


def _attached(parts: Iterable[object]) -> "list[types_pb2.Modality.ValueType]":
    """Return the kinds of what is not text, and whether an image has to be fetched."""
    kinds = [_ATTACHED[type(part)] for part in parts if type(part) in _ATTACHED]  # type: ignore[index]
    if any(isinstance(part, schema.Image) and _on_the_web(part) for part in parts):
        kinds.append(types_pb2.MODALITY_IMAGE_URL)
    return kinds


def _on_the_web(image: schema.Image) -> bool:
    return image.image_url.url[:5].lower() != "data:"


def _texts(parts: Iterable[object]) -> Iterable[str]:
    for part in parts:
        if isinstance(part, schema.Text):
            yield part.text
        elif isinstance(part, schema.Refusal):
            yield part.refusal


def _call_chars(call: schema.FunctionCall | schema.CustomCall) -> int:
    if isinstance(call, schema.FunctionCall):
        return len(call.function.name) + len(call.function.arguments)
    return len(call.custom.name) + len(call.custom.input)


def _choice(choice: schema.ToolChoice | None) -> "router_pb2.ToolChoice.ValueType":
    if choice is None:
        return router_pb2.TOOL_CHOICE_UNSPECIFIED
    if isinstance(choice, str):
        return _CHOICES[choice]
    if isinstance(choice, schema.AllowedTools):
        return _CHOICES[choice.allowed_tools.mode]
    return router_pb2.TOOL_CHOICE_NAMED
