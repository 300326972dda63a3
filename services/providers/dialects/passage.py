"""What of an answer's text goes on: without a fence around JSON, and up to a stop sequence. Pure.

Models whose API does not bind them to JSON may write it as Markdown. MiniMax's does so with
`json_object` (Orkeon, llm-providers-comparison, measured 2026-08-30); Anthropic's has no such
word, so that they are asked for an object in words alone. Where a tool's arguments are the answer,
words beside the call are none of it.
"""

from services.providers.dialects.contract import Json, Target
from services.providers.dialects.stopping import Stopper

_FENCE = "```"
_WHITE = " \t\r\n"


def is_fenced(body: Json, target: Target) -> bool:
    """Tell whether JSON is asked of a model that may put a fence around it."""
    given, model = body.get("response_format"), target.model
    kind = given.get("type") if isinstance(given, dict) else None
    if target.vendor.dialect == "anthropic_messages" and kind == "json_object":
        return True
    asked = kind in ("json_object", "json_schema")
    return asked and model is not None and model.structured_outputs == "json_object"


class Unfenced:
    """Takes a text piece by piece and gives it out without a fence around the whole of it.

    What could be the fence is held until it is clear; all else goes through as it is.
    """

    def __init__(self) -> None:
        self._held = ""
        self._plain = self._inside = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what is sure to belong to the text."""
        if self._plain:
            return text
        text, self._held = self._held + text, ""
        if not self._inside:
            start = text.lstrip(_WHITE)
            head, line, rest = start.partition("\n")
            if not _FENCE.startswith(head[:3]):
                self._plain = True
                return text
            if not line or len(head) < len(_FENCE):
                self._held = text
                return ""
            self._inside, text = True, rest
        said = text.rstrip("`" + _WHITE)
        self._held = text[len(said) :]
        return said

    def close(self) -> str:
        """Return what is still held and no fence: nothing more comes."""
        held, self._held = self._held, ""
        return held.rstrip(_WHITE).removesuffix(_FENCE).rstrip(_WHITE) if self._inside else held


class Passage:
    """The text of one choice, piece by piece."""

    def __init__(self, target: Target) -> None:
        self._fence = Unfenced() if target.unfenced else None
        self._stopper = Stopper(target.stop) if target.stop else None
        self._waiting: str | None = "" if target.by_tool else None  # text that may be in vain
        self._answered = False

    @property
    def stopped_at(self) -> str:
        """The stop sequence that has come, or ""."""
        return self._stopper.word if self._stopper is not None else ""

    def feed(self, text: str) -> str:
        """Take the next piece; return what goes on of it."""
        if self._answered:
            return ""
        if self._waiting is not None:
            self._waiting += text
            return ""
        return self._on(text)

    def answer(self, text: str) -> str:
        """Take the answer of a tool, the first of which is all there is; return what goes on."""
        if self._answered:
            return ""
        self._answered, self._waiting = True, None
        return self._on(text)

    def close(self) -> str:
        """Return what is still held: nothing more comes."""
        words, self._waiting = self._waiting, None
        said = self._on(words) if words else ""
        rest = "" if self._fence is None else self._fence.close()
        if self._stopper is not None:
            rest = self._stopper.feed(rest) + self._stopper.close()
        return said + rest

    def _on(self, text: str) -> str:
        text = text if self._fence is None else self._fence.feed(text)
        return text if self._stopper is None else self._stopper.feed(text)
