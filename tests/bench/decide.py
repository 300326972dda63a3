"""What a decision costs: CPU microseconds of decide() and of its steps, at several sizes.

All thirteen providers are connected and every model of the catalog has a status, as after a few
minutes of traffic. Times are CPU times of single calls, taken in turns with other prompts. The
first table is about whole decisions, the second about the steps of a usual one.

    python tests/bench/decide.py [calls]
"""

import itertools
import statistics
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import thread_time_ns
from typing import Any, NamedTuple
from unittest import mock

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "protos")]

from routor.v1 import router_pb2, status_pb2, types_pb2  # noqa: E402
from services import catalog  # noqa: E402
from services.router import chain, check, decision, need, preference  # noqa: E402
from services.router import decide as steps  # noqa: E402
from services.router.brain import Brain  # noqa: E402
from services.router.classify import Classifier  # noqa: E402
from services.router.decide import decide  # noqa: E402
from services.router.features import extract  # noqa: E402
from services.router.outcomes import refuse  # noqa: E402
from services.router.server import RouterServicer  # noqa: E402

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
CALLS = 2000
LONG_CALLS = 200
TEXTS = (
    "Write a function that reads dates in three formats and tells what went wrong otherwise. ",
    "Why does my test hang when the server closes the connection before the last byte came? ",
    "Prove that the sum of two odd numbers is even, then say where the proof uses parity. ",
    "Plan a week in Lisbon for two people who like trams, fish and long walks by the sea. ",
    "Summarise the minutes below in five lines and name who promised what until Friday. ",
    "Erkläre den Unterschied zwischen Zins und Zinseszins an einem Beispiel mit Zahlen. ",
)
CHINESE = (
    "请把下面这段话翻译成英文，并解释其中的成语是什么意思。",
    "为什么天空是蓝色的，晚霞却是红色的？",
)


class Board(NamedTuple):
    """A board that always knows the same."""

    current: status_pb2.Status


def full_status(of: catalog.Catalog) -> status_pb2.Status:
    status = status_pb2.Status(version=7, at_s=NOW.timestamp())
    for number, provider in enumerate(of.providers):
        seen: dict[str, Any] = {
            "health": status_pb2.HEALTH_HEALTHY,
            "samples": 400,
            "success_rate": 0.99,
            "p95_first_token_ms": 900.0 + 70 * number,
        }
        keys = [key for key, model in of.models.items() if model.provider == provider]
        models = [status_pb2.ModelStatus(model=key, **seen) for key in keys]
        status.providers.add(provider=provider, connected=True, models=models, **seen)
    return status


