"""What is prepared for many requests is found again only while it holds."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from routor.v1 import status_pb2
from services.catalog import Category, Tier
from services.router.contender import Task
from services.router.decide import decide
from services.router.roster import Rosters
from tests.router.brains import NOON, Judge, brain, catalog, keys, model, request, status, up

TASK = Task(Tier.LIGHT, Category.CHAT, "", tools=False, tool_scenario=False, steps=0)
LATE = NOON.timestamp() + 90
POOL = brain(catalog(*(model(f"{name}/m{i}") for name in "abc" for i in range(2)))).pool


def line(rosters: Rosters, known: status_pb2.Status | None, at: datetime = NOON) -> list[str]:
    return [one.key for one in rosters.of(known, "req_1", at).lineup(TASK).contenders]


def test_a_roster_is_found_again_until_the_status_the_hour_or_a_rest_ends_it() -> None:
    rosters = Rosters(POOL)
    known = status(up("a", resting_until_s=LATE), up("b"))
    first = rosters.of(known, "req_1", NOON)
    assert rosters.of(known, "req_2", NOON + timedelta(seconds=89)) is first
    assert first.resting == {"a/m0", "a/m1"}
    rested = rosters.of(known, "req_1", NOON + timedelta(seconds=90))
    assert rested is not first and not rested.resting
    hour = rosters.of(known, "req_1", NOON + timedelta(hours=1))
    assert hour is not rested
    assert rosters.of(status(up("a"), up("b")), "req_1", NOON + timedelta(hours=1)) is not hour
    # A clock that goes back finds what held then.
    assert rosters.of(known, "req_1", NOON).resting == {"a/m0", "a/m1"}


def test_only_what_can_be_called_lines_up() -> None:
    gone = status_pb2.ModelStatus(model="a/m0", retired=True)
    out = status_pb2.ModelStatus(model="b/m1", health=status_pb2.HEALTH_DOWN)
    known = status(up("a", models=[gone]), up("b", models=[out]), up("c", connected=False))
    assert line(Rosters(POOL), known) == ["a/m1", "b/m0"]
    assert line(Rosters(POOL), None) == sorted(POOL.by_key)


def test_the_healthy_and_then_the_fast_line_up_first() -> None:
    def seen(key: str, **facts: Any) -> status_pb2.ModelStatus:
        return status_pb2.ModelStatus(model=key, samples=50, **facts)

    known = status(
        up("a", models=[seen("a/m0", p95_first_token_ms=100)], health=status_pb2.HEALTH_DEGRADED),
        up("b", models=[seen("b/m1", p95_first_token_ms=200)]),
    )
    # Nothing is known of the others' times: they count as published.
    assert line(Rosters(POOL), known) == ["b/m1", "b/m0", "a/m0", "a/m1"]


@pytest.mark.parametrize("half_open", [True, False])
def test_requests_on_trial_see_a_recovering_provider_at_its_place(half_open: bool) -> None:
    rosters = Rosters(POOL)
    known = status(up("a", health=status_pb2.HEALTH_DOWN, half_open=half_open), up("b"))
    resting = {rosters.of(known, f"req_{i}", NOON).resting for i in range(50)}
    assert resting == ({frozenset(), frozenset({"a/m0", "a/m1"})} if half_open else {frozenset()})


def test_near_ties_go_to_the_faster() -> None:
    of = catalog(
        model("a/slow", price=(1.0, 2.0), intelligence=50),
        model("b/fast", price=(1.001, 2.0), intelligence=50),
        model("google/gemini-3.5-flash", price=(1.5, 9.0), intelligence=50),
    )
    known = status(
        *(
            up(
                key.split("/")[0],
                models=[
                    status_pb2.ModelStatus(model=key, samples=50, p95_first_token_ms=latency_ms)
                ],
            )
            for key, latency_ms in (("a/slow", 5000), ("b/fast", 300))
        ),
        up("google"),
    )
    judged = brain(of, Judge(Tier.LIGHT))
    assert keys(decide(request(), judged, None, NOON))[0] == "a/slow"
    assert keys(decide(request(), judged, known, NOON))[0] == "b/fast"
