from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS
from tests.providers.dialects.targets import (
    ask,
    called,
    event,
    parameters,
    reasoning,
    result,
    run,
    sent,
    target,
    text,
    tool,
    tool_calls,
    user,
)

DIALECT = DIALECTS["google_generate"]


def encode(body: dict[str, Any], **facts: Any) -> dict[str, Any]:
    return sent(DIALECT.encode(body, target("google", **facts)))


# --- requests ---


def test_path_names_model_and_stream() -> None:
    aim = target("google")
    assert DIALECT.encode(ask(), aim).path == "/v1beta/models/m-1:generateContent"
    path = DIALECT.encode(ask(stream=True), aim).path
    assert path == "/v1beta/models/m-1:streamGenerateContent?alt=sse"


def test_contents_and_config() -> None:
    encoded = DIALECT.encode(
        ask(
            {"role": "system", "content": "terse"},
            user(
                [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}},
                ]
            ),
            {"role": "assistant", "content": "b"},
            user(""),
            user("c"),
            temperature=0,
            top_p=0.5,
            max_tokens=9,
            stop="END",
            seed=0,
            user="u",
        ),
        target("google"),
    )
    body = sent(encoded)
    assert body["systemInstruction"] == {"parts": [{"text": "terse"}]}
    assert [content["role"] for content in body["contents"]] == ["user", "model", "user"]
    assert body["contents"][0]["parts"][1] == {
        "inlineData": {"mimeType": "image/png", "data": "AA"}
    }
    assert body["generationConfig"] == {
        "maxOutputTokens": 9,
        "temperature": 0,
        "topP": 0.5,
        "seed": 0,
        "stopSequences": ["END"],
    }
    assert encoded.dropped == ("user",)


def test_tools_and_choice() -> None:
    named = {"type": "function", "function": {"name": "f"}}
    body = encode(
        ask(
            tools=[
                tool(),
                {
                    "type": "function",
                    "function": {"name": "g", "parameters": {"type": "object", "properties": {}}},
                },
            ],
            tool_choice=named,
        )
    )
    first, second = body["tools"][0]["functionDeclarations"]
    assert first["parameters"]["properties"] == {"x": {"type": "integer"}}
    assert "parameters" not in second
    assert body["toolConfig"]["functionCallingConfig"] == {
        "mode": "ANY",
        "allowedFunctionNames": ["f"],
    }


@pytest.mark.parametrize("seed", [-5, -(2**31), 2**31 - 1, 2**31 + 7, 2**62])
def test_a_seed_is_an_int32_and_what_is_one_stays(seed: int) -> None:
    made = encode(ask(seed=seed))["generationConfig"]["seed"]
    assert made == seed or (not -(2**31) <= seed < 2**31 and 0 <= made < 2**31)


def test_there_is_no_switch_for_one_call_per_turn() -> None:
    rules = parameters(parallel_tool_calls=True)
    asked = ask(tools=[tool()], parallel_tool_calls=False)
    assert encode(asked, parameters=rules) == encode(ask(tools=[tool()]))


def test_results_find_their_functions_and_foreign_calls_get_the_placeholder() -> None:
    body = encode(
        ask(
            user("go"),
            called(("toolu_1", "f", '{"x":1}'), ("toolu_2", "g", "[1]")),
            result("toolu_2", [{"type": "text", "text": "two"}]),
            user("more"),
            result("toolu_1", "one"),
        )
    )
    _, model, after = body["contents"]
    first, second = model["parts"]
    assert first["thoughtSignature"] == "skip_thought_signature_validator"
    assert "thoughtSignature" not in second
    assert second["functionCall"]["args"] == {"value": [1]}
    responses = [part["functionResponse"] for part in after["parts"][:2]]
    assert [(one["name"], one["response"]) for one in responses] == [
        ("f", {"result": "one"}),
        ("g", {"result": "two"}),
    ]
    assert after["parts"][2] == {"text": "more"}


def test_level_by_effort() -> None:
    facts = reasoning(switch="google_level", efforts=("low", "medium", "high"), can_disable=False)
    for asked, level in (("none", "low"), ("medium", "medium"), ("xhigh", "high")):
        config = encode(ask(reasoning_effort=asked), reasoning=facts)["generationConfig"]
        assert config["thinkingConfig"]["thinkingLevel"] == level
    assert "generationConfig" not in encode(ask(), reasoning=facts)


# --- answers ---


def body_of(*parts: Any, finish: str | None = "STOP", **extra: Any) -> dict[str, Any]:
    candidate = {"index": 0, "content": {"role": "model", "parts": list(parts)}}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "responseId": "r1", **extra}


