"""A request after its tier is settled and before its model is."""

import msgspec

from routor.v1 import router_pb2, types_pb2
from services.router.brain import Brain
from services.router.classify import Classification
from services.router.contender import Sheet, Task
from services.router.features import Features
from services.router.need import Need
from services.router.roster import Lineup, Roster
from services.router.settle import Settled


class Turn(msgspec.Struct, frozen=True):
    """What all models are measured by.

    `difficulty` is within the settled tier's bounds. `quality_weight`: against saving, 0..1.
    `warm`: the model whose cache holds `cached_tokens` of the input, "" for none.
    """

    request: router_pb2.RouteRequest
    brain: Brain
    roster: Roster
    features: Features
    judgement: Classification
    profile: types_pb2.Profile.ValueType
    settled: Settled
    need: Need
    task: Task
    lineup: Lineup
    difficulty: float
    quality_weight: float
    warm: str
    cached_tokens: int

    @property
    def sheet(self) -> Sheet:
        """All models' numbers for the task."""
        return self.lineup.sheet
