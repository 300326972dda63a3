import pytest

from tests.clients import stand
from tests.system.conftest import connected, healed, vendors

__all__ = ["connected", "healed", "vendors"]


def pytest_terminal_summary(terminalreporter):
    """Say which clients were left out: the count of skipped tests alone is easily overlooked."""
    skipped = [report.longrepr[2] for report in terminalreporter.stats.get("skipped", ())]
    for reason in sorted({text for text in skipped if stand.MISSING in text}):
        terminalreporter.write_line(reason, yellow=True)


@pytest.fixture(scope="module")
def client(request):
    """The client that the module names in CLIENT, speaking to a running Routor."""
    argv = stand.command(request.module.CLIENT)
    routor = request.getfixturevalue("connected")
    environ = {"ROUTOR_URL": routor.url, "ROUTOR_KEY": routor.key, "HOME": str(routor.home)}
    running = stand.Client(argv, environ)
    yield running
    running.stop()
