"""One provider under a judge, with a clock that only the test moves."""

from routor.v1.status_pb2 import HEALTH_DOWN
from routor.v1.types_pb2 import Attempt
from services.errors import Kind
from services.health.judge import Judge

START_S = 1_800_000_000.0
MODEL = "openai/gpt-5.5"
OTHER = "openai/gpt-5.4"


class Scene:
    """A judge of one provider, with a clock that only the test moves."""

    def __init__(self):
        self.judge = Judge({"openai": [MODEL, OTHER]})
        self.now_s = START_S
        self.judge.listed({"openai": "https://api.openai.com/v1"}, ["xai"], self.now_s)

    def call(self, kind="", *, count=1, model=MODEL, took_ms=100.0, ago_s=0.0, **facts):
        for _ in range(count):
            self.judge.observe(
                attempt(self.now_s - ago_s, kind, model, took_ms, **facts), self.now_s
            )
        return self

    def probe(self, kind="", unlisted=frozenset()):
        self.judge.probed("openai", kind, None if kind else unlisted, self.now_s)
        return self

    def wait(self, seconds):
        """Let time pass, second by second, as the service does."""
        for _ in range(int(seconds)):
            self.now_s += 1
            self.judge.advance(self.now_s)
        self.now_s += seconds - int(seconds)
        return self

    @property
    def status(self):
        self.judge.advance(self.now_s)
        return self.judge.statuses(self.now_s)[0]

    @property
    def health(self):
        return self.status.health

    @property
    def due(self):
        self.judge.advance(self.now_s)
        return self.judge.due(self.now_s) == ["openai"]

    def model(self, key=MODEL):
        return next(each for each in self.status.models if each.model == key)


def attempt(ended_at_s, kind="", model=MODEL, took_ms=100.0, **facts):
    return Attempt(
        provider="openai",
        model=model,
        kind=kind,
        first_token_ms=0 if kind else took_ms,
        latency_ms=took_ms,
        ended_at_s=ended_at_s,
        **facts,
    )


FAILED = Kind.PROVIDER_UNAVAILABLE


def down_by_traffic():
    scene = Scene().probe().call(FAILED, count=5)
    assert scene.health == HEALTH_DOWN
    return scene


def half_open():
    scene = down_by_traffic().wait(2).probe()
    assert (scene.health, scene.status.half_open) == (HEALTH_DOWN, True)
    return scene.wait(1)
