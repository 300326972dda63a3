"""A tool call that has to come from a model whose API cannot demand one: in words, and checked.

Z.AI answers anything but auto with 400, and with one tool and an instruction called it every time
(github.com/vectorize-io/hindsight/issues/4246, 2026-09); Moonshot advises the same
(https://platform.moonshot.ai/docs/guide/migrating-from-openai-to-kimi, 2026, "About tool_choice").
An answer without the call is not given out as one: another model may make it. Pure.
"""

from collections.abc import Sequence
from typing import Any

from services.catalog import Model
from services.errors import Kind, RoutorError
from services.providers.dialects import history, parameters, reasoning, structured
from services.providers.dialects.contract import Answer, Chunk, Decoder, Ending, Json, Target

# These say themselves why there is no call.
_EXCUSED = ("length", "content_filter")


def here(body: Json, target: Target, dialect: str) -> frozenset[str]:
    """Return the tools of which one has to be called, where the model's API cannot say so."""
    model, choice = target.model, body.get("tool_choice")
    if model is None or dialect != "openai_chat" or not (body.get("tools") and model.tools):
        return frozenset()
    kind = parameters.tool_choice_kind(choice)
    if kind not in ("required", "named"):
        return frozenset()
    tools = [choice] if kind == "named" else body["tools"]
    if kind == "required" and isinstance(choice, dict):
        tools = choice["allowed_tools"].get("tools") or ()
    if _means(body, target, model) & {kind, "required" if len(tools) > 1 else "named"}:
        return frozenset()
    return frozenset(map(parameters.called, tools))


def _means(body: Json, target: Target, model: Model) -> set[str]:
    """Return the kinds of tool_choice that the model's API takes."""
    rules, means = model.parameters, {*model.parameters.tool_choice}
    if model.reasoning.can_disable or not reasoning.will_think(body, target, model):
        means |= {*rules.tool_choice_without_reasoning}
    # The only tool that is offered is named by that.
    return means | ({"named"} if "required" in means else set())


def is_moot(body: Json, target: Target) -> bool:
    """Tell whether response_format asks for text, in words or JSON mode, where a call must come.

    Clients send both (instructor 1.17, Mode.RESPONSES_TOOLS), and told to "answer with one JSON
    object and nothing else" a model does not call. What a call holds its own schema says.
    """
    model, (kind, _) = target.model, structured.wanted(body)
    if model is None or kind == "text" or not body.get("tools"):
        return False
    if parameters.tool_choice_kind(body.get("tool_choice")) not in ("required", "named"):
        return False
    return bool(target.must_call) or model.structured_outputs != "json_schema"


def words(tools: Sequence[Json]) -> str:
    """Return what to say to a model that has to call one of `tools`."""
    if len(tools) == 1:
        return f"Answer by calling the tool {parameters.called(tools[0])}."
    return "Answer by calling one of the tools."


def checked(answer: Answer, target: Target) -> Answer:
    """Return the answer, of which every choice calls; raises as `missed` says."""
    for choice in answer.body["choices"] if target.must_call else ():
        message = choice["message"]
        if choice["finish_reason"] in _EXCUSED or message.get("refusal"):
            continue
        if not _meets(message.get("tool_calls") or (), target):
            raise missed(target)
    return answer


def missed(target: Target) -> RoutorError:
    """Return the refusal of an answer that does not call what it has to."""
    return RoutorError(
        Kind.UNSUPPORTED_PARAMETER,
        f"{target.key} did not call the tool that tool_choice demands, and its API cannot make it; "
        'use "auto" or choose another model.',
        param="tool_choice",
        provider=target.vendor.id,
        model=target.key,
    )


def _meets(calls: Sequence[Any], target: Target) -> bool:
    return any(history.name_of(call) in target.must_call for call in calls)


class Obliged:
    """Decoder of such an answer's stream: what may not be its beginning is held until the call."""

    halfway: Sequence[Chunk] = ()

    def __init__(self, decoder: Decoder, target: Target) -> None:
        self._decoder = decoder
        self._target = target
        self._held: list[Chunk] = []
        self._met = False

    def feed(self, data: bytes) -> list[Chunk]:
        """Take bytes as they arrive; return the chunks that may go on."""
        chunks: list[Chunk] = []
        for chunk in self._decoder.feed(data):
            chunks += self._passed(chunk)
        if self._held and self._decoder.finished and self._is_excused(self._decoder.close()):
            chunks += self._release()
        return chunks

    @property
    def done(self) -> bool:
        """Whether the vendor has said that the answer is complete."""
        return self._decoder.done

    @property
    def finished(self) -> bool:
        """Whether all of the answer has come."""
        return self._decoder.finished

    def close(self) -> Ending:
        """Return the ending; raises as `missed` says for an answer without the call."""
        ending = self._decoder.close()
        if not self._met and not self._is_excused(ending):
            raise missed(self._target)
        return ending

    def _passed(self, chunk: Chunk) -> list[Chunk]:
        if self._met or not chunk.content or chunk.text == "":
            return [chunk]  # nobody takes thoughts for an answer
        self._held.append(chunk)
        if chunk.text is None and self._calls(chunk):
            return self._release()
        return []

    def _calls(self, chunk: Chunk) -> bool:
        """Tell whether a chunk holds the call, or what no call can be expected beside."""
        delta = chunk.body["choices"][0]["delta"]
        calls = delta.get("tool_calls")
        return _meets(calls, self._target) if calls else "content" not in delta

    def _release(self) -> list[Chunk]:
        held, self._held, self._met = self._held, [], True
        return held

    @staticmethod
    def _is_excused(ending: Ending) -> bool:
        return ending.finish_reason in _EXCUSED
