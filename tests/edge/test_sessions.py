"""A conversation is known again: by its name or its opening, while the prompt cache is warm."""

import msgspec
import pytest

from services import store
from services.edge import chat, sessions
from services.edge.sessions import WARM_S, Sessions
from tests.edge import fakes
from tests.edge.fakes import FIRST

OPENING = [{"role": "system", "content": "Be terse."}, {"role": "user", "content": "Hello"}]
SECOND_TURN = [
    *OPENING,
    {"role": "assistant", "content": "Hi"},
    {"role": "user", "content": "And?"},
]


def call(messages=OPENING, **fields):
    return chat.parse(msgspec.json.encode({"model": "auto", "messages": messages, **fields}))


class Clock:
    now_s = 1000.0

    def __call__(self):
        return self.now_s


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def alone(clock):
    return Sessions(None, clock)


async def test_a_second_turn_is_warm_where_the_first_was_answered(alone):
    alone.note(call(), "me", FIRST, 3000)
    warmth = await alone.warmth(call(SECOND_TURN), "me")
    assert (warmth.model, warmth.cached_input_tokens) == (FIRST, 3000)


async def test_another_opening_another_key_and_a_first_turn_are_cold(alone):
    alone.note(call(), "me", FIRST, 3000)
    other = [{"role": "user", "content": "Hello?"}, *SECOND_TURN[2:]]
    assert await alone.warmth(call(other), "me") is None
    assert await alone.warmth(call(SECOND_TURN), "you") is None
    assert await alone.warmth(call(), "me") is None


async def test_a_named_session_is_known_whatever_its_words(alone):
    alone.note(call(routor_session="s1"), "me", FIRST, 3000)
    other = [{"role": "user", "content": "Something else"}]
    assert (await alone.warmth(call(other, routor_session="s1"), "me")).model == FIRST
    assert await alone.warmth(call(other, routor_session="s2"), "me") is None


async def test_what_is_warm_cools_down(alone, clock):
    alone.note(call(), "me", FIRST, 3000)
    clock.now_s += WARM_S + 1
    assert await alone.warmth(call(SECOND_TURN), "me") is None


async def test_short_prompts_are_cached_by_nobody(alone):
    alone.note(call(), "me", FIRST, 200)
    assert await alone.warmth(call(SECOND_TURN), "me") is None


async def test_another_edge_knows_it_by_redis(client):
    here, there = Sessions(client), Sessions(client)
    here.note(call(SECOND_TURN), "me", FIRST, 3000)
    await here.close()
    assert (await there.warmth(call(SECOND_TURN), "me")).model == FIRST
    assert 0 < await client.ttl(store.session_name(sessions.name_of(call(), "me"))) <= WARM_S


async def test_without_redis_it_is_only_not_remembered(unused_tcp_port):
    async with store.connect(f"redis://127.0.0.1:{unused_tcp_port}/0") as nobody:
        alone = Sessions(nobody)
        alone.note(call(SECOND_TURN), "me", FIRST, 3000)
        assert (await alone.warmth(call(SECOND_TURN), "me")).model == FIRST
        assert await Sessions(nobody).warmth(call(SECOND_TURN), "me") is None
        await alone.close()


async def test_the_router_is_told_where_a_conversation_is_warm(house):
    served = fakes.served()
    served.usage.input_tokens = 5000
    house.providers.answer.served.CopyFrom(served)
    await house.chat(messages=OPENING)
    await house.chat(messages=SECOND_TURN)
    first, second = house.router.requests
    assert not first.HasField("warmth")
    assert (second.warmth.model, second.warmth.cached_input_tokens) == (FIRST, 5000)
