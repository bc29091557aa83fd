"""Charts as SVG: whole documents on white for files, and parts of a page, whose colours are its CSS classes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from streamvision.core.errors import OutputError
from streamvision.core.files import writing

WIDTH_PX = 900
MARGIN_PX = 24
LABEL_PX = 320
ROW_PX = 30
PANEL_PX = 190
AXIS_PX = 64
COLORS = ("#2563a8", "#d1662c", "#3d8b4f", "#8a4f9e", "#b8860b", "#5f6b77")
"""Colours of a document."""
CLASS_COLORS = 9
"""How many colours of classes a page has; further classes are all grey."""
_INK, _FAINT = "#1d2733", "#d9dee4"

Point = tuple[float, float]


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
        parts.append(_element("rect", x=LABEL_PX, y=y, width=max(length, 1), height=20, rx=2, fill=color))
        end = length
        if bar.far is not None:
            end = max(room_px * bar.far / most, length)
            x0, x1 = LABEL_PX + length, LABEL_PX + end
            parts.append(_line([(x0, y + 10), (x1, y + 10)], color, width=2))
            parts.append(_line([(x1, y + 4), (x1, y + 16)], color, width=2))
        parts.append(_text(LABEL_PX + end + 8, y + 15, bar.note or f"{_short(bar.value)} {unit}", bold=bar.strong))
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
    step_x = _nice(max([1e-12, *(mark.x for mark in marks)]) / 6)
    most_x = step_x * max(math.ceil(max((mark.x for mark in marks), default=1.0) / step_x), 1)
    ys = [mark.y for mark in marks] or [0.0]
    step_y = _nice(max(max(ys) - min(ys), 0.02 * max(abs(max(ys)), 1e-9)) / 4)
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
            _text(x, y + 18, _short(tick * step_x), anchor="middle", small=True),
        ]
    for tick in range(first_y, last_y + 1):
        y = at(0, tick * step_y)[1]
        parts += [_line([(left, y), (right, y)], _FAINT)]
        parts += [_text(left - 6, y + 4, _short(tick * step_y), anchor="end", small=True)]
    groups = list(dict.fromkeys(mark.group for mark in marks))
    taken: list[Point] = []
    for mark in sorted(marks, key=lambda mark: mark.x):
        color, (x, y) = COLORS[groups.index(mark.group) % len(COLORS)], at(mark.x, mark.y)
        parts.append(_element("circle", cx=x, cy=y, r=7 if mark.strong else 4.5, fill=color))
        line_y = y + 4
        while any(abs(other_y - line_y) < 14 and x - other_x < 150 for other_x, other_y in taken):
            line_y += 14
        taken.append((x, line_y))
        parts.append(_text(x + 11, line_y, mark.label, bold=mark.strong, small=True))
    return _document(title, subtitle, parts, height_px=bottom + 40 + MARGIN_PX)


def line_chart(series: Sequence[tuple[int, Series]], *, x_title: str, y_title: str, title: str) -> Markup:
    """Return numbered lines over axes from 0 to 1 for a page, the last on top."""
    plot = _Plot()
    lines = []
    for index, one in series:
        points = _points(plot.at(x, y) for x, y in one.points)
        content = (
            _element("title", f"{one.label} {one.detail}"),
            _element("polyline", points=points),
            _element("polyline", class_="grip", points=points),
        )
        lines.append(_element("g", *content, class_=f"series {one.color}", data_series=index))
    return _figure(plot, [*_axes(plot, x_title, y_title), *lines], title)


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
            _element("title", f"scores {low:.1f} to {high:.1f}: {precision:.1%} of {count} {counted} are right"),
            _element("rect", class_="kept", y=solid, height=floor - solid, **box),
            _element(
                "rect", class_=f"gap {'over' if top > promised else 'under'}", y=gap_top, height=solid - gap_top, **box
            ),
            _element("text", _rough(count), class_="tick", x=(left + right) / 2, y=gap_top - 5, text_anchor="middle"),
        )
        parts.append(_element("g", *content, class_="bin", style=f"--weight:{0.55 + 0.45 * count / most:.2f}"))
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
        dots.append(_element("circle", class_=shape, data_crop=index, cx=left, cy=top, r=6 if ring else 4.2))
    return _figure(plot, dots, title)


def color_of(index: int) -> str:
    """Return the CSS class of the ``index``-th class's colour."""
    return f"c{index}" if index < CLASS_COLORS else "other"


