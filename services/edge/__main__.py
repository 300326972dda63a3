"""`python -m services.edge`: run the front door until told to stop."""

import os

import uvloop

from services import rpc, settings, telemetry
from services.edge.server import Edge
from services.edge.settings import EdgeSettings


async def main() -> None:
    """Wire the edge together and run it."""
    edge = Edge(settings.read(EdgeSettings, os.environ))
    telemetry.start("edge", os.environ)
    stop = rpc.stopping()
    await edge.start()
    await stop.wait()
    await edge.stop()
    telemetry.stop()


if __name__ == "__main__":
    try:
        uvloop.run(main())
    except settings.SettingsError as faults:
        raise SystemExit(f"edge: wrong settings\n{faults}") from None
