"""What MiMo refuses that a careless gateway sends. Pure.

Sources, read 2026-11: github.com/XiaomiMiMo/MiMo/issues/44 (results in parts),
github.com/NousResearch/hermes-agent/pull/37841 (calls without text).
"""

from typing import Any

from services.providers.sandbox.errors import Trouble
from services.providers.sandbox.vendors import Vendor


def text(_vendor: Vendor, body: dict[str, Any]) -> None:
    """Refuse answers without text, even beside calls, and results of tools in parts."""
    for message in body["messages"]:
        content = message.get("content")
        unsaid = message["role"] == "assistant" and (not content or str(content).isspace())
        if unsaid or (message["role"] == "tool" and not isinstance(content, str)):
            raise Trouble("invalid", "Param Incorrect", param="`text` is not set")
