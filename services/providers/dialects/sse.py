"""Server-sent events, parsed on bytes as they arrive.

Source: WHATWG HTML Living Standard, section 9.2 "Server-sent events" (2026). Lines end with LF,
CR or CRLF and nothing else: U+2028 and U+0085 are text. Each byte is looked at once.
"""

from dataclasses import dataclass

from services.errors import Kind, RoutorError

# The largest events seen are inline images of a few MB; beyond this it is not a chat answer.
EVENT_LIMIT_BYTES = 32 * 1024 * 1024
_STRAY_LIMIT_BYTES = 64 * 1024
# Fed at the end of a stream, whose last event some servers leave without it. The standard drops
# such an event, as it may be torn; here a torn one is told by its JSON.
END_OF_EVENT = b"\n\n"
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Event:
    """One event: its name ("" when unnamed) and its data, lines joined with LF."""

    name: str
    data: str


class Parser:
    """An incremental parser. Events come out in order, each as soon as its blank line is in.

    Those without data, or with blank data, are dropped.

    Raises RoutorError(PROVIDER_UNAVAILABLE) for an event above `EVENT_LIMIT_BYTES`.
    """

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # pieces of a line that has no end yet
        self._size = 0  # bytes held for the event under way
        self._skip_lf = False  # the last line ended with CR; an LF next belongs to it
        self._first_line = True
        self._name = ""
        self._data: list[bytes] = []
        self._stray: list[bytes] = []
        self._stray_size = 0

    @property
    def stray(self) -> bytes:
        """Lines that are no SSE field (bounded): an error body sent in place of a stream."""
        return b"\n".join([*self._stray, b"".join(self._pending)]).strip()

    def lines(self, data: bytes) -> list[bytes] | None:
        """Return the data of each event when `data` is nothing but unnamed events of one line.

        That is the usual form of a stream, read here at a fraction of the cost; blank data is
        among it. None, and nothing taken, for everything else: `feed` reads all.
        """
        midway = self._pending or self._data or self._name or self._skip_lf
        if midway or not data.endswith(b"\n\n") or b"\r" in data:
            return None
        lines = data[:-2].split(b"\n\n")
        for line in lines:
            if not line.startswith(b"data:") or b"\n" in line:
                return None
        self._first_line = False
        return [line[6:] if line.startswith(b" ", 5) else line[5:] for line in lines]

    def feed(self, data: bytes) -> list[Event]:
        """Take the next bytes, split anywhere; return the events they complete."""
        if self._skip_lf and data:
            self._skip_lf = False
            data = data.removeprefix(b"\n")
        # bytes.splitlines knows exactly LF, CR and CRLF.
        lines = data.splitlines(keepends=True)
        events = []
        for line in lines:
            if not line.endswith((b"\r", b"\n")):
                self._hold(line)
                continue
            self._skip_lf = line.endswith(b"\r")
            event = self._line(self._complete(line.rstrip(b"\r\n")))
            if event is not None:
                events.append(event)
        return events

    def _hold(self, piece: bytes) -> None:
        self._pending.append(piece)
        self._grow(len(piece))

    def _complete(self, end: bytes) -> bytes:
        if self._pending:
            end = b"".join([*self._pending, end])
            self._pending.clear()
        if self._first_line:
            self._first_line = False
            end = end.removeprefix(_BYTE_ORDER_MARK)
        return end

    def _grow(self, size: int) -> None:
        self._size += size
        if self._size > EVENT_LIMIT_BYTES:
            raise RoutorError(
                Kind.PROVIDER_UNAVAILABLE,
                f"a stream event is larger than {EVENT_LIMIT_BYTES >> 20} MB",
            )

    def _line(self, line: bytes) -> Event | None:
        if not line:
            return self._dispatch()
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
            self._grow(len(value))
        elif name == b"event":
            self._name = value.decode("utf-8", "replace")
        elif name not in (b"", b"id", b"retry") and self._stray_size < _STRAY_LIMIT_BYTES:
            self._stray.append(line)
            self._stray_size += len(line)
        return None

    def _dispatch(self) -> Event | None:
        name, data = self._name, self._data
        self._name, self._data, self._size = "", [], 0
        # Blank data between events is a sign of life (the standard drops what is empty).
        if not any(line.strip() for line in data):
            return None
        return Event(name, text_of(b"\n".join(data)))


def text_of(data: bytes) -> str:
    """Return the text of an event; raises RoutorError for what is none.

    The standard puts U+FFFD there; then a damaged answer would look like a whole one.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as failure:
        text = "a stream event is not UTF-8"
        raise RoutorError(Kind.PROVIDER_UNAVAILABLE, text) from failure
