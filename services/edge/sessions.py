"""Which model answered a conversation last, while its provider's prompt cache is still warm.

A conversation goes by its `routor_session` or by how it opened. Kept here and, from its second
turn on, in Redis for the other edges; a lost entry costs no more than a cold cache.
"""

import asyncio
import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Callable

import redis.asyncio as redis

from routor.v1 import router_pb2
from services import store
from services.edge import schema
from services.edge.door import Call

logger = logging.getLogger(__name__)

# Anthropic keeps a prompt for five minutes since it was last read, OpenAI for five to ten.
WARM_S = 300
KEPT = 20_000
# A conversation is known by the beginning of its instructions and of its first words.
OPENING_CHARS = 2_000
# Waiting longer for a hint would cost more than the hint is worth.
LOOK_UP_S = 0.02
# Writes of so long a time go to Redis together.
WRITE_S = 0.1
LEAST_TOKENS = 1024  # shorter prompts are cached by nobody


class Sessions:
    """Remembers conversations; every failure of Redis is a conversation not remembered."""

    def __init__(
        self, client: "redis.Redis | None", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._clock = clock
        self._known: OrderedDict[str, tuple[float, bytes]] = OrderedDict()
        self._unwritten: dict[str, bytes] = {}
        self._writing: asyncio.Task[None] | None = None

    async def warmth(self, call: Call, owner: str) -> router_pb2.Warmth | None:
        """Return where a conversation of `owner` (a key's digest) is warm; None for a new one."""
        if not _goes_on(call):
            return None
        name = name_of(call, owner)
        until_s, packed = self._known.get(name, (0.0, b""))
        if until_s < self._clock():
            packed = await self._look_up(name)
        return router_pb2.Warmth.FromString(packed) if packed else None

    def note(self, call: Call, owner: str, model: str, input_tokens: int) -> None:
        """Keep that a model has just read so much of the conversation."""
        if input_tokens < LEAST_TOKENS:
            return
        name = name_of(call, owner)
        warmth = router_pb2.Warmth(model=model, cached_input_tokens=input_tokens)
        packed = warmth.SerializeToString()
        self._known[name] = (self._clock() + WARM_S, packed)
        self._known.move_to_end(name)
        if len(self._known) > KEPT:
            self._known.popitem(last=False)
        if self._client is not None and _goes_on(call):
            self._unwritten[name] = packed
            if self._writing is None or self._writing.done():
                self._writing = asyncio.create_task(self._write(self._client))

    async def close(self) -> None:
        """Write what is not yet written."""
        if self._writing is not None:
            await self._writing

    async def _look_up(self, name: str) -> bytes:
        if self._client is None:
            return b""
        try:
            async with asyncio.timeout(LOOK_UP_S):
                found = await self._client.get(store.session_name(name))
                return found if isinstance(found, bytes) else b""
        except (redis.RedisError, OSError, TimeoutError):
            return b""

    async def _write(self, client: "redis.Redis") -> None:
        await asyncio.sleep(WRITE_S)
        unwritten, self._unwritten = self._unwritten, {}
        try:
            async with client.pipeline(transaction=False) as pipeline:
                for name, packed in unwritten.items():
                    pipeline.set(store.session_name(name), packed, ex=WARM_S)
                await pipeline.execute()
        except (redis.RedisError, OSError, TimeoutError) as failure:
            logger.warning("sessions cannot be written to Redis: %s", type(failure).__name__)


def name_of(call: Call, owner: str) -> str:
    """Return what a conversation goes by: nothing of its text can be read from it."""
    digest = hashlib.blake2b(owner.encode(), digest_size=16)
    if call.fields.routor_session:
        digest.update(b"s" + call.fields.routor_session.encode())
        return digest.hexdigest()
    for message in call.request.messages:
        digest.update(b"o" + _text(message)[:OPENING_CHARS].encode("utf-8", "surrogatepass"))
        if isinstance(message, schema.User):
            break
    return digest.hexdigest()


def _goes_on(call: Call) -> bool:
    """Tell whether something may be known: a conversation with an answer in it, or a named one."""
    named = call.fields.routor_session is not None
    return named or any(isinstance(one, schema.Assistant) for one in call.request.messages)


def _text(message: schema.Message) -> str:
    content = message.content
    if isinstance(content, str):
        return content
    texts = (part.text for part in content or () if isinstance(part, schema.Text))
    return "\n".join(texts)
