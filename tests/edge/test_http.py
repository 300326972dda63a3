"""HTTP itself: paths, methods, connections, and what every answer carries."""

import asyncio
import logging
from email.utils import parsedate_to_datetime

import msgspec
import pytest

from services.edge.answer import Answer
from services.errors import Kind
from tests.edge.fakes import AUTO, FIRST, KEY, error, finish, opened, piece


async def spoken(house, head, body=b""):
    """Send raw bytes, one request; return the head and the body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", house.edge.port)
    writer.write(head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body)
    async with asyncio.timeout(5):
        answer = await reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].split(b"\r\n")[0] or 0)
        rest = await reader.readexactly(length)
    return answer, rest, reader, writer


def chat_head(length, version="1.1", *lines):
    first = f"POST /v1/chat/completions HTTP/{version}"
    return "\n".join([first, "Host: x", f"x-api-key: {KEY}", f"Content-Length: {length}", *lines])


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/chat/completions"),
        ("POST", "/v1/routing/debug"),
        ("GET", "/v1/models"),
        ("GET", f"/v1/models/{FIRST}"),
        ("GET", "/healthz"),
        ("GET", "/metrics"),
        ("GET", "/v1/nothing"),
        ("GET", "/v1/chat/completions"),
    ],
)
async def test_every_answer_tells_its_id_the_time_and_no_version(house, method, path):
    body = AUTO if method == "POST" else None
    for stream in (False, True):
        sent = {**body, "stream": stream} if body else None
        answer = await house.client.request(
            method, path, json=sent, headers={"X-Request-Id": "mine"}
        )
        assert answer.headers["X-Request-Id"] == "mine"
        assert answer.headers.get_list("Server") == ["routor"]
        assert parsedate_to_datetime(answer.headers["Date"]).tzinfo is not None


@pytest.mark.parametrize("version", ["0.9", "1.2", "2.0"])
async def test_another_http_is_not_spoken(house, version):
    content = msgspec.json.encode(AUTO)
    answer, rest, reader, _ = await spoken(house, chat_head(len(content), version), content)
    assert b" 505 " in answer.splitlines()[0] or b" 400 " in answer.splitlines()[0]
    assert b'"error"' in rest
    assert await reader.read() == b""
    assert not house.router.requests


async def test_a_key_of_60_kb_is_refused_as_a_key(house):
    head = f"GET /v1/models HTTP/1.1\nHost: x\nAuthorization: Bearer {'k' * 60_000}"
    answer, rest, _, writer = await spoken(house, head)
    writer.close()
    assert b" 401 " in answer.split(b"\r\n")[0]
    assert b"kkk" not in answer + rest


async def test_a_head_beyond_measure_is_not_waited_for(house):
    lines = [f"X-{number}: {'x' * 8_000}" for number in range(13)]
    reader, writer = await asyncio.open_connection("127.0.0.1", house.edge.port)
    writer.write("\r\n".join(["GET /v1/models HTTP/1.1", "Host: x", *lines]).encode())
    async with asyncio.timeout(5):
        answer = await reader.read()
    writer.close()
    assert answer.startswith(b"HTTP/1.1 431 ")
    assert b'"type":"invalid_request_error"' in answer


async def test_an_absolute_address_has_to_be_ours(house):
    for host, status in (("x", b" 200 "), ("evil.example", b" 404 ")):
        head = f"GET http://{host}/v1/models HTTP/1.1\nHost: x\nx-api-key: {KEY}"
        answer, *_ = await spoken(house, head)
        assert status in answer.splitlines()[0]


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions?beta=true", "/v1/%63hat/completions"],
)
async def test_a_path_may_be_written_in_other_ways(house, path):
    head = chat_head(len(msgspec.json.encode(AUTO))).replace("/v1/chat/completions", path)
    answer, *_, writer = await spoken(house, head, msgspec.json.encode(AUTO))
    assert answer.startswith(b"HTTP/1.1 200 ")
    writer.close()
    answer, *_, writer = await spoken(house, head.replace(KEY, "wrong"))
    assert answer.startswith(b"HTTP/1.1 401 ")
    writer.close()


@pytest.mark.parametrize(
    "path", ["/v1/models/", "/v1", "//", "/healthz/", "//healthz", "/readyz/x"]
)
async def test_no_other_path_leads_anywhere(house, path):
    assert (await house.client.get(house.url + path)).status_code == 404


async def test_head_is_get_without_a_body(house):
    answer = await house.client.head("/v1/models")
    assert answer.status_code == 200
    assert answer.content == b""
    assert (await house.client.head("/v1/chat/completions")).status_code == 405
    # Claude Code asks this before its first request, without a key.
    answer = await house.client.head(house.url + "/", headers={"Authorization": ""})
    assert answer.status_code == 200
    assert (await house.client.post("/v1/models")).headers["Allow"] == "GET,HEAD"


async def test_a_connection_serves_many_requests(house):
    body = msgspec.json.encode(AUTO)
    answer, rest, reader, writer = await spoken(house, chat_head(len(body)), body)
    assert b"connection:" not in answer.lower()
    assert msgspec.json.decode(rest)["routor"]["model"] == FIRST
    head = chat_head(len(body), "1.1", "Connection: close").replace("\n", "\r\n")
    writer.write(head.encode() + b"\r\n\r\n" + body)
    async with asyncio.timeout(5):
        assert b"\r\nConnection: close\r\n" in await reader.read()
    writer.close()


async def test_http_1_0_is_understood(house):
    body = msgspec.json.encode(AUTO)
    head = chat_head(len(body), "1.0", "Connection: keep-alive")
    answer, _, _, writer = await spoken(house, head, body)
    assert b"\r\nConnection: keep-alive\r\n" in answer
    writer.close()
    answer, _, reader, writer = await spoken(house, chat_head(len(body), "1.0"), body)
    assert b"\r\nConnection: close\r\n" in answer
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_a_client_that_waits_for_100_continue_gets_it(house):
    body = msgspec.json.encode(AUTO)
    head = chat_head(len(body), "1.1", "Expect: 100-continue")
    answer, _, reader, writer = await spoken(house, head)
    assert answer == b"HTTP/1.1 100 Continue\r\n\r\n"
    writer.write(body)
    async with asyncio.timeout(5):
        assert (await reader.readline()).startswith(b"HTTP/1.1 200 ")
    writer.close()
    refused, *_, writer = await spoken(house, head.replace(KEY, "wrong"))
    assert refused.startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_body_in_pieces_is_put_together(house):
    raw = msgspec.json.encode({**AUTO, "user": "x" * 300_000})
    for pieces in ([raw], [raw[:100], raw[100:200_000], raw[200_000:]]):

        async def chunked(pieces=pieces):
            for part in pieces:
                yield part

        answer = await house.client.post("/v1/chat/completions", content=chunked())
        assert answer.status_code == 200
        assert house.providers.requests[-1].body == raw


def test_a_header_with_a_line_break_is_never_written():
    with pytest.raises(ValueError, match="control character"):
        Answer(b"{}", {"X-Routor-Model": "a\r\nX-Evil: 1"})


@pytest.mark.parametrize("access_log", [False, True])
async def test_requests_are_logged_on_demand_and_faults_of_ours_always(access_log, caplog):
    caplog.set_level(logging.INFO)
    async with opened(access_log=access_log) as house:
        for fault in (None, error(Kind.INTERNAL)):
            house.providers.answer = fault or house.providers.answer
            await house.chat()
        logged = [line.fields["status"] for line in caplog.records if hasattr(line, "fields")]
    assert logged == ([200, 500] if access_log else [500])


async def test_the_stream_of_a_client_that_reads_slowly_is_whole(house):
    words = [piece({"content": str(number) * 10_000}) for number in range(100)]
    events = type(finish())
    house.providers.events = [*(events(chunk=word) for word in words), finish()]
    body = {**AUTO, "stream": True}
    got = b""
    async with house.client.stream("POST", "/v1/chat/completions", json=body) as answer:
        async for part in answer.aiter_raw(4096):
            got += part
            await asyncio.sleep(0)
    assert got.count(b"data: ") == 102
    assert all(b"data: " + word + b"\n\n" in got for word in words)


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/v1/messages", 405, "invalid_request_error"),
        ("POST", "/v1/messages/batches", 404, "not_found_error"),
        ("GET", "/v1/models/nobody", 404, "not_found_error"),
        ("POST", "/v1/models", 405, "invalid_request_error"),
    ],
)
async def test_who_speaks_anthropics_format_is_refused_in_it(house, method, path, status, kind):
    headers = {"anthropic-version": "2023-06-01"}
    answer = await house.client.request(method, path, headers=headers)
    assert answer.status_code == status
    told = answer.json()
    assert told["type"] == "error"
    assert told["error"]["type"] == kind
    assert told["request_id"] == answer.headers["request-id"]


async def test_a_path_of_anthropics_is_refused_in_its_format_without_the_header(house):
    for path in ("/v1/messages", "/v1/messages/batches", "/v1/messages/count_tokens/x"):
        answer = await house.client.get(path)
        assert answer.json()["type"] == "error"
        assert answer.json()["request_id"] == answer.headers["request-id"]


async def test_a_path_below_a_door_of_openais_is_refused_in_openais_format(house):
    headers = {"anthropic-version": "2023-06-01"}
    answer = await house.client.get("/v1/responses/resp_1", headers=headers)
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "not_found"


PREFLIGHT = {
    "Origin": "https://app.example",
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "authorization,content-type,x-stainless-os",
    "Authorization": "",
}


async def test_a_page_may_ask_from_anywhere(house):
    asked = await house.client.options("/v1/chat/completions", headers=PREFLIGHT)
    assert asked.status_code == 204
    assert asked.headers["Access-Control-Allow-Origin"] == "*"
    assert "POST" in asked.headers["Access-Control-Allow-Methods"]
    assert (
        asked.headers["Access-Control-Allow-Headers"]
        == (PREFLIGHT["Access-Control-Request-Headers"])
    )
    for body in (AUTO, {}, {**AUTO, "stream": True}):
        answer = await house.client.post(
            "/v1/chat/completions", json=body, headers={"Origin": "https://app.example"}
        )
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Access-Control-Expose-Headers"] == "*"
    assert "Access-Control-Allow-Origin" not in (await house.chat()).headers


async def test_pages_may_be_named():
    async with opened(cors_origins="https://app.example, https://b.example") as house:
        for origin, allowed in (("https://app.example", True), ("https://evil.example", False)):
            headers = {**PREFLIGHT, "Origin": origin}
            asked = await house.client.options("/v1/models", headers=headers)
            answer = await house.client.get("/v1/models", headers={"Origin": origin})
            for told in (asked, answer):
                assert told.headers.get("Access-Control-Allow-Origin") == (
                    origin if allowed else None
                )


async def test_no_page_may_ask_where_none_is_said():
    async with opened(cors_origins="none") as house:
        for origin in ("https://app.example", "null", "none"):
            answer = await house.client.get("/v1/models", headers={"Origin": origin})
            assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("path", ["/admin/keys", "/metrics"])
async def test_pages_may_not_ask_for_what_is_the_owners(house, path):
    asked = await house.client.options(house.url + path, headers=PREFLIGHT)
    assert "Access-Control-Allow-Origin" not in asked.headers


async def test_options_that_no_page_asks_is_no_method(house):
    assert (await house.client.options("/v1/chat/completions")).status_code == 405
