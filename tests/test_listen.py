"""Addresses to listen on."""

import pytest

from services.listen import checked, door, free
from services.settings import SettingsError


@pytest.mark.parametrize("listen", ["here", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:70000"])
def test_what_is_no_address_is_named(listen):
    with pytest.raises(SettingsError) as raised, checked("X_LISTEN", listen):
        pass
    assert str(raised.value) == f"X_LISTEN: cannot listen on {listen!r}: expected host:port"


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "[::1]:0", "unix:/any/path", "fd:9", ""])
def test_what_can_be_an_address_passes(listen):
    with checked("X_LISTEN", listen):
        pass


def test_a_taken_port_is_refused_even_where_it_is_shared():
    with door("127.0.0.1:0", beside=True) as first:
        port = first.getsockname()[1]
        with pytest.raises(SettingsError, match="in use"), checked("X", f"127.0.0.1:{port}"):
            pass
        assert free(port) != f"127.0.0.1:{port}"
        door(f"127.0.0.1:{port}", beside=True).close()


def test_a_free_port_is_kept():
    with door("127.0.0.1:0") as other:
        port = other.getsockname()[1]
    assert free(port) == f"127.0.0.1:{port}"


def test_a_port_that_does_not_exist_becomes_one_that_does():
    assert 0 < int(free(70_000).rpartition(":")[2]) < 65_536
