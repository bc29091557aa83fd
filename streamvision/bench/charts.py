"""Charts as SVG, written by hand: bars with whiskers and lines over time, on white, legible at half their size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from streamvision.core.errors import OutputError

WIDTH_PX = 900
MARGIN_PX = 24
LABEL_PX = 320
ROW_PX = 30
PANEL_PX = 190
AXIS_PX = 64
COLORS = ("#2563a8", "#d1662c", "#3d8b4f", "#8a4f9e", "#b8860b", "#5f6b77")
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


def bar_chart(title: str, subtitle: str, bars: Sequence[Bar], *, unit: str) -> str:
    """Return horizontal bars from zero."""
    most = max([1e-12, *(max(bar.value, bar.far or 0) for bar in bars)])
    room_px = WIDTH_PX - LABEL_PX - MARGIN_PX - 120
    parts = []
    for row, bar in enumerate(bars):
        y = 84 + row * ROW_PX
        length = room_px * bar.value / most
        color = COLORS[1] if bar.strong else COLORS[0]
        parts.append(_text(LABEL_PX - 10, y + 15, bar.label, anchor="end"))
        parts.append(f'<rect x="{LABEL_PX}" y="{y}" width="{max(length, 1):.1f}" height="20" rx="2" fill="{color}"/>')
        end = length
        if bar.far is not None:
            end = max(room_px * bar.far / most, length)
            x0, x1 = LABEL_PX + length, LABEL_PX + end
            parts.append(_line([(x0, y + 10), (x1, y + 10)], color, width=2))
            parts.append(_line([(x1, y + 4), (x1, y + 16)], color, width=2))
        parts.append(_text(LABEL_PX + end + 8, y + 15, bar.note or f"{_short(bar.value)} {unit}", bold=bar.strong))
    return _document(title, subtitle, parts, height_px=84 + len(bars) * ROW_PX + MARGIN_PX)


def line_chart(title: str, subtitle: str, panels: Sequence[Panel], *, x_label: str) -> str:
    """Return panels of lines below each other, all over the same quantity, each from zero."""
    parts = [part for row, panel in enumerate(panels) for part in _panel(panel, 76 + row * PANEL_PX)]
    bottom = 76 + len(panels) * PANEL_PX
    parts.append(_text(WIDTH_PX / 2, bottom + 6, x_label, anchor="middle"))
    return _document(title, subtitle, parts, height_px=bottom + MARGIN_PX)


def save_svg(drawn: str, path: Path) -> None:
    """Write a chart.

    Raises:
        OutputError: when the file does not end in ``.svg`` or cannot be written.
    """
    if path.suffix.lower() != ".svg":
        raise OutputError(f"{path} cannot be drawn: charts are SVG files; give a name that ends in .svg")
    try:
        path.write_text(drawn, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror}); give another place") from error


def _panel(panel: Panel, top: float) -> Iterator[str]:
    left, right, bottom = AXIS_PX, WIDTH_PX - MARGIN_PX - 110, top + PANEL_PX - 52
    values = [value for line in panel.lines.values() for value in line if value is not None]
    step = _nice(max([1e-12, *values]) / 4)
    most = step * max(math.ceil(max([1e-12, *values]) / step), 1)
    first, last = (panel.x[0], panel.x[-1]) if len(panel.x) else (0.0, 1.0)

    def at(x: float, y: float) -> tuple[float, float]:
        share = (x - first) / (last - first) if last > first else 0.5
        return left + share * (right - left), bottom - (bottom - top - 18) * y / most

    yield _text(left, top + 6, panel.label, bold=True)
    for tick in range(round(most / step) + 1):
        y = at(first, tick * step)[1]
        yield _line([(left, y), (right, y)], _FAINT)
        yield _text(left - 6, y + 4, _short(tick * step), anchor="end", small=True)
    for x in _some(panel.x):
        yield _text(at(x, 0)[0], bottom + 16, _short(x), anchor="middle", small=True)
    for index, (name, line) in enumerate(panel.lines.items()):
        color = COLORS[index % len(COLORS)]
        points = [at(x, value) for x, value in zip(panel.x, line, strict=True) if value is not None]
        yield _line(points, color, width=2)
        if len(points) <= 40:
            yield from (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{color}"/>' for x, y in points)
        yield _line([(right + 14, top + 24 + 18 * index), (right + 30, top + 24 + 18 * index)], color, width=3)
        yield _text(right + 36, top + 28 + 18 * index, name, small=True)


def _some(values: Sequence[float], most: int = 9) -> list[float]:
    if len(values) <= most:
        return list(values)
    return [values[round(index * (len(values) - 1) / (most - 1))] for index in range(most)]


def _nice(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 and so on."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= value * 0.999)


def _short(value: float) -> str:
    if value == 0:
        return "0"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{min(digits, 4)}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, small: bool = False) -> str:
    size, weight = (12 if small else 14), (600 if bold else 400)
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" font-weight="{weight}">'
        f"{escape(text)}</text>"
    )


def _line(points: Sequence[tuple[float, float]], color: str, *, width: float = 1) -> str:
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" stroke="{color}" stroke-width="{width}"/>'


def _document(title: str, subtitle: str, parts: Sequence[str], *, height_px: float) -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH_PX} {height_px:.0f}" width="{WIDTH_PX}" '
        f'font-family="system-ui, sans-serif" fill="{_INK}">\n'
        f"<title>{escape(title)}</title>\n"
        f'<rect width="100%" height="100%" fill="#ffffff"/>\n'
        f'<text x="{MARGIN_PX}" y="32" font-size="19" font-weight="600">{escape(title)}</text>\n'
        f'<text x="{MARGIN_PX}" y="54" font-size="13" fill="#5f6b77">{escape(subtitle)}</text>\n'
        f"{body}\n</svg>\n"
    )
