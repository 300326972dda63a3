"""The real OpenAI package against every OpenAI-style vendor of the sandbox."""

import msgspec
import openai
import pytest

from services.providers.sandbox import environment
from services.providers.sandbox.vendors import VENDORS

STYLED = [vendor.id for vendor in VENDORS.values() if vendor.dialect == "openai_chat"]
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 2}},
            "required": ["city", "days"],
        },
    },
}
CLOCK = {"type": "function", "function": {"name": "clock", "parameters": {"type": "object"}}}


def client(sandbox, provider: str, key: str | None = None) -> openai.AsyncOpenAI:
    variables, vendor = environment(sandbox.base), VENDORS[provider]
    base = variables[vendor.base_url_env] + ("/openai/v1" if provider == "microsoft" else "")
    key = key or variables[vendor.key_env]
    return openai.AsyncOpenAI(base_url=base, api_key=key, max_retries=0, timeout=10)


def calm(provider: str) -> dict:
    """Fields that keep GPT-5.5 from refusing tools."""
    return {"reasoning_effort": "none"} if provider == "openai" else {}


def user(text: str) -> list:
    return [{"role": "user", "content": text}]


async def stream_of(sandbox, provider: str, **fields) -> list:
    stream = await client(sandbox, provider).chat.completions.create(
        model=VENDORS[provider].models[0], stream=True, **fields
    )
    return [chunk async for chunk in stream]


def joined(chunks: list) -> str:
    texts = []
    for chunk in chunks:
        for choice in chunk.choices:
            content = choice.delta.content
            if isinstance(content, list):
                content = "".join(part.get("text", "") for part in content)
            texts.append(content or "")
    return "".join(texts)


@pytest.mark.parametrize("provider", STYLED)
async def test_a_json_answer_says_what_it_is_and_what_it_heard(sandbox, provider):
    model = VENDORS[provider].models[0]
    raw = await client(sandbox, provider).chat.completions.with_raw_response.create(
        model=model, messages=user("tell me of Zürich ☂")
    )
    answer = raw.parse()
    content = answer.choices[0].message.content
    assert f"[sandbox {provider}/{model.removeprefix(provider + '/')}]" in content
    assert "Zürich ☂" in content
    assert answer.choices[0].finish_reason == "stop"
    assert raw.headers["x-routor-sandbox"] == "1"


@pytest.mark.parametrize("provider", STYLED)
async def test_a_stream_carries_the_same_text_in_pieces_and_then_ends(sandbox, provider):
    model, messages = VENDORS[provider].models[0], user("tell me of Zürich ☂ 東京")
    whole = await client(sandbox, provider).chat.completions.create(model=model, messages=messages)
    chunks = await stream_of(sandbox, provider, messages=messages)
    assert joined(chunks) == whole.choices[0].message.content
    spoken = [chunk for chunk in chunks if chunk.choices]
    assert spoken[0].choices[0].delta.role == "assistant"
    assert len(spoken) > 5
    assert [c.choices[0].finish_reason for c in spoken if c.choices[0].finish_reason] == ["stop"]


@pytest.mark.parametrize("provider", STYLED)
@pytest.mark.parametrize("stream", [False, True])
async def test_a_tool_is_called_when_the_text_speaks_of_it_and_its_result_is_quoted(
    sandbox, provider, stream
):
    messages = user("What is the weather in Ulm?")
    fields = {"tools": [CLOCK, WEATHER], "messages": messages, **calm(provider)}
    if stream:
        call = assembled(await stream_of(sandbox, provider, **fields))
    else:
        model = VENDORS[provider].models[0]
        answer = await client(sandbox, provider).chat.completions.create(model=model, **fields)
        assert answer.choices[0].finish_reason == ("" if provider == "xai" else "tool_calls")
        call = answer.choices[0].message.tool_calls[0].model_dump()
    assert call["function"]["name"] == "get_weather"
    arguments = msgspec.json.decode(call["function"]["arguments"])
    assert arguments == {"city": "What is the weather in Ulm?", "days": 2}

    call.pop("index", None)
    turn = {"role": "assistant", "content": "…", "tool_calls": [call]}
    if VENDORS[provider].switch == "type":
        turn["reasoning_content"] = " "
    result = {"role": "tool", "tool_call_id": call["id"], "content": "sunny, 20 °C"}
    later = fields | {"messages": [*messages, turn, result]}
    assert "sunny, 20 °C" in joined(await stream_of(sandbox, provider, **later))


def assembled(chunks: list) -> dict:
    call: dict = {}
    for chunk in chunks:
        for part in (chunk.choices[0].delta.tool_calls or []) if chunk.choices else []:
            if part.id:
                call = {"id": part.id, "type": "function"}
                call["function"] = {"name": part.function.name, "arguments": ""}
            call["function"]["arguments"] += part.function.arguments
    return call


@pytest.mark.parametrize("provider", STYLED)
async def test_a_wrong_key_is_refused_and_the_right_one_lists_the_models(sandbox, provider):
    listed = [model.id async for model in client(sandbox, provider).models.list()]
    assert tuple(listed) == VENDORS[provider].models
    wrong = client(sandbox, provider, key="sk-wrong")
    if provider == "minimax":  # HTTP 200 with an error inside
        raw = await wrong.models.with_raw_response.list()
        assert msgspec.json.decode(raw.text)["base_resp"]["status_code"] == 1004
        return
    with pytest.raises(openai.APIStatusError) as caught:
        await wrong.models.list()
    assert caught.value.status_code == (400 if provider == "xai" else 401)


