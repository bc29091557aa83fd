"""The page of a task that has no page of its own: figures, tables, charts and pictures, one section after the other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from streamvision.core import page_charts
from streamvision.evaluation.predictions import Measurement
from streamvision.evaluation.report.parts import PICTURE_PX, write_report
from streamvision.evaluation.report.pictures import data_uri

MAX_POINTS = 1500
"""Of each colour in a chart; of more, as many are chosen at random."""
MAX_ROWS = 500
"""Pictures of a table that has a row for each."""
GAP_PX = 6
"""Between pictures that are shown beside each other."""


@dataclass(frozen=True)
class Figure:
    """One of the large figures at the top."""

    value: str
    """As it is written."""
    label: str
    """What it is."""
    main: bool = False
    """Whether it is what models are compared by."""


@dataclass(frozen=True)
class Table:
    """Rows of words and figures."""

    head: Sequence[str]
    """Headings of the columns."""
    rows: Sequence[Sequence[str | float | None]]
    """Figures stand with three decimals, those that do not exist as a dash."""


@dataclass(frozen=True)
class Drawn:
    """A chart with its legend."""

    chart: Markup
    """The chart."""
    legend: Sequence[tuple[str, str]]
    """CSS class of each colour, and what has it."""


@dataclass(frozen=True)
class Shown:
    """A picture of a gallery."""

    file: str
    """Its file, or what it is."""
    words: str
    """What is to be seen."""
    uri: str
    """The picture as data."""
    width_px: int
    """Its width, for its shape."""
    height_px: int
    """Its height."""

    @classmethod
    def of(cls, bgr: NDArray[np.uint8], *, file: str, words: str, longest_px: int = PICTURE_PX) -> Shown:
        """Return a picture of the page, made smaller where its longer side has more pixels than that."""
        return cls(file, words, data_uri(bgr, longest_px=longest_px), bgr.shape[1], bgr.shape[0])

    @classmethod
    def beside(cls, *pictures_bgr: NDArray[np.uint8], file: str, words: str) -> Shown:
        """Return pictures of one height beside each other, in their own size."""
        gap: NDArray[np.uint8] = np.zeros((pictures_bgr[0].shape[0], GAP_PX, 3), np.uint8)
        sheet = np.concatenate([part for bgr in pictures_bgr for part in (gap, bgr)][1:], axis=1)
        return cls.of(sheet, file=file, words=words, longest_px=sheet.shape[1])


@dataclass(frozen=True)
class Section:
    """One part of a page, under a heading."""

    anchor: str
    """Its name in addresses."""
    heading: str
    """Its heading."""
    words: str
    """What it shows and how to read it."""
    short: str = ""
    """Its name at the top of the page; default: the heading."""
    tables: Sequence[Table] = ()
    """Its tables."""
    charts: Sequence[Drawn] = ()
    """Its charts."""
    confusion: dict[str, Any] | None = None
    """As :func:`.parts.confusion_of` gives it."""
    none_mixed: str = "None was taken for another."
    """What is said where nothing is mixed up."""
    chips: Sequence[tuple[str, int]] | None = None
    """Words and how often they were said."""
    pictures: Sequence[Shown] | None = None
    """Pictures, the worst first."""
    none_wrong: str = "There is none."
    """What is said where there are no pictures."""


def picture_by_picture(head: Sequence[str], rows: Sequence[Sequence[str | float | None]], *, first: str) -> Section:
    """Return the section with a row for each picture, of many the first.

    Args:
        head: headings of the columns.
        rows: of all pictures, in their order.
        first: which come first, behind "those that".
    """
    left = f", {MAX_ROWS} of {len(rows)}" if len(rows) > MAX_ROWS else ""
    words = f"Those that {first} first{left}. Click a heading to sort."
    return Section("figures", "Picture by picture", words, short="Figures", tables=[Table(head, rows[:MAX_ROWS])])


def write_measured(
    path: Path,
    *,
    title: str,
    about: str,
    figures: Sequence[Figure],
    sentences: Iterable[str],
    sections: Iterable[Section | None],
    method: Sequence[str],
    result: Measurement | None = None,
) -> None:
    """Write the page.

    Args:
        path: the HTML file.
        title: what was measured, in a few words.
        about: the model in words.
        figures: at the top.
        sentences: what matters most.
        sections: the parts; ``None`` are left out.
        method: how it was measured, a sentence each.
        result: the evaluation, whose notes and problems are told.

    Raises:
        OutputError: when the file cannot be written.
    """
    write_report(
        path,
        "measured.html",
        title=title,
        about=about,
        figures=figures,
        sentences=[one for one in sentences if one],
        sections=[one for one in sections if one is not None],
        method=method,
        result=result,
        map=None,
    )


def drawn(
    plotted: Sequence[page_charts.Plotted], *, x_title: str, y_title: str, title: str, diagonal: bool = False
) -> Drawn:
    """Return a chart with its legend; of more than :data:`MAX_POINTS` of a colour some are chosen at random."""
    rng = np.random.default_rng(0)
    kept = [one if one.joined else _sampled(one, rng) for one in plotted if one.points]
    chart = page_charts.unit_chart(kept, x_title=x_title, y_title=y_title, title=title, diagonal=diagonal)
    return Drawn(chart, [(one.color, one.label) for one in kept])


def _sampled(one: page_charts.Plotted, rng: np.random.Generator) -> page_charts.Plotted:
    if len(one.points) <= MAX_POINTS:
        return one
    chosen = sorted(rng.choice(len(one.points), MAX_POINTS, replace=False).tolist())
    label = f"{one.label} ({MAX_POINTS} of {len(one.points)}, chosen at random)"
    return page_charts.Plotted(label, one.color, [one.points[at] for at in chosen])


def banded(
    x: NDArray[np.float64], values: NDArray[np.float64], *, bands: int = 8
) -> list[tuple[float, float, float, int]]:
    """Return the mean of values in bands of as many each along x: lowest x, highest x, mean, how many."""
    order = np.argsort(x, kind="stable")
    parts = [part for part in np.array_split(order, min(bands, max(len(order) // 5, 1))) if len(part)]
    return [(float(x[p].min()), float(x[p].max()), float(values[p].mean()), len(p)) for p in parts]
