"""Every model of the catalog, asked in every common way, over the sandbox's strict imitations."""

from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import TestServer

from services import catalog
from services.errors import Kind, RoutorError
from services.providers.dialects import chosen
from services.providers.dialects.contract import Encoded, Target
from services.providers.sandbox.app import application
from services.providers.sandbox.vendors import VENDORS as IMITATIONS
from services.providers.vendors import VENDORS
from services.providers.vendors.address import address, headers
from tests.providers.dialects.targets import ask, called, result, run, tool, user

SCHEMA = {
    "type": "json_schema",
    "json_schema": {"name": "n", "schema": {"type": "object", "properties": {}}},
}
HISTORY = (
    {"role": "developer", "content": "s"},
    user([{"type": "text", "text": "a"}]),
    called(("toolu_01", "f", ""), ("toolu_02", "g", '{"x":1}')),
    {**result("toolu_02", "2"), "name": "g"},
    result("toolu_01", "1"),
    {**user("and?"), "name": "bob"},
)
TOOLS = [tool("f", strict=True), tool("g")]
REQUESTS = {
    "sampling": ask(user("hi"), max_tokens=3000, temperature=0, top_p=0.9, seed=1, user="u"),
    "no share": ask(user("hi"), top_p=0),
    "history": ask(*HISTORY, tools=TOOLS),
    "thinking history": ask(*HISTORY, tools=TOOLS, reasoning_effort="high", temperature=0.3),
    "required": ask(user("hi"), tools=TOOLS, tool_choice="required"),
    "schema": ask(user("hi"), response_format=SCHEMA),
    "schema with effort": ask(
        user("hi"), response_format=SCHEMA, reasoning_effort="high", max_tokens=9000
    ),
    "anthropic's thinking": ask(
        user("hi"), thinking={"type": "enabled", "budget_tokens": 2000}, max_tokens=9000
    ),
    "anthropic's newer thinking": ask(user("hi"), thinking={"type": "adaptive"}, max_tokens=9000),
    "stop": ask(user("hi"), stop=["END"]),
    "effort none": ask(user("hi"), reasoning_effort="none", temperature=0),
    "effort max": ask(user("hi"), reasoning_effort="max", max_completion_tokens=5000),
}
# Refused before anything is sent, because the catalog says that the model lacks it.
MAY_REFUSE = {"required": "tool_choice", "schema": "response_format", "stop": "stop"}
MAY_REFUSE["schema with effort"] = MAY_REFUSE["schema"]


def encoded(name: str, body: dict[str, Any], target: Target) -> Encoded | None:
    try:
        dialect, target, body = chosen(target, body)
        return dialect.encode(body, target)
    except RoutorError as error:
        assert error.kind is Kind.UNSUPPORTED_PARAMETER, (target.key, name, error)
        assert error.param == MAY_REFUSE.get(name), (target.key, name, error)
        return None


@pytest.mark.parametrize("provider", sorted(VENDORS))
async def test_no_model_refuses_what_is_sent(provider: str) -> None:
    vendor = VENDORS[provider]
    models = [one for one in catalog.read().models.values() if one.provider == provider]
    sent = 0
    async with TestServer(application()) as server, aiohttp.ClientSession() as session:
        base = str(server.make_url(IMITATIONS[provider].prefix))
        for model in (one for one in models if one.callable):
            target = Target(vendor, model.upstream, model.key, model)
            for name, body in REQUESTS.items():
                if "tools" in body and not model.tools:
                    continue
                request = {**body, "stream": sent % 2 == 1}
                made = encoded(name, request, target)
                if made is None:
                    continue
                url = address(vendor, base, made.path)
                key = headers(vendor, IMITATIONS[provider].key)
                async with session.post(url, data=made.body, headers=key) as reply:
                    content = await reply.read()
                assert reply.status == 200, (model.key, name, content)
                if request["stream"]:
                    assert run(chosen(target, body)[0].decoder(target, body), content, 50)
                else:
                    assert chosen(target, body)[0].decode(content, target).body["choices"]
                sent += 1
    assert sent
