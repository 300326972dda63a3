"""How many input tokens a request has, estimated from characters in bounded time a message.

Tokenizers differ by some 20 % between vendors. The estimate errs on the high side, so that no
model is chosen that the request just fails to fit.
"""

from collections.abc import Sequence
from typing import Final

from routor.v1.router_pb2 import Message, RouteRequest, Tool
from routor.v1.types_pb2 import (
    MODALITY_AUDIO,
    MODALITY_FILE,
    MODALITY_IMAGE,
    MODALITY_VIDEO,
    Modality,
)

# Tokens a character, by its bytes in UTF-8: 0.26 for one (English has 4.5 characters a token, code
# 3.2), 0.49 for two (Cyrillic, Greek, Arabic), 0.71 for three (Chinese, Japanese, Korean, Thai).
TOKENS_PER_CHAR: Final = 0.26
TOKENS_PER_FURTHER_BYTE: Final = 0.225
SAMPLE_CHARS: Final = 512
# Role markers and separators around a message; name and braces around a tool.
MESSAGE_TOKENS: Final = 4
TOOL_TOKENS: Final = 16
# Images at usual sizes cost 765 to 1600 tokens; a file a few pages; sound and video half a minute.
ATTACHMENT_TOKENS: Final[dict[Modality.ValueType, int]] = {
    MODALITY_IMAGE: 1000,
    MODALITY_FILE: 3000,
    MODALITY_AUDIO: 1000,
    MODALITY_VIDEO: 8000,
}


def input_tokens(request: RouteRequest, texts: Sequence[str] | None = None) -> int:
    """Return the caller's count, or an estimate from messages, attachments and tools.

    `texts`: those of the messages, by whoever has read them already: to read one decodes it.
    """
    if request.needs.input_tokens:
        return request.needs.input_tokens
    messages = request.messages[::-1]
    said = [message.text for message in messages] if texts is None else texts[::-1]
    tokens_per_char = TOKENS_PER_CHAR
    counts: list[float] = []
    # Slices: protobuf's repeated fields are slow to iterate over.
    for message, text in zip(messages, said, strict=True):
        if text:
            tokens_per_char = density(text)
        # A text that is not told is taken to be in the script of what follows it.
        chars = max(message.text_chars, len(text))
        counts.append(MESSAGE_TOKENS + _attachment_tokens(message) + chars * tokens_per_char)
    tools = sum([_tool_tokens(tool) for tool in request.tools[:]])
    return int(tools + sum(counts[::-1]))


def density(text: str) -> float:
    """Estimate the tokens a character of a text, of which only the head and the tail are seen."""
    if text.isascii():
        return TOKENS_PER_CHAR
    sample = text if len(text) <= 2 * SAMPLE_CHARS else text[:SAMPLE_CHARS] + text[-SAMPLE_CHARS:]
    further_bytes = len(sample.encode("utf-8", "replace")) / len(sample) - 1
    return TOKENS_PER_CHAR + TOKENS_PER_FURTHER_BYTE * further_bytes


def _attachment_tokens(message: Message) -> int:
    attachments = message.attachments
    return sum(ATTACHMENT_TOKENS.get(kind, 0) for kind in attachments) if attachments else 0


def _tool_tokens(tool: Tool) -> float:
    chars = len(tool.name) + len(tool.description) + tool.schema_chars
    return TOOL_TOKENS + chars * TOKENS_PER_CHAR
