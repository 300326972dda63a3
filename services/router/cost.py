"""Expected dollars of a request on a model: its input, its answer and its hidden thinking."""

from collections.abc import Sequence

from services.router.contender import Contender


def expected_usd(
    contenders: Sequence[Contender], input_tokens: int, limit_tokens: int
) -> list[float]:
    """Return what a request is expected to cost on each, as `services.price.cost_usd` tells it.

    Nothing is cached: see `warmed`. `limit_tokens` is the caller's limit of the output; 0 is none.
    """
    if not limit_tokens:
        return [(input_tokens * c.input_usd + c.answer_usd) / 1e6 * c.peak for c in contenders]
    return [
        (
            input_tokens * c.input_usd
            + (c.tokens if c.tokens < limit_tokens else limit_tokens) * c.output_usd
        )
        / 1e6
        * c.peak
        for c in contenders
    ]


def warmed(
    costs_usd: Sequence[float], contenders: Sequence[Contender], warm: str, cached_tokens: int
) -> list[float]:
    """Return the costs with the model `warm` reading so much of the input from its cache."""
    return [
        usd - cached_tokens * (one.input_usd - one.cached_usd) / 1e6 * one.peak
        if one.key == warm
        else usd
        for usd, one in zip(costs_usd, contenders, strict=True)
    ]
