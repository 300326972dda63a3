"""Whatever is sent, the answer is an honest 4xx in OpenAI's shape, and nothing is called."""

import asyncio
import gzip
import zlib

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.edge import chat, document, explain, fields, legacy, schema
from services.errors import Kind, RoutorError
from tests.edge.fakes import AUTO, HELLO, KEY, opened

USER = HELLO[0]
CALL = {"id": "call_1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def user(*parts):
    return {"messages": [{"role": "user", "content": list(parts)}]}


# What is wrong -> the field that the error must name.
WRONG = [
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "Hello"}, "messages"),
    ({"messages": ["Hello"]}, "messages[0]"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [USER, {"role": "robot", "content": "x"}]}, "messages[1].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": []}]}, "messages[0].content"),
    (user("Hello"), "messages[0].content[0]"),
    (user({"text": "x"}), "messages[0].content[0].type"),
    (user({"type": "text", "text": "x"}, {"type": "hologram"}), "messages[0].content[1].type"),
    (user({"type": "text"}), "messages[0].content[0].text"),
    (user({"type": "image_url", "image_url": "https://x"}), "messages[0].content[0].image_url"),
    (
        user({"type": "image_url", "image_url": {"url": "file:///etc/passwd"}}),
        "messages[0].content[0].image_url.url",
    ),
    (user({"type": "file", "file": {}}), "messages[0].content[0].file"),
    (
        {"messages": [{"role": "system", "content": [{"type": "image_url"}]}]},
        "messages[0].content[0].type",
    ),
    ({"messages": [USER, {"role": "assistant"}]}, "messages[1].content"),
    (
        {"messages": [USER, {"role": "assistant", "tool_calls": [{"type": "function"}]}]},
        "messages[1].tool_calls[0].id",
    ),
    ({"messages": [USER, {"role": "tool", "content": "x"}]}, "messages[1].tool_call_id"),
    (
        {"messages": [USER, {"role": "tool", "content": "x", "tool_call_id": "nobody"}]},
        "messages[1].tool_call_id",
    ),
    ({"model": 7}, "model"),
    ({"model": ...}, "model"),
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"stream": "yes"}, "stream"),
    ({"stream": 1}, "stream"),
    ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
    ({"n": 0}, "n"),
    ({"n": 129}, "n"),
    ({"n": 1.5}, "n"),
    ({"temperature": -0.1}, "temperature"),
    ({"temperature": 2.1}, "temperature"),
    ({"temperature": "1"}, "temperature"),
    ({"temperature": True}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"max_completion_tokens": -1}, "max_completion_tokens"),
    ({"stop": 7}, "stop"),
    ({"stop": ["a", "b", "c", "d", "e"]}, "stop"),
    ({"stop": ["a", 7]}, "stop[1]"),
    ({"presence_penalty": 3}, "presence_penalty"),
    ({"top_logprobs": 21}, "top_logprobs"),
    ({"top_logprobs": 2}, "top_logprobs"),
    ({"modalities": ["video"]}, "modalities[0]"),
    ({"audio": {"voice": "alloy"}}, "audio.format"),
    ({"prediction": {"type": "content"}}, "prediction.content"),
    ({"prediction": {"type": "guess", "content": "x"}}, "prediction.type"),
    ({"reasoning_effort": "enormous"}, "reasoning_effort"),
    ({"response_format": {"type": "xml"}}, "response_format.type"),
    ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"tools": {}}, "tools"),
    ({"tools": [{"type": "function"}]}, "tools[0].function"),
    ({"tools": [TOOL, {"type": "magic"}]}, "tools[1].type"),
    ({"tools": [{"type": "function", "function": {"name": "a b"}}]}, "tools[0].function.name"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": "sometimes"}, "tool_choice"),
    (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "g"}}},
        "tool_choice.function.name",
    ),
    ({"functions": {}}, "functions"),
    ({"functions": []}, "functions"),
    ({"functions": [{"name": "f"}, {"name": "a b"}]}, "functions[1].name"),
    ({"functions": [{"name": "f"}], "tools": [TOOL]}, "functions"),
    ({"functions": [{"name": "f"}], "function_call": "required"}, "function_call"),
    ({"functions": [{"name": "f"}], "function_call": {"name": "g"}}, "function_call.name"),
    ({"function_call": "auto"}, "function_call"),
    ({"messages": [USER, {"role": "function", "name": "f", "content": "1"}]}, "messages[1].name"),
    (
        {
            "messages": [
                USER,
                {"role": "assistant", "content": None, "function_call": {"name": "f"}},
                {"role": "function", "name": "f", "content": "1"},
            ]
        },
        "messages[1].function_call.arguments",
    ),
    (
        {
            "messages": [
                USER,
                {
                    "role": "assistant",
                    "content": None,
                    "function_call": {"name": "f", "arguments": "{}"},
                },
                {"role": "function", "name": "f", "content": ["1"]},
            ]
        },
        "messages[2].content",
    ),
    ({"metadata": {"a": 1}}, "metadata[...]"),
    ({"routor_profile": "no name"}, "routor_profile"),
    ({"routor_profile": "tier"}, "routor_tier"),
    ({"routor_profile": "direct"}, "model"),
    ({"routor_tier": "HUGE"}, "routor_tier"),
    ({"routor_tier": 3}, "routor_tier"),
    ({"routor_tier_floor": "COMPLEX", "routor_tier_ceiling": "NANO"}, "routor_tier_floor"),
    ({"routor_max_cost": 0}, "routor_max_cost"),
    ({"routor_max_cost": "1"}, "routor_max_cost"),
    ({"routor_quality_weight": 1.01}, "routor_quality_weight"),
    ({"routor_bfcl_min": -0.1}, "routor_bfcl_min"),
    ({"routor_code_quality": 3}, "routor_code_quality"),
    ({"routor_chat_quality": 0.5}, "routor_chat_quality"),
    ({"routor_max_latency_ms": -1}, "routor_max_latency_ms"),
    ({"routor_providers": ["openai"]}, "routor_providers"),
    ({"routor_providers": {"only": "openai"}}, "routor_providers.only"),
    ({"routor_providers": {"never": []}}, "routor_providers"),
    ({"routor_session": "x" * 257}, "routor_session"),
    ({"routor_teir": "NANO"}, "routor_teir"),
]


