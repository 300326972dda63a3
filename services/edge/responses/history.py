"""The items of a Responses conversation as OpenAI chat messages."""

from collections.abc import Sequence
from typing import Any

from services.edge import document
from services.edge.responses import hosted, sealed
from services.edge.responses.schema import (
    CustomCall,
    CustomOutput,
    FunctionCall,
    FunctionOutput,
    Hosted,
    InputAudio,
    InputFile,
    InputImage,
    Item,
    Message,
    Part,
    Reasoning,
    Reference,
    Refusal,
    ResponsesRequest,
)

Json = dict[str, Any]


def conversation(request: ResponsesRequest) -> list[Json]:
    """Return the messages: the instructions, then the input."""
    messages: list[Json] = []
    if request.instructions:
        messages.append({"role": "system", "content": request.instructions})
    if isinstance(request.input, str):
        return [*messages, {"role": "user", "content": request.input}]
    teller = _Teller(messages)
    for index, item in enumerate(request.input):
        teller.add(item, f"input[{index}]")
    return teller.done()


class _Teller:
    """Folds items into messages: what one assistant turn thought, said and called is one."""

    def __init__(self, messages: list[Json]) -> None:
        self._messages = messages
        self._thoughts: Json = {}

    def add(self, item: Item, path: str) -> None:
        """Take the next item."""
        if isinstance(item, Reference):
            return  # left out, and named (`request`)
        if isinstance(item, FunctionOutput | CustomOutput):
            self._result(item, path)
            return
        if isinstance(item, Reasoning):
            self._thoughts = _thoughts(item)
        elif isinstance(item, Hosted):
            self._hosted(item)
        elif isinstance(item, FunctionCall | CustomCall):
            self._turn().setdefault("tool_calls", []).append(_call(item))
        elif item.role == "assistant":
            self._said(item, path)
        else:
            content = _content(item, path)
            self._messages.append({"role": item.role, "content": content})

    def done(self) -> list[Json]:
        """Return the messages, after the last item."""
        return self._messages

    def _turn(self) -> Json:
        """Return the assistant's turn that is under way: with calls, until they are answered."""
        last = self._messages[-1] if self._messages else None
        if last is not None and "tool_calls" in last:
            for name, told in self._thoughts.items():
                last[name] = _joined(last.get(name), told)
        elif last is None or last["role"] != "assistant" or self._thoughts:
            last = {"role": "assistant", "content": None, **self._thoughts}
            self._messages.append(last)
        self._thoughts = {}
        return last

    def _said(self, item: Message, path: str) -> None:
        turn, said = self._unsaid_turn(), _content(item, path)
        turn["content"] = _joined(turn["content"], said)
        if item.phase is not None:
            turn["phase"] = item.phase

    def _unsaid_turn(self) -> Json:
        """Return the turn that is under way, or a new one where that has said its words."""
        turn = self._turn()
        if turn["content"] is not None and "tool_calls" not in turn:
            turn = {"role": "assistant", "content": None}
            self._messages.append(turn)
        return turn

    def _hosted(self, item: Hosted) -> None:
        """Keep an item in its place: after thoughts, before words and calls of its turn."""
        last = self._messages[-1] if self._messages else {}
        goes_on = hosted.ITEMS in last and not self._thoughts
        turn = last if goes_on else self._unsaid_turn()
        turn.setdefault(hosted.ITEMS, []).append(item.whole)
        turn["content"] = turn["content"] or ""

    def _result(self, item: FunctionOutput | CustomOutput, path: str) -> None:
        """Tell a result: a text, or parts when there are images in it."""
        output = [] if isinstance(item.output, str) else item.output
        parts = [
            _part(part, f"{path}.output[{place}]", "user") for place, part in enumerate(output)
        ]
        told: str | list[Json] = parts or ""
        if isinstance(item.output, str):
            told = item.output
        elif all(part["type"] == "text" for part in parts):
            told = "\n".join(part["text"] for part in parts)
        self._messages.append({"role": "tool", "tool_call_id": item.call_id, "content": told})


def _joined(before: Any, told: Any) -> Any:
    """Return what was told before, if anything, and then: texts, or lists of parts or blocks."""
    if not isinstance(before, str | list) or not isinstance(told, str | list):
        return told
    if isinstance(before, str) and isinstance(told, str):
        return f"{before}\n{told}"
    return [*_as_parts(before), *_as_parts(told)]


def _as_parts(content: str | list[Any]) -> list[Any]:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _thoughts(item: Reasoning) -> Json:
    """Return what `answer` put into the item: signed thoughts, or readable ones."""
    if item.encrypted_content and (opened := sealed.unseal(item.encrypted_content)):
        return opened
    told: Sequence[Any] = item.content or item.summary
    text = "\n".join(piece.text for piece in told if piece.text)
    return {"reasoning_content": text} if text else {}


def _call(item: FunctionCall | CustomCall) -> Json:
    name = hosted.flat(item.namespace, item.name)
    if isinstance(item, CustomCall):
        custom = {"name": name, "input": item.input}
        return {"id": item.call_id, "type": "custom", "custom": custom}
    function = {"name": name, "arguments": item.arguments}
    return {"id": item.call_id, "type": "function", "function": function}


def _content(item: Message, path: str) -> str | list[Json]:
    if isinstance(item.content, str):
        return item.content
    if not item.content:
        raise document.invalid(f"{path}.content", "must not be empty")
    return [
        _part(part, f"{path}.content[{place}]", item.role)
        for place, part in enumerate(item.content)
    ]


def _part(part: Part, path: str, role: str) -> Json:
    if isinstance(part, Refusal):
        if role == "assistant":
            return {"type": "refusal", "refusal": part.refusal}
        raise document.invalid(f"{path}.type", "must not be refusal in what the model reads")
    if isinstance(part, InputImage | InputFile | InputAudio):
        if role != "user":
            raise document.invalid(f"{path}.type", f"must be text in a message of the {role}")
        return _attached(part, path)
    return {"type": "text", "text": part.text}


def _attached(part: InputImage | InputFile | InputAudio, path: str) -> Json:
    if isinstance(part, InputAudio):
        sound = {"data": part.input_audio.data, "format": part.input_audio.format}
        return {"type": "input_audio", "input_audio": sound}
    if isinstance(part, InputImage):
        if part.image_url is None:
            raise document.invalid(f"{path}.image_url", "is missing; file_id is not supported here")
        image = {"url": part.image_url, **({"detail": part.detail} if part.detail else {})}
        return {"type": "image_url", "image_url": image}
    names = ("file_data", "file_id", "filename")
    given = {name: value for name in names if (value := getattr(part, name)) is not None}
    if part.file_url is not None:
        given.setdefault("file_data", part.file_url)
    if not given.keys() & {"file_data", "file_id"}:
        raise document.invalid(path, "needs file_data, file_url or file_id")
    return {"type": "file", "file": given}
