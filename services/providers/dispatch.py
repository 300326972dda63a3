"""The loop over a chain: ask the policy, make the call, note how it went."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime

from routor.v1.providers_pb2 import Served
from routor.v1.types_pb2 import Attempt, ChainMember, Usage
from services.catalog import Catalog, Model
from services.errors import Kind, RoutorError
from services.price import cost_usd
from services.providers import failover, patience
from services.providers.attempt import Call, Caller, Event
from services.providers.breaker import Breakers
from services.providers.connections import Connection
from services.providers.dialects.contract import Answer, Chunk, Ending, Json, Target
from services.providers.failover import Choice, Envelope, Failure, Member, Standing
from services.providers.record import Recorder
from services.providers.settings import ProvidersSettings


@dataclass(frozen=True)
class Order:
    """One request: an OpenAI body, whom to ask in which order, and what it may spend.

    `deadline_s` is on the dispatcher's clock.
    """

    body: Json
    chain: Sequence[ChainMember]
    stream: bool
    deadline_s: float
    max_attempts: int
    max_cost_usd: float | None = None


@dataclass(frozen=True)
class Done:
    """The end of an answer, and who gave it."""

    result: Answer | Ending
    served: Served


@dataclass
class Progress:
    """What became of an order so far."""

    failed: list[Failure] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    spent_usd: float = 0.0


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

    async def run(self, order: Order) -> AsyncGenerator[Chunk | Done, None]:
        """Yield the chunks of a stream, if it is one, and last a Done.

        Nothing is yielded before the first content, so failover is silent until then. Raises
        RoutorError with every attempt attached. Closing this iterator ends the call under way.
        """
        progress = Progress()
        while True:
            members = [self._member(asked) for asked in order.chain]
            envelope = self._envelope(order, progress)
            choice = failover.choose(members, progress.failed, envelope)
            if choice is None:
                raise failover.verdict(members, progress.failed, progress.attempts, envelope)
            call = self._call(order, choice, envelope)
            try:
                async with aclosing(self._noted(call)) as events:
                    async for event in events:
                        if isinstance(event, Chunk):
                            yield event
                        else:
                            yield self._done(event, call, choice, progress)
                return
            except RoutorError as error:
                progress.attempts.append(call.record)
                progress.failed.append(Failure(choice.index, error, choice.last_resort))
                if failover.billed(error):
                    progress.spent_usd += order.chain[choice.index].expected_cost_usd

    async def _noted(self, call: Call) -> AsyncGenerator[Event, None]:
        """Make the call and tell breakers and recorder how it went, however it ended."""
        provider, model = call.record.provider, call.record.model
        self._breakers.begin(provider, model)
        try:
            async with aclosing(self._caller.run(call)) as events:
                async for event in events:
                    if not isinstance(event, Chunk):
                        self._price(call, event)
                        self._breakers.succeed(provider, model)
                    elif event.content:
                        self._breakers.heard(provider, model)
                    yield event
        except RoutorError as error:
            reached = call.record.http_status or error.kind.rule.counts
            kind = error.kind if reached else Kind.CANCELLED
            self._breakers.fail(provider, model, kind, error.retry_after_s)
            raise
        finally:
            if call.record.kind == Kind.CANCELLED.name:
                self._breakers.fail(provider, model, Kind.CANCELLED)
            self._recorder.note(call.record)

    def _member(self, asked: ChainMember) -> Member:
        connection = self._connections.get(asked.provider)
        known = self._known(asked)
        stand = self._breakers.stand(asked.provider, asked.model)
        connected = connection is not None and connection.connected
        return Member(
            model=asked.model,
            provider=asked.provider,
            context_window=known.context_window if known else 0,
            expected_cost_usd=asked.expected_cost_usd,
            standing=stand.standing if connected else Standing.NOT_CONNECTED,
            cause=stand.cause,
            wait_s=stand.wait_s,
            missing=connection.missing if connection else "a catalog file for it",
        )

    def _known(self, asked: ChainMember) -> Model | None:
        return self._catalog.models.get(asked.model)

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
        model = self._known(asked)
        connection = self._connections[asked.provider]
        target = Target(
            vendor=connection.vendor,
            upstream_model=asked.upstream_model or (model.upstream if model else asked.model),
            key=asked.model,
            model=model,
            effort=asked.effort,
            created=int(self._wall()),
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
        return Call(connection, target, body, order.stream, limits, record)

    def _price(self, call: Call, event: Answer | Ending) -> None:
        if call.target.model is not None:
            call.record.cost_usd = cost_usd(
                call.target.model.price,
                datetime.fromtimestamp(self._wall(), UTC),
                input_tokens=event.usage.input_tokens,
                output_tokens=event.usage.output_tokens,
                cached_input_tokens=event.usage.cached_input_tokens,
                cache_write_tokens=event.usage.cache_write_tokens,
            )

    def _done(self, event: Answer | Ending, call: Call, choice: Choice, progress: Progress) -> Done:
        progress.attempts.append(call.record)
        usage = event.usage
        served = Served(
            model=call.target.key,
            provider=call.record.provider,
            attempts=progress.attempts,
            usage=Usage(
                input_tokens=usage.input_tokens,
                cached_input_tokens=usage.cached_input_tokens,
                cache_write_tokens=usage.cache_write_tokens,
                output_tokens=usage.output_tokens,
                reasoning_tokens=usage.reasoning_tokens,
            ),
            cost_usd=call.record.cost_usd,
            fallback=choice.index > 0,
            dropped_parameters=call.dropped,
        )
        return Done(event, served)
