"""Every fault that can be asked for is seen on the wire."""

import asyncio
import errno

import aiohttp
import msgspec
import pytest

from services.providers.sandbox.vendors import VENDORS

DIALECTS = ["openai", "anthropic", "google"]
ENDINGS = {
    "openai": "finish_reason\":\"stop",
    "anthropic": "message_delta",
    "google": "finishReason",
}  # fmt: skip


async def read_until_broken(sandbox, provider: str) -> tuple[str, bool]:
    """Return what of a stream arrived, and whether it ended cleanly."""
    found = b""
    async with sandbox.session.post(**sandbox.request(provider, stream=True)) as answer:
        assert answer.status == 200
        try:
            async for piece in answer.content.iter_any():
                found += piece
        except aiohttp.ClientError:
            return found.decode(errors="replace"), False
    return found.decode(errors="replace"), True


STATUSES = [400, 401, 402, 403, 404, 408, 429, 500, 502, 503, 529]


@pytest.mark.parametrize("provider", VENDORS)
@pytest.mark.parametrize("status", STATUSES)
async def test_any_status_in_the_vendors_shape(sandbox, provider, status):
    await sandbox.fault(provider=provider, kind="status", status=status, times=1)
    got, body = await sandbox.post(provider)
    assert got == status
    assert ("<html>" in str(body)) == (status == 502)
    if status != 502:
        shape = {"xai": "code", "nvidia": "title", "minimax": "base_resp", "mistral": "object"}
        assert shape.get(provider, "error") in body
    if status == 400:
        assert any(word in str(body) for word in ("context", "long", "length", "limit", "token"))
    assert (await sandbox.post(provider))[0] == 200  # once means once


async def test_retry_after_takes_the_vendors_form(sandbox):
    await sandbox.fault(provider="*", kind="status", status=429, retry_after=7)
    async with sandbox.session.post(**sandbox.request("openai")) as answer:
        assert answer.headers["Retry-After"] == "7"
    async with sandbox.session.post(**sandbox.request("google")) as answer:
        assert "Retry-After" not in answer.headers
        details = (await answer.json())["error"]["details"]
    assert details[-1]["retryDelay"] == "7s"
    date = "Wed, 21 Oct 2026 07:28:00 GMT"
    await clear(sandbox)
    await sandbox.fault(provider="mistral", kind="status", status=429, retry_after=date)
    async with sandbox.session.post(**sandbox.request("mistral")) as answer:
        assert answer.headers["Retry-After"] == date


async def clear(sandbox) -> None:
    async with sandbox.session.delete(f"{sandbox.base}/_sandbox/faults") as answer:
        assert answer.status == 204


@pytest.mark.parametrize(
    ("provider", "status", "word"),
    [
        ("openai", 429, "insufficient_quota"),
        ("anthropic", 402, "billing_error"),
        ("google", 429, "limit: 0"),
        ("deepseek", 402, "invalid_request_error"),
        ("zai", 429, "1113"),
        ("minimax", 200, "1008"),
        ("moonshot", 429, "exceeded_current_quota_error"),
        ("alibaba", 400, "Arrearage"),
    ],
)
async def test_out_of_money_in_the_vendors_own_words(sandbox, provider, status, word):
    await sandbox.fault(provider=provider, kind="quota")
    got, body = await sandbox.post(provider)
    assert got == status
    assert word in str(body)


async def test_faults_fit_provider_and_model_and_come_after_the_key(sandbox):
    await sandbox.fault(provider="openai", model="gpt-5.4", kind="status", status=500)
    assert (await sandbox.post("openai", model="gpt-5.4"))[0] == 500
    assert (await sandbox.post("openai"))[0] == 200
    assert (await sandbox.post("mistral"))[0] == 200
    request = sandbox.request("openai", model="gpt-5.4")
    request["headers"] = sandbox.headers("openai", key="wrong")
    async with sandbox.session.post(**request) as answer:
        assert answer.status == 401


