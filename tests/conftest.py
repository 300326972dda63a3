"""A real Redis for the tests that need one.

ROUTOR_TEST_REDIS=auto|docker|local. docker: a container, started only when a Docker engine
answers and holds a Redis image already (nothing is ever pulled). local: the server binary that
`routor up` runs. auto, the default: docker where it is possible, else local.
"""

import asyncio
import contextlib
import os
import time

import pytest
import redis
from hypothesis import settings

from services import embedded, store
from tests import certificates

# How long a case takes says more about the machine than about the code.
settings.register_profile("routor", deadline=None)
settings.load_profile("routor")

MODE = os.environ.get("ROUTOR_TEST_REDIS", "auto")
IMAGES = ("redis:7", "redis:8", "redis:latest", "redis:7-alpine", "valkey/valkey:8")


def docker_image():
    """Return a Redis image that the local Docker engine holds, or None."""
    if MODE == "local":
        return None
    trouble = "it holds none"
    try:
        import docker  # noqa: PLC0415 - only where Docker may be used

        with contextlib.closing(docker.from_env(timeout=5)) as client:
            held = {tag for image in client.images.list() for tag in image.tags}
    except Exception as failure:  # no engine, no permission, no client: there is no Docker
        held, trouble = set(), f"there is none: {failure}"
    found = next((image for image in IMAGES if image in held), None)
    if MODE == "docker" and found is None:
        raise pytest.UsageError(
            "ROUTOR_TEST_REDIS=docker needs a Docker engine that holds one of "
            f"{', '.join(IMAGES)}; {trouble}"
        )
    return found


IMAGE = pytest.StashKey()


def pytest_configure(config):
    if MODE not in ("auto", "docker", "local"):
        raise pytest.UsageError(f"ROUTOR_TEST_REDIS is auto, docker or local, not {MODE!r}")
    config.stash[IMAGE] = docker_image()


def pytest_report_header(config):
    image = config.stash[IMAGE]
    used = f"docker, {image}" if image else f"local, {embedded.server_binary()}"
    return f"redis: {used} (ROUTOR_TEST_REDIS={MODE})"


def wait_for_redis(url, timeout_s=10.0):
    """Return when a server that was just started answers."""
    deadline = time.monotonic() + timeout_s
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        while True:
            try:
                client.ping()
            except redis.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


@pytest.fixture(scope="session")
def redis_server_url(request, tmp_path_factory):
    """The address of one Redis for the whole run."""
    image = request.config.stash[IMAGE]
    if image is None:
        server = embedded.EmbeddedServer(tmp_path_factory.mktemp("redis"))
        server.start()
        wait_for_redis(server.url)
        yield server.url
        server.stop()
        return
    # The clean-up container would have to be pulled; the fixture cleans up itself.
    os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    if os.environ.get("DOCKER_HOST", "unix:").startswith("unix:"):
        # An engine on this machine publishes ports on loopback.
        os.environ.setdefault("TESTCONTAINERS_CONNECTION_MODE", "docker_host")
        os.environ.setdefault("TESTCONTAINERS_HOST_OVERRIDE", "127.0.0.1")
    from testcontainers.community.redis import RedisContainer  # noqa: PLC0415

    with RedisContainer(image) as container:
        host = container.get_container_host_ip()
        yield f"redis://{host}:{container.get_exposed_port(container.port)}/0"


@pytest.fixture
def redis_url(redis_server_url):
    """The address of an empty Redis."""
    with contextlib.closing(redis.Redis.from_url(redis_server_url)) as client:
        client.flushall()
    return redis_server_url


@pytest.fixture
async def redis_client(redis_url):
    """A client of an empty Redis, as the services make it."""
    client = store.connect(redis_url)
    yield client
    await client.aclose()


class MortalRedis(embedded.EmbeddedServer):
    """A local Redis that a test may kill and start again, on the same port."""

    def start(self):
        super().start()
        wait_for_redis(self.url)

    def kill(self):
        """End it at once, as a crash would; its files stay."""
        self.process.kill()
        self.process.wait(10)
        self.process = None


@pytest.fixture
def mortal_redis(tmp_path):
    server = MortalRedis(tmp_path / "redis")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """TLS settings of services whose certificate an authority of ours has signed."""
    return certificates.signed(tmp_path_factory.mktemp("authority"))


@pytest.fixture
async def background():
    """Run coroutines beside the test; they are cancelled at its end, and may not have failed."""
    tasks = []

    def start(coroutine):
        tasks.append(asyncio.create_task(coroutine))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for result in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(result, Exception):
            raise result
