"""A service that cannot start says why in one line."""

import os
import resource
import socket
import subprocess
import sys

import pytest

from services import process


def started(service, **more):
    """Start a service whose other doors are any free ports; return what it ended with."""
    parts = ("LISTEN", "LINK_LISTEN", "METRICS_LISTEN")
    free = {f"ROUTOR_{service.upper()}_{part}": "127.0.0.1:0" for part in parts}
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    return subprocess.run(
        [sys.executable, "-m", "services", "serve", service],
        check=False,
        env={"ROUTOR_INTERNAL_TOKEN": "t", **kept, **free, **more},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture(scope="module")
def taken():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize(
    ("service", "part"),
    [
        ("edge", "LISTEN"),
        ("router", "LISTEN"),
        ("router", "LINK_LISTEN"),
        ("providers", "LINK_LISTEN"),
        ("health", "METRICS_LISTEN"),
    ],
)
def test_an_address_that_is_taken_is_named_in_one_line(service, part, taken):
    variable = f"ROUTOR_{service.upper()}_{part}"
    done = started(service, **{variable: taken})
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if not line.startswith('{"time"')]
    assert len(told) == 1, done.stderr
    assert told[0].startswith(f"routor {service}: {variable}: cannot listen on '{taken}': [Errno")


def test_all_wrong_settings_are_named_at_once():
    done = started("edge", ROUTOR_EDGE_DRAIN_S="soon", ROUTOR_EDGE_BODY_LIMIT_MB="much")
    assert done.returncode == 1
    assert "ROUTOR_EDGE_DRAIN_S: expected a number" in done.stderr
    assert "ROUTOR_EDGE_BODY_LIMIT_MB: expected a number" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_providers_service_needs_the_internal_token():
    done = started("providers", ROUTOR_INTERNAL_TOKEN="")
    assert done.returncode == 1
    assert done.stderr.startswith("routor providers: ROUTOR_INTERNAL_TOKEN is not set")


def test_workers_of_a_single_service_are_not_silently_left_out(taken):
    done = started("edge", ROUTOR_EDGE_WORKERS="4", ROUTOR_EDGE_LISTEN=taken)
    assert done.stderr.startswith("routor: ROUTOR_EDGE_WORKERS is for `routor up`")


def test_where_fewer_descriptors_are_granted_those_are_taken(monkeypatch):
    asked = []

    def grants(_, limits):
        asked.append(limits[0])
        if limits[0] > 10_240:
            raise ValueError("not so many")

    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", grants)
    process._allow_connections()
    assert asked == [65_536, 10_240]


def test_a_service_takes_the_descriptors_it_may_have():
    script = (
        "import resource as r; from services import process;"
        "r.setrlimit(r.RLIMIT_NOFILE, (100, min(900, r.getrlimit(r.RLIMIT_NOFILE)[1])));"
        "process._allow_connections(); print(*r.getrlimit(r.RLIMIT_NOFILE))"
    )
    told = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True
    )
    assert told.stdout.split() == ["900", "900"]
