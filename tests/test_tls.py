"""TLS between services: what the settings may say, and whom it lets in."""

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services import rpc, settings
from services.router.settings import RouterSettings
from services.settings import SettingsError
from tests import certificates

CERT, KEY, CA = (f"ROUTOR_TLS_{name}_FILE" for name in ("CERT", "KEY", "CA"))


@pytest.fixture
def stranger(tmp_path):
    return certificates.signed(tmp_path, "stranger")


def test_without_settings_all_is_plain():
    tls = settings.read(RouterSettings, {}).tls
    assert (tls.trusted(), tls.client(), tls.server(), tls.credentials()) == (None,) * 4


def test_every_service_reads_them(authority):
    assert settings.read(RouterSettings, certificates.environ(authority)).tls == authority


@pytest.mark.parametrize("missing", [{CERT}, {KEY}, {CA}, {CERT, CA}, {KEY, CA}])
def test_half_a_setting_names_what_is_missing(authority, missing):
    environ = certificates.environ(authority)
    for name in missing:
        del environ[name]
    with pytest.raises(SettingsError) as raised:
        settings.read(RouterSettings, environ)
    assert {line.partition(":")[0] for line in str(raised.value).splitlines()} == missing


def test_the_authority_alone_is_enough_to_call_but_not_to_serve(authority):
    tls = settings.read(RouterSettings, {CA: str(authority.ca_file)}).tls
    assert tls.trusted()
    assert tls.client()
    with pytest.raises(SettingsError, match=f"{CERT}(.|\n)*{KEY}"):
        tls.server()


@pytest.mark.parametrize("name", [CERT, KEY, CA])
@pytest.mark.parametrize("text", [None, "", "no certificate"])
def test_a_file_that_cannot_be_used_is_told_by_its_variable(authority, tmp_path, name, text):
    wrong = tmp_path / "wrong.pem"
    if text is not None:
        wrong.write_text(text)
    environ = {**certificates.environ(authority), name: str(wrong)}
    tls = settings.read(RouterSettings, environ).tls
    with pytest.raises(SettingsError, match=name):
        tls.trusted()
        tls.credentials()


def test_a_key_of_another_certificate_is_told(authority, stranger):
    environ = {**certificates.environ(authority), KEY: str(stranger.key_file)}
    with pytest.raises(SettingsError, match=KEY):
        settings.read(RouterSettings, environ).tls.server()


@pytest.fixture
async def served(authority):
    server = rpc.Server("127.0.0.1:0", credentials=authority.credentials())
    await server.start()
    yield f"127.0.0.1:{server.port}"
    await server.stop(0)


async def alive(address, certificates):
    async with rpc.channel(address, certificates) as channel:
        asked = health_pb2.HealthCheckRequest(service=rpc.LIVENESS)
        return await health_pb2_grpc.HealthStub(channel).Check(asked, timeout=10)


async def test_grpc_answers_who_trusts_its_authority(served, authority):
    assert (await alive(served, authority.trusted())).status == 1


@pytest.mark.parametrize("plain", [True, False])
async def test_grpc_answers_nobody_else(served, stranger, plain):
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await alive(served, None if plain else stranger.trusted())
    assert raised.value.code() is grpc.StatusCode.UNAVAILABLE
