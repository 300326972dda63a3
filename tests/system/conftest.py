import pytest

from tests.system.harness import Up, Vendors


@pytest.fixture(scope="session")
def vendors():
    running = Vendors()
    yield running
    running.stop()


@pytest.fixture(scope="session")
def connected(vendors, tmp_path_factory):
    """A Routor with all 13 providers connected by key and address."""
    up = Up(tmp_path_factory.mktemp("connected"), vendors.environ())
    yield up
    assert up.stop() == 0, "".join(up.output)


@pytest.fixture
def healed(vendors):
    yield vendors
    vendors.heal()
