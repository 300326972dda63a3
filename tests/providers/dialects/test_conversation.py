"""Plain conversations go on unread; they must reach the vendor as those that are read do."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services import catalog
from services.errors import Kind, RoutorError
from services.providers.dialects import DIALECTS, conversation
from services.providers.dialects.contract import Target
from services.providers.vendors import VENDORS

MODELS = catalog.read().models
NAMES = (
    "openai/gpt-5.4-mini",
    "deepseek/deepseek-v4-flash",
    "mistral/mistral-small-4",
    "minimax/minimax-m3",
    "moonshot/kimi-k2.6",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.5-flash",
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "user", "assistant", "developer"]),
            "content": st.text(max_size=20),
        }
    ),
    min_size=1,
    max_size=4,
)


def target(name: str) -> Target:
    model = MODELS[name]
    return Target(VENDORS[model.provider], model.upstream, name, model)


def encoded(body: object, name: str) -> object:
    """Return what a vendor gets, or why it gets nothing."""
    where = target(name)
    try:
        request = DIALECTS[where.vendor.dialect].encode(body, where)
    except RoutorError as error:
        return error.kind, error.message
    return request.path, msgspec.json.decode(request.body), request.dropped


@given(MESSAGES, st.sampled_from(sorted(set(NAMES) & MODELS.keys())))
def test_a_vendor_gets_the_same_whether_it_was_read_or_not(messages, name):
    body = {"messages": messages, "model": "auto", "max_tokens": 9, "user": "me"}
    read = conversation.read(msgspec.json.encode(body))
    assert conversation.turns(read)
    assert encoded(read, name) == encoded(body, name)


@pytest.mark.parametrize(
    "more",
    [
        {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user", "content": "x", "name": "me"}]},
        {"stop": ["a"]},
        {"tools": [{"type": "function", "function": {"name": "f"}}]},
        {"tools": [{"role": "user", "content": "x"}]},
    ],
)
def test_what_is_not_plain_is_read_to_the_ground(more):
    body = {"messages": [{"role": "user", "content": "x"}], **more}
    assert conversation.read(msgspec.json.encode(body)) == body


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{", b'{"messages":[{"role":"user","content":"\xff"}]}', b"[" * 100_000],
)
def test_what_is_no_json_object_is_refused(content):
    with pytest.raises(RoutorError) as caught:
        conversation.read(content)
    assert caught.value.kind is Kind.INVALID_REQUEST


def test_a_plain_conversation_can_be_spelled_out():
    body = {"messages": [{"role": "user", "content": 'a "quoted" \u00e9'}], "n": 1}
    assert conversation.spelled(conversation.read(msgspec.json.encode(body))) == body
