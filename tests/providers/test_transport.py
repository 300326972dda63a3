"""The client itself, before servers that do what a test says."""

import asyncio
import shutil
import ssl
import subprocess
import time
from email.utils import parsedate_to_datetime

import pytest

from services.errors import Kind, RoutorError
from services.providers import pool, proxy
from services.providers.transport import Endpoint, HttpTransport, whole
from services.providers.wire import Origin
from tests.providers.conftest import read_request

ANSWER = b"HTTP/1.1 200 OK\r\nX-Two: a\r\nx-two: b\r\ncontent-length: 2\r\n\r\nok"
SECURE = Origin("api.example.com", 443, True)


@pytest.fixture
async def transport():
    made = HttpTransport(connect_timeout_s=0.3, max_connections=1, keepalive_s=60.0)
    yield made
    await made.aclose()


async def answers(reader, writer):
    while True:
        await read_request(reader)
        writer.write(ANSWER)


async def ask(transport: HttpTransport, url: str) -> bytes:
    reply = await transport.send(Endpoint(url, {}), b"{}")
    try:
        return await whole(reply, 1 << 20)
    finally:
        reply.close()


def test_the_head_says_where_and_what():
    head = Endpoint("http://[::1]:8000/v1/a b?x=1", {"authorization": "Bearer k"}).head
    assert head.splitlines() == [
        b"POST /v1/a%20b?x=1 HTTP/1.1",
        b"host: [::1]:8000",
        b"accept-encoding: gzip, deflate",
        b"user-agent: routor",
        b"authorization: Bearer k",
    ]
    assert b"host: h\r\n" in Endpoint("https://h/", {}).head
    assert b"host: h:80\r\n" in Endpoint("https://h:80/", {}).head


def test_credentials_in_an_address_are_used_where_there_is_no_key():
    head = Endpoint("http://me:p%40ss@h/", {}).head
    assert b"host: h\r\n" in head
    assert b"authorization: Basic bWU6cEBzcw==\r\n" in head
    assert b"Basic" not in Endpoint("http://me:p@h/", {"Authorization": "Bearer k"}).head


