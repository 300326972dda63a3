"""Settings of the router."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.settings import Secret, variable
from services.tls import PLAIN, TlsSettings


@dataclass(frozen=True)
class RouterSettings:
    """Variables ROUTOR_ROUTER_*; `listen` and `link_listen` are host:port or unix:path."""

    PREFIX: ClassVar[str] = "ROUTOR_ROUTER_"

    listen: str = "127.0.0.1:50051"
    # For the edge (`services.link`); gRPC above is for everybody.
    link_listen: str = "127.0.0.1:50061"
    metrics_listen: str = "127.0.0.1:9151"
    drain_s: float = 30.0
    # How long a fresh router waits for a first status before it decides without one.
    status_timeout_s: float = 5.0
    redis_url: Secret = variable("REDIS_URL", Secret(""))
    health_address: str = variable("ROUTOR_HEALTH_ADDRESS", "127.0.0.1:50053")
    catalog_dir: Path | None = variable("ROUTOR_CATALOG_DIR", None)
    # What `routor train` wrote; the built-in weights where it is not set.
    weights_dir: Path | None = None
    tls: TlsSettings = PLAIN
