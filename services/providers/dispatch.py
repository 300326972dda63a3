"""The loop over a chain: ask the policy, make the call, note how it went."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import TypeVar, cast

import msgspec

from routor.v1.providers_pb2 import Served
from routor.v1.types_pb2 import Attempt, ChainMember
from services import telemetry
from services.catalog import Catalog, Model
from services.errors import Kind, RoutorError
from services.providers import continuation, dialects, exhausted, failover, hedge, patience
from services.providers.attempt import Caller
from services.providers.bill import Bill
from services.providers.breaker import READY, Breakers
from services.providers.budget import HedgeBudget, RetryBudget
from services.providers.call import Call
from services.providers.connections import Connection
from services.providers.continuation import Joint, Said
from services.providers.dialects.completion import wants_usage
from services.providers.dialects.contract import Answer, Chunk, Dialect, Ending, Target
from services.providers.dialects.embeddings import Embeddings
from services.providers.dialects.history import ids_of
from services.providers.failover import (
    Choice,
    Envelope,
    Member,
    Standing,
    Way,
)
from services.providers.gate import Gates
from services.providers.noted import Noted, Turn
from services.providers.order import Order, Progress, served
from services.providers.race import Lane, race
from services.providers.record import Recorder
from services.providers.route import Route
from services.providers.settings import ProvidersSettings

E = TypeVar("E")

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
        self._hedges = HedgeBudget(settings.hedge_share) if settings.hedge_after_s > 0 else None
        self._bill = Bill(catalog, wall)
        self._gates = Gates(clock, busy)
        self._connections = connections
        self._catalog = catalog
        self._caller = caller
        self._breakers = breakers
        self._recorder = recorder
        self._settings = settings
        self._clock = clock
        self._wall = wall
        self._routes: dict[tuple[str, str], Route] = {}

    async def answer(self, order: Order) -> Answered:
        """Return the whole answer; raises RoutorError with every attempt attached."""
        progress = Progress()
        while True:
            turn = self._next(order, progress)
            try:
                if self._hedges is None:
                    answer = await self._whole(turn)
                else:
                    lane = await self._raced(order, progress, turn, self._once)
                    turn = lane.turn
                    async with aclosing(lane.events()) as events:
                        answer = await anext(events)
            except RoutorError as error:
                progress.fail(order, turn.choice, turn.call, error)
            else:
                return Answered(answer, served(answer.usage, turn.call, turn.choice, progress))

    async def stream(self, order: Order) -> AsyncGenerator[list[Chunk] | Ended, None]:
        """Yield the chunks, those that came together at once, and last an Ended.

        Nothing is yielded before the first content, so failover is silent until then. What is
        cut after it is continued where that can be done truly (see `continuation`). Raises
        RoutorError with every attempt attached. Closing this iterator ends the call under way.
        """
        progress = Progress(said=Said() if continuation.continuable(order.body) else None)
        while True:
            turn = self._next(order, progress)
            try:
                if self._hedges is None:
                    source = self._chunks(turn)
                else:
                    lane = await self._raced(order, progress, turn, self._chunks)
                    turn, source = lane.turn, lane.events()
                async with aclosing(source) as events:
                    async for event in events:
                        if isinstance(event, Ending):
                            self._bill.price(turn.call, event)
                            ending = event
                        else:
                            turn.noted.heard()
                            yield event
                yield Ended(ending, served(ending.usage, turn.call, turn.choice, progress))
                return
            except RoutorError as error:
                progress.fail(order, turn.choice, turn.call, error)

    def batch(self, order: Order) -> int:
        """Return how many texts the embedding model of an order takes at once; 0: not known."""
        model = self._catalog.embeddings.get(order.chain[0].model)
        return model.max_inputs if model is not None else 0

    def reset(self) -> None:
        """Forget what was learned from calls, and what retries have cost."""
        self._breakers.reset()
        self._budget.reset()

    async def _whole(self, turn: Turn) -> Answer:
        async with turn.noted:
            answer = await self._caller.whole(turn.call)
            self._bill.price(turn.call, answer)
        return answer

    async def _once(self, turn: Turn) -> AsyncGenerator[Answer, None]:
        yield await self._whole(turn)

    def _chunks(self, turn: Turn) -> AsyncGenerator[list[Chunk] | Ending, None]:
        return self._caller.stream(turn.call, turn.noted)

    async def _raced(
        self,
        order: Order,
        progress: Progress,
        turn: Turn,
        begin: Callable[[Turn], AsyncGenerator[E, None]],
    ) -> Lane[E]:
        """Make a call, and another beside it if it is late; return the one to go on with."""
        hedged = False

        def beside() -> Lane[E] | None:
            nonlocal hedged
            other = self._beside(order, progress, turn)
            hedged = other is not None
            return None if other is None else Lane(other, begin(other))

        def failed(lane: Lane[E], error: RoutorError) -> None:
            progress.fail(order, lane.turn.choice, lane.turn.call, error)

        after_s = self._settings.hedge_after_s
        winner, loser = await race(Lane(turn, begin(turn)), after_s, beside, failed)
        if loser is not None:
            progress.lose(loser.turn.call)
        if hedged:
            won = winner.turn is not turn and winner.failure is None
            telemetry.hedges.add(1, {"outcome": "won" if won else "lost"})
            progress.said = winner.turn.call.said
        return winner

    def _beside(self, order: Order, progress: Progress, late: Turn) -> Turn | None:
        """Return the call to make beside one that is late, if one may be made."""
        budget = cast(HedgeBudget, self._hedges)
        if not budget.affords():
            return None
        envelope = self._envelope(order, progress, late.call)
        # Who is in doubt is not called only to save time.
        members = [self._member(order, asked, envelope, True) for asked in order.chain]
        choice = hedge.beside(members, progress.failed, late.choice, envelope, progress.shown)
        if choice is None:
            return None
        budget.spend()
        # Only one of the two is shown: each tells for itself what it has said.
        call = self._call(order, choice, envelope, None if progress.said is None else Said())
        call.record.hedged = True
        return self._turn(call, choice)

    def _turn(self, call: Call, choice: Choice) -> Turn:
        passage = self._gates.passed(call.record, call.limits.total_s)
        noted = Noted(passage, self._breakers, self._recorder, self._bill, call)
        return Turn(call, choice, noted)

    def _next(self, order: Order, progress: Progress) -> Turn:
        """Return the call to make now; raises RoutorError when there is none left to make."""
        envelope = self._envelope(order, progress)
        retry = bool(progress.attempts)
        broke = retry and not self._budget.affords(self._clock())
        members = [self._member(order, asked, envelope, broke) for asked in order.chain]
        choice = failover.choose(members, progress.failed, envelope, progress.shown)
        if choice is None:
            raise exhausted.verdict(members, progress.failed, progress.attempts, envelope)
        chosen = members[choice.index]
        if not retry:
            self._budget.earn()
            if self._hedges is not None:
                self._hedges.earn()
        elif self._breakers.stand(chosen.provider, chosen.model).doubtful:
            self._budget.spend()
        call = self._call(order, choice, envelope, progress.said)
        call.later = retry
        # A dead connection is replaced for who is asked first, and for who is the last hope.
        if envelope.attempts_left > 1 and not (progress.sends and choice.others):
            call.most_sends = 2
        return self._turn(call, choice)

    def _route(self, asked: ChainMember) -> Route:
        key = (asked.provider, asked.model)
        route = self._routes.get(key)
        if route is None:
            if len(self._routes) >= _MOST_ROUTES:
                self._routes.clear()
            model = self._catalog.models.get(asked.model)
            route = self._routes[key] = Route.of(key, self._connections.get(asked.provider), model)
        return route

    def _member(self, order: Order, asked: ChainMember, envelope: Envelope, broke: bool) -> Member:
        member = self._route(asked).member
        if member.standing is Standing.NOT_CONNECTED:
            return member
        stand = self._breakers.stand(member.provider, member.model, alone=len(order.chain) == 1)
        if stand is READY:
            stand = self._gates.stand(member.provider)
        if stand is READY and envelope.money_left_usd is None:
            return member
        return msgspec.structs.replace(
            member,
            expected_cost_usd=asked.expected_cost_usd,
            # A retry in doubt has to be paid for.
            standing=Standing.RESTING if broke and stand.doubtful else stand.standing,
            cause=stand.cause,
            wait_s=stand.wait_s,
        )

    def _envelope(self, order: Order, progress: Progress, running: Call | None = None) -> Envelope:
        """Return what is left to spend, when what is `running` has taken its part."""
        most = min(order.max_attempts or self._settings.max_attempts, self._settings.max_attempts)
        sends, spent_usd = progress.sends, progress.spent_usd
        if running is not None:
            # It may wait for its place yet.
            sends, spent_usd = sends + max(1, running.sends), spent_usd + running.expected_cost_usd
        money = order.max_cost_usd
        return Envelope(
            attempts_left=most - sends,
            time_left_s=order.deadline_s - self._clock(),
            money_left_usd=None if money is None else money - spent_usd,
        )

    def _call(self, order: Order, choice: Choice, envelope: Envelope, said: Said | None) -> Call:
        asked = order.chain[choice.index]
        route = self._route(asked)
        target = self._target(order, choice, route)
        body, joint = {**order.body, "stream": order.stream}, None
        connection = cast(Connection, route.connection)
        if said is not None and said.head:
            body = continuation.request(body, said, choice.way)
            joint = Joint(said, choice.way, echoes=connection.vendor.quirks.prefill_echo)
        limits = self._limits(order, choice, envelope, target)
        dialect: Dialect
        if order.embeds:
            dialect = self._embeddings(order, target)
        else:
            dialect, target, body = dialects.chosen(target, body)
        return Call(
            connection,
            target,
            dialect,
            body,
            order.stream,
            limits,
            Attempt(provider=asked.provider, model=asked.model),
            others=choice.others,
            direct=order.direct,
            said=said,
            begun=said.size if said is not None else 0,
            joint=joint,
            expected_cost_usd=asked.expected_cost_usd,
        )

    def _target(self, order: Order, choice: Choice, route: Route) -> Target:
        asked, model = order.chain[choice.index], route.model
        now_s = self._wall()
        return Target(
            vendor=cast(Connection, route.connection).vendor,
            upstream_model=asked.upstream_model or (model.upstream if model else asked.model),
            key=asked.model,
            model=model,
            effort=_effort(asked, model, choice.way),
            created=int(now_s),
            nonce=str(now_s),
            usage_asked=wants_usage(order.body),
            one_call=order.body.get("parallel_tool_calls") is False,
            calls=ids_of(order.body.get("messages")),
        )

    def _limits(
        self, order: Order, choice: Choice, envelope: Envelope, target: Target
    ) -> patience.Limits:
        default = target.model.reasoning.default if target.model else "none"
        return patience.limits(
            first_token_s=self._settings.first_token_timeout_s,
            stall_s=self._settings.stall_timeout_s,
            effort=target.effort or str(order.body.get("reasoning_effort") or default),
            stream=order.stream,
            left_s=envelope.time_left_s,
            others=choice.others,
        )

    def _embeddings(self, order: Order, target: Target) -> Embeddings:
        """Return the wire format of an embedding model; raises UNKNOWN_MODEL for another."""
        model = self._catalog.embeddings.get(target.key)
        if model is None:
            text = f"{target.key} is not an embedding model of the catalog."
            raise RoutorError(Kind.UNKNOWN_MODEL, text, param="model", model=target.key)
        return Embeddings(model, dialects.DIALECTS[target.vendor.dialect], order.body)


def _effort(asked: ChainMember, model: Model | None, way: Way) -> str:
    if way is not Way.PREFILL or model is None:
        return asked.effort
    return "none" if model.reasoning.switch != "none" else ""
