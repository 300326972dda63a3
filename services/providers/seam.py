"""The joint between an answer that was cut and what another call says next. Pure.

A continuation may begin in five ways: right where the text stops; with the white space that the
text already ends with; with the last words again; with the whole text again (Mistral gives a
prefix back with its answer, and a model that knows no prefill begins anew); or with something
else. The first characters are held until it is clear which. A repetition counts as one only when
it is too long to be chance and is not the text's own pattern ("0, 0, 0, " goes on with "0, ").
"""

import re

# A whole text of fewer characters, given back, may as well be how it goes on ("ha" "ha").
_LEAST_WHOLE = 4
# The same for its beginning, given back and no more.
_LEAST_AGAIN = 12
# The same for last words, which are looked for in so much of the text's end: lines of a list or
# of code that are the same ("  * one  two") are shorter.
_LEAST_TAIL, _TAIL = 24, 400
_PATTERN = 2000
# What a continuation that was asked for by words has to begin with, and may say before it.
ANCHOR = 60
_LEAST_ANCHOR, _PREAMBLE = 24, 200
# With fewer, what comes could begin so by chance.
_LEAST_WORDS = 8
_MARKS = re.compile(r"\A[\W_]+")
# What a finished text may end with; no model stops after these without having more to say.
_OPEN = ",;:([{<-–—/\\+=*&@#$"


class UnjoinedError(Exception):
    """What came is no continuation of the text."""


class Seam:
    """Takes a continuation piece by piece and gives out what is new.

    `before` is the text that has gone out, `anchor` what a continuation asked for by words
    must begin with ("" for one by prefill, which is to begin right where `before` ends, white
    space at the end left out). `echoes`: the whole text is always given back.
    """

    def __init__(self, before: str, anchor: str = "", *, echoes: bool = False) -> None:
        self._core = before.rstrip()
        self._space = before[len(self._core) :]
        self._anchor = anchor
        least = 1 if echoes else _LEAST_WHOLE
        self._repeatable = len(self._core) >= least and (echoes or not _periodic(self._core))
        self._held = ""
        self.joined = False

    def feed(self, text: str) -> str:
        """Take the next piece; return what is new of all so far. Raises UnjoinedError."""
        if self.joined:
            return text
        self._held += text
        return self._taken(last=False)

    def close(self) -> str:
        """Return what is still held: nothing more comes. Raises UnjoinedError."""
        return "" if self.joined else self._taken(last=True)

    def _taken(self, *, last: bool) -> str:
        start = self._start(last)
        if start is None:
            return ""
        rest = self._held[start:]
        if not last and self._space and not rest.strip() and len(rest) <= len(self._space):
            return ""  # it may be the white space that has gone out already
        self.joined = True
        return _without(rest, self._space)

    def _start(self, last: bool) -> int | None:
        """Return where the new begins in what is held; None while that is not clear."""
        held, core = self._held, self._core
        if self._repeatable and held.startswith(core):
            return len(core)
        if self._repeatable and core.startswith(held):
            if not last:
                return None
            if len(held) >= _LEAST_AGAIN:
                raise UnjoinedError  # the beginning once more, and then an end
        return self._anchored(last) if self._anchor else self._overlap(last)

    def _overlap(self, last: bool) -> int | None:
        held, tail = self._held, self._core[-_TAIL:]
        if not last and held in tail:
            return None
        for size in range(min(len(held), len(tail)), _LEAST_TAIL - 1, -1):
            if tail.endswith(held[:size]) and not _periodic(held[:size]):
                return size
        return 0

    def _anchored(self, last: bool) -> int | None:
        held, anchor = self._held, self._anchor
        skip = len(held) - len(held.lstrip())
        preamble = _PREAMBLE if len(anchor) >= _LEAST_ANCHOR else skip
        at = held.find(anchor, 0, preamble + len(anchor))
        if at >= 0:
            return at + len(anchor)
        if last or len(held) > len(anchor) + preamble:
            raise UnjoinedError
        return None


def anchor_of(text: str) -> str:
    """Return the last words of a text, by which a continuation can be told from anything else."""
    core = text.rstrip()
    if len(core) <= ANCHOR:
        # From its first word on: who repeats words leaves out a mark or a quote before them.
        return _MARKS.sub("", core)
    tail = core[-ANCHOR:]
    line = tail.rpartition("\n")[2]
    if len(line) >= _LEAST_ANCHOR:
        return line.lstrip()
    _, space, words = tail.partition(" ")
    return words if space and len(words) >= _LEAST_ANCHOR else tail


def tellable(text: str) -> bool:
    """Tell whether a continuation of the text can be told from anything else by its anchor."""
    return len(anchor_of(text)) >= _LEAST_WORDS and not _periodic(anchor_of(text))


def closed(text: str) -> bool:
    """Tell whether a text may be whole as it is: it ends a sentence, a list, a block of code."""
    last = text.rstrip()[-1:]
    return bool(last) and not last.isalnum() and last not in _OPEN


def _periodic(text: str) -> bool:
    """Tell whether a text (its end, of a long one) is one pattern, repeated."""
    text = text[-_PATTERN:]
    fits = [0] * len(text)  # Knuth, Morris and Pratt's table: the longest start that ends here
    for place in range(1, len(text)):
        size = fits[place - 1]
        while size and text[place] != text[size]:
            size = fits[size - 1]
        fits[place] = size + 1 if text[place] == text[size] else 0
    return bool(text) and fits[-1] * 2 >= len(text)


def _without(rest: str, space: str) -> str:
    """Return a continuation without the white space that has gone out before it."""
    if not space:
        return rest
    own = rest[: len(rest) - len(rest.lstrip())]
    if own.startswith(space):
        return rest[len(space) :]
    return rest[len(own) :] if space.startswith(own) else rest
