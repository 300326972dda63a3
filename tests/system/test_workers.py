"""Several workers of a service behind one address."""

import re
import signal
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.system.harness import Up, until

WORKERS = {"ROUTOR_EDGE_WORKERS": "2", "ROUTOR_PROVIDERS_WORKERS": "2"}
BODY = {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}


@pytest.fixture(scope="module")
def up(tmp_path_factory):
    running = Up(tmp_path_factory.mktemp("workers"), WORKERS)
    yield running
    assert running.stop() == 0, "".join(running.output)


def ask(up):
    """Ask once, over a connection of its own; return the status, 0 for a lost connection."""
    headers = {"Authorization": f"Bearer {up.key}"}
    try:
        return httpx.post(
            f"{up.url}/v1/chat/completions", json=BODY, headers=headers, timeout=30
        ).status_code
    except httpx.TransportError:
        return 0


def counted(up, worker, metric):
    """Return the sum of all series of a metric, as a worker tells it."""
    with urllib.request.urlopen(
        f"http://{up.note()['metrics'][worker]}/metrics", timeout=5
    ) as told:
        text = told.read().decode()
    return sum(float(value) for value in re.findall(rf"^{metric}{{.*}} (\S+)$", text, re.M))


def test_all_of_them_work_and_none_of_their_numbers_is_lost(up):
    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: ask(up), range(40)))
    assert statuses == [200] * 40
    edges = [counted(up, name, "routor_requests_total") for name in ("edge", "edge-2")]
    providers = [
        counted(up, name, "routor_attempts_total") for name in ("providers", "providers-2")
    ]
    assert min(edges) > 0
    assert min(providers) > 0
    assert sum(providers) == 40
    # Whether it was ready was asked, too.
    assert sum(edges) >= 40
    assert httpx.get(f"{up.url}/metrics").status_code == 404


@pytest.mark.parametrize(
    ("worker", "number"),
    [
        ("edge-2", signal.SIGKILL),
        ("edge-2", signal.SIGTERM),
        ("providers-2", signal.SIGKILL),
    ],
)
def test_one_of_them_ends_and_returns(up, worker, number):
    others = {name: pid for name, pid in up.note()["pids"].items() if name != worker}
    killed = up.kill(worker, number)
    until(lambda: up.pid(worker) != killed, f"{worker} is started again")
    metric = "routor_requests_total" if worker == "edge-2" else "routor_attempts_total"

    def works():
        with ThreadPoolExecutor(8) as pool:
            statuses = list(pool.map(lambda _: ask(up), range(16)))
        return set(statuses) == {200} and counted(up, worker, metric)

    until(works, f"{worker} answers again")
    assert {name: pid for name, pid in up.note()["pids"].items() if name != worker} == others
