import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.errors import Kind, RoutorError
from services.providers.inflate import Inflater, inflater

TEXT = b"The quick brown fox. " * 200
BARE = zlib.compress(TEXT)[2:-4]


def inflated(encoding: str, data: bytes, size: int = 1 << 20) -> bytes:
    inner = inflater(encoding)
    assert isinstance(inner, Inflater)
    pieces = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(inner.feed(piece, 1 << 20) for piece in pieces)


@given(st.integers(2, 60))
def test_split_anywhere(size: int) -> None:
    assert inflated("gzip", gzip.compress(TEXT), size) == TEXT
    assert inflated("Deflate", zlib.compress(TEXT), size) == TEXT
    assert inflated("deflate", BARE, size) == TEXT


def test_no_more_is_made_than_asked_for() -> None:
    assert len(Inflater(bare=False).feed(gzip.compress(bytes(10 << 20)), 1000)) == 1000


@pytest.mark.parametrize("data", [b"{}", gzip.compress(TEXT)[:10] + b"\xff" * 30])
def test_what_is_no_gzip_is_refused(data: bytes) -> None:
    with pytest.raises(RoutorError) as caught:
        inflated("gzip", data)
    assert caught.value.kind is Kind.PROVIDER_UNAVAILABLE


@pytest.mark.parametrize("encoding", ["br", "zstd", "gzip, gzip", "gzip,deflate", "x"])
def test_what_was_not_asked_for_is_refused(encoding: str) -> None:
    with pytest.raises(RoutorError):
        inflater(encoding)


def test_nothing_to_undo() -> None:
    assert inflater(" Identity") is None
    assert inflater("") is None
