"""What the router's tests are made of: small catalogs, a judge that says what it is told."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any

from routor.v1 import router_pb2, status_pb2
from services.catalog import (
    Catalog,
    Category,
    File,
    Lifecycle,
    Model,
    Parameters,
    Price,
    Provider,
    Reasoning,
    Score,
    Tier,
    read,
)
from services.router.brain import Brain
from services.router.classify import Classification, Signal

SOURCE: dict[str, Any] = {"source": "test", "checked": date(2026, 11, 23)}
# A Monday, outside DeepSeek's peak hours.
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
PEAK = datetime(2026, 11, 23, 2, tzinfo=UTC)
BUILT_IN = read()


@dataclass
class Judge:
    """A classifier whose verdict the test sets."""

    tier: Tier = Tier.LIGHT
    category: Category = Category.CHAT
    history_floor: Tier | None = None
    difficulty: float | None = None
    version: str = "judge-1"
    signals_said: tuple[Signal, ...] = field(default=(Signal("word: proof", 0.5, 0.25),))

    def classify(self, features: object) -> Classification:
        tiers = [0.05] * 5
        tiers[self.tier - 1] = 0.8
        categories = [0.01] * 17
        categories[list(Category).index(self.category)] = 0.84
        middle = (self.tier - 1) / 4
        return Classification(
            tier=self.tier,
            confidence=0.8,
            tier_probabilities=tuple(tiers),
            category=self.category,
            category_confidence=0.84,
            category_probabilities=tuple(categories),
            difficulty=middle if self.difficulty is None else self.difficulty,
            history_floor=self.history_floor,
            explain=lambda: self.signals_said,
        )


def brain(catalog: Catalog = BUILT_IN, judge: Judge | None = None) -> Brain:
    return Brain(catalog, judge or Judge())  # type: ignore[arg-type]


def model(name: str, **facts: Any) -> Model:
    """Make a model "provider/id"; facts replace what is said here."""
    price = facts.pop("price", (1.0, 2.0))
    intelligence = facts.pop("intelligence", 30.0)
    reasoning = facts.pop("reasoning", {})
    parameters = facts.pop("parameters", {})
    lifecycle = facts.pop("lifecycle", {"status": "active"})
    scores = ()
    if intelligence is not None:
        scores = (Score(benchmark="aa_intelligence_index", score=intelligence, **SOURCE),)
    given = {
        "upstream": name.split("/")[1],
        "name": name,
        "context_window": 100_000,
        "max_output_tokens": 10_000,
        "scores": scores,
        **facts,
    }
    return Model(
        id=name.split("/")[1],
        provider=name.split("/", maxsplit=1)[0],
        price=price if isinstance(price, Price) else _price(*price),
        lifecycle=Lifecycle(**SOURCE, **lifecycle),
        reasoning=Reasoning(**SOURCE, **reasoning),
        parameters=Parameters(**SOURCE, **parameters),
        **SOURCE,
        **given,
    )


def _price(input_price: float, output_price: float, **steps: Any) -> Price:
    return Price(input=input_price, output=output_price, **SOURCE, **steps)


def catalog(*models: Model) -> Catalog:
    providers = sorted({one.provider for one in models})
    files = [
        File(
            provider=Provider(id=provider, name=provider),
            model=tuple(one for one in models if one.provider == provider),
        )
        for provider in providers
    ]
    return Catalog(files, "test")


def request(text: str = "hello", **preferences: Any) -> router_pb2.RouteRequest:
    return router_pb2.RouteRequest(
        request_id="req_1",
        messages=[router_pb2.Message(role=router_pb2.ROLE_USER, text=text)],
        preferences=router_pb2.Preferences(**preferences),
    )


def status(*providers: status_pb2.ProviderStatus) -> status_pb2.Status:
    return status_pb2.Status(version=7, at_s=NOON.timestamp(), providers=providers)


def up(provider: str, **facts: Any) -> status_pb2.ProviderStatus:
    given = {"connected": True, "health": status_pb2.HEALTH_HEALTHY, **facts}
    return status_pb2.ProviderStatus(provider=provider, **given)


def keys(decision: router_pb2.Decision) -> list[str]:
    return [member.model for member in decision.chain]
