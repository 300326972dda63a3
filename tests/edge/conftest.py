import pytest

from services import embedded, store
from tests.edge import fakes


@pytest.fixture
async def house():
    async with fakes.opened() as running:
        yield running


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory):
    server = embedded.EmbeddedServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
async def client(redis_server):
    async with store.connect(redis_server.url) as connected:
        while not await store.answers(connected):
            pass
        await connected.flushall()
        yield connected
