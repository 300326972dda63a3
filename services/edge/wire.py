"""HTTP beneath the application: what cannot be parsed is refused in our shape, without an echo."""

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
    """Makes a protocol per connection."""

    def __call__(self) -> web.RequestHandler:
        """Return a fresh protocol."""
        return Protocol(self, loop=self._loop, **self._kwargs)


class Runner(web.AppRunner):
    """Runs an application behind a listener of ours."""

    async def _make_server(self) -> web.Server:
        server = await super()._make_server()
        return Listener(
            server.request_handler,
            request_factory=server.request_factory,
            handler_cancellation=server.handler_cancellation,
            **server._kwargs,
        )
