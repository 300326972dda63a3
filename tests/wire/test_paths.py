"""What is wrong inside a conversation is named as the caller has written it."""

import pytest

from tests.wire.upstream import answer

CLAUDE, DEEPSEEK, GPT = "anthropic/claude-opus-4.8", "deepseek/deepseek-v4-pro", "openai/gpt-5.5"
GEMINI = "google/gemini-3.1-pro"
SOUND = {"data": "AAAA", "format": "wav"}
BITMAP = "data:image/bmp;base64,Qk0="
HELLO = {"role": "user", "content": "Hi"}


def call(name):
    return {"type": "function_call", "call_id": name, "name": "f", "arguments": "{}"}


def result(name, output="1"):
    return {"type": "function_call_output", "call_id": name, "output": output}


def use(name):
    return {"type": "tool_use", "id": name, "name": "f", "input": {}}


def used(name, content="1"):
    return {"type": "tool_result", "tool_use_id": name, "content": content}


def blank(*parts, kind="input_text"):
    """Return a message that begins with what is left out."""
    return {"role": "user", "content": [{"type": kind, "text": " "}, *parts]}


RESPONSES = [
    (CLAUDE, [HELLO, blank({"type": "input_audio", "input_audio": SOUND})], "[1].content[1].type"),
    (CLAUDE, [blank({"type": "input_image", "image_url": BITMAP})], "[0].content[1].image_url"),
    (CLAUDE, [blank({"type": "input_file", "file_id": "file-1"})], "[0].content[1].file_data"),
    (GEMINI, [blank({"type": "input_file", "file_id": "file-1"})], "[0].content[1]"),
    (CLAUDE, [HELLO, result("c9")], "[1].call_id"),
    (CLAUDE, [HELLO, call("c1"), HELLO], "[1]"),
    (CLAUDE, [HELLO, call("c1"), call("c2"), result("c1"), call("c3"), result("c3")], "[2]"),
    (
        CLAUDE,
        [HELLO, call("c1"), result("c1", [{"type": "input_image", "image_url": BITMAP}])],
        "[2].output[0].image_url",
    ),
    (
        DEEPSEEK,
        [HELLO, blank({"type": "input_file", "file_url": "https://x.test/a.pdf"})],
        "[1].content[1].file_data",
    ),
]


@pytest.mark.parametrize("json_schema", [False, True])
@pytest.mark.parametrize(("model", "given", "path"), RESPONSES)
async def test_responses_name_their_items(wire, model, given, path, json_schema):
    schema = {"type": "json_schema", "name": "a", "schema": {"type": "object"}}
    fields = {"text": {"format": schema}} if json_schema else {}
    told = await wire.responses(model, given, instructions="Be terse.", **fields)
    error = told.json()["error"]
    assert (told.status_code, error["param"]) == (400, f"input{path}")
    assert "messages[" not in error["message"]
    assert f"input{path}" in error["message"]


def document(source):
    return {"type": "document", "source": source}


FAR, STORED = {"type": "url", "url": "https://x.test/a.pdf"}, {"type": "file", "file_id": "f1"}
MESSAGES = [
    (DEEPSEEK, [blank(document(FAR), kind="text")], "[0].content[1].source"),
    (GPT, [blank(document(STORED), kind="text")], "[0].content[1].source"),
    (GEMINI, [blank(document(STORED), kind="text")], "[0].content[1]"),
    (
        DEEPSEEK,
        [
            HELLO,
            {"role": "assistant", "content": [use("c1"), use("c2")]},
            {"role": "user", "content": [used("c2"), used("c1", [document(FAR)])]},
        ],
        "[2].content[1].content[0].source",
    ),
    (
        DEEPSEEK,
        [
            HELLO,
            {"role": "assistant", "content": [use("c1")]},
            {"role": "user", "content": [used("c1"), document(FAR)]},
        ],
        "[2].content[1].source",
    ),
]


@pytest.mark.parametrize(("model", "given", "path"), MESSAGES)
async def test_messages_name_their_blocks(wire, model, given, path):
    told = await wire.messages(model, given, system=[{"type": "text", "text": "Be terse."}])
    error = told.json()["error"]
    assert told.status_code == 400
    assert error["message"].count("messages[") == 1
    assert f"messages{path}" in error["message"]


async def test_chat_counts_what_is_left_out_and_not_what_is_added(wire):
    sound = {"type": "input_audio", "input_audio": SOUND}
    given = [{"role": "system", "content": "Be terse."}, HELLO, blank(sound, kind="text")]
    shape = {"type": "json_object"}
    told = await wire.chat(CLAUDE, given, response_format=shape)
    assert told.json()["error"]["param"] == "messages[2].content[1].type"


async def test_a_vendors_own_words_stay(wire):
    fault = {"message": "messages[0].content is bad", "param": "messages[0].content"}
    wire.upstream.script = lambda _: answer({"error": fault}, 400)
    told = (await wire.responses(DEEPSEEK, [HELLO])).json()["error"]
    assert (told["message"], told["param"]) == ("messages[0].content is bad", "input")
