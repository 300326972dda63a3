"""What the live APIs refuse is refused here, in the vendor's own words and shape."""

import pytest

from services.providers.sandbox.vendors import VENDORS

USER = {"role": "user", "content": "hi"}
TOOL = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}
CLAUDE_TOOL = {"name": "clock", "input_schema": {"type": "object"}}


def tool_turn(identity: str, **extra) -> list:
    call = {"id": identity, "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    turn = {"role": "assistant", "content": "", "tool_calls": [call], **extra}
    return [USER, turn, {"role": "tool", "tool_call_id": identity, "content": "12:00"}]


@pytest.mark.parametrize(
    ("provider", "status", "pick"),
    [
        ("openai", 401, lambda b: b["error"]["code"] == "invalid_api_key"),
        ("anthropic", 401, lambda b: b["error"]["type"] == "authentication_error"),
        ("google", 400, lambda b: b["error"]["details"][0]["reason"] == "API_KEY_INVALID"),
        ("deepseek", 401, lambda b: b["error"]["type"] == "authentication_error"),
        ("xai", 400, lambda b: "API key" in b["error"] and isinstance(b["code"], str)),
        ("nvidia", 401, lambda b: {"status", "title", "detail"} == b.keys()),
        ("moonshot", 401, lambda b: b["error"]["type"] == "invalid_authentication_error"),
        ("minimax", 200, lambda b: b["base_resp"]["status_code"] == 1004),
        ("zai", 401, lambda b: b["error"]["code"] == "1000"),
        ("alibaba", 401, lambda b: b["error"]["code"] == "invalid_api_key" and b["request_id"]),
        ("mistral", 401, lambda b: b["object"] == "error" and "error" not in b),
        ("microsoft", 401, lambda b: b["error"]["code"] == "401"),
        ("xiaomi", 401, lambda b: b["error"]["code"] == "401"),
    ],
)
async def test_a_wrong_key_gets_the_vendors_own_error(sandbox, provider, status, pick):
    request = sandbox.request(provider)
    request["headers"] = sandbox.headers(provider, key="wrong")
    async with sandbox.session.post(**request) as answer:
        assert answer.status == status
        assert answer.headers["x-routor-sandbox"] == "1"
        assert pick(await answer.json())


@pytest.mark.parametrize("provider", VENDORS)
async def test_no_key_and_an_unknown_model_are_refused(sandbox, provider):
    request = sandbox.request(provider)
    request["headers"] = {}
    async with sandbox.session.post(**request) as answer:
        assert answer.status in ({200} if provider == "minimax" else {401, 403})
    status, body = await sandbox.post(provider, model="no-such-model")
    assert status == 404
    assert "no-such-model" in str(body)


THINKING_OFF = {"thinking": {"type": "disabled"}}
REFUSED = [
    ("openai", {"max_tokens": 9}, "max_tokens"),
    ("openai", {"temperature": 0}, "temperature"),
    ("openai", {"top_p": 0.5}, "top_p"),
    ("openai", {"tools": [TOOL]}, "reasoning_effort"),
    ("openai", {"reasoning_effort": "minimal"}, "reasoning_effort"),
    ("openai", {"routor_tier": "LIGHT"}, "routor_tier"),
    ("openai", {"stream_options": {}}, "stream_options"),
    ("openai", {"messages": tool_turn("a")[:2]}, "tool_calls"),
    ("openai", {"messages": [USER, tool_turn("a")[2]]}, "tool_calls"),
    ("openai", {"messages": [{"role": "user", "content": None}]}, "content"),
    ("openai", {"messages": []}, "messages"),
    ("xai", {"stop": ["x"]}, "stop"),
    ("xai", {"model": "grok-4.20", "reasoning_effort": "low"}, "reasoningEffort"),
    ("xai", {"messages": [{**USER, "name": "Bo"}]}, "name"),
    ("moonshot", {"temperature": 0.5}, "only 1 is allowed"),
    ("moonshot", {"n": 2}, "n"),
    ("moonshot", {"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ("moonshot", {"messages": tool_turn("a")}, "reasoning_content"),
    ("deepseek", {"messages": [USER, {"role": "assistant", "content": "x"}, USER]}, "reasoning"),
    ("xiaomi", {"messages": tool_turn("a")}, "reasoning_content"),
    ("xiaomi", {"messages": tool_turn("a", reasoning_content=" ", content=None)}, "text"),
    ("deepseek", {"response_format": {"type": "json_schema"}}, "response_format"),
    ("zai", {"tools": [TOOL], "tool_choice": "required"}, "tool_choice"),
    ("zai", {"messages": [{"role": "system", "content": "x"}]}, "user"),
    ("alibaba", {"enable_thinking": True, "tools": [TOOL], "tool_choice": "required"}, "thinking"),
    ("alibaba", {"enable_thinking": True, "response_format": {"type": "json_object"}}, "Json mode"),
    ("zai", {"thinking": {"type": "adaptive"}}, "thinking.type"),
    ("openai", {"messages": [*tool_turn("a")[:2], {**tool_turn("a")[2], "name": "f"}]}, "name"),
    ("mistral", {"messages": tool_turn("call_0123456789")}, "length of 9"),
    ("mistral", {"reasoning_effort": "low"}, "reasoning_effort"),
]


@pytest.mark.parametrize(("provider", "fields", "word"), REFUSED)
async def test_openai_style_vendors_refuse(sandbox, provider, fields, word):
    status, body = await sandbox.post(provider, **fields)
    assert status == 400
    assert word in str(body)


@pytest.mark.parametrize(
    ("provider", "fields"),
    [
        ("openai", {"max_completion_tokens": 9, "temperature": 1}),
        ("openai", {"reasoning_effort": "none", "temperature": 0, "tools": [TOOL]}),
        ("openai", {"model": "gpt-5.4", "temperature": 0, "tools": [TOOL]}),
        ("moonshot", {"messages": tool_turn("a", reasoning_content=" ")}),
        ("deepseek", {"messages": tool_turn("a"), **THINKING_OFF}),
        ("mistral", {"messages": tool_turn("abcDEF123"), "random_seed": 1}),
        ("alibaba", {"tools": [TOOL], "tool_choice": "required"}),
    ],
)
async def test_what_the_vendor_takes_is_taken(sandbox, provider, fields):
    status, body = await sandbox.post(provider, **fields)
    assert status == 200, body


@pytest.mark.parametrize("provider", ["deepseek", "xai", "moonshot", "zai", "alibaba", "xiaomi"])
async def test_the_developer_role_is_refused(sandbox, provider):
    status, body = await sandbox.post(
        provider, messages=[{"role": "developer", "content": "x"}, USER]
    )
    assert status == 400
    assert "developer" in str(body)


async def test_minimax_refuses_inside_http_200(sandbox):
    for fields in ({"n": 2}, {"temperature": 1.5}, {"temperature": 0}):
        status, body = await sandbox.post("minimax", **fields)
        assert (status, body["base_resp"]["status_code"]) == (200, 2013)


async def test_mistral_names_unknown_fields_in_a_detail_list(sandbox):
    status, body = await sandbox.post("mistral", seed=1)
    assert (status, body["detail"][0]["loc"]) == (422, ["body", "seed"])
    status, body = await sandbox.post("mistral", messages=[{**USER, "name": "Bo"}])
    assert (status, body["detail"][0]["loc"]) == (422, ["body", "messages", 0, "user", "name"])
    content = [{"type": "text", "text": "a", "x": 1}]
    status, body = await sandbox.post("mistral", messages=[{"role": "user", "content": content}])
    assert (status, body["detail"][0]["loc"]) == (422, ["body", "messages", 0, "content", 0, "x"])


def use(identity="toolu_1") -> dict:
    block = {"type": "tool_use", "id": identity, "name": "clock", "input": {}}
    return {"role": "assistant", "content": [block]}


def result(identity="toolu_1") -> dict:
    block = {"type": "tool_result", "tool_use_id": identity, "content": "12:00"}
    return {"role": "user", "content": [block]}


FORGED = {"type": "thinking", "thinking": "hm", "signature": "forged"}
ANTHROPIC = [
    ({"max_tokens": None}, "max_tokens"),
    ({"messages": [USER, USER]}, "alternate"),
    ({"messages": [{"role": "assistant", "content": "x"}, USER]}, "alternate"),
    ({"messages": [{"role": "system", "content": "x"}]}, "role"),
    (
        {"model": "claude-sonnet-4-6", "messages": [USER, {"role": "system", "content": "x"}]},
        "not supported on this model",
    ),
    ({"messages": [USER, {"role": "system", "content": "x"}, USER]}, "alternate"),
    ({"messages": [{"role": "user", "content": " "}]}, "non-empty"),
    ({"messages": [{"role": "user", "content": []}]}, "non-empty"),
    ({"system": [{"type": "text", "text": ""}]}, "non-empty"),
    ({"messages": [USER, use("functions.clock:0"), result("functions.clock:0")]}, "match"),
    ({"messages": [result()]}, "tool_use_id"),
    ({"messages": [USER, use(), USER]}, "without `tool_result`"),
    ({"messages": [USER, use(), result("toolu_2")]}, "tool_use_id"),
    ({"messages": [USER, {"role": "assistant", "content": [FORGED]}, USER]}, "signature"),
    ({"messages": [USER, {"role": "assistant", "content": "{"}]}, "prefill"),
    ({"temperature": 1}, "temperature"),
    ({"model": "claude-haiku-4-5", "temperature": 1.5}, "temperature"),
    ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "adaptive"),
    ({"model": "claude-haiku-4-5", "thinking": {"type": "adaptive"}}, "adaptive"),
    ({"model": "claude-haiku-4-5", "output_config": {"effort": "low"}}, "effort"),
    (
        {"model": "claude-sonnet-4-6", "thinking": {"type": "enabled", "budget_tokens": 500}},
        "budget_tokens",
    ),
    ({"tool_choice": {"type": "any"}}, "tools"),
    ({"tools": [{"name": "a b", "input_schema": {"type": "object"}}]}, "name"),
    ({"tools": [{"name": "ab"}]}, "input_schema"),
    ({"frequency_penalty": 1}, "frequency_penalty"),
]


@pytest.mark.parametrize(("fields", "word"), ANTHROPIC)
async def test_anthropic_refuses(sandbox, fields, word):
    status, body = await sandbox.post("anthropic", **fields)
    assert status == 400
    assert (body["type"], body["error"]["type"]) == ("error", "invalid_request_error")
    assert word in body["error"]["message"]


async def test_anthropic_takes_well_formed_turns_and_wants_a_version(sandbox):
    turns = [USER, use(), result()]
    status, body = await sandbox.post("anthropic", messages=turns, tools=[CLAUDE_TOOL])
    assert status == 200, body
    fields = {"model": "claude-haiku-4-5", "temperature": 0}
    assert (await sandbox.post("anthropic", **fields))[0] == 200
    request = sandbox.request("anthropic", **fields)
    for version in ("2026-10-21", ""):
        request["headers"]["anthropic-version"] = version
        async with sandbox.session.post(**request) as answer:
            assert answer.status == 400


def declared(**fields) -> dict:
    return {"tools": [{"functionDeclarations": [{"name": "clock", **fields}]}]}


LOOSE = {"type": "object", "additionalProperties": False, "$defs": {}}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {}}}]}
SAID = {"role": "user", "parts": [{"text": "hi"}]}
GOOGLE = [
    (declared(parameters=LOOSE), "Unknown name"),
    (declared(parameters={"type": ["string", "null"]}), "type"),
    (declared(parameters={"type": "object"}, parametersJsonSchema={}), "one form"),
    ({"messages": []}, "Unknown name"),
    ({"contents": []}, "contents"),
    ({"contents": [{"role": "assistant", "parts": [{"text": "x"}]}]}, "valid role"),
    ({"contents": [{"role": "user", "parts": []}]}, "parts"),
    ({"contents": [SAID, CALL, SAID]}, "thought_signature"),
    ({"generationConfig": {"max_tokens": 4}}, "Unknown name"),
    ({"generationConfig": {"responseJsonSchema": {}}}, "application/json"),
    ({"generationConfig": {"temperature": 3}}, "temperature"),
    (
        {
            "model": "gemini-3.1-pro-preview",
            "generationConfig": {"thinkingConfig": {"thinkingLevel": "minimal"}},
        },
        "MINIMAL",
    ),
    ({"toolConfig": {"functionCallingConfig": {"allowedFunctionNames": ["f"]}}}, "ANY"),
]


