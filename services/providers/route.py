"""What never changes about a member of chains."""

import msgspec

from services.catalog import Model
from services.providers.connections import Connection
from services.providers.failover import Member, Standing


class Route(msgspec.Struct, frozen=True):
    """How a member is called; `member` is how it stands when all is well."""

    connection: Connection | None
    model: Model | None
    member: Member

    @classmethod
    def of(
        cls, key: tuple[str, str], connection: Connection | None, model: Model | None
    ) -> "Route":
        """Look up what there is to know."""
        connected = connection is not None and connection.connected
        member = Member(
            model=key[1],
            provider=key[0],
            context_window=model.context_window if model else 0,
            standing=Standing.READY if connected else Standing.NOT_CONNECTED,
            missing=connection.missing if connection else "a catalog file for it",
            prefill=model is not None and _prefills(model),
        )
        return cls(connection, model, member)


def _prefills(model: Model) -> bool:
    """Tell whether a model goes on with a begun answer: none does while it thinks."""
    facts = model.reasoning
    silent = facts.switch != "always" and (facts.can_disable or facts.default == "none")
    return model.parameters.prefill and silent
