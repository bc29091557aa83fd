"""Frames of the drive with the commands of the rule-based driver: what a network learns to drive from.

A network that has only seen good driving does not know the way back from its own mistakes (Ross, Gordon and Bagnell,
AISTATS 2011). So the driver that is imitated is disturbed: every few seconds its wheel is pushed aside for a moment
(noise is injected, as in Laskey et al., "DART", CoRL 2017), and drives begin beside the lane's middle and aslant. What
is written is what the driver would do, never the push. Three of five drives begin where there is something to brake
for: before a line, behind a slower car, or behind one that waits, standing or too fast.
"""

from __future__ import annotations

import csv
import io
import math
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
from streamvision.synthetic.driving import Command, DrivenScene, DrivenWorld, WorldOptions
from streamvision.synthetic.driving.car import FRONT_M, MOST_SPEED_M_S
from streamvision.synthetic.driving.longitudinal import reach
from streamvision.synthetic.driving.network import MOST_STOOD_AGO_S, OWN_SPEED, STOOD_AGO, known_of
from streamvision.synthetic.driving.rule_driver import allowed_m_s, seen_speed_m_s, steering_towards_lane, true_values
from streamvision.synthetic.driving.rules import STAND_BEFORE_M
from streamvision.synthetic.driving.world import LEAD_LENGTH_M, Situation

COLUMNS = ("steering", "speed [m/s]", "lane_10 [m]", "lane_20 [m]", "gap [m]")
"""The answers of the table: the steering, -1..1, positive to the right; the speed that suits what is seen, without
limits; where the middle of the lane lies 10 and 20 m ahead, right of the way straight on; and the way to the car
ahead, at most :data:`MOST_GAP_M`."""
KNOWN_COLUMNS = (
    f"{OWN_SPEED} [known to {MOST_SPEED_M_S:g} m/s]",
    f"{STOOD_AGO} [known to {MOST_STOOD_AGO_S:g} s]",
)
"""What the network is given beside the frame."""
_UNKNOWN_SHARE = 0.04
"""Of the frames, for networks to learn to do without."""
_PICTURES_A_ROAD = 96
_PICTURES_A_DRIVE = 24
_STEPS_A_PICTURE = 5
_PUSH_EVERY, _PUSH_STEPS = 22, 6
_PUSH = 0.6
"""Largest push, as a share of the largest angle of the wheels."""
_HASTE_M_S = 4.0
"""Largest push at the pedals, as what is added to the speed that suits."""


@dataclass(frozen=True, eq=False)
class DrivenPicture:
    """One frame and what the driver would do."""

    scene: DrivenScene
    """Paints it."""
    index: int
    """Of the frame."""
    answers: tuple[float, ...]
    """One for each of :data:`COLUMNS`."""
    known: tuple[float | None, ...]
    """One for each of :data:`KNOWN_COLUMNS`."""
    split: Split | None
    """The part that it belongs to."""


def answers_of(situation: Situation) -> tuple[float, ...]:
    """Return the truth for each of :data:`COLUMNS`."""
    values = true_values(situation)
    return steering_towards_lane(situation), values["speed"], values["lane_10"], values["lane_20"], values["gap"]


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
                    known: tuple[float | None, ...] = tuple(known_of(situation).values())
                    if rng.uniform() < _UNKNOWN_SHARE:
                        known = (None,) * len(known)
                    yield DrivenPicture(scene, index, answers_of(situation), known, split)
                    left -= 1


def _disturbed_drive(world: DrivenWorld, rng: np.random.Generator, pictures: int) -> Iterator[tuple[int, Situation]]:
    _begin(world, rng)
    phase, push, haste_m_s = int(rng.integers(_PUSH_EVERY)), 0.0, 0.0
    for step in range(pictures * _STEPS_A_PICTURE):
        situation = world.situation()
        if step % _STEPS_A_PICTURE == 0:
            yield int(rng.integers(1 << 20)), situation
        if (step + phase) % _PUSH_EVERY == 0:
            push, haste_m_s = float(rng.uniform(-_PUSH, _PUSH)), float(rng.uniform(-_HASTE_M_S, _HASTE_M_S))
        pushed = (step + phase) % _PUSH_EVERY < _PUSH_STEPS
        if world.step(_disturbed(situation, push * pushed, haste_m_s * pushed)).ended is not None:
            return


def _disturbed(situation: Situation, push: float, haste_m_s: float) -> Command:
    """Return what is done: what is written, within the limit, but for a push at the wheel and at the pedals."""
    wanted_m_s = min(seen_speed_m_s(situation), allowed_m_s(situation))
    wanted_m_s = max(wanted_m_s + haste_m_s, 0.0) if wanted_m_s > 0 else 0.0
    return Command(steering_towards_lane(situation) + push, reach(situation.speed_m_s, wanted_m_s))


def _begin(world: DrivenWorld, rng: np.random.Generator) -> None:
    """Begin anywhere, before a line, behind a slower car, or behind one that waits at a line."""
    kind = rng.choice(("anywhere", "line", "slower", "queue"), p=(0.4, 0.25, 0.2, 0.15))
    begin_m, gap_m, lead_m_s = float(rng.uniform(0, LAP_M)), float(rng.uniform(6, 70)), None
    speed_m_s = float(rng.uniform(3, MOST_SPEED_M_S))
    line = world.rules.lines[int(rng.integers(len(world.rules.lines)))]
    if kind == "line":
        before_m = float(rng.uniform(0.5, 40))
        begin_m = line.s_m - FRONT_M - before_m
        fastest_m_s = math.sqrt(4 * before_m) + 2
        speed_m_s = 0.0 if before_m < 10 and rng.uniform() < 0.5 else float(rng.uniform(0, fastest_m_s))
    elif kind == "slower":
        gap_m = float(rng.uniform(2.5, 40))
        lead_m_s, speed_m_s = float(rng.uniform(0, 8)), float(rng.uniform(0, 3 + gap_m / 3))
    elif kind == "queue":
        gap_m, lead_m_s = float(rng.uniform(2.5, 25)), 0.0
        begin_m = line.s_m - STAND_BEFORE_M[line.kind] - 1 - LEAD_LENGTH_M - gap_m - FRONT_M
        speed_m_s = float(rng.uniform(0, 1 + gap_m / 3))
    share = 1.0 if kind == "anywhere" else 0.4
    world.reset(
        begin_m=begin_m % LAP_M,
        offset_m=float(rng.uniform(-1.2, 1.2)) * share,
        yaw_rad=float(rng.normal(0, 0.03)) * share,
        speed_m_s=speed_m_s,
        gap_m=gap_m,
        lead_m_s=lead_m_s,
    )


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
    table.writerow(("filename", "split", *COLUMNS, *KNOWN_COLUMNS))
    for number, driven in enumerate(driven_pictures(sampling)):
        name = f"drive-{sampling.seed}-{number:05d}.jpg"
        bgr = driven.scene.picture_at(driven.index).to_bgr()
        cv2.imwrite(str(images / name), bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY[1]])
        numbers = ("" if number is None else f"{number:.4f}" for number in (*driven.answers, *driven.known))
        table.writerow((f"images/{name}", driven.split or "", *numbers))
        progress("pictures rendered", number + 1, sampling.total)
    output.write_text("answers.csv", rows.getvalue())
