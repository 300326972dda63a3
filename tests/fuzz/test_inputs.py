"""A hundred thousand damaged inputs to every parser: each is read, or refused as it should be.

`FUZZ_ROUNDS=10` tries ten times as many, `FUZZ_SEED` others.
"""

import contextlib
import json
import os
import random
import struct

import msgspec
import pytest
from google.protobuf.message import DecodeError

from routor.v1.providers_pb2 import CompleteRequest, StreamResponse
from routor.v1.router_pb2 import RouteRequest
from services import link_wire
from services.edge import chat, embeddings, explain, feedback
from services.edge.messages import request as messages
from services.edge.responses import request as responses
from services.errors import RoutorError
from services.providers.dialects import DIALECTS
from services.providers.dialects.contract import Target
from services.providers.dialects.waiting import retry_after_s
from services.providers.headroom import spare_s
from services.providers.patience import idle
from tests.fuzz import damage, samples
from tests.providers.dialects.targets import target
from tests.wire.test_mutations import DOORS

ROUNDS = int(os.environ.get("FUZZ_ROUNDS", "1"))
SEED = os.environ.get("FUZZ_SEED", "1")
PROVIDERS = {
    "openai_chat": ("openai", "mistral", "deepseek", "minimax"),
    "openai_responses": ("openai",),
    "anthropic_messages": ("anthropic",),
    "google_generate": ("google",),
}
PARSERS = {
    "/v1/chat/completions": chat.parse,
    "/v1/responses": responses.parse,
    "/v1/messages": messages.parse,
    "/v1/embeddings": embeddings.parse,
    "debug": explain.parse,
    "feedback": feedback.parse,
}
BODIES = {
    **DOORS,
    "debug": {"prompt": "Hello", "routor_tier_floor": "LIGHT"},
    "feedback": {"request_id": "req_1", "score": 0.5},
}
FRAME = struct.Struct(">IBQ")
DAMAGED = (10_000, 6_000)  # of bodies by tree and by bytes, over all doors
ANSWERS, STREAMS, ERRORS, TIMES, MESSAGES = 24_000, 24_000, 16_000, 10_000, 14_000


def tries(name: str, number: int) -> list[random.Random]:
    """Return the dice of each try: any one can be tried again on its own."""
    return [random.Random(f"{SEED} {name} {index}") for index in range(number * ROUNDS)]


def test_they_are_a_hundred_thousand():
    assert sum(DAMAGED) + ANSWERS + STREAMS + ERRORS + TIMES + MESSAGES >= 100_000


