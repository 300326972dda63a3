"""What is said when no model of a chain is left to try: which error, which Retry-After. Pure."""

from collections.abc import Sequence

from routor.v1.types_pb2 import Attempt
from services.errors import Kind, RoutorError
from services.providers.breaker import REST_S
from services.providers.failover import LEAST_S, Envelope, Failure, Member, Standing

# A balance may be topped up at any time; nobody is asked again sooner than this (`breaker`).
QUOTA_REST_S = 30.0
# What one line for people may hold.
_MESSAGE_LIMIT = 160


def verdict(
    members: Sequence[Member],
    failed: Sequence[Failure],
    attempts: Sequence[Attempt],
    envelope: Envelope,
) -> RoutorError:
    """Return the most useful honest error of a chain that gave no answer."""
    if not failed:
        return _untried(members, envelope)
    # Of two calls side by side the first to fail may be the one that says why nothing helps.
    ends = [failure.error for failure in failed if not failure.error.kind.rule.tries_next]
    last = ends[0] if ends else failed[-1].error
    cut = [failure for failure in failed if failure.error.kind is Kind.STREAM_BROKEN]
    if cut:
        return _attached(_cut_off(cut[0], failed), attempts)
    if len(failed) == len(members) == 1 or not last.kind.rule.tries_next:
        return _attached(last, attempts)
    causes = [failure.error for failure in failed]
    kind = _kind([error.kind for error in causes])
    if kind is Kind.PROVIDER_RATE_LIMITED and not _only_limits(members, failed):
        kind = Kind.PROVIDER_UNAVAILABLE
    if kind in (Kind.CONTEXT_TOO_LONG, Kind.TOO_LARGE, Kind.UNSUPPORTED_PARAMETER):
        return _attached(last, attempts)
    tried = "; ".join(f"{error.model} ({_short(error.message)})" for error in causes)
    stop = "" if envelope.time_left_s >= LEAST_S else " before the time was up"
    limited = kind is Kind.PROVIDER_RATE_LIMITED
    waits = [error.retry_after_s for error in causes if error.retry_after_s is not None]
    waits += [member.wait_s for member in members if member.standing is Standing.RESTING]
    return RoutorError(
        kind,
        f"No model could answer{stop}. Tried {tried}.",
        provider=last.provider,
        model=last.model,
        upstream_status=last.upstream_status,
        retry_after_s=min(waits, default=REST_S) if limited else _rest_s(kind),
        attempts=attempts,
    )


def _cut_off(cut: Failure, failed: Sequence[Failure]) -> RoutorError:
    """Return the error of an answer that was cut, with who could not go on with it."""
    error, later = cut.error, [one.error for one in failed[failed.index(cut) + 1 :]]
    if later:
        tried = "; ".join(f"{one.model} ({_short(one.message)})" for one in later)
        said = error.message.removesuffix(".")  # words of a provider may end without one
        error.message = f"{said}. It could not be continued. Tried {tried}."
    return error


def _attached(error: RoutorError, attempts: Sequence[Attempt]) -> RoutorError:
    error.attempts = tuple(attempts)
    if error.retry_after_s is None:
        error.retry_after_s = _rest_s(error.kind)
    return error


def _rest_s(kind: Kind) -> float | None:
    """Return when to try again, where that is all that is known."""
    return {Kind.PROVIDER_RATE_LIMITED: REST_S, Kind.PROVIDER_QUOTA: QUOTA_REST_S}.get(kind)


def _kind(kinds: Sequence[Kind]) -> Kind:
    """Return the kind that stands for several: what waiting or another request could mend.

    Who cannot do what is asked is no reason why those who can did not.
    """
    about_request = (Kind.CONTEXT_TOO_LONG, Kind.TOO_LARGE, Kind.UNSUPPORTED_PARAMETER)
    causes = {kind for kind in kinds if kind not in about_request}
    if len(causes) < 2:
        return causes.pop() if causes else kinds[-1]
    rest = causes - {Kind.PROVIDER_RATE_LIMITED}
    return Kind.PROVIDER_TIMEOUT if rest == {Kind.PROVIDER_TIMEOUT} else Kind.PROVIDER_UNAVAILABLE


def _only_limits(members: Sequence[Member], failed: Sequence[Failure]) -> bool:
    """Tell whether every member that was not called is at its limit, too."""
    called = {failure.index for failure in failed}
    limits = [one for one in failed if one.error.kind is Kind.PROVIDER_RATE_LIMITED]
    limited = {members[one.index].provider for one in limits}
    return all(
        index in called
        or member.provider in limited
        or member.standing is Standing.NOT_CONNECTED
        or (member.standing is Standing.RESTING and member.cause is Kind.PROVIDER_RATE_LIMITED)
        for index, member in enumerate(members)
    )


def _untried(members: Sequence[Member], envelope: Envelope) -> RoutorError:
    """Return the error of a chain of which nothing was called."""
    if envelope.time_left_s < LEAST_S:
        return RoutorError(Kind.PROVIDER_TIMEOUT, "The time was up before a model was called.")
    connected = [member for member in members if member.standing is not Standing.NOT_CONNECTED]
    if not connected:
        missing = sorted({f"{member.provider} (set {member.missing})" for member in members})
        return RoutorError(
            Kind.NO_CAPABLE_MODEL, f"No provider of the chain is connected: {', '.join(missing)}."
        )
    resting = [one for one in connected if one.standing in (Standing.RESTING, Standing.REFUSED)]
    if not resting:
        return RoutorError(
            Kind.NO_CAPABLE_MODEL,
            "Every model of the chain is expected to cost more than this request may.",
            param="routor_max_cost",
        )
    # A limit ends at its reset; a refused key or balance when a probe finds that it does.
    limited = [member for member in resting if member.cause is Kind.PROVIDER_RATE_LIMITED]
    soonest = min(limited or resting, key=lambda member: member.wait_s)
    then = f" Try again in {max(soonest.wait_s, 1):.0f} s." if limited else ""
    kinds = {member.cause for member in resting}
    kind = kinds.pop() if len(kinds) == 1 else Kind.PROVIDER_UNAVAILABLE
    reasons = "; ".join(f"{member.model} ({member.cause.name})" for member in resting)
    return RoutorError(
        kind,
        f"No model can be called now: {reasons}.{then}",
        provider=soonest.provider,
        model=soonest.model,
        retry_after_s=soonest.wait_s if limited else _rest_s(kind),
    )


def _short(message: str) -> str:
    message = message.rstrip(".")
    return message if len(message) <= _MESSAGE_LIMIT else message[:_MESSAGE_LIMIT] + "…"
