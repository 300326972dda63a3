"""What a newcomer does: one command, then the openai SDK."""

import os
import signal
import subprocess
import sys

import openai
import pytest

from tests.system.harness import PROVIDERS, Up


@pytest.fixture(scope="module")
def sandboxed(tmp_path_factory):
    up = Up(tmp_path_factory.mktemp("sandboxed"))
    yield up
    if up.process.poll() is None:
        up.stop()


@pytest.fixture(scope="module")
def client(sandboxed):
    return openai.OpenAI(base_url=f"{sandboxed.url}/v1", api_key=sandboxed.key, max_retries=0)


def test_it_says_loudly_that_it_is_a_sandbox(sandboxed):
    assert "SANDBOX" in "".join(sandboxed.output)


def test_json(client):
    answer = client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "What is the capital of France?"}]
    )
    assert "sandbox" in answer.choices[0].message.content.lower()
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0
    assert answer.model_extra["routor"]["tier"] in ("NANO", "SIMPLE", "LIGHT")


def test_stream(client):
    stream = client.chat.completions.create(
        model="auto",
        messages=[{"role": "user", "content": "Tell me about tea, please."}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    finishes = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].finish_reason]
    assert "sandbox" in text.lower()
    assert len(finishes) == 1
    assert finishes[0].model_extra["routor"]["attempts"] == 1
    assert chunks[-1].usage.completion_tokens > 0


def test_the_printed_curl_line_works(sandboxed):
    line = next(line for line in sandboxed.output if line.startswith("  try"))
    curl = line.split(maxsplit=1)[1]
    done = subprocess.run(curl, check=True, shell=True, capture_output=True, text=True)
    assert '"chat.completion"' in done.stdout


def test_all_thirteen_providers_are_connected(sandboxed):
    listed = sandboxed.get("/v1/models")["data"]
    assert {model["id"].split("/")[0] for model in listed} >= set(PROVIDERS)


def test_command_line_finds_what_runs(sandboxed):
    for command in (
        ["route", "Prove that 2 + 2 = 4."],
        ["models"],
        ["providers"],
        ["keys", "list"],
    ):
        done = subprocess.run(
            [sys.executable, "-m", "services", *command],
            env={"ROUTOR_HOME": str(sandboxed.home), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr


def test_a_created_key_works_and_a_revoked_one_does_not(sandboxed):
    def routor(*command):
        return subprocess.run(
            [sys.executable, "-m", "services", "keys", *command],
            env={"ROUTOR_HOME": str(sandboxed.home), "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    key = routor("create", "test")
    mine = openai.OpenAI(base_url=f"{sandboxed.url}/v1", api_key=key, max_retries=0)
    assert mine.models.list().data
    assert key not in routor("list")
    assert key[:18] in routor("list")


def test_a_second_one_in_the_same_folder_is_told_so(sandboxed):
    done = subprocess.run(
        [sys.executable, "-m", "services", "up"],
        env={**sandboxed.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "already running" in done.stderr


@pytest.mark.parametrize(
    ("setting", "told"),
    [
        ({"ROUTOR_HOME": "/proc/nowhere"}, "ROUTOR_HOME"),
        ({"ROUTOR_EDGE_BODY_LIMIT_MB": "much"}, "ROUTOR_EDGE_BODY_LIMIT_MB: expected a number"),
        (
            {"ROUTOR_EDGE_LISTEN": "here"},
            "ROUTOR_EDGE_LISTEN: cannot listen on 'here': expected host:port",
        ),
        ({"ROUTOR_CATALOG_DIR": "/nowhere"}, "/nowhere: not a folder"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path, setting, told):
    done = subprocess.run(
        [sys.executable, "-m", "services", "up"],
        env={"PATH": os.environ["PATH"], "ROUTOR_HOME": str(tmp_path), **setting},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert told in done.stderr


def test_a_stranger_on_the_port_is_not_taken_for_us(sandboxed, tmp_path):
    taken = sandboxed.environ["ROUTOR_EDGE_LISTEN"]
    done = subprocess.run(
        [sys.executable, "-m", "services", "up"],
        env={"PATH": os.environ["PATH"], "ROUTOR_HOME": str(tmp_path), "ROUTOR_EDGE_LISTEN": taken},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert f"ROUTOR_EDGE_LISTEN: cannot listen on '{taken}'" in done.stderr


def test_no_secret_in_logs(sandboxed):
    note = sandboxed.note()["environ"]
    for service in ("edge", "router", "providers", "health"):
        log = sandboxed.logs(service)
        assert note["ROUTOR_INTERNAL_TOKEN"] not in log
        assert sandboxed.key not in log
        assert "capital of France" not in log


def test_a_closed_terminal_leaves_nothing_behind(tmp_path):
    up = Up(tmp_path)
    pids = up.note()["pids"]
    assert up.stop(signal.SIGHUP) == 0
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_outlives_its_launcher_keeps_the_folder_locked(tmp_path):
    up = Up(tmp_path)
    pids = up.note()["pids"].values()
    try:
        up.process.kill()
        up.process.wait(10)
        done = subprocess.run(
            [sys.executable, "-m", "services", "up"],
            env={"PATH": os.environ["PATH"], "ROUTOR_HOME": str(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 1
        assert all(str(pid) in done.stderr for pid in pids)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGKILL)


def test_ctrl_c_leaves_nothing_behind(sandboxed):
    pids = sandboxed.note()["pids"]
    assert sandboxed.stop() == 0
    for name, pid in pids.items():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert name in ("edge", "router", "providers", "health", "sandbox", "redis")