async def test_required_with_the_word_parallel_calls_every_tool(sandbox):
    answer = await client(sandbox, "xai").chat.completions.create(
        model="grok-4.7",
        messages=user("in parallel, please"),
        tools=[WEATHER, CLOCK],
        tool_choice="required",
    )
    calls = answer.choices[0].message.tool_calls
    assert [call.function.name for call in calls] == ["get_weather", "clock"]
    assert calls[0].id != calls[1].id


async def test_a_call_that_is_asked_for_in_words_is_made(sandbox):
    answer = await client(sandbox, "zai").chat.completions.create(
        model="glm-5.2",
        messages=[*user("Hi"), *user("Answer by calling one of the tools.")],
        tools=[WEATHER, CLOCK],
    )
    assert len(answer.choices[0].message.tool_calls) == 1


async def test_a_named_tool_is_called_and_none_calls_no_tool(sandbox):
    chat = client(sandbox, "openai").chat.completions
    fields = {"model": "gpt-5.4-mini", "messages": user("weather?"), "tools": [WEATHER, CLOCK]}
    named = await chat.create(
        **fields, tool_choice={"type": "function", "function": {"name": "clock"}}
    )
    assert named.choices[0].message.tool_calls[0].function.name == "clock"
    silent = await chat.create(**fields, tool_choice="none")
    assert silent.choices[0].message.tool_calls is None


async def test_token_limit_stop_sequence_and_n_are_kept(sandbox):
    chat = client(sandbox, "openai").chat.completions
    fields = {"model": "gpt-5.4-mini", "messages": user("one STOP two")}
    short = await chat.create(**fields, max_completion_tokens=5)
    assert short.choices[0].finish_reason == "length"
    assert short.usage.completion_tokens == 5
    stopped = await chat.create(**fields, stop="STOP", n=2)
    assert len(stopped.choices) == 2
    assert all(choice.message.content.endswith("one ") for choice in stopped.choices)
    assert stopped.choices[0].message.content != stopped.choices[1].message.content


async def test_the_same_request_gets_the_same_answer(sandbox):
    first, second = [await sandbox.post("openai") for _ in range(2)]
    assert first == second


async def test_usage_comes_in_the_vendors_own_way(sandbox):
    async def counts(provider, **fields):
        _, answer = await sandbox.post(provider, **fields)
        return answer["usage"]

    openai_usage = await counts("openai", reasoning_effort="high")
    assert openai_usage["completion_tokens_details"]["reasoning_tokens"] > 0
    assert (
        openai_usage["total_tokens"]
        == openai_usage["prompt_tokens"] + openai_usage["completion_tokens"]
    )
    xai = await counts("xai")
    hidden = xai["completion_tokens_details"]["reasoning_tokens"]
    assert hidden > 0
    assert xai["total_tokens"] == xai["prompt_tokens"] + xai["completion_tokens"] + hidden
    long = [{"role": "user", "content": "x" * 9000}]
    reply = {"role": "assistant", "content": "y", "reasoning_content": "z"}
    seek = await counts("deepseek", messages=[*long, reply, *user("go on")])
    assert seek["prompt_cache_hit_tokens"] >= 1024
    total = seek["prompt_cache_hit_tokens"] + seek["prompt_cache_miss_tokens"]
    assert total == seek["prompt_tokens"]


async def test_stream_usage_stands_where_the_vendor_puts_it(sandbox):
    asked = {"messages": user("hi"), "stream_options": {"include_usage": True}}
    last = (await stream_of(sandbox, "openai", **asked))[-1]
    assert last.choices == []
    assert last.usage.total_tokens > 0
    assert all(c.usage is None for c in await stream_of(sandbox, "openai", messages=user("hi")))
    for provider in ("mistral", "zai"):
        last = (await stream_of(sandbox, provider, messages=user("hi")))[-1]
        assert last.choices[0].finish_reason == "stop"
        assert last.usage.total_tokens > 0
    last = (await stream_of(sandbox, "moonshot", **asked))[-1]
    assert last.usage is None
    assert last.choices[0].usage["total_tokens"] > 0


async def test_reasoning_stands_where_the_vendor_puts_it(sandbox):
    async def message(provider, **fields):
        _, answer = await sandbox.post(provider, **fields)
        return answer["choices"][0]["message"]

    for provider in ("deepseek", "moonshot", "zai", "xiaomi", "nvidia"):
        assert (await message(provider))["reasoning_content"]
    off = await message("deepseek", thinking={"type": "disabled"})
    assert "reasoning_content" not in off
    assert "reasoning_content" not in await message("alibaba")
    chunks = await stream_of(
        sandbox, "alibaba", messages=user("hi"), extra_body={"enable_thinking": True}
    )
    assert any(getattr(c.choices[0].delta, "reasoning_content", None) for c in chunks if c.choices)
    assert (await message("minimax"))["content"].startswith("<think>\n")
    split = await message("minimax", reasoning_split=True)
    assert split["content"].startswith("[sandbox")
    assert split["reasoning_details"][0]["text"] == split["reasoning_content"]
    parts = await message("mistral", model="mistral-small-2603", reasoning_effort="high")
    assert [part["type"] for part in parts["content"]] == ["thinking", "text"]
    assert parts["content"][0]["thinking"][0]["type"] == "text"


async def test_azure_opens_a_stream_with_filter_results_and_no_choices(sandbox):
    first = (await stream_of(sandbox, "microsoft", messages=user("hi")))[0]
    assert first.choices == []
    assert first.prompt_filter_results


async def test_a_custom_model_is_served_and_an_unknown_one_is_not(sandbox):
    status, answer = await sandbox.post("openai", model="custom-thing", max_tokens=50)
    assert (status, answer["model"]) == (200, "custom-thing")
    status, answer = await sandbox.post("openai", model="gpt-9")
    assert (status, answer["error"]["code"]) == (404, "model_not_found")
