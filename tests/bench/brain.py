"""Print the routing figures: `make bench-brain DATA=folder-of-outcomes`.

Everything is measured on prompts or whole files that were not learned from. Costs are list prices
per million output tokens, for the order between models only.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from services.router.learning import gain, metrics, policies, records, studies, success
from services.router.learning.facts import Vector
from services.router.learning.records import Outcomes

# Pairs of a strong and a weaker model, like GPT-4 and Mixtral in their time.
PAIRS = {
    "mmlupro": [
        ("deepseek-coder-v2", "mixtral-8x7b-v0.1"),
        ("gemini-1.5-flash-002", "mixtral-8x7b-v0.1"),
        ("meta-llama-3_1-70b", "meta-llama-3-8b"),
    ],
    "zeroeval_math_l5": [
        ("gpt-4-turbo-2024-04-09", "meta-llama-3-70b-instruct"),
        ("o1-preview-2024-09-12", "gpt-4o-2024-05-13"),
    ],
    "alpacaeval1": [("gpt4_1106_preview", "vicuna-13b"), ("gpt4", "guanaco-65b")],
    "alpacaeval2": [("gpt4_1106_preview", "openhermes-2.5-mistral-7b")],
    "bfcl": [("gpt-4-turbo-2024-04-09", "open-mixtral-8x7b")],
    "llmrouter14": [
        ("llama-3.1-nemotron-51b-instruct", "mistral-7b-instruct-v0.3"),
        ("gemma-2-9b-it", "mistral-7b-instruct-v0.3"),
    ],
}
USD_PER_MTOK = {
    "llmrouter14": {
        "llama3-chatqa-1.5-8b": 0.2,
        "llama3-chatqa-1.5-70b": 0.9,
        "codegemma-7b": 0.2,
        "mistral-7b-instruct-v0.3": 0.2,
        "gemma-2-9b-it": 0.2,
        "llama-3.1-8b-instruct": 0.2,
        "llama-3.1-nemotron-51b-instruct": 0.9,
    },
    "alpacaeval2": {
        "gpt4_1106_preview": 30.0,
        "claude-2": 24.0,
        "claude-instant-1.2": 5.5,
        "gpt-3.5-turbo-0301": 2.0,
        "openhermes-2.5-mistral-7b": 0.2,
        "fusechat-llama-3.2-1b-instruct": 0.1,
    },
}
MATHS_AND_CODE = ("gsm8k", "math", "mbpp", "human_eval")
SEEDS = 2


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Print the brain's routing figures.",
        epilog="example: python tests/bench/brain.py ~/outcomes",
    )
    parser.add_argument("data", type=Path, help="a folder of outcomes: .parquet files")
    paths = sorted(parser.parse_args().data.glob("*.parquet"))
    if not paths:
        parser.error("the folder holds no .parquet files")
    files = {path.stem: records.outcomes(path) for path in paths}
    _transfer(files, studies.rated(paths[0].parent))
    _labels(files)
    _costs(files)
    return 0


def _transfer(files: dict[str, Outcomes], own: list[studies.Study]) -> None:
    """Route pairs of files that the gain was not learned from."""
    found = {name: list(studies.of_outcomes(name, one)) for name, one in files.items()}
    rated = gain.fit(own)
    print("No labels of the file: APGR")
    print(f"{'':58} longer  rated  +files")
    for name, pairs in PAIRS.items():
        if name not in files:
            continue
        family = name[:6]
        others = [one for other, them in found.items() if other[:6] != family for one in them]
        learned = gain.fit([*own, *others])
        for pair in pairs:
            asked = _of(files[name], pair)
            rankings = (policies.longer, rated.scores, learned.scores)
            figures = [_apgr(ranking(asked.features), asked) for ranking in rankings]
            print(f"{name:18} {_named(pair):38}" + "".join(f" {one:6.3f}" for one in figures))


def _labels(files: dict[str, Outcomes]) -> None:
    """Learn a pair from part of a file and route the rest."""
    print("\nLabels of other prompts of the file: APGR and ECE, mean of", SEEDS)
    for name, pairs in PAIRS.items():
        if name not in files:
            continue
        for pair in pairs:
            asked = _of(files[name], pair)
            count = min(1500, len(asked.prompts) * 2 // 3)
            rows = []
            for seed in range(SEEDS):
                known, rest = _split(asked, count, seed)
                chances, _, sums = success.learn(known).predict(rest.features)
                apgr = _apgr(sums[:, 0] - sums[:, 1], rest)
                rows.append((apgr, _ece(chances, rest)))
            apgr, ece = np.mean(rows, axis=0)
            print(f"{name:18} {_named(pair):38} {count:5d} labels  {apgr:.3f}  ECE {ece:.3f}")


def _costs(files: dict[str, Outcomes]) -> None:
    """Say what 95 % of the best single model's quality costs, as a share of its cost."""
    print("\nCost of 95 % of the best single model's quality, and what is lost at any cost")
    print(f"{'':34}  Routor    kNN  table  singles   against best     ECE")
    for name, prices in USD_PER_MTOK.items():
        if name not in files:
            continue
        whole = _of(files[name], tuple(prices))
        code = np.isin(np.array(whole.categories), MATHS_AND_CODE)
        _cost(name, whole, prices)
        if code.any():
            _cost(f"{name}, maths and code", whole.rows(code), prices)


