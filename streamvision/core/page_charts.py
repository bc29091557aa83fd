"""Charts as parts of a page, whose colours are its CSS classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from streamvision.core.svg import Point, element, nice_step, point_list, short_number

CLASS_COLORS = 9
"""How many colours of classes a page has; further classes are all grey."""


@dataclass(frozen=True)
class Series:
    """One line of a chart on a page."""

    label: str
    """Its name."""
    color: str
    """CSS class of its colour."""
    points: Sequence[Point]
    """Places, 0..1 on both axes."""
    detail: str
    """What to show beside its name."""


@dataclass(frozen=True)
class Plotted:
    """Points or one line of a chart on a page, in units of their own."""

    label: str
    """Its name."""
    color: str
    """CSS class of its colour."""
    points: Sequence[Point]
    """Places."""
    joined: bool = False
    """Whether they are joined to a line."""


@dataclass(frozen=True)
class _Plot:
    """Axes from 0 to 1, and where they lie on a sheet of (width, height) units."""

    width: float = 640
    height: float = 420
    left: float = 54
    right: float = 16
    top: float = 14
    bottom: float = 46

    def at(self, x: float, y: float) -> Point:
        """Return where a value of each axis lies."""
        across, down = self.width - self.left - self.right, self.height - self.top - self.bottom
        return round(self.left + x * across, 2), round(self.height - self.bottom - y * down, 2)


def line_chart(series: Sequence[tuple[int, Series]], *, x_title: str, y_title: str, title: str) -> Markup:
    """Return numbered lines over axes from 0 to 1 for a page, the last on top."""
    plot = _Plot()
    lines = []
    for index, one in series:
        points = point_list(plot.at(x, y) for x, y in one.points)
        content = (
            element("title", f"{one.label} {one.detail}"),
            element("polyline", points=points),
            element("polyline", class_="grip", points=points),
        )
        lines.append(element("g", *content, class_=f"series {one.color}", data_series=index))
    return _figure(plot, [*_axes(plot, x_title, y_title), *lines], title)


def unit_chart(plotted: Sequence[Plotted], *, x_title: str, y_title: str, title: str, diagonal: bool = False) -> Markup:
    """Return points and lines over axes in units of their own for a page, the last on top.

    Args:
        plotted: what is drawn; finite numbers.
        x_title: what is to the right, with its unit.
        y_title: what is up, with its unit.
        title: what it shows, for who cannot see it.
        diagonal: whether both axes are of the same quantity; then equal ones lie on a dashed line.
    """
    plot = _Plot()
    xs, ys = ([point[axis] for one in plotted for point in one.points] for axis in (0, 1))
    if diagonal:
        xs = ys = [*xs, *ys]
    across, up = _ticks(xs), _ticks(ys)

    def at(x: float, y: float) -> Point:
        return plot.at((x - across[0]) / (across[-1] - across[0]), (y - up[0]) / (up[-1] - up[0]))

    parts = [_segment("grid", at(x, up[0]), at(x, up[-1])) for x in across]
    parts += [_segment("grid", at(across[0], y), at(across[-1], y)) for y in up]
    parts += _words(plot, [(at(x, up[0]), x) for x in across], [(at(across[0], y), y) for y in up], x_title, y_title)
    if diagonal:
        parts.append(_segment("ideal", at(across[0], up[0]), at(across[-1], up[-1])))
    for one in plotted:
        places = [at(x, y) for x, y in one.points]
        if one.joined:
            drawn = [element("polyline", points=point_list(places))]
        else:
            drawn = [element("circle", class_=f"point {one.color}", cx=x, cy=y, r=3) for x, y in places]
        parts.append(element("g", element("title", one.label), *drawn, class_=f"series {one.color}"))
    return _figure(plot, parts, title)


def _ticks(values: Sequence[float]) -> list[float]:
    """Return round numbers, at least two, between which all values lie; zero among them where it is near."""
    low, high = min(values, default=0.0), max(values, default=1.0)
    if 0 < low < high / 2:
        low = 0.0
    spread = high - low if high > low else max(abs(high), 1.0) / 10
    step = nice_step(max(spread, 1e-6 * max(abs(low), abs(high)), 1e-9) / 5)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [tick * step for tick in range(first, max(last, first + 1) + 1)]


def reliability_chart(
    bins: Sequence[tuple[float, float, float | None, int]], *, title: str, counted: str = "detections"
) -> Markup:
    """Return the reliability diagram of bins (low edge, high edge, precision, count) of what is counted for a page."""
    plot = _Plot()
    most = max((count for *_, count in bins), default=0) or 1
    parts = [_segment("ideal", plot.at(0, 0), plot.at(1, 1))]
    for low, high, precision, count in bins:
        if precision is None:
            continue
        middle, half = (low + high) / 2, (high - low) * 0.43
        left, top = plot.at(middle - half, precision)
        right, promised = plot.at(middle + half, middle)
        floor = plot.at(0, 0)[1]
        solid = max(top, promised)  # further down on the sheet
        gap_top = min(top, promised)
        box = {"x": left, "width": right - left}
        content = (
            element("title", f"scores {low:.1f} to {high:.1f}: {precision:.1%} of {count} {counted} are right"),
            element("rect", class_="kept", y=solid, height=floor - solid, **box),
            element(
                "rect", class_=f"gap {'over' if top > promised else 'under'}", y=gap_top, height=solid - gap_top, **box
            ),
            element("text", _rough(count), class_="tick", x=(left + right) / 2, y=gap_top - 5, text_anchor="middle"),
        )
        parts.append(element("g", *content, class_="bin", style=f"--weight:{0.55 + 0.45 * count / most:.2f}"))
    return _figure(plot, [*_axes(plot, "score that the model gives", "share that is right"), *parts], title)


def _rough(count: int) -> str:
    """Return a count in at most four letters or digits."""
    for unit, sign in ((1_000_000, "M"), (1_000, "k")):
        if count >= 10 * unit:
            return f"{count / unit:.0f}{sign}"
    return str(count)


def scatter_chart(points: Sequence[Point], colors: Sequence[str], odd: Sequence[int], *, title: str) -> Markup:
    """Return points on a plane without axes for a page; ``odd`` ones wear a ring."""
    plot = _Plot(width=900, height=560, left=20, right=20, top=20, bottom=20)
    dots, ringed = [], set(odd)
    for index, ((x, y), color) in enumerate(zip(_normalised(points), colors, strict=True)):
        ring = index in ringed
        left, top = plot.at(x, y)
        shape = f"dot {color}{' odd' * ring}"
        dots.append(element("circle", class_=shape, data_crop=index, cx=left, cy=top, r=6 if ring else 4.2))
    return _figure(plot, dots, title)


def color_of(index: int) -> str:
    """Return the CSS class of the ``index``-th class's colour."""
    return f"c{index}" if index < CLASS_COLORS else "other"