@pytest.mark.parametrize("url", ["", "h/v1", "ftp://h/", "http://", "http://h:x/"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(RoutorError):
        Endpoint(url, {})


@pytest.mark.parametrize("key", ["a\r\nx: y", "a\nb", "a\0b", "k€y"])
def test_a_key_that_no_head_can_hold_is_refused_and_not_shown(key):
    with pytest.raises(RoutorError) as caught:
        Endpoint("http://h/", {"authorization": key})
    assert key not in caught.value.message


async def test_status_and_headers_come_with_the_answer(transport, hostile):
    reply = await transport.send(Endpoint(await hostile(answers), {}))
    assert (reply.status, reply.headers["x-two"]) == (200, "a, b")
    reply.close()


async def test_an_answer_without_a_date_is_of_now(transport, hostile):
    before_s = time.time()
    reply = await transport.send(Endpoint(await hostile(answers), {}))
    told_s = parsedate_to_datetime(reply.headers["date"]).timestamp()
    assert int(before_s) <= told_s <= time.time()
    reply.close()


async def test_further_lines_join_the_head(transport, hostile):
    heads = []

    async def talk(reader, writer):
        heads.append(await read_request(reader))
        writer.write(ANSWER)

    await transport.send(Endpoint(await hostile(talk), {}), b"{}", b"traceparent: 00\r\n")
    assert heads[0].endswith(b"content-length: 2\r\ntraceparent: 00\r\n\r\n")


async def test_requests_beyond_the_limit_wait_for_a_connection(transport, hostile):
    url = await hostile(answers)
    assert await asyncio.gather(*(ask(transport, url) for _ in range(20))) == [b"ok"] * 20


async def test_a_free_connection_makes_room_for_another_address(transport, hostile):
    for _ in range(3):
        assert await ask(transport, await hostile(answers)) == b"ok"


async def test_who_finds_no_room_in_time_is_told(transport, hostile):
    held = await transport.send(Endpoint(await hostile(answers), {}))
    with pytest.raises(RoutorError) as caught:
        await ask(transport, await hostile(answers))
    assert caught.value.kind is Kind.PROVIDER_TIMEOUT
    held.close()
    assert await ask(transport, await hostile(answers)) == b"ok"


async def test_one_who_gives_up_waiting_lets_the_next_in(transport, hostile):
    url = await hostile(answers)
    held = await transport.send(Endpoint(url, {}))
    first, second = (asyncio.create_task(ask(transport, url)) for _ in range(2))
    await asyncio.sleep(0)
    held.close()
    first.cancel()
    assert await second == b"ok"


async def test_a_cancelled_request_ends_its_connection_at_once(transport, hostile):
    begun, ended = asyncio.Event(), asyncio.Event()

    async def talk(reader, writer):
        await read_request(reader)
        begun.set()
        try:
            await reader.read()
        finally:
            ended.set()

    task = asyncio.create_task(ask(transport, await hostile(talk)))
    await begun.wait()
    task.cancel()
    await asyncio.wait_for(ended.wait(), 5)


async def test_a_connection_that_is_long_free_is_closed(hostile):
    ended = asyncio.Event()

    async def talk(reader, writer):
        await read_request(reader)
        writer.write(ANSWER)
        await reader.read()
        ended.set()

    transport = HttpTransport(connect_timeout_s=1, max_connections=9, keepalive_s=0.02)
    assert await ask(transport, await hostile(talk)) == b"ok"
    await asyncio.wait_for(ended.wait(), 5)
    await transport.aclose()


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://nobody.invalid/"])
async def test_nobody_there_is_unavailable(transport, url):
    with pytest.raises(RoutorError) as caught:
        await ask(transport, url)
    assert caught.value.kind in (Kind.PROVIDER_UNAVAILABLE, Kind.PROVIDER_TIMEOUT)


# --- TLS and proxies


@pytest.fixture
def certificate(tmp_path):
    """Make a key and a certificate for 127.0.0.1 that signs itself."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command")
    key, made = tmp_path / "key.pem", tmp_path / "cert.pem"
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    command = ["openssl", "req", "-x509", *kind, *subject, "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


@pytest.fixture
async def secure(certificate):
    """Start a server with TLS; return its port."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    talking = []

    async def talk(reader, writer):
        talking.append(writer)
        try:
            await answers(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    yield server.sockets[0].getsockname()[1]
    server.close()


async def test_tls_needs_an_authority_that_is_trusted(secure, certificate, monkeypatch):
    url = f"https://127.0.0.1:{secure}/"
    for trusted, content in ((None, None), (certificate[0], b"ok")):
        if trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
        pool._tls.cache_clear()
        transport = HttpTransport(connect_timeout_s=5, max_connections=9, keepalive_s=60)
        if content:
            assert await ask(transport, url) == content
            assert await ask(transport, url) == content
        else:
            with pytest.raises(RoutorError, match="certificate was not accepted: self-signed"):
                await ask(transport, url)
        await transport.aclose()
    pool._tls.cache_clear()


async def test_a_proxy_is_asked_for_a_tunnel(secure, certificate, hostile, monkeypatch):
    heads = []

    async def proxies(reader, writer):
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", secure)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")

        async def copy(source, sink):
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(copy(reader, to_writer), copy(to_reader, writer))

    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    pool._tls.cache_clear()
    port = (await hostile(proxies)).rpartition(":")[2].partition("/")[0]
    transport = HttpTransport(
        connect_timeout_s=5,
        max_connections=9,
        keepalive_s=60,
        environ={"HTTPS_PROXY": f"http://me:p%40ss@127.0.0.1:{port}"},
    )
    assert await ask(transport, f"https://127.0.0.1:{secure}/") == b"ok"
    await transport.aclose()
    pool._tls.cache_clear()
    assert heads[0].startswith(b"CONNECT 127.0.0.1:%d HTTP/1.1\r\n" % secure)
    assert b"proxy-authorization: Basic bWU6cEBzcw==\r\n" in heads[0]


async def test_a_proxy_that_refuses_is_unavailable(hostile):
    async def refuses(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")

    url = (await hostile(refuses)).removesuffix("/v1")
    transport = HttpTransport(
        connect_timeout_s=5, max_connections=9, keepalive_s=60, environ={"https_proxy": url}
    )
    with pytest.raises(RoutorError, match="the proxy refused"):
        await ask(transport, "https://api.example.com/")
    await transport.aclose()


def test_which_addresses_go_through_the_proxy():
    named = {"HTTPS_PROXY": "proxy.example.com:3128"}
    found = proxy.before(SECURE, named)
    assert (found.host, found.port) == ("proxy.example.com", 3128)
    assert proxy.before(SECURE, {}) is None
    assert proxy.before(Origin("api.example.com", 80, False), named) is None
    for spared in ("example.com", ".example.com", "x, api.example.com", "*"):
        assert proxy.before(SECURE, {**named, "NO_PROXY": spared}) is None
    assert proxy.before(SECURE, {**named, "NO_PROXY": "other.com"}) is not None
    with pytest.raises(RoutorError):
        proxy.before(SECURE, {"HTTPS_PROXY": "socks5://h:1"})
    secret = proxy.before(SECURE, {"HTTPS_PROXY": "http://me:pass@h:1"})
    assert "pass" not in f"{secret} {secret!r}"
