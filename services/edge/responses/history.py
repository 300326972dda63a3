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
    MoreTools,
    Part,
    Reasoning,
    Reference,
    Refusal,
    ResponsesRequest,
    Update,
)
from services.edge.spelling import Place

Json = dict[str, Any]

# What members of messages, parts and calls are called here (`spelling.Names`).
WORDS = {
    ".file": "",
    ".file.file_data": ".file_data",
    ".file.file_id": ".file_id",
    ".function.arguments": ".arguments",
    ".function.name": ".name",
    ".custom.input": ".input",
    ".custom.name": ".name",
    ".id": ".call_id",
    ".image_url.url": ".image_url",
    ".tool_call_id": ".call_id",
}


def conversation(request: ResponsesRequest) -> tuple[list[Json], list[Place]]:
    """Return the messages, the instructions and then the input, and the places of them all."""
    teller = _Teller()
    if request.instructions:
        teller.tell("instructions", "system", request.instructions)
    if isinstance(request.input, str):
        teller.tell("input", "user", request.input)
    else:
        for index, item in enumerate(request.input):
            teller.add(item, f"input[{index}]")
    return teller.messages, teller.places


class _Teller:
    """Folds items into messages: what one assistant turn thought, said and called is one."""

    def __init__(self) -> None:
        self.messages: list[Json] = []
        self.places: list[Place] = []
        self._thoughts: Json = {}
        self._calling = 0  # where the latest turn with calls is
        self._waiting: set[str] = set()  # its calls that have no result yet

    def tell(self, path: str, role: str, content: str) -> None:
        """Take a text that is no item."""
        self._append({"role": role, "content": content}, Place(path, path, [], []))

    def add(self, item: Item, path: str) -> None:
        """Take the next item."""
        if isinstance(item, Reference | MoreTools | Update):
            return  # left out, and named (`request`), or read with the request's own fields
        if isinstance(item, FunctionOutput | CustomOutput):
            self._result(item, path)
            return
        if isinstance(item, Reasoning):
            _join(self._thoughts, _thoughts(item))
        elif isinstance(item, Hosted):
            self._hosted(item, path)
        elif isinstance(item, FunctionCall | CustomCall):
            self._called(item, path)
        elif item.role == "assistant":
            self._said(item, path)
        else:
            place = _place(path, "content", item.content)
            self._append({"role": item.role, "content": _content(item, place)}, place)
            self._waiting = set()  # what comes later is a turn of its own

    def _append(self, message: Json, place: Place) -> None:
        self.messages.append(message)
        self.places.append(place)

    def _turn(self, path: str) -> Json:
        """Return the assistant's turn that is under way: with calls, until all are answered."""
        last = self.messages[-1] if self.messages else None
        if self._waiting:
            last = self.messages[self._calling]
            _join(last, self._thoughts)
        elif last is None or last["role"] != "assistant" or self._thoughts:
            last = {"role": "assistant", "content": None, **self._thoughts}
            self._append(last, _place(path, "content"))
        self._thoughts = {}
        return last

    def _called(self, item: FunctionCall | CustomCall, path: str) -> None:
        turn = self._turn(path)
        if not self._waiting:
            self._calling = len(self.messages) - 1
        self._waiting.add(item.call_id)
        turn.setdefault("tool_calls", []).append(_call(item))
        self.places[self._calling].calls.append(path)

    def _said(self, item: Message, path: str) -> None:
        if item.content == []:
            return  # a turn that broke off before its first word
        turn = self._unsaid_turn(path)
        said = _content(item, _place(path, "content", item.content))
        turn["content"] = _joined(turn["content"], said)
        if item.phase is not None:
            turn["phase"] = item.phase

    def _unsaid_turn(self, path: str) -> Json:
        """Return the turn that is under way, or a new one where that has said its words."""
        turn = self._turn(path)
        if turn["content"] is not None and "tool_calls" not in turn:
            turn = {"role": "assistant", "content": None}
            self._append(turn, _place(path, "content"))
        return turn

    def _hosted(self, item: Hosted, path: str) -> None:
        """Keep an item in its place: after thoughts, before words and calls of its turn."""
        last = self.messages[-1] if self.messages else {}
        goes_on = hosted.ITEMS in last and not self._thoughts
        turn = last if goes_on else self._unsaid_turn(path)
        turn.setdefault(hosted.ITEMS, []).append(item.whole)
        turn["content"] = turn["content"] or ""

    def _result(self, item: FunctionOutput | CustomOutput, path: str) -> None:
        """Tell a result: a text, or parts when there are images in it."""
        output = [] if isinstance(item.output, str) else item.output
        place = _place(path, "output", output)
        parts = [_part(part, at, "user") for part, at in zip(output, place.parts, strict=True)]
        told: str | list[Json] = parts or ""
        if isinstance(item.output, str):
            told = item.output
        elif all(part["type"] == "text" for part in parts):
            told = "\n".join(part["text"] for part in parts)
        self._waiting.discard(item.call_id)
        message = {"role": "tool", "tool_call_id": item.call_id, "content": told}
        self._append(message, place)


