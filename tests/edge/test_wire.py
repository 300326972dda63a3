"""What no decent client sends, and clients that wear a server out."""

import asyncio
import re

import msgspec
import pytest

from services.edge import intake, wire
from services.settings import Secret
from tests.edge.fakes import AUTO, KEY, finish, opened, piece

BODY = msgspec.json.encode(AUTO)
HEAD = f"Host: x\r\nx-api-key: {KEY}\r\n".encode()
POST = b"POST /v1/chat/completions HTTP/1.1\r\n" + HEAD
GET = b"GET /v1/models HTTP/1.1\r\n" + HEAD
CHUNKED = b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CODED = b"Transfer-Encoding: chunked\r\n"
HIDDEN = b"GET /healthz HTTP/1.1\r\nHost: y\r\n\r\n"

REFUSED = {
    "length and chunks": POST + LENGTH + CODED + b"\r\n" + CHUNKED,
    "a request hidden behind no chunks": POST + LENGTH + CODED + b"\r\n0\r\n\r\n" + HIDDEN,
    "two lengths": POST + LENGTH + LENGTH + b"\r\n" + BODY,
    "two lengths that differ": POST + LENGTH + b"Content-Length: 0\r\n\r\n" + BODY,
    "a list of lengths": POST + LENGTH.replace(b"\r\n", b", 5\r\n") + b"\r\n" + BODY,
    "a signed length": POST + LENGTH.replace(b": ", b": +") + b"\r\n" + BODY,
    "a negative length": POST + b"Content-Length: -1\r\n\r\n" + BODY,
    "a hexadecimal length": POST + b"Content-Length: 0x10\r\n\r\n" + BODY,
    "two codings": POST + CODED + CODED + b"\r\n" + CHUNKED,
    "no coding": POST + b"Transfer-Encoding: identity\r\n\r\n" + BODY,
    "a coding nobody knows": POST + b"Transfer-Encoding: xchunked\r\n\r\n" + CHUNKED,
    "chunks not last": POST + b"Transfer-Encoding: chunked, identity\r\n\r\n" + CHUNKED,
    "a further coding": POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + CHUNKED,
    "chunks in HTTP/1.0": POST.replace(b"/1.1", b"/1.0") + CODED + b"\r\n" + CHUNKED,
    "a space before the colon": POST + b"Transfer-Encoding : chunked\r\n\r\n" + CHUNKED,
    "a line folded": GET + b"X-A: a\r\n b\r\n\r\n",
    "lines end in LF": GET.replace(b"\r\n", b"\n") + b"\n",
    "one line ends in LF": GET + b"X-A: a\nX-B: b\r\n\r\n",
    "CR within a line": GET + b"X-A: a\rX-B: b\r\n\r\n",
    "NUL": GET + b"X-A: a\x00b\r\n\r\n",
    "two hosts": GET + b"Host: y\r\n\r\n",
    "no host": b"GET /v1/models HTTP/1.1\r\nx-api-key: " + KEY.encode() + b"\r\n\r\n",
    "chunks end in LF": POST + CODED + b"\r\n" + CHUNKED.replace(b"\r\n", b"\n"),
    "a negative chunk": POST + CODED + b"\r\n-1\r\n" + BODY + b"\r\n0\r\n\r\n",
    "an endless chunk": POST + CODED + b"\r\n" + b"F" * 18 + b"\r\n" + BODY,
    "a long header": GET + b"X-A: " + b"a" * 70_000 + b"\r\n\r\n",
    "many headers": GET + b"".join(b"X-%d: a\r\n" % one for one in range(300)) + b"\r\n",
    "many trailers": POST + CODED + b"\r\n" + CHUNKED[:-2] + b"X-T: 1\r\n" * 1000 + b"\r\n",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/9.9": GET.replace(b"/1.1", b"/9.9") + b"\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50),
}  # fmt: skip


async def connected(house):
    return await asyncio.open_connection("127.0.0.1", house.edge.port)


async def statuses(reader):
    """Read all until the server hangs up; return the statuses of the answers."""
    async with asyncio.timeout(5):
        got = await reader.read()
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d+)", got)]


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED)
async def test_what_may_be_read_in_two_ways_is_refused(house, raw):
    reader, writer = await connected(house)
    writer.write(raw)
    assert await statuses(reader) == [400]
    assert not house.providers.requests
    writer.close()


async def test_what_follows_a_refused_request_is_never_answered(house):
    reader, writer = await connected(house)
    writer.write(REFUSED["length and chunks"] + HIDDEN * 3)
    assert await statuses(reader) == [400]
    writer.close()


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/%61dmin/keys", 401),
        ("/admin%2fkeys", 401),
        ("/admin/keys?x=/healthz", 401),
        ("/admin/keys/../../healthz", 401),
        ("http://healthz/admin/keys", 404),
        ("//admin/keys", 404),
        ("/admin/keys;/healthz", 404),
        ("/ADMIN/keys", 404),
        ("/healthz/../admin/keys", 404),
    ],
)
async def test_the_path_that_answers_is_the_path_that_is_judged(path, status):
    async with opened(admin_key=Secret("admin-secret")) as house:
        reader, writer = await connected(house)
        more = b"X-Original-URL: /healthz\r\nX-Rewrite-URL: /healthz\r\nConnection: close\r\n"
        writer.write(b"GET " + path.encode() + b" HTTP/1.1\r\n" + HEAD + more + b"\r\n")
        got = (await statuses(reader))[0]
        # DELETE alone leads below /admin/keys.
        assert got in (status, 405)
        writer.close()


