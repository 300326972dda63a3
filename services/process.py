"""One service as a process: settings in, telemetry around it, one line when it cannot start."""

import gc
import os
import resource
import sys
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar, Final, Protocol, TypeVar

import uvloop

from services import settings, telemetry
from services.listen import listening
from services.settings import Settings, SettingsError


class ServiceSettings(Settings, Protocol):
    """What every service can be told; an empty `metrics_listen` serves no metrics."""

    PREFIX: ClassVar[str]

    @property
    def metrics_listen(self) -> str:
        """Where Prometheus finds this process."""
        ...


S = TypeVar("S", bound=ServiceSettings)

# A request leaves next to no cycles behind, but makes hundreds of objects: at Python's own 700
# the collector looks for garbage several times a request.
YOUNG_OBJECTS: Final = 20_000
MOST_FILES = 65_536
# Although it names no limit, macOS refuses more than OPEN_MAX of its <sys/syslimits.h>.
MACOS_FILES = 10_240


def run(name: str, cls: type[S], serve: Callable[[S], Coroutine[Any, Any, None]]) -> None:
    """Serve until told to stop. Wrong settings end the process with code 1 and a line for each."""
    try:
        chosen = settings.read(cls, os.environ)
        _allow_connections()
        with listening(chosen, "metrics_listen"):
            telemetry.start(name, os.environ, chosen.metrics_listen)
        uvloop.run(serve(chosen))
    except SettingsError as faults:
        sys.exit(f"routor {name}: {faults}")
    telemetry.stop()


def settle() -> None:
    """Tell the collector of garbage that what is loaded now stays: it need not go through it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])


def _allow_connections() -> None:
    """Take all the descriptors that the system grants: usual soft limits are 256 and 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for most in (MOST_FILES, MACOS_FILES):
        wanted = most if hard == resource.RLIM_INFINITY else min(hard, most)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            return
