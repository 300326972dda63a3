"""What the classifier sees of a request: hashed words and character n-grams, and a few numbers.

Pure and bounded: at most `MAX_CHARS` characters are looked at, whatever the request's length
(head, tail and a sampled middle of the current turn; short windows of its context), in one
vectorised pass over their code points and without regular expressions. Nothing here knows a
language: a word is a run of letters, or one character of a script written without spaces.

The hash is polynomial modulo 2^64 over Unicode code points, so buckets are the same in every
process and on every machine.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

from routor.v1 import router_pb2, types_pb2

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]
Hashes = npt.NDArray[np.uint64]

VERSION: Final = 1  # raise it when the same request gives other features: old weights are void


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
    Part.EARLIER: (224, 0, 96),
    Part.SYSTEM: (192, 0, 64),
    Part.ANSWER: (128, 0, 128),
    Part.TOOLS: (512, 0, 0),
}
EARLIER_TURNS: Final = 3
LOOKBACK: Final = 32  # messages looked at, from the end
TOOLS_READ: Final = 12
PADS: Final = 4  # zeros after each passage, so that no n-gram spans two
MAX_PASSAGES: Final = EARLIER_TURNS + 4
MAX_CHARS: Final = (
    sum(head + 2 * sample + tail for head, sample, tail in WINDOW.values())
    + (EARLIER_TURNS - 1) * (WINDOW[Part.EARLIER][0] + WINDOW[Part.EARLIER][2])
    + PADS * MAX_PASSAGES
)

# User turns and their context have tables of their own: what a system prompt says is no
# evidence about the turn's difficulty.
TURN_BITS: Final = 16
CONTEXT_BITS: Final = 14
BUCKETS: Final = 2**TURN_BITS + 2**CONTEXT_BITS

DENSE: Final = (
    "always",
    "letters",
    "digits",
    "unspaced script",
    "code characters",
    "question mark",
    "questions",
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
TEXT_DENSE: Final = 7  # how many of them are about the passage alone

_LETTER, _DIGIT, _UNSPACED, _CODE, _QUESTION = range(1, 6)


def _classes() -> npt.NDArray[np.uint8]:
    """Tell the class of every code point of the Basic Multilingual Plane."""
    table = np.zeros(0x10000, np.uint8)
    table[0xC0:] = _LETTER
    for first, last in ((0x2000, 0x206F), (0x3000, 0x303F), (0xFF00, 0xFF0F), (0xFF1A, 0xFF20)):
        table[first : last + 1] = 0
    for first, last in ((0x2E80, 0x2FFF), (0x3040, 0x9FFF), (0xF900, 0xFAFF)):
        table[first : last + 1] = _UNSPACED
    for characters, number in (
        ("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZªµº", _LETTER),
        ("0123456789٠١٢٣٤٥٦٧٨٩०१२३४५६७८९", _DIGIT),
        ("{}()[];=<>_`\\$#&|+*/^~%@", _CODE),
        ("?？؟", _QUESTION),
    ):
        table[[ord(character) for character in characters]] = number
    return table


_CLASS: Final = _classes()
_BASE: Final = 0x9E3779B97F4A7C15
_SEEDS: Final = np.array(
    [0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0xD6E8FEB86659FD93, 0xA0761D6478BD642F], np.uint64
)


def _powers(base: int) -> Hashes:
    return np.cumprod(np.full(MAX_CHARS + 1, base, np.uint64), dtype=np.uint64)


_POWERS: Final = _powers(_BASE)
_INVERSES: Final = _powers(pow(_BASE, -1, 2**64))
_RUN_KINDS: Final = np.array((0, 0, 1, 1))  # words, characters: each kind has length 1
_FOLD, _MIX, _PAIR = np.uint64(29), np.uint64(0xE7037ED1A0B428DB), np.uint64(0x8EBC6AF09C88C6E3)


@dataclass(frozen=True, eq=False)
class Passage:
    """A piece of text that was looked at. `start` is its place in the joined text."""

    part: Part
    text: str
    start: int


@dataclass(frozen=True, eq=False)
class Features:
    """All that is known about a request.

    One entry per n-gram in `buckets`, `scales`, `owners` (index of its passage) and
    `positions` (in the joined text); one row of `dense` per passage, columns as `DENSE`.
    Passages: earlier user turns, oldest first; the turn; its context.
    """

    buckets: Ints
    scales: Floats
    owners: Ints
    positions: Ints
    dense: Floats
    passages: tuple[Passage, ...]
    turn: int


@dataclass(frozen=True, eq=False)
class _Source:
    """A passage before it is cut and hashed: its text and what is attached to it."""

    part: Part
    text: str
    attachments: tuple[int, ...] = ()


def extract(request: router_pb2.RouteRequest) -> Features:
    """Return the features of a request's current turn and its context.

    The current turn is the last user message; a request without one is judged by its
    last message, an empty request by nothing.
    """
    sources, turn, image_before, results = _read(request)
    passages = []
    start = 0
    for source in sources:
        text = _lower(source)
        passages.append(Passage(source.part, text, start))
        start += len(text) + PADS
    joined = "".join(passage.text + "\0" * PADS for passage in passages)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), "<u4").astype(np.uint64)
    classes = _CLASS[np.minimum(codes, 0xFFFF)]
    owners = np.repeat(np.arange(len(passages)), [len(p.text) + PADS for p in passages])
    words, word_at = _words(codes, classes)
    dense = np.zeros((len(passages), len(DENSE)), np.float32)
    _describe_texts(dense, sources, classes, owners)
    _describe_request(dense[turn], request, turn, image_before, results)
    if request.tools:
        dense[turn, DENSE.index("turn names a tool")] = _overlap(words, owners[word_at], turn)
    grams = _grams(codes, words, word_at, owners, [passage.part for passage in passages])
    return Features(*grams, dense=dense, passages=tuple(passages), turn=turn)


def _read(
    request: router_pb2.RouteRequest,
) -> tuple[list[_Source], int, bool, int]:
    """Pick the passages; return them, the turn's index, earlier images, tool results after it."""
    messages = list(request.messages[-LOOKBACK:])
    roles = [message.role for message in messages]
    user = [i for i, role in enumerate(roles) if role == router_pb2.ROLE_USER]
    at = user[-1] if user else len(messages) - 1
    sources = [_source(Part.EARLIER, messages[i]) for i in user[-1 - EARLIER_TURNS : -1]]
    turn = len(sources)
    sources.append(_source(Part.TURN, messages[at]) if messages else _Source(Part.TURN, ""))
    if len(request.messages) > 1:
        first = request.messages[0]
        if first.role == router_pb2.ROLE_SYSTEM and first.text:
            sources.append(_source(Part.SYSTEM, first))
        answers = (i for i in range(at - 1, -1, -1) if roles[i] == router_pb2.ROLE_ASSISTANT)
        if (answer := next(answers, None)) is not None and messages[answer].text:
            sources.append(_source(Part.ANSWER, messages[answer]))
    if request.tools:
        text = "\n".join(
            f"{tool.name} {tool.description[:96]}" for tool in request.tools[:TOOLS_READ]
        )
        sources.append(_Source(Part.TOOLS, text))
    image = types_pb2.MODALITY_IMAGE
    before = any(image in message.attachments for message in messages[: max(at, 0)])
    results = sum(role == router_pb2.ROLE_TOOL for role in roles[at + 1 :])
    return sources, turn, before, results


