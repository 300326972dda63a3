"""Reading prompts and outcomes: every fault names its line and field."""

import sys
from pathlib import Path

import numpy as np
import pyarrow
import pytest
from pyarrow import parquet

from services.errors import Kind, RoutorError
from services.router.learning import records


def read(path: Path, *lines: str) -> records.Outcomes:
    path.write_text("\n".join(lines))
    return records.outcomes(path)


def test_outcomes_become_a_table(tmp_path: Path) -> None:
    got = read(
        tmp_path / "o.jsonl",
        '{"prompt": "p", "model": "a", "score": 1, "category": "math", "cost_usd": 0.5}',
        "",
        '{"prompt": "p", "model": "a", "score": 0}',
        '{"prompt": "q", "model": "b", "score": 0.25, "more": "ignored"}',
    )
    assert got.models == ("a", "b")
    assert got.categories == ("math", "")
    assert np.array_equal(got.scores, [[0.5, np.nan], [np.nan, 0.25]], equal_nan=True)
    assert got.costs_usd[0, 0] == 0.5
    part = got.rows(np.array([1]))
    assert part.prompts == ("q",)
    assert part.scores[0, 1] == 0.25


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"prompt": "p", "model": "a"}', "score"),
        ('{"prompt": "p", "model": "a", "score": 2}', "`score` must be from 0 to 1"),
        ('{"prompt": "p", "model": "a", "score": "1"}', "$.score"),
        ('{"prompt": "p", "model": "", "score": 1}', "`model`"),
        ('{"prompt": "p", "model": "a", "score": 1, "cost_usd": -1}', "`cost_usd`"),
        ("{", "truncated"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, line: str, told: str) -> None:
    good = '{"prompt": "p", "model": "a", "score": 1}'
    with pytest.raises(RoutorError) as fault:
        read(tmp_path / "o.jsonl", good, line)
    assert fault.value.kind is Kind.INVALID_REQUEST
    assert "o.jsonl: line 2" in fault.value.message
    assert told in fault.value.message


def test_nothing_to_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(RoutorError, match="holds no outcomes"):
        read(tmp_path / "o.jsonl", "")
    with pytest.raises(RoutorError, match="No such file"):
        records.outcomes(tmp_path / "none.jsonl")


def test_parquet_is_read_where_pyarrow_is_installed(tmp_path: Path) -> None:
    write = parquet.write_table
    path = tmp_path / "o.parquet"
    write(pyarrow.table({"prompt": ["p"], "model": ["a"], "score": [1.0]}), path)
    assert records.outcomes(path).scores.tolist() == [[1.0]]
    write(pyarrow.table({"prompt": ["p"], "model": ["a"], "score": [None]}), path)
    with pytest.raises(RoutorError, match=r"row 1: .*score"):
        records.outcomes(path)
    write(pyarrow.table({"prompt": ["p"]}), path)
    with pytest.raises(RoutorError, match="no column model, score"):
        records.outcomes(path)


def test_without_pyarrow_its_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(RoutorError, match=r"routor-gateway\[parquet\]"):
        records.outcomes(tmp_path / "o.parquet")


def test_prompts_are_texts_or_conversations() -> None:
    lines = (
        b'{"id": 1, "prompt": "hello"}\n',
        b"\n",
        b'{"id": "b", "messages": [{"role": "system", "content": "s"},'
        b' {"role": "user", "content": [{"type": "text", "text": "one"}]},'
        b' {"role": "assistant", "content": null}, {"role": "user", "content": "two"}]}',
    )
    first, second = records.prompts(lines)
    assert (first.id, second.id) == (1, "b")
    assert [message.text for message in second.request.messages] == ["s", "one", "", "two"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b'{"prompt": "p"}', "id"),
        (b'{"id": 1}', '"prompt" or "messages"'),
        (b'{"id": 1, "prompt": 2}', "$.prompt"),
        (b'{"id": 1, "messages": [{"role": "king", "content": "x"}]}', "role"),
        (b"\xff", "line 2"),
    ],
)
def test_a_wrong_line_is_named(line: bytes, told: str) -> None:
    with pytest.raises(RoutorError, match="line 2") as fault:
        list(records.prompts((b'{"id": 0, "prompt": ""}\n', line)))
    assert told in fault.value.message