@pytest.mark.parametrize(("change", "param"), WRONG, ids=[str(change)[:60] for change, _ in WRONG])
def test_a_faulty_field_is_named(change, param):
    body = {name: value for name, value in {**AUTO, **change}.items() if value is not ...}
    with pytest.raises(RoutorError) as caught:
        chat.parse(msgspec.json.encode(body))
    assert caught.value.kind.rule.http == 400
    assert caught.value.param == param
    assert caught.value.message.startswith((param, "There is no field"))


def test_a_misspelt_field_is_shown_its_near_match():
    with pytest.raises(RoutorError, match="did you mean routor_tier_floor"):
        fields.take({"routor_tier_flor": "NANO"})


def test_errors_do_not_repeat_what_was_sent():
    body = {**AUTO, "messages": [{"role": "my secret", "content": "x"}]}
    with pytest.raises(RoutorError) as caught:
        chat.parse(msgspec.json.encode(body))
    assert "my secret" not in caught.value.message


RIGHT = [
    {"temperature": 0, "top_p": 1, "n": 2, "stop": ["a", "b", "c", "d"], "seed": -5},
    {"stop": None, "temperature": None, "tools": None, "functions": None},
    {"prediction": {"type": "content", "content": "x"}, "logprobs": True, "top_logprobs": 2},
    {"modalities": ["text", "audio"], "audio": {"voice": {"id": "v"}, "format": "wav"}},
    {"messages": [{"role": "developer", "content": "x"}, USER]},
    {"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}]},
    {"messages": [USER, {"role": "assistant", "content": None, "refusal": "no"}, USER]},
    {
        "messages": [
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "tool_call_id": "call_1", "content": "42"},
        ],
        "tools": [TOOL],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
    },
    user(
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "HTTPS://example.org/a.png", "detail": "low"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "video_url", "video_url": {"url": "https://example.org/a.mp4"}},
    ),
    {"response_format": {"type": "json_schema", "json_schema": {"name": "a", "schema": {}}}},
    {"some_future_field": {"nested": [1, 2]}, "metadata": {"a": "b"}},
    {"messages": [{"role": "user", "content": 'tricky: "a\\": 1, \\\\" {:} \u0000 \U0001f600'}]},
]


