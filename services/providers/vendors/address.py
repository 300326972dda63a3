"""Where a request goes and with which headers. Pure: the environment is read by the caller."""

from services.providers.vendors.contract import Vendor


def address(vendor: Vendor, base_url: str, path: str) -> str:
    """Return the URL of a dialect's path at `base_url`: the vendor's own or an override.

    A version that both bring ("…/v1" and "/v1/messages") is written once; the vendor's suffix
    (Azure: /openai/v1) is added to an override that lacks it. Raises ValueError without base_url.
    """
    base = base_url.strip().rstrip("/")
    if not base:
        raise ValueError(f"{vendor.base_url_env} is not set: {vendor.name} has no common address")
    suffix = vendor.base_url_suffix
    if suffix and base != vendor.base_url.rstrip("/") and not base.endswith(suffix):
        base += suffix
    version = "/" + path.lstrip("/").partition("/")[0]
    if version in ("/v1", "/v1beta") and base.endswith(version):
        base = base.removesuffix(version)
    return base + path


def headers(vendor: Vendor, key: str) -> dict[str, str]:
    """Return the headers of every request to the vendor; without a key, no authorization."""
    fixed = {"content-type": "application/json", **vendor.headers}
    return {**fixed, vendor.auth_header: f"{vendor.auth_prefix}{key}"} if key else fixed
