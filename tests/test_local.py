"""What `routor up` decides before it starts anything."""

from services import local


def planned(home, **more):
    return local.plan(
        {"ROUTOR_HOME": str(home), "REDIS_URL": "redis://127.0.0.1:1", **more}
    ).environ


def test_links_are_sockets_in_the_home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    environ = planned("home")
    for service in ("ROUTER", "PROVIDERS"):
        path = f"unix:{tmp_path}/home/{service.lower()}.sock"
        assert environ[f"ROUTOR_{service}_LINK_LISTEN"] == path
        assert environ[f"ROUTOR_{service}_LINK_ADDRESS"] == path


def test_links_are_ports_when_the_path_of_a_socket_would_be_too_long(tmp_path):
    environ = planned(tmp_path / ("x" * 100))
    for service in ("ROUTER", "PROVIDERS"):
        host, _, port = environ[f"ROUTOR_{service}_LINK_ADDRESS"].rpartition(":")
        assert host == "127.0.0.1"
        assert int(port) > 0


def test_what_the_environment_says_about_links_is_kept(tmp_path):
    environ = planned(tmp_path, ROUTOR_ROUTER_LINK_LISTEN="127.0.0.1:7")
    assert environ["ROUTOR_ROUTER_LINK_ADDRESS"] == "127.0.0.1:7"
