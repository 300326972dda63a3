"""The facts about providers' models, read from TOML: one file per provider.

The built-in files lie in `services/router/catalog`; the files of `ROUTOR_CATALOG_DIR`
are read over them (a model of the same id replaces the built-in one, a new provider
needs a `base_url`). Everything here is data: nothing is looked up on the network.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

BUILT_IN = Path(__file__).parent / "router" / "catalog"


class Tier(IntEnum):
    """Difficulty of a turn, ascending; numbers equal `routor.v1.Tier`."""

    NANO = 1
    SIMPLE = 2
    LIGHT = 3
    STANDARD = 4
    COMPLEX = 5


class Category(StrEnum):
    """Kind of task of a turn, in the order of `routor.v1.Category` (from 1)."""

    CODING = "coding"
    DEBUGGING = "debugging"
    MATH = "math"
    SCIENCE = "science"
    REASONING = "reasoning"
    PLANNING = "planning"
    RESEARCH = "research"
    WRITING = "writing"
    CREATIVE = "creative"
    SUMMARIZATION = "summarization"
    EXTRACTION = "extraction"
    SIMPLE_QA = "simple_qa"
    CHAT = "chat"
    MULTILINGUAL = "multilingual"
    INSTRUCTION_FOLLOWING = "instruction_following"
    TOOL_USE = "tool_use"
    VISION = "vision"


Modality = Literal["text", "image", "file", "audio", "video"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
Status = Literal["active", "alias", "deprecated", "retired"]


class Facts(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A table of facts: where it is from and when it was checked."""

    source: str
    checked: date


class Lifecycle(Facts, frozen=True):
    """Whether the id can be called.

    active: yes. alias: the id is answered by another model, `replacement`. deprecated:
    yes, until `retires`. retired: no; call `replacement`.
    """

    status: Status
    retires: date | None = None
    replacement: str | None = None
    note: str = ""


