"""The wall runs on the providers service and the sandbox of the provider tests."""

from tests.providers.conftest import hasty, sandbox

__all__ = ["hasty", "sandbox"]
