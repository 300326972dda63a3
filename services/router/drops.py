"""Why models are no candidates: told when somebody asks, in the order that decides.

`roster` and `capable` leave models out in bulk; this names the first reason of each.
"""

from collections import Counter
from collections.abc import Container, Sequence

from services.errors import Kind, RoutorError
from services.router import capable, cost
from services.router.capable import Drop
from services.router.contender import Contender
from services.router.need import Need
from services.router.pool import Entry
from services.router.turn import Turn


def reasons(turn: Turn, kept: Container[str]) -> list[Drop]:
    """Return why each model but those `kept` was left out, by key: what was unable, then the weak.

    The weak could take the request, and would take it too badly for its tier.
    """
    unable, weak = [], []
    for entry in turn.brain.pool.entries:
        if entry.key in kept:
            continue
        if (drop := _reason(entry, turn)) is not None:
            unable.append(drop)
        else:
            weak.append(_too_weak(turn.sheet.contenders[entry.key], turn))
    return unable + weak


def nothing_left(drops: Sequence[Drop], need: Need) -> RoutorError:
    """Tell shortly what was missing: what the request needs, and why how many models fell."""
    within = [d for d in drops if d.reason not in ("not_connected", "lifecycle")]
    if not within:
        return RoutorError(
            Kind.NO_CAPABLE_MODEL,
            "No provider with a usable model is connected; set a provider's API key.",
        )
    counts = Counter(drop.reason for drop in within).most_common()
    told = ", ".join(f"{reason} ({number})" for reason, number in counts)
    text = f"(it needs {capable.describe(need)}). Models dropped by: {told}."
    if any(drop.reason == "context" for drop in within):
        # Whoever is dropped for this could take a shorter request: clients then send one.
        return RoutorError(
            Kind.CONTEXT_TOO_LONG,
            f"Prompt is too long for every model that could take it {text}",
        )
    return RoutorError(Kind.NO_CAPABLE_MODEL, f"No connected model can take this request {text}")


def _reason(entry: Entry, turn: Turn) -> Drop | None:
    lifecycle = entry.model.lifecycle
    need, roster = turn.need, turn.roster
    if lifecycle.status == "alias" or capable.retired(entry, roster.today):
        return Drop(entry.key, "lifecycle", lifecycle.status)
    drop = (
        capable.barred(entry, need, roster.standings)
        or capable.gone(entry, roster.standings)
        or capable.unable(entry, need)
    )
    if drop is not None:
        return drop
    contender = turn.sheet.contenders.get(entry.key)
    if contender is None:
        return Drop(entry.key, "reasoning_effort", f"cannot think at {need.effort!r} here")
    [cost_usd] = cost.expected_usd([contender], need.input_tokens, need.max_output_tokens)
    return (
        capable.too_long(contender, need)
        or capable.over_limits(contender, need, cost_usd, roster.latency_ms(contender))
        # Asked last, so that only what could have taken the request counts as out.
        or capable.down(entry, roster.standings)
    )


def _too_weak(contender: Contender, turn: Turn) -> Drop:
    [quality] = turn.roster.qualities([contender], turn.difficulty)
    detail = f"predicted quality {quality:.3f} is too low for the tier"
    return Drop(contender.key, "quality", detail)
