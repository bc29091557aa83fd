"""Charts as SVG text; colours are CSS classes, so that they follow the page from dark to light."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

SERIES = 9
"""How many colours there are; further classes are all grey."""


@dataclass(frozen=True)
class Frame:
    """A plot from 0 to 1 on both axes, and where it lies on its sheet of (width, height) units."""

    width: float = 640
    height: float = 420
    left: float = 54
    right: float = 16
    top: float = 14
    bottom: float = 46

    def x(self, value: float) -> float:
        """Return where a value of the horizontal axis lies."""
        return round(self.left + value * (self.width - self.left - self.right), 2)

    def y(self, value: float) -> float:
        """Return where a value of the vertical axis lies."""
        return round(self.height - self.bottom - value * (self.height - self.top - self.bottom), 2)


@dataclass(frozen=True)
class Series:
    """One line of a chart."""

    label: str
    """Its name."""
    color: str
    """CSS class of its colour."""
    points: Sequence[tuple[float, float]]
    """Places, 0..1 on both axes."""
    detail: str
    """What to show beside its name."""


def line_chart(series: Sequence[tuple[int, Series]], *, x_title: str, y_title: str, title: str) -> Markup:
    """Return a chart of numbered lines over axes from 0 to 1, the last on top."""
    frame = Frame()
    lines = Markup("").join(
        Markup(
            '<g class="series {}" data-series="{}"><title>{} {}</title><polyline points="{}"/>'
            '<polyline class="grip" points="{}"/></g>'
        ).format(one.color, index, one.label, one.detail, points := _points(frame, one.points), points)
        for index, one in series
    )
    return _svg(frame, _axes(frame, x_title, y_title) + lines, title)


def reliability_chart(bins: Sequence[tuple[float, float, float | None, int]], *, title: str) -> Markup:
    """Return the reliability diagram of bins: low edge, high edge, precision, count."""
    frame = Frame()
    most = max((count for *_, count in bins), default=0) or 1
    parts = [Markup('<line class="ideal" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*_line(frame, 0, 0, 1, 1))]
    for low, high, precision, count in bins:
        if precision is None:
            continue
        middle, width = (low + high) / 2, (high - low) * 0.86
        left, right = frame.x(middle - width / 2), frame.x(middle + width / 2)
        top, promised, floor = frame.y(precision), frame.y(middle), frame.y(0)
        solid = max(top, promised)  # further down on the sheet
        text = f"scores {low:.1f} to {high:.1f}: {precision:.1%} of {count} detections are right"
        gap_top, gap = min(top, promised), abs(top - promised)
        parts.append(
            Markup(
                '<g class="bin" style="--weight:{:.2f}"><title>{}</title>'
                '<rect class="kept" x="{}" y="{}" width="{:.2f}" height="{:.2f}"/>'
                '<rect class="gap {}" x="{}" y="{:.2f}" width="{:.2f}" height="{:.2f}"/>'
                '<text class="tick" x="{:.2f}" y="{:.2f}" text-anchor="middle">{}</text></g>'
            ).format(
                *(0.55 + 0.45 * count / most, text, left, solid, right - left, floor - solid),
                *("over" if top > promised else "under", left, gap_top, right - left, gap),
                *((left + right) / 2, min(top, promised) - 5, count),
            )
        )
    axes = _axes(frame, "score that the model gives", "share that is right")
    return _svg(frame, axes + Markup("").join(parts), title)


def scatter_chart(
    points: Sequence[tuple[float, float]], colors: Sequence[str], odd: Sequence[int], *, title: str
) -> Markup:
    """Return points on a plane without axes; ``odd`` ones wear a ring."""
    frame = Frame(width=900, height=560, left=20, right=20, top=20, bottom=20)
    placed = _normalised(points)
    strange = set(odd)
    dots = Markup("").join(
        Markup('<circle class="dot {}{}" data-crop="{}" cx="{}" cy="{}" r="{}"/>').format(
            color, " odd" if index in strange else "", index, frame.x(x), frame.y(y), 6 if index in strange else 4.2
        )
        for index, ((x, y), color) in enumerate(zip(placed, colors, strict=True))
    )
    return _svg(frame, dots, title)


def color_of(index: int) -> str:
    """Return the CSS class of the ``index``-th class's colour."""
    return f"c{index}" if index < SERIES else "other"


def _axes(frame: Frame, x_title: str, y_title: str) -> Markup:
    parts = []
    for step in range(0, 11, 2):
        value = step / 10
        parts.append(
            Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*_line(frame, 0, value, 1, value))
        )
        parts.append(
            Markup('<line class="grid" x1="{}" y1="{}" x2="{}" y2="{}"/>').format(*_line(frame, value, 0, value, 1))
        )
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="end">{:.1f}</text>').format(
                frame.left - 8, frame.y(value) + 4, value
            )
        )
        parts.append(
            Markup('<text class="tick" x="{}" y="{}" text-anchor="middle">{:.1f}</text>').format(
                frame.x(value), frame.height - frame.bottom + 18, value
            )
        )
    middle = frame.y(0.5)
    parts.append(
        Markup('<text class="axis" x="{}" y="{}" text-anchor="middle">{}</text>').format(
            frame.x(0.5), frame.height - 8, x_title
        )
    )
    parts.append(
        Markup('<text class="axis" x="14" y="{}" text-anchor="middle" transform="rotate(-90 14 {})">{}</text>').format(
            middle, middle, y_title
        )
    )
    return Markup("").join(parts)


def _svg(frame: Frame, content: Markup, title: str) -> Markup:
    return Markup('<svg class="chart" viewBox="0 0 {:g} {:g}" role="img" aria-label="{}">{}</svg>').format(
        frame.width, frame.height, escape(title), content
    )


def _line(frame: Frame, x1: float, y1: float, x2: float, y2: float) -> tuple[float, float, float, float]:
    return frame.x(x1), frame.y(y1), frame.x(x2), frame.y(y2)


def _points(frame: Frame, points: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{frame.x(x):g},{frame.y(y):g}" for x, y in points)


def _normalised(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return the points stretched to 0..1 on both axes."""
    if not points:
        return []
    xs, ys = [x for x, _ in points], [y for _, y in points]
    width, height = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0
    return [((x - min(xs)) / width, (y - min(ys)) / height) for x, y in points]
