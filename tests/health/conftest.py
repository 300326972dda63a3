import pytest

from tests.health.scene import Scene


@pytest.fixture
def scene():
    return Scene().probe()
