"""What models cost, for those keys that have a budget."""

import time
from collections.abc import Callable, Mapping

from routor.v1 import router_pb2
from services.edge.peers import Peers
from services.errors import RoutorError

# A catalog changes with a restart of the router.
TTL_S = 60.0


class Prices:
    """The router's prices by model id, asked for when needed and then kept a while."""

    def __init__(self, peers: Peers, clock: Callable[[], float] = time.monotonic) -> None:
        self._peers = peers
        self._clock = clock
        self._known: Mapping[str, router_pb2.Price] = {}
        self._until_s = float("-inf")

    async def known(self) -> Mapping[str, router_pb2.Price]:
        """Return them; those of before where the router does not answer."""
        if self._clock() >= self._until_s:
            # Whoever comes meanwhile takes the old ones, unless there are none.
            self._until_s = self._clock() + (TTL_S if self._known else 0)
            try:
                models = (await self._peers.models()).models
            except RoutorError:
                return self._known
            self._known = {model.id: model.price for model in models}
            self._until_s = self._clock() + TTL_S
        return self._known
