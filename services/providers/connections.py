"""Which providers can be called: vendor files and the catalog, met with the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from services.catalog import Catalog
from services.providers import vendors
from services.providers.transport import Endpoint
from services.providers.vendors.address import address, headers
from services.providers.vendors.contract import Vendor
from services.settings import Secret

# Google's paths name the model, and callers may name any.
_MOST_ENDPOINTS = 1024


@dataclass(frozen=True)
class Connection:
    """One provider as this process reaches it. The key never shows in a repr."""

    vendor: Vendor
    base_url: str
    key: Secret = field(default=Secret(""), repr=False)
    _endpoints: dict[tuple[str, str], Endpoint] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def connected(self) -> bool:
        """Whether an address and, where one is needed, a key are set."""
        return bool(self.base_url) and (bool(self.key) or not self.vendor.key_env)

    @property
    def public_url(self) -> str:
        """The address without credentials and query."""
        parts = urlsplit(self.base_url)
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="").geturl()

    def url(self, path: str) -> str:
        """Return the whole address of a dialect's path."""
        return address(self.vendor, self.base_url, path)

    def headers(self) -> dict[str, str]:
        """Return the headers of every call, the key among them."""
        return headers(self.vendor, self.key)

    def endpoint(self, path: str, accept: str, more: Mapping[str, str]) -> Endpoint:
        """Return where the requests of a dialect's path go, `more` being further headers."""
        known = self._endpoints.get((path, accept))
        if known is not None and not more:
            return known
        made = Endpoint(self.url(path), {"accept": accept, **more, **self.headers()})
        if not more and len(self._endpoints) < _MOST_ENDPOINTS:
            self._endpoints[path, accept] = made
        return made

    @property
    def missing(self) -> str:
        """What to set so that it gets connected; empty when it is."""
        names = []
        if self.vendor.key_env and not self.key:
            names.append(self.vendor.key_env[0])
        if not self.base_url:
            names.append(self.vendor.base_url_env)
        return " and ".join(names)


def connections(catalog: Catalog, environ: Mapping[str, str]) -> dict[str, Connection]:
    """Return every known provider, connected or not, by its id.

    Providers that only the catalog knows (it names their `base_url`) follow the built-in ones.
    """
    known = dict(vendors.VENDORS)
    for provider in catalog.providers.values():
        if provider.id not in known and provider.base_url:
            known[provider.id] = vendors.custom(provider)
    return {name: _connection(vendor, environ) for name, vendor in known.items()}


def _connection(vendor: Vendor, environ: Mapping[str, str]) -> Connection:
    given = (environ.get(name, "").strip() for name in vendor.key_env)
    key = next((text for text in given if text), "")
    return Connection(vendor, _base_url(vendor, environ), Secret(key))


def _base_url(vendor: Vendor, environ: Mapping[str, str]) -> str:
    override = environ.get(vendor.base_url_env, "").strip()
    return (override or vendor.base_url).rstrip("/")
