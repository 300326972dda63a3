"""Killing any one process during traffic: right answers or honest errors, then all is well."""

import itertools
import signal
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.system.harness import until

BODY = {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}


class Traffic:
    """A few clients that ask again and again and keep every answer."""

    def __init__(self, up, clients=3):
        self._up = up
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(clients)
        self.answers: list[tuple[int, str]] = []
        self._jobs = [self._pool.submit(self._run, number) for number in range(clients)]

    def _run(self, number):
        headers = {"Authorization": f"Bearer {self._up.key}"}
        with httpx.Client(base_url=self._up.url, headers=headers, timeout=30) as client:
            for count in itertools.count():
                if self._stop.is_set():
                    return
                try:
                    answer = client.post(
                        "/v1/chat/completions", json={**BODY, "stream": (count + number) % 2 == 0}
                    )
                except httpx.TransportError:
                    # Only a dead edge may end a connection.
                    self.answers.append((0, ""))
                    self._stop.wait(0.05)
                else:
                    self.answers.append((answer.status_code, answer.text))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        """Stop, whatever came of the test: what goes on would keep the run from ending."""
        self._stop.set()
        for job in self._jobs:
            job.result(30)


def is_whole(text):
    """A finished JSON answer, or a finished stream."""
    if text.startswith("data:"):
        return '"finish_reason":"stop"' in text.replace(" ", "") and "data: [DONE]" in text
    return '"chat.completion"' in text and "sandbox" in text


def is_honest(status, text):
    """An error in OpenAI's shape, or a stream that says that it broke."""
    if status == 200:
        return '"error"' in text and "[DONE]" not in text
    return status in (429, 500, 502, 503, 504) and '"error"' in text


@pytest.mark.parametrize("service", ["router", "providers", "health", "redis", "edge"])
def test_kill_and_return(connected, service):
    others = {name: pid for name, pid in connected.note()["pids"].items() if name != service}
    with Traffic(connected) as traffic:
        answers = traffic.answers
        until(lambda: len(answers) > 20, "traffic runs")
        killed = connected.kill(service, signal.SIGKILL)
        until(lambda: connected.pid(service) != killed, f"{service} is started again")
        seen = len(answers)
        until(lambda: len(answers) > seen + 30, "traffic goes on", 60)
        until(lambda: all(is_whole(text) for _, text in answers[-10:]), "all is well again", 60)
    for status, text in traffic.answers:
        if status == 0:
            assert service == "edge"
        else:
            assert (status == 200 and is_whole(text)) or is_honest(status, text), (status, text)
    for name, pid in others.items():
        assert connected.pid(name) == pid, f"{name} was restarted too"


def test_without_health_and_redis_requests_are_answered_as_before(connected):
    with Traffic(connected) as traffic:
        for service in ("health", "redis"):
            connected.kill(service, signal.SIGSTOP)
        try:
            seen = len(traffic.answers)
            until(lambda: len(traffic.answers) > seen + 30, "traffic goes on")
        finally:
            for service in ("health", "redis"):
                connected.kill(service, signal.SIGCONT)
    assert all(status == 200 and is_whole(text) for status, text in traffic.answers)
