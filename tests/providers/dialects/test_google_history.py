from typing import Any

import msgspec
import pytest
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk

from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import ask, event, run, sent, target, user

DIALECT = DIALECTS["google_generate"]
SIGNED = {"google": {"thought_signature": "ab/+cA=="}}
SHAPES: dict[str, list[dict[str, Any]]] = {
    "on the text": [{"text": "Hello", "thoughtSignature": "ab/+cA=="}],
    "on an empty part behind": [{"text": "Hello"}, {"text": "", "thoughtSignature": "ab/+cA=="}],
    "after thoughts": [
        {"text": "hm", "thought": True},
        {"text": "Hello"},
        {"thoughtSignature": "ab/+cA=="},
    ],
}


def body_of(parts: list[dict[str, Any]], finish: str | None = "STOP") -> dict[str, Any]:
    candidate = {"content": {"role": "model", "parts": parts}, "finishReason": finish}
    return {"candidates": [candidate], "responseId": "r", "usageMetadata": {"promptTokenCount": 1}}


def replayed(message: dict[str, Any]) -> Any:
    body = sent(DIALECT.encode(ask(user("hi"), message, user("more")), target("google")))
    return body["contents"][1]["parts"]


@pytest.mark.parametrize("parts", SHAPES.values(), ids=SHAPES)
def test_the_signature_of_a_text_comes_back_whole(parts: list[dict[str, Any]]) -> None:
    answer = DIALECT.decode(msgspec.json.encode(body_of(parts)), target("google"))
    message = answer.body["choices"][0]["message"]
    assert (message["content"], message["extra_content"]) == ("Hello", SIGNED)
    assert replayed(message) == [{"text": "Hello", "thoughtSignature": "ab/+cA=="}]


@pytest.mark.parametrize("parts", SHAPES.values(), ids=SHAPES)
def test_the_signature_of_a_text_comes_back_in_a_stream(parts: list[dict[str, Any]]) -> None:
    *before, last = parts
    data = b"".join(event(body_of([part], None)) for part in before) + event(body_of([last]))
    chunks, ending = run(DIALECT.decoder(target("google"), {}), data)
    state: Any = ChatCompletionStreamState()
    for one in (*(chunk.body for chunk in chunks), *ending.chunks):
        state.handle_chunk(ChatCompletionChunk.model_validate(one))
    message = state.current_completion_snapshot.choices[0].message.model_dump(exclude_none=True)
    assert (message["content"], message["extra_content"]) == ("Hello", SIGNED)
    assert replayed(message) == [{"text": "Hello", "thoughtSignature": "ab/+cA=="}]
    assert "".join(chunk.text or "" for chunk in chunks) == "Hello"


def test_two_signatures_are_not_run_together_in_a_stream() -> None:
    first = event(body_of([{"text": "He", "thoughtSignature": "one"}], None))
    chunks, _ = run(
        DIALECT.decoder(target("google"), {}), first + event(body_of(SHAPES["on the text"]))
    )
    extras = [chunk.body["choices"][0]["delta"].get("extra_content") for chunk in chunks]
    assert [one for one in extras if one] == [SIGNED]


@pytest.mark.parametrize("other", ["zzz", "é", "", 7, None, {}])
def test_what_is_no_signature_of_geminis_does_not_go_there(other: Any) -> None:
    extra = {"extra_content": {"google": {"thought_signature": other}}}
    message = {"role": "assistant", "content": "Hello", **extra}
    assert replayed(message) == [{"text": "Hello"}]


@pytest.mark.parametrize("kind", ["wav", "mp3", "aac", "aiff", "flac", "ogg"])
def test_sounds_are_of_the_formats_that_gemini_takes(kind: str) -> None:
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": kind}}
    body = sent(DIALECT.encode(ask(user([part])), target("google")))
    told = {"inlineData": {"mimeType": f"audio/{kind}", "data": "AAAA"}}
    assert body["contents"][0]["parts"] == [told]


@pytest.mark.parametrize(
    ("url", "part"),
    [
        (
            "https://x.example/a.webp?size=1#top",
            {
                "fileData": {
                    "mimeType": "image/webp",
                    "fileUri": "https://x.example/a.webp?size=1#top",
                }
            },
        ),
        (
            "data:application/json;base64,e30=",
            {"inlineData": {"mimeType": "text/plain", "data": "e30="}},
        ),
    ],
)
def test_what_a_file_is_called_by(url: str, part: dict[str, Any]) -> None:
    given = {"type": "file", "file": {"file_data": url}}
    body = sent(DIALECT.encode(ask(user([given])), target("google")))
    assert body["contents"][0]["parts"] == [part]


def test_pieces_of_an_answer_are_one_text() -> None:
    pieces = [{"type": "text", "text": text} for text in ("It is", " ", "42.")]
    assert replayed({"role": "assistant", "content": pieces}) == [{"text": "It is 42."}]
