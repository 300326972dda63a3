"""POST /v1/messages/count_tokens: an estimate; no provider is called and nothing is billed."""

import msgspec
from aiohttp import web

from services import tokens
from services.edge import intake, notes
from services.edge.messages import request as requests
from services.edge.settings import EdgeSettings


class Counting:
    """Answers with the tokens of a request that is not made."""

    def __init__(self, settings: EdgeSettings) -> None:
        self._settings = settings

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Answer as JSON; the estimate errs on the high side."""
        settings = self._settings
        raw = await intake.body(request, settings.body_limit_bytes, settings.body_timeout_s)
        asked = requests.parse_counted(raw).to_route(request[notes.REQUEST_ID])
        body = msgspec.json.encode({"input_tokens": tokens.input_tokens(asked)})
        return web.Response(body=body, content_type="application/json")
