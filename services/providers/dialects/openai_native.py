"""What OpenAI alone knows of a Responses request: carried in the inner one under `openai`.

The edge puts it there. To OpenAI's own models it goes as it is, over Responses; other models are
not obliged to call a tool, so what they do without is named, and a tool that is forced is refused.
"""

from typing import Any

from msgspec import Struct

from services.errors import Kind, RoutorError
from services.providers.dialects import carried, history
from services.providers.dialects.contract import Json, Target

NAME = "openai"
SUMMARY = "reasoning.summary"
# Items of such tools in a turn of the conversation, and what a text of the model's is.
ITEMS, PHASE = "openai_items", "phase"
# In an answer: all that was said, item by item. In a stream: what OpenAI tells of such items, and
# that a message begins.
OUTPUT, EVENTS = "openai_output", "openai_events"
# A part that is a file stored at OpenAI, and an image: what else its caller says of it.
IMAGE = "openai_image"


class Native(Struct, frozen=True):
    """What may be carried; `names` is what the parts that can be left out are called.

    `summary` is OpenAI's word for how the model tells its thoughts, `sealed` whether the caller
    sends them back; `withheld` are names of what OpenAI does not give to the owner of the key.
    """

    tools: list[Json] = []
    tool_choice: str | dict[str, Any] | None = None  # where it is about these tools alone
    include: list[str] = []
    max_tool_calls: int | None = None
    summary: str = ""
    sealed: bool = False
    names: list[str] = []
    withheld: list[str] = []

    @property
    def fields(self) -> Json:
        """The fields of a Responses request beside tools and include."""
        given = {"tool_choice": self.tool_choice, "max_tool_calls": self.max_tool_calls}
        return {name: value for name, value in given.items() if value is not None}


def speaks(target: Target) -> bool:
    """Tell whether a model is reached over OpenAI's Responses, too."""
    if target.model is None:
        return target.vendor.quirks.unlisted_over_responses
    return target.model.parameters.tools_over_responses


def is_missed(body: Json) -> bool:
    """Tell whether a request holds what is left out elsewhere."""
    given = body.get(NAME)
    return isinstance(given, dict) and bool(given.get("names"))


def is_shown_more(body: Json) -> bool:
    """Tell whether files are shown that chat completions do not take: at web addresses, images.

    Responses do (openai 3.54.0, types/responses/response_input_file_param.py, 2026-11-23).
    """
    contents = (one.get("content") for one in body.get("messages") or () if isinstance(one, dict))
    parts = (part for content in contents if isinstance(content, list) for part in content)
    return any(
        history.is_fetched(part.get("file")) or IMAGE in part
        for part in parts
        if isinstance(part, dict) and part.get("type") == "file"
    )


def is_told_thoughts(body: Json) -> bool:
    """Tell whether the caller wants what the model thought, to read or to send back."""
    given = body.get(NAME)
    return isinstance(given, dict) and bool(given.get("summary") or given.get("sealed"))


def without(body: Json, refusal: RoutorError) -> Json | None:
    """Return the request to be sent after `refusal`: without the summary that was refused.

    "Your organization must be verified to generate reasoning summaries" (400, `reasoning.summary`,
    github.com/BerriAI/litellm/issues/16032, 2025-10). The answer is the same without one. None
    where it was refused for something else.
    """
    given = body.get(NAME)
    if refusal.param != SUMMARY or not isinstance(given, dict) or not given.get("summary"):
        return None
    return {**body, NAME: {**given, "summary": "", "sealed": True, "withheld": [SUMMARY]}}


def take(values: Json) -> Native:
    """Take it out of a request's parameters; raise RoutorError(INVALID_REQUEST) for nonsense."""
    return carried.take(values, NAME, Native)


def leave_out(values: Json, target: Target) -> tuple[str, ...]:
    """Take it out for another model; return the names, or raise for a tool that is forced."""
    native = take(values)
    if native.tools and native.tool_choice not in (None, "auto", "none"):
        text = (
            f"tool_choice: {target.key} has no tools that OpenAI runs; leave it out, choose a "
            "model of OpenAI's, or declare a function."
        )
        raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param="tool_choice")
    return tuple(native.names)


def items(message: Json) -> list[Json]:
    """Return what such tools did in a turn, as far as it is that."""
    given = message.get(ITEMS)
    return [item for item in given if isinstance(item, dict)] if isinstance(given, list) else []
