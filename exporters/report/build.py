"""Puts the verdict on an export into one HTML file that needs nothing from anywhere else."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from exporters.parity.tolerances import Tolerance
from exporters.parity.verdict import ImageComparison, Parity
from exporters.pictures import GatePictures
from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult
from streamvision.core.masks import BoxMask
from streamvision.evaluation.report.page import HOUSE_STYLE, write_page
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
    write_page(
        path,
        here / "report.html",
        styles=(HOUSE_STYLE, here / "report.css"),
        title=title,
        parity=parity,
        facts=facts,
        image_comparisons=_compared_pictures(parity.image_comparisons, pictures, facts.names),
    )


def _compared_pictures(
    image_comparisons: Sequence[ImageComparison], pictures: GatePictures, names: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the pictures that differ most, each drawn once for the source and once for the export."""
    by_name = {picture.name: picture for picture in pictures.pictures}
    shown = []
    for compared in image_comparisons[:MAX_PICTURES]:
        bgr = by_name[compared.picture].load().to_bgr()
        runs = [
            (label, _run(found, alone, bgr, names))
            for label, found, alone in (
                ("source", compared.source, compared.source_alone),
                ("export", compared.export, compared.export_alone),
            )
        ]
        height, width = bgr.shape[:2]
        shown.append(
            {"name": compared.picture, "difference": compared.difference, "runs": runs, "size": (width, height)}
        )
    return shown


def _run(found: Detections | ImageResult, alone: frozenset[int], bgr: Any, names: Sequence[str]) -> dict[str, Any]:
    if isinstance(found, Detections):
        svg = objects_svg(found, alone, (bgr.shape[1], bgr.shape[0]), names)
        words = f"{len(found)} objects" + (f", {len(alone)} on this side alone" if alone else "")
        return {"uri": data_uri(bgr, longest_px=PICTURE_PX), "svg": svg, "rows": [], "words": words}
    uri = data_uri(image_result_pixels(found, bgr), longest_px=PICTURE_PX)
    return {"uri": uri, "svg": Markup(""), "rows": image_result_rows(found, names), "words": ""}


MAX_OBJECTS = 100
"""More boxes than this on one picture cannot be told apart; those with the best scores are drawn."""
TOP_CLASSES = 5
_FONT_SHARE = 0.024
_CROWDED = 12
"""On a picture with more objects, words stand only beside those that differ, or they hide what they are about."""
_MAP_ALPHA = 0.6
_MAX_KEYPOINT_RADIUS_PX = 4.0
_CERTAIN_KEYPOINT = 0.5


def objects_svg(found: Detections, alone: frozenset[int], size_px: tuple[int, int], names: Sequence[str]) -> Markup:
    """Return objects as SVG in the picture's own pixels; those in ``alone``, without a partner, stand out.

    Args:
        found: the objects.
        alone: rows that have no partner.
        size_px: (width, height) of the picture.
        names: class names.
    """
    rows = np.argsort(-found.score, kind="stable")[:MAX_OBJECTS].tolist()
    rows.sort(key=lambda row: row in alone)
    font = _FONT_SHARE * max(size_px)
    marks = Markup("").join(_object(found, row, row in alone, font, size_px, names) for row in rows)
    return Markup('<svg viewBox="0 0 {} {}" aria-hidden="true">{}</svg>').format(*size_px, marks)


def image_result_rows(whole: ImageResult, names: Sequence[str]) -> list[tuple[str, float, str]]:
    """Return results that are numbers: what, its share of a bar (0..1), and the number in words."""
    rows = []
    if whole.class_score is not None:
        for class_id in np.argsort(-whole.class_score, kind="stable")[:TOP_CLASSES].tolist():
            score = float(whole.class_score[class_id])
            rows.append((_name(class_id, names), score, f"{score:.4f}"))
    for name, value in (whole.values or {}).items():
        rows.append((name, 0.0, f"{value:.5g}"))
    return rows


