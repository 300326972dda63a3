"""JSON from outside: what is not sound, or too much to read at once, is 400 and goes nowhere."""

import msgspec
import pytest

from services.edge import chat, document, schema
from services.errors import Kind, RoutorError
from tests.edge.fakes import AUTO, HELLO

USER = HELLO[0]

NOT_JSON = {
    "empty": b"",
    "cut": b'{"model": "auto", "messages": [',
    "text": b"hello",
    "array": b"[]",
    "number": b"7",
    "null": b"null",
    "NaN": b'{"temperature": NaN}',
    "Infinity": b'{"temperature": Infinity}',
    "out of range": b'{"temperature": 1e999}',
    "huge integer": b'{"seed": 1' + b"0" * 5000 + b"}",
    "beyond 64 bits": b'{"seed": 18446744073709551616}',
    "trailing": b"{} x",
    "twice": b'{"model": "auto", "model": "gpt-5.5"}',
    "twice, deeper": b'{"metadata": {"a": "\\"", "a": ":"}}',
    "twice, escaped": b'{"n": 1, "\\u006e": 2}',
    "twice, a colon escaped": b'{"n": 1, "n": 1, "user": "\\u003a"}',
    "twice, otherwise as msgspec writes it": b'{"n":1,"user":"x","user":"x"}',
    "twice, with a number as nobody writes it": b'{"n":1,"n":1,"top_p":1e-0}',
    "deep": b'{"a":' * 101 + b"1" + b"}" * 101,
    "very deep": b"[" * 100_000,
    "invalid UTF-8": b'{"model": "\xff"}',
    "UTF-16": '{"model": "auto"}'.encode("utf-16"),
    "lone surrogate": b'{"model": "\\ud800"}',
    "encoded surrogate": b'{"model": "\xed\xa0\x80"}',
    "raw control character": b'{"model": "a\nb"}',
    "NUL": b"\x00",
}


@pytest.mark.parametrize("raw", NOT_JSON.values(), ids=NOT_JSON.keys())
async def test_a_body_that_is_no_sound_json_is_400(house, raw):
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/chat/completions", "/v1/routing/debug"):
        answer = await house.client.post(path, content=raw, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"
    assert not house.router.requests


@pytest.mark.parametrize(
    "extra",
    [
        b'"user": "\\u003a\\u003A \\"a\\": \\\\"',
        b'"top_p": 1e-0, "x": [1.50, 1E2]',
        b'"\\u0078": "\\u00e9\\/"',
        '"ключ": "é"'.encode(),
        b'\n\t"x" :\r\n{ }',
    ],
)
def test_sound_json_may_be_written_in_any_way(extra):
    raw = b'{"model": "auto", "messages": [{"role": "user", "content": "Hello"}], ' + extra + b"}"
    assert chat.parse(raw).body == raw


@pytest.mark.parametrize("most", [2**63 - 1, 9223372036854776000, 2**64 - 1])
def test_bounds_of_64_bits_may_stand_in_a_schema(most):
    # JavaScript writes the bounds of an int64 beyond them.
    for least in (-(2**63), -9223372036854776000):
        number = {"type": "integer", "minimum": least, "maximum": most}
        parameters = {"type": "object", "properties": {"a": number}}
        tool = {"type": "function", "function": {"name": "f", "parameters": parameters}}
        raw = msgspec.json.encode({**AUTO, "messages": [USER], "tools": [tool]})
        assert chat.parse(raw).body == raw


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/chat/completions", "messages"),
        ("/v1/chat/completions", "tools"),
        ("/v1/responses", "input"),
        ("/v1/messages", "messages"),
        ("/v1/messages/count_tokens", "messages"),
        ("/v1/routing/debug", "messages"),
    ],
)
async def test_more_messages_than_can_be_read_at_once_are_400_naming_them(house, path, name):
    body = {**AUTO, "max_tokens": 9, name: [USER] * (document.MOST_ELEMENTS + 1)}
    answer = await house.client.post(path, json=body)
    assert answer.status_code == 400
    assert f"{name}: must have 10,000 elements at most" in answer.text
    assert not house.router.requests


async def test_as_many_messages_as_may_be_are_answered(house):
    assert (await house.chat(messages=[USER] * document.MOST_ELEMENTS)).status_code == 200


async def test_parts_beyond_measure_are_400(house):
    content = [{"type": "text", "text": "x"}] * (document.MOST_CONTAINERS + 1)
    answer = await house.chat(messages=[{"role": "user", "content": content}])
    assert answer.status_code == 400
    assert "100,000" in answer.json()["error"]["message"]


MANY = document.MOST_VALUES + 1
NEVER_READ = {
    "numbers": b"[%b1]" % (b"1234," * MANY),
    "texts": b'[%b""]' % (b'"ab",' * MANY),
    "texts of escapes": b'[%b""]' % (b'"\\\\",' * MANY),
    "names": b"{%b}" % b",".join(b'"%d":1' % number for number in range(MANY)),
    "a name again and again": b"{%b}" % b",".join([b'"a":1'] * MANY),
    "lists in lists": b"[%b[]]" % (b"[[[[]]]]," * (MANY // 2)),
    "numbers that are slow to read": b"[%b1]" % (b"1.2345678901234567e-300," * 50_000),
}


@pytest.mark.parametrize("value", NEVER_READ.values(), ids=NEVER_READ.keys())
def test_more_values_than_can_be_read_at_once_are_refused_unread(value, monkeypatch):
    body = b'{"model": "auto", "messages": [], "metadata": %b}' % value
    monkeypatch.setattr(document, "_decode", lambda raw: pytest.fail("it was read"))
    with pytest.raises(RoutorError, match="320,000 values") as refused:
        chat.parse(body)
    assert refused.value.kind is Kind.INVALID_REQUEST


def test_values_in_arguments_are_counted_too():
    call = {"name": "f", "arguments": "[%s1]" % ("1234," * MANY)}
    past = {"role": "assistant", "tool_calls": [{"id": "a", "type": "function", "function": call}]}
    with pytest.raises(RoutorError, match="320,000 values"):
        chat.parse(msgspec.json.encode({"model": "auto", "messages": [USER, past]}))


@pytest.mark.parametrize("mark", ["1,", "[{", "e-3, ", '\\",', ":"])
async def test_as_many_in_a_text_are_answered(house, mark):
    answer = await house.chat(messages=[{"role": "user", "content": mark * MANY}])
    assert answer.status_code == 200


async def test_more_fields_than_anybody_knows_are_400(house):
    answer = await house.chat(**{f"field_{number}": 1 for number in range(10_001)})
    assert answer.status_code == 400
    assert "10,000 fields" in answer.json()["error"]["message"]


def test_a_whole_number_with_a_point_is_an_integer():
    tree = {"model": "auto", "messages": [USER], "max_tokens": 100.0, "seed": 7.0, "n": 1.0}
    request = document.convert(tree, schema.ChatRequest)
    assert (request.max_tokens, request.seed, request.n) == (100, 7, 1)
    assert type(tree["seed"]) is int


@pytest.mark.parametrize("value", [1.5, 1e300, -1e17])
def test_another_number_with_a_point_is_no_integer(value):
    with pytest.raises(RoutorError) as refusal:
        document.convert({"model": "auto", "messages": [USER], "seed": value}, schema.ChatRequest)
    assert refusal.value.param == "seed"
