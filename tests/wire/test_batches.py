"""More texts than a vendor embeds at once: several calls, one answer."""

import asyncio

import pytest

from tests.wire.upstream import Reply, answer

QWEN, GEMINI = "alibaba/text-embedding-v4", "google/gemini-embedding-001"


def numbered(seen):
    """A vector for each text, which are numbers; the last comes first."""
    if seen.vendor == "google":
        texts = [one["content"]["parts"][0]["text"] for one in seen.body["requests"]]
        vectors = [{"values": [float(text)]} for text in texts]
        return answer({"embeddings": vectors, "usageMetadata": {"promptTokenCount": len(texts)}})
    texts = seen.body["input"]
    rows = [{"index": at, "embedding": [float(text)]} for at, text in enumerate(texts)]
    usage = {"prompt_tokens": len(texts), "total_tokens": len(texts)}
    return answer({"data": rows[::-1], "usage": usage})


async def embedded(wire, model, many, **fields):
    given = {"model": model, "input": [str(number) for number in range(many)], **fields}
    return await wire.post("/v1/embeddings", given)


@pytest.mark.parametrize("model, most", [(QWEN, 10), (GEMINI, 100)])
async def test_vectors_come_in_the_order_of_the_texts(wire, model, most):
    wire.upstream.script = numbered
    many = 2 * most + 3
    told = (await embedded(wire, model, many)).json()
    assert [row["index"] for row in told["data"]] == list(range(many))
    assert [row["embedding"] for row in told["data"]] == [[float(at)] for at in range(many)]
    assert told["usage"] == {"prompt_tokens": many, "total_tokens": many}
    assert told["routor"]["attempts"] == len(wire.upstream.seen) == 3
    assert told["routor"]["costUsd"] > 0


async def test_as_many_as_fit_are_one_call(wire):
    wire.upstream.script = numbered
    assert len((await embedded(wire, QWEN, 10)).json()["data"]) == 10
    assert len(wire.upstream.seen) == 1


@pytest.mark.parametrize("status, want", [(400, 400), (429, 429), (500, 502)])
async def test_one_part_that_fails_fails_the_whole(wire, status, want):
    def script(seen):
        if "15" in seen.body["input"]:
            return answer({"error": {"message": "Text 15 is bad."}}, status)
        return numbered(seen)

    wire.upstream.script = script
    told = await embedded(wire, QWEN, 35)
    assert told.status_code == want and "data" not in told.json()
    assert "Text 15 is bad." in told.json()["error"]["message"]


async def test_what_still_runs_is_cancelled_with_the_part_that_failed(wire):
    def script(seen):
        if "15" in seen.body["input"]:
            return answer({"error": {"message": "No"}}, 400)
        return Reply([b"{"], headers={"Content-Type": "application/json"}, hang=True)

    wire.upstream.script = script
    assert (await embedded(wire, QWEN, 35)).status_code == 400
    await asyncio.wait_for(wire.upstream.gone.wait(), 10)


@pytest.mark.parametrize("many", [2, 12])
async def test_a_vector_that_is_missing_is_an_error(wire, many):
    def script(seen):
        rows = [{"index": 0, "embedding": [1.0]}]
        return answer({"data": rows, "usage": {"prompt_tokens": 1}})

    wire.upstream.script = script
    told = await embedded(wire, QWEN, many)
    assert told.status_code == 502 and "1 vectors for" in told.json()["error"]["message"]


@pytest.mark.parametrize("many", [2, 12])
async def test_vectors_of_texts_that_nobody_knows_are_an_error(wire, many):
    def script(seen):
        rows = [{"index": 0, "embedding": [1.0]} for _ in seen.body["input"]]
        return answer({"data": rows, "usage": {"prompt_tokens": 1}})

    wire.upstream.script = script
    told = await embedded(wire, QWEN, many)
    assert told.status_code == 502 and "indices" in told.json()["error"]["message"]
