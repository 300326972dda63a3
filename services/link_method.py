"""The methods of a servicer, as a link serves them, and what they may ask about a call."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass


@dataclass(frozen=True)
class Handler:
    """A method of a servicer. `inline` says that it never waits, and so needs no task."""

    call: Callable[[Any, Any], Any]
    request: type[Message]
    streams: bool = False
    inline: bool = False


def handlers(
    service: ServiceDescriptor, servicer: object, *names: str, inline: bool = False
) -> dict[str, Handler]:
    """Return the handlers of a servicer's methods by their full names."""
    return {
        f"/{service.full_name}/{name}": Handler(
            getattr(servicer, name),
            GetMessageClass(service.methods_by_name[name].input_type),
            service.methods_by_name[name].server_streaming,
            inline,
        )
        for name in names
    }


class Context:
    """What a servicer may ask about its call, as gRPC's context."""

    __slots__ = ("_clock", "_deadline_s", "_facts", "offer")

    def __init__(
        self,
        deadline_s: float,
        facts: Mapping[str, str],
        offer: Callable[[Message], bool] = lambda _: False,
    ) -> None:
        self._clock = asyncio.get_running_loop().time
        self._deadline_s = deadline_s
        self._facts = facts
        # Sends a message ahead of those that a stream yields; False if it has to be yielded.
        self.offer = offer

    def time_remaining(self) -> float:
        """Return the seconds left."""
        return max(0.0, self._deadline_s - self._clock())

    def invocation_metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the trace of the caller."""
        return tuple(self._facts.items())
