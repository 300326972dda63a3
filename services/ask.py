"""The commands that ask a running Routor: its router, its providers, its keys."""

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import grpc
import msgspec
import redis.asyncio as redis

from routor.v1 import providers_pb2, router_pb2, status_pb2, types_pb2
from routor.v1.providers_pb2_grpc import ProvidersServiceStub
from routor.v1.router_pb2_grpc import RouterServiceStub
from routor.v1.status_pb2_grpc import StatusServiceStub
from services import local, rpc, store
from services.edge import document, keys, profiles, terms
from services.edge.terms import FREE, Terms
from services.errors import Kind, RoutorError
from services.settings import SettingsError, read
from services.tls import TlsSettings

TIMEOUT_S = 5.0


def run(options: argparse.Namespace) -> int:
    """Run the command that `options.asked` names; return its exit code."""
    try:
        asyncio.run(COMMANDS[options.asked](options))
        sys.stdout.flush()
    except RoutorError as error:
        print(f"routor: {error.message}", file=sys.stderr)
        return 1
    except SettingsError as fault:
        print(f"routor: {fault}", file=sys.stderr)
        return 1
    except redis.RedisError as failure:
        print(f"routor: Redis does not answer: {failure}", file=sys.stderr)
        return 1
    except BrokenPipeError:
        # Whoever reads has read enough (`routor models | head`); nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def _environ() -> dict[str, str]:
    """Return the environment over what a running `routor up` has noted down."""
    return {**local.noted(os.environ), **os.environ}


async def _ask(service: str, port: int, stub: Any, method: str, request: Any) -> Any:
    environ = _environ()
    address = environ.get(f"ROUTOR_{service.upper()}_ADDRESS", f"127.0.0.1:{port}")
    token = environ.get("ROUTOR_INTERNAL_TOKEN", "") if service == "providers" else ""
    async with rpc.channel(address, read(TlsSettings, environ).trusted()) as channel:
        call = getattr(stub(channel), method)
        try:
            return await call(request, timeout=TIMEOUT_S, metadata=rpc.metadata(token))
        except grpc.aio.AioRpcError as failure:
            error = rpc.error_of(failure, service)
            if error.kind is Kind.OVERLOADED:
                text = f"The {service} service did not answer at {address}; run `routor up` first."
                raise RoutorError(Kind.OVERLOADED, text) from None
            raise error from None


async def _router(method: str, request: Any) -> Any:
    return await _ask("router", 50051, RouterServiceStub, method, request)


async def _route(options: argparse.Namespace) -> None:
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


async def _models(_: argparse.Namespace) -> None:
    answer = await _router("ListModels", router_pb2.ListModelsRequest())
    print(f"{'model':36} {'$/M in':>8} {'$/M out':>8} {'context':>9}  status")
    for model in answer.models:
        status = model.status if model.connected else "not connected"
        state = status if model.lifecycle == "active" else f"{status}, {model.lifecycle}"
        print(
            f"{model.id:36} {model.price.input:8.3f} {model.price.output:8.3f}"
            f" {model.context_window:9,}  {state}"
        )


async def _providers(_: argparse.Namespace) -> None:
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


def _redis() -> "redis.Redis":
    url = _environ().get("REDIS_URL")
    if not url:
        raise RoutorError(Kind.INVALID_REQUEST, "Set REDIS_URL, or start `routor up` first.")
    try:
        return store.connect(url)
    except ValueError as fault:
        raise RoutorError(Kind.INVALID_REQUEST, f"REDIS_URL: {fault}.") from None


async def _create_key(options: argparse.Namespace) -> None:
    given = {name: getattr(options, name) for name in Terms.__struct_fields__}
    limits = document.convert(
        {name: value for name, value in given.items() if value is not None}, Terms
    )
    terms.check(limits)
    async with _redis() as client:
        if limits.profile and limits.profile not in await profiles.list_profiles(client):
            raise RoutorError(Kind.INVALID_REQUEST, f"There is no profile {limits.profile}.")
        key, _ = await keys.create(client, options.name, limits)
    print(key)
    print("Keep it: it is not shown again.", file=sys.stderr)


async def _list_keys(_: argparse.Namespace) -> None:
    async with _redis() as client:
        for record in await keys.list_keys(client):
            created = datetime.fromtimestamp(record.created_at_s, UTC)
            limits = msgspec.json.encode(record.terms).decode() if record.terms != FREE else ""
            print(f"{record.preview:22} {created:%Y-%m-%d %H:%M}  {record.name}  {limits}".rstrip())


async def _revoke_key(options: argparse.Namespace) -> None:
    async with _redis() as client:
        if not await keys.revoke(client, options.preview):
            raise RoutorError(Kind.NOT_FOUND, f"No key {options.preview[:18]}…")


COMMANDS: dict[str, Callable[[argparse.Namespace], Coroutine[Any, Any, None]]] = {
    "route": _route,
    "models": _models,
    "providers": _providers,
    "create_key": _create_key,
    "list_keys": _list_keys,
    "revoke_key": _revoke_key,
}
