"""The gain of a stronger model: learned within studies, reproducible, shipped."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from services.errors import RoutorError
from services.router.learning import gain, records, studies
from services.router.learning.facts import facts
from services.router.learning.studies import Study

HARD = [
    f"Prove that the theorem on {i} rings implies the lemma of {i + 1} ideals." for i in range(9)
]
EASY = [f"Say hello to my friend number {i} in the office." for i in range(9)]


def toy(level: float = 0.0) -> Study:
    prompts = [facts([text]) for text in (*HARD, *EASY)]
    return Study("toy", prompts, np.repeat([level + 1.0, level], 9))


def test_it_learns_which_prompts_gain() -> None:
    scores = gain.fit([toy()]).scores([facts([HARD[0] + " Now."]), facts([EASY[0] + " Now."])])
    assert 1 > scores[0] > scores[1] > 0


def test_only_differences_within_a_study_count() -> None:
    one, other = gain.fit([toy(0.0)]), gain.fit([toy(5.0)])
    assert np.allclose(one.words, other.words)


def test_same_studies_same_file(tmp_path: Path) -> None:
    for name in ("one", "other"):
        gain.fit([toy()]).save(tmp_path / f"{name}.npz")
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "other.npz").read_bytes()


def test_weights_survive_the_file(tmp_path: Path) -> None:
    made = gain.fit([toy()])
    made.save(tmp_path / "w.npz")
    read = gain.Gain.load(tmp_path / "w.npz")
    prompts = toy().prompts
    assert np.allclose(made.scores(prompts), read.scores(prompts), atol=1e-5)


def test_weights_for_other_facts_are_refused(tmp_path: Path) -> None:
    made = gain.fit([toy()])
    made.save(tmp_path / "w.npz")
    with np.load(tmp_path / "w.npz") as file:
        arrays = dict(file)
    arrays["names"] = arrays["names"][:-1]
    np.savez(tmp_path / "w.npz", **arrays)
    with pytest.raises(ValueError, match="other facts"):
        gain.Gain.load(tmp_path / "w.npz")


def test_shipped_weights_know_work_from_small_talk() -> None:
    shipped = gain.Gain.load()
    easy = ["hi, how are you?", "What is the capital of Portugal?", "Write a limerick about a cat."]
    hard = [
        "Prove that every finite integral domain is a field.",
        "Implement a lock-free queue in C++ and explain why it is linearizable.",
        "A tank is filled by one pipe at 12 litres a minute and emptied by another at 5; the first"
        " is opened at 8:00, the second at 8:15. When are there 300 litres in it?",
    ]
    assert min(shipped.scores([facts([text]) for text in hard])) > max(
        shipped.scores([facts([text]) for text in easy])
    )
    assert gain.WEIGHTS.stat().st_size < 200_000


def test_files_of_outcomes_are_studies_of_their_own(tmp_path: Path) -> None:
    rows = [
        f'{{"prompt": "question {i}", "model": "{model}", "score": {score}, "category": "{kind}"}}'
        for i in range(120)
        for kind in ("gsm8k" if i % 2 else "maths",)
        for model, score in (("a", 1), ("b", i % 3 % 2), ("c", 0))
    ]
    (tmp_path / "o.jsonl").write_text("\n".join(rows * 1))
    table = records.outcomes(tmp_path / "o.jsonl")
    assert not list(studies.of_outcomes("o", table))  # fewer than it takes
    more = [row.replace('"question', f'"{n} question') for n in range(3) for row in rows]
    (tmp_path / "o.jsonl").write_text("\n".join(more))
    found = list(studies.of_outcomes("o", records.outcomes(tmp_path / "o.jsonl")))
    assert [study.name for study in found] == ["o/maths"]  # GSM8K is for evaluation
    assert len(found[0].prompts) == 180


def test_ratings_of_public_prompts_count_where_the_prompts_are(tmp_path: Path) -> None:
    assert "problems" not in [study.name for study in studies.rated()]
    rows = (studies.RATED / "problems.tsv").read_text().splitlines()[1:4]
    with gzip.open(tmp_path / "labelled_prompts.jsonl.gz", "wt") as file:
        for row in rows:
            source, number, gain_ = row.split("\t")
            text = f"A problem of {gain_} steps"
            file.write(f'{{"source": "{source}", "prompt_id": {number}, "prompt": "{text}"}}\n')
    found = {study.name: study for study in studies.rated(tmp_path)}
    assert found["problems"].gains.tolist() == [float(row.split("\t")[2]) for row in rows]


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(RoutorError, match="holds no outcomes"):
        studies.studies(tmp_path / "nowhere")
