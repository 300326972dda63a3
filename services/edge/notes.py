"""What is noted on a request along its way."""

from aiohttp import web

from services.errors import RoutorError
from services.telemetry import Span

REQUEST_ID = web.RequestKey("request_id", str)
# The digest of the key that the request came with.
OWNER = web.RequestKey("owner", str)
SPAN = web.RequestKey("span", Span)
# Why the request failed; absent when it did not.
FAILURE = web.RequestKey("failure", RoutorError)