def _cost(name: str, whole: Outcomes, prices: dict[str, float]) -> None:
    usd = np.array([prices[model] for model in whole.models])
    rows = []
    for seed in range(SEEDS):
        known, rest = _split(whole, len(whole.prompts) * 3 // 5, seed)
        chances, _, _ = success.learn(known).predict(rest.features)
        scores = np.where(np.isnan(rest.scores), np.nanmean(rest.scores, axis=0), rest.scores)
        costs = np.tile(usd, (len(scores), 1))
        best = int(np.nanmean(known.scores, axis=0).argmax())
        reached = 0.95 * scores[:, best].mean()
        judged = (
            chances,
            policies.neighbours(known, rest.features),
            policies.clusters(known, rest.features),
        )
        curves = [metrics.curve(one, scores, costs, costs) for one in judged]
        curves.append([metrics.Point(*one) for one in zip(usd, scores.mean(axis=0), strict=True)])
        shares = [metrics.cost_of(one, reached) / usd[best] for one in curves]
        lost = curves[0][0].quality - scores[:, best].mean()
        rows.append((*shares, 100 * lost, _ece(chances, rest)))
    mean = np.mean(rows, axis=0)
    shares = "".join(f" {one:7.3f}" for one in mean[:4])
    print(f"{name:34}{shares} {mean[4]:+12.2f} pp {mean[5]:7.3f}", flush=True)


def _of(outcomes: Outcomes, models: Sequence[str]) -> Outcomes:
    """Return the outcomes of some models, in this order, on prompts that all of them answered."""
    places = [outcomes.models.index(name) for name in models]
    both = outcomes.rows(~np.isnan(outcomes.scores[:, places]).any(axis=1))
    return Outcomes(
        prompts=both.prompts,
        models=tuple(models),
        scores=both.scores[:, places],
        costs_usd=both.costs_usd[:, places],
        categories=both.categories,
        features=both.features,
    )


def _split(outcomes: Outcomes, count: int, seed: int) -> tuple[Outcomes, Outcomes]:
    order = np.random.default_rng(seed).permutation(len(outcomes.prompts))
    return outcomes.rows(order[:count]), outcomes.rows(order[count:])


def _apgr(ranking: Vector, asked: Outcomes) -> float:
    return metrics.pair(ranking, asked.scores[:, 0], asked.scores[:, 1]).apgr


def _ece(chances: Vector, rest: Outcomes) -> float:
    known = ~np.isnan(rest.scores)
    return metrics.calibration_error(chances[known], rest.scores[known])


def _named(pair: Sequence[str]) -> str:
    return " / ".join(name[:17] for name in pair)


if __name__ == "__main__":
    sys.exit(main())
