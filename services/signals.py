"""How a process is told to end."""

import asyncio
import signal


def stopping() -> asyncio.Event:
    """Return an event that SIGTERM, SIGINT or SIGHUP sets. Call inside the running loop."""
    event = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = [signal.SIGTERM, signal.SIGINT]
    # A closed terminal ends what runs in it, unless it was started with nohup.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    for number in numbers:
        loop.add_signal_handler(number, event.set)
    return event
