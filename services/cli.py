"""The command line: `routor up|serve|route|models|providers|keys`."""

import argparse
import asyncio
import os
import runpy
import sys
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import grpc
import redis.asyncio as redis

from routor.v1 import providers_pb2, router_pb2, status_pb2, types_pb2
from routor.v1.providers_pb2_grpc import ProvidersServiceStub
from routor.v1.router_pb2_grpc import RouterServiceStub
from routor.v1.status_pb2_grpc import StatusServiceStub
from services import local, rpc, store
from services.edge import keys
from services.errors import Kind, RoutorError
from services.router import command

TIMEOUT_S = 5.0
TIERS = [name.removeprefix("TIER_") for name in types_pb2.Tier.keys()[1:]]
SERVICES = ("edge", "router", "providers", "health")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    options = _parser().parse_args(arguments)
    run: Callable[[argparse.Namespace], int | Coroutine[Any, Any, int]] = options.run
    try:
        result = run(options)
        return result if isinstance(result, int) else asyncio.run(result)
    except RoutorError as error:
        print(f"routor: {error.message}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="routor", description="Routor: one request in, the right model."
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    commands.add_parser("up", help="start everything on this machine").set_defaults(run=_up)
    serve = commands.add_parser("serve", help="run one service in the foreground")
    serve.add_argument("service", choices=SERVICES)
    serve.set_defaults(run=_serve)
    route = commands.add_parser("route", help="show the decision for a prompt; calls no provider")
    route.add_argument("prompt")
    route.add_argument("--tier-floor", choices=TIERS)
    route.set_defaults(run=_route)
    commands.add_parser("models", help="list the models that can be called").set_defaults(
        run=_models
    )
    commands.add_parser("providers", help="show how the providers are").set_defaults(run=_providers)
    keyed = commands.add_parser("keys", help="create, list and revoke API keys (needs REDIS_URL)")
    actions = keyed.add_subparsers(required=True, metavar="action")
    create = actions.add_parser("create")
    create.add_argument("name")
    create.set_defaults(run=_create_key)
    actions.add_parser("list").set_defaults(run=_list_keys)
    revoke = actions.add_parser("revoke")
    revoke.add_argument("preview", help="the key, or its preview as `routor keys list` shows it")
    revoke.set_defaults(run=_revoke_key)
    command.register(commands)
    return parser


def _up(_: argparse.Namespace) -> int:
    return local.up()


def _serve(options: argparse.Namespace) -> int:
    runpy.run_module(f"services.{options.service}", run_name="__main__")
    return 0


def _environ() -> dict[str, str]:
    """Return the environment over what a running `routor up` has noted down."""
    return {**local.noted(os.environ), **os.environ}


async def _ask(service: str, port: int, stub: Any, method: str, request: Any) -> Any:
    environ = _environ()
    address = environ.get(f"ROUTOR_{service.upper()}_ADDRESS", f"127.0.0.1:{port}")
    token = environ.get("ROUTOR_INTERNAL_TOKEN", "") if service == "providers" else ""
    async with rpc.channel(address) as channel:
        call = getattr(stub(channel), method)
        try:
            return await call(request, timeout=TIMEOUT_S, metadata=rpc.metadata(token))
        except grpc.aio.AioRpcError as failure:
            raise rpc.error_of(failure, service) from None


async def _router(method: str, request: Any) -> Any:
    return await _ask("router", 50051, RouterServiceStub, method, request)


async def _route(options: argparse.Namespace) -> int:
    message = router_pb2.Message(role=router_pb2.ROLE_USER, text=options.prompt)
    request = router_pb2.RouteRequest(messages=[message])
    if options.tier_floor:
        request.preferences.tier_floor = types_pb2.Tier.Value(f"TIER_{options.tier_floor}")
    answer = await _router("Explain", router_pb2.ExplainRequest(request=request))
    decision = answer.decision
    tier = types_pb2.Tier.Name(decision.tier).removeprefix("TIER_")
    category = types_pb2.Category.Name(decision.category).removeprefix("CATEGORY_").lower()
    print(f"{tier}  {category}  confidence {decision.confidence:.2f}  {decision.reasoning}")
    print(f"cost ${decision.cost_usd:.6f}  saves {decision.savings:.1%} against Claude Opus 4.8\n")
    print("   value  quality   saving       cost  model")
    for candidate in answer.candidates[:12]:
        member = candidate.member
        place = candidate.chain_position or " "
        print(
            f"{place:>2} {candidate.value:.3f}    {candidate.quality:.3f}   {candidate.saving:6.3f}"
            f"  ${candidate.cost_usd:.6f}  {member.model} {member.effort}"
        )
    return 0


async def _models(_: argparse.Namespace) -> int:
    answer = await _router("ListModels", router_pb2.ListModelsRequest())
    print(f"{'model':36} {'$/M in':>8} {'$/M out':>8} {'context':>9}  status")
    for model in answer.models:
        status = model.status if model.connected else "not connected"
        state = status if model.lifecycle == "active" else f"{status}, {model.lifecycle}"
        print(
            f"{model.id:36} {model.price.input:8.3f} {model.price.output:8.3f}"
            f" {model.context_window:9,}  {state}"
        )
    return 0


async def _providers(_: argparse.Namespace) -> int:
    listed = await _ask(
        "providers",
        50052,
        ProvidersServiceStub,
        "ListProviders",
        providers_pb2.ListProvidersRequest(),
    )
    told = await _ask(
        "health", 50053, StatusServiceStub, "GetStatus", status_pb2.GetStatusRequest()
    )
    states = {state.provider: state for state in told.status.providers}
    for provider in listed.providers:
        state = states.get(provider.id, status_pb2.ProviderStatus())
        health = status_pb2.Health.Name(state.health).removeprefix("HEALTH_").lower()
        health = health if provider.connected else "not connected"
        rate = f"{state.success_rate:.1%} of {state.samples}" if state.samples else ""
        print(f"{provider.id:12} {health:14} {rate:16} {provider.base_url}  {state.reason}")
    return 0


def _redis() -> "redis.Redis":
    url = _environ().get("REDIS_URL")
    if not url:
        raise RoutorError(Kind.INVALID_REQUEST, "Set REDIS_URL, or start `routor up` first.")
    return store.connect(url)


async def _create_key(options: argparse.Namespace) -> int:
    async with _redis() as client:
        print(await keys.create(client, options.name))
    print("Keep it: it is not shown again.", file=sys.stderr)
    return 0


async def _list_keys(_: argparse.Namespace) -> int:
    async with _redis() as client:
        for record in await keys.list_keys(client):
            created = datetime.fromtimestamp(record.created_at_s, UTC)
            print(f"{record.preview:22} {created:%Y-%m-%d %H:%M}  {record.name}")
    return 0


async def _revoke_key(options: argparse.Namespace) -> int:
    async with _redis() as client:
        if not await keys.revoke(client, options.preview):
            raise RoutorError(Kind.NOT_FOUND, f"No key {options.preview[:18]}…")
    return 0