def _source(part: Part, message: router_pb2.Message) -> _Source:
    return _Source(part, message.text, tuple(message.attachments))


def _lower(source: _Source) -> str:
    """Return the window of a text in lower case: its head, two samples of its middle, its tail."""
    text = source.text
    head, sample, tail = WINDOW[source.part]
    size = head + 2 * sample + tail
    if len(text) > size:
        rest = len(text) - size
        first = head + rest // 3
        second = head + sample + 2 * rest // 3
        samples = text[first : first + sample] + text[second : second + sample]
        text = text[:head] + samples + text[len(text) - tail :]
    return text.lower()[:size]  # a few characters grow in lower case


def _words(codes: Hashes, classes: npt.NDArray[np.uint8]) -> tuple[Hashes, Ints]:
    """Return the hash and the position of every word."""
    inside = (classes >= _LETTER) & (classes <= _UNSPACED)
    unspaced = classes == _UNSPACED
    before = np.concatenate(([False], inside[:-1] & ~unspaced[:-1]))
    after = np.concatenate((inside[1:] & ~unspaced[1:], [False]))
    starts = np.flatnonzero(inside & (unspaced | ~before))
    ends = np.flatnonzero(inside & (unspaced | ~after)) + 1
    # A word's hash is the difference of two prefix sums, shifted back to position 0.
    sums = np.concatenate((np.zeros(1, np.uint64), np.cumsum(codes * _POWERS[: len(codes)])))
    return (sums[ends] - sums[starts]) * _INVERSES[starts], starts


