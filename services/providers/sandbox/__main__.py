"""Run the sandbox until SIGTERM or SIGINT: python -m services.providers.sandbox --port N."""

import argparse
import asyncio
import signal
import sys
from pathlib import Path

import msgspec
from aiohttp import web

from services.providers.sandbox.app import Models, application


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m services.providers.sandbox")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True, help="0 picks a free one")
    text = "JSON file {provider: [upstream ids]} in place of the built-in lists of models"
    parser.add_argument("--models", type=Path, help=text)
    options = parser.parse_args()
    models = None
    if options.models is not None:
        models = msgspec.json.decode(options.models.read_bytes(), type=dict[str, list[str]])
    asyncio.run(serve(options.host, options.port, models))


async def serve(host: str, port: int, models: Models | None = None) -> None:
    """Serve until a signal comes; prints one line with the address when ready."""
    runner = web.AppRunner(
        application(models), access_log=None, handler_cancellation=True, shutdown_timeout=1
    )
    await runner.setup()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, host, port, backlog=2048).start()
        bound = runner.addresses[0][1]
        sys.stdout.write(f"sandbox ready at http://{host}:{bound}\n")
        sys.stdout.flush()
        await stop.wait()
    finally:
        await runner.cleanup()


if __name__ == "__main__":
    main()
