"""The switch of thinking that a caller writes in a vendor's words: read, and put into the model's.

Anthropic's words: anthropic 2.12.0, types/thinking_config_param.py. Of the vendors that have a
`thinking`, MiniMax knows adaptive and disabled, all others enabled and disabled (their references
of chat completions, as the catalog names them, 2026-11-23). None takes a budget in it.
"""

from typing import Any, NamedTuple

from services.catalog import Model
from services.errors import Kind, RoutorError
from services.providers.dialects.contract import Json

_ON = {
    "thinking_type": "enabled",
    "thinking_type_effort": "enabled",
    "thinking_adaptive": "adaptive",
}
_WORDS = ("enabled", "adaptive", "between_tools", "disabled")
_ANTHROPICS = ("budget_tokens", "display")


class Own(NamedTuple):
    """What a caller's own switch is called, and whether it is on; None where there is none."""

    name: str = ""
    on: bool | None = None

    def effort(self, model: Model) -> str:
        """Return the effort word that means the same; "" leaves the model its default."""
        if self.on is None:
            return ""
        if not self.on:
            return "none"
        return "high" if model.reasoning.default == "none" else ""


def take(values: Json, model: Model, dropped: list[str]) -> Own:
    """Return the switch in a request's parameters, which are changed to what the model takes.

    Raises RoutorError(INVALID_REQUEST) naming `thinking` or its type for what is no switch.
    """
    kind = model.reasoning.switch
    if kind == "enable_thinking" and isinstance(values.get(kind), bool):
        return Own(kind, values[kind])
    if kind not in _ON or "thinking" not in values:
        return Own()
    word = word_of(values["thinking"])
    on = word != "disabled"
    dropped += [f"thinking.{name}" for name in _ANTHROPICS if name in values["thinking"]]
    kept = {name: value for name, value in values["thinking"].items() if name not in _ANTHROPICS}
    values["thinking"] = {**kept, "type": _ON[kind] if on else "disabled"}
    return Own("thinking", on)


def word_of(given: Any) -> str:
    """Return the type of a `thinking`; one that says none is on, as at Z.AI."""
    if not isinstance(given, dict):
        raise _fault("thinking", "must be an object with a type")
    word = given.get("type", "enabled")
    if word not in _WORDS:
        raise _fault("thinking.type", "must be enabled, adaptive or disabled")
    return str(word)


def _fault(param: str, text: str) -> RoutorError:
    return RoutorError(Kind.INVALID_REQUEST, f"{param} {text}.", param=param)
