"""The catalog as the brain reads it: all that does not depend on the request, computed once."""

from dataclasses import dataclass
from enum import IntFlag, auto
from functools import cached_property

from routor.v1 import types_pb2
from services.catalog import Catalog, Category, Effort, Model, Speed, Tier
from services.efforts import EFFORTS, nearest
from services.router import effort as efforts
from services.router.ability import Benchmarks, Estimate, abilities, function_calling
from services.router.tiers import Tiers


class Can(IntFlag):
    """Yes-or-no abilities: a request needs some, a model has some."""

    IMAGE = auto()
    FILE = auto()
    AUDIO = auto()
    VIDEO = auto()
    TOOLS = auto()
    CHOICE_AUTO = auto()
    CHOICE_NONE = auto()
    CHOICE_REQUIRED = auto()
    CHOICE_NAMED = auto()
    PARALLEL_TOOLS = auto()
    JSON_OBJECT = auto()
    JSON_SCHEMA = auto()
    LOGPROBS = auto()
    SEVERAL_CHOICES = auto()
    STOP = auto()
    IMAGE_URLS = auto()
    ANTHROPIC_TOOLS = auto()
    OPENAI_TOOLS = auto()
    ANTHROPIC = auto()


@dataclass(frozen=True, slots=True)
class Option:
    """A model at one effort.

    `word` is the effort to send, "" for the model's default. `abilities` and `tool_abilities`
    (when tools are part of the task) are by category. `thinking` is hidden tokens against
    effort "medium". `member`: what stands in a chain, but for its figures.
    """

    effort: Effort
    word: str
    abilities: dict[Category, Estimate]
    tool_abilities: dict[Category, Estimate]
    thinking: float
    first_token_ms: float
    function_calling: float | None
    member: types_pb2.ChainMember


@dataclass(frozen=True, slots=True)
class Entry:
    """A model with its options.

    `default` is the option when nothing is said; `asked` holds the caller's words that the
    model can follow.
    """

    model: Model
    key: str
    provider: str
    can: int
    options: dict[Effort, Option]
    default: Option
    by_tier: dict[Tier, Option]
    asked: dict[str, Option]

    def option(self, tier: Tier, word: str, tools: bool) -> Option | None:
        """Return the option for a request, None when it cannot have the effort it asks for.

        `word` is the caller's reasoning_effort or "". With `tools`, a model that cannot
        think and call tools at once does not think.
        """
        if tools and not self.model.parameters.thinks_with_tools and "none" in self.options:
            return self.options["none"] if word in ("", "none") else None
        return self.asked.get(word) if word else self.by_tier[tier]


@dataclass(frozen=True)
class Pool:
    """All models of a catalog, by key and in the order of their keys."""

    catalog: Catalog
    tiers: Tiers
    entries: tuple[Entry, ...]
    by_key: dict[str, Entry]

    @cached_property
    def references(self) -> dict[Tier, Entry | None]:
        """The premium model of each tier."""
        return {tier: self.current(self.tiers.of(tier).reference) for tier in Tier}

    @cached_property
    def baseline(self) -> Entry | None:
        """What every saving is told against."""
        return self.current(self.tiers.baseline)

    @cached_property
    def price_steps(self) -> tuple[int, ...]:
        """Input sizes in tokens above which some model's price changes, ascending."""
        steps = (step for entry in self.entries for step in entry.model.price.steps)
        return tuple(sorted({step.above_input_tokens for step in steps}))

    def current(self, key: str) -> Entry | None:
        """Return a model or, where it is retired or an alias, the model that answers for it."""
        entry = self.by_key.get(key)
        for _ in range(len(self.by_key)):
            if entry is None or entry.model.lifecycle.status not in ("retired", "alias"):
                return entry
            entry = self.named(entry.model.lifecycle.replacement or "")
        return None

    def named(self, name: str) -> Entry | None:
        """Return the model of a full id, bare id, upstream id or alias."""
        model = self.catalog.find(name)
        return self.by_key[model.key] if model else None


def compile_pool(catalog: Catalog, tiers: Tiers, benchmarks: Benchmarks) -> Pool:
    """Compute all that does not depend on the request."""
    entries = tuple(
        _entry(model, _can(model, catalog), tiers, benchmarks, _predecessors(model, catalog))
        for _, model in sorted(catalog.models.items())
    )
    return Pool(catalog, tiers, entries, {entry.key: entry for entry in entries})