def image_result_pixels(whole: ImageResult, bgr: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the picture with a map of classes or depths over it, or the picture that the network made."""
    size = (bgr.shape[1], bgr.shape[0])
    if whole.picture is not None:
        return whole.picture.to_bgr()
    if whole.class_map is not None:
        # Steps of an angle that never repeats keep neighbouring numbers apart in hue.
        hue = (np.arange(256) * 111 % 180).astype(np.uint8)
        palette: Any = cv2.cvtColor(
            np.stack([hue, np.full(256, 200), np.full(256, 230)], axis=1)[None].astype(np.uint8), cv2.COLOR_HSV2BGR
        )
        colored: Any = palette[0][whole.class_map]
        return _blended(bgr, cv2.resize(colored, size, interpolation=cv2.INTER_NEAREST))
    if whole.depth_map is not None:
        depth = np.nan_to_num(whole.depth_map)
        low, high = float(depth.min()), float(depth.max())
        grey: Any = np.rint((depth - low) * (255 / max(high - low, 1e-9))).astype(np.uint8)
        return _blended(bgr, cv2.resize(cv2.applyColorMap(grey, cv2.COLORMAP_TURBO), size))
    return bgr


def _object(
    found: Detections, row: int, alone: bool, font: float, size_px: tuple[int, int], names: Sequence[str]
) -> Markup:
    left, top, right, bottom = found.box_xyxy_px[row].tolist()
    shapes = Markup("").join(_shapes(found, row))
    crowded = len(found) > _CROWDED and not alone
    label = "" if crowded else f"{_name(int(found.class_id[row]), names)} {found.score[row]:.2f}"
    x, y = min(max(left, font / 3), max(size_px[0] - 0.58 * font * len(label), 0)), max(top - font / 3, font)
    box = Markup('<rect x="{:.1f}" y="{:.1f}" width="{:.1f}" height="{:.1f}"/>').format(
        left, top, max(right - left, 0), max(bottom - top, 0)
    )
    if found.obb_cxcywhr_px is not None:
        box = Markup("")
    return Markup('<g class="mark {}">{}{}<text x="{:.1f}" y="{:.1f}" font-size="{:.1f}">{}</text></g>').format(
        "alone" if alone else "both", box, shapes, x, y, font, label
    )


def _shapes(found: Detections, row: int) -> Iterator[Markup]:
    if found.obb_cxcywhr_px is not None:
        center_x, center_y, width, height, angle = found.obb_cxcywhr_px[row].tolist()
        corners = cv2.boxPoints(((center_x, center_y), (width, height), float(np.degrees(angle))))
        yield _polygon(corners, "outline")
    if found.mask is not None:
        yield from (_polygon(points, "area") for points in _outlines(found.mask[row]))
    if found.keypoint_xy_px is not None and found.keypoint_score is not None:
        left, top, right, bottom = found.box_xyxy_px[row].tolist()
        radius = min(max(max(right - left, bottom - top) / 60, 1.5), _MAX_KEYPOINT_RADIUS_PX)
        for (x, y), score in zip(found.keypoint_xy_px[row].tolist(), found.keypoint_score[row].tolist(), strict=True):
            if score >= _CERTAIN_KEYPOINT:
                yield Markup('<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(x, y, radius)


def _outlines(mask: BoxMask) -> list[NDArray[Any]]:
    contours, _ = cv2.findContours(mask.bits.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    offset = np.array([mask.left_px, mask.top_px])
    return [contour[:, 0] + offset for contour in contours if len(contour) > 2]


def _polygon(points: NDArray[Any], kind: str) -> Markup:
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points.tolist())
    return Markup('<polygon class="{}" points="{}"/>').format(kind, text)


def _blended(bgr: NDArray[np.uint8], over: Any) -> NDArray[np.uint8]:
    mixed: Any = cv2.addWeighted(bgr, 1 - _MAP_ALPHA, over, _MAP_ALPHA, 0)
    return mixed  # type: ignore[no-any-return]


def _name(class_id: int, names: Sequence[str]) -> str:
    return names[class_id] if class_id < len(names) else f"class {class_id}"
