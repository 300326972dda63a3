"""What outages cost: how often the dead are called, and what steers around limits in time."""

import grpc
import pytest

from routor.v1.status_pb2 import HEALTH_DOWN, ProviderStatus, Status
from services import rpc, telemetry
from services.providers.sandbox import environment
from tests.providers.conftest import CHAIN, members, read_request, request, running

WIDE = (*CHAIN, "google/gemini-3.5-flash", "mistral/mistral-small-4", "zai/glm-5.2")


async def attempts_of(service, chain=CHAIN):
    """Make one request; return its attempts, whether it was answered or not."""
    try:
        return list((await service.complete(request(chain=members(*chain)))).served.attempts)
    except grpc.aio.AioRpcError as failure:
        return list(rpc.error_of(failure, "providers").attempts)


async def test_a_total_outage_is_not_multiplied(service, sandbox):
    await sandbox.fault("*", "status", status=503)
    calls = [len(await attempts_of(service, WIDE)) for _ in range(60)]
    assert sum(calls) / len(calls) <= 3.0
    assert sum(calls[40:]) / 20 <= 1.5


@pytest.mark.parametrize(("fault", "facts"), [("status", {"status": 500}), ("reset", {})])
async def test_a_dead_provider_is_touched_by_a_few_requests(service, sandbox, fault, facts):
    await sandbox.fault("openai", fault, **facts)
    opened = telemetry.breaker_transitions.bind({"name": "openai", "state": "open"})
    before = opened.value
    ended = [await attempts_of(service) for _ in range(40)]
    assert opened.value >= before + 1
    assert all(not attempts[-1].kind for attempts in ended)
    assert sum(len(attempts) == 2 for attempts in ended) <= 5


async def test_a_retry_at_a_model_that_is_well_is_always_afforded(service, sandbox):
    budget = service.parts.servicer._dispatcher._budget
    while budget.affords(0.0):
        budget.spend()
    budget.affords = lambda now_s: False
    await sandbox.fault("openai", "status", status=500, times=1)
    assert [a.kind for a in await attempts_of(service)] == ["PROVIDER_UNAVAILABLE", ""]


async def test_an_empty_budget_ends_doubtful_retries(service, sandbox):
    service.parts.servicer._dispatcher._budget.affords = lambda now_s: False
    await sandbox.fault("*", "status", status=500, times=2)
    assert len(await attempts_of(service)) == 2
    # Both are in doubt now: the first call is made, its retry is not.
    await sandbox.fault("openai", "status", status=500, times=1)
    assert [a.kind for a in await attempts_of(service)] == ["PROVIDER_UNAVAILABLE"]


ANSWER = (
    b'{"id":"x","object":"chat.completion","model":"m","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"Hi"}}],"usage":{"prompt_tokens":1,"completion_tokens":1}}'
)


async def test_a_model_short_of_its_limit_is_left_before_it_refuses(sandbox, hostile):
    async def talk(reader, writer):
        await read_request(reader)
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\n"
            b"X-RateLimit-Limit-Requests: 60\r\nX-RateLimit-Remaining-Requests: 0\r\n"
            b"X-RateLimit-Reset-Requests: 40s\r\ncontent-length: %d\r\n\r\n%b"
            % (len(ANSWER), ANSWER)
        )
        await writer.drain()

    environ = {**environment(sandbox.base), "OPENAI_BASE_URL": await hostile(talk)}
    async with running(environ) as service:
        [first] = await attempts_of(service)
        assert (first.model, first.spare_s) == (CHAIN[0], 40.0)
        [second] = await attempts_of(service)
        assert (second.model, second.kind) == (CHAIN[1], "")
        # Who insists on it is served.
        [insisted] = await attempts_of(service, CHAIN[:1])
        assert (insisted.model, insisted.kind) == (CHAIN[0], "")


REFUSALS = {
    "PROVIDER_AUTH": {"status": 401},
    "PROVIDER_QUOTA": {"status": 402},
    "PROVIDER_RATE_LIMITED": {"status": 429},
}


@pytest.mark.parametrize("kind", REFUSALS)
async def test_who_has_no_substitute_is_asked_again_and_is_back_at_once(service, sandbox, kind):
    await sandbox.fault("openai", "status", **REFUSALS[kind])
    for _ in range(3):
        [refused] = await attempts_of(service, CHAIN[:1])
        assert (refused.kind, refused.http_status) == (kind, REFUSALS[kind]["status"])
    await sandbox.heal()
    [answered] = await attempts_of(service, CHAIN[:1])
    assert answered.kind == ""


async def test_who_says_when_to_come_back_is_left_alone_until_then(service, sandbox):
    await sandbox.fault("openai", "status", status=429, retry_after=30)
    assert len(await attempts_of(service, CHAIN[:1])) == 1
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.complete(request(chain=members(*CHAIN[:1])))
    error = rpc.error_of(caught.value, "providers")
    assert (error.kind.name, error.attempts) == ("PROVIDER_RATE_LIMITED", ())
    assert 29 <= error.retry_after_s <= 30


async def test_a_model_named_alone_is_called_whatever_limit_its_sibling_met(service, sandbox):
    await sandbox.fault("openai", "status", status=429, retry_after=30, model="gpt-5.4-mini")
    assert len(await attempts_of(service, CHAIN[:1])) == 1
    [answered] = await attempts_of(service, ["openai/gpt-5.5"])
    assert answered.kind == ""


async def test_a_wrong_key_is_used_once_until_a_probe_is_answered(service, sandbox):
    await sandbox.fault("openai", "status", status=401)
    ended = [await attempts_of(service) for _ in range(20)]
    assert [len(attempts) for attempts in ended] == [2] + [1] * 19
    await sandbox.heal()
    breakers = service.parts.breakers
    down = ProviderStatus(provider="openai", health=HEALTH_DOWN, refused=True)
    breakers.obey(Status(providers=[down]))
    assert [a.model for a in await attempts_of(service)] == [CHAIN[1]]
    known = ProviderStatus(provider="openai", answered_at_s=ended[0][0].ended_at_s + 1)
    breakers.obey(Status(providers=[known]))
    assert [a.model for a in await attempts_of(service)] == [CHAIN[0]]