class PriceStep(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Prices of the whole request once its input exceeds `above_input_tokens`."""

    above_input_tokens: int
    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None


class Peak(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Hours in which all prices are multiplied.

    `weekdays`: ISO numbers, 1 = Monday. `hours_utc`: half-open [from, to) pairs.
    """

    multiplier: float
    weekdays: tuple[int, ...]
    hours_utc: tuple[tuple[int, int], ...]


class Price(Facts, frozen=True):
    """US dollars per million tokens. A missing cache price means the input price.

    `cache_write_hour` is for what is kept for an hour; missing, it is `cache_write`.
    """

    input: float
    output: float
    cached_input: float | None = None
    cache_write: float | None = None
    cache_write_hour: float | None = None
    steps: tuple[PriceStep, ...] = ()
    peak: Peak | None = None
    note: str = ""


class Reasoning(Facts, frozen=True):
    """How thinking is controlled.

    `switch` names the wire form a dialect must use; `efforts` the words it accepts;
    `default` what happens when nothing is said ("none" = no thinking).
    """

    switch: Literal[
        "none",  # no reasoning
        "always",  # reasons always, no control
        "reasoning_effort",  # OpenAI's word, at top level
        "anthropic_adaptive",  # thinking.type=adaptive + output_config.effort
        "anthropic_budget",  # thinking.type=enabled + budget_tokens
        "google_level",  # generationConfig.thinkingConfig.thinkingLevel
        "thinking_type",  # thinking: {type: enabled|disabled}
        "thinking_type_effort",  # the same, and reasoning_effort
        "thinking_adaptive",  # thinking: {type: adaptive|disabled}
        "enable_thinking",  # enable_thinking + thinking_budget at top level
        "chat_template_kwargs",  # chat_template_kwargs.enable_thinking + reasoning_budget
    ] = "none"
    efforts: tuple[Effort, ...] = ()
    words: dict[Effort, Effort] = {}  # how the vendor takes other words
    default: Effort = "none"
    can_disable: bool = True
    budgets: bool = False  # thinking.budget_tokens is taken beside "anthropic_adaptive"
    # "reasoning_content" must be sent back on assistant turns (facts: quirks E).
    replay: bool = False
    # It is wanted back, where there is some, on the turns since the user has spoken last.
    interleaved: bool = False
    note: str = ""


class Parameters(Facts, frozen=True):
    """Which request parameters the model takes; what it does not take is left out or refused."""

    max_tokens_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    # accepted | without_reasoning (only while effort is none) | fixed (must not be sent)
    temperature: Literal["accepted", "without_reasoning", "fixed"] = "accepted"
    temperature_max: float = 2.0
    # Zero is refused by vendors that want 0 < t.
    temperature_min: float = 0.0
    top_p: Literal["accepted", "without_reasoning", "fixed"] = "accepted"
    top_p_min: float = 0.0
    stop: bool = True
    stop_with_reasoning: bool = True  # else only while effort is none
    penalties: bool = True
    seed: bool = True
    logprobs: bool = False
    n: bool = False
    tool_choice: tuple[Literal["auto", "none", "required", "named"], ...] = (
        "auto",
        "none",
        "required",
        "named",
    )
    # Kinds of it that are taken as well, but only by a model that does not think.
    tool_choice_without_reasoning: tuple[Literal["required", "named"], ...] = ()
    json_with_reasoning: bool = True  # else response_format needs effort none
    media_with_reasoning: bool = True  # else audio and video need effort none
    tools_with_reasoning: bool = True  # on the vendor's usual endpoint
    tools_over_responses: bool = False  # both together on OpenAI's Responses
    parallel_tool_calls: bool = False  # accepts the switch
    prefill: bool = False
    system_turns: bool = False  # takes instructions in the course of the conversation as such
    note: str = ""

    @property
    def thinks_with_tools(self) -> bool:
        """Whether the model can be asked to think and be offered tools at once."""
        return self.tools_with_reasoning or self.tools_over_responses


class Score(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One published benchmark figure, as printed by its source."""

    benchmark: str
    score: float
    source: str
    checked: date
    effort: Effort | None = None


class Speed(Facts, frozen=True):
    """Published speed at one effort."""

    effort: Effort | None = None
    output_tokens_per_s: float | None = None
    first_token_s: float | None = None


class Model(Facts, frozen=True):
    """One model of one provider."""

    id: str  # Routor's, without the provider: "gpt-5.5"
    upstream: str  # what the provider's API calls it
    name: str
    lifecycle: Lifecycle
    price: Price
    reasoning: Reasoning
    parameters: Parameters
    context_window: int
    max_output_tokens: int
    provider: str = ""  # filled in when read
    aliases: tuple[str, ...] = ()
    input_modalities: tuple[Modality, ...] = ("text",)
    image_urls: bool = True  # the provider fetches images from web addresses
    tools: bool = False
    parallel_tools: bool = False
    structured_outputs: Literal["json_schema", "json_object", "none"] = "none"
    released: date | None = None
    open_weights: bool = False
    scores: tuple[Score, ...] = ()
    speed: tuple[Speed, ...] = ()
    note: str = ""

    @property
    def key(self) -> str:
        """Routor's full id: "openai/gpt-5.5"."""
        return f"{self.provider}/{self.id}"

    @property
    def callable(self) -> bool:
        """Whether the provider still answers to it."""
        return self.lifecycle.status != "retired"


class Embedding(Facts, frozen=True):
    """A model that turns texts into vectors. Vectors of two models never mix.

    `dimensions` are those of a whole vector; `shortens` says whether the request may ask for
    fewer, `tokens_input` whether texts may come as token numbers. Limits are per request.
    """

    id: str
    upstream: str
    name: str
    price_usd_per_mtok: float
    dimensions: int
    max_input_tokens: int
    max_inputs: int
    shortens: bool = False
    tokens_input: bool = False
    provider: str = ""  # filled in when read
    aliases: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Routor's full id: "openai/text-embedding-3-small"."""
        return f"{self.provider}/{self.id}"


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A company or endpoint. Address, dialect and key names are for those without a vendor file."""

    id: str
    name: str
    source: str = ""
    checked: date | None = None
    dialect: Literal["openai_chat", "anthropic_messages", "google_generate"] = "openai_chat"
    base_url: str = ""
    key_env: str = ""  # empty: no key needed
    models_path: str = "/models"


Named = TypeVar("Named", bound=Model | Embedding)


class File(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One catalog file."""

    provider: Provider
    model: tuple[Model, ...] = ()
    embedding: tuple[Embedding, ...] = ()


class Catalog:
    """All providers and models. Immutable once made.

    `version` is a hash of what was read: equal files, equal version.
    """

    def __init__(self, files: Iterable[File], version: str) -> None:
        self.version = version
        self.providers: dict[str, Provider] = {}
        self.models: dict[str, Model] = {}
        self.embeddings: dict[str, Embedding] = {}
        for file in files:
            self.providers[file.provider.id] = file.provider
            for model in file.model:
                named = msgspec.structs.replace(model, provider=file.provider.id)
                self.models[named.key] = named
            for embedding in file.embedding:
                own = msgspec.structs.replace(embedding, provider=file.provider.id)
                self.embeddings[own.key] = own
        self._names = _index(self.models)
        self._embedding_names = _index(self.embeddings)

    def find(self, name: str) -> Model | None:
        """Return the model of a full id, bare id, upstream id or alias, or None."""
        return self._names.get(name.lower())

    def find_embedding(self, name: str) -> Embedding | None:
        """Return the embedding model of a full id, bare id, upstream id or alias, or None."""
        return self._embedding_names.get(name.lower())


def _index(models: Mapping[str, Named]) -> dict[str, Named]:
    """Return the models by every name they go by, in lower case; full ids come first."""
    names: dict[str, Named] = {}
    for one in models.values():
        for name in (one.id, one.upstream, *one.aliases):
            names.setdefault(f"{one.provider}/{name}".lower(), one)
            names.setdefault(name.lower(), one)
    for key, one in models.items():
        names[key.lower()] = one
    return names


def read(directory: Path | None = None) -> Catalog:
    """Read the built-in catalog and, over it, the files of `directory`.

    Raises ValueError naming the file and the field when a file is not a catalog file.
    """
    paths = sorted(BUILT_IN.glob("*.toml"))
    if directory is not None:
        if not directory.is_dir():
            raise ValueError(f"{directory}: not a folder of catalog files")
        paths += sorted(directory.glob("*.toml"))
    return parse({str(path): path.read_text() for path in paths})


def parse(texts: Mapping[str, str]) -> Catalog:
    """Make a catalog of TOML texts by name; later files are read over earlier ones."""
    digest = hashlib.sha256()
    files = []
    for name, text in texts.items():
        digest.update(text.encode())
        try:
            files.append(msgspec.convert(tomllib.loads(text), File))
        except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
            raise ValueError(f"{name}: {error}") from error
    return Catalog(files, digest.hexdigest()[:12])
