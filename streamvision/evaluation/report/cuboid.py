"""The report of a model that places objects in space."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.core.cuboid import EDGES, NEAR_M, Cuboid, Pinhole
from streamvision.core.page_charts import Plotted
from streamvision.core.resampling import scaled
from streamvision.core.words import counted
from streamvision.evaluation.cuboid import CuboidEvaluation, CuboidFigures, PlacedCuboid
from streamvision.evaluation.cuboid.figures import FIGURES
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report.measured import (
    Drawn,
    Figure,
    Section,
    Shown,
    Table,
    banded,
    drawn,
    write_measured,
)
from streamvision.evaluation.report.parts import MAX_PICTURES, PICTURE_PX

U8 = NDArray[np.uint8]
MARKED_BGR, FOUND_BGR = (153, 211, 52), (133, 113, 251)
GROUND_BGR, RING_BGR = (31, 23, 18), (70, 58, 46)
ABOVE_SHARE = 0.4
"""Width of the panel seen from above, as a share of the picture's."""
RING_M = 10
_MOST_PX = 1e5
"""Corners farther away than this are not drawn: they belong to objects beside the camera."""


def build_cuboid_report(result: CuboidEvaluation, path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.

    Raises:
        OutputError: when the file cannot be written.
        SourceError: when a picture cannot be read any more.
    """
    ours, theirs, found = result.found, result.baseline, result.detected
    write_measured(
        path,
        title=title,
        about=result.model,
        figures=[
            Figure(f"{ours.iou_3d:.3f}", "mean 3-D IoU", main=True),
            Figure(f"{ours.iou_bev:.3f}", "mean IoU from above", main=True),
            Figure(f"{ours.distance_error_m:.2f} m", "mean error of the distance"),
            Figure(f"{ours.yaw_error_deg:.1f}°", "median error of the yaw"),
            *([] if found is None else [Figure(f"{found.recall:.1%}", "of the objects found by the detector")]),
            Figure(str(result.objects), f"objects on {counted(result.images, 'pictures')}"),
        ],
        sentences=[
            f"Distances are off by {ours.distance_error_m:.2f} m on average ({ours.distance_error:.1%}); those of the "
            f"baseline without a network by {theirs.distance_error_m:.2f} m ({theirs.distance_error:.1%}).",
            f"{ours.wrong_way_share:.1%} of the objects point more than a quarter turn away from where they should.",
            _bias(result.placed),
        ],
        sections=[_figures(result), _precisions(result), _over_range(result), _from_class(result), _worst(result)],
        method=[
            "Boxes are the marked ones, so that the figures are those of the placing alone."
            + ("" if found is None else f" Found boxes are those of {found.detector}; errors are of what it finds."),
            "Average precision is KITTI's over 40 levels of recall; a dash stands where a level has no object.",
            "The baseline is the mean size of the true class on a flat road, at the box's lower edge, with one yaw for "
            "all, along the camera's axis: none of its figures says that a turn was seen.",
        ],
        result=result,
    )


def _bias(placed: Sequence[PlacedCuboid]) -> str:
    bias_m = float(np.mean([one.distance_error_m for one in placed]))
    return f"Objects are placed {abs(bias_m):.2f} m too {'far' if bias_m > 0 else 'near'} on average."


def _columns(result: CuboidEvaluation) -> dict[str, CuboidFigures]:
    """Return what stands beside each other, by its heading."""
    found = {} if result.detected is None else {"model, found boxes": result.detected.found}
    return {"model": result.found, **found, "baseline": result.baseline}


def _figures(result: CuboidEvaluation) -> Section:
    columns = _columns(result)
    rows = [(words, *(getattr(of, name) for of in columns.values())) for name, words in FIGURES.items()]
    rows += [
        (
            f"distance error at {name} m, m",
            *(of.by_range[name].distance_error_m if name in of.by_range else None for of in columns.values()),
        )
        for name in result.found.by_range
    ]
    return Section(
        "figures",
        "Figures",
        "Means over the objects, beside a baseline that needs no network and has one yaw for all.",
        tables=[Table(("figure", *columns), rows)],
    )


def _precisions(result: CuboidEvaluation) -> Section:
    columns = _columns(result)
    rows = [
        (f"{words} {name}", iou, *(value for of in columns.values() for value in getattr(of, ap)[name][iou].values()))
        for words, ap in (("3-D", "ap_3d"), ("from above", "ap_bev"))
        for name, by_iou in getattr(result.found, ap).items()
        for iou in by_iou
    ]
    levels = next((list(levels) for ap in result.found.ap_3d.values() for levels in ap.values()), [])
    return Section(
        "precision",
        "Average precision",
        "By class, least overlap, and KITTI's levels of how hard objects are to see.",
        tables=[Table(("class", "overlap", *(f"{name} ({of})" for of in columns for name in levels)), rows)],
    )


def _over_range(result: CuboidEvaluation) -> Section:
    def line(placed: Sequence[PlacedCuboid], value: Callable[[PlacedCuboid], float]) -> list[tuple[float, float]]:
        range_m = np.array([one.range_m for one in placed])
        bands = banded(range_m, np.array([value(one) for one in placed]))
        return [((low + high) / 2, mean) for low, high, mean, _ in bands]

    def chart(value: Callable[[PlacedCuboid], float], y_title: str, *, baseline: str = "baseline") -> Drawn:
        beside = [Plotted(baseline, "other", line(result.baseline_placed, value), joined=True)] if baseline else []
        points = [(one.range_m, value(one)) for one in result.placed]
        plotted = [
            Plotted("objects", "c1", points),
            *beside,
            Plotted("mean of the model", "c0", line(result.placed, value), joined=True),
        ]
        return drawn(
            plotted, x_title="distance of the marked object in m", y_title=y_title, title=f"{y_title} by range"
        )

    return Section(
        "range",
        "Near and far",
        "Errors over the distance, an object a point; lines are means over bands of as many objects each.",
        charts=[
            chart(lambda one: abs(one.distance_error_m), "error of the distance in m"),
            chart(
                lambda one: one.yaw_error_deg,
                "error of the yaw in degrees",
                baseline="one yaw for all, along the camera's axis",
            ),
            chart(lambda one: one.ious[0], "3-D IoU"),
            chart(lambda one: one.distance_error_m, "how much farther it was placed, in m", baseline=""),
        ],
    )


def _from_class(result: CuboidEvaluation) -> Section:
    rows = []
    for class_id, name in enumerate(result.names):
        own = [one for one in result.placed if one.marked.class_id == class_id]
        if own:
            sides = np.abs([np.subtract(one.marked.cuboid.size_lwh_m, one.cuboid.size_lwh_m) for one in own])
            iou, error_m, yaw_deg = (
                [one.ious[0] for one in own],
                [abs(one.distance_error_m) for one in own],
                [one.yaw_error_deg for one in own],
            )
            means = (float(np.mean(iou)), float(np.mean(error_m)), float(np.median(yaw_deg)))
            rows.append((name, *means, *sides.mean(axis=0).tolist(), str(len(own))))
    head = ("class", "3-D IoU", "distance, m", "yaw, degrees", "length, m", "width, m", "height, m", "objects")
    return Section("classes", "Classes", "Errors by the marked class.", tables=[Table(head, rows)])


def _worst(result: CuboidEvaluation) -> Section:
    by_path: defaultdict[Path, list[PlacedCuboid]] = defaultdict(list)
    for one in result.placed:
        by_path[one.image.path].append(one)
    ranked = sorted(by_path.values(), key=lambda group: sum(one.ious[0] - 1 for one in group))
    return Section(
        "pictures",
        "The worst pictures",
        "Where most overlap is lost. Marked cuboids are green, those of the model red; beside it the same from above, "
        f"the camera at the lower edge, a line every {RING_M} m.",
        short="Pictures",
        pictures=[_shown(group) for group in ranked[:MAX_PICTURES]],
        none_wrong="No object was measured.",
    )


def _shown(group: Sequence[PlacedCuboid]) -> Shown:
    worst = min(group, key=lambda one: one.ious[0])
    words = (
        f"{counted(len(group), 'objects')}; the worst at {worst.range_m:.1f} m, placed at "
        f"{worst.cuboid.center_m[2]:.1f} m, yaw off by {worst.yaw_error_deg:.0f}°, 3-D IoU {worst.ious[0]:.2f}"
    )
    return Shown.of(draw_placed(group), file=group[0].image.path.name, words=words, longest_px=2 * PICTURE_PX)


def draw_placed(group: Sequence[PlacedCuboid]) -> U8:
    """Return (h, w, 3) BGR the picture of objects with their cuboids, and beside it the same from above."""
    image = group[0].image
    bgr = read_bgr(image.path)
    bgr = scaled(bgr, min(PICTURE_PX / max(bgr.shape[:2]), 1.0)).copy()
    camera = image.camera.scaled(bgr.shape[1] / image.width_px)
    above = _Above(group, width_px=round(ABOVE_SHARE * bgr.shape[1]), height_px=bgr.shape[0])
    for cuboids, color in (
        ([one.marked.cuboid for one in group], MARKED_BGR),
        ([one.cuboid for one in group], FOUND_BGR),
    ):
        for cuboid in cuboids:
            _draw(bgr, cuboid, camera, color)
            above.draw(cuboid, color)
    return np.concatenate([bgr, above.bgr], axis=1)


def _draw(bgr: U8, cuboid: Cuboid, camera: Pinhole, color: tuple[int, int, int]) -> None:
    corners_px = camera.project(cuboid.corners_m)
    if cuboid.corners_m[:, 2].min() <= NEAR_M or np.abs(corners_px).max() > _MOST_PX:
        return
    for begin, end in EDGES:
        (x0, y0), (x1, y1) = (corners_px[at].round().astype(int).tolist() for at in (begin, end))
        cv2.line(bgr, (x0, y0), (x1, y1), color, 1, cv2.LINE_AA)


class _Above:
    """A panel with the ground ahead of a camera, which is at the middle of its lower edge."""

    def __init__(self, group: Sequence[PlacedCuboid], *, width_px: int, height_px: int) -> None:
        cuboids = [each for one in group for each in (one.marked.cuboid, one.cuboid)]
        ahead_m = max(max(one.center_m[2] for one in cuboids), RING_M) * 1.15
        beside_m = max(max(abs(one.center_m[0]) for one in cuboids), RING_M / 2) * 1.15
        self._px_per_m = min(height_px / ahead_m, width_px / (2 * beside_m))
        self.bgr: U8 = np.full((height_px, width_px, 3), GROUND_BGR, np.uint8)
        for ring in range(RING_M, int(height_px / self._px_per_m) + 1, RING_M * max(int(ahead_m // 120), 1)):
            ((_, y),) = self._places(np.array([[0.0, ring]]))
            cv2.line(self.bgr, (0, y), (width_px, y), RING_BGR, 1)

    def draw(self, cuboid: Cuboid, color: tuple[int, int, int]) -> None:
        """Draw the outline of a cuboid on the ground, and a line from its middle to its front."""
        corners = cuboid.corners_m[:4, [0, 2]]
        outline = np.array(self._places(corners), np.int32)
        cv2.polylines(self.bgr, [outline], isClosed=True, color=color, thickness=2, lineType=cv2.LINE_AA)
        middle, front = self._places(np.array([corners.mean(axis=0), corners[[0, 1]].mean(axis=0)]))
        cv2.line(self.bgr, middle, front, color, 2, cv2.LINE_AA)

    def _places(self, points_m: NDArray[np.float64]) -> list[tuple[int, int]]:
        height, width = self.bgr.shape[:2]
        x = np.clip(width / 2 + points_m[:, 0] * self._px_per_m, -_MOST_PX, _MOST_PX)
        y = np.clip(height - points_m[:, 1] * self._px_per_m, -_MOST_PX, _MOST_PX)
        return [*zip(x.round().astype(int).tolist(), y.round().astype(int).tolist(), strict=True)]
