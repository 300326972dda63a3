from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from services.providers.sandbox.app import application
from services.providers.sandbox.vendors import VENDORS

BODY_OPENAI = {"messages": [{"role": "user", "content": "hello wörld"}]}


class Sandbox:
    """A running sandbox and a session to it."""

    def __init__(self, base: str, session: aiohttp.ClientSession) -> None:
        self.base = base
        self.session = session

    def request(self, provider: str, *, stream: bool = False, **fields):
        """A request of the vendor's dialect that it accepts: method arguments for aiohttp."""
        vendor = VENDORS[provider]
        model = fields.pop("model", vendor.models[0])
        url, headers = self.base + vendor.prefix, self.headers(provider)
        if vendor.dialect == "google_generate":
            verb = "streamGenerateContent?alt=sse" if stream else "generateContent"
            body = {"contents": [{"role": "user", "parts": [{"text": "hello wörld"}]}]}
            return {"url": f"{url}/v1beta/models/{model}:{verb}", "json": body | fields,
                    "headers": headers}  # fmt: skip
        body = {"model": model, **BODY_OPENAI, "stream": stream}
        if vendor.dialect == "anthropic_messages":
            body["max_tokens"] = 500
            return {"url": f"{url}/v1/messages", "json": body | fields, "headers": headers}
        return {"url": f"{url}/chat/completions", "json": body | fields, "headers": headers}

    def headers(self, provider: str, key: str | None = None) -> dict[str, str]:
        key = VENDORS[provider].key if key is None else key
        match provider:
            case "anthropic":
                return {"x-api-key": key, "anthropic-version": "2023-06-01"}
            case "google":
                return {"x-goog-api-key": key}
            case "microsoft":
                return {"api-key": key}
        return {"authorization": f"Bearer {key}"}

    async def post(self, provider: str, *, stream: bool = False, **fields):
        """Return the status and the body, parsed when it is JSON."""
        async with self.session.post(**self.request(provider, stream=stream, **fields)) as answer:
            if answer.content_type == "application/json":
                return answer.status, await answer.json()
            return answer.status, await answer.text()

    async def fault(self, **fields) -> None:
        async with self.session.post(f"{self.base}/_sandbox/faults", json=fields) as answer:
            assert answer.status == 201, await answer.text()

    async def records(self, provider: str) -> list[dict]:
        url = f"{self.base}/_sandbox/requests?provider={provider}"
        async with self.session.get(url) as answer:
            return (await answer.json())["requests"]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    runner = web.AppRunner(
        application(), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session:
        yield Sandbox(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
    await runner.cleanup()
