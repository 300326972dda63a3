"""Our corpus and what is taken from public collections."""

import gzip
from collections import Counter, defaultdict
from pathlib import Path

import msgspec
import pytest

from routor.v1 import router_pb2
from services.catalog import Category, Tier
from services.router.learning import examples, labels
from services.router.learning.examples import Example, Split


def test_corpus_covers_categories_tiers_and_languages() -> None:
    corpus = examples.own()
    assert len(corpus) >= 1500
    assert {e.category for e in corpus} == set(Category)
    assert {e.tier for e in corpus} == set(Tier)
    languages = Counter(e.lang for e in corpus)
    assert sum(count >= 40 for count in languages.values()) >= 12
    per_category = defaultdict(set)
    for example in corpus:
        per_category[example.category].add(example.tier)
    assert all(len(tiers) >= 2 for tiers in per_category.values())


def test_corpus_ids_are_unique_and_turns_end_with_the_user() -> None:
    corpus = examples.own()
    assert len({e.id for e in corpus}) == len(corpus)
    for example in corpus:
        assert example.request.messages[-1].role == router_pb2.ROLE_USER
        assert example.request.messages[-1].text.strip()


def test_what_else_can_be_defended_is_read(tmp_path: Path) -> None:
    line = {
        "id": "x",
        "lang": "en",
        "category": "coding",
        "tier": "LIGHT",
        "kind": "plain",
        "alternatives": ["debugging", "chat"],
        "adjacent": "SIMPLE",
        "messages": [{"role": "user", "content": "why 0.1+0.2"}],
    }
    (tmp_path / "more.jsonl").write_bytes(msgspec.json.encode(line))
    (example,) = examples.own(tmp_path)
    assert (example.category, example.alternative) == (Category.CODING, Category.DEBUGGING)
    assert (example.tier, example.adjacent) == (Tier.LIGHT, Tier.SIMPLE)


def test_a_family_is_never_on_both_sides() -> None:
    sides = defaultdict(set)
    for example in examples.own():
        sides[example.id.split("/")[0]].add(example.split)
    assert all(len(splits) == 1 for splits in sides.values())


def test_a_held_out_single_turn_is_not_learned_under_another_id() -> None:
    texts = defaultdict(set)
    for example in examples.own():
        if not example.follows and len(example.request.messages[-1].text) > 24:
            texts[example.request.messages[-1].text].add(example.split)
    assert [text for text, splits in texts.items() if len(splits) > 1] == []


def test_about_a_fifth_of_the_families_is_held_out() -> None:
    splits = Counter({e.family: e.split for e in examples.own()}.values())
    assert 0.15 < splits[Split.TEST] / splits.total() < 0.27


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("mmlu", "virology"),
        ("mixeval", "MMLU"),
        ("mixeval", "MMLU-Pro"),
        ("mmlupro", "physics"),
        ("llmrouter14", "gsm8k"),
        ("llmrouter14", "agentverse-mgsm"),
        ("mgsm", "mgsm"),
        ("arenahard_v2", "hard_prompt/coding"),
        ("routerarena", "anything"),
        ("mt_bench", "writing"),
        ("wizardlm_test", "math"),
        ("flask", "Math##Logical"),
    ],
)
def test_benchmarks_others_are_measured_on_are_never_learned_from(source: str, name: str) -> None:
    assert labels.label(source, name) is None


def test_known_labels_are_mapped_by_their_longest_prefix() -> None:
    assert labels.label("gsm8k_train", "gsm8k") == (Category.MATH, Tier.LIGHT)
    assert labels.label("alignbench_zh", "文本写作/创意文体写作") == (Category.CREATIVE, None)
    assert labels.label("alignbench_zh", "文本写作/实用文体写作") == (Category.WRITING, None)
    assert labels.label("unheard", "of") is None


def test_public_prompts_are_thinned_and_cut(tmp_path: Path) -> None:
    path = tmp_path / examples.PROMPTS
    row = {"source": "mbpp", "source_label": "mbpp", "prompt": "Write a function. " * 1000}
    other = {"source": "mmlu", "source_label": "virology", "prompt": "Which?", "prompt_id": "x"}
    count = examples.MOST_PER_LABEL + 5
    lines = [msgspec.json.encode({**row, "prompt_id": f"a/{i}"}) for i in range(count)]
    with gzip.open(path, "wb") as file:
        file.write(b"\n".join([*lines, msgspec.json.encode(other)]) + b"\n")
    got = examples.public(path)
    assert len(got) == examples.MOST_PER_LABEL
    assert {e.category for e in got} == {Category.CODING}
    assert all(len(e.request.messages[0].text) == examples.MOST_CHARS for e in got)
    assert {e.split for e in got} == set(Split)


def test_company_does_not_change_labels_or_prompts() -> None:
    learn = [e for e in examples.own() if e.split is Split.TRAIN]
    by_id = {e.id: e for e in learn}
    added = list(examples.in_company(learn))
    assert added
    for example in added:
        original: Example = by_id[example.id.rsplit("/", 1)[0]]
        assert (example.category, example.tier) == (original.category, original.tier)
        assert example.request.messages[-1] == original.request.messages[-1]
        assert not example.follows


def test_a_prompt_that_was_read_has_its_own_labels_and_no_limit(tmp_path: Path) -> None:
    (source, prompt_id), rated = next(iter(labels.rated().items()))
    rows = [
        {"source": source, "prompt_id": prompt_id, "prompt": "p", "source_label": "whatever"},
        {"source": "mbpp", "prompt_id": "none", "prompt": "q", "source_label": "x"},
    ]
    path = tmp_path / examples.PROMPTS
    with gzip.open(path, "wb") as file:
        file.write(b"\n".join(msgspec.json.encode(row) for row in rows))
    read, other = examples.public(path)
    assert (read.category, read.alternative, read.tier) == rated[:3]
    assert read.read
    assert not other.read


def test_labels_of_single_prompts_are_of_prompts_that_may_be_learned_from() -> None:
    rated = labels.rated()
    assert len(rated) > 3000
    assert not [source for source, _ in rated if labels.kept_out(source, "")]
    assert all(label.alternative is not label.category for label in rated.values())
    assert all(0 <= label.gain <= 9 for label in rated.values())
