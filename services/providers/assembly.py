"""The parts of the service, put together."""

import time
from collections.abc import Mapping
from dataclasses import dataclass

import redis.asyncio as redis

from services import telemetry
from services.catalog import Catalog
from services.providers.attempt import Caller
from services.providers.breaker import Breakers
from services.providers.connections import connections
from services.providers.dispatch import Dispatcher
from services.providers.lag import Lag
from services.providers.record import Recorder
from services.providers.server import ProvidersServicer
from services.providers.settings import ProvidersSettings
from services.providers.transport import HttpTransport

SERVICE = "routor.v1.ProvidersService"


@dataclass(frozen=True)
class Assembly:
    """One providers service before it listens."""

    servicer: ProvidersServicer
    breakers: Breakers
    dispatcher: Dispatcher
    recorder: Recorder
    lag: Lag
    transport: HttpTransport


def assemble(
    settings: ProvidersSettings,
    catalog: Catalog,
    environ: Mapping[str, str],
    client: "redis.Redis | None" = None,
) -> Assembly:
    """Build the service; `client` is the Redis that takes the attempts, if any."""
    known = connections(catalog, environ)
    transport = HttpTransport(
        connect_timeout_s=settings.connect_timeout_s,
        max_connections=settings.max_connections,
        keepalive_s=settings.keepalive_s,
        environ=environ,
    )
    caller = Caller(
        transport,
        answer_limit_bytes=settings.answer_limit_mb << 20,
        clock=time.monotonic,
        wall=time.time,
    )
    breakers = Breakers(time.monotonic, time.time, moved=telemetry.breaker_moved)
    recorder = Recorder(client, settings.record_queue)
    lag = Lag()
    dispatcher = Dispatcher(
        known,
        catalog,
        caller,
        breakers,
        recorder,
        settings=settings,
        clock=time.monotonic,
        wall=time.time,
        busy=lambda: lag.busy,
    )
    servicer = ProvidersServicer(dispatcher, known, transport, settings, time.monotonic)
    return Assembly(servicer, breakers, dispatcher, recorder, lag, transport)