def _axes(plot: _Plot, x_title: str, y_title: str) -> Iterator[Markup]:
    for step in range(0, 11, 2):
        value = step / 10
        yield _segment("grid", plot.at(0, value), plot.at(1, value))
        yield _segment("grid", plot.at(value, 0), plot.at(value, 1))
        x, y = plot.at(value, value)
        yield _element("text", f"{value:.1f}", class_="tick", x=plot.left - 8, y=y + 4, text_anchor="end")
        below = plot.height - plot.bottom + 18
        yield _element("text", f"{value:.1f}", class_="tick", x=x, y=below, text_anchor="middle")
    x, y = plot.at(0.5, 0.5)
    yield _element("text", x_title, class_="axis", x=x, y=plot.height - 8, text_anchor="middle")
    turned = f"rotate(-90 14 {y})"
    yield _element("text", y_title, class_="axis", x=14, y=y, text_anchor="middle", transform=turned)


def _figure(plot: _Plot, content: Iterable[Markup], title: str) -> Markup:
    box = f"0 0 {plot.width:g} {plot.height:g}"
    return _element("svg", *content, class_="chart", viewBox=box, role="img", aria_label=title)


def _segment(css_class: str, begin: Point, end: Point) -> Markup:
    return _element("line", class_=css_class, x1=begin[0], y1=begin[1], x2=end[0], y2=end[1])


def _normalised(points: Sequence[Point]) -> list[Point]:
    """Return the points stretched to 0..1 on both axes."""
    if not points:
        return []
    xs, ys = [x for x, _ in points], [y for _, y in points]
    width, height = (max(xs) - min(xs)) or 1.0, (max(ys) - min(ys)) or 1.0
    return [((x - min(xs)) / width, (y - min(ys)) / height) for x, y in points]


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
    step = _nice(max([1e-12, *values]) / 4)
    most = step * max(math.ceil(max([1e-12, *values]) / step), 1)
    first, last = (panel.x[0], panel.x[-1]) if len(panel.x) else (0.0, 1.0)

    def at(x: float, y: float) -> Point:
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
            yield from (_element("circle", cx=x, cy=y, r=3, fill=color) for x, y in points)
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


def _text(x: float, y: float, text: str, *, anchor: str = "start", bold: bool = False, small: bool = False) -> Markup:
    size, weight = (12 if small else 14), (600 if bold else 400)
    return _element("text", text, x=x, y=y, text_anchor=anchor, font_size=size, font_weight=weight)


def _line(points: Iterable[Point], color: str, *, width: float = 1) -> Markup:
    return _element("polyline", points=_points(points), fill="none", stroke=color, stroke_width=width)


def _points(points: Iterable[Point]) -> str:
    return " ".join(f"{x:.6g},{y:.6g}" for x, y in points)


def _element(tag: str, *content: str, **attributes: object) -> Markup:
    """Return an element; ``_`` in an attribute's name stands for ``-``, and numbers have two decimals at most."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _rounded(value))
        for name, value in attributes.items()
    )
    return Markup("<{0}{1}>{2}</{0}>").format(tag, written, Markup("").join(content))


def _rounded(value: object) -> object:
    return f"{round(value, 2):g}" if isinstance(value, float) else value


def _document(title: str, subtitle: str, parts: Sequence[Markup], *, height_px: float) -> str:
    content = (
        _element("title", title),
        _element("rect", width="100%", height="100%", fill="#ffffff"),
        _element("text", title, x=MARGIN_PX, y=32, font_size=19, font_weight=600),
        _element("text", subtitle, x=MARGIN_PX, y=54, font_size=13, fill="#5f6b77"),
        *parts,
    )
    document = _element(
        "svg",
        *(Markup("\n{}").format(part) for part in content),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {WIDTH_PX} {height_px:.0f}",
        width=WIDTH_PX,
        font_family="system-ui, sans-serif",
        fill=_INK,
    )
    return f"{document}\n"
