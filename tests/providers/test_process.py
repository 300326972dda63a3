"""The service as a process: what it needs to start, and how it ends."""

import asyncio
import os
import signal
import socket
import sys

import grpc
import pytest

from routor.v1.providers_pb2_grpc import ProvidersServiceStub
from services import rpc, store
from services.providers.sandbox import environment
from tests.providers.conftest import TOKEN, Streamed, members, request


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def url_of(client) -> str:
    return f"redis://127.0.0.1:{client.connection_pool.connection_kwargs['port']}/0"


# Its usual port for metrics may be another's.
ANY_PORT = {"ROUTOR_PROVIDERS_METRICS_LISTEN": "127.0.0.1:0"}


async def start(environ: dict[str, str]) -> asyncio.subprocess.Process:
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "services.providers",
        env={**bare, "PYTHONPATH": ".:protos", **ANY_PORT, **environ},
        stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip


async def test_it_refuses_to_start_without_the_internal_token():
    process = await start({})
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"ROUTOR_INTERNAL_TOKEN is not set" in said
    assert b"Traceback" not in said


async def test_it_names_every_wrong_setting():
    process = await start(
        {"ROUTOR_PROVIDERS_DRAIN_S": "soon", "ROUTOR_PROVIDERS_MAX_ATTEMPTS": "x"}
    )
    _, said = await process.communicate()
    assert process.returncode == 1
    assert b"ROUTOR_PROVIDERS_DRAIN_S" in said
    assert b"ROUTOR_PROVIDERS_MAX_ATTEMPTS" in said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_stream_is_finished_before_it_ends(sandbox, redis, number):
    address = f"127.0.0.1:{free_port()}"
    listens = {
        "ROUTOR_PROVIDERS_LISTEN": address,
        "ROUTOR_PROVIDERS_LINK_LISTEN": f"127.0.0.1:{free_port()}",
        "ROUTOR_PROVIDERS_METRICS_LISTEN": f"127.0.0.1:{free_port()}",
        "ROUTOR_INTERNAL_TOKEN": str(TOKEN),
        "REDIS_URL": url_of(redis),
    }
    await sandbox.fault("openai", "stream_slow", delay_s=0.05, after_chunks=2)
    process = await start({**environment(sandbox.base), **listens})
    async with rpc.channel(address) as channel:
        call = ProvidersServiceStub(channel).Stream(
            request(stream=True, chain=members("openai/gpt-5.5")),
            metadata=rpc.metadata(TOKEN),
            wait_for_ready=True,
            timeout=20,
        )
        responses = [await anext(aiter(call))]
        process.send_signal(number)
        responses += [response async for response in call]
        assert Streamed(responses).finish.chunks
    assert await asyncio.wait_for(process.wait(), 10) == 0
    assert process.stderr is not None
    assert b"Traceback" not in await process.stderr.read()
    # The attempt was written before the process ended.
    assert await redis.xlen(store.ATTEMPTS) == 1
    async with rpc.channel(address) as channel:
        with pytest.raises(grpc.aio.AioRpcError):
            await ProvidersServiceStub(channel).Complete(request(), timeout=1)
