"""The synthetic drive's vehicles in space as a data set, as KITTI writes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from streamvision.core.cuboid import Cuboid, Pinhole
from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import LabelledCuboid
from streamvision.datasets.drive import DriveSampling, drive_moments, write_moment
from streamvision.datasets.kitti_cuboids import calibration, label_line, occlusion_step
from streamvision.datasets.writing import OutputFolder
from streamvision.synthetic.drive import DriveScene
from streamvision.synthetic.drive.vehicle_truth import VEHICLE_KINDS, VehicleInView
from streamvision.synthetic.drive.view import HORIZON_PER_HEIGHT

LEAST_VEHICLE_PX = 12.0
"""Lower vehicles are not labelled."""
_MOST_HIDDEN = 0.8
"""Vehicles of which more is hidden are not labelled."""


def write_drive_cuboids(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render random moments of random drives with their vehicles in space, as KITTI writes them.

    ``image_2/``, ``label_2/``, ``calib/``, ``classes.txt`` and, where a part is held out, ``ImageSets/``. As with a
    camera on a real car, ``calib/`` holds how it is mounted, and places are those in its own frame, in which the road
    pitches by up to 0.1 degrees. Vehicles lower than :data:`LEAST_VEHICLE_PX` or nearly hidden are left out.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    output.write_classes(VEHICLE_KINDS)
    for name in ("label_2", "calib"):
        output.make_folder(name)
    parts: dict[str, list[str]] = {}
    accept = _shows_vehicles
    for done, moment in enumerate(drive_moments(sampling, np.random.default_rng(sampling.seed), accept=accept), 1):
        write_moment(output.make_folder("image_2"), moment)
        camera = moment.scene.camera_at(moment.index)
        mounted = Pinhole(camera.focal_px, camera.center_px, HORIZON_PER_HEIGHT * camera.height_px)
        pitch = (camera.horizon_px - mounted.center_y_px) / mounted.focal_px
        vehicles = labelled_vehicles(moment.scene, moment.index)
        labels = "".join(label_line(one.kind, _in_space(one, pitch)) for one in vehicles)
        output.write_text(f"label_2/{moment.name}.txt", labels)
        output.write_text(f"calib/{moment.name}.txt", calibration(mounted))
        if moment.split is not None:
            parts.setdefault(moment.split, []).append(moment.name)
        progress("pictures rendered", done, sampling.total)
    if parts:
        output.make_folder("ImageSets")
    for split, names in parts.items():
        output.write_text(f"ImageSets/{split}.txt", "".join(f"{name}\n" for name in names))


def labelled_vehicles(scene: DriveScene, index: int) -> list[VehicleInView]:
    """Return the vehicles of a frame that are high enough and not nearly hidden, nearest first."""
    return [
        one
        for one in scene.vehicles_at(index)
        if one.box_xyxy_px[3] - one.box_xyxy_px[1] >= LEAST_VEHICLE_PX and one.hidden_share <= _MOST_HIDDEN
    ]


def _shows_vehicles(scene: DriveScene, index: int) -> bool:
    return bool(labelled_vehicles(scene, index))


def _in_space(one: VehicleInView, pitch: float) -> LabelledCuboid:
    """Return a vehicle in the frame of a camera that looks up by a small angle, in radians, against which it is seen
    lower."""
    x_m, y_m, z_m = one.center_m
    cuboid = Cuboid((x_m, y_m + pitch * z_m, z_m), one.size_lwh_m, one.yaw_rad)
    class_id = VEHICLE_KINDS.index(one.kind)
    return LabelledCuboid(class_id, one.box_xyxy_px, cuboid, one.truncated_share, occlusion_step(one.hidden_share))
