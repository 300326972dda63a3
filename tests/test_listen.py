"""Addresses to listen on."""

import sys
from contextlib import suppress
from socket import create_connection

import pytest

from services.listen import checked, door, free, leave, reopen
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


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel deals nothing out")
def test_what_comes_goes_to_the_other_door_until_one_is_opened_again():
    with door("127.0.0.1:0", beside=True) as mine:
        address = mine.getsockname()
        with door(f"127.0.0.1:{address[1]}", beside=True) as other:
            leave(mine)
            leave(mine)
            assert dealt(address, other, 16) == 16
            number = mine.fileno()
            reopen(mine)
            reopen(mine)
            assert mine.fileno() == number
            assert 0 < dealt(address, mine, 64) < 64


def test_who_comes_to_the_only_door_waits_there():
    with door("127.0.0.1:0") as only:
        leave(only)
        reopen(only)
        assert dealt(only.getsockname(), only, 1) == 1


def dealt(address, door, number):
    """Connect so often; return how often this door took it."""
    door.settimeout(0)
    taken = 0
    for _ in range(number):
        with create_connection(address, timeout=5), suppress(BlockingIOError):
            door.accept()[0].close()
            taken += 1
    return taken


def test_a_free_port_is_kept():
    with door("127.0.0.1:0") as other:
        port = other.getsockname()[1]
    assert free(port) == f"127.0.0.1:{port}"


def test_a_port_that_does_not_exist_becomes_one_that_does():
    assert 0 < int(free(70_000).rpartition(":")[2]) < 65_536
