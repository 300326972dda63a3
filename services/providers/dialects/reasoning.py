"""How much a model shall think: OpenAI's effort word to each vendor's switch.

The words a model takes, its default and its switch are catalog facts. Sources of the switches:
the vendors' model pages as named in the catalog, 2026-11-23.
"""

from typing import cast

from services.catalog import Effort, Model
from services.efforts import EFFORTS, meant
from services.errors import Kind, RoutorError
from services.providers.dialects.contract import Json, Target

_OFF = ("none", "minimal")
# Thinking tokens by effort, for vendors that take a budget: the shares of LiteLLM and OpenRouter
# lie in the same range; 1024 is the least that Anthropic takes (anthropic 2.12.0).
_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 8192, "high": 16384, "xhigh": 32768}
_LARGEST_BUDGET = 65536


def asked(body: Json, target: Target) -> str:
    """Return the effort word asked for, or "": the decision's before the request's.

    Raises RoutorError(INVALID_REQUEST) for a word that is none of OpenAI's.
    """
    word = target.effort or body.get("reasoning_effort") or ""
    if word and word not in EFFORTS:
        raise RoutorError(
            Kind.INVALID_REQUEST,
            f"reasoning_effort must be one of {', '.join(EFFORTS)}.",
            param="reasoning_effort",
        )
    return str(word)


def resolve(word: str, model: Model) -> str:
    """Return what `word` means to the model; "" when nothing is to be said.

    Switches that only know on and off answer with "none" or the word itself.
    """
    facts = model.reasoning
    if not word or facts.switch in ("none", "always"):
        return ""
    if not facts.efforts and word in _OFF and facts.can_disable:
        return "none"
    if not facts.efforts:
        return "" if word == "none" else word
    off: tuple[Effort, ...] = ("none",) if facts.can_disable else ()
    return meant((*off, *facts.efforts), cast(Effort, word), facts.words)


def thinks(effort: str, model: Model) -> bool:
    """Whether the model will think when told `effort` (as resolved; "" is its default)."""
    facts = model.reasoning
    if facts.switch == "none":
        return False
    if facts.switch == "always":
        return True
    return (effort or facts.default) != "none"


def will_think(body: Json, target: Target, model: Model) -> bool:
    """Tell whether the model will think about a request."""
    return thinks(resolve(asked(body, target), model), model)


def budget_tokens(effort: str, limit: int) -> int:
    """Return the thinking tokens of an effort, below `limit` and not below 1024."""
    return max(1024, min(_BUDGETS.get(effort, _LARGEST_BUDGET), limit))


def switch(effort: str, model: Model, limit: int, named: int = 0) -> Json:
    """Return the fields that tell an OpenAI-compatible vendor how much to think.

    `limit` is how long the answer may be, in tokens, its thoughts included; `named` how many of
    them the caller gives to thoughts, 0 where the effort says it.
    """
    if not effort:
        return {}
    on = effort != "none"
    match model.reasoning.switch:
        case "reasoning_effort":
            return {"reasoning_effort": effort}
        case "thinking_type":
            return {"thinking": {"type": "enabled" if on else "disabled"}}
        case "thinking_type_effort":
            thinking: Json = {"thinking": {"type": "enabled" if on else "disabled"}}
            return {**thinking, "reasoning_effort": effort} if on else thinking
        case "thinking_adaptive":
            return {"thinking": {"type": "adaptive" if on else "disabled"}}
        case "enable_thinking":
            most = model.max_output_tokens
            budget = {"thinking_budget": min(named, most) or budget_tokens(effort, most)}
            return {"enable_thinking": on, **(budget if on else {})}
        case "chat_template_kwargs":
            # At most half of the limit, so that there is room to answer.
            most = min(_BUDGETS.get(effort, _LARGEST_BUDGET), max(limit // 2, 1))
            budget = {"reasoning_budget": min(named, limit) or most}
            kwargs: Json = {"chat_template_kwargs": {"enable_thinking": on}}
            return {**kwargs, **(budget if on else {})}
        case _:
            return {}
