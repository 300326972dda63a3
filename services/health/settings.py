"""Settings of the health service."""

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from services.settings import Secret, variable
from services.tls import PLAIN, TlsSettings


@dataclass(frozen=True)
class HealthSettings:
    """Variables ROUTOR_HEALTH_*."""

    PREFIX: ClassVar[str] = "ROUTOR_HEALTH_"

    listen: str = "127.0.0.1:50053"
    metrics_listen: str = "127.0.0.1:9153"
    drain_s: float = 5.0
    # Ready after this even when no provider could be validated.
    ready_after_s: float = 10.0
    # One health process of a cluster works; another takes over after this silence.
    lease_s: float = 4.0
    # How often the providers service is asked whom it knows.
    list_every_s: float = 5.0
    # Longer than the providers service gives a probe itself.
    probe_timeout_s: float = 15.0
    internal_token: Secret = variable("ROUTOR_INTERNAL_TOKEN", Secret(""))
    redis_url: Secret = variable("REDIS_URL", Secret(""))
    providers_address: str = variable("ROUTOR_PROVIDERS_ADDRESS", "127.0.0.1:50052")
    catalog_dir: Path | None = variable("ROUTOR_CATALOG_DIR", None)
    tls: TlsSettings = PLAIN
