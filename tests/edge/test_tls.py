"""The edge speaks by TLS to services that it can trust, and to no others."""

import pytest

from services.edge import peers
from services.tls import PLAIN
from tests import certificates
from tests.edge import fakes


async def test_it_is_answered_over_tls(authority):
    async with fakes.opened(shown=authority, tls=authority) as house:
        assert (await house.chat()).status_code == 200
        stream = await house.chat(stream=True)
        assert stream.text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("whose", ["stranger", "nobody"])
@pytest.mark.parametrize("shows", [True, False])
async def test_it_sends_nothing_to_services_of_another_authority(
    authority, tmp_path, monkeypatch, whose, shows
):
    monkeypatch.setattr(peers, "REACH_TIMEOUT_S", 0.2)
    other = certificates.signed(tmp_path, "stranger") if whose == "stranger" else PLAIN
    pair = (authority, other) if shows else (other, authority)
    async with fakes.opened(shown=pair[0], tls=pair[1]) as house:
        answer = await house.chat()
        assert answer.status_code == 503
        assert not house.router.requests
        assert not house.providers.requests
        assert (await house.client.get("/readyz")).status_code == 503
