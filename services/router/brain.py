"""What decisions are made with."""

from services.catalog import Catalog
from services.router import ability, pool, tiers
from services.router.classify import Classifier
from services.router.roster import Rosters


class Brain:
    """Catalog, tiers and learned weights. Immutable, but for what `rosters` has prepared."""

    def __init__(self, catalog: Catalog, classifier: Classifier) -> None:
        self.catalog = catalog
        self.classifier = classifier
        self.tiers = tiers.read()
        self.pool = pool.compile_pool(catalog, self.tiers, ability.read())
        self.rosters = Rosters(self.pool)
