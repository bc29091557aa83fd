"""The synthetic drive as a data set of vehicles with exact masks, in COCO's form with run lengths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.masks import BoxMask, encode_rle
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.drive import DriveMoment, DriveSampling, drive_moments, write_moment
from streamvision.datasets.writing import OutputFolder
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.vehicle_truth import VEHICLE_KINDS

_LEAST_SHARE = 0.002
"""Of the picture that a vehicle must cover so that a moment is taken."""
_LEAST_PX = 24
"""Smaller masks are marked as crowds: neither finding nor missing them counts."""


def write_drive_masks(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives that show a vehicle: ``images/`` and ``annotations/instances_*.json``.

    A mask has what can be seen of a vehicle. Classes are
    :data:`~streamvision.synthetic.drive.vehicle_truth.VEHICLE_KINDS`.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    categories = [{"id": number, "name": kind} for number, kind in enumerate(VEHICLE_KINDS, 1)]
    documents: dict[str, dict[str, Any]] = {}
    moments = drive_moments(sampling, np.random.default_rng(sampling.seed), accept=shows_vehicle)
    for done, moment in enumerate(moments, 1):
        part: str = moment.split or ""
        document = documents.setdefault(part, {"images": [], "annotations": [], "categories": categories})
        write_moment(output.make_folder(f"images/{part}"), moment)
        size = {"width": sampling.width_px, "height": sampling.height_px}
        document["images"].append({"id": done, "file_name": f"{moment.name}.jpg", **size})
        for entry in _annotations(moment):
            entry |= {"id": len(document["annotations"]) + 1, "image_id": done}
            document["annotations"].append(entry)
        progress("pictures rendered", done, sampling.total)
    output.make_folder("annotations")
    for part, document in documents.items():
        output.write_text(f"annotations/instances{part and '_'}{part}.json", json.dumps(document))


def _annotations(moment: DriveMoment) -> list[dict[str, Any]]:
    kinds = {vehicle.identity: vehicle.kind for vehicle in moment.scene.vehicles_at(moment.index)}
    masks = moment.scene.vehicle_masks_at(moment.index)
    return [_annotation(mask, VEHICLE_KINDS.index(kinds[identity])) for identity, mask in masks.items()]


def _annotation(mask: NDArray[np.bool_], class_id: int) -> dict[str, Any]:
    height, width = mask.shape
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    area = int(mask.sum())
    return {
        "category_id": class_id + 1,
        "bbox": [left, top, right - left, bottom - top],
        "area": area,
        "iscrowd": int(area < _LEAST_PX),
        "segmentation": encode_rle(BoxMask(left, top, mask[top:bottom, left:right]), width_px=width, height_px=height),
    }


def shows_vehicle(scene: DriveScene, index: int) -> bool:
    """Say whether a frame shows a vehicle that is not tiny."""
    areas = [mask.mean() for mask in scene.vehicle_masks_at(index).values()]
    return max(areas, default=0.0) >= _LEAST_SHARE
