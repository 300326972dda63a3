"""Random conversations: strict vendors take them, and nothing is lost, told twice or reordered."""

import json
import random
import re

import pytest

from services.providers.sandbox.anthropic_messages import signature

MODELS = [
    "openai/gpt-5.5",
    "openai/gpt-5.4-mini",
    "anthropic/claude-haiku-4.5",
    "google/gemini-3.1-pro",
    "deepseek/deepseek-v4-pro",
    "moonshot/kimi-k2.6",
    "mistral/mistral-small-4",
    "zai/glm-5.2",
    "nvidia/nemotron-3-super",
    "alibaba/qwen3.7-plus",
    "moonshot/next",
    "mistral/next",
]
PIXEL = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("f", "g")
]
ROUND = ("{}", " {} ", "é {}\u2028x", "{}\n\n", '"{}"\\', "😀{}\x85")
IDS = ("call_{}", "functions.f:{}", "toolu_{}", "call_{}__ts__UVVKRA", "x" * 60 + "{}")
FOREIGN = (
    {},
    {"reasoning_content": "Hm."},
    {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": signature("Hm.")}]},
    {"thinking_blocks": [{"type": "redacted_thinking", "data": "openai.rs_1.parcel"}]},
    {"annotations": [], "audio": None, "function_call": None, "refusal": None, "routor": {}},
)


class Talk:
    """Makes a conversation in which every word is another."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        self.words = 0

    def text(self):
        self.words += 1
        return self.chance.choice(ROUND).format(f"word{self.words}q")

    def part(self):
        return {"type": "text", "text": self.chance.choice([self.text, self.text, str])()}

    def parts(self):
        return [self.part() for _ in range(self.chance.randint(1, 3))]

    def content(self):
        return self.chance.choice([self.text, self.text, self.parts, str])()

    def user(self):
        shown = self.chance.choice([[], [PIXEL]])
        content = [*self.parts(), *shown, self.part()] if shown else self.content()
        return {"role": "user", "content": content}

    def system(self):
        role = self.chance.choice(["system", "developer"])
        return {"role": role, "content": self.content() or "Be terse."}

    def answer(self):
        return {"role": "assistant", "content": self.text(), **self.chance.choice(FOREIGN)}

    def loop(self):
        """Return calls and their results, in any order, some with images."""
        calls, results = [], []
        for _ in range(self.chance.randint(1, 3)):
            own = self.chance.choice(IDS).format(self.words + len(calls))
            given = self.chance.choice(["", "{}", "{bad", '{"a": 1}', "[1]"])
            function = {"name": self.chance.choice("fg"), "arguments": given}
            calls.append({"id": own, "type": "function", "function": function})
            content = self.chance.choice([self.content, lambda: [self.part(), PIXEL]])()
            results.append({"role": "tool", "tool_call_id": own, "content": content})
        self.chance.shuffle(results)
        said = self.chance.choice([None, "", self.text()])
        turn = {"role": "assistant", "content": said, "tool_calls": calls}
        return [{**turn, **self.chance.choice(FOREIGN)}, *results]

    def whole(self):
        messages = [self.system() for _ in range(self.chance.randint(0, 2))]
        for _ in range(self.chance.randint(1, 3)):
            messages.append(self.user())
            messages += self.chance.choice([list, self.loop, lambda: [self.answer()]])()
            messages += self.chance.choice([list, list, lambda: [self.system()]])()
        return [*messages, {"role": "user", "content": self.text()}]


def words(told):
    return re.findall(r"word\d+q", json.dumps(told))


def after_instructions(messages):
    """Return the messages that vendors have in one list."""
    first = next(at for at, one in enumerate(messages) if one["role"] in ("user", "assistant"))
    return messages[first:]


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("model", MODELS)
async def test_every_word_arrives_in_its_order(wire, model, seed):
    messages = Talk(seed).whole()
    told = await wire.chat(model, messages, tools=TOOLS)
    assert told.status_code == 200, told.text
    sent = wire.upstream.last.body
    assert sorted(words(sent)) == sorted(words(messages))
    results = {*words([one for one in messages if one["role"] == "tool"])}
    turns = sent.get("messages") or sent.get("contents") or sent.get("input")
    order = [word for word in words(after_instructions(messages)) if word not in results]
    assert [word for word in words(turns) if word in order] == order
