"""Frames of the drive with the commands of the rule-based driver: what a network learns to drive from.

A network that has only seen good driving does not know the way back from its own mistakes (Ross, Gordon and Bagnell,
AISTATS 2011). So the driver that is imitated is disturbed: every few seconds its wheel is pushed aside for a moment
(noise is injected, as in Laskey et al., "DART", CoRL 2017), and drives begin beside the lane's middle and aslant. What
is written is what the driver would do, never the push.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from streamvision.datasets.collector import Progress, no_progress
from streamvision.datasets.dataset import Split
from streamvision.datasets.drive import JPEG_QUALITY, DriveSampling
from streamvision.datasets.writing import OutputFolder
from streamvision.synthetic.drive.view import LAP_M
from streamvision.synthetic.driving import Command, DrivenScene, DrivenWorld, RuleDriver, WorldOptions
from streamvision.synthetic.driving.car import MOST_SPEED_M_S
from streamvision.synthetic.driving.rule_driver import seen_speed_m_s, steering_towards_lane
from streamvision.synthetic.driving.world import LOOK_AHEAD_M, Situation

COLUMNS = ("steering", "speed [m/s]", "lane_10 [m]", "lane_20 [m]")
"""The answers of the table: the steering, -1..1, positive to the right; the speed that suits what is seen, without
limits; where the middle of the lane lies 10 and 20 m ahead, right of the way straight on."""
_PICTURES_A_ROAD = 96
_PICTURES_A_DRIVE = 24
_STEPS_A_PICTURE = 5
_PUSH_EVERY, _PUSH_STEPS = 22, 6
_PUSH = 0.6
"""Largest push, as a share of the largest angle of the wheels."""


@dataclass(frozen=True, eq=False)
class DrivenPicture:
    """One frame and what the driver would do."""

    scene: DrivenScene
    """Paints it."""
    index: int
    """Of the frame."""
    answers: tuple[float, ...]
    """One for each of :data:`COLUMNS`."""
    split: Split | None
    """The part that it belongs to."""


def answers_of(situation: Situation) -> tuple[float, ...]:
    """Return the truth for each of :data:`COLUMNS`."""
    lane_m = [float(np.interp(ahead_m, LOOK_AHEAD_M, situation.lane_x_m)) for ahead_m in (10.0, 20.0)]
    return steering_towards_lane(situation), min(seen_speed_m_s(situation), MOST_SPEED_M_S), *lane_m


def driven_pictures(sampling: DriveSampling) -> Iterator[DrivenPicture]:
    """Yield frames of disturbed drives, on other roads for each part; each is painted before the next is asked for."""
    rng = np.random.default_rng((sampling.seed, 17))
    parts: tuple[tuple[Split | None, int], ...] = ((None, sampling.images),)
    if sampling.val_images:
        parts = (("train", sampling.images), ("val", sampling.val_images))
    for split, images in parts:
        for first in range(0, images, _PICTURES_A_ROAD):
            world = DrivenWorld(WorldOptions(seed=int(rng.integers(1 << 31))))
            scene = DrivenScene(world, sampling.width_px, sampling.height_px)
            left = min(_PICTURES_A_ROAD, images - first)
            while left > 0:
                for index, situation in _disturbed_drive(world, rng, min(left, _PICTURES_A_DRIVE)):
                    yield DrivenPicture(scene, index, answers_of(situation), split)
                    left -= 1


def _disturbed_drive(world: DrivenWorld, rng: np.random.Generator, pictures: int) -> Iterator[tuple[int, Situation]]:
    driver, push = RuleDriver(), 0.0
    world.reset(
        begin_m=float(rng.uniform(0, LAP_M)),
        offset_m=float(rng.uniform(-1.2, 1.2)),
        yaw_rad=float(rng.normal(0, 0.03)),
        speed_m_s=float(rng.uniform(3, MOST_SPEED_M_S)),
        gap_m=float(rng.uniform(6, 70)),
    )
    phase, ended = int(rng.integers(_PUSH_EVERY)), False
    for step in range(pictures * _STEPS_A_PICTURE):
        situation = world.situation()
        if step % _STEPS_A_PICTURE == 0:
            yield int(rng.integers(1 << 20)), situation
        if (step + phase) % _PUSH_EVERY == 0:
            push = float(rng.uniform(-_PUSH, _PUSH))
        pushed = (step + phase) % _PUSH_EVERY < _PUSH_STEPS
        command = driver.command(situation)
        ended = world.step(Command(command.steering + push * pushed, command.acceleration_m_s2)).ended is not None
        if ended:
            return


def write_drive_commands(
    folder: Path, sampling: DriveSampling, *, force: bool = False, progress: Progress = no_progress
) -> None:
    """Render disturbed drives into ``images/``, and the driver's answers into ``answers.csv``.

    Raises:
        OutputError: when the folder holds something and ``force`` is not given, or cannot be written.
    """
    output = OutputFolder(folder, pictures="copy", force=force, progress=progress)
    images = output.make_folder("images")
    rows = io.StringIO(newline="")
    table = csv.writer(rows, lineterminator="\n")
    table.writerow(("filename", "split", *COLUMNS))
    for number, driven in enumerate(driven_pictures(sampling)):
        name = f"drive-{sampling.seed}-{number:05d}.jpg"
        bgr = driven.scene.picture_at(driven.index).to_bgr()
        cv2.imwrite(str(images / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[1]])
        table.writerow((f"images/{name}", driven.split or "", *(f"{answer:.4f}" for answer in driven.answers)))
        progress("pictures rendered", number + 1, sampling.total)
    output.write_text("answers.csv", rows.getvalue())
