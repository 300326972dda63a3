"""What lets pages in a browser call the API: cross-origin resource sharing.

Keys are sent by the page itself and never by the browser, so any origin may be let in. Source:
https://fetch.spec.whatwg.org/#http-cors-protocol (2026-11).
"""

from collections.abc import Iterable

from aiohttp import web

API = "/v1/"
MAX_AGE_S = 86_400


class Cors:
    """Who may call from a page: `origins` is "*", or origins separated by commas, or "none"."""

    def __init__(self, origins: str) -> None:
        named = [origin.strip().rstrip("/") for origin in origins.split(",")]
        self._any = "*" in named
        self._origins = frozenset(origin for origin in named if origin not in ("", "none"))

    def allowed(self, request: web.BaseRequest) -> dict[str, str]:
        """Return the headers that let the page see the answer; none when it may not."""
        origin = request.headers.get("Origin", "")
        if not request.path.startswith(API) or not (self._any or origin in self._origins):
            return {}
        headers = {
            "Access-Control-Allow-Origin": "*" if self._any else origin,
            # All of them: ids, decisions, limits.
            "Access-Control-Expose-Headers": "*",
        }
        return headers if self._any else {**headers, "Vary": "Origin"}

    def preflight(self, request: web.BaseRequest, methods: Iterable[str]) -> web.Response | None:
        """Answer a browser's question before the request; None when it is no such question."""
        if request.method != "OPTIONS" or "Access-Control-Request-Method" not in request.headers:
            return None
        headers = self.allowed(request)
        if headers:
            wanted = request.headers.get("Access-Control-Request-Headers", "")
            headers["Access-Control-Allow-Methods"] = ", ".join(methods)
            # A * would leave Authorization out.
            headers["Access-Control-Allow-Headers"] = wanted or "Authorization, Content-Type"
            headers["Access-Control-Max-Age"] = str(MAX_AGE_S)
        return web.Response(status=204, headers=headers)
