"""Whatever stands in the fields, they are understood or refused: an honest 4xx that names one."""

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.edge import chat, explain, fields, legacy, schema
from services.errors import Kind, RoutorError
from tests.edge.fakes import AUTO, HELLO

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
    *(
        (
            user({"type": "image_url", "image_url": {"url": url}}),
            "messages[0].content[0].image_url.url",
        )
        for url in ("data:", "data:image/png,AAAA", "data:image/png;base64,", "data:base64,AAAA")
    ),
    (user({"type": "file", "file": {}}), "messages[0].content[0].file"),
    (
        user({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "xyz"}}),
        "messages[0].content[0].input_audio.format",
    ),
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
    ({"metadata": {"a": "x", "b": 1}}, "metadata.b"),
    ({"metadata": {"a": "x" * 513}}, "metadata.a"),
    ({"metadata": {"a" * 65: "x"}}, "metadata"),
    ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
    ({"logit_bias": {"5": 1, "50256": 101}}, "logit_bias.50256"),
    ({"service_tier": "gold"}, "service_tier"),
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


def test_no_stop_sequences_are_as_good_as_none():
    call = chat.parse(
        msgspec.json.encode({**AUTO, **user({"type": "text", "text": "x"}), "stop": []})
    )
    assert "stop" not in msgspec.json.decode(call.body)
    assert call.request.stop is None
    assert call.dropped == ()


def test_a_sound_is_of_a_format_that_somebody_takes():
    part = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "xyz"}}
    with pytest.raises(RoutorError, match="wav, mp3"):
        chat.parse(msgspec.json.encode({**AUTO, **user(part)}))
    part["input_audio"]["format"] = "flac"
    assert chat.parse(msgspec.json.encode({**AUTO, **user(part)}))


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
    {"messages": [USER, {"role": "assistant", "content": None, "thinking_blocks": [{}]}, USER]},
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
        {"type": "image_url", "image_url": {"url": "DATA:;name=a%2Cb.png; BASE64,\nAAAA"}},
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


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prediction", {"type": "content", "content": "x"}),
        ("web_search_options", {"search_context_size": "low"}),
        ("audio", {"voice": "alloy", "format": "mp3"}),
    ],
)
def test_hosts_inside_what_is_passed_on_are_dropped(name, value):
    odd = {**value, "api_base": "http://evil.example"}
    call = chat.parse(msgspec.json.encode({**AUTO, name: odd}))
    assert msgspec.json.decode(call.body) == {**AUTO, name: value}
    assert call.dropped == (f"{name}.api_base",)


def test_hosts_are_dropped_at_any_depth():
    told = {"user_location": {"approximate": {"city": "Bonn", "headers": {"Host": "x"}}}}
    call = chat.parse(msgspec.json.encode({**AUTO, "web_search_options": told}))
    kept = {"user_location": {"approximate": {"city": "Bonn"}}}
    assert msgspec.json.decode(call.body)["web_search_options"] == kept
    assert call.dropped == ("web_search_options.user_location.approximate.headers",)


def test_options_of_a_stream_are_named_where_there_is_none():
    options = {"stream_options": {"include_usage": True}}
    call = chat.parse(msgspec.json.encode({**AUTO, **options}))
    assert msgspec.json.decode(call.body) == AUTO
    assert call.dropped == ("stream_options",)
    streamed = {**AUTO, **options, "stream": True}
    call = chat.parse(msgspec.json.encode(streamed))
    assert (msgspec.json.decode(call.body), call.dropped) == (streamed, ())


@pytest.mark.parametrize("tools", [{}, {"tools": []}])
def test_a_wrong_type_is_refused_although_there_are_no_tools(tools):
    with pytest.raises(RoutorError) as caught:
        chat.parse(msgspec.json.encode({**AUTO, **tools, "parallel_tool_calls": "x"}))
    assert caught.value.param == "parallel_tool_calls"


def test_tool_fields_without_tools_are_not_forwarded():
    raw = msgspec.json.encode(
        {**AUTO, "tools": [], "tool_choice": "auto", "parallel_tool_calls": True}
    )
    assert msgspec.json.decode(chat.parse(raw).body) == AUTO


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
