"""Thoughts that a vendor writes into the content: `<think>…</think>` at its start.

Source: MiniMax without reasoning_split (platform.minimax.io, 2026-11-23); self-hosted models
behind vLLM or Ollama without a reasoning parser do the same.
"""

_OPEN, _CLOSE = "<think>", "</think>"

Piece = tuple[str, str]  # ("content" | "reasoning_content", text)


class ThinkingTags:
    """Splits text that arrives in pieces. Only a tag that opens the answer counts."""

    def __init__(self) -> None:
        self._state = "start"  # start, inside, after_tag, outside
        self._held = ""

    def feed(self, text: str) -> list[Piece]:
        """Take the next text; return what is certain, without empty pieces."""
        self._held += text
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        return [piece for piece in pieces if piece[1]]

    def close(self) -> list[Piece]:
        """Return what was held back."""
        held, self._held = self._held, ""
        name = "reasoning_content" if self._state == "inside" else "content"
        return [(name, held)] if held else []

    def _step(self, pieces: list[Piece]) -> bool:
        """Move on by one state; return whether there may be another step."""
        if self._state == "start":
            return self._start()
        if self._state == "inside":
            return self._inside(pieces)
        if self._state == "after_tag":
            self._held = self._held.lstrip()
            self._state = "outside" if self._held else "after_tag"
            return bool(self._held)
        pieces.append(("content", self._held))
        self._held = ""
        return False

    def _start(self) -> bool:
        text = self._held.lstrip()
        if text.startswith(_OPEN):
            self._held, self._state = text.removeprefix(_OPEN), "inside"
            return True
        if not text or _OPEN.startswith(text):
            return False
        self._state = "outside"
        return True

    def _inside(self, pieces: list[Piece]) -> bool:
        before, found, after = self._held.partition(_CLOSE)
        if found:
            pieces.append(("reasoning_content", before))
            self._held, self._state = after, "after_tag"
            return True
        keep = _overlap(self._held)
        pieces.append(("reasoning_content", self._held[: len(self._held) - keep]))
        self._held = self._held[len(self._held) - keep :]
        return False


def _overlap(text: str) -> int:
    """Return how many characters at the end of `text` may begin a closing tag."""
    longest = min(len(text), len(_CLOSE) - 1)
    return next((size for size in range(longest, 0, -1) if _CLOSE.startswith(text[-size:])), 0)
