"""What the classifier sees: bounded, stable, in any script."""

import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from routor.v1 import router_pb2, types_pb2
from services.router.features import (
    BUCKETS,
    DENSE,
    MAX_CHARS,
    TURN_BITS,
    Features,
    Part,
    extract,
)

USER, ASSISTANT, SYSTEM = router_pb2.ROLE_USER, router_pb2.ROLE_ASSISTANT, router_pb2.ROLE_SYSTEM


def request(*turns: tuple[int, str], tools: int = 0) -> router_pb2.RouteRequest:
    return router_pb2.RouteRequest(
        messages=[router_pb2.Message(role=role, text=text) for role, text in turns],
        tools=[
            router_pb2.Tool(name=f"get_weather_{i}", description="d" * 500) for i in range(tools)
        ],
    )


def digest(features: Features) -> int:
    return zlib.crc32(features.buckets.tobytes() + features.dense.tobytes())


SAMPLE = "Beweise, dass √2 irrational ist. 証明して (x := 42)?"


def test_same_request_same_features_in_every_process() -> None:
    code = (
        "import zlib;from routor.v1 import router_pb2 as r;"
        "from services.router.features import extract;"
        f"f=extract(r.RouteRequest(messages=[r.Message(role=2,text={SAMPLE!r})]));"
        "print(zlib.crc32(f.buckets.tobytes()+f.dense.tobytes()))"
    )
    env = {"PYTHONPATH": ":".join(p for p in sys.path if p), "PYTHONHASHSEED": "7"}
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env)
    assert int(out.stdout) == digest(extract(request((USER, SAMPLE))))


def test_hash_is_fixed_for_good() -> None:
    # Trained weights are void when this changes: then raise features.VERSION.
    buckets = extract(request((USER, "Prove it. 証明"))).buckets
    assert buckets[:5].tolist() == [32295, 20463, 1838, 1720, 51336]


@pytest.mark.parametrize(
    "text", ["word " * 200_000, "証" * 1_000_000, "\n{" * 500_000, "İ" * 10**6]
)
def test_work_is_bounded_whatever_the_length(text: str) -> None:
    turns = [(SYSTEM, text), *[(USER, text), (ASSISTANT, text)] * 20, (USER, text)]
    features = extract(request(*turns, tools=100))
    assert sum(len(passage.text) for passage in features.passages) <= MAX_CHARS
    assert len(features.buckets) <= 4 * MAX_CHARS


def test_beginning_middle_and_end_of_a_long_turn_are_seen() -> None:
    text = "alpha " + "x " * 3000 + "omega"
    seen = extract(request((USER, text))).passages[0].text
    assert seen.startswith("alpha")
    assert seen.endswith("omega")
    assert len(seen) < 1300


def test_a_word_has_one_bucket_wherever_it_stands() -> None:
    both = extract(request((USER, "prove that we prove")))
    first, last = (both.buckets[both.positions == at][0] for at in (0, 14))
    assert first == last


def test_scripts_without_spaces_have_a_word_per_character() -> None:
    features = extract(request((USER, "天気")))
    assert len(features.buckets) == 2 + 1 + 2 + 2  # words, pair, 3-grams, 4-grams


def test_context_has_its_own_table() -> None:
    features = extract(request((SYSTEM, "Be brief."), (USER, "Hello")))
    system = [p.part for p in features.passages].index(Part.SYSTEM)
    assert features.buckets[features.owners == system].min() >= 2**TURN_BITS
    assert features.buckets[features.owners == features.turn].max() < 2**TURN_BITS


def test_the_last_user_message_is_the_turn() -> None:
    features = extract(
        request((USER, "one"), (ASSISTANT, "two"), (USER, "three"), (ASSISTANT, "four"))
    )
    assert features.passages[features.turn].text == "three"
    assert [p.text for p in features.passages[: features.turn]] == ["one"]


def test_attachments_and_tools_are_facts() -> None:
    plain = request((USER, "What is the weather?"))
    rich = request((USER, "What is the weather?"), tools=1)
    rich.messages[0].attachments.append(types_pb2.MODALITY_IMAGE)
    facts = dict(zip(DENSE, extract(rich).dense[0].tolist(), strict=True))
    assert facts["image attached"] == 1
    assert facts["tools offered"] == 1
    assert facts["turn names a tool"] > 0
    assert not extract(plain).dense[0, DENSE.index("tools offered")]


roles = st.sampled_from([0, 1, 2, 3, 4])
# What a protobuf string can hold: no lone surrogates.
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(st.lists(st.tuples(roles, texts), max_size=6), st.integers(0, 3))
def test_any_request_has_valid_features(turns: list[tuple[int, str]], tools: int) -> None:
    features = extract(request(*turns, tools=tools))
    assert np.isfinite(features.dense).all()
    assert np.isfinite(features.scales).all()
    assert ((features.buckets >= 0) & (features.buckets < BUCKETS)).all()
    assert features.dense.shape == (len(features.passages), len(DENSE))
    again = extract(request(*turns, tools=tools))
    assert digest(again) == digest(features)
