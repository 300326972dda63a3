"""The loop over a chain: ask the policy, make the call, note how it went."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

import msgspec

from routor.v1.providers_pb2 import Served
from routor.v1.types_pb2 import Attempt, ChainMember
from services.catalog import Catalog, Model
from services.errors import Kind, RoutorError
from services.price import cost_usd
from services.providers import dialects, failover, patience
from services.providers.attempt import Caller
from services.providers.breaker import READY, Breakers
from services.providers.call import Call, Direct
from services.providers.connections import Connection
from services.providers.dialects import contract
from services.providers.dialects.contract import Answer, Chunk, Ending, Json, Target
from services.providers.dialects.embeddings import Embeddings
from services.providers.failover import Choice, Envelope, Failure, Member, Standing
from services.providers.record import Recorder
from services.providers.settings import ProvidersSettings

# Callers may name any model of a connected provider.
_MOST_ROUTES = 4096


class Order(msgspec.Struct, frozen=True):
    """One request: an OpenAI body, whom to ask in which order, and what it may spend.

    `deadline_s` is on the dispatcher's clock.
    """

    body: Json
    chain: Sequence[ChainMember]
    stream: bool
    deadline_s: float
    max_attempts: int
    max_cost_usd: float | None = None
    embeds: bool = False  # the body is a request for embeddings
    direct: Direct | None = None  # a short cut for the chunks of a stream that has begun


class Answered(msgspec.Struct, frozen=True):
    """A whole answer, and who gave it."""

    answer: Answer
    served: Served


class Ended(msgspec.Struct, frozen=True):
    """The end of a stream, and who gave it."""

    ending: Ending
    served: Served


@dataclass(slots=True)
class Progress:
    """What became of an order so far."""

    failed: list[Failure] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    spent_usd: float = 0.0

    def fail(self, order: Order, choice: Choice, call: Call, error: RoutorError) -> None:
        """Note that a call failed."""
        self.attempts.append(call.record)
        self.failed.append(Failure(choice.index, error, choice.last_resort))
        if failover.billed(error):
            self.spent_usd += order.chain[choice.index].expected_cost_usd


class _Noted:
    """Around one call: tells breakers and recorder how it went, however it ended."""

    __slots__ = ("_breakers", "_call", "_heard", "_recorder")

    def __init__(self, breakers: Breakers, recorder: Recorder, call: Call) -> None:
        self._breakers = breakers
        self._recorder = recorder
        self._call = call
        self._heard = False

    def heard(self) -> None:
        """Note content: it works, so far."""
        if not self._heard:
            self._heard = True
            self._breakers.heard(self._call.record.provider, self._call.record.model)

    def __enter__(self) -> "_Noted":
        self._breakers.begin(self._call.record.provider, self._call.record.model)
        return self

    def __exit__(self, _: object, failure: BaseException | None, __: object) -> None:
        record = self._call.record
        if failure is None:
            self._breakers.succeed(record.provider, record.model)
        elif isinstance(failure, RoutorError):
            reached = record.http_status or failure.kind.rule.counts
            kind = failure.kind if reached else Kind.CANCELLED
            self._breakers.fail(record.provider, record.model, kind, failure.retry_after_s)
        elif record.kind == Kind.CANCELLED.name:
            self._breakers.fail(record.provider, record.model, Kind.CANCELLED)
        self._recorder.note(record)


class _Route(msgspec.Struct, frozen=True):
    """What never changes about a member of chains. `member` is how it stands when all is well."""

    connection: Connection | None
    model: Model | None
    member: Member

    @classmethod
    def of(
        cls, key: tuple[str, str], connection: Connection | None, model: Model | None
    ) -> "_Route":
        """Look up what there is to know."""
        connected = connection is not None and connection.connected
        member = Member(
            model=key[1],
            provider=key[0],
            context_window=model.context_window if model else 0,
            standing=Standing.READY if connected else Standing.NOT_CONNECTED,
            missing=connection.missing if connection else "a catalog file for it",
        )
        return cls(connection, model, member)


class Dispatcher:
    """Answers orders from the first model of their chain that can.

    `clock` is monotonic seconds, `wall` seconds since the epoch.
    """

    def __init__(
        self,
        connections: Mapping[str, Connection],
        catalog: Catalog,
        caller: Caller,
        breakers: Breakers,
        recorder: Recorder,
        *,
        settings: ProvidersSettings,
        clock: Callable[[], float],
        wall: Callable[[], float],
    ) -> None:
        self._connections = connections
        self._catalog = catalog
        self._caller = caller
        self._breakers = breakers
        self._recorder = recorder
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._routes: dict[tuple[str, str], _Route] = {}

    async def answer(self, order: Order) -> Answered:
        """Return the whole answer; raises RoutorError with every attempt attached."""
        progress = Progress()
        while True:
            call, choice = self._next(order, progress)
            try:
                with _Noted(self._breakers, self._recorder, call):
                    answer = await self._caller.whole(call)
                    self._price(call, answer)
            except RoutorError as error:
                progress.fail(order, choice, call, error)
            else:
                return Answered(answer, _served(answer.usage, call, choice, progress))

    async def stream(self, order: Order) -> AsyncGenerator[list[Chunk] | Ended, None]:
        """Yield the chunks, those that came together at once, and last an Ended.

        Nothing is yielded before the first content, so failover is silent until then. Raises
        RoutorError with every attempt attached. Closing this iterator ends the call under way.
        """
        progress = Progress()
        while True:
            call, choice = self._next(order, progress)
            try:
                with _Noted(self._breakers, self._recorder, call) as noted:
                    async with aclosing(self._caller.stream(call)) as events:
                        async for event in events:
                            if isinstance(event, Ending):
                                self._price(call, event)
                                ending = event
                            else:
                                noted.heard()
                                yield event
                yield Ended(ending, _served(ending.usage, call, choice, progress))
                return
            except RoutorError as error:
                progress.fail(order, choice, call, error)

    def _next(self, order: Order, progress: Progress) -> tuple[Call, Choice]:
        """Return the call to make now; raises RoutorError when there is none left to make."""
        envelope = self._envelope(order, progress)
        members = [self._member(asked, envelope.money_left_usd) for asked in order.chain]
        choice = failover.choose(members, progress.failed, envelope)
        if choice is None:
            raise failover.verdict(members, progress.failed, progress.attempts, envelope)
        return self._call(order, choice, envelope), choice

    def _route(self, asked: ChainMember) -> _Route:
        key = (asked.provider, asked.model)
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            model = self._catalog.models.get(asked.model)
            route = self._routes[key] = _Route.of(key, self._connections.get(asked.provider), model)
        return route

    def _member(self, asked: ChainMember, money_left_usd: float | None) -> Member:
        member = self._route(asked).member
        if member.standing is Standing.NOT_CONNECTED:
            return member
        stand = self._breakers.stand(member.provider, member.model)
        if stand is READY and money_left_usd is None:
            return member
        return msgspec.structs.replace(
            member,
            expected_cost_usd=asked.expected_cost_usd,
            standing=stand.standing,
            cause=stand.cause,
            wait_s=stand.wait_s,
        )

    def _envelope(self, order: Order, progress: Progress) -> Envelope:
        most = min(order.max_attempts or self._settings.max_attempts, self._settings.max_attempts)
        money = order.max_cost_usd
        return Envelope(
            attempts_left=most - len(progress.attempts),
            time_left_s=order.deadline_s - self._clock(),
            money_left_usd=None if money is None else money - progress.spent_usd,
        )

    def _call(self, order: Order, choice: Choice, envelope: Envelope) -> Call:
        asked = order.chain[choice.index]
        route = self._route(asked)
        model, connection = route.model, cast(Connection, route.connection)
        target = Target(
            vendor=connection.vendor,
            upstream_model=asked.upstream_model or (model.upstream if model else asked.model),
            key=asked.model,
            model=model,
            effort=asked.effort,
            created=int(self._wall()),
            one_call=order.body.get("parallel_tool_calls") is False,
        )
        default = model.reasoning.default if model else "none"
        limits = patience.limits(
            first_token_s=self._settings.first_token_timeout_s,
            stall_s=self._settings.stall_timeout_s,
            effort=asked.effort or str(order.body.get("reasoning_effort") or default),
            stream=order.stream,
            left_s=envelope.time_left_s,
            others=choice.others,
        )
        record = Attempt(provider=asked.provider, model=asked.model)
        body = {**order.body, "stream": order.stream}
        dialect = self._embeddings(target) if order.embeds else dialects.chosen(target, body)
        return Call(
            connection, target, dialect, body, order.stream, limits, record, direct=order.direct
        )

    def _embeddings(self, target: Target) -> Embeddings:
        """Return the wire format of an embedding model; raises UNKNOWN_MODEL for another."""
        model = self._catalog.embeddings.get(target.key)
        if model is None:
            text = f"{target.key} is not an embedding model of the catalog."
            raise RoutorError(Kind.UNKNOWN_MODEL, text, param="model", model=target.key)
        return Embeddings(model, dialects.DIALECTS[target.vendor.dialect])

    def _price(self, call: Call, event: Answer | Ending) -> None:
        embedding = self._catalog.embeddings.get(call.target.key)
        if embedding is not None:
            call.record.cost_usd = event.usage.input_tokens * embedding.price_usd_per_mtok / 1e6
        if call.target.model is not None:
            call.record.cost_usd = cost_usd(
                call.target.model.price,
                _time(int(self._wall())),
                input_tokens=event.usage.input_tokens,
                output_tokens=event.usage.output_tokens,
                cached_input_tokens=event.usage.cached_input_tokens,
                cache_write_tokens=event.usage.cache_write_tokens,
            )


@lru_cache(maxsize=1)
def _time(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)


def _served(usage: contract.Usage, call: Call, choice: Choice, progress: Progress) -> Served:
    progress.attempts.append(call.record)
    served = Served(
        model=call.target.key,
        provider=call.record.provider,
        attempts=progress.attempts,
        cost_usd=call.record.cost_usd,
        dropped_parameters=call.dropped,
    )
    if choice.index:
        served.fallback = True
    # Set in place: a message that is given is copied.
    told = served.usage
    told.input_tokens = usage.input_tokens
    told.cached_input_tokens = usage.cached_input_tokens
    told.cache_write_tokens = usage.cache_write_tokens
    told.output_tokens = usage.output_tokens
    told.reasoning_tokens = usage.reasoning_tokens
    return served
