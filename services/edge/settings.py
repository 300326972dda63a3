"""Settings of the edge."""

from dataclasses import dataclass
from typing import ClassVar

from services.settings import Secret, variable
from services.tls import PLAIN, TlsSettings


@dataclass(frozen=True)
class EdgeSettings:
    """What the environment says; `listen` is host:port, unix:path or fd:number (inherited).

    `api_key` is one key or several, separated by commas.
    """

    PREFIX: ClassVar[str] = "ROUTOR_EDGE_"

    listen: str = "127.0.0.1:8080"
    # Processes that share this address.
    workers: int = 1
    # Where set, metrics are served there, and no longer at the front door.
    metrics_listen: str = ""
    body_limit_mb: int = 32
    # For the body after its head; up to four times as long while it comes steadily.
    body_timeout_s: float = 30.0
    # A client that takes nothing of its answer for so long is hung up on.
    write_timeout_s: float = 120.0
    # After so much silence in a stream, and before twice as much, a sign of life; 0 is never.
    stream_ping_s: float = 8.0
    # Also drops a request head that never ends.
    keepalive_timeout_s: float = 30.0
    drain_s: float = 30.0
    decision_headers: bool = True
    # Whose pages may call the API from a browser: origins separated by commas, * for all, or none
    # (an empty variable is one that is not set).
    cors_origins: str = "*"
    # One line per request; those that fail by our fault are always logged.
    access_log: bool = False
    total_timeout_s: float = 600.0
    # Of one worker: running requests, beyond which more are turned down with 503, and
    # connections without one, of which the oldest are closed.
    max_requests: int = 2048
    max_idle_connections: int = 2048
    router_timeout_s: float = 2.0
    api_key: Secret = variable("ROUTOR_API_KEY", Secret(""))
    admin_key: Secret = variable("ROUTOR_ADMIN_KEY", Secret(""))
    internal_token: Secret = variable("ROUTOR_INTERNAL_TOKEN", Secret(""))
    redis_url: Secret = variable("REDIS_URL", Secret(""))
    router_address: str = variable("ROUTOR_ROUTER_LINK_ADDRESS", "127.0.0.1:50061")
    providers_address: str = variable("ROUTOR_PROVIDERS_LINK_ADDRESS", "127.0.0.1:50062")
    health_address: str = variable("ROUTOR_HEALTH_ADDRESS", "127.0.0.1:50053")
    tls: TlsSettings = PLAIN

    @property
    def body_limit_bytes(self) -> int:
        """The largest request body."""
        return self.body_limit_mb << 20