async def test_faults_are_listed_cleared_and_checked(sandbox):
    url = f"{sandbox.base}/_sandbox/faults"
    await sandbox.fault(provider="zai", kind="quota", times=2)
    async with sandbox.session.get(url) as answer:
        listed = (await answer.json())["faults"]
    assert [(f["provider"], f["kind"], f["times"]) for f in listed] == [("zai", "quota", 2)]
    await clear(sandbox)
    assert (await sandbox.post("zai"))[0] == 200
    wrong = [{"provider": "zai", "kind": "tired"}, {"provider": "zzz", "kind": "quota"}]
    wrong += [{"kind": "quota"}, {"provider": "zai", "kind": "quota", "times": 0}]
    wrong += [{"provider": "zai", "kind": "quota", "tmes": 1}]
    for fault in wrong:
        async with sandbox.session.post(url, json=fault) as answer:
            assert answer.status == 400
            assert (await answer.json())["error"]


@pytest.mark.parametrize("kind", ["reset", "close"])
async def test_the_connection_dies_without_an_answer(sandbox, kind):
    await sandbox.fault(provider="xai", kind=kind)
    with pytest.raises(aiohttp.ClientError) as caught:
        await sandbox.post("xai")
    assert (getattr(caught.value, "errno", None) == errno.ECONNRESET) == (kind == "reset")
    assert (await sandbox.records("xai"))[0]["disconnected"] is False


async def test_timeout_never_answers_and_sees_the_client_leave(sandbox):
    await sandbox.fault(provider="zai", kind="timeout")
    with pytest.raises(asyncio.TimeoutError):
        await asyncio.wait_for(sandbox.post("zai"), 0.2)
    record = await disconnected(sandbox, "zai")
    assert record["status"] is None


async def disconnected(sandbox, provider: str) -> dict:
    """Ask until the record says that the client left; the test's own limit ends it."""
    while True:
        record = (await sandbox.records(provider))[0]
        if record["disconnected"]:
            return record


async def test_slow_first_byte_answers_in_the_end(sandbox):
    await sandbox.fault(provider="zai", kind="slow_first_byte", delay_s=0.05)
    assert (await sandbox.post("zai"))[0] == 200


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("provider", DIALECTS)
async def test_two_hundred_without_an_answer(sandbox, provider, stream):
    async def told(kind, **fields):
        await clear(sandbox)
        await sandbox.fault(provider=provider, kind=kind, **fields)
        async with sandbox.session.post(**sandbox.request(provider, stream=stream)) as answer:
            assert answer.status == 200
            return (await answer.read()).decode(errors="replace")

    assert await told("empty") == ""
    assert (await told("not_json")).startswith("<!DOCTYPE html>")
    assert await told("not_json", body="%%%") == "%%%"
    assert "error" in await told("error_in_200")
    assert "hello" not in await told("no_choices")
    cut = await told("cut_json")
    assert cut
    if stream:
        assert ENDINGS[provider] not in cut
        assert not cut.endswith("\n")
    else:
        with pytest.raises(msgspec.DecodeError):
            msgspec.json.decode(cut)


async def test_a_redirect_leads_to_another_path_of_the_vendor(sandbox):
    await sandbox.fault(provider="openai", kind="redirect", times=1)
    request = sandbox.request("openai")
    async with sandbox.session.post(**request, allow_redirects=False) as answer:
        assert answer.status == 302
        assert answer.headers["Location"] == "/openai/v1/redirected"
    assert [record["path"] for record in await sandbox.records("openai")] == [
        "/openai/v1/chat/completions"
    ]


async def test_only_the_list_of_models_is_down(sandbox):
    await sandbox.fault(provider="mistral", kind="list_models_down")
    url = f"{sandbox.base}/mistral/v1/models"
    async with sandbox.session.get(url, headers=sandbox.headers("mistral")) as answer:
        assert answer.status == 503
    assert (await sandbox.post("mistral"))[0] == 200


