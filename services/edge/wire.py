"""HTTP beneath the routes: what cannot be parsed is refused in our shape, without an echo."""

from aiohttp import web

from services.edge import problem


class Protocol(web.RequestHandler):
    """One connection.

    aiohttp would repeat malformed bytes in its answer and in its log; they may hold a key.
    """

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer, after which the connection is closed."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer has begun, another cannot follow") from exc
        response = problem.malformed(status)
        response.force_close()
        return response


class Listener(web.Server):
    """Makes a protocol per connection.

    It stands on aiohttp's server alone: aiohttp's application, with its router, middlewares and
    signals, would cost as much as everything else here.
    """

    def __call__(self) -> web.RequestHandler:
        """Return a fresh protocol."""
        return Protocol(self, loop=self._loop, **self._kwargs)
