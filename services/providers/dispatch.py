"""The loop over a chain: ask the policy, make the call, note how it went."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from datetime import UTC, datetime
from functools import lru_cache
from typing import cast

import msgspec

from routor.v1.providers_pb2 import Served
from routor.v1.types_pb2 import Attempt, ChainMember
from services.catalog import Catalog, Model
from services.errors import Kind, RoutorError
from services.price import cost_usd
from services.providers import continuation, dialects, failover, patience
from services.providers.attempt import Caller
from services.providers.breaker import READY, Breakers
from services.providers.budget import RetryBudget
from services.providers.call import Call
from services.providers.connections import Connection
from services.providers.continuation import BYTES_PER_TOKEN, Joint, Said
from services.providers.dialects.contract import Answer, Chunk, Dialect, Ending, Target
from services.providers.dialects.embeddings import Embeddings
from services.providers.failover import (
    Choice,
    Envelope,
    Member,
    Standing,
    Way,
)
from services.providers.gate import Gates
from services.providers.order import Order, Progress, served
from services.providers.record import Recorder
from services.providers.settings import ProvidersSettings

# Callers may name any model of a connected provider.
_MOST_ROUTES = 4096


class Answered(msgspec.Struct, frozen=True):
    """A whole answer, and who gave it."""

    answer: Answer
    served: Served


class Ended(msgspec.Struct, frozen=True):
    """The end of a stream, and who gave it."""

    ending: Ending
    served: Served


class _Noted:
    """Around one call: tells breakers and recorder how it went, however it ended."""

    __slots__ = ("_breakers", "_call", "_estimate", "_heard", "_recorder")

    def __init__(
        self,
        breakers: Breakers,
        recorder: Recorder,
        call: Call,
        estimate: Callable[[Call], None],
    ) -> None:
        self._breakers = breakers
        self._recorder = recorder
        self._call = call
        self._estimate = estimate
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
        if failure is not None:
            self._estimate(self._call)
        if failure is None:
            self._breakers.succeed(record.provider, record.model)
            if record.spare_s:
                self._breakers.spare(record.model, record.spare_s)
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
            prefill=model is not None and _prefills(model),
        )
        return cls(connection, model, member)


class Dispatcher:
    """Answers orders from the first model of their chain that can.

    `clock` is monotonic seconds, `wall` seconds since the epoch; `busy`: this process is late.
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
        budget: RetryBudget | None = None,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._budget = budget or RetryBudget()
        self._gates = Gates(clock, busy)
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
                async with self._gates.passed(call.record, call.limits.total_s):
                    with self._noted(call):
                        answer = await self._caller.whole(call)
                        self._price(call, answer)
            except RoutorError as error:
                progress.fail(order, choice, call, error)
            else:
                return Answered(answer, served(answer.usage, call, choice, progress))

    async def stream(self, order: Order) -> AsyncGenerator[list[Chunk] | Ended, None]:
        """Yield the chunks, those that came together at once, and last an Ended.

        Nothing is yielded before the first content, so failover is silent until then. What is
        cut after it is continued where that can be done truly (see `continuation`). Raises
        RoutorError with every attempt attached. Closing this iterator ends the call under way.
        """
        progress = Progress(said=Said() if continuation.continuable(order.body) else None)
        while True:
            call, choice = self._next(order, progress)
            try:
                async with self._gates.passed(call.record, call.limits.total_s):
                    with self._noted(call) as noted:
                        async with aclosing(self._caller.stream(call)) as events:
                            async for event in events:
                                if isinstance(event, Ending):
                                    self._price(call, event)
                                    ending = event
                                else:
                                    noted.heard()
                                    yield event
                yield Ended(ending, served(ending.usage, call, choice, progress))
                return
            except RoutorError as error:
                progress.fail(order, choice, call, error)

    def batch(self, order: Order) -> int:
        """Return how many texts the embedding model of an order takes at once; 0: not known."""
        model = self._catalog.embeddings.get(order.chain[0].model)
        return model.max_inputs if model is not None else 0

    def reset(self) -> None:
        """Forget what was learned from calls, and what retries have cost."""
        self._breakers.reset()
        self._budget.reset()

    def _noted(self, call: Call) -> _Noted:
        return _Noted(self._breakers, self._recorder, call, self._estimate)

    def _next(self, order: Order, progress: Progress) -> tuple[Call, Choice]:
        """Return the call to make now; raises RoutorError when there is none left to make."""
        envelope = self._envelope(order, progress)
        retry = bool(progress.attempts)
        broke = retry and not self._budget.affords(self._clock())
        members = [self._member(asked, envelope.money_left_usd, broke) for asked in order.chain]
        choice = failover.choose(members, progress.failed, envelope, progress.shown)
        if choice is None:
            raise failover.verdict(members, progress.failed, progress.attempts, envelope)
        chosen = members[choice.index]
        if not retry:
            self._budget.earn()
        elif self._breakers.stand(chosen.provider, chosen.model).doubtful:
            self._budget.spend()
        call = self._call(order, choice, envelope, progress.said)
        # A dead connection is replaced for who is asked first, and for who is the last hope.
        if envelope.attempts_left > 1 and not (retry and choice.others):
            call.most_sends = 2
        return call, choice

    def _route(self, asked: ChainMember) -> _Route:
        key = (asked.provider, asked.model)
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            model = self._catalog.models.get(asked.model)
            route = self._routes[key] = _Route.of(key, self._connections.get(asked.provider), model)
        return route

    def _member(self, asked: ChainMember, money_left_usd: float | None, broke: bool) -> Member:
        member = self._route(asked).member
        if member.standing is Standing.NOT_CONNECTED:
            return member
        stand = self._breakers.stand(member.provider, member.model)
        if stand is READY:
            stand = self._gates.stand(member.provider)
        if stand is READY and money_left_usd is None:
            return member
        return msgspec.structs.replace(
            member,
            expected_cost_usd=asked.expected_cost_usd,
            # A retry in doubt has to be paid for.
            standing=Standing.RESTING if broke and stand.doubtful else stand.standing,
            cause=stand.cause,
            wait_s=stand.wait_s,
        )

    def _envelope(self, order: Order, progress: Progress) -> Envelope:
        most = min(order.max_attempts or self._settings.max_attempts, self._settings.max_attempts)
        money = order.max_cost_usd
        return Envelope(
            attempts_left=most - progress.sends,
            time_left_s=order.deadline_s - self._clock(),
            money_left_usd=None if money is None else money - progress.spent_usd,
        )

    def _call(self, order: Order, choice: Choice, envelope: Envelope, said: Said | None) -> Call:
        asked = order.chain[choice.index]
        route = self._route(asked)
        model, connection = route.model, cast(Connection, route.connection)
        now_s = self._wall()
        target = Target(
            vendor=connection.vendor,
            upstream_model=asked.upstream_model or (model.upstream if model else asked.model),
            key=asked.model,
            model=model,
            effort=_effort(asked, model, choice.way),
            created=int(now_s),
            nonce=str(now_s),
            one_call=order.body.get("parallel_tool_calls") is False,
        )
        default = model.reasoning.default if model else "none"
        limits = patience.limits(
            first_token_s=self._settings.first_token_timeout_s,
            stall_s=self._settings.stall_timeout_s,
            effort=target.effort or str(order.body.get("reasoning_effort") or default),
            stream=order.stream,
            left_s=envelope.time_left_s,
            others=choice.others,
        )
        record = Attempt(provider=asked.provider, model=asked.model)
        body, joint = {**order.body, "stream": order.stream}, None
        if said is not None and said.head:
            body = continuation.request(body, said, choice.way)
            joint = Joint(said, choice.way, echoes=connection.vendor.quirks.prefill_echo)
        dialect: Dialect
        if order.embeds:
            dialect = self._embeddings(target)
        else:
            dialect, target = dialects.chosen(target, body)
        return Call(
            connection,
            target,
            dialect,
            body,
            order.stream,
            limits,
            record,
            others=choice.others,
            direct=order.direct,
            said=said,
            begun=said.size if said is not None else 0,
            joint=joint,
        )

    def _embeddings(self, target: Target) -> Embeddings:
        """Return the wire format of an embedding model; raises UNKNOWN_MODEL for another."""
        model = self._catalog.embeddings.get(target.key)
        if model is None:
            text = f"{target.key} is not an embedding model of the catalog."
            raise RoutorError(Kind.UNKNOWN_MODEL, text, param="model", model=target.key)
        return Embeddings(model, dialects.DIALECTS[target.vendor.dialect])

    def _estimate(self, call: Call) -> None:
        """Count what a stream that ended early has cost: its provider tells nobody."""
        if call.said is None or call.target.model is None or call.said.size == call.begun:
            return
        record, model = call.record, call.target.model
        record.input_tokens = min(call.sent_bytes // BYTES_PER_TOKEN, model.context_window)
        record.output_tokens = continuation.tokens(call.said.text[call.begun :])
        record.cost_usd = cost_usd(
            model.price,
            _time(int(self._wall())),
            input_tokens=record.input_tokens,
            output_tokens=record.output_tokens,
            cached_input_tokens=0,
            cache_write_tokens=0,
        )

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


def _prefills(model: Model) -> bool:
    """Tell whether a model goes on with a begun answer: none does while it thinks."""
    facts = model.reasoning
    silent = facts.switch != "always" and (facts.can_disable or facts.default == "none")
    return model.parameters.prefill and silent


def _effort(asked: ChainMember, model: Model | None, way: Way) -> str:
    if way is not Way.PREFILL or model is None:
        return asked.effort
    return "none" if model.reasoning.switch != "none" else ""


@lru_cache(maxsize=1)
def _time(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
