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


def test_keys_need_a_redis(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("ROUTOR_HOME", str(tmp_path))
    monkeypatch.delenv("REDIS_URL", raising=False)
    assert cli.main(["keys", "list"]) == 1
    assert capsys.readouterr().err == "routor: Set REDIS_URL, or start `routor up` first.\n"


def test_the_launcher_loads_no_library_that_only_services_need():
    heavy = "{'grpc', 'redis', 'aiohttp', 'numpy', 'opentelemetry', 'google'}"
    code = (
        f"import sys, services.cli, services.local; sys.exit(str({heavy} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.stderr.strip() == ""
