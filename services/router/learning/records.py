"""Outcomes and prompts from files: JSON lines, or Parquet where pyarrow is installed.

Every fault is an INVALID_REQUEST that names the line (or row) and the field.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from routor.v1 import router_pb2, types_pb2
from services.errors import Kind, RoutorError
from services.router.learning.facts import Facts, Vector, facts

REQUIRED: Final = ("prompt", "model", "score")
OPTIONAL: Final = ("category", "category_hint", "cost_usd")

_ROLES: Final = {
    "system": router_pb2.ROLE_SYSTEM,
    "developer": router_pb2.ROLE_SYSTEM,
    "user": router_pb2.ROLE_USER,
    "assistant": router_pb2.ROLE_ASSISTANT,
    "tool": router_pb2.ROLE_TOOL,
    "function": router_pb2.ROLE_TOOL,
}


# What a part shows, by the words of OpenAI's and Anthropic's formats and of our own corpus.
_SHOWN: Final = {
    **dict.fromkeys(("image", "image_url", "input_image"), types_pb2.MODALITY_IMAGE),
    **dict.fromkeys(("file", "input_file", "document"), types_pb2.MODALITY_FILE),
    **dict.fromkeys(("audio", "input_audio"), types_pb2.MODALITY_AUDIO),
    **dict.fromkeys(("video", "video_url"), types_pb2.MODALITY_VIDEO),
}


class _Part(msgspec.Struct):
    type: str
    text: str = ""


class _Tool(msgspec.Struct):
    name: str = ""
    description: str | None = None
    function: "_Tool | None" = None

    def to_route(self) -> router_pb2.Tool:
        """Return it as the router sees it; OpenAI nests what it declares."""
        declared = self.function or self
        described = _clean(declared.description or "")
        return router_pb2.Tool(name=_clean(declared.name), description=described)


class _Message(msgspec.Struct):
    role: Literal["system", "developer", "user", "assistant", "tool", "function"]
    content: str | tuple[_Part, ...] | None = None
    attachments: tuple[str, ...] = ()
    tool_calls: tuple[dict[str, Any], ...] | None = None

    def to_route(self) -> router_pb2.Message:
        """Return it as the router sees it."""
        parts = () if isinstance(self.content, str) else self.content or ()
        shown = [*self.attachments, *(part.type for part in parts)]
        return router_pb2.Message(
            role=_ROLES[self.role],
            text=_clean(self.text),
            attachments=[_SHOWN[word] for word in shown if word in _SHOWN],
            tool_calls=len(self.tool_calls or ()),
        )

    @property
    def text(self) -> str:
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part.text for part in self.content or () if part.text)


class _Line(msgspec.Struct):
    id: str | int
    prompt: str | None = None
    messages: tuple[_Message, ...] | None = None
    tools: tuple[_Tool, ...] | None = None


class _Row(msgspec.Struct):
    prompt: str
    model: str
    score: float
    category: str | None = None
    category_hint: str | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, eq=False)
class Prompt:
    """A line of input: its id and the conversation."""

    id: str | int
    request: router_pb2.RouteRequest

    @property
    def facts(self) -> Facts:
        """What outcome learning sees of it."""
        return facts(
            [one.text for one in self.request.messages if one.role == router_pb2.ROLE_USER]
        )


@dataclass(frozen=True, eq=False)
class Outcomes:
    """How models did on prompts.

    `scores` and `costs_usd`: (prompts, models), nan where unknown; several scores of a model on
    a prompt are averaged. `categories` are the file's own words for them, "" when not said.
    """

    prompts: tuple[str, ...]
    models: tuple[str, ...]
    scores: Vector
    costs_usd: Vector
    categories: tuple[str, ...] = ()
    features: list[Facts] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.features:
            self.features.extend(facts([prompt]) for prompt in self.prompts)

    def rows(self, chosen: npt.NDArray[Any]) -> "Outcomes":
        """Return the outcomes of some prompts, by index or mask."""
        places = np.arange(len(self.prompts))[chosen].tolist()
        return Outcomes(
            prompts=tuple(self.prompts[i] for i in places),
            models=self.models,
            scores=self.scores[places],
            costs_usd=self.costs_usd[places],
            categories=tuple(self.categories[i] for i in places) if self.categories else (),
            features=[self.features[i] for i in places],
        )


def prompts(lines: Iterable[bytes]) -> Iterator[Prompt]:
    """Read `{"id", "prompt"}` or `{"id", "messages"[, "tools"]}`, one a line.

    Messages are as OpenAI has them. Empty lines are skipped.
    """
    decoder = msgspec.json.Decoder(_Line)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            read = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _fault(f"line {number}", error) from None
        if (read.prompt is None) == (read.messages is None):
            raise _fault(f"line {number}", 'needs either "prompt" or "messages"')
        yield Prompt(read.id, _request(read))


def plain(id_: str | int, text: str) -> Prompt:
    """Return a prompt of a single user turn."""
    return Prompt(id_, _request(_Line(id_, prompt=text)))


def outcomes(path: Path) -> Outcomes:
    """Read the outcomes of a .parquet file, or of JSON lines in any other file."""
    try:
        rows = _parquet(path) if path.suffix == ".parquet" else _json_lines(path)
        return _table(rows, path)
    except OSError as error:
        raise _fault(str(path), error.strerror or "cannot be read") from None


def _request(line: _Line) -> router_pb2.RouteRequest:
    if line.messages is None:
        said = [router_pb2.Message(role=router_pb2.ROLE_USER, text=_clean(line.prompt or ""))]
    else:
        said = [one.to_route() for one in line.messages]
    offered = [tool.to_route() for tool in line.tools or ()]
    return router_pb2.RouteRequest(messages=said, tools=offered)


def _clean(text: str) -> str:
    """Replace lone surrogates, which JSON can carry and protobuf cannot."""
    return text.encode("utf-8", "replace").decode()


def _json_lines(path: Path) -> Iterator[_Row]:
    decoder = msgspec.json.Decoder(_Row)
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = decoder.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise _fault(f"{path.name}: line {number}", error) from None
            yield _checked(row, f"{path.name}: line {number}")


def _parquet(path: Path) -> Iterator[_Row]:
    try:
        from pyarrow import parquet  # noqa: PLC0415 - an extra, and slow to import
    except ImportError:
        told = (
            "Parquet files need pyarrow: pip install 'routor-gateway[parquet]', or use JSON lines."
        )
        raise RoutorError(Kind.INVALID_REQUEST, told) from None
    try:
        file = parquet.ParquetFile(path)
    except (ValueError, OSError) as error:
        raise _fault(path.name, error) from None
    missing = [name for name in REQUIRED if name not in file.schema_arrow.names]
    if missing:
        raise _fault(path.name, f"has no column {', '.join(missing)}")
    columns = [name for name in (*REQUIRED, *OPTIONAL) if name in file.schema_arrow.names]
    number = 0
    for batch in file.iter_batches(columns=columns):
        for values in batch.to_pylist():
            number += 1
            where = f"{path.name}: row {number}"
            try:
                row = msgspec.convert(values, _Row)
            except msgspec.ValidationError as error:
                raise _fault(where, error) from None
            yield _checked(row, where)


def _checked(row: _Row, where: str) -> _Row:
    if not 0 <= row.score <= 1:
        raise _fault(where, "`score` must be from 0 to 1")
    if not row.model:
        raise _fault(where, "`model` must not be empty")
    if row.cost_usd is not None and row.cost_usd < 0:
        raise _fault(where, "`cost_usd` must not be negative")
    return row


def _table(rows: Iterable[_Row], path: Path) -> Outcomes:
    prompts: dict[str, int] = {}
    models: dict[str, int] = {}
    categories: list[str] = []
    cells: list[tuple[int, int, float, float]] = []
    for row in rows:
        place = prompts.setdefault(row.prompt, len(prompts))
        if place == len(categories):
            categories.append(row.category or row.category_hint or "")
        cost = np.nan if row.cost_usd is None else row.cost_usd
        cells.append((place, models.setdefault(row.model, len(models)), row.score, cost))
    if not cells:
        raise _fault(path.name, "holds no outcomes")
    shape = (len(prompts), len(models))
    table = np.array(cells)
    return Outcomes(
        prompts=tuple(prompts),
        models=tuple(models),
        scores=_mean(table[:, 2], table, shape),
        costs_usd=_mean(table[:, 3], table, shape),
        categories=tuple(categories),
    )


def _mean(values: Vector, table: Vector, shape: tuple[int, int]) -> Vector:
    known = ~np.isnan(values)
    cells = (table[known, 0].astype(int) * shape[1] + table[known, 1].astype(int)).tolist()
    count = np.bincount(cells, minlength=shape[0] * shape[1])
    total = np.bincount(cells, values[known], minlength=shape[0] * shape[1])
    mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return mean.reshape(shape)


def _fault(where: str, what: Any) -> RoutorError:
    return RoutorError(Kind.INVALID_REQUEST, f"{where}: {what}")


__all__: Sequence[str] = ("Outcomes", "Prompt", "outcomes", "prompts")
