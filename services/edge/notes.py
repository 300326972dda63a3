"""What is noted on a request along its way."""

from aiohttp import web

from routor.v1.providers_pb2 import Served
from services.edge.terms import Terms
from services.errors import RoutorError
from services.telemetry import Span

REQUEST_ID = web.RequestKey("request_id", str)
# The digest of the key that the request came with.
OWNER = web.RequestKey("owner", str)
# What limits that key; absent when nothing does.
TERMS = web.RequestKey("terms", Terms)
# What lets a page in a browser see the answer; absent when no page asks.
CORS = web.RequestKey("cors", dict[str, str])
# Who answered; absent until the answer is whole.
SERVED = web.RequestKey("served", Served)
SPAN = web.RequestKey("span", Span)
# Why the request failed; absent when it did not.
FAILURE = web.RequestKey("failure", RoutorError)
