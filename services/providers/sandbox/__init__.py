"""An imitation of all 13 vendors over real HTTP, for newcomers, demos and tests."""

from services.providers.sandbox.vendors import environment

__all__ = ["environment"]
