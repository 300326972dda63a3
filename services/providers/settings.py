"""Settings of the providers service."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.settings import Secret, variable
from services.tls import PLAIN, TlsSettings


@dataclass(frozen=True)
class ProvidersSettings:
    """Variables ROUTOR_PROVIDERS_*. Keys and addresses of providers are read by `connections`."""

    PREFIX: ClassVar[str] = "ROUTOR_PROVIDERS_"

    listen: str = "127.0.0.1:50052"
    # For the edge (`services.link`); gRPC above is for everybody.
    link_listen: str = "127.0.0.1:50062"
    metrics_listen: str = "127.0.0.1:9152"
    connect_timeout_s: float = 5.0
    # Until the first content of a stream; stretched by reasoning effort (`patience`).
    first_token_timeout_s: float = 30.0
    # Silence after the first content.
    stall_timeout_s: float = 30.0
    # A whole request over its whole chain.
    total_timeout_s: float = 600.0
    max_attempts: int = 5
    # Without content for so long, the next model is called beside it (`hedge`); 0 is never.
    hedge_after_s: float = 0.0
    # Such calls, at most, of all requests.
    hedge_share: float = 0.05
    # The largest whole answer, decoded.
    answer_limit_mb: int = 32
    max_connections: int = 2000
    # Shorter than the idle limits seen at vendors' front ends (60 s and more).
    keepalive_s: float = 50.0
    probe_timeout_s: float = 10.0
    drain_s: float = 30.0
    # Attempts that wait for Redis; further ones are dropped and counted.
    record_queue: int = 10_000
    internal_token: Secret = variable("ROUTOR_INTERNAL_TOKEN", Secret(""))
    redis_url: str = variable("REDIS_URL", "")
    health_address: str = variable("ROUTOR_HEALTH_ADDRESS", "127.0.0.1:50053")
    catalog_dir: Path | None = variable("ROUTOR_CATALOG_DIR", None)
    tls: TlsSettings = PLAIN