@pytest.mark.parametrize("path", PARSERS)
def test_bodies_of_callers(path):
    for number, dice in enumerate(tries(path, sum(DAMAGED) // len(PARSERS))):
        if number % 8 < 5:
            raw = json.dumps(damage.tree_of(BODIES[path], dice)).encode()
        else:
            raw = damage.bytes_of(json.dumps(BODIES[path], ensure_ascii=False).encode(), dice)
        try:
            read = PARSERS[path](raw)
        except RoutorError as refused:
            assert 400 <= refused.kind.rule.http < 500
            assert refused.message
        else:
            if path == "/v1/chat/completions":
                encodes(read.body, dice)


def encodes(body: bytes, dice: random.Random) -> None:
    """What was let in is a request in every wire format, or is refused by it."""
    name = dice.choice(list(DIALECTS))
    try:
        encoded = DIALECTS[name].encode(msgspec.json.decode(body), one_of(name, dice))
    except RoutorError as refused:
        assert 400 <= refused.kind.rule.http < 500
    else:
        assert msgspec.json.decode(encoded.body)


def one_of(name: str, dice: random.Random) -> Target:
    return target(dice.choice(PROVIDERS[name]), known=dice.random() < 0.8)


@pytest.mark.parametrize("name", DIALECTS)
def test_answers_of_providers(name):
    dialect, sound = DIALECTS[name], samples.ANSWERS[name]
    for dice in tries(name, ANSWERS // len(DIALECTS)):
        if dice.random() < 0.7:
            raw = json.dumps(damage.tree_of(sound, dice)).encode()
        else:
            raw = damage.bytes_of(json.dumps(sound).encode(), dice)
        try:
            answer = dialect.decode(raw, one_of(name, dice))
        except RoutorError:
            continue
        body = msgspec.json.decode(msgspec.json.encode(answer.body))
        assert all(choice["finish_reason"] for choice in body["choices"])
        assert min(answer.usage.input_tokens, answer.usage.output_tokens) >= 0


@pytest.mark.parametrize("name", DIALECTS)
def test_streams_of_providers(name):
    for dice in tries(f"stream {name}", STREAMS // len(DIALECTS) // 2):
        raw = damage.bytes_of(samples.STREAMS[name], dice)
        whom = one_of(name, dice)
        whole, split = played(name, whom, [raw]), played(name, whom, damage.pieces(raw, dice))
        # However it arrives it reads the same, or is refused; what nobody reads may be looked at.
        finished = [text for text, reason in (whole, split) if reason]
        assert finished.count(finished[0]) == len(finished) if finished else True, raw
        assert whole[0].startswith(split[0]) or split[0].startswith(whole[0]), raw


def played(name: str, whom: Target, pieces: list[bytes]) -> tuple[str, str]:
    """Return the text of a stream and its finish reason, "" for one that broke."""
    decoder = DIALECTS[name].decoder(whom, {"stream": True})
    text = ""
    try:
        for piece in pieces:
            idle(piece)
            if decoder.done:
                break
            for chunk in decoder.feed(piece):
                assert chunk.body["choices"]
                text += chunk.text or ""
        ending = decoder.close()
    except RoutorError:
        return text, ""
    assert ending.finish_reason
    msgspec.json.encode(ending.chunks)
    return text, ending.finish_reason


def test_errors_of_providers():
    for dice in tries("errors", ERRORS):
        sound = dice.choice(samples.ERRORS)
        if dice.random() < 0.7:
            raw = json.dumps(damage.tree_of(sound, dice)).encode()
        else:
            raw = damage.bytes_of(json.dumps(sound).encode(), dice)
        name = dice.choice(list(DIALECTS))
        status = dice.choice((300, 400, 401, 404, 413, 422, 429, 500, 503, 529, 999))
        error = DIALECTS[name].error(status, headers(dice), raw, one_of(name, dice))
        assert error.message and len(error.message) < 2000
        assert error.retry_after_s is None or 0 <= error.retry_after_s <= 7 * 86400


def headers(dice: random.Random) -> dict[str, str]:
    some = dice.sample(list(samples.HEADERS), dice.randint(0, 4))
    sound = {name: samples.HEADERS[name].encode() for name in some}
    return {name: damage.bytes_of(text, dice).decode("latin-1") for name, text in sound.items()}


def test_times_of_providers():
    for dice in tries("times", TIMES):
        told = headers(dice)
        wait_s = retry_after_s(told, None, "", limited=True)
        assert wait_s is None or 0 <= wait_s <= 7 * 86400
        assert 0 <= spare_s(told) <= 60


def test_messages_between_the_services():
    body = json.dumps(DOORS["/v1/chat/completions"]).encode()
    sound = [
        CompleteRequest(request_id="r", body=body, chain=[{"model": "a/b"}]).SerializeToString(),
        RouteRequest(request_id="r", model="auto", messages=[{"text": "A"}]).SerializeToString(),
        StreamResponse(chunk=b"{}").SerializeToString(),
    ]
    kinds = (CompleteRequest, RouteRequest, StreamResponse)
    for dice in tries("messages", MESSAGES // 2):
        at = dice.randrange(len(kinds))
        with contextlib.suppress(DecodeError):
            kinds[at].FromString(damage.bytes_of(sound[at], dice))
        splitter = link_wire.Splitter(1 << 20)
        frame = FRAME.pack(len(sound[at]), link_wire.MESSAGE, 1) + sound[at]
        try:
            for piece in damage.pieces(damage.bytes_of(3 * frame, dice), dice):
                list(splitter.feed(piece))
        except link_wire.ViolationError:
            pass