def _predecessors(model: Model, catalog: Catalog) -> list[Model]:
    """Return the models of the same provider that this one replaces."""
    return [
        other
        for other in catalog.models.values()
        if other.provider == model.provider
        and other.lifecycle.status in ("retired", "alias")
        and (catalog.find(other.lifecycle.replacement or "") is model)
    ]


def _entry(
    model: Model, able: Can, tiers: Tiers, benchmarks: Benchmarks, predecessors: list[Model]
) -> Entry:
    options = {
        level: _option(model, level, tiers, benchmarks, predecessors)
        for level in efforts.levels(model)
    }
    words = {word: efforts.asked(model, word) for word in EFFORTS}
    return Entry(
        model=model,
        key=model.key,
        provider=model.provider,
        can=int(able),
        options=options,
        default=options[efforts.default_of(model)],
        by_tier={tier: options[efforts.by_tier(model, tier, tiers)] for tier in Tier},
        asked={word: options[level] for word, level in words.items() if level is not None},
    )


def _option(
    model: Model,
    effort: Effort,
    tiers: Tiers,
    benchmarks: Benchmarks,
    predecessors: list[Model],
) -> Option:
    default = efforts.default_of(model)
    word = "" if effort == default else effort
    plain = abilities(model, effort, benchmarks, predecessors)
    return Option(
        effort=effort,
        word=word,
        abilities=plain,
        tool_abilities={name: _mean(one, plain[Category.TOOL_USE]) for name, one in plain.items()},
        thinking=tiers.thinking[effort],
        first_token_ms=_first_token_ms(model.speed, effort, default, tiers),
        function_calling=function_calling(model, effort) if model.tools else None,
        member=types_pb2.ChainMember(
            model=model.key, provider=model.provider, upstream_model=model.upstream, effort=word
        ),
    )


def _mean(one: Estimate, other: Estimate) -> Estimate:
    return Estimate((one.mean + other.mean) / 2, (one.stddev + other.stddev) / 2)


def _first_token_ms(
    speed: tuple[Speed, ...], effort: Effort, default: Effort, tiers: Tiers
) -> float:
    """Return the published figure nearest in effort, scaled by the usual step between the two."""
    usual = tiers.first_token_ms
    known = {s.effort or default: s.first_token_s for s in speed if s.first_token_s is not None}
    if not known:
        return usual[effort]
    measured = nearest(tuple(known), effort)
    return 1000 * known[measured] * usual[effort] / usual[measured]


def _can(model: Model, catalog: Catalog) -> Can:
    able = Can(0)
    dialect = catalog.providers[model.provider].dialect
    for modality in model.input_modalities:
        able |= _MODALITIES.get(modality, Can(0))
    parameters = model.parameters
    if model.tools:
        able |= Can.TOOLS
        for choice in parameters.tool_choice:
            able |= _CHOICES[choice]
        if model.parallel_tools:
            able |= Can.PARALLEL_TOOLS
    if model.structured_outputs != "none":
        able |= Can.JSON_OBJECT
    if model.structured_outputs == "json_schema":
        able |= Can.JSON_SCHEMA
    for has, ability in (
        (parameters.logprobs, Can.LOGPROBS),
        (parameters.n, Can.SEVERAL_CHOICES),
        (parameters.stop, Can.STOP),
        (model.image_urls, Can.IMAGE_URLS),
        (model.tools and dialect == "anthropic_messages", Can.ANTHROPIC_TOOLS),
        (parameters.tools_over_responses, Can.OPENAI_TOOLS),
        (dialect == "anthropic_messages", Can.ANTHROPIC),
    ):
        if has:
            able |= ability
    return able


_MODALITIES = {"image": Can.IMAGE, "file": Can.FILE, "audio": Can.AUDIO, "video": Can.VIDEO}
_CHOICES = {
    "auto": Can.CHOICE_AUTO,
    "none": Can.CHOICE_NONE,
    "required": Can.CHOICE_REQUIRED,
    "named": Can.CHOICE_NAMED,
}