def _axes(plot: _Plot, x_title: str, y_title: str) -> Iterator[Markup]:
    values = [step / 10 for step in range(0, 11, 2)]
    for value in values:
        yield _segment("grid", plot.at(0, value), plot.at(1, value))
        yield _segment("grid", plot.at(value, 0), plot.at(value, 1))
    across, up = ([(plot.at(value, value), value) for value in values] for _ in range(2))
    yield from _words(plot, across, up, x_title, y_title)


def _words(
    plot: _Plot,
    across: Iterable[tuple[Point, float]],
    up: Iterable[tuple[Point, float]],
    x_title: str,
    y_title: str,
) -> Iterator[Markup]:
    """Return what stands beside the axes: places on the sheet and their values, and what is shown."""
    for (x, _), value in across:
        below = plot.height - plot.bottom + 18
        yield element("text", short_number(value), class_="tick", x=x, y=below, text_anchor="middle")
    for (_, y), value in up:
        yield element("text", short_number(value), class_="tick", x=plot.left - 8, y=y + 4, text_anchor="end")
    x, y = plot.at(0.5, 0.5)
    yield element("text", x_title, class_="axis", x=x, y=plot.height - 8, text_anchor="middle")
    turned = f"rotate(-90 14 {y})"
    yield element("text", y_title, class_="axis", x=14, y=y, text_anchor="middle", transform=turned)


def _figure(plot: _Plot, content: Iterable[Markup], title: str) -> Markup:
    box = f"0 0 {plot.width:g} {plot.height:g}"
    return element("svg", *content, class_="chart", viewBox=box, role="img", aria_label=title)


def _segment(css_class: str, begin: Point, end: Point) -> Markup:
    return element("line", class_=css_class, x1=begin[0], y1=begin[1], x2=end[0], y2=end[1])


def _normalised(points: Sequence[Point]) -> list[Point]:
    """Return the points stretched to 0..1 on both axes."""
    if not points:
        return []
    xs, ys = [x for x, _ in points], [y for _, y in points]
    width, height = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0
    return [((x - min(xs)) / width, (y - min(ys)) / height) for x, y in points]
