"""What the classifier sees of a request: the words of its passages, and a few numbers.

Pure and bounded: of a request, whatever its length, a fixed window is looked at (head, tail and
a sampled middle of the current turn; short windows of its context). Nothing here knows a
language; see `words`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from routor.v1 import router_pb2, types_pb2
from services.router.courtesy import asked
from services.router.keywords import without_piles
from services.router.words import QUOTED, sentences

Floats = npt.NDArray[np.float32]

VERSION: Final = 10  # raise it when the same request gives other features: old weights are void


class Part(IntEnum):
    """Where in the conversation a passage stands."""

    TURN = 0
    EARLIER = 1  # an earlier user turn
    SYSTEM = 2
    ANSWER = 3  # the assistant's last words before the turn
    TOOLS = 4


# Characters read of each part; of a longer text its beginning, two samples and its end.
WINDOW: Final = {
    Part.TURN: (512, 128, 384),
    Part.EARLIER: (192, 0, 96),
    Part.SYSTEM: (160, 0, 64),
    Part.ANSWER: (96, 0, 128),
    Part.TOOLS: (320, 0, 0),
}
# A character of a script without spaces is a word: so many fewer of them are read.
DENSER: Final = 3
EARLIER_TURNS: Final = 3
LOOKBACK: Final = 32  # messages looked at, from the end
TOOLS_READ: Final = 12
MAX_CHARS: Final = sum(head + 2 * sample + tail for head, sample, tail in WINDOW.values()) + (
    EARLIER_TURNS - 1
) * (WINDOW[Part.EARLIER][0] + WINDOW[Part.EARLIER][2])
MAX_WORDS: Final = {part: (h + 2 * s + t) // 4 for part, (h, s, t) in WINDOW.items()}

# Sentences of a passage that are told apart; of more, the middle ones are taken as one.
MOST_SENTENCES: Final = 13
# Marks before a sentence and behind a passage, so that first and last words can be told.
START: Final = "#"
END: Final = "$"
MARKS: Final = frozenset({START, END, QUOTED})

DENSE: Final = (
    "always",
    "length",
    "code characters",
    "operators",
    "code fence",
    "sentences",
    "question mark",
    "question at the end",
    "quotation marks",
    "words",
    "image attached",
    "file attached",
    "sound or video attached",
    "earlier turns",
    "earlier image",
    "tools offered",
    "number of tools",
    "turn names a tool",
    "tool results",
    "structured output",
)
TEXT_DENSE: Final = 10  # how many of them are about the passage's text alone

_IMAGE, _FILE, _AUDIO = (
    types_pb2.MODALITY_IMAGE,
    types_pb2.MODALITY_FILE,
    types_pb2.MODALITY_AUDIO,
)
_FORMATS: Final = (
    router_pb2.RESPONSE_FORMAT_JSON_OBJECT,
    router_pb2.RESPONSE_FORMAT_JSON_SCHEMA,
)
_NOTHING_ATTACHED: Final = (0.0, 0.0, 0.0)
_NO_TURN: Final = router_pb2.Message()


@dataclass(frozen=True, slots=True, eq=False)
class Passage:
    """A piece of text that was looked at, cut into words; sentence i ends at `ends[i]`."""

    part: Part
    text: str
    words: list[str]
    ends: list[int]


@dataclass(frozen=True, slots=True, eq=False)
class Features:
    """All that is known about a request.

    Passages: earlier user turns, oldest first; the turn, at `turn`; its context. `dense`: one
    row per user turn, the last is the turn's; columns as `DENSE`.
    """

    passages: tuple[Passage, ...]
    turn: int
    dense: Floats


def extract(request: router_pb2.RouteRequest, texts: Sequence[str] | None = None) -> Features:
    """Return the features of a request's current turn and its context.

    The current turn is the last user message; a request without one is judged by its
    last message, an empty request by nothing. `texts`: those of all messages, by whoever
    has read them already.
    """
    messages = request.messages
    if texts is None:
        texts = [message.text for message in messages[-LOOKBACK:]]
    if len(messages) == 1 and not request.tools:
        message = messages[0]
        passage = _passage(Part.TURN, texts[0])
        around = _around(request, 0, image=False, results=0, named=0.0)
        facts = [*_text_facts(passage), *_attached(message), *around]
        return Features((passage,), 0, np.array([facts], np.float32))
    return _in_context(request, texts[-LOOKBACK:])


def _in_context(request: router_pb2.RouteRequest, texts: Sequence[str]) -> Features:
    messages = list(request.messages[-LOOKBACK:])
    roles = [message.role for message in messages]
    user = [i for i, role in enumerate(roles) if role == router_pb2.ROLE_USER]
    at = user[-1] if user else len(messages) - 1
    chosen = [*user[-1 - EARLIER_TURNS : -1], at]
    turns = [messages[i] for i in chosen] if messages else [_NO_TURN]
    said = [texts[i] for i in chosen] if messages else [""]
    last = len(turns) - 1
    passages = [
        _passage(Part.TURN if i == last else Part.EARLIER, text) for i, text in enumerate(said)
    ]
    passages += _context(request, texts, roles, at)
    named = _overlap(passages[last], passages[-1]) if request.tools else 0.0
    results = sum(role == router_pb2.ROLE_TOOL for role in roles[at + 1 :])
    before = any(_IMAGE in message.attachments for message in messages[: max(at, 0)])
    around = _around(request, last, image=before, results=results, named=named)
    dense = [
        [*_text_facts(passage), *_attached(message), *around]
        for passage, message in zip(passages, turns, strict=False)
    ]
    return Features(tuple(passages), last, np.array(dense, np.float32))


def _context(
    request: router_pb2.RouteRequest, texts: Sequence[str], roles: Sequence[int], at: int
) -> list[Passage]:
    """Read the system prompt, the answer before the turn and the tools, if there are."""
    passages = []
    if system := _system(request, texts):
        passages.append(_passage(Part.SYSTEM, system))
    answers = (i for i in range(at - 1, -1, -1) if roles[i] == router_pb2.ROLE_ASSISTANT)
    if (answer := next(answers, None)) is not None and texts[answer]:
        passages.append(_passage(Part.ANSWER, texts[answer]))
    if request.tools:
        text = "\n".join(
            f"{tool.name} {tool.description[:96]}" for tool in request.tools[:TOOLS_READ]
        )
        passages.append(_passage(Part.TOOLS, text))
    return passages


def _system(request: router_pb2.RouteRequest, texts: Sequence[str]) -> str:
    """Return the system prompt, which may stand before the messages looked at."""
    if len(request.messages) < 2 or request.messages[0].role != router_pb2.ROLE_SYSTEM:
        return ""
    return texts[0] if len(texts) == len(request.messages) else request.messages[0].text


def _passage(part: Part, text: str) -> Passage:
    head, sample, tail = WINDOW[part]
    if len(text) > head + 2 * sample + tail:
        text = _window(text, head, sample, tail)
    if not text.isascii() and len(text) > 96 and text.count(" ") * 16 < len(text):
        text = _window(text, head // DENSER, sample // DENSER, tail // DENSER)
    found = sentences(text)
    if part <= Part.EARLIER:
        found = without_piles(asked(found))
    if len(found) > MOST_SENTENCES:
        half = MOST_SENTENCES // 2
        middle = [word for sentence in found[half:-half] for word in sentence]
        found = [*found[:half], middle, *found[-half:]]
    return Passage(part, text, *_marked(found, MAX_WORDS[part]))


def _marked(found: Sequence[list[str]], most: int) -> tuple[list[str], list[int]]:
    """Return at most about `most` words, marked, and where the sentences end."""
    words: list[str] = []
    ends = []
    share = most // max(len(found), 1) if sum(map(len, found)) > most else most
    for sentence in found:
        words.append(START)
        words += sentence if len(sentence) <= share else _ends_of(sentence, share)
        ends.append(len(words))
    words.append(END)
    if not ends:
        return [START, END], [2]
    ends[-1] += 1
    return words, ends


def _ends_of(sentence: list[str], most: int) -> list[str]:
    half = most // 2
    return sentence[:half] + sentence[len(sentence) - half :]


def _window(text: str, head: int, sample: int, tail: int) -> str:
    """Return a text's head, two samples of its middle and its tail; a short text as it is."""
    rest = len(text) - (head + 2 * sample + tail)
    if rest <= 0:
        return text
    first = head + rest // 3
    second = head + sample + 2 * rest // 3
    samples = text[first : first + sample] + text[second : second + sample]
    return text[:head] + samples + text[len(text) - tail :]


