"""Run the front door: `python -m services.edge`."""

from services import process, signals
from services.edge.server import Edge
from services.edge.settings import EdgeSettings
from services.listen import listening


async def serve(chosen: EdgeSettings) -> None:
    """Serve until told to stop, then let running requests finish."""
    stop = signals.stopping()
    edge = Edge(chosen)
    with listening(chosen):
        await edge.start()
    process.settle()
    await stop.wait()
    await edge.stop()


if __name__ == "__main__":
    process.run("edge", EdgeSettings, serve)
