"""One request on its way through a chain: what is asked, what came of it so far, what it took."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from routor.v1.providers_pb2 import Served
from routor.v1.types_pb2 import Attempt, ChainMember
from services.errors import Kind, RoutorError, bare
from services.providers.call import Call, Direct
from services.providers.continuation import Said
from services.providers.dialects.contract import Json, Usage
from services.providers.failover import Choice, Failure, Shown


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


@dataclass(slots=True)
class Progress:
    """What became of an order so far."""

    failed: list[Failure] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    spent_usd: float = 0.0
    beaten_usd: float = 0.0  # of it, for calls that were slower than those beside them
    sends: int = 0  # requests that providers may have seen
    said: Said | None = None  # None when nothing of the answer could be continued
    committed: bool = False

    @property
    def shown(self) -> Shown:
        """What the reader has seen."""
        if self.said is None:
            return Shown.FIXED if self.committed else Shown.NOTHING
        return self.said.shown

    def fail(self, order: Order, choice: Choice, call: Call, error: RoutorError) -> None:
        """Note that a call failed."""
        self.attempts.append(call.record)
        self.sends += call.sends
        self.committed = self.committed or call.committed
        self.failed.append(
            Failure(
                choice.index,
                bare(error),
                choice.last_resort,
                choice.way,
                call.final,
                call.sent_bytes,
            )
        )
        if call.record.cost_usd:
            self.spent_usd += call.record.cost_usd
        elif _billed(error):
            self.spent_usd += order.chain[choice.index].expected_cost_usd

    def lose(self, call: Call) -> None:
        """Note that a call was ended because one beside it was faster."""
        record = call.record
        if not call.settled:
            record.kind = Kind.CANCELLED.name  # it may not have got past the gate
        self.attempts.append(record)
        self.sends += call.sends
        self.spent_usd += record.cost_usd
        self.beaten_usd += record.cost_usd


def served(usage: Usage, call: Call, choice: Choice, progress: Progress) -> Served:
    """Return who answered and what it took, every part of a continued answer counted."""
    progress.attempts.append(call.record)
    told = Served(
        model=call.target.key,
        provider=call.record.provider,
        attempts=progress.attempts,
        cost_usd=call.record.cost_usd + progress.beaten_usd,
        dropped_parameters=call.dropped,
    )
    parts = [one for one in progress.attempts if one.kind == Kind.STREAM_BROKEN.name]
    if choice.index:
        told.fallback = True
    if parts:
        told.continued = True
    # Set in place: a message that is given is copied.
    tokens = told.usage
    tokens.input_tokens = usage.input_tokens
    tokens.cached_input_tokens = usage.cached_input_tokens
    tokens.cache_write_tokens = usage.cache_write_tokens
    tokens.output_tokens = usage.output_tokens
    tokens.reasoning_tokens = usage.reasoning_tokens
    for part in parts:
        tokens.input_tokens += part.input_tokens
        tokens.output_tokens += part.output_tokens
        told.cost_usd += part.cost_usd
    return told


def _billed(error: RoutorError) -> bool:
    """Tell whether a failed call may have cost something: the model had begun, or may have."""
    return error.upstream_status == 200 or error.kind is Kind.PROVIDER_TIMEOUT
