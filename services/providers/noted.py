"""Around one call: a place at its provider's gate, and who learns how it went."""

import msgspec

from services.errors import Kind, RoutorError
from services.providers.bill import Bill
from services.providers.breaker import Breakers
from services.providers.call import Call
from services.providers.failover import Choice
from services.providers.gate import Passage
from services.providers.record import Recorder


class Noted:
    """Waits for a place, then tells breakers and recorder how the call went, however it ended."""

    __slots__ = ("_bill", "_breakers", "_call", "_heard", "_passage", "_recorder")

    def __init__(
        self, passage: Passage, breakers: Breakers, recorder: Recorder, bill: Bill, call: Call
    ) -> None:
        self._passage = passage
        self._breakers = breakers
        self._recorder = recorder
        self._bill = bill
        self._call = call
        self._heard = False

    def heard(self) -> None:
        """Note content: it works, so far."""
        if not self._heard:
            self._heard = True
            self._breakers.heard(self._call.record.provider, self._call.record.model)

    async def __aenter__(self) -> None:
        await self._passage.__aenter__()
        self._breakers.begin(self._call.record.provider, self._call.record.model)

    async def __aexit__(self, _: object, failure: BaseException | None, __: object) -> None:
        try:
            self._ended(failure)
        finally:
            await self._passage.__aexit__()

    def _ended(self, failure: BaseException | None) -> None:
        record = self._call.record
        if failure is not None:
            self._bill.estimate(self._call)
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


class Turn(msgspec.Struct, frozen=True):
    """A call to make, why it is this one, and what is around it."""

    call: Call
    choice: Choice
    noted: Noted
