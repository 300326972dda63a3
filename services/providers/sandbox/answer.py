"""What the sandbox says. Pure: the same request always gets the same answer.

A dialect reads its request into an `Ask` and words the `Said` in its own shape; nothing here
knows a wire format. An answer never pretends to be a model's: it names itself a sandbox.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from services.providers.sandbox import turns
from services.providers.sandbox.instance import instance
from services.providers.sandbox.turns import Turns

Json = dict[str, Any]

TOKEN_CHARACTERS = 4  # one token of the sandbox is four characters
_QUOTE = 120  # characters of the prompt that an answer repeats
_CACHE_TOKENS = 1024  # a shorter prefix is not cached
_CACHE_STEP = 128


@dataclass(frozen=True)
class Tool:
    """A function that the request offers."""

    name: str
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Ask:
    """What matters of a request.

    `choice` is auto, none, required, or "=name" for one named tool. `json` asks for a JSON
    value, `schema` for one that is valid against it. `results` are the texts of the tool results
    that end the conversation. `prefix_tokens` is the part of the prompt before the last
    assistant turn, which an earlier request has sent already.
    """

    provider: str
    model: str
    digest: str
    turns: Turns = field(default_factory=Turns)
    results: Sequence[str] = ()
    tools: Sequence[Tool] = ()
    choice: str = "auto"
    one_call: bool = False
    json: bool = False
    schema: Mapping[str, Any] | None = None
    max_tokens: int | None = None
    stops: Sequence[str] = ()
    thinking: bool = False
    n: int = 1
    prompt_tokens: int = 0
    prefix_tokens: int = 0
    earlier_calls: int = 0

    @property
    def user_text(self) -> str:
        """What is to be answered."""
        return self.turns.user_text


@dataclass(frozen=True)
class Call:
    """A tool call with its arguments."""

    id: str
    name: str
    arguments: Json
    position: int  # how many calls the conversation held before

    @property
    def text(self) -> str:
        """The arguments as JSON text."""
        return msgspec.json.encode(self.arguments).decode()


@dataclass(frozen=True)
class Said:
    """An answer. `ending` is stop, length, tools, or sequence (then `stop` is which)."""

    texts: Sequence[str]  # one per choice
    reasoning: str
    calls: Sequence[Call]
    ending: str
    stop: str | None
    prompt_tokens: int
    cached_tokens: int
    text_tokens: int
    reasoning_tokens: int

    @property
    def output_tokens(self) -> int:
        """All tokens written, reasoning included."""
        return self.text_tokens + self.reasoning_tokens


def tokens(text: str) -> int:
    """Return how many tokens of the sandbox `text` has."""
    return -(-len(text) // TOKEN_CHARACTERS)


def digest(body: object) -> str:
    """Return 64 hexadecimal digits that stand for the request."""
    return hashlib.sha256(msgspec.json.encode(body, order="deterministic")).hexdigest()


def answer(ask: Ask) -> Said:
    """Answer the request."""
    reasoning = _reasoning(ask)
    calls = _calls(ask)
    texts = (
        [""] if calls else [turns.rest(ask.turns, _text(ask, number)) for number in range(ask.n)]
    )
    ending, stop = ("tools" if calls else "stop"), None
    for text in texts[:1]:
        hits = [(text.find(word), word) for word in ask.stops if word and word in text]
        if hits:
            ending, stop = "sequence", min(hits)[1]
    if stop is not None:
        texts = [text.split(stop)[0] for text in texts]
    if ask.max_tokens is not None:
        reasoning = reasoning[: ask.max_tokens * TOKEN_CHARACTERS]
        room = (ask.max_tokens - tokens(reasoning)) * TOKEN_CHARACTERS
        if any(len(text) > room for text in texts) or sum(len(c.text) for c in calls) > room:
            ending, stop, calls = "length", None, []
            texts = [text[:room] for text in texts]
    written = sum(map(tokens, texts)) + sum(tokens(call.name + call.text) for call in calls)
    return Said(
        texts=texts,
        reasoning=reasoning,
        calls=calls,
        ending=ending,
        stop=stop,
        prompt_tokens=max(ask.prompt_tokens, 1),
        cached_tokens=_cached(ask.prefix_tokens),
        text_tokens=written,
        reasoning_tokens=tokens(reasoning),
    )


def _cached(prefix_tokens: int) -> int:
    if prefix_tokens < _CACHE_TOKENS:
        return 0
    return prefix_tokens // _CACHE_STEP * _CACHE_STEP


def _name(ask: Ask) -> str:
    return f"[sandbox {ask.provider}/{ask.model.removeprefix(ask.provider + '/')}]"


def _quote(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _QUOTE else text[:_QUOTE] + "…"


def _reasoning(ask: Ask) -> str:
    if not ask.thinking:
        return ""
    return f"Sandbox reasoning of {ask.model}: the request says “{_quote(ask.user_text)[:40]}”."


def _text(ask: Ask, number: int) -> str:
    dictated = ask.turns.dictated
    if dictated is not None and not ask.json:
        return dictated
    if ask.json:
        plain = f"{_name(ask)} {_quote(ask.user_text)}"
        value = (
            instance(ask.schema, plain)
            if ask.schema is not None
            else {"sandbox": _name(ask), "you_said": _quote(ask.user_text)}
        )
        return msgspec.json.encode(value).decode()
    which = f" Answer {number + 1} of {ask.n}." if ask.n > 1 else ""
    if ask.results:
        told = "; ".join(_quote(result) for result in ask.results)
        return f"{_name(ask)}{which} This is a sandbox answer. The tool said: “{told}”"
    said = _quote(ask.user_text)
    return f"{_name(ask)}{which} This is a sandbox answer, no model was asked. You said: “{said}”"


def _calls(ask: Ask) -> list[Call]:
    """Call what is forced; else the first tool whose name the user's text speaks of."""
    chosen: list[Tool] = []
    if not ask.tools or ask.choice == "none" or ask.turns.given:
        return []
    if ask.choice.startswith("="):
        chosen = [tool for tool in ask.tools if tool.name == ask.choice[1:]]
    elif ask.choice == "required" or _is_told_to(ask):
        parallel = "parallel" in ask.user_text.lower() and not ask.one_call
        chosen = list(ask.tools) if parallel else list(ask.tools[:1])
        chosen = chosen if parallel else ([t for t in ask.tools if _speaks(ask, t)] or chosen)[:1]
    elif not ask.results:
        chosen = [tool for tool in ask.tools if _speaks(ask, tool)][:1]
    return [_call(ask, tool, number) for number, tool in enumerate(chosen)]


def _is_told_to(ask: Ask) -> bool:
    """Tell whether a call is asked for in words, as of a vendor that takes no other form."""
    return ask.user_text.startswith("Answer by calling ")


def _speaks(ask: Ask, tool: Tool) -> bool:
    text = ask.user_text.lower()
    words = tool.name.lower().replace("-", "_").split("_")
    return any(len(word) >= 4 and word in text for word in words)


def _call(ask: Ask, tool: Tool, number: int) -> Call:
    identity = hashlib.sha256(f"{ask.digest} {number}".encode()).hexdigest()
    schema = {"type": "object", **tool.schema}
    arguments = instance(schema, _quote(ask.user_text), strings=True)
    return Call(identity, tool.name, arguments, ask.earlier_calls + number)
