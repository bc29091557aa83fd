"""The synthetic drive as pictures with sentences, which a grammar writes from what is really there."""

from __future__ import annotations

import csv
import io
import math
from pathlib import Path

import cv2
import numpy as np

from streamvision.core.files import write_whole
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.drive import JPEG_QUALITY, DriveSampling, drive_moments
from streamvision.datasets.writing import OutputFolder
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.sentences import DISTANCES, LANES, LIGHTS, PLACES, SIGNS, VEHICLES, write_sentence
from streamvision.synthetic.drive.vehicle_truth import VehicleInView
from streamvision.synthetic.drive.view import LANE_M

TABLE = "captions.csv"
"""Name of the table that is written: a row for each picture, its sentence, and its part where there are parts."""
MOST_SIGNS, MOST_VEHICLES = 2, 2
"""Most that a sentence names, of signs the largest, of vehicles the nearest."""
DISTANCES_M = (15.0, 35.0, 70.0)
"""Up to where a vehicle is close by, some way off, and far away; those beyond are not named."""
MOST_HIDDEN = 0.5
"""Share of a vehicle that may be hidden or beyond the picture's edge for it to be named."""
_MIDDLE = (0.42, 0.58)
"""What lies between these shares of the picture's width is straight ahead."""


def sentence_at(scene: DriveScene, index: int, *, width_px: int) -> str:
    """Return the sentence of a frame: its light, the signs that are large enough to be labelled, and the vehicles.

    Args:
        scene: the drive.
        index: which frame of it.
        width_px: width of its frames.
    """
    mood, _ = scene.mood_at(index)
    return write_sentence(LIGHTS[mood], [*_signs(scene, index, width_px), *_vehicles(scene, index)])


def write_drive_captions(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives into ``images/``, with a sentence each in :data:`TABLE`.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("filename", "caption", "split"))
    for done, moment in enumerate(drive_moments(sampling, np.random.default_rng(sampling.seed)), 1):
        place = output.make_folder("images") / f"{moment.name}.jpg"
        bgr = moment.scene.picture_at(moment.index).to_bgr()
        cv2.imwrite(str(place), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[1]])
        sentence = sentence_at(moment.scene, moment.index, width_px=sampling.width_px)
        writer.writerow((f"images/{place.name}", sentence, moment.split or ""))
        progress("pictures rendered", done, sampling.total)
    write_whole(folder / TABLE, text.getvalue())


def _signs(scene: DriveScene, index: int, width_px: int) -> list[str]:
    """Return the signs and lights, from left to right."""
    found = scene.objects_at(index)
    boxes = found.box_xyxy_px
    largest = np.argsort(-(boxes[:, 3] - boxes[:, 1]), kind="stable")[:MOST_SIGNS]
    share = boxes[:, [0, 2]].mean(axis=1) / width_px
    places = np.searchsorted(_MIDDLE, share)
    return [f"{SIGNS[found.class_id[at]]} {PLACES[places[at]]}" for at in sorted(largest, key=lambda at: share[at])]


def _vehicles(scene: DriveScene, index: int) -> list[str]:
    """Return the vehicles that can be seen, the nearest first."""
    seen = [
        one
        for one in scene.vehicles_at(index)
        if max(one.hidden_share, one.truncated_share) <= MOST_HIDDEN and one.distance_m < DISTANCES_M[-1]
    ]
    nearest = sorted(seen, key=lambda one: one.distance_m)[:MOST_VEHICLES]
    return [f"{VEHICLES[one.kind]} {_lane(one)} {DISTANCES[_farness(one)]}" for one in nearest]


def _lane(vehicle: VehicleInView) -> str:
    if vehicle.is_oncoming:
        return LANES[0]
    x_m, _, z_m = vehicle.center_m
    # In a bend the lane itself leads aside; along a circle by half of what the direction there would.
    aside_m = x_m - math.tan(vehicle.yaw_rad) * z_m / 2
    return LANES[1] if abs(aside_m) < LANE_M / 2 else LANES[2]


def _farness(vehicle: VehicleInView) -> int:
    return int(np.searchsorted(DISTANCES_M, vehicle.distance_m, side="right"))
