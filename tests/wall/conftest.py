"""The wall runs on a providers service and the sandbox of the provider tests."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from services.providers.sandbox import environment
from tests.providers.conftest import FAST, Sandbox, Service, running, sandbox

__all__ = ["sandbox"]
# Short enough to wait for, long enough for a busy machine to answer in.
SETTINGS = replace(FAST, first_token_timeout_s=0.6, stall_timeout_s=0.5, total_timeout_s=30.0)


@pytest.fixture
async def service(sandbox: Sandbox) -> AsyncIterator[Service]:
    """A service before the sandbox, with short timers."""
    async with running(environment(sandbox.base), SETTINGS) as served:
        yield served
