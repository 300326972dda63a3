"""The free question to a provider: which models have you? Tells reachability and key."""

import asyncio
import time

from routor.v1.providers_pb2 import ProbeResponse
from services.errors import Kind, RoutorError
from services.providers.connections import Connection
from services.providers.dialects import DIALECTS
from services.providers.dialects.contract import Target
from services.providers.transport import Endpoint, Transport, whole

LIST_LIMIT_BYTES = 8 << 20


async def probe(connection: Connection, transport: Transport, timeout_s: float) -> ProbeResponse:
    """Ask for the model list; whatever goes wrong is in the answer, not raised."""
    vendor = connection.vendor
    answer = ProbeResponse(provider=vendor.id)
    if not connection.connected:
        answer.kind = Kind.PROVIDER_AUTH.name
        answer.message = f"{vendor.name} is not connected: set {connection.missing}."
        return answer
    start_s = time.perf_counter()
    try:
        async with asyncio.timeout(timeout_s):
            answer.upstream_models.extend(await _models(connection, transport))
    except TimeoutError:
        answer.kind = Kind.PROVIDER_TIMEOUT.name
        answer.message = f"{vendor.name}: no model list within {timeout_s:g} s."
    except RoutorError as error:
        answer.kind = error.kind.name
        named = error.message if error.provider else f"{vendor.name}: {error.message}."
        answer.message = named
    answer.latency_ms = (time.perf_counter() - start_s) * 1000
    return answer


async def _models(connection: Connection, transport: Transport) -> list[str]:
    vendor = connection.vendor
    dialect = DIALECTS[vendor.dialect]
    headers = {"accept": "application/json", **connection.headers()}
    endpoint = Endpoint(connection.url(vendor.models_path), headers, method="GET")
    reply = await transport.send(endpoint)
    try:
        content = await whole(reply, LIST_LIMIT_BYTES)
        if not 200 <= reply.status < 300:
            target = Target(vendor, upstream_model="", key="")
            raise dialect.error(reply.status, reply.headers, content, target)
        models = dialect.models(content)
    finally:
        reply.close()
    if models is None:
        raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "its model list is no list")
    # An empty one proves that it is there and takes the key: a gateway need not list anything.
    return models
