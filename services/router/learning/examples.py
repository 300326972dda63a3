"""Training examples: our own corpus and, where it is at hand, a file of labelled prompts.

Which examples are held out is decided by a hash of the part of the id before "/": prompts
derived from one another fall on the same side.
"""

import gzip
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from routor.v1 import router_pb2, types_pb2
from services.catalog import Category, Tier
from services.router.learning import labels

CORPUS: Final = Path(__file__).parent / "corpus"
PROMPTS: Final = "labelled_prompts.jsonl.gz"
OWN: Final = "corpus"
# No label of a public source gives more examples than this: exams are not most of life.
MOST_PER_LABEL: Final = 100
# Longer prompts are cut here for training, which reads windows only.
MOST_CHARS: Final = 4000


class Split(StrEnum):
    """What an example is for. `TEST` is never learned from and never tuned to."""

    TRAIN = "train"
    TUNE = "tune"
    TEST = "test"


@dataclass(frozen=True)
class Example:
    """A labelled request; None where the label is not known.

    `follows`: whether the turn continues the one before it; a turn that does is as hard as
    its session, so its own words say nothing of its tier. `alternative`: a second category
    that can be defended; `adjacent`: a neighbouring tier that can be. `read`: whether the labels
    are of this prompt, not of its collection.
    """

    id: str
    source: str
    lang: str
    request: router_pb2.RouteRequest
    category: Category | None
    tier: Tier | None
    follows: bool | None = None
    alternative: Category | None = None
    adjacent: Tier | None = None
    read: bool = True

    @property
    def family(self) -> str:
        """What is common to prompts that were derived from one another."""
        return self.id.split("/")[0]

    @property
    def split(self) -> Split:
        """The side of the example, by the hash of its family."""
        number = zlib.crc32(self.family.encode()) % 10
        return Split.TEST if number < 2 else Split.TUNE if number < 3 else Split.TRAIN


_ROLES: Final = {
    "system": router_pb2.ROLE_SYSTEM,
    "user": router_pb2.ROLE_USER,
    "assistant": router_pb2.ROLE_ASSISTANT,
}
_KINDS: Final = {
    "image": types_pb2.MODALITY_IMAGE,
    "file": types_pb2.MODALITY_FILE,
    "audio": types_pb2.MODALITY_AUDIO,
    "video": types_pb2.MODALITY_VIDEO,
}


class _Message(msgspec.Struct):
    role: Literal["system", "user", "assistant"]
    content: str
    attachments: tuple[Literal["image", "file", "audio", "video"], ...] = ()


class _Tool(msgspec.Struct):
    name: str
    description: str = ""


class Line(msgspec.Struct, forbid_unknown_fields=True):
    """A labelled request as our files hold it; see `corpus/README.md`."""

    id: str
    lang: str
    category: Category
    tier: str
    messages: tuple[_Message, ...]
    tools: tuple[_Tool, ...] = ()
    follows: bool | None = None
    alternatives: tuple[Category, ...] = ()
    adjacent: str | None = None
    kind: str = ""

    def request(self) -> router_pb2.RouteRequest:
        """Return it as the router gets it."""
        messages = [
            router_pb2.Message(
                role=_ROLES[message.role],
                text=message.content,
                attachments=[_KINDS[kind] for kind in message.attachments],
            )
            for message in self.messages
        ]
        tools = [router_pb2.Tool(name=t.name, description=t.description) for t in self.tools]
        return router_pb2.RouteRequest(messages=messages, tools=tools)


def own(directory: Path = CORPUS) -> list[Example]:
    """Read our corpus, in file and line order."""
    decoder = msgspec.json.Decoder(Line)
    return [
        _example(decoder.decode(line))
        for path in sorted(directory.glob("*.jsonl"))
        for line in path.read_bytes().splitlines()
    ]


def public(path: Path) -> list[Example]:
    """Read the labelled prompts that may be learned from, in file order.

    Labels of collections are thinned; those of single prompts count instead where there are any.
    """
    taken: Counter[tuple[str, str]] = Counter()
    rated = labels.rated()
    examples = []
    for row in _rows(path):
        key = (row["source"], str(row["source_label"]))
        if labels.kept_out(*key):
            continue
        if (by := rated.get((row["source"], str(row["prompt_id"])))) is not None:
            example = _prompt(row, by.category, by.tier)
            examples.append(replace(example, alternative=by.alternative))
            continue
        found = labels.label(*key)
        if found is None or taken[key] >= MOST_PER_LABEL:
            continue
        taken[key] += 1
        examples.append(replace(_prompt(row, *found), read=False))
    return examples


def in_company(examples: Sequence[Example]) -> Iterator[Example]:
    """Put single turns behind another's turn, and beside tools that are not needed.

    They must still be judged for themselves. Every second one gets a history, every third
    one tools; greetings and thanks, which end so many conversations, always a history.
    """
    single = [e for e in examples if len(e.request.messages) == 1 and not e.request.tools]
    kits = [e.request.tools for e in examples if e.category is Category.TOOL_USE]
    for i, example in enumerate(single):
        if i % 2 == 0 or example.tier is Tier.NANO:
            before = single[(i * 7919 + 13) % len(single)].request.messages[0]
            answer = router_pb2.Message(role=router_pb2.ROLE_ASSISTANT)
            messages = [before, answer, *example.request.messages]
            request = router_pb2.RouteRequest(messages=messages)
            yield replace(example, id=f"{example.id}/history", request=request, follows=False)
        if i % 3 == 0 and kits and example.category is not Category.VISION:
            tools = kits[i % len(kits)]
            request = router_pb2.RouteRequest(messages=example.request.messages, tools=tools)
            yield replace(example, id=f"{example.id}/tools", request=request)


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) as file:
        for line in file:
            yield msgspec.json.decode(line)


def _prompt(row: dict[str, Any], category: Category | None, tier: Tier | None) -> Example:
    message = router_pb2.Message(
        role=router_pb2.ROLE_USER,
        text=row["prompt"][:MOST_CHARS],
        text_chars=len(row["prompt"]),
    )
    request = router_pb2.RouteRequest(messages=[message])
    id_ = f"{row['source']}-{row['prompt_id']}".replace("/", "-")
    return Example(id_, row["source"], row.get("lang") or "en", request, category, tier)


def _example(line: Line) -> Example:
    turns = sum(message.role == "user" for message in line.messages)
    return Example(
        line.id,
        OWN,
        line.lang,
        line.request(),
        line.category,
        Tier[line.tier],
        bool(line.follows) if turns > 1 else None,
        alternative=line.alternatives[0] if line.alternatives else None,
        adjacent=Tier[line.adjacent] if line.adjacent else None,
    )
