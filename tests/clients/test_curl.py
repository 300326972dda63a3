"""curl before Routor: status lines, headers and bytes as they are on the wire."""

import json
import shutil
import subprocess

import pytest

from tests.clients.stand import REQUIRED

pytestmark = pytest.mark.skipif(
    shutil.which("curl") is None and not REQUIRED, reason="there is no curl"
)
HELLO = {"model": "auto", "messages": [{"role": "user", "content": "Say hello."}]}
STREAM = {**HELLO, "stream": True}
FORMS = {
    "/v1/chat/completions": HELLO,
    "/v1/responses": {"model": "auto", "input": "Say hello."},
    "/v1/messages": {**HELLO, "max_tokens": 100},
    "/v1/embeddings": {"model": "openai/text-embedding-3-small", "input": "tea"},
}


@pytest.fixture
def curl(connected):
    def run(path, *options, body=None, key=None):
        command = ["curl", "-sS", "-N", "--max-time", "30", "-i", connected.url + path, *options]
        command += ["-H", f"Authorization: Bearer {key or connected.key}"]
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body)
            command += ["-H", "Content-Type: application/json", "-d", text]
        said = subprocess.run(command, capture_output=True, check=True).stdout
        head, _, content = said.partition(b"\r\n\r\n")
        while head.split()[1] == b"100":
            head, _, content = content.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
        return int(first.split()[1]), headers, content.decode()

    return run


@pytest.mark.parametrize("path", FORMS)
def test_a_whole_answer(curl, path):
    status, headers, content = curl(path, body=FORMS[path])
    assert (status, headers["content-type"]) == (200, "application/json")
    assert headers["x-request-id"].startswith("req_")
    assert int(headers["content-length"]) == len(content.encode())
    assert json.loads(content)


@pytest.mark.parametrize("version", ["--http1.0", "--http1.1", "--http2"])
def test_versions_of_http(curl, version):
    status, _, content = curl("/v1/chat/completions", version, body=HELLO)
    assert status == 200
    assert json.loads(content)["choices"]


def test_a_chat_stream(curl):
    status, headers, content = curl("/v1/chat/completions", body=STREAM)
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert headers["cache-control"] == "no-cache"
    *events, done, rest = content.split("\n\n")
    assert (done, rest) == ("data: [DONE]", "")
    chunks = [json.loads(event.removeprefix("data: ")) for event in events]
    assert chunks[0]["choices"][0]["delta"]["role"] == "assistant"
    assert [c["choices"][0]["finish_reason"] for c in chunks][-2:] == [None, "stop"]
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert "usage" not in chunks[-1]


@pytest.mark.parametrize("path", ["/v1/responses", "/v1/messages"])
def test_a_stream_of_named_events(curl, path):
    status, headers, content = curl(path, body={**FORMS[path], "stream": True})
    assert (status, headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
    assert "[DONE]" not in content
    for event in content.removesuffix("\n\n").split("\n\n"):
        name, data = event.split("\n")
        assert name.removeprefix("event: ") == json.loads(data.removeprefix("data: "))["type"]


def test_a_body_that_expects_to_be_asked_for(curl):
    long = {**HELLO, "messages": [{"role": "user", "content": "tea " * 400_000}]}
    status, _, content = curl(
        "/v1/chat/completions", "-H", "Expect: 100-continue", body=json.dumps(long)[:120_000]
    )
    assert (status, json.loads(content)["error"]["type"]) == (400, "invalid_request_error")


def test_the_body_is_said_where_it_is_wrong(curl):
    wrong = {**HELLO, "messages": [{"role": "user", "content": [{"type": "smell"}]}]}
    status, _, content = curl("/v1/chat/completions", body=wrong)
    error = json.loads(content)["error"]
    assert status == 400
    assert error["param"] == "messages[0].content[0].type"


def test_a_wrong_key_a_wrong_path_and_a_wrong_method(curl):
    status, headers, _ = curl("/v1/chat/completions", body=HELLO, key="sk-no")
    assert (status, headers["www-authenticate"]) == (401, "Bearer")
    status, _, content = curl("/v1/completion", body=HELLO)
    assert (status, json.loads(content)["error"]["code"]) == (404, "not_found")
    status, headers, _ = curl("/v1/chat/completions", "-X", "DELETE")
    assert (status, headers["allow"]) == (405, "POST")


def test_models_in_both_shapes(curl):
    _, _, ours = curl("/v1/models")
    _, _, theirs = curl("/v1/models", "-H", "anthropic-version: 2023-06-01")
    assert json.loads(ours)["object"] == "list"
    assert "first_id" in json.loads(theirs)


def test_count_tokens(curl):
    _, _, content = curl("/v1/messages/count_tokens", body=HELLO)
    assert json.loads(content)["input_tokens"] > 0
