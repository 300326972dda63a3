"""Draw cost against quality as SVG, with nothing but text."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

from services.router.learning.metrics import Point

WIDTH, HEIGHT = 820, 520
LEFT, TOP, RIGHT, BOTTOM = 70, 46, 210, 60
TICKS: Final = 5
COLOURS: Final = ("#0b6e4f", "#c8553d", "#3d5a80", "#8f5fa8", "#b08900", "#4f6d7a", "#9a9a9a")
_FRAME: Final = (
    f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"'
    f' width="{WIDTH}" height="{HEIGHT}" font-family="sans-serif" font-size="12">'
    f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
)


def svg(title: str, x: str, y: str, lines: Mapping[str, Sequence[Point]]) -> str:
    """Return a drawing of named lines; a line of one point is drawn as a dot."""
    points = [point for line in lines.values() for point in line]
    scale = _Scale(points)
    parts = [_FRAME, _text(LEFT, 26, title, 'font-size="16"'), *_axes(scale, x, y)]
    for number, (name, line) in enumerate(lines.items()):
        parts += _line(scale, line, COLOURS[number % len(COLOURS)])
        row = TOP + 14 + 20 * number
        colour = COLOURS[number % len(COLOURS)]
        place = WIDTH - RIGHT + 18
        parts.append(f'<circle cx="{place}" cy="{row - 4}" r="5" fill="{colour}"/>')
        parts.append(_text(place + 12, row, name))
    return "\n".join([*parts, "</svg>\n"])


class _Scale:
    """From values to pixels. Costs begin at 0; qualities span what there is."""

    def __init__(self, points: Sequence[Point]) -> None:
        self.right = max((point.cost for point in points), default=0.0) or 1.0
        low = min((point.quality for point in points), default=0.0)
        high = max((point.quality for point in points), default=1.0)
        margin = (high - low) * 0.05 or 0.05
        self.low, self.high = low - margin, high + margin

    def x(self, cost: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * cost / self.right

    def y(self, quality: float) -> float:
        part = (quality - self.low) / (self.high - self.low)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * part


def _axes(scale: _Scale, x: str, y: str) -> list[str]:
    parts = []
    for step in range(TICKS + 1):
        cost = scale.right * step / TICKS
        quality = scale.low + (scale.high - scale.low) * step / TICKS
        across, down = scale.x(cost), scale.y(quality)
        parts.append(
            f'<path d="M{LEFT} {down:.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
            + _text(LEFT - 8, down + 4, f"{quality:.3f}", 'text-anchor="end"')
            + _text(across, HEIGHT - BOTTOM + 18, f"{cost:.3g}", 'text-anchor="middle"')
        )
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(_text(middle, HEIGHT - 16, x, 'text-anchor="middle"'))
    parts.append(_text(16, TOP - 8, y))
    return parts


def _line(scale: _Scale, line: Sequence[Point], colour: str) -> list[str]:
    places = [(scale.x(point.cost), scale.y(point.quality)) for point in line]
    if len(places) == 1:
        return [f'<circle cx="{places[0][0]:.1f}" cy="{places[0][1]:.1f}" r="5" fill="{colour}"/>']
    path = "L".join(f"{x:.1f} {y:.1f}" for x, y in places)
    return [f'<path d="M{path}" fill="none" stroke="{colour}" stroke-width="2"/>']


def _text(x: float, y: float, text: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" {more}>{escape(text)}</text>'