def decode(body: Any) -> Any:
    answer = DIALECT.decode(msgspec.json.encode(body), target("google"))
    ChatCompletion.model_validate(answer.body, strict=True)
    return answer


def test_answer_and_usage() -> None:
    usage = {
        "promptTokenCount": 5,
        "cachedContentTokenCount": 2,
        "candidatesTokenCount": 3,
        "thoughtsTokenCount": 40,
        "toolUsePromptTokenCount": None,
        "promptTokensDetails": [
            {"modality": "TEXT", "tokenCount": 1},
            {"modality": "AUDIO", "tokenCount": 4},
        ],
    }
    answer = decode(
        body_of({"text": "hm", "thought": True}, {"text": "Hello"}, usageMetadata=usage)
    )
    message = answer.body["choices"][0]["message"]
    assert (message["content"], message["reasoning_content"]) == ("Hello", "hm")
    assert (answer.usage.output_tokens, answer.usage.reasoning_tokens) == (43, 40)
    assert answer.body["usage"]["total_tokens"] == 48
    assert answer.body["usage"]["prompt_tokens_details"]["audio_tokens"] == 4
    assert answer.body["id"] == "r1"


@pytest.mark.parametrize("first", [{"index": 0}, {}], ids=["told", "left out"])
def test_choices_are_told_in_their_order(first: dict[str, int]) -> None:
    made = [
        {"content": {"parts": [{"text": text}]}, "finishReason": "STOP", **index}
        for text, index in (("b", {"index": 1}), ("a", first))
    ]
    choices = decode({"candidates": made}).body["choices"]
    assert [(one["index"], one["message"]["content"]) for one in choices] == [(0, "a"), (1, "b")]


def test_where_one_call_is_asked_for_the_answer_holds_one() -> None:
    serial = msgspec.structs.replace(target("google"), one_call=True)
    body = body_of(*({"functionCall": {"name": name, "args": {}}} for name in "fgh"))
    whole = DIALECT.decode(msgspec.json.encode(body), serial).body["choices"][0]
    assert [call["function"]["name"] for call in whole["message"]["tool_calls"]] == ["f"]
    assert whole["finish_reason"] == "tool_calls"
    chunks, ending = run(DIALECT.decoder(serial, {}), event(body))
    assert [call["function"]["name"] for call in tool_calls(chunks)] == ["f"]
    assert ending.finish_reason == "tool_calls"


def test_signature_survives_any_client() -> None:
    call = {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "ab/+c=="}
    answer = decode(body_of(call, {"functionCall": {"id": "z", "name": "g"}}))
    choice = answer.body["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    first, second = choice["message"]["tool_calls"]
    assert second["id"] == "z"
    assert second["function"]["arguments"] == "{}"
    # A client that keeps OpenAI's own fields alone:
    bare = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {name: one[name] for name in ("id", "type", "function")} for one in (first, second)
        ],
    }
    history = [user("a"), bare, result(first["id"], "1"), result("z", "2")]
    parts = encode(ask(*history))["contents"][1]["parts"]
    assert parts[0]["thoughtSignature"] == "ab/+c=="
    assert "__ts__" not in parts[0]["functionCall"]["id"]
    other = sent(DIALECTS["openai_chat"].encode(ask(*history), target("openai")))
    ids = [one["id"] for one in other["messages"][1]["tool_calls"]]
    assert all(len(one) <= 40 and "__ts__" not in one for one in ids)


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content_filter"),
        ("PROHIBITED_CONTENT", "content_filter"),
        ("LANGUAGE", "content_filter"),
        ("OTHER", "content_filter"),
        ("NEW", "stop"),
    ],
)
def test_finish_reasons(word: str, reason: str) -> None:
    answer = decode(body_of({"text": "x"}, finish=word))
    assert answer.body["choices"][0]["finish_reason"] == reason


def test_a_blocked_prompt_is_a_refusal() -> None:
    answer = decode({"promptFeedback": {"blockReason": "SAFETY"}})
    assert answer.body["choices"][0]["finish_reason"] == "content_filter"


def test_an_answer_that_ends_unsaid_for_no_reason_is_broken_off() -> None:
    decoder = DIALECT.decoder(target("google"), {})
    for read in (decode, lambda body: decoder.feed(event(body))):
        with pytest.raises(RoutorError, match="OTHER"):
            read(body_of(finish="OTHER"))


