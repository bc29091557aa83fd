"""Puts the verdict on an export into one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from exporters.parity.findings import Figure, ImageComparison, Parity, Stage
from exporters.parity.pictures import GatePictures
from exporters.parity.tolerances import Tolerance
from exporters.report.drawing import objects_svg, whole_pixels, whole_rows
from streamvision.core.detections import Detections
from streamvision.core.errors import OutputError
from streamvision.core.image_result import ImageResult
from streamvision.evaluation import report as evaluation_report
from streamvision.evaluation.report.pictures import data_uri

MAX_PICTURES = 6
PICTURE_PX = 720


@dataclass(frozen=True)
class ReportFacts:
    """What the page says about the export beside the verdict."""

    source: str
    """The source in words."""
    export: str
    """The export in words."""
    names: tuple[str, ...]
    """Class names."""
    tolerance: Tolerance
    """The limits, for the reason that stands with them."""
    notes: tuple[str, ...] = ()
    """What else is worth knowing, one sentence each."""


def build_report(parity: Parity, path: Path, *, title: str, facts: ReportFacts, pictures: GatePictures) -> None:
    """Write the page.

    Args:
        parity: the verdict.
        path: the HTML file.
        title: the export's name.
        facts: what the page says beside the verdict.
        pictures: what was compared on, to draw those that differ most.

    Raises:
        OutputError: when the file cannot be written.
        SourceError: when a picture cannot be read any more.
    """
    here = Path(__file__).parent
    house = Path(evaluation_report.__file__).parent / "report.css"
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(here), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True
    )
    page = environment.get_template("report.html").render(
        title=title,
        css=Markup(house.read_text(encoding="utf-8") + (here / "report.css").read_text(encoding="utf-8")),
        parity=parity,
        facts=facts,
        stages=[_stage(stage, parity) for stage in parity.stages],
        contrasts=_contrasts(parity.contrasts, pictures, facts.names),
    )
    try:
        path.write_text(page, encoding="utf-8")
    except OSError as error:
        raise OutputError(f"cannot write the report to {path}: {error.strerror}; make room or give another") from error


def _stage(stage: Stage, parity: Parity) -> dict[str, Any]:
    first = parity.first_difference
    return {
        "name": stage.name,
        "words": stage.words,
        "verdict": "equal" if stage.passed else "first" if first is stage else "different",
        "sentence": stage.sentence(),
        "more": stage.faults[1:],
        "notes": stage.notes,
        "figures": [_figure(figure) for figure in stage.figures],
    }


def _figure(figure: Figure) -> dict[str, Any]:
    limit = "" if figure.limit is None else f"{'at least' if figure.at_least else 'at most'} {figure.limit:g}"
    value = "–" if figure.value is None else f"{figure.value:.5g}"
    return {"name": figure.name.replace("_", " "), "value": value, "limit": limit, "passed": figure.passed}


def _contrasts(
    contrasts: Sequence[ImageComparison], pictures: GatePictures, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the pictures that differ most, each drawn once for the source and once for the export."""
    by_name = {picture.name: picture for picture in pictures.pictures}
    shown = []
    for contrast in contrasts[:MAX_PICTURES]:
        bgr = by_name[contrast.picture].load().to_bgr()
        sides = [
            (label, _side(found, alone, bgr, names))
            for label, found, alone in (
                ("source", contrast.source, contrast.source_alone),
                ("export", contrast.export, contrast.export_alone),
            )
        ]
        height, width = bgr.shape[:2]
        shown.append(
            {"name": contrast.picture, "difference": contrast.difference, "sides": sides, "size": (width, height)}
        )
    return shown


def _side(found: Detections | ImageResult, alone: frozenset[int], bgr: Any, names: Sequence[str]) -> dict[str, Any]:
    if isinstance(found, Detections):
        svg = objects_svg(found, alone, (bgr.shape[1], bgr.shape[0]), names)
        words = f"{len(found)} objects" + (f", {len(alone)} on this side alone" if alone else "")
        return {"uri": data_uri(bgr, longest_px=PICTURE_PX), "svg": svg, "rows": [], "words": words}
    uri = data_uri(whole_pixels(found, bgr), longest_px=PICTURE_PX)
    return {"uri": uri, "svg": Markup(""), "rows": whole_rows(found, names), "words": ""}
