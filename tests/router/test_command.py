"""`routor predict` and `routor eval` as they are typed."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from services import cli

KNOWN = "openai/gpt-5.5,zai/glm-5.2"


def outcomes(path: Path) -> Path:
    """Write outcomes of a strong dear model, and a weak cheap one that can do sums."""
    rows = []
    for i in range(60):
        for prompt, weak in ((f"What is {i} plus {i + 3}?", 1), (f"Prove lemma {i} on rings.", 0)):
            rows.append({"prompt": prompt, "model": "strong", "score": 1, "cost_usd": 0.01})
            rows.append({"prompt": prompt, "model": "weak", "score": weak, "cost_usd": 0.001})
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def predict(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, *options: str
) -> list[dict[str, Any]]:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert cli.main(["predict", "--jsonl", *options]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def asked(*prompts: str) -> str:
    return "\n".join(json.dumps({"id": i, "prompt": text}) for i, text in enumerate(prompts))


def test_models_of_the_catalog_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hard = "Prove that every finite division ring is commutative, without quoting the theorem."
    easy, difficult = predict(
        monkeypatch,
        capsys,
        asked("hello there", hard),
        "--models",
        "openai/gpt-5.5,openai/gpt-5.4-nano",
    )
    assert easy["id"] == 0
    strong, weak = difficult["models"].values()
    assert 0 < weak < strong < easy["models"]["openai/gpt-5.5"] <= 1
    assert difficult["gain"] == pytest.approx(strong - weak, abs=1e-4)
    assert all(error > 0 for error in difficult["stderr"].values())


def test_unknown_models_are_average_and_still_have_a_gain(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hard = "Prove that every finite integral domain is a field."
    easy, difficult = predict(monkeypatch, capsys, asked("hi", hard), "--models", "x,y")
    assert difficult["models"]["x"] == difficult["models"]["y"] < easy["models"]["x"]
    assert 0 < easy["gain"] < difficult["gain"] < 1


def test_outcomes_teach_models_whatever_their_names(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = outcomes(tmp_path / "o.jsonl")
    sums, proof = predict(
        monkeypatch,
        capsys,
        asked("What is 90 plus 7?", "Prove lemma 99 on rings."),
        *("--models", "weak,strong", "--outcomes", str(file)),
    )
    assert list(sums["models"]) == ["weak", "strong"]
    assert sums["models"]["weak"] > 0.7 > 0.3 > proof["models"]["weak"]
    assert proof["gain"] > 0.7 > 0.3 > sums["gain"]


def test_a_wrong_line_is_named_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b'{"id": 1}\n')))
    assert cli.main(["predict", "--jsonl", "--models", KNOWN]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "line 1" in told.err


@pytest.mark.parametrize("models", ["", "a,,b", "a,a"])
def test_models_must_be_names(models: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["predict", "--jsonl", "--models", models]) == 1
    assert "--models" in capsys.readouterr().err


def test_eval_prints_every_policy_and_the_pair(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, plot = outcomes(tmp_path / "o.jsonl"), tmp_path / "plot.svg"
    options = ["--folds", "3", "--pair", "strong,weak", "--plot", str(plot)]
    assert cli.main(["eval", str(file), *options]) == 0
    text = capsys.readouterr().out
    for row in (
        "oracle",
        "best single",
        "random",
        "longer prompt",
        "Routor",
        "kNN",
        "k-means table",
    ):
        assert f"\n{row}" in text
    routor = next(line for line in text.splitlines() if line.startswith("Routor"))
    # Sums go to the cheap model: (0.01 + 0.001) / 2 a prompt, 95 % of the quality for less.
    assert float(routor.split()[3]) < 0.6
    assert "ECE" in text
    assert "APGR" in text
    assert plot.read_text().startswith("<svg")


def test_eval_learns_nothing_unless_asked(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = outcomes(tmp_path / "o.jsonl")
    assert cli.main(["eval", str(file), "--pair", "strong,weak"]) == 0
    text = capsys.readouterr().out
    assert "kNN" not in text
    assert "calibration" not in text  # nothing is known of these models
    ranked = text[text.index("APGR") :]
    apgr = {line.split()[0]: float(line.split()[-3]) for line in ranked.splitlines()[1:6] if line}
    assert apgr["oracle"] >= apgr["Routor"] > 0.5


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--pair", "strong"], "--pair"),
        (["--pair", "strong,none"], "none"),
        (["--pair", "weak,strong"], "not better"),
        (["--folds", "1"], "--folds"),
        (["--plot", "out.bmp"], ".svg"),
    ],
)
def test_wrong_options_are_named(
    options: list[str], told: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = outcomes(tmp_path / "o.jsonl")
    assert cli.main(["eval", str(file), *options]) == 1
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("command", ["predict", "eval"])
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main([command, "--help"])
    assert end.value.code == 0
    assert "example: routor" in capsys.readouterr().out