def prompts(chars: int, texts: Sequence[str] = TEXTS) -> list[router_pb2.RouteRequest]:
    """Return requests as the edge sends them, one per text."""
    return [
        router_pb2.RouteRequest.FromString(
            router_pb2.RouteRequest(
                request_id=f"req_{number}",
                messages=[
                    router_pb2.Message(
                        role=router_pb2.ROLE_USER, text=(text * (chars // len(text) + 1))[:chars]
                    )
                ],
                needs=router_pb2.Needs(stream=True),
                preferences=router_pb2.Preferences(profile=types_pb2.PROFILE_AUTO),
            ).SerializeToString()
        )
        for number, text in enumerate(texts)
    ]


def demanding(chars: int) -> list[router_pb2.RouteRequest]:
    """Return requests with tools, a schema and an image."""
    asked = prompts(chars)
    for one in asked:
        one.tools.add(name="search", description="Search the web for pages.", schema_chars=300)
        one.tools.add(name="weather", description="Tell the weather.", schema_chars=200)
        one.needs.response_format = router_pb2.RESPONSE_FORMAT_JSON_SCHEMA
        one.needs.max_output_tokens = 2000
        one.messages[0].attachments.append(types_pb2.MODALITY_IMAGE)
    return asked


def measure(calls: Iterator[Callable[[], object]], count: int) -> tuple[float, float]:
    """Return p50 and p99 of single calls in µs."""
    for call in itertools.islice(calls, count // 10):
        call()
    spent_ns = []
    for call in itertools.islice(calls, count):
        started_ns = thread_time_ns()
        call()
        spent_ns.append(thread_time_ns() - started_ns)
    return statistics.median(spent_ns) / 1000, statistics.quantiles(spent_ns, n=100)[-1] / 1000


def over(asked: Sequence[Any], step: Callable[[Any], object]) -> Iterator[Callable[[], object]]:
    return itertools.cycle([lambda one=one: step(one) for one in asked])


def table(rows: Sequence[tuple[str, tuple[float, float]]], title: str) -> None:
    print(f"{title:<44}{'p50 µs':>10}{'p99 µs':>10}")
    for name, (half, most) in rows:
        print(f"{name:<44}{half:>10.1f}{most:>10.1f}")
    print()


def whole(brain: Brain, status: status_pb2.Status, count: int) -> None:
    servicer = RouterServicer(brain, Board(status), refuse, lambda: NOW)

    def answer(request: router_pb2.RouteRequest) -> bytes:
        try:
            servicer.Route(request, None).send(None)  # type: ignore[arg-type]  # unused
        except StopIteration as done:
            return done.value.SerializeToString()  # type: ignore[no-any-return]
        raise RuntimeError("Route waited")

    rows = []
    for name, asked, calls in (
        ("250 characters", prompts(250), count),
        ("1,000 characters", prompts(1000), count),
        ("1,000,000 characters", prompts(1_000_000), min(count, LONG_CALLS)),
        ("1,000,000 characters, Chinese", prompts(1_000_000, CHINESE), min(count, LONG_CALLS)),
        ("250, tools, schema and image", demanding(250), count),
    ):
        rows.append((name, measure(over(asked, lambda r: decide(r, brain, status, NOW)), calls)))
    rows.append(("250 characters, Route to its bytes", measure(over(prompts(250), answer), count)))
    rows.append(("… the same without extract and classify", measure(judged(brain, answer), count)))
    table(rows, "decide()")


def judged(brain: Brain, answer: Callable[[Any], object]) -> Iterator[Callable[[], object]]:
    """Return calls of `answer` that find extracting and classifying done."""
    for one in itertools.cycle(prompts(250)):
        features = extract(one)
        judgement = brain.classifier.classify(features)

        with (
            mock.patch.object(steps, "extract", lambda _, features=features: features),
            mock.patch.object(brain.classifier, "classify", lambda _, judged=judgement: judged),
        ):
            yield lambda one=one: answer(one)


def parts(brain: Brain, status: status_pb2.Status, count: int, asked: list[Any]) -> None:
    """Measure each step with what the steps before it made."""
    turns = [steps.judge(one, brain, status, NOW) for one in asked]
    rankings = [(turn, steps.ranked(turn)) for turn in turns]
    linked = [(turn, ranking, chain.link(ranking)) for turn, ranking in rankings]
    seen = [turn.features for turn in turns]
    known = turns[0].roster.providers

    def found(request_id: str) -> object:
        return brain.rosters.of(status, request_id, NOW)

    def read(one: router_pb2.RouteRequest) -> need.Need:
        preferred = preference.read(one)
        check.check(one, preferred, known)
        return need.read(one, preferred)

    def written(made: tuple[Any, Any, Any]) -> None:
        response = decision.begin(made[0], "best")
        decision.finish(response.decision, made[1], made[2], made[0].need.tool_scenario)

    classifier = brain.classifier
    rows = [
        ("extract", measure(over(asked, extract), count)),
        ("classify", measure(over(seen, classifier.classify), count)),
        ("roster", measure(over(asked, lambda one: found(one.request_id)), count)),
        ("preference, check, need", measure(over(asked, read), count)),
        ("able, cost, predict, rank", measure(over(turns, steps.ranked), count)),
        ("chain", measure(over(rankings, lambda one: chain.link(one[1])), count)),
        ("decision", measure(over(linked, written), count)),
    ]
    table(rows, f"steps at {len(asked[0].messages[0].text)} characters")


def main(count: int) -> None:
    of = catalog.read()
    brain = Brain(of, Classifier.load())
    status = full_status(of)
    print(f"{len(of.providers)} providers connected, {len(of.models)} models\n")
    whole(brain, status, count)
    parts(brain, status, count, prompts(250))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else CALLS)