@pytest.mark.parametrize("word", ["MALFORMED_RESPONSE", "MALFORMED_FUNCTION_CALL"])
def test_a_text_that_ends_half_way_is_broken_off(word: str) -> None:
    for body in (body_of({"text": "x"}, finish=word), body_of(finish=word)):
        with pytest.raises(RoutorError, match=word) as caught:
            decode(body)
        assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE
        decoder = DIALECT.decoder(target("google"), {})
        decoder.feed(event(body_of({"text": "a"}, finish=None)))
        with pytest.raises(RoutorError, match=word):
            decoder.feed(event(body))


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"<html>", Kind.PROVIDER_UNAVAILABLE),
        (b"{}", Kind.PROVIDER_UNAVAILABLE),
        (b'{"candidates":[{"content":{"parts":[{"text":"x"}]}}]}', Kind.PROVIDER_UNAVAILABLE),
        (b'{"candidates":[{"finishReason":"MALFORMED_FUNCTION_CALL"}]}', Kind.PROVIDER_UNAVAILABLE),
        (b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]', Kind.PROVIDER_RATE_LIMITED),
    ],
)
def test_nonsense_with_200(content: bytes, kind: Kind) -> None:
    with pytest.raises(RoutorError) as caught:
        DIALECT.decode(content, target("google"))
    assert caught.value.kind is kind


# --- streams ---

STREAM = (
    event(
        body_of({"text": "h", "thought": True}, finish=None, usageMetadata={"promptTokenCount": 5})
    )
    + event(body_of({"text": "Hé"}, finish=None))
    + event(
        body_of(
            {"functionCall": {"name": "f", "args": {"x": 1}}, "thoughtSignature": "s"}, finish=None
        )
    )
    + event(body_of({"functionCall": {"name": "f", "args": {"x": 1}}}, finish=None))
    + event(
        body_of(
            {"text": ""},
            usageMetadata={
                "promptTokenCount": 5,
                "candidatesTokenCount": 2,
                "thoughtsTokenCount": 3,
            },
        )
    )
)


def test_stream() -> None:
    decoder = DIALECT.decoder(target("google"), {})
    chunks, ending = run(decoder, STREAM)
    for body in [*(one.body for one in chunks), *ending.chunks]:
        ChatCompletionChunk.model_validate(body, strict=True)
        assert body["id"] == "r1"
    assert (text(chunks, "reasoning_content"), text(chunks)) == ("h", "Hé")
    calls = tool_calls(chunks)
    assert [one["index"] for one in calls] == [0, 1]
    assert len({one["id"] for one in calls}) == 2
    assert (ending.finish_reason, decoder.finished) == ("tool_calls", True)
    assert (ending.usage.input_tokens, ending.usage.output_tokens) == (5, 5)


@given(st.integers(1, 120))
def test_stream_split_anywhere(size: int) -> None:
    aim = target("google")
    assert run(DIALECT.decoder(aim, {}), STREAM, size) == run(DIALECT.decoder(aim, {}), STREAM)


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", Kind.STREAM_BROKEN),
        (event(body_of({"text": "x"}, finish=None)), Kind.STREAM_BROKEN),
        (event("{oops"), Kind.PROVIDER_UNAVAILABLE),
        (event({"error": {"code": 503, "status": "UNAVAILABLE"}}), Kind.PROVIDER_UNAVAILABLE),
        (b'[{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}]', Kind.PROVIDER_RATE_LIMITED),
    ],
)
def test_broken_streams(data: bytes, kind: Kind) -> None:
    with pytest.raises(RoutorError) as caught:
        run(DIALECT.decoder(target("google"), {}), data)
    assert caught.value.kind is kind


def test_usage_may_follow_the_finish() -> None:
    decoder = DIALECT.decoder(target("google"), {})
    decoder.feed(event(body_of({"text": "x"}, finish=None, usageMetadata={"promptTokenCount": 1})))
    decoder.feed(event(body_of()))
    assert decoder.finished
    decoder.feed(event({"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 9}}))
    assert not decoder.done
    assert decoder.close().usage.output_tokens == 9


def test_a_finish_in_every_event_ends_nothing() -> None:
    decoder = DIALECT.decoder(target("google"), {})
    usage = {"usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 9}}
    chunks = decoder.feed(event(body_of({"text": "He"}, **usage)))
    assert decoder.finished
    chunks += decoder.feed(event(body_of({"text": "llo"}, finish="MAX_TOKENS", **usage)))
    # A break would no longer tell whether more was to come; the end of the stream does.
    assert not decoder.finished
    assert text(chunks) == "Hello"
    assert decoder.close().finish_reason == "length"
    assert decoder.feed(event("[DONE]")) == []
    assert decoder.done


def test_a_blocked_prompt_in_a_stream() -> None:
    data = event({"promptFeedback": {"blockReason": "SAFETY"}, "responseId": "r"})
    _, ending = run(DIALECT.decoder(target("google"), {}), data)
    assert ending.finish_reason == "content_filter"


def test_model_list() -> None:
    assert DIALECT.models(b'{"models":[{"name":"models/a"}]}') == ["a"]
