"""Ways to damage bytes and JSON, by dice alone: the same seed gives the same damage."""

import json
import random
from typing import Any

# What parsers stumble over.
SCRAPS = (
    *(b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\r", b"\n\n", b"\r\n\r\n", b"data: "),
    *(b"null", b"NaN", b"1e999", b"-0", b"9" * 40, b"{}", b"[]", b"[[[[", b'"', b"\\", b":", b","),
    *(b"event: error\n", b"[DONE]", "🚀".encode()[:2], "\u2028".encode(), b"true"),
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 1 << 62, "", "x", "\x00", "\u202e", " " * 50, [], {}),
    *([None], [[]], {"": None}, {"type": "text"}, {"type": "nothing"}, [1, "a", {}]),
)


def bytes_of(sound: bytes, dice: random.Random) -> bytes:
    """Return bytes that differ in one to three places."""
    raw = bytearray(sound)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(raw) + 1)
        match dice.randrange(6):
            case 0:
                raw[at : at + 1] = bytes([dice.randrange(256)])
            case 1:
                del raw[at : at + dice.randint(1, 8)]
            case 2:
                raw[at:at] = dice.choice(SCRAPS)
            case 3:
                raw[at:at] = raw[dice.randrange(len(raw) + 1) :][: dice.randint(1, 40)]
            case 4:
                del raw[at:]
            case _:
                raw[at : at + 4] = dice.choice(SCRAPS)
    return bytes(raw)


def tree_of(sound: Any, dice: random.Random) -> Any:
    """Return JSON with one to three values replaced, left out or put elsewhere."""
    tree = json.loads(json.dumps(sound))
    for _ in range(dice.randint(1, 3)):
        node = tree
        while isinstance(node, dict | list) and node:
            key = dice.choice(list(node) if isinstance(node, dict) else range(len(node)))
            inner = node[key]
            if isinstance(inner, dict | list) and inner and dice.random() < 0.8:
                node = inner
                continue
            if dice.random() < 0.3:
                del node[key]
            else:
                node[key] = dice.choice(VALUES) if dice.random() < 0.8 else tree_copy(tree)
            break
    return tree


def tree_copy(tree: Any) -> Any:
    return json.loads(json.dumps(tree))


def pieces(raw: bytes, dice: random.Random) -> list[bytes]:
    """Return the bytes as they might arrive."""
    cuts = sorted(dice.randrange(len(raw) + 1) for _ in range(dice.randint(0, 6)))
    return [raw[a:b] for a, b in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
