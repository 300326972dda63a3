"""Stop sequences where a model has none: its text is cut at the first, as it comes. Pure.

What could be the beginning of a stop sequence is held until it is clear.
"""

from msgspec import structs

from services.catalog import Model
from services.errors import Kind, RoutorError
from services.providers.dialects import reasoning
from services.providers.dialects.contract import Json, Target

# As many as the APIs take (https://platform.openai.com/docs/api-reference/chat/create and
# https://ai.google.dev/api/generate-content#GenerationConfig, 2026-11-23).
_MOST = {"openai_chat": 4, "google_generate": 5}


def words_of(body: Json) -> tuple[str, ...]:
    """Return the stop sequences of a request."""
    given = body.get("stop")
    words = [given] if isinstance(given, str) else given if isinstance(given, list) else []
    return tuple(word for word in words if isinstance(word, str) and word)


def here(body: Json, target: Target, dialect: str) -> tuple[str, ...]:
    """Return the stop sequences that the vendor of this request will not look for itself."""
    if body.get("stop") is None:
        return ()
    words, model = words_of(body), target.model
    if dialect == "anthropic_messages":
        return tuple(word for word in words if not word.strip())  # blank ones are refused
    native = model is None or is_taken(model, reasoning.will_think(body, target, model))
    if not native or dialect == "openai_responses":
        return words
    native_words = taken(target, dialect, words)
    return tuple(word for word in words if word not in native_words)


def taken(target: Target, dialect: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """Return those of the stop sequences that the API takes, and that are not looked for here."""
    quirks = target.vendor.quirks
    longest = quirks.longest_stop
    left = (word for word in words if word not in target.stop)
    short = [word for word in left if not longest or len(word.encode()) <= longest]
    return tuple(short[: quirks.most_stops or _MOST.get(dialect, len(words))])


def after(refusal: RoutorError, body: Json, target: Target) -> Target | None:
    """Return the target once its vendor has refused `stop`: all of it is looked for here.

    Of one series some models refuse it and some take it, and no list tells which: OpenAI's gpt-5.1
    and 5.2 do not take it even while they do not think (github.com/huggingface/smolagents/pull/1868
    and issues/1893, 2025-11). None where something else was refused.
    """
    words = words_of(body)
    if refusal.kind is not Kind.UNSUPPORTED_PARAMETER or refusal.param != "stop":
        return None
    return None if set(words) <= {*target.stop} else structs.replace(target, stop=words)


def is_taken(model: Model, thinks: bool) -> bool:
    """Tell whether the model's API takes stop sequences."""
    rules = model.parameters
    return rules.stop and (rules.stop_with_reasoning or not thinks)


def cut(text: str, words: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the text before the first stop sequence, and that; None when there is none in it.

    The first is the one that is complete first, as a model that writes would stop there.
    """
    places = [(place + len(word), place, word) for word in words if (place := text.find(word)) >= 0]
    if not places:
        return None
    _, place, word = min(places)
    return text[:place], word


class Stopper:
    """Takes a text piece by piece and gives out what comes before the first stop sequence.

    `word` is the sequence, once it has come.
    """

    def __init__(self, words: tuple[str, ...]) -> None:
        self._words = words
        self._held = ""
        self.word = ""

    def feed(self, text: str) -> str:
        """Take the next piece; return what is sure to be wanted."""
        if self.word:
            return ""
        text = self._held + text
        if (found := cut(text, self._words)) is not None:
            before, self.word = found
            self._held = ""
            return before
        size = max(_begun(text, word) for word in self._words)
        self._held = text[len(text) - size :]
        return text[: len(text) - size]

    def close(self) -> str:
        """Return what is still held: nothing more comes."""
        held, self._held = self._held, ""
        return held


def _begun(text: str, word: str) -> int:
    """Return how many characters at the end of `text` begin `word`."""
    sizes = range(min(len(text), len(word) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(word[:size])), 0)