def _text_facts(passage: Passage) -> tuple[float, ...]:
    """Count what the words do not say: marks of code, mathematics, questions and quotations.

    Length, sentences and questions are those of the words that are left, so that a greeting or a
    frame of Markdown does not change them.
    """
    text, words, count = passage.text, passage.words, passage.text.count
    size = len("".join(words)) + len(words)
    code = count("{") + count("(") + count(";") + count("_")
    operators = count("=") + count("+") + count("\\") + count("^")
    return (
        1.0,
        math.log(size) / 8,
        min(code * 16 / size, 1.0),
        min(operators * 24 / size, 1.0),
        "```" in text and not _framed(text),
        math.log(len(passage.ends)) / 4,
        "?" in words,
        words[-2] == "?",
        math.log1p(count('"') + count("“") + count("「")) / 3,
        math.log1p(len(words)) / 6,
    )


def _framed(text: str) -> bool:
    """Tell whether a code fence stands around the whole text, where it says nothing of it."""
    text = text.strip()
    return text.startswith("```") and text.endswith("```") and text.count("```") == 2


def _attached(message: router_pb2.Message) -> tuple[float, ...]:
    """Tell what is attached to a turn."""
    if not (kinds := message.attachments):
        return _NOTHING_ATTACHED
    return _IMAGE in kinds, _FILE in kinds, any(kind >= _AUDIO for kind in kinds)


def _around(
    request: router_pb2.RouteRequest, earlier: int, image: bool, results: int, named: float
) -> tuple[float, ...]:
    """Tell what belongs to the request and not to a turn."""
    tools = len(request.tools)
    return (
        earlier / EARLIER_TURNS,
        image,
        tools > 0,
        math.log1p(tools) / 4,
        named,
        math.log1p(results) / 2,
        request.needs.response_format in _FORMATS,
    )


def _overlap(turn: Passage, offered: Passage) -> float:
    """Return the share of the turn's words that the tools' names and descriptions use."""
    known = set(offered.words)
    marks = len(turn.ends) + 1
    return (sum(word in known for word in turn.words) - marks) / len(turn.words)