@pytest.mark.parametrize(("fields", "word"), GOOGLE)
async def test_google_refuses(sandbox, fields, word):
    status, body = await sandbox.post("google", **fields)
    assert (status, body["error"]["code"]) == (400, 400)
    assert body["error"]["status"] == "INVALID_ARGUMENT"
    assert word in body["error"]["message"]


async def test_google_takes_any_schema_as_json_schema(sandbox):
    status, body = await sandbox.post("google", **declared(parametersJsonSchema=LOOSE))
    assert status == 200, body


@pytest.mark.parametrize("provider", VENDORS)
async def test_broken_bodies_and_unknown_paths_are_refused_not_crashed_on(sandbox, provider):
    request = sandbox.request(provider)
    for body in (b"{", b"[]", b'{"model": 1}'):
        raw = {k: v for k, v in request.items() if k != "json"}
        async with sandbox.session.post(**raw, data=body) as answer:
            assert answer.status == (200 if provider == "minimax" else 400)
            assert "choices" not in await answer.json() or provider == "minimax"
    status, _ = await sandbox.post(provider, tools=[3], messages=[USER], contents=[3])
    assert status != 500
    url = sandbox.base + VENDORS[provider].prefix + "/nowhere"
    async with sandbox.session.get(url, headers=sandbox.headers(provider)) as answer:
        assert answer.status == 404