@pytest.mark.parametrize("head", [b"", b"GET /healthz HTTP/1.1\r\n", GET])
async def test_a_head_that_does_not_end_is_dropped(head):
    async with opened(keepalive_timeout_s=0.05) as house:
        reader, writer = await connected(house)
        writer.write(head)
        assert await statuses(reader) == []
        writer.close()


async def test_a_body_that_does_not_end_is_dropped():
    async with opened(body_timeout_s=0.05) as house:
        reader, writer = await connected(house)
        writer.write(POST + b"Connection: close\r\n" + LENGTH + b"\r\n" + BODY[:-1])
        line = await asyncio.wait_for(reader.readline(), 5)
        assert b" 400 " in line
        writer.close()


async def test_a_body_that_stops_half_way_is_hung_up_on():
    async with opened(body_timeout_s=0.05) as house:
        reader, writer = await connected(house)
        writer.write(POST + LENGTH + b"\r\n" + BODY[:-1])
        told = await asyncio.wait_for(reader.read(), 5)
        assert b" 400 " in told.splitlines()[0]
        writer.close()


async def test_a_body_that_drips_is_dropped():
    async with opened(body_timeout_s=0.05) as house:
        reader, writer = await connected(house)
        writer.write(POST + b"Content-Length: 1000000\r\n\r\n")
        answer = asyncio.create_task(reader.readline())
        while not answer.done():
            writer.write(b" ")
            await asyncio.wait([answer], timeout=0.02)
        assert b" 400 " in answer.result()
        writer.close()


async def test_a_body_that_comes_steadily_may_take_longer():
    async with opened(body_timeout_s=1.0) as house:
        reader, writer = await connected(house)
        padding = [b" " * 5000] * 8
        length = len(BODY) + sum(map(len, padding))
        writer.write(POST + b"Connection: close\r\n" + f"Content-Length: {length}\r\n\r\n".encode())
        for piece in padding:
            writer.write(piece)
            await asyncio.sleep(0.2)
        writer.write(BODY)
        assert await statuses(reader) == [200]
        writer.close()


@pytest.mark.parametrize(
    ("past_s", "size", "until_s"),
    [
        (0, 0, 30),
        (10, 30_000_000, 40),  # much has come, and then nothing
        (29, 29, 30.029),  # a byte a second
        (60, 60_000, 90),  # slow and steady
        (119, 30_000_000, 120),
    ],
)
def test_how_long_an_upload_is_waited_for(past_s, size, until_s):
    assert intake.due(past_s, size, 30) == pytest.approx(until_s)


async def test_whoever_waits_longest_makes_room(monkeypatch):
    monkeypatch.setattr(wire, "GRACE_S", 0.0)
    async with opened(max_idle_connections=3) as house:
        idle = [await connected(house) for _ in range(8)]
        for reader, _ in idle[:5]:
            assert await statuses(reader) == []
        # Whoever comes is let in all the same.
        assert (await house.chat()).status_code == 200
        # The last two are still there.
        reader, writer = idle[-1]
        writer.write(GET + b"Connection: close\r\n\r\n")
        assert await statuses(reader) == [200]
        for _, writer in idle:
            writer.close()


async def test_a_crowd_that_comes_at_once_is_answered_all_the_same():
    async with opened(max_idle_connections=3) as house:
        crowd = [await connected(house) for _ in range(3 * wire.GRACE)]
        for reader, writer in crowd:
            writer.write(GET + b"Connection: close\r\n\r\n")
            assert await statuses(reader) == [200]
            writer.close()


async def test_a_client_that_takes_nothing_is_hung_up_on():
    async with opened(write_timeout_s=0.05) as house:
        chunk = piece({"content": "x" * 100_000})
        events = type(finish())
        house.providers.events = [*(events(chunk=chunk) for _ in range(400)), finish()]
        body = msgspec.json.encode({**AUTO, "stream": True})
        _, writer = await connected(house)
        writer.write(POST + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        await house.providers.started.wait()
        assert await house.edge._traffic.quiet(10)
        writer.close()


async def test_more_than_it_can_take_is_turned_down_at_once():
    async with opened(max_requests=2) as house:
        gate, answer = asyncio.Event(), house.providers.answer
        house.providers.answer = [gate, answer]
        taken = [asyncio.create_task(house.chat()) for _ in range(2)]
        while len(house.providers.requests) < 2:  # noqa: ASYNC110 - not a wait for time
            await asyncio.sleep(0)
        refused = await house.chat()
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "overloaded"
        assert refused.headers["Retry-After"] == "1"
        assert (await house.client.get("/healthz")).status_code == 200
        gate.set()
        assert [(await one).status_code for one in taken] == [200, 200]
        assert (await house.chat()).status_code == 200
