"""No secret and no prompt is in any log, error or store; no field of a caller moves a request."""

import asyncio
import json
import urllib.error
import urllib.request

import pytest

from tests.system.harness import Up, Vendors, free_port

ADMIN = "adminmarker5f1c"
INTERNAL = "internalmarker77aa"
PROMPT = "promptmarker90d3"
WRONG = "sk-routor-wrongmarker41e0"


@pytest.fixture(scope="module")
def vendors():
    running = Vendors()
    yield running
    running.stop()


def call(up, method, path, key, body=None, raw=None):
    request = urllib.request.Request(
        f"{up.url}{path}",
        method=method,
        data=raw if raw is not None else None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, str(answer.headers), answer.read().decode()
    except urllib.error.HTTPError as refused:
        return refused.code, str(refused.headers), refused.read().decode()


def chat(text=PROMPT, **fields):
    return {"model": "auto", "messages": [{"role": "user", "content": text}], **fields}


def test_no_secret_is_told_anywhere(vendors, tmp_path):
    bought = {value for name, value in vendors.environ().items() if "KEY" in name}
    environ = {
        **vendors.environ(),
        "ROUTOR_ADMIN_KEY": ADMIN,
        "ROUTOR_INTERNAL_TOKEN": INTERNAL,
        "ROUTOR_EDGE_ACCESS_LOG": "1",
    }
    up = Up(tmp_path, environ)
    told = []
    try:
        status, _, made = call(up, "POST", "/admin/keys", ADMIN, {"name": "a", "budget_usd": 1})
        assert status == 201
        key = json.loads(made)["key"]
        for fields in ({}, {"stream": True}, {"model": "openai/gpt-5.5"}):
            told.append(call(up, "POST", "/v1/chat/completions", key, chat(**fields)))
        told += [
            call(up, "POST", "/v1/chat/completions", WRONG, chat()),
            call(up, "POST", "/v1/chat/completions", key, raw=f'{{"{PROMPT}": "{key}"'.encode()),
            call(up, "POST", "/v1/chat/completions", key, chat(model="no/such")),
            call(up, "POST", "/v1/routing/debug", key, {"prompt": "x"}),
            call(up, "GET", "/admin/keys", ADMIN),
            call(up, "GET", "/admin/providers", ADMIN),
            call(up, "POST", "/admin/providers/reset", ADMIN),
            call(up, "DELETE", f"/admin/keys/{WRONG}", ADMIN),
            call(up, "GET", "/metrics", ""),
        ]
        for status in (401, 500):
            for provider in ("openai", "anthropic"):
                vendors.fault(provider, kind="status", status=status)
            told.append(call(up, "POST", "/v1/chat/completions", key, chat(model="gpt-5.5")))
            vendors.heal()
        for service in ("router", "edge"):
            up.kill(service)
    finally:
        vendors.heal()
        up.stop()
    assert [status for status, *_ in told[:3]] == [200, 200, 200], told[:3]
    secrets = {ADMIN, INTERNAL, WRONG, key, *bought}
    answers = "".join(head + body for _, head, body in told)
    assert not [secret for secret in secrets if secret in answers]
    logs = "".join(path.read_text() for path in (tmp_path / "logs").glob("*.log"))
    assert '"route":"/v1/chat/completions"' in logs.replace('": "', '":"')
    assert not [secret for secret in {*secrets, PROMPT} if secret in logs]
    stored = b"".join(
        path.read_bytes() for path in (tmp_path / "redis").rglob("*") if path.is_file()
    )
    assert b"{routor:keys}:all" in stored
    assert not [secret for secret in {*secrets, PROMPT} if secret.encode() in stored]


HOSTS = (
    *("api_base", "base_url", "api_key", "custom_host", "host", "url", "endpoint", "proxy"),
    *("azure_endpoint", "webhook_url", "x-portkey-custom-host", "callback_url", "organization"),
)


def test_no_field_says_where_a_request_goes(vendors, tmp_path):
    """A trap listens where every such field points, at every depth; nobody may come."""
    caught = []

    async def trap(reader, writer):
        caught.append(await reader.read(1000))
        writer.close()

    async def run():
        port = free_port()
        server = await asyncio.start_server(trap, "127.0.0.1", port)
        there = f"http://127.0.0.1:{port}/v1"
        evil = dict.fromkeys(HOSTS, there)
        bodies = [
            chat(**evil),
            chat(extra_body=evil, litellm_params=evil, user_config={"model_list": [evil]}),
            chat(metadata=dict.fromkeys(HOSTS[:10], there)),
            {"model": "auto", "messages": [{"role": "user", "content": "x", **evil}]},
            chat(tools=[{"type": "function", "function": {"name": "f", **evil}, **evil}]),
            chat(model=f"openai/{there}"),
            chat(routor_providers={"only": [there]}),
        ]
        up = await asyncio.to_thread(Up, tmp_path, vendors.environ())
        try:
            for body in bodies:
                for path in ("/v1/chat/completions", "/v1/messages", "/v1/responses"):
                    given = {**body, "max_tokens": 50} if "messages" in path else body
                    status, _, text = await asyncio.to_thread(call, up, "POST", path, up.key, given)
                    assert status != 500, (path, given, text)
            status, _, told = await asyncio.to_thread(
                call, up, "POST", "/v1/chat/completions", up.key, chat(**evil)
            )
            assert (status, there in told) == (200, False)
        finally:
            await asyncio.to_thread(up.stop)
            server.close()

    asyncio.run(run())
    assert caught == []
