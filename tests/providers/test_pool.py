"""Addresses at which no usable connection is to be had, and what is said of them."""

import asyncio
import socket
import ssl
import sys
from contextlib import asynccontextmanager

import pytest

from services.errors import Kind, RoutorError
from services.providers import pool
from services.providers.transport import Endpoint, HttpTransport
from tests import certificates


async def refuses(reader, writer):
    """Answer TLS as a server of plain HTTP does."""
    await reader.read(1)
    writer.write(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
    writer.close()


async def is_silent(reader, writer):
    await reader.read()


@asynccontextmanager
async def listening(talk, tls=None):
    """Serve on loopback; yield the https address."""
    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    server.close()


async def asked(url):
    """Ask for what is there; return the error that says why nothing came."""
    transport = HttpTransport(connect_timeout_s=0.3, max_connections=9, keepalive_s=60)
    try:
        with pytest.raises(RoutorError) as caught:
            await transport.send(Endpoint(url, {"authorization": "Bearer secret"}))
        return caught.value
    finally:
        await transport.aclose()


@pytest.mark.parametrize(
    ("issued", "said"),
    [
        ({"days": -1}, "certificate has expired"),
        ({"host": "example.com"}, "not valid for '127.0.0.1'"),
    ],
)
async def test_a_wrong_certificate_gets_no_key(tmp_path, monkeypatch, issued, said):
    files = certificates.signed(tmp_path, **issued)
    monkeypatch.setenv("SSL_CERT_FILE", str(files.ca_file))
    pool._tls.cache_clear()
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    served.load_cert_chain(files.cert_file, files.key_file)
    heard = []

    async def hears(reader, writer):
        heard.append(await reader.read())

    async with listening(hears, served) as url:
        error = await asked(url)
    assert error.kind is Kind.PROVIDER_UNAVAILABLE
    assert said in error.message
    assert not any(heard)
    pool._tls.cache_clear()


@pytest.mark.parametrize(
    ("talk", "kind", "said"),
    [
        (refuses, Kind.PROVIDER_UNAVAILABLE, "no secure connection"),
        (is_silent, Kind.PROVIDER_TIMEOUT, "no connection within 0.3 s"),
    ],
)
async def test_who_speaks_no_tls_is_noticed(talk, kind, said):
    async with listening(talk) as url:
        error = await asked(url)
    assert error.kind is kind
    assert said in error.message


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
async def test_who_drops_what_comes_is_given_up_in_time():
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for one in (first, second):
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        error = await asked(f"http://127.0.0.1:{full.getsockname()[1]}/")
    assert error.kind is Kind.PROVIDER_TIMEOUT
    assert "no connection within 0.3 s" in error.message
