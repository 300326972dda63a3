"""Probes: asks the providers service whom it knows and, for free, whether they answer.

A probe is the vendor's list of models and costs no token: probes that ask for a completion
have cost real money elsewhere (BerriAI/litellm#13668, seen 2026-11).
"""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import grpc

from routor.v1.providers_pb2 import ListProvidersRequest, ProbeRequest, ProbeResponse
from services import rpc
from services.catalog import Catalog, Model
from services.errors import Kind
from services.health.judge import Judge
from services.health.listing import missing

if TYPE_CHECKING:
    from routor.v1.providers_pb2_grpc import ProvidersServiceAsyncStub

logger = logging.getLogger(__name__)

TICK_S = 0.25
LIST_TIMEOUT_S = 2.0
# Failures of our own say nothing about the provider.
OURS = frozenset({Kind.INTERNAL, Kind.CANCELLED, Kind.OVERLOADED, Kind.INVALID_REQUEST})


@dataclass(frozen=True)
class Access:
    """The providers service: its stub, the token it asks for, and how long we wait for it."""

    stub: "ProvidersServiceAsyncStub"
    token: str = ""
    list_every_s: float = 5.0
    probe_timeout_s: float = 15.0


class Prober:
    """Keeps the judge's list of providers fresh and runs the probes that are due.

    `changed` is called when the judge has heard something new.
    """

    def __init__(
        self,
        access: Access,
        judge: Judge,
        catalog: Catalog,
        clock: Callable[[], float],
        changed: Callable[[], None],
    ) -> None:
        self.listed = False  # the providers service has answered at least once
        self._access = access
        self._judge = judge
        self._clock = clock
        self._changed = changed
        self._list_at_s = float("-inf")
        self._reachable = True
        self._running: set[str] = set()
        self._models: dict[str, list[Model]] = {}
        for model in catalog.models.values():
            self._models.setdefault(model.provider, []).append(model)

    async def run(self) -> None:
        """List and probe until cancelled."""
        async with asyncio.TaskGroup() as probes:
            while True:
                if self._clock() >= self._list_at_s:
                    await self._list()
                for provider in self._judge.due(self._clock()):
                    if provider not in self._running:
                        self._running.add(provider)
                        probes.create_task(self._probe(provider))
                await asyncio.sleep(TICK_S)

    async def _list(self) -> None:
        try:
            answer = await self._access.stub.ListProviders(
                ListProvidersRequest(),
                timeout=LIST_TIMEOUT_S,
                wait_for_ready=True,
                metadata=rpc.metadata(self._access.token),
            )
        except grpc.aio.AioRpcError as failure:
            self._unreached(failure)
            return
        self._reachable = self.listed = True
        self._list_at_s = self._clock() + self._access.list_every_s
        addresses = {each.id: each.base_url for each in answer.providers if each.connected}
        absent = [each.id for each in answer.providers if not each.connected]
        self._judge.listed(addresses, absent, self._clock())
        self._changed()

    async def _probe(self, provider: str) -> None:
        try:
            answer: ProbeResponse = await self._access.stub.Probe(
                ProbeRequest(provider=provider),
                timeout=self._access.probe_timeout_s,
                metadata=rpc.metadata(self._access.token),
            )
        except grpc.aio.AioRpcError as failure:
            self._unreached(failure)
            return
        finally:
            self._running.discard(provider)
        if answer.kind in OURS or provider not in self._judge.providers:
            return
        unlisted = None
        if not answer.kind:
            unlisted = missing(provider, self._models.get(provider, ()), answer.upstream_models)
        else:
            logger.info("probe of %s: %s %s", provider, answer.kind, answer.message)
        self._judge.probed(provider, answer.kind, unlisted, self._clock())
        self._changed()

    def _unreached(self, failure: grpc.aio.AioRpcError) -> None:
        if self._reachable:
            code, details = failure.code().name, failure.details()
            logger.warning("the providers service does not answer: %s %s", code, details)
        self._reachable = False
