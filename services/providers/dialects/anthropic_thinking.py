"""How much a model of Anthropic's shall think, and with how much effort it shall answer.

Anthropic's own clients say it in its words, and they reach the models that take them; what others
ask in OpenAI's word becomes the model's switch. Effort alone turns no thinking on, and a forced
tool and thinking exclude each other
(https://platform.claude.com/docs/en/build-with-claude/effort and …/adaptive-thinking, 2026-11-23).
"""

from typing import Any

import msgspec

from services import efforts
from services.catalog import Model
from services.providers.dialects import anthropic_native, history, own_switch, reasoning
from services.providers.dialects.anthropic_history import lacks_thoughts
from services.providers.dialects.anthropic_native import Native
from services.providers.dialects.contract import Json, Target
from services.providers.dialects.parameters import Settled, tool_choice_kind

_LEAST_BUDGET = 1024
# With this word of anthropic-beta a budget is of all thoughts of a turn, whatever its calls.
_INTERLEAVED = "interleaved-thinking"
_EFFORT = "output_config.effort"


def written(body: Json) -> Json:
    """Return the request with the chat door's `thinking` where Anthropic's clients have it.

    Anthropic's own OpenAI door takes one (https://platform.claude.com/docs/en/api/openai-sdk,
    2026-11-23). Beside an effort, which is OpenAI's word for the same, it is left out and named.
    """
    given = body.get("thinking")
    if given is None or body.get("reasoning_effort") or anthropic_native.NAME in body:
        return body
    word, budget = own_switch.word_of(given), given.get("budget_tokens")
    if budget is not None and (not isinstance(budget, int) or isinstance(budget, bool)):
        raise history.invalid(
            "thinking.budget_tokens must be a whole number.", "thinking.budget_tokens"
        )
    meant = "none" if word == "disabled" else efforts.of_budget(budget) if budget else "high"
    own = {"thinking": given, "display": given.get("display") or "", "chat": True}
    rest = {name: value for name, value in body.items() if name != "thinking"}
    return {**rest, "reasoning_effort": meant, anthropic_native.NAME: own}


def asked(body: Json, target: Target) -> tuple[Json, Target]:
    """Return the request and the target without an effort that asks for no thoughts.

    It comes before all that depends on whether the model shall think (`dialects.fitted`).
    """
    own = anthropic_native.take({**body})
    if target.model is None or not own.effort or own.thinking:
        return body, target
    rest = {name: value for name, value in body.items() if name != "reasoning_effort"}
    return rest, msgspec.structs.replace(target, effort="")


def told(
    messages: list[Any],
    settled: Settled,
    target: Target,
    own: Native,
    *,
    limit: int,
    dropped: list[str],
) -> Json:
    """Return `thinking` and `output_config`; what cannot be said goes to `dropped`."""
    model, word = target.model, settled.effort
    if model is None and (own.thinking or own.effort):
        return {**({"thinking": own.thinking} if own.thinking else {}), **_output(own, own.effort)}
    if model is None or not model.reasoning.switch.startswith("anthropic_"):
        if word:
            dropped.append("reasoning_effort")  # nobody knows this model's switch
        return _output(own, "")
    given, able = _able(messages, settled, model, own, limit)
    if settled.thinks and not able and model.reasoning.can_disable:
        if word:
            dropped.append("reasoning_effort")
        word = "none"
    made = _thinking(word, model, own, given, limit) if word else {}
    if model.reasoning.switch != "anthropic_budget":
        return {**made, **_output(own, reasoning.resolve(_effort(word, own, given), model))}
    if own.effort and (given or not word):
        dropped.append(_EFFORT)  # it has none
    return {**made, **_output(own, "")}


