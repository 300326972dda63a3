"""One call to one model: what to do, how it went, and a dialect that may fail at it."""

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from routor.v1.types_pb2 import Attempt
from services.errors import Kind, RoutorError
from services.providers.connections import Connection
from services.providers.continuation import Joint, Said
from services.providers.dialects.contract import Chunk, Dialect, Json, Target
from services.providers.patience import Limits

logger = logging.getLogger(__name__)

T = TypeVar("T")

# Takes chunks to the reader at once; False, and nothing taken, when the reader is not ready.
Direct = Callable[[list[Chunk]], bool]


@dataclass(slots=True)
class Call:
    """What to do, and how it went (filled in by `Caller`)."""

    connection: Connection
    target: Target
    dialect: Dialect
    body: Json
    stream: bool
    limits: Limits
    record: Attempt
    start_s: float = 0.0
    committed: bool = False  # content has gone out
    settled: bool = False  # it succeeded or failed; else it was cancelled
    dropped: tuple[str, ...] = ()
    others: bool = False  # another model could follow
    later: bool = False  # others have failed before it
    direct: Direct | None = None  # a short cut for what a stream would yield
    said: Said | None = None  # what has gone out of an answer that could be continued
    begun: int = 0  # characters that had gone out before this call
    joint: Joint | None = None  # this call goes on with it
    final: bool = False  # what failed it is no other's to mend
    sent_bytes: int = 0
    sends: int = 0  # requests that the provider may have seen
    most_sends: int = 1
    expected_cost_usd: float = 0.0  # 0 when unknown
    beaten: bool = False  # another, called beside it, was faster

    def again(self) -> bool:
        """Tell whether it may be sent once more, and count that."""
        if self.sends >= self.most_sends:
            return False
        self.sends += 1
        return True


def decoded(call: Call, step: Callable[..., T], *arguments: object) -> T:
    """Run a step of the dialect; whatever a provider sends, the worst is one bad answer."""
    try:
        return step(*arguments)
    except RoutorError:
        raise
    except Exception as failure:
        raise unreadable(call, failure) from failure


def unreadable(call: Call, failure: Exception) -> RoutorError:
    """Return what it means that a dialect failed at an answer without words of its own."""
    # Where, but not the exception's own text: it may quote the answer.
    place = traceback.extract_tb(failure.__traceback__)[-1]
    logger.error(
        "%s: unreadable answer: %s at %s:%s",
        call.target.vendor.id,
        type(failure).__name__,
        place.filename,
        place.lineno,
    )
    return RoutorError(Kind.PROVIDER_UNAVAILABLE, "the answer could not be understood")
