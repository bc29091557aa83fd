"""The report of a network that paints in a style."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from streamvision.core.page_charts import Plotted
from streamvision.core.words import counted
from streamvision.evaluation.report.measured import Figure, Section, Shown, drawn, picture_by_picture, write_measured

if TYPE_CHECKING:  # it imports torch, which other reports do without
    from streamvision.evaluation.style import Painted, StyleEvaluation


def build_style_report(result: StyleEvaluation, path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.

    Raises:
        OutputError: when the file cannot be written.
    """
    nearer = sum(one.style < one.recoloured_style for one in result.pictures)
    write_measured(
        path,
        title=title,
        about=result.model,
        figures=[
            Figure(f"{result.mean('style'):.3f}", "difference from the style", main=True),
            Figure(f"{result.mean('content'):.3f}", "difference in content", main=True),
            Figure(f"{result.mean('plain_style'):.3f}", "the plain picture's difference from the style"),
            Figure(f"{result.mean('recoloured_style'):.3f}", "that of the picture in the style's colours"),
            Figure(f"{result.mean('recoloured_content'):.3f}", "its difference in content"),
            Figure(str(len(result.pictures)), "pictures"),
        ],
        sentences=[
            f"{nearer} of {counted(len(result.pictures), 'pictures')} are painted nearer to the style than the same "
            "pictures in the style's colours."
        ],
        sections=[_trade(result), _shown(result), _every(result)],
        method=[
            f"Differences are those of the features of {result.features}, as shares: 0 is the same. That of the style "
            "is of the Gram matrices of four stages, that of the content of the third stage (Johnson et al. 2016).",
            "Colours are moved by mean and spread in CIE Lab (Reinhard et al. 2001), which needs no network.",
        ],
        result=result,
    )


def _trade(result: StyleEvaluation) -> Section:
    kinds = (
        ("painted", "c0", "content", "style"),
        ("in the style's colours", "c1", "recoloured_content", "recoloured_style"),
    )
    chart = drawn(
        [
            Plotted(label, color, [(getattr(one, content), getattr(one, style)) for one in result.pictures])
            for label, color, content, style in kinds
        ],
        x_title="difference in content",
        y_title="difference from the style",
        title="Style over content",
    )
    words = (
        "Each picture by how much of its content is lost, and how far it is from the style; down and left is better."
    )
    return Section("trade", "Style and content", words, short="Style", charts=[chart])


def _shown(result: StyleEvaluation) -> Section:
    return Section(
        "pictures",
        "Pictures",
        "Those that are farthest from the style. On the left the plain picture, on the right what was painted.",
        pictures=[_sheet(one) for one in result.painted],
    )


def _sheet(one: Painted) -> Shown:
    figures = one.figures
    words = f"style {figures.style:.3f} (plain {figures.plain_style:.3f}), content {figures.content:.3f}"
    return Shown.beside(one.given, one.made, file=figures.image.path.name, words=words)


def _every(result: StyleEvaluation) -> Section:
    head = ("picture", "style", "of the plain picture", "of its colours", "content", "of its colours")
    rows = [
        (one.image.path.name, one.style, one.plain_style, one.recoloured_style, one.content, one.recoloured_content)
        for one in sorted(result.pictures, key=lambda one: -one.style)
    ]
    return picture_by_picture(head, rows, first="are farthest from the style")
