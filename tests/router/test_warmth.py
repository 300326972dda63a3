"""A conversation stays where its prompt cache is warm, until switching pays."""

from typing import Any

from routor.v1 import router_pb2
from services.catalog import Price, Tier
from services.router.decide import decide
from services.router.explain import explain
from tests.router.brains import NOON, SOURCE, Judge, brain, catalog, keys, model, request

PRICE: dict[str, Any] = {"input": 2.0, "output": 2.0, "cached_input": 0.2, **SOURCE}


def priced(name: str, input_usd: float, **facts: Any):
    price = Price(**{**PRICE, "input": input_usd, "cached_input": input_usd / 10})
    return model(name, price=price, context_window=1_000_000, **facts)


def asked(warm: str = "", cached_tokens: int = 0) -> router_pb2.RouteRequest:
    made = request()
    made.needs.input_tokens = 50_000
    if warm:
        made.warmth.model = warm
        made.warmth.cached_input_tokens = cached_tokens
    return made


def test_what_the_cache_holds_costs_less() -> None:
    alone = brain(catalog(priced("a/m", 2.0)))
    cold = decide(asked(), alone, None, NOON).cost_usd
    warm = decide(asked("a/m", 40_000), alone, None, NOON).cost_usd
    assert cold - warm == 40_000 * (2.0 - 0.2) / 1e6


def test_more_cannot_be_cached_than_is_sent() -> None:
    alone = brain(catalog(priced("a/m", 2.0)))
    all_of_it = decide(asked("a/m", 50_000), alone, None, NOON).cost_usd
    assert decide(asked("a/m", 10**9), alone, None, NOON).cost_usd == all_of_it


def test_the_warm_model_stays_before_one_that_is_a_little_better() -> None:
    two = brain(catalog(priced("a/m", 2.0), priced("b/m", 2.0, intelligence=31.0)))
    assert keys(decide(asked(), two, None, NOON))[0] == "b/m"
    assert keys(decide(asked("a/m", 1_000), two, None, NOON))[0] == "a/m"


def test_a_tier_that_is_too_strong_for_it_leaves_the_warm_model() -> None:
    judge = Judge(Tier.COMPLEX)
    strong, weak = (
        priced("a/strong", 5.0, intelligence=60.0),
        priced("b/weak", 0.1, intelligence=5.0),
    )
    others = [priced(f"c/strong{number}", 5.0, intelligence=58.0) for number in range(3)]
    of = brain(catalog(strong, weak, *others), judge=judge)
    assert keys(decide(asked("b/weak", 49_000), of, None, NOON))[0] != "b/weak"


def test_explaining_names_the_warm_one() -> None:
    two = brain(catalog(priced("a/m", 2.0), priced("b/m", 1.9)))
    told = explain(asked("a/m", 1_000), two, None, NOON)
    assert [one.member.model for one in told.candidates if one.warm] == ["a/m"]