@pytest.mark.parametrize("change", RIGHT, ids=[str(change)[:60] for change in RIGHT])
def test_what_openai_takes_is_taken(change):
    raw = msgspec.json.encode({**AUTO, **change})
    forwarded = msgspec.json.decode(chat.parse(raw).body)
    assert forwarded == {
        name: value for name, value in {**AUTO, **change}.items() if value is not None
    }


@pytest.mark.parametrize(
    "name", ["api_base", "base_url", "api_key", "litellm_params", "LiteLLM_x", "mock_response"]
)
def test_fields_that_name_a_host_are_dropped(name):
    call = chat.parse(msgspec.json.encode({**AUTO, name: "http://evil.example"}))
    assert msgspec.json.decode(call.body) == AUTO
    assert call.dropped == (name,)


def test_tool_fields_without_tools_are_not_forwarded():
    raw = msgspec.json.encode(
        {**AUTO, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    )
    assert msgspec.json.decode(chat.parse(raw).body) == AUTO


NOT_JSON = {
    "empty": b"",
    "cut": b'{"model": "auto", "messages": [',
    "text": b"hello",
    "array": b"[]",
    "number": b"7",
    "null": b"null",
    "NaN": b'{"temperature": NaN}',
    "Infinity": b'{"temperature": Infinity}',
    "out of range": b'{"temperature": 1e999}',
    "huge integer": b'{"seed": 1' + b"0" * 5000 + b"}",
    "beyond 64 bits": b'{"seed": 18446744073709551616}',
    "trailing": b"{} x",
    "twice": b'{"model": "auto", "model": "gpt-5.5"}',
    "twice, deeper": b'{"metadata": {"a": "\\"", "a": ":"}}',
    "twice, escaped": b'{"n": 1, "\\u006e": 2}',
    "twice, a colon escaped": b'{"n": 1, "n": 1, "user": "\\u003a"}',
    "twice, otherwise as msgspec writes it": b'{"n":1,"user":"x","user":"x"}',
    "twice, with a number as nobody writes it": b'{"n":1,"n":1,"top_p":1e-0}',
    "deep": b'{"a":' * 101 + b"1" + b"}" * 101,
    "very deep": b"[" * 100_000,
    "invalid UTF-8": b'{"model": "\xff"}',
    "UTF-16": '{"model": "auto"}'.encode("utf-16"),
    "lone surrogate": b'{"model": "\\ud800"}',
    "encoded surrogate": b'{"model": "\xed\xa0\x80"}',
    "raw control character": b'{"model": "a\nb"}',
    "NUL": b"\x00",
}


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_a_body_that_is_no_sound_json_is_400(house, raw):
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/chat/completions", "/v1/routing/debug"):
        answer = await house.client.post(path, content=raw, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not house.router.requests


@pytest.mark.parametrize(
    "extra",
    [
        b'"user": "\\u003a\\u003A \\"a\\": \\\\"',
        b'"top_p": 1e-0, "x": [1.50, 1E2]',
        b'"\\u0078": "\\u00e9\\/"',
        '"ключ": "é"'.encode(),
        b'\n\t"x" :\r\n{ }',
    ],
)
def test_sound_json_may_be_written_in_any_way(extra):
    raw = b'{"model": "auto", "messages": [{"role": "user", "content": "Hello"}], ' + extra + b"}"
    assert chat.parse(raw).body == raw


@pytest.mark.parametrize(
    "model",
    [
        *("a\r\nX-Evil: 1", "a\x00b", "x" * 10_000, "mödel", " ", "google/a?key=1", "google/a#b"),
        *("../../etc/passwd", "google/../../v1/files", "google/..", "google/%2e%2e", "{{7*7}}"),
    ],
)
async def test_a_model_name_that_can_be_none_is_404(house, model):
    answer = await house.chat(model=model)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
    assert "X-Evil" not in answer.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "unheard-of"},
    ],
)
async def test_only_json_is_taken(house, headers):
    content = gzip.compress(msgspec.json.encode(AUTO))
    answer = await house.client.post("/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


PACKED = {
    "gzip": gzip.compress(msgspec.json.encode(AUTO)),
    "x-gzip": gzip.compress(msgspec.json.encode(AUTO)),
    "deflate": zlib.compress(msgspec.json.encode(AUTO)),
    "identity": msgspec.json.encode(AUTO),
}


@pytest.mark.parametrize("coding", PACKED)
async def test_a_body_may_be_compressed(house, coding):
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = await house.client.post(
        "/v1/chat/completions", content=PACKED[coding], headers=headers
    )
    assert answer.status_code == 200
    assert msgspec.json.decode(house.providers.requests[0].body) == AUTO


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", PACKED["gzip"][:-4], PACKED["gzip"] + b"x", PACKED["gzip"] * 2, PACKED["deflate"]],
)
async def test_a_body_that_is_not_compressed_as_it_says_is_400(house, content):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await house.client.post("/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_small_body_that_unpacks_into_a_large_one_is_413():
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with opened(body_limit_mb=1) as small:
        for size, status in (((1 << 20) + 1, 413), (1 << 28, 413), (1 << 20, 400)):
            content = gzip.compress(b" " * size)
            answer = await small.client.post(
                "/v1/chat/completions", content=content, headers=headers
            )
            assert answer.status_code == status


async def test_a_byte_order_mark_is_passed_over(house):
    content = b"\xef\xbb\xbf" + msgspec.json.encode(AUTO)
    answer = await house.client.post("/v1/chat/completions", content=content)
    assert answer.status_code == 200
    assert house.providers.requests[0].body == msgspec.json.encode(AUTO)


async def test_a_missing_content_type_is_taken(house):
    content = msgspec.json.encode(AUTO)
    answer = await house.client.post("/v1/chat/completions", content=content)
    assert answer.status_code == 200


async def test_a_body_over_the_limit_is_413():
    async with opened(body_limit_mb=1) as small:
        headers = {"Content-Type": "application/json"}
        pieces = (b"x" * 65536 for _ in range(20))

        async def chunked():
            for piece in pieces:
                yield piece

        for content in (b"x" * (1 << 20 | 1), chunked()):
            answer = await small.client.post(
                "/v1/chat/completions", content=content, headers=headers
            )
            assert answer.status_code == 413
            assert answer.json()["error"]["code"] == "request_too_large"
        fitting = msgspec.json.encode({**AUTO, "user": ""})
        padded = fitting.replace(
            b'"user":""', b'"user":"' + b"x" * ((1 << 20) - len(fitting)) + b'"'
        )
        assert len(padded) == 1 << 20
        answer = await small.client.post("/v1/chat/completions", content=padded, headers=headers)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "messages"),
        ("/v1/chat/completions", "tools"),
        ("/v1/responses", "input"),
        ("/v1/messages", "messages"),
        ("/v1/messages/count_tokens", "messages"),
        ("/v1/routing/debug", "messages"),
    ],
)
async def test_more_messages_than_can_be_read_at_once_are_400_naming_them(house, path, name):
    body = {**AUTO, "max_tokens": 9, name: [USER] * (document.MOST_ELEMENTS + 1)}
    answer = await house.client.post(path, json=body)
    assert answer.status_code == 400
    assert f"{name}: must have 10,000 elements at most" in answer.text
    assert not house.router.requests


