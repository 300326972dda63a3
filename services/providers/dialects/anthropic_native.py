"""What Anthropic alone knows of a request: carried in the inner one under `anthropic`.

The edge puts it there for Anthropic's clients. To its own models it goes as it is; what other
dialects do without is named in its own words, and what they cannot do without is refused.
"""

from itertools import zip_longest
from typing import Annotated, Any

from msgspec import Meta, Struct

from services.errors import Kind, RoutorError
from services.providers.dialects import carried
from services.providers.dialects.contract import Json, Target

NAME = "anthropic"
# A turn of the model with all its blocks as they were, where OpenAI's shape cannot tell them.
CONTENT = "anthropic_content"
# What only Anthropic tells of the end of an answer, and of the usage at its start.
ENDING, USAGE = "anthropic_ending", "anthropic_usage"

Place = Annotated[int, Meta(ge=0, le=100_000)]


class Native(Struct, frozen=True):
    """What may be carried; `names` is what the parts that can be left out are called."""

    beta: Annotated[str, Meta(pattern=r"^[\w.,-]*$", max_length=2048)] = ""  # the header
    fields: Json = {}  # further fields of the request
    output: Json = {}  # ... and of its output_config
    only: list[str] = []  # paths of what no other model can do without
    display: str = ""  # of thoughts
    chat: bool = False  # its caller is none of Anthropic's clients, and means thoughts to be shown
    # As they were asked for.
    thinking: dict[str, Any] | None = None
    effort: str = ""
    tools: list[Json] = []  # tools of Anthropic's own
    places: list[Place] = []  # of each among all tools of the caller's
    declared: dict[str, Json] = {}  # further members of the caller's tools, by name
    tool_choice: dict[str, Any] | None = None  # of a tool of Anthropic's own
    names: list[str] = []

    def among(self, others: list[Json]) -> list[Json]:
        """Return these and all other tools in the caller's order: the prompt cache begins by it."""
        told = list(others)
        for place, tool in zip_longest(self.places, self.tools):
            told.insert(len(told) if place is None else place, tool)
        return told


def take(values: Json) -> Native:
    """Take it out of a request's parameters; raise RoutorError(INVALID_REQUEST) for nonsense."""
    return carried.take(values, NAME, Native)


def budget(values: Json) -> int:
    """Return how many tokens a request gives to thoughts; 0 where it does not say."""
    held = values.get(NAME)
    thinking = held.get("thinking") if isinstance(held, dict) else None
    given = thinking.get("budget_tokens") if isinstance(thinking, dict) else None
    return given if isinstance(given, int) else 0


def leave_out(values: Json, target: Target) -> tuple[str, ...]:
    """Take it out for another dialect; return the names, or raise for tools that are missed."""
    native = take(values)
    if native.tools:
        path = f"tools[{native.places[0]}].type" if native.places else "tools"
        text = (
            f"{path}: {target.key} has no tools of Anthropic's own; leave it out, choose a model "
            "of Anthropic's, or declare one with a name and an input_schema."
        )
        raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=path)
    for path in native.only:
        text = f"{path}: only Anthropic's models have this; leave it out, or choose one of them."
        raise RoutorError(Kind.UNSUPPORTED_PARAMETER, text, param=path)
    return tuple(native.names)
