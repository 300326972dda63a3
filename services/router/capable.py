"""The capability contract: a model stays only if it can do all that the request needs.

It holds for every member of a chain, so it is checked before anything is ranked.
"""

from datetime import date
from typing import Final, NamedTuple

import msgspec

from services.router.contender import Contender
from services.router.need import Need
from services.router.pool import Can, Entry
from services.router.standing import Standings

# What each missing ability is called: the reason, and what the model lacks.
LACKS: Final = {
    Can.IMAGE: ("modality", "image input"),
    Can.IMAGE_URLS: ("modality", "images by web address"),
    Can.FILE: ("modality", "file input"),
    Can.AUDIO: ("modality", "audio input"),
    Can.VIDEO: ("modality", "video input"),
    Can.TOOLS: ("tools", "tools"),
    Can.CHOICE_AUTO: ("tool_choice", 'tool_choice "auto"'),
    Can.CHOICE_NONE: ("tool_choice", 'tool_choice "none"'),
    Can.CHOICE_REQUIRED: ("tool_choice", 'tool_choice "required"'),
    Can.CHOICE_NAMED: ("tool_choice", "tool_choice with a named function"),
    Can.PARALLEL_TOOLS: ("parallel_tools", "parallel tool calls"),
    Can.JSON_OBJECT: ("structured_outputs", "JSON output"),
    Can.JSON_SCHEMA: ("structured_outputs", "JSON output by a schema"),
    Can.LOGPROBS: ("parameters", "logprobs"),
    Can.SEVERAL_CHOICES: ("parameters", "n above 1"),
    Can.STOP: ("parameters", "stop"),
    Can.ANTHROPIC_TOOLS: (
        "tools",
        "tools of Anthropic's own (web_search, web_fetch, code_execution, bash, computer, …)",
    ),
    Can.OPENAI_TOOLS: (
        "tools",
        "tools that OpenAI runs (web_search, file_search, code_interpreter, mcp, …)",
    ),
    Can.ANTHROPIC: ("parameters", "files, containers, MCP servers or inference_geo of Anthropic's"),
}


class Drop(NamedTuple):
    """A model that cannot take the request, the first reason why, and the particulars."""

    model: str
    reason: str
    detail: str


def lacking(missing: int) -> list[tuple[str, str]]:
    """Return reason and name of each ability in `missing`."""
    return [words for ability, words in LACKS.items() if missing & ability]


def describe(need: Need) -> str:
    """Say what the request needs, for people: "image input, tools, 1200 input tokens"."""
    words = [name for _, name in lacking(need.can)]
    if need.effort:
        words.append(f"reasoning_effort {need.effort}")
    if need.max_output_tokens:
        words.append(f"{need.max_output_tokens} output tokens")
    words.append(f"{need.input_tokens} input tokens")
    limits = (
        ("routor_max_cost", need.max_cost_usd),
        ("routor_max_latency_ms", need.max_latency_ms),
        ("routor_bfcl_min", need.bfcl_min if need.tool_scenario else None),
    )
    words += [f"{name} {value:g}" for name, value in limits if value is not None]
    return ", ".join(words)


def barred(entry: Entry, need: Need, standings: Standings) -> Drop | None:
    """Tell why a model may not be called, whatever the request: its provider, or the caller."""
    if not standings.provider(entry.provider).connected:
        return Drop(entry.key, "not_connected", f"provider {entry.provider} is not connected")
    if (need.only and entry.provider not in need.only) or entry.provider in need.ignore:
        return Drop(entry.key, "provider_list", f"provider {entry.provider} is not allowed")
    if not need.names(entry.key):
        return Drop(entry.key, "model_list", f"{entry.key} is not allowed")
    return None


def gone(entry: Entry, standings: Standings) -> Drop | None:
    """Tell why a model is not chosen any more: its provider says that it is gone."""
    if not standings.of(entry.key).retired:
        return None
    return Drop(entry.key, "lifecycle", f"{entry.provider} says that the model is gone")


def unlisted(entry: Entry, standings: Standings) -> Drop | None:
    """Tell why not even who names a model gets it. What one answer said may be over by now."""
    return gone(entry, standings) if standings.of(entry.key).unlisted else None


def down(entry: Entry, standings: Standings) -> Drop | None:
    """Tell why a model is out for the moment."""
    provider, model = standings.provider(entry.provider), standings.of(entry.key)
    if provider.down:
        return Drop(entry.key, "down", f"provider {entry.provider}: {provider.down}")
    if model.down:
        return Drop(entry.key, "down", f"{entry.key}: {model.down}")
    return None


def retired(entry: Entry, today: date) -> bool:
    """Tell whether the model's life is over."""
    lifecycle = entry.model.lifecycle
    return lifecycle.status == "retired" or (
        lifecycle.retires is not None and lifecycle.retires <= today
    )


def unable(entry: Entry, need: Need, ignored: int = 0) -> Drop | None:
    """Tell what the request needs and the model cannot do, whatever its effort.

    `ignored` are abilities that need not be there.
    """
    missing = need.can & ~entry.can & ~ignored
    if missing:
        lacks = lacking(missing)
        return Drop(entry.key, lacks[0][0], "no " + ", no ".join(name for _, name in lacks))
    model = entry.model
    if need.max_output_tokens > model.max_output_tokens:
        return Drop(entry.key, "max_output", f"answers up to {model.max_output_tokens} tokens")
    return None


def fitted(contender: Contender, need: Need) -> Need:
    """Return the need of an answer that is no longer than the input leaves room for.

    Clients ask for all that a model gives, and some models give as much as their whole window.
    What is expected of the answer has to fit.
    """
    room = contender.window_tokens - need.input_tokens
    longest = min(need.max_output_tokens, max(room, contender.reserved_tokens))
    return msgspec.structs.replace(need, max_output_tokens=longest)


def too_long(contender: Contender, need: Need) -> Drop | None:
    """Tell whether input and reserved output exceed the context window.

    Reserved is the caller's output limit, else the expected output.
    """
    total = need.input_tokens + (need.max_output_tokens or contender.reserved_tokens)
    window = contender.window_tokens
    if total > window:
        return Drop(contender.key, "context", f"{total} tokens > {window} maximum")
    return None


def over_limits(
    contender: Contender, need: Need, cost_usd: float, latency_ms: float
) -> Drop | None:
    """Tell which of the caller's limits the model would exceed."""
    if need.bfcl_min is not None and need.tool_scenario:
        accuracy = contender.option.function_calling
        if accuracy is None or accuracy < need.bfcl_min:
            known = "unknown" if accuracy is None else f"{accuracy:.3f}"
            return Drop(contender.key, "bfcl", f"function-calling accuracy is {known}")
    if need.max_cost_usd is not None and cost_usd > need.max_cost_usd:
        return Drop(contender.key, "max_cost", f"expected to cost ${cost_usd:.6f}")
    if need.max_latency_ms is not None and latency_ms > need.max_latency_ms:
        detail = f"expected first token after {latency_ms:.0f} ms"
        return Drop(contender.key, "max_latency", detail)
    return None
