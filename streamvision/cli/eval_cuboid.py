"""``streamvision eval cuboid``: how well a network places objects in space, by marked boxes and by a detector's."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from streamvision.cli.eval_options import cells, chosen_options, measured_options, report_option, write_report
from streamvision.cli.eval_tables import Rows
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.progress import StepProgress
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.datasets.kitti_cuboids import read_cuboids
from streamvision.datasets.measured_part import choose_split
from streamvision.evaluation.cuboid import PITCH_DEG, CuboidEvaluation, CuboidFigures, evaluate_cuboids
from streamvision.evaluation.cuboid.figures import FIGURES
from streamvision.evaluation.model import open_model


@click.command("cuboid", short_help="Overlap in space, errors in metres and degrees.")
@measured_options(labels=False)
@report_option
@click.option(
    "--detector",
    type=model_location,
    metavar="MODEL",
    help="Finds the objects, which are then placed by its boxes, too, as on a stream; its classes are matched by name.",
)
@click.option(
    "--camera-height-m",
    type=FiniteRange(0.1, 50),
    help="How high the cameras hang above a flat road: distances are then joined with where boxes end on it. The drawn "
    "drive's is 1.4, KITTI's 1.65.",
)
@click.option(
    "--pitch-deg",
    type=FiniteRange(0, 10),
    help=f"How far the cars pitch (standard deviation), with --camera-height-m.  [default: {PITCH_DEG:g}]",
)
def cuboid(
    model: ModelLocation,
    data: Path,
    split: str | None,
    report: Path | None,
    classes: tuple[str, ...],
    detector: ModelLocation | None,
    camera_height_m: float | None,
    pitch_deg: float | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Measure how well MODEL places objects in space, given their boxes.

    DIR is as KITTI's: pictures, labels and calib/ with the camera of each. Overlaps are those in space and seen from
    above; average precision is KITTI's over 40 levels of recall. The baseline beside each figure needs no network: the
    mean size of the class, standing where the marked box's lower edge meets a flat road. With --detector, errors are
    those of the objects that it finds, and average precision counts those that it misses, too.

    \b
    Examples:
      streamvision eval cuboid deep3dbox.onnx --data drive-vehicles --camera-height-m 1.4 --report report.html
      streamvision eval cuboid deep3dbox.onnx --data drive-vehicles --detector vehicles.onnx
      streamvision eval cuboid runs/train/deep3dbox-1/weights/best.pt --data kitti/training --json
    """
    pictures, notes = choose_split(read_cuboids(data), split)
    with ExitStack() as stack:
        network = stack.enter_context(open_model(model, **chosen_options(given)))
        finder = None
        if detector is not None:
            same = {key: given[key] for key in ("device", "threads", "trust_checkpoint")}
            finder = stack.enter_context(open_model(detector, as_reported=True, **chosen_options(same)))
        progress = stack.enter_context(StepProgress("pictures"))
        result = evaluate_cuboids(
            network,
            pictures,
            detector=finder,
            camera_height_m=camera_height_m,
            pitch_deg=pitch_deg,
            classes=classes,
            notes=notes,
            on_progress=progress.show,
        )
    if report:
        from streamvision.evaluation.report import build_cuboid_report

        write_report(build_cuboid_report, result, report, model=model, data=data)
    if as_json:
        click.echo(json.dumps(result.to_json()))
        return
    lines = [f"{result.model} on {counted(result.images, 'pictures')}, {result.seconds:.1f} s", *table(_rows(result))]
    click.echo("\n".join([*lines, *_remarks(result), *(f"Note: {note}" for note in result.notes)]))


_OF_GROUPS = ("iou_3d", "distance_error_m", "yaw_error_deg", "size_error_m")
"""Figures that stand in the table by class and by range, too."""


def _rows(result: CuboidEvaluation) -> Rows:
    """Return the table: by marked boxes, by those of the detector, and the baseline."""
    columns: list[tuple[str, CuboidFigures]] = [("marked boxes", result.found), ("baseline", result.baseline)]
    if result.detected is not None:
        columns.insert(1, ("found boxes", result.detected.found))
    all_of = [of for _, of in columns]
    rows: Rows = [("figure", *(title for title, _ in columns))]
    rows += [(words, *cells(*(getattr(of, name) for of in all_of))) for name, words in FIGURES.items()]
    for unit, groups in (("", [of.by_class for of in all_of]), (" m", [of.by_range for of in all_of])):
        for group in groups[0]:
            own = [by_group.get(group) for by_group in groups]
            rows.append((f"objects, {group}{unit}", *("-" if of is None else f"{of.objects}" for of in own)))
            rows += [
                (f"{FIGURES[name]}, {group}{unit}", *cells(*(None if of is None else getattr(of, name) for of in own)))
                for name in _OF_GROUPS
            ]
    for words, precisions in (
        ("AP 3-D", [of.ap_3d for of in all_of]),
        ("AP bird's-eye", [of.ap_bev for of in all_of]),
    ):
        for name, by_iou in precisions[0].items():
            rows += [
                (f"{words} {name} at {iou}, {level}", *cells(*(ap[name][iou][level] for ap in precisions)))
                for iou, levels in by_iou.items()
                for level in levels
            ]
    return rows


def _remarks(result: CuboidEvaluation) -> list[str]:
    remarks = [
        f"{counted(result.objects, 'objects')}. Baseline: the mean size of the true class on a flat road, at the lower "
        "edge of the marked box, with one yaw for all, along the camera's axis."
    ]
    if result.detected is not None:
        found = f"{result.detected.detector} finds {result.detected.recall:.1%} of them"
        remarks.append(f"{found}; errors by found boxes are of these.")
    return remarks