def _grams(
    codes: Hashes, words: Hashes, word_at: Ints, owners: Ints, parts: Sequence[Part]
) -> tuple[Ints, Floats, Ints, Ints]:
    """Return buckets, scales, owners and positions of word 1-2-grams and character 3-4-grams."""
    pairs = np.flatnonzero(owners[word_at[:-1]] == owners[word_at[1:]])
    first, second, third, fourth = _SEEDS
    threes = codes[:-3] * first + codes[1:-2] * second + codes[2:-1] * third
    fours = threes + codes[3:] * fourth
    at = np.flatnonzero(codes[:-3])
    runs = (
        (words, word_at),
        (words[pairs] * _PAIR + words[pairs + 1], word_at[pairs]),
        (threes[at], at),
        (fours[at], at),
    )
    hashes = np.concatenate([run[0] for run in runs])
    positions = np.concatenate([run[1] for run in runs])
    owner = owners[positions]
    kinds = owner * 2 + np.repeat(_RUN_KINDS, [len(run[0]) for run in runs])
    counts = np.bincount(kinds, minlength=2 * len(parts))
    scales = (1.0 / np.sqrt(np.maximum(counts, 1.0)))[kinds].astype(np.float32)
    salt = np.array([0 if part <= Part.EARLIER else part for part in parts], np.uint64)
    context = salt > 0
    shift = np.where(context, 64 - CONTEXT_BITS, 64 - TURN_BITS).astype(np.uint64)
    offset = np.where(context, 2**TURN_BITS, 0)
    hashes += salt[owner] * _SEEDS[0]
    hashes ^= hashes >> _FOLD
    hashes *= _MIX
    buckets = (hashes >> shift[owner]).astype(np.int64) + offset[owner]
    return buckets, scales, owner, positions


def _describe_texts(
    dense: Floats,
    sources: Sequence[_Source],
    classes: npt.NDArray[np.uint8],
    owners: Ints,
) -> None:
    """Fill in what can be counted in each user turn: shares of character classes and the like."""
    count = len(sources)
    tally = np.bincount(owners * 8 + classes, minlength=8 * count).reshape(count, 8)
    for i, source in enumerate(sources):
        if source.part > Part.EARLIER:
            continue
        letters, digits, unspaced, code, questions = tally[i, 1:6].tolist()
        size = max(int(tally[i].sum()) - PADS, 1)
        dense[i, : TEXT_DENSE + 3] = (
            1.0,
            letters / size,
            digits / size,
            unspaced / size,
            code / size,
            questions > 0,
            math.log1p(questions) / 2,
            types_pb2.MODALITY_IMAGE in source.attachments,
            types_pb2.MODALITY_FILE in source.attachments,
            any(kind >= types_pb2.MODALITY_AUDIO for kind in source.attachments),
        )


def _describe_request(
    row: Floats, request: router_pb2.RouteRequest, turn: int, image_before: bool, results: int
) -> None:
    """Fill in what belongs to the request and not to a text."""
    formats = (router_pb2.RESPONSE_FORMAT_JSON_OBJECT, router_pb2.RESPONSE_FORMAT_JSON_SCHEMA)
    row[TEXT_DENSE + 3 :] = (
        turn / EARLIER_TURNS,
        image_before,
        len(request.tools) > 0,
        math.log1p(len(request.tools)) / 4,
        0.0,
        math.log1p(results) / 2,
        request.needs.response_format in formats,
    )


def _overlap(words: Hashes, owners: Ints, turn: int) -> float:
    """Return the share of the turn's words that the tools' names and descriptions use."""
    mine = words[owners == turn]
    offered = words[owners == owners.max()]
    return float(np.isin(mine, offered).mean()) if len(mine) else 0.0