def _able(
    messages: list[Any], settled: Settled, model: Model, own: Native, limit: int
) -> tuple[Json, bool]:
    """Return the switch to be sent as it was given, if any, and whether the model may think."""
    budgeted, bare = model.reasoning.switch == "anthropic_budget", lacks_thoughts(messages)
    given = _given(own, model) if budgeted or not bare else {}
    cannot = _is_forced(settled, own) or (budgeted and bare)
    short = limit <= _LEAST_BUDGET and (budgeted or "budget_tokens" in given)
    return given, not (cannot or short)


def fields(own: Native, thinking: Json, dropped: list[str]) -> Json:
    """Return the fields that Anthropic alone has.

    Thoughts that are left off cannot be cleared: "`clear_thinking_20251015` strategy requires
    `thinking` to be enabled" (400, github.com/anthropics/claude-code/issues/11971, 2025-11).
    """
    made = {**own.fields}
    context = made.get("context_management")
    edits = context.get("edits") if isinstance(context, dict) else None
    asked = own.thinking is not None and own.thinking.get("type") != "disabled"
    if isinstance(edits, list) and asked and not is_on(thinking):
        kept = [one for one in edits if not _clears_thoughts(one)]
        if len(kept) < len(edits):
            dropped.append("context_management.edits")
            made["context_management"] = {"edits": kept}
    return made


def is_on(thinking: Json) -> bool:
    """Tell whether the model is told to think."""
    return thinking.get("thinking", {}).get("type") not in (None, "disabled")


def _clears_thoughts(edit: object) -> bool:
    return isinstance(edit, dict) and str(edit.get("type")).startswith("clear_thinking")


def _is_forced(settled: Settled, own: Native) -> bool:
    forced = tool_choice_kind(settled.values.get("tool_choice")) in ("required", "named")
    return forced or (own.tool_choice or {}).get("type") in ("any", "tool")


def _given(own: Native, model: Model) -> Json:
    """Return the switch as it was given, {} where the model does not take it so."""
    facts, kind = model.reasoning, (own.thinking or {}).get("type")
    budgets = facts.budgets or facts.switch == "anthropic_budget"
    takes = budgets if kind == "enabled" else facts.switch == "anthropic_adaptive"
    if own.thinking is None or kind not in ("enabled", "adaptive") or not takes:
        return {}
    names = ("type", "budget_tokens") if kind == "enabled" else ("type",)
    return {name: own.thinking[name] for name in names if name in own.thinking}


def _thinking(word: str, model: Model, own: Native, given: Json, limit: int) -> Json:
    if word == "none":
        return {"thinking": {"type": "disabled"}} if model.reasoning.can_disable else {}
    budgeted = model.reasoning.switch == "anthropic_budget"
    shown = _shown(own, budgeted=budgeted or "budget_tokens" in given)
    if "budget_tokens" in given:
        whole = _INTERLEAVED in own.beta
        budget = given["budget_tokens"] if whole else min(given["budget_tokens"], limit - 1)
        return {"thinking": {**given, "budget_tokens": budget, **shown}}
    if budgeted:
        # Half of the limit at most, so that there is room to answer.
        budget = reasoning.budget_tokens(word, min(limit - 1, max(limit // 2, _LEAST_BUDGET)))
        return {"thinking": {"type": "enabled", "budget_tokens": budget, **shown}}
    return {"thinking": {"type": "adaptive", **shown}}


def _effort(word: str, own: Native, given: Json) -> str:
    """Return the effort to be told: the caller's, or what else says how much to think."""
    return own.effort or ("" if given or word == "none" else word)


def _output(own: Native, effort: str) -> Json:
    output = {**({"effort": effort} if effort else {}), **own.output}
    return {"output_config": output} if output else {}


def _shown(own: Native, *, budgeted: bool) -> Json:
    """Return what becomes of the text of thoughts.

    Opus 4.7 and later leave it out unless it is asked for, which clients other than Anthropic's
    cannot (github.com/srtab/daiv/pull/1429, 2026-07).
    """
    theirs = own.thinking and not own.chat
    display = own.display or ("" if budgeted or theirs else "summarized")
    return {"display": display} if display else {}