@pytest.mark.parametrize("provider", DIALECTS)
@pytest.mark.parametrize("kind", ["stream_cut", "stream_reset"])
async def test_a_stream_breaks_off(sandbox, provider, kind):
    await sandbox.fault(provider=provider, kind=kind, after_chunks=4)
    text, clean = await read_until_broken(sandbox, provider)
    assert not clean
    assert text.count("data: ") == 4
    assert ENDINGS[provider] not in text


@pytest.mark.parametrize("provider", VENDORS)
async def test_a_stream_ends_cleanly_without_its_ending(sandbox, provider):
    await sandbox.fault(provider=provider, kind="stream_no_finish", times=1)
    text, clean = await read_until_broken(sandbox, provider)
    assert clean
    assert "rld" in text
    for word in ('finish_reason":"', "finishReason", "message_delta", "message_stop", "[DONE]"):
        assert word not in text
    text, _ = await read_until_broken(sandbox, provider)
    words = {"google": "finishReason", "anthropic": "message_stop"}
    assert words.get(provider, "[DONE]") in text


@pytest.mark.parametrize("provider", DIALECTS)
async def test_a_stream_reports_an_error_in_the_vendors_own_event(sandbox, provider):
    await sandbox.fault(provider=provider, kind="stream_error_event", after_chunks=2)
    text, clean = await read_until_broken(sandbox, provider)
    assert clean
    last = text.strip().split("\n\n")[-1]
    assert '"error"' in last
    assert last.startswith("event: error\n") == (provider == "anthropic")
    assert ENDINGS[provider] not in text


async def test_a_malformed_chunk_stands_among_good_ones(sandbox):
    await sandbox.fault(provider="openai", kind="stream_malformed_chunk")
    text, clean = await read_until_broken(sandbox, "openai")
    assert clean
    assert '[{"delta\n\n' in text
    assert "[DONE]" in text


async def test_a_stalled_stream_waits_until_the_client_leaves(sandbox):
    await sandbox.fault(provider="openai", kind="stream_stall", after_chunks=2)
    async with sandbox.session.post(**sandbox.request("openai", stream=True)) as answer:
        found = b""
        while found.count(b"data: ") < 2:
            found += await answer.content.readany()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(answer.content.readany(), 0.1)
        answer.close()
    await disconnected(sandbox, "openai")


async def test_a_client_that_leaves_a_slow_stream_is_noticed(sandbox):
    await sandbox.fault(provider="openai", kind="stream_slow", after_chunks=1, delay_s=0.02)
    async with sandbox.session.post(**sandbox.request("openai", stream=True)) as answer:
        await answer.content.readany()
        answer.close()
    record = await disconnected(sandbox, "openai")
    assert record["done"] is False


async def test_stream_faults_leave_json_answers_alone(sandbox):
    await sandbox.fault(provider="openai", kind="stream_cut", times=1)
    assert (await sandbox.post("openai"))[0] == 200
    _, clean = await read_until_broken(sandbox, "openai")
    assert not clean


async def test_requests_are_recorded_without_keys_and_can_be_forgotten(sandbox):
    await sandbox.post("openai")
    await sandbox.post("anthropic")
    record = (await sandbox.records("openai"))[0]
    assert (record["method"], record["path"]) == ("POST", "/openai/v1/chat/completions")
    assert record["headers"]["authorization"] == "present"
    assert record["body"]["messages"][0]["content"] == "hello wörld"
    assert (record["status"], record["done"], record["disconnected"]) == (200, True, False)
    assert "sandbox-" not in str(await sandbox.records("anthropic"))
    url = f"{sandbox.base}/_sandbox/requests"
    async with sandbox.session.delete(url) as answer:
        assert answer.status == 204
    assert await sandbox.records("openai") == []
