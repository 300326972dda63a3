"""What a provider's own list of models says about the catalog. Pure."""

from collections.abc import Iterable

from services.catalog import Model

# Lists that prove nothing: NVIDIA's shows models that cannot be called, and Azure's those of the
# region rather than those deployed.
WEAK_LISTS = frozenset({"nvidia", "microsoft"})


def missing(provider: str, models: Iterable[Model], listed: Iterable[str]) -> frozenset[str]:
    """Return the ids of the catalog's models that `provider` no longer lists.

    Empty when the list is no proof: it is known to be weak, or holds none of the catalog's
    models. An alias is answered by another model and need not be listed.
    """
    if provider in WEAK_LISTS:
        return frozenset()
    shown = {name.removeprefix("models/").lower() for name in listed}
    expected = [model for model in models if model.callable]
    absent = {model.key for model in expected if not _shows(shown, model)}
    if len(absent) == len(expected):
        return frozenset()
    aliases = {model.key for model in expected if model.lifecycle.status == "alias"}
    return frozenset(absent - aliases)


def _shows(shown: set[str], model: Model) -> bool:
    names = [name.lower() for name in (model.upstream, *model.aliases)]
    return any(name in shown or _dated(shown, name) for name in names)


def _dated(shown: set[str], name: str) -> bool:
    """Tell whether a dated version of `name` is shown: `name-20260301`, `name-2026-03-01`."""
    start = f"{name}-"
    return any(
        each.startswith(start) and each[len(start) :].replace("-", "").isdigit() for each in shown
    )
