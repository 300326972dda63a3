"""Bodies on their way in: their type, their coding, their size, and whether they come at all."""

import asyncio
import gzip
import zlib

import msgspec
import pytest

from tests.edge.fakes import AUTO, KEY, opened


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "text/plain", "Content-Encoding": "gzip"},
        {"Content-Type": "application/json", "Content-Encoding": "unheard-of"},
    ],
)
async def test_only_json_is_taken(house, headers):
    content = gzip.compress(msgspec.json.encode(AUTO))
    answer = await house.client.post("/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 415
    assert answer.json()["error"]["code"] == "unsupported_media_type"


PACKED = {
    "gzip": gzip.compress(msgspec.json.encode(AUTO)),
    "x-gzip": gzip.compress(msgspec.json.encode(AUTO)),
    "deflate": zlib.compress(msgspec.json.encode(AUTO)),
    "identity": msgspec.json.encode(AUTO),
}


@pytest.mark.parametrize("coding", PACKED)
async def test_a_body_may_be_compressed(house, coding):
    headers = {"Content-Type": "application/json", "Content-Encoding": coding}
    answer = await house.client.post(
        "/v1/chat/completions", content=PACKED[coding], headers=headers
    )
    assert answer.status_code == 200
    assert msgspec.json.decode(house.providers.requests[0].body) == AUTO


@pytest.mark.parametrize(
    "content",
    [b"", b"{}", PACKED["gzip"][:-4], PACKED["gzip"] + b"x", PACKED["gzip"] * 2, PACKED["deflate"]],
)
async def test_a_body_that_is_not_compressed_as_it_says_is_400(house, content):
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = await house.client.post("/v1/chat/completions", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


async def test_a_small_body_that_unpacks_into_a_large_one_is_413():
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    async with opened(body_limit_mb=1) as small:
        for size, status in (((1 << 20) + 1, 413), (1 << 28, 413), (1 << 20, 400)):
            content = gzip.compress(b" " * size)
            answer = await small.client.post(
                "/v1/chat/completions", content=content, headers=headers
            )
            assert answer.status_code == status


async def test_a_byte_order_mark_is_passed_over(house):
    content = b"\xef\xbb\xbf" + msgspec.json.encode(AUTO)
    answer = await house.client.post("/v1/chat/completions", content=content)
    assert answer.status_code == 200
    assert house.providers.requests[0].body == msgspec.json.encode(AUTO)


async def test_a_missing_content_type_is_taken(house):
    content = msgspec.json.encode(AUTO)
    answer = await house.client.post("/v1/chat/completions", content=content)
    assert answer.status_code == 200


async def test_a_body_over_the_limit_is_413():
    async with opened(body_limit_mb=1) as small:
        headers = {"Content-Type": "application/json"}
        pieces = (b"x" * 65536 for _ in range(20))

        async def chunked():
            for piece in pieces:
                yield piece

        for content in (b"x" * (1 << 20 | 1), chunked()):
            answer = await small.client.post(
                "/v1/chat/completions", content=content, headers=headers
            )
            assert answer.status_code == 413
            assert answer.json()["error"]["code"] == "request_too_large"
        fitting = msgspec.json.encode({**AUTO, "user": ""})
        padded = fitting.replace(
            b'"user":""', b'"user":"' + b"x" * ((1 << 20) - len(fitting)) + b'"'
        )
        assert len(padded) == 1 << 20
        answer = await small.client.post("/v1/chat/completions", content=padded, headers=headers)
        assert answer.status_code == 200


async def test_a_body_that_never_comes_is_400():
    async with opened(body_timeout_s=0.2) as hasty:
        reader, writer = await asyncio.open_connection("127.0.0.1", hasty.edge.port)
        head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nx-api-key: {KEY}\r\n"
        writer.write(head.encode() + b"Content-Length: 100\r\n\r\n{")
        assert b" 400 " in await reader.readline()
        writer.close()
