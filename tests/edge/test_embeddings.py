"""The front door for embeddings: what is read, what is asked, and the encoding of what is told."""

import base64
import struct
from typing import Any

import msgspec
import pytest

from routor.v1 import router_pb2, types_pb2
from services.edge import embeddings
from services.errors import Kind, RoutorError

SMALL = "text-embedding-3-small"


def parsed(**body: Any) -> embeddings.Request:
    return embeddings.parse(msgspec.json.encode({"model": SMALL, "input": "hi", **body}))[0]


def test_what_nobody_here_knows_is_left_out_and_named() -> None:
    body = {
        "model": SMALL,
        "input": "hi",
        "input_type": "query",
        "routor_max_cost": 1,
        "user": None,
    }
    asked, dropped = embeddings.parse(msgspec.json.encode(body))
    assert msgspec.to_builtins(asked) == {"model": SMALL, "input": "hi"}
    assert dropped == ("input_type",)


@pytest.mark.parametrize("given", ["hi", ["a", "b"], [1, 2], [[1], [2, 3]]])
def test_texts_and_token_numbers_are_read(given: Any) -> None:
    assert parsed(input=given).input == given


@pytest.mark.parametrize(
    "body, param",
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input[1]"),
        ({"input": ["a", 1]}, "input[1]"),
        ({"input": [[1], "a"]}, "input[1]"),
        ({"input": {"a": 1}}, "input"),
        ({"model": "auto"}, "model"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"routor_teir": 1}, "routor_teir"),
    ],
)
def test_faults_name_the_field(body: Any, param: str) -> None:
    with pytest.raises(RoutorError) as caught:
        parsed(**body)
    assert caught.value.kind.rule.http == 400
    assert caught.value.param == param


def test_the_router_is_asked_for_vectors_of_the_named_model() -> None:
    asked = embeddings.question(parsed(input=["four tokens or so", "more"]), "req_1")
    assert asked.needs.endpoint == router_pb2.ENDPOINT_EMBEDDINGS
    assert asked.preferences.profile == types_pb2.PROFILE_DIRECT
    assert (asked.model, asked.request_id) == (SMALL, "req_1")
    assert asked.needs.input_tokens > 0


def answer(vector: Any) -> bytes:
    row = {"object": "embedding", "index": 0, "embedding": vector}
    usage = {"prompt_tokens": 1, "total_tokens": 1}
    return msgspec.json.encode({"object": "list", "data": [row], "model": SMALL, "usage": usage})


PACKED = base64.b64encode(struct.pack("<2f", 0.5, -0.25)).decode()


@pytest.mark.parametrize("given", [[0.5, -0.25], PACKED])
def test_vectors_are_told_in_the_encoding_that_was_asked_for(given: Any) -> None:
    told = msgspec.json.decode(embeddings.written(answer(given), "float", b'{"model":"m"}'))
    assert told["data"][0]["embedding"] == [0.5, -0.25]
    assert told["routor"] == {"model": "m"}
    told = msgspec.json.decode(embeddings.written(answer(given), "base64", b"{}"))
    assert told["data"][0]["embedding"] == PACKED


@pytest.mark.parametrize(
    ("given", "encoding"),
    [
        (["a"], "float"),
        ([None], "base64"),
        ({}, "float"),
        (None, "float"),
        ([1e300], "base64"),
        ("AAA", "float"),
        ("AAAAAAA=", "float"),
    ],
)
def test_what_are_no_vectors_is_the_providers_fault(given: Any, encoding: str) -> None:
    with pytest.raises(RoutorError) as caught:
        embeddings.written(answer(given), encoding, b"{}")
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE
