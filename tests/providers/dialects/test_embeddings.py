"""Embeddings at every vendor that has them, against the vendors' own types."""

from typing import Any

import msgspec
import pytest
from google.genai import types as google_types
from mistralai.client.models import EmbeddingRequest
from openai.types import CreateEmbeddingResponse

from services import catalog
from services.errors import Kind, RoutorError
from services.providers.dialects import embeddings
from services.providers.dialects.contract import Target
from services.providers.vendors import VENDORS

CATALOG = catalog.read()
SMALL = "openai/text-embedding-3-small"


def target(key: str) -> tuple[catalog.Embedding, Target]:
    model = CATALOG.embeddings[key]
    return model, Target(VENDORS[model.provider], model.upstream, key)


def sent(key: str, **body: Any) -> dict[str, Any]:
    made = embeddings.encode({"input": "hi", **body}, *target(key))
    decoded: dict[str, Any] = msgspec.json.decode(made.body)
    return decoded


def refused(key: str, **body: Any) -> RoutorError:
    with pytest.raises(RoutorError) as caught:
        sent(key, **body)
    return caught.value


@pytest.mark.parametrize("wanted", [{}, {"encoding_format": "base64"}])
def test_openai_is_asked_for_what_the_caller_asks(wanted: dict[str, str]) -> None:
    assert sent(SMALL, dimensions=256, user="u", **wanted) == {
        "model": "text-embedding-3-small",
        "input": "hi",
        "dimensions": 256,
        "user": "u",
        **wanted,
    }


def test_token_numbers_go_where_they_are_taken() -> None:
    assert sent(SMALL, input=[[1, 2], [3]])["input"] == [[1, 2], [3]]
    assert refused("mistral/mistral-embed", input=[1, 2]).param == "input"


def test_mistral_has_its_own_word_for_dimensions() -> None:
    body = sent("mistral/codestral-embed", input=["a", "b"], dimensions=512)
    assert EmbeddingRequest.model_validate(body).output_dimension == 512


def test_google_takes_a_request_for_each_text() -> None:
    made = embeddings.encode(
        {"input": ["a", "b"], "dimensions": 8}, *target("google/gemini-embedding-001")
    )
    assert made.path == "/v1beta/models/gemini-embedding-001:batchEmbedContents"
    first, second = msgspec.json.decode(made.body)["requests"]
    content = google_types.Content.model_validate(first["content"])
    assert content.parts is not None
    assert content.parts[0].text == "a"
    assert second["outputDimensionality"] == 8


@pytest.mark.parametrize(
    "key, body, param",
    [
        ("alibaba/text-embedding-v4", {"input": ["x"] * 11}, "input"),
        ("openai/text-embedding-ada-002", {"dimensions": 8}, "dimensions"),
        (SMALL, {"dimensions": 9999}, "dimensions"),
    ],
)
def test_what_a_model_does_not_take_is_refused(key: str, body: Any, param: str) -> None:
    assert refused(key, **body).param == param


def test_vectors_come_back_in_order_under_our_name() -> None:
    _, small = target(SMALL)
    rows = [{"index": 1, "embedding": [0.5]}, {"index": 0, "embedding": [0.25]}]
    body = {"data": rows, "usage": {"prompt_tokens": 3, "total_tokens": 3}}
    answer = embeddings.decode(msgspec.json.encode(body), small, [])
    told = CreateEmbeddingResponse.model_validate(answer.body)
    assert [row.embedding for row in told.data] == [[0.25], [0.5]]
    assert (told.model, told.usage.prompt_tokens, answer.usage.input_tokens) == (SMALL, 3, 3)


@pytest.mark.parametrize(
    "indices", [[0, 0], [1, 2], [0, 2], [0, -1], [0, None], [None, None], [0, True], [0, "1"]]
)
def test_vectors_of_unclear_texts_are_no_answer(indices: list[Any]) -> None:
    rows = [{"index": index, "embedding": [0.5]} for index in indices]
    for data in (rows, [{"index": 0, "embedding": [0.5]}, "x"], [{"embedding": [0.5]}]):
        with pytest.raises(RoutorError, match="indices") as caught:
            embeddings.decode(msgspec.json.encode({"data": data}), target(SMALL)[1], [])
        assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


def test_googles_vectors_come_back_as_openais() -> None:
    _, gemini = target("google/gemini-embedding-001")
    content = b'{"embeddings":[{"values":[1.0]},{"values":[2.0]}]}'
    answer = embeddings.decode(content, gemini, ["a", "b"])
    assert [row["embedding"] for row in answer.body["data"]] == [[1.0], [2.0]]


def test_tokens_that_nobody_tells_are_estimated() -> None:
    content = b'{"embeddings":[{"values":[1.0]},{"values":[2.0]}]%b}'
    _, gemini = target("google/gemini-embedding-001")
    texts = ["word " * 100, "\u4e16\u754c" * 50]
    answer = embeddings.decode(content % b"", gemini, texts)
    assert 180 < answer.usage.input_tokens < 230
    assert answer.body["usage"]["total_tokens"] == answer.usage.input_tokens
    told = b',"usageMetadata":{"promptTokenCount":7}'
    assert embeddings.decode(content % told, gemini, texts).usage.input_tokens == 7
    vectors = b'{"data":[{"index":0,"embedding":[0.5]}]}'
    assert embeddings.decode(vectors, target(SMALL)[1], [[1, 2, 3]]).usage.input_tokens == 3


@pytest.mark.parametrize("content", [b"{}", b'{"data":[]}', b'{"data":[{"index":0}]}', b"<html>"])
def test_an_answer_without_vectors_is_none(content: bytes) -> None:
    with pytest.raises(RoutorError) as caught:
        embeddings.decode(content, target(SMALL)[1], [])
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE
