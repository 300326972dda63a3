"""The command line's own part: what it takes, and what it need not load."""

import subprocess
import sys

import pytest

from services import cli


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nothing"],
        ["serve", "nobody"],
        ["route"],
        ["keys"],
        ["keys", "create", "x", "--tiers", "HUGE"],
        ["keys", "create", "x", "--budget-usd", "much"],
        ["route", "x", "--tier-floor", "?"],
    ],
)
def test_what_it_does_not_know_is_refused_with_usage(arguments, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 2
    assert "usage: routor" in capsys.readouterr().err


def test_a_command_that_reaches_nobody_says_so(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ROUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("ROUTOR_ROUTER_ADDRESS", f"unix:{tmp_path}/nobody")
    assert cli.main(["models"]) == 1
    assert capsys.readouterr().err.startswith("routor: The router service did not answer")


@pytest.mark.parametrize(
    ("url", "told"),
    [("nowhere", "REDIS_URL: "), ("unix:///nowhere/redis.sock", "Redis does not answer: ")],
)
def test_a_redis_that_is_not_there_is_told_in_a_line(url, told, monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ROUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", url)
    assert cli.main(["keys", "list"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"routor: {told}")
    assert said.count("\n") == 1


@pytest.mark.parametrize(
    "command",
    ["", "up", "serve", "route", "models", "providers", "keys", "keys create", "keys list",
     "keys revoke", "classify", "predict", "eval", "train"],
)  # fmt: skip
def test_every_command_shows_an_example(command, capsys):
    with pytest.raises(SystemExit) as ended:
        cli.main([*command.split(), "--help"])
    assert ended.value.code == 0
    assert f"routor {command}".strip() in capsys.readouterr().out.split("example:")[1]


def test_keys_need_a_redis(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ROUTOR_HOME", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert cli.main(["keys", "list"]) == 1
    assert capsys.readouterr().err == "routor: Set REDIS_URL, or start `routor up` first.\n"


def test_a_key_is_made_with_its_limits(monkeypatch, capsys, tmp_path, redis_url):
    monkeypatch.setenv("ROUTOR_HOME", str(tmp_path))
    monkeypatch.setenv("REDIS_URL", redis_url)
    wished = ["--budget-usd", "2.5", "--models", "xai/*", "--tiers", "LIGHT"]
    assert cli.main(["keys", "create", "app", *wished]) == 0
    key = capsys.readouterr().out.strip()
    assert cli.main(["keys", "list"]) == 0
    listed = capsys.readouterr().out
    assert key[:18] in listed
    assert '"budget_usd":2.5' in listed
    assert key not in listed
    # A budget of nothing is not none.
    assert cli.main(["keys", "create", "poor", "--budget-usd", "0"]) == 0
    assert cli.main(["keys", "list"]) == 0
    assert '"budget_usd":0.0' in capsys.readouterr().out
    assert cli.main(["keys", "create", "app", "--tiers", "NANO", "COMPLEX"]) == 1
    assert cli.main(["keys", "create", "app", "--profile", "nobody"]) == 1
    assert "tiers: must be neighbours" in capsys.readouterr().err
    assert cli.main(["keys", "revoke", key]) == 0


def test_the_launcher_loads_no_library_that_only_services_need():
    heavy = "{'grpc', 'redis', 'aiohttp', 'numpy', 'opentelemetry', 'google'}"
    code = (
        f"import sys, services.cli, services.local; sys.exit(str({heavy} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""