def _place(path: str, member: str, content: str | Sequence[object] = ()) -> Place:
    content = () if isinstance(content, str) else content
    inside = f"{path}.{member}"
    return Place(path, inside, [f"{inside}[{number}]" for number in range(len(content))], [])


def _join(message: Json, more: Json) -> None:
    """Add members to those that a message has."""
    for name, told in more.items():
        message[name] = _joined(message.get(name), told)


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
    parcel = item.encrypted_content or ""
    if opened := sealed.unseal(parcel):
        return opened
    told: Sequence[Any] = item.content or item.summary
    text = "\n".join(piece.text for piece in told if piece.text)
    thoughts = sealed.theirs(item.id, parcel, text)
    return {**thoughts, "reasoning_content": text} if text else thoughts


def _call(item: FunctionCall | CustomCall) -> Json:
    name = hosted.flat(item.namespace, item.name)
    if isinstance(item, CustomCall):
        custom = {"name": name, "input": item.input}
        return {"id": item.call_id, "type": "custom", "custom": custom}
    function = {"name": name, "arguments": item.arguments}
    return {"id": item.call_id, "type": "function", "function": function}


def _content(item: Message, place: Place) -> str | list[Json]:
    if isinstance(item.content, str):
        return item.content
    if not item.content:
        raise document.invalid(place.content, "must not be empty")
    pairs = zip(item.content, place.parts, strict=True)
    return [_part(part, path, item.role) for part, path in pairs]


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


def _image(part: InputImage, path: str) -> Json:
    detail = {"detail": part.detail} if part.detail else {}
    if part.image_url is not None:
        return {"type": "image_url", "image_url": {"url": part.image_url, **detail}}
    if part.file_id is None:
        raise document.invalid(f"{path}.image_url", "is missing, and there is no file_id")
    # OpenAI's models alone can see it; others refuse a file that they cannot know.
    return {"type": "file", "file": {"file_id": part.file_id}, hosted.IMAGE: detail}


def _attached(part: InputImage | InputFile | InputAudio, path: str) -> Json:
    if isinstance(part, InputAudio):
        sound = {"data": part.input_audio.data, "format": part.input_audio.format}
        return {"type": "input_audio", "input_audio": sound}
    if isinstance(part, InputImage):
        return _image(part, path)
    names = ("file_data", "file_id", "filename")
    given = {name: value for name in names if (value := getattr(part, name)) is not None}
    if part.file_url is not None:
        given.setdefault("file_data", part.file_url)
    if not given.keys() & {"file_data", "file_id"}:
        raise document.invalid(path, "needs file_data, file_url or file_id")
    return {"type": "file", "file": given}
