"""Compressed answers, inflated within bounds. Pure."""

import zlib

from services.errors import Kind, RoutorError

_WINDOW = 15  # bits; 32 more let zlib tell gzip from its own format


class Inflater:
    """Inflates one body. `bare`: it may be deflate without the wrapping that RFC 9110 asks for."""

    def __init__(self, bare: bool) -> None:
        self._inner = zlib.decompressobj(32 + _WINDOW)
        self._bare = bare

    def feed(self, data: bytes, most_bytes: int) -> bytes:
        """Inflate the next bytes, to no more than `most_bytes`; raises RoutorError."""
        try:
            return self._inflate(data, most_bytes)
        except zlib.error as failure:
            raise RoutorError(
                Kind.PROVIDER_UNAVAILABLE, "the answer could not be decompressed"
            ) from failure

    def _inflate(self, data: bytes, most_bytes: int) -> bytes:
        try:
            return self._inner.decompress(data, most_bytes)
        except zlib.error:
            if not self._bare:
                raise
            self._inner = zlib.decompressobj(-_WINDOW)
            return self._inner.decompress(data, most_bytes)
        finally:
            self._bare = False


def inflater(encoding: str) -> Inflater | None:
    """Return what undoes a content-encoding, None when there is nothing to undo.

    Nested encodings multiply (two layers of gzip turn 16 KB into 16 GB): raises RoutorError for
    them and for any that was not asked for.
    """
    encoding = encoding.strip().lower()
    if encoding in ("", "identity"):
        return None
    if encoding not in ("gzip", "deflate"):
        raise RoutorError(Kind.PROVIDER_UNAVAILABLE, "the answer has an encoding nobody asked for")
    return Inflater(bare=encoding == "deflate")
