"""Charts as SVG documents on white, for files."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from streamvision.core.errors import OutputError
from streamvision.core.files import writing
from streamvision.core.svg import Point, element, nice_step, point_list, short_number

WIDTH_PX = 900
MARGIN_PX = 24
LABEL_PX = 320
ROW_PX = 30
PANEL_PX = 190
AXIS_PX = 64
COLORS = ("#2563a8", "#d1662c", "#3d8b4f", "#8a4f9e", "#b8860b", "#5f6b77")
"""Colours of a document."""
_INK, _FAINT = "#1d2733", "#d9dee4"


@dataclass(frozen=True)
class Bar:
    """One row of a bar chart."""

    label: str
    """What it is."""
    value: float
    """Length of the bar."""
    far: float | None = None
    """Where its whisker ends, such as the 95th percentile."""
    note: str = ""
    """Text behind it; default: the value."""
    strong: bool = False
    """Whether it is the one to look at."""


@dataclass(frozen=True)
class Panel:
    """One line chart of several below each other."""

    label: str
    """What is drawn, with its unit."""
    x: Sequence[float]
    """Where the points are, increasing."""
    lines: Mapping[str, Sequence[float | None]]
    """By name, the values at these points; ``None`` leaves a gap."""


@dataclass(frozen=True)
class Mark:
    """One named point on a plane."""

    label: str
    """What it is."""
    group: str
    """What decides its colour."""
    x: float
    """Across."""
    y: float
    """Up."""
    strong: bool = False
    """Whether it is the one to look at."""


def bar_chart(title: str, subtitle: str, bars: Sequence[Bar], *, unit: str) -> str:
    """Return a document with horizontal bars from zero."""
    most = max([1e-12, *(max(bar.value, bar.far or 0) for bar in bars)])
    room_px = WIDTH_PX - LABEL_PX - MARGIN_PX - 120
    parts = []
    for row, bar in enumerate(bars):
        y = 84 + row * ROW_PX
        length = room_px * bar.value / most
        color = COLORS[1] if bar.strong else COLORS[0]
        parts.append(_text(LABEL_PX - 10, y + 15, bar.label, anchor="end"))
        parts.append(element("rect", x=LABEL_PX, y=y, width=max(length, 1), height=20, rx=2, fill=color))
        end = length
        if bar.far is not None:
            end = max(room_px * bar.far / most, length)
            x0, x1 = LABEL_PX + length, LABEL_PX + end
            parts.append(_line([(x0, y + 10), (x1, y + 10)], color, width=2))
            parts.append(_line([(x1, y + 4), (x1, y + 16)], color, width=2))
        parts.append(
            _text(LABEL_PX + end + 8, y + 15, bar.note or f"{short_number(bar.value)} {unit}", bold=bar.strong)
        )
    return _document(title, subtitle, parts, height_px=84 + len(bars) * ROW_PX + MARGIN_PX)


def panel_chart(title: str, subtitle: str, panels: Sequence[Panel], *, x_label: str) -> str:
    """Return a document with panels of lines below each other, all over the same quantity, each from zero."""
    parts = [part for row, panel in enumerate(panels) for part in _panel(panel, 76 + row * PANEL_PX)]
    bottom = 76 + len(panels) * PANEL_PX
    parts.append(_text(WIDTH_PX / 2, bottom + 6, x_label, anchor="middle"))
    return _document(title, subtitle, parts, height_px=bottom + MARGIN_PX)


def plane_chart(title: str, subtitle: str, marks: Sequence[Mark], *, x_label: str, y_label: str) -> str:
    """Return a document with named points; across from zero, and up from a little below the lowest."""
    left, right, top, bottom = float(AXIS_PX), WIDTH_PX - 250.0, 100.0, 460.0
    step_x = nice_step(max([1e-12, *(mark.x for mark in marks)]) / 6)
    most_x = step_x * max(math.ceil(max((mark.x for mark in marks), default=1.0) / step_x), 1)
    ys = [mark.y for mark in marks] or [0.0]
    step_y = nice_step(max(max(ys) - min(ys), 0.02 * max(abs(max(ys)), 1e-9)) / 4)
    first_y, last_y = math.floor(min(ys) / step_y) - 1, math.ceil(max(ys) / step_y) + 1

    def at(x: float, y: float) -> Point:
        up = (y / step_y - first_y) / (last_y - first_y)
        return left + x / most_x * (right - left), bottom - up * (bottom - top)

    parts = [
        _text(left, top - 14, y_label, bold=True),
        _text((left + right) / 2, bottom + 40, x_label, anchor="middle"),
    ]
    for tick in range(round(most_x / step_x) + 1):
        x, y = at(tick * step_x, first_y * step_y)
        parts += [
            _line([(x, top), (x, y)], _FAINT),
            _text(x, y + 18, short_number(tick * step_x), anchor="middle", small=True),
        ]
    for tick in range(first_y, last_y + 1):
        y = at(0, tick * step_y)[1]
        parts += [_line([(left, y), (right, y)], _FAINT)]
        parts += [_text(left - 6, y + 4, short_number(tick * step_y), anchor="end", small=True)]
    groups = list(dict.fromkeys(mark.group for mark in marks))
    taken: list[Point] = []
    for mark in sorted(marks, key=lambda mark: mark.x):
        color, (x, y) = COLORS[groups.index(mark.group) % len(COLORS)], at(mark.x, mark.y)
        parts.append(element("circle", cx=x, cy=y, r=7 if mark.strong else 4.5, fill=color))
        line_y = y + 4
        while any(abs(other_y - line_y) < 14 and x - other_x < 150 for other_x, other_y in taken):
            line_y += 14
        taken.append((x, line_y))
        parts.append(_text(x + 11, line_y, mark.label, bold=mark.strong, small=True))
    return _document(title, subtitle, parts, height_px=bottom + 40 + MARGIN_PX)


def save_svg(drawn: str, path: Path) -> None:
    """Write a chart.

    Raises:
        OutputError: when the file does not end in ``.svg`` or cannot be written.
    """
    check_svg(path)
    with writing(path):
        path.write_text(drawn, encoding="utf-8")


def check_svg(path: Path) -> None:
    """Check that a chart can have this name, before what it shows is measured.

    Raises:
        OutputError: when the file does not end in ``.svg``.
    """
    if path.suffix.lower() != ".svg":
        raise OutputError(f"{path} cannot be drawn: charts are SVG files; give a name that ends in .svg")


def _panel(panel: Panel, top: float) -> Iterator[Markup]:
    left, right, bottom = AXIS_PX, WIDTH_PX - MARGIN_PX - 110, top + PANEL_PX - 52
    values = [value for line in panel.lines.values() for value in line if value is not None]
    step = nice_step(max([1e-12, *values]) / 4)
    most = step * max(math.ceil(max([1e-12, *values]) / step), 1)
    first, last = (panel.x[0], panel.x[-1]) if len(panel.x) else (0.0, 1.0)

    def at(x: float, y: float) -> Point:
        share = (x - first) / (last - first) if last > first else 0.5
        return left + share * (right - left), bottom - (bottom - top - 18) * y / most

    yield _text(left, top + 6, panel.label, bold=True)
    for tick in range(round(most / step) + 1):
        y = at(first, tick * step)[1]
        yield _line([(left, y), (right, y)], _FAINT)
        yield _text(left - 6, y + 4, short_number(tick * step), anchor="end", small=True)
    for x in _some(panel.x):
        yield _text(at(x, 0)[0], bottom + 16, short_number(x), anchor="middle", small=True)
    for index, (name, line) in enumerate(panel.lines.items()):
        color = COLORS[index % len(COLORS)]
        points = [at(x, value) for x, value in zip(panel.x, line, strict=True) if value is not None]
        yield _line(points, color, width=2)
        if len(points) <= 40:
            yield from (element("circle", cx=x, cy=y, r=3, fill=color) for x, y in points)
        yield _line([(right + 14, top + 24 + 18 * index), (right + 30, top + 24 + 18 * index)], color, width=3)
        yield _text(right + 36, top + 28 + 18 * index, name, small=True)


def _some(values: Sequence[float], most: int = 9) -> list[float]:
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, small: bool = False) -> Markup:
    size, weight = (12 if small else 14), (600 if bold else 400)
    return element("text", text, x=x, y=y, text_anchor=anchor, font_size=size, font_weight=weight)


def _line(points: Iterable[Point], color: str, *, width: float = 1) -> Markup:
    return element("polyline", points=point_list(points), fill="none", stroke=color, stroke_width=width)


def _document(title: str, subtitle: str, parts: Sequence[Markup], *, height_px: float) -> str:
    content = (
        element("title", title),
        element("rect", width="100%", height="100%", fill="#ffffff"),
        element("text", title, x=MARGIN_PX, y=32, font_size=19, font_weight=600),
        element("text", subtitle, x=MARGIN_PX, y=54, font_size=13, fill="#5f6b77"),
        *parts,
    )
    document = element(
        "svg",
        *(Markup("\n{}").format(part) for part in content),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH_PX} {height_px:.0f}",
        width=WIDTH_PX,
        font_family="system-ui, sans-serif",
        fill=_INK,
    )
    return f"{document}\n"
