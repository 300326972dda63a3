"""Measure the classifier on what it was not trained on, and print a table.

    python tests/bench/brain_classify.py [--data DIR] [--sources [NAME …]] [--weights FILE]

With the shipped weights: our held-out prompts, the product's example prompts, the same prompts in
other languages, prompt games in words that training does not use, conversations, calibration,
time; with --data also the public prompts that were labelled one by one and held out. `--sources`
(with --data) trains without each public source in turn and reports on those of its prompts: what
to expect of prompts like nobody collected. Minutes, one core.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from routor.v1 import router_pb2
from services.catalog import Tier
from services.router.classify import WEIGHTS, Classification, Classifier
from services.router.features import extract
from services.router.learning import examples, games, report, train
from services.router.learning.examples import Example, Split

USER, ASSISTANT = router_pb2.ROLE_USER, router_pb2.ROLE_ASSISTANT

# Example prompts of the product's documentation, 2026-11-23, in no training data word for word.
PRODUCT = {
    Tier.NANO: ["hi", "thanks", "ok", "sure"],
    Tier.SIMPLE: [
        "What's the capital of France?", "How many days are in a leap year?",
        "Translate hello to Spanish", "What is 15% of 240?", "what's 2+2",
    ],
    Tier.LIGHT: [
        "What is a closure in JavaScript?", "Write a short bio for a product manager",
        "REST vs GraphQL", "Fix the typo in this sentence",
    ],
    Tier.STANDARD: [
        "Refactor this auth middleware to use JWT", "Analyze this CSV and identify trends",
        "Write a unit test suite for this function",
        "Compare these two system designs and recommend one",
    ],
    Tier.COMPLEX: [
        "Review this 5,000-word technical spec",
        "Design a microservice architecture for a fintech platform",
        "Prove that the square root of 2 is irrational.",
    ],
}  # fmt: skip

# Sources whose prompts are from one place are left out together.
TOGETHER = ("autoj", "alignbench", "uncommonroute", "bbh", "mixeval", "llmrouter14", "gaokao",
            "t0_templates", "gsm8k_train", "mbpp", "humaneval", "bfcl", "selfinstruct",
            "vllmsr")  # fmt: skip

COLUMNS = "     n  category  or alt    tier  within  under2  cat-ECE tier-ECE"

HARD = (
    "Design a multi-region payment ledger with exactly-once semantics and prove its invariants.",
    "Prove that every bounded monotone sequence of reals converges, then generalise to posets.",
    "Our replicas diverge after failover under load; find the race in this protocol and fix it.",
)
GO_ON = ("ok, continue", "continue please", "go on", "yes, do that", "next", "carry on",
         "ok go ahead", "and now the second part", "keep going", "mach weiter", "vas-y, continue",
         "请继续", "sigue por favor", "続けて", "продолжай дальше")  # fmt: skip
THANKS = ("thanks", "thanks a lot!", "thank you so much", "great, thanks", "thx",
          "perfect, thank you", "vielen dank", "merci beaucoup",
          "谢谢你", "gracias", "ありがとう", "спасибо большое")  # fmt: skip

TALK = (
    "The weather has turned cold and my tea is nearly finished.",
    "My sister called this morning to tell me about her new flat.",
    "There is a market in town on Saturdays where I buy vegetables.",
    "I have been at my desk since eight, so bear with me.",
    "The printer on our floor is out of paper once more.",
)


def _wrap(before: str, after: str = "") -> games.Game:
    return lambda text, _: f"{before}{text}{after}"


def _padded(text: str, chance: random.Random) -> str:
    talk = " ".join(chance.sample(TALK, 3))
    return f"{talk}\n\n{text}" if chance.random() < 0.5 else f"{text}\n\n{talk}"


def _salad(text: str, chance: random.Random) -> str:
    words = ("tensor", "scalable", "lemma", "compiler", "synergy", "regression", "pipeline",
             "cryptography", "hypothesis", "API", "big data", "convergence")  # fmt: skip
    return f"{text} {' '.join(chance.sample(words, 6))}"


# Name, game, how many tiers it may move a prompt.
GAMES: tuple[tuple[str, games.Game, int], ...] = (
    ("typing errors", games.typos, 0),
    ("CAPITALS", games.capitals, 0),
    ("politeness", _wrap("Good day! Would you mind helping me with this? ", " Many thanks."), 0),
    ("Markdown", _wrap("### Question\n\n**", "**\n"), 0),
    ("padding", _padded, 1),
    ("'this is trivial'", _wrap("This is really trivial, a child could do it: "), 1),
    ("'extremely complex'", _wrap("Careful, what follows is extremely complex. "), 1),
    ("keyword salad", _salad, 1),
)


def main() -> int:
    """Run the measurements that were asked for."""
    parser = argparse.ArgumentParser(description="Measure the classifier.")
    parser.add_argument("--data", type=Path, help=f"directory holding {examples.PROMPTS}")
    parser.add_argument("--weights", type=Path, default=WEIGHTS)
    parser.add_argument(
        "--sources", nargs="*", metavar="NAME", help="leave these sources, or each, out in turn"
    )
    options = parser.parse_args()
    classifier = Classifier.load(options.weights)
    own = [e for e in examples.own() if e.split is Split.TEST]
    judge = _judge(classifier)
    for section in (
        _held_out(classifier, own),
        _read(classifier, options.data),
        _product(judge),
        _languages(judge, own),
        _played(judge, own),
        _conversations(judge),
        _speed(classifier, own),
    ):
        print(*section, sep="\n", end="\n\n")
    if options.sources is not None and options.data:
        everything = [*examples.own(), *examples.public(options.data / examples.PROMPTS)]
        _print_sources(everything, options.sources or TOGETHER)
    return 0


Judge = Callable[[router_pb2.RouteRequest], Classification]


def _judge(classifier: Classifier) -> Judge:
    return lambda request: classifier.classify(extract(request))


def _request(*turns: tuple[int, str]) -> router_pb2.RouteRequest:
    messages = [router_pb2.Message(role=role, text=text) for role, text in turns]
    return router_pb2.RouteRequest(messages=messages)


def _held_out(classifier: Classifier, own: Sequence[Example]) -> Iterator[str]:
    yield f"{'held out, ours':28}{COLUMNS}"
    groups = {"all": own, "English": [e for e in own if e.lang == "en"]}
    by_file: dict[str, list[Example]] = defaultdict(list)
    for example in own:
        by_file[example.id.split("-")[0].rstrip("0123456789")].append(example)
    groups |= {name: group for name, group in sorted(by_file.items()) if len(group) >= 15}
    for name, group in groups.items():
        yield f"{name:28}{report.measure(classifier, group)}"
    hard = [classifier.classify(extract(e.request)).tier for e in own if (e.tier or 0) >= 4]
    yield f"STANDARD and above recognised: {_share(t >= Tier.STANDARD for t in hard):.3f}"


def _read(classifier: Classifier, data: Path | None) -> Iterator[str]:
    """Judge public prompts whose labels are of the prompt itself; most are real user queries."""
    if data is None:
        return
    yield f"{'held out, public, read':28}{COLUMNS}"
    groups: dict[str, list[Example]] = {"all": []}
    for example in examples.public(data / examples.PROMPTS):
        if example.read and example.split is Split.TEST:
            groups["all"].append(example)
            groups.setdefault(example.source, []).append(example)
    for name, group in groups.items():
        if len(group) >= 20:
            yield f"{name:28}{report.measure(classifier, group)}"
    hard = [
        classifier.classify(extract(e.request)).tier for e in groups["all"] if (e.tier or 0) >= 4
    ]
    yield f"STANDARD and above recognised: {_share(t >= Tier.STANDARD for t in hard):.3f}"


def _product(judge: Judge) -> Iterator[str]:
    off = {p: judge(_request((USER, p))).tier - tier for tier, ps in PRODUCT.items() for p in ps}
    yield f"product's examples: exact {_share(not by for by in off.values()):.2f}, within one " + (
        f"{_share(abs(by) <= 1 for by in off.values()):.2f}"
    )
    yield from (f"  {by:+d} {prompt}" for prompt, by in off.items() if by)


def _languages(judge: Judge, own: Sequence[Example]) -> Iterator[str]:
    stems: dict[str, list[Example]] = defaultdict(list)
    for example in own:
        if len(example.request.messages) == 1:
            stems[example.id.split("/")[0]].append(example)
    same = []
    for group in stems.values():
        if len({e.lang for e in group}) < 4 or len({e.tier for e in group}) > 1:
            continue
        english = next((e for e in group if e.lang == "en"), None)
        if english is None:
            continue
        base = judge(english.request)
        same += [(judge(e.request), base, e) for e in group if e.lang != "en"]
    yield f"parallel prompts in other languages (n={len(same)}): same tier as English " + (
        f"{_share(g.tier == b.tier for g, b, _ in same):.3f}, "
        f"exact {_share(g.tier == e.tier for g, _, e in same):.3f}, "
        f"same category {_share(g.category == b.category for g, b, _ in same):.3f}"
    )


def _played(judge: Judge, own: Sequence[Example]) -> Iterator[str]:
    single = [e for e in own if len(e.request.messages) == 1 and not e.request.tools]
    english = [e for e in single if e.lang == "en"]
    total = []
    for name, game, allowed in GAMES:
        chance = random.Random(7)
        moved = [
            judge(games.changed(e.request, game, chance)).tier - judge(e.request).tier
            for e in english
        ]
        broken = [abs(by) > allowed for by in moved]
        total += broken
        yield f"{name:24} moved {_share(map(bool, moved)):.3f}  violations {_share(broken):.3f}"
    yield f"{'all games':24}              violations {_share(total):.3f} (n={len(total)})"


def _conversations(judge: Judge) -> Iterator[str]:
    low, alone, high = [], [], []
    for hard in HARD:
        before = ((USER, hard), (ASSISTANT, "Here is the first part. Shall I go on?"))
        low += [(t, judge(_request(*before, (USER, t))).tier) for t in GO_ON]
        high += [(t, judge(_request(*before, (USER, t))).tier) for t in THANKS]
        alone.append(judge(_request((USER, hard))).tier)
    yield f"hard turns alone: {', '.join(tier.name for tier in alone)}"
    yield f"'go on' after them at NANO or SIMPLE: {[t for t, tier in low if tier <= 2]}"
    yield f"'thanks' after them above SIMPLE: {[t for t, tier in high if tier > 2]}"


def _speed(classifier: Classifier, own: Sequence[Example]) -> Iterator[str]:
    texts = [e.request.messages[-1].text for e in own if e.lang == "en"]
    for size in (250, 1000, 1_000_000):
        chance = random.Random(3)
        requests = [_request((USER, _text(size, texts, chance))) for _ in range(20)]
        took = []
        for _ in range(15):
            start = time.process_time()
            for request in requests:
                classifier.classify(extract(request))
            took.append((time.process_time() - start) / len(requests))
        yield f"{size:9,} characters: {min(took) * 1e6:.0f} us CPU at best"


def _text(size: int, texts: Sequence[str], chance: random.Random) -> str:
    parts = [chance.choice(texts) for _ in range(60)]
    text = " ".join(parts)
    return (text * (size // len(text) + 1))[:size]


def _print_sources(everything: Sequence[Example], left_out: Sequence[str]) -> None:
    scores = []
    for source in left_out:
        unseen = [e for e in everything if e.source.startswith(source) and e.category]
        unseen = [e for e in unseen if e.read] or unseen
        if len(unseen) < 20:
            continue
        with tempfile.TemporaryDirectory() as folder:
            classifier = train.train(everything, Path(folder) / "w.npz", source)
        score = report.measure(classifier, unseen)
        scores.append(score.category)
        print(f"without {source:20}{score}", flush=True)
    print(f"mean category of unseen sources {sum(scores) / len(scores):.3f}")


def _share(hits: Iterable[bool]) -> float:
    counted = list(hits)
    return sum(counted) / len(counted) if counted else float("nan")


if __name__ == "__main__":
    sys.exit(main())