async def test_as_many_messages_as_may_be_are_answered(house):
    assert (await house.chat(messages=[USER] * document.MOST_ELEMENTS)).status_code == 200


async def test_parts_beyond_measure_are_400(house):
    part = {"type": "text", "text": "x"}
    answer = await house.chat(**user(*[part] * (document.MOST_CONTAINERS + 1)))
    assert answer.status_code == 400
    assert "100,000" in answer.json()["error"]["message"]


MANY = document.MOST_VALUES + 1
NEVER_READ = {
    "numbers": b"[%b1]" % (b"1234," * MANY),
    "texts": b'[%b""]' % (b'"ab",' * MANY),
    "texts of escapes": b'[%b""]' % (b'"\\\\",' * MANY),
    "names": b"{%b}" % b",".join(b'"%d":1' % number for number in range(MANY)),
    "a name again and again": b"{%b}" % b",".join([b'"a":1'] * MANY),
    "lists in lists": b"[%b[]]" % (b"[[[[]]]]," * (MANY // 2)),
    "numbers that are slow to read": b"[%b1]" % (b"1.2345678901234567e-300," * 50_000),
}


@pytest.mark.parametrize("value", NEVER_READ.values(), ids=NEVER_READ.keys())
def test_more_values_than_can_be_read_at_once_are_refused_unread(value, monkeypatch):
    body = b'{"model": "auto", "messages": [], "metadata": %b}' % value
    monkeypatch.setattr(document, "_decode", lambda raw: pytest.fail("it was read"))
    with pytest.raises(RoutorError, match="320,000 values") as refused:
        chat.parse(body)
    assert refused.value.kind is Kind.INVALID_REQUEST


def test_values_in_arguments_are_counted_too():
    call = {"name": "f", "arguments": "[%s1]" % ("1234," * MANY)}
    past = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": call}]}
    with pytest.raises(RoutorError, match="320,000 values"):
        chat.parse(msgspec.json.encode({"model": "auto", "messages": [USER, past]}))


@pytest.mark.parametrize("mark", ["1,", "[{", "e-3, ", '\\",', ":"])
async def test_as_many_in_a_text_are_answered(house, mark):
    answer = await house.chat(messages=[{"role": "user", "content": mark * MANY}])
    assert answer.status_code == 200


async def test_more_fields_than_anybody_knows_are_400(house):
    answer = await house.chat(**{f"field_{number}": 1 for number in range(10_001)})
    assert answer.status_code == 400
    assert "10,000 fields" in answer.json()["error"]["message"]


async def test_a_body_that_never_comes_is_400():
    async with opened(body_timeout_s=0.2) as hasty:
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.edge.port)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n"
        writer.write(head.encode() + b"Content-Length: 100\r\n\r\n{")
        assert b" 400 " in await reader.readline()
        writer.close()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
KNOWN = sorted(
    {
        *legacy.NAMES,
        *fields.NAMES,
        *schema.ChatRequest.__struct_fields__,
        *explain.Short.__struct_fields__,
    }
)
NAMES = ["role", "content", "type", "text", "tool_calls", "function", "function_call", "name"]
WORDS = st.sampled_from(["user", "assistant", "tool", "text", "function", "auto", "role", "x"])
NEAR = st.recursive(
    WORDS | st.integers(-1, 3) | st.none() | st.booleans(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(NAMES),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)
BODIES = st.dictionaries(st.sampled_from(KNOWN), JSON | NEAR, max_size=6)


# A busy machine is no fault of the code.
patient = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@patient
@given(BODIES, st.booleans(), st.sampled_from([chat.parse, explain.parse]))
def test_any_json_is_understood_or_refused(body, with_messages, parse):
    if with_messages:
        body = {**body, "messages": HELLO}
    try:
        raw = msgspec.json.encode(body)
    except OverflowError:
        return
    try:
        call = parse(raw)
    except RoutorError as error:
        assert error.kind in (Kind.INVALID_REQUEST, Kind.UNKNOWN_MODEL, Kind.UNSUPPORTED_PARAMETER)
        assert error.message
    else:
        asked = call.to_route("req_1")
        assert asked.messages
        assert asked.SerializeToString()
        assert not any(name.startswith("routor_") for name in msgspec.json.decode(call.body))


@patient
@given(st.binary())
def test_any_bytes_are_refused_or_understood(raw):
    with pytest.raises(RoutorError):
        chat.parse(raw)
