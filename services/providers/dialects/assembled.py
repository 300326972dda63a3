"""A stream put together as a whole answer: some vendors do some things in streams alone. Pure."""

from dataclasses import dataclass, field
from typing import Any

from services.providers.dialects import completion
from services.providers.dialects.contract import Answer, Decoder, Json, Target
from services.providers.dialects.sse import END_OF_EVENT

_MARKS = (b"data:", b"event:", b"id:", b"retry:", b":")
_TEXTS = ("content", "reasoning_content", "refusal")


def is_stream(content: bytes) -> bool:
    """Tell whether an answer is a stream of events, whatever was asked for."""
    return content[:64].lstrip().startswith(_MARKS)


@dataclass
class _Choice:
    """What the deltas of one choice add up to."""

    texts: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Json] = field(default_factory=list)
    logprobs: list[Any] = field(default_factory=list)
    finish: str = ""

    def add(self, given: Json) -> None:
        delta = given["delta"]
        for name in _TEXTS:
            if delta.get(name):
                self.texts.setdefault(name, []).append(delta[name])
        for call in delta.get("tool_calls") or ():
            self.calls.append({key: value for key, value in call.items() if key != "index"})
        self.logprobs += (given.get("logprobs") or {}).get("content") or ()
        self.finish = given.get("finish_reason") or self.finish

    def json(self, index: int) -> Json:
        """Return the choice of a whole answer."""
        text = {name: "".join(pieces) for name, pieces in self.texts.items()}
        silent = (self.calls or "refusal" in text) and "content" not in text
        message: Json = {
            "role": "assistant",
            "content": None if silent else text.get("content", ""),
            "refusal": text.get("refusal"),
        }
        if "reasoning_content" in text:
            message["reasoning_content"] = text["reasoning_content"]
        if self.calls:
            message["tool_calls"] = self.calls
        told = {"content": self.logprobs, "refusal": None} if self.logprobs else None
        return {"index": index, "message": message, "logprobs": told, "finish_reason": self.finish}


def whole(content: bytes, decoder: Decoder, target: Target) -> Answer:
    """Return the answer that a whole stream tells; raises RoutorError for one that broke off."""
    bodies = [chunk.body for piece in (content, END_OF_EVENT) for chunk in decoder.feed(piece)]
    ending = decoder.close()
    choices: dict[int, _Choice] = {}
    for body in (*bodies, *ending.chunks):
        for given in body["choices"]:
            choices.setdefault(given["index"], _Choice()).add(given)
    told = [one.json(index) for index, one in sorted(choices.items())]
    first = (*bodies, *ending.chunks)[0]
    head = {name: first.get(name) for name in ("id", "created", "system_fingerprint")}
    return completion.answer(target, head, told, ending.usage, content)
