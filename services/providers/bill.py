"""What calls have cost, by the catalog's prices."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from services.catalog import Catalog
from services.price import cost_usd
from services.providers import continuation
from services.providers.call import Call
from services.providers.continuation import BYTES_PER_TOKEN
from services.providers.dialects.contract import Answer, Ending


class Bill:
    """Writes costs into the records of calls. `wall` is seconds since the epoch."""

    def __init__(self, catalog: Catalog, wall: Callable[[], float]) -> None:
        self._catalog = catalog
        self._wall = wall

    def price(self, call: Call, event: Answer | Ending) -> None:
        """Note what an answer has cost."""
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
                cache_write_hour_tokens=event.usage.cache_write_hour_tokens,
            )
            fees_usd = call.target.vendor.fees_usd
            call.record.cost_usd += sum(
                number * fees_usd.get(name, 0.0) for name, number in event.usage.runs.items()
            )
        if event.usage.billed_usd:
            call.record.cost_usd = event.usage.billed_usd

    def estimate(self, call: Call) -> None:
        """Note what a call that ended early has cost: its provider tells nobody.

        A call that another was faster than is taken to be billed in full once it was sent.
        """
        if call.beaten:
            call.record.cost_usd = call.expected_cost_usd if call.sent_bytes else 0.0
            return
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


@lru_cache(maxsize=1)
def _time(at_s: int) -> datetime:
    return datetime.fromtimestamp(at_s, UTC)
