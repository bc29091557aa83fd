"""A film of scenes with a red disc and a blue panel that wander, and labelled pictures of the same kind."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.datasets import write_dataset
from streamvision.datasets.dataset import Dataset, LabelledBox, LabelledImage

SIZE_PX = (320, 240)
SIDE_PX = 72
SCENE_FRAMES = 4
"""Frames until everything looks otherwise, so that no two scenes are near-duplicates."""
Box = tuple[float, float, float, float]


def frame_of(number: int, *, seed: int) -> tuple[NDArray[np.uint8], Box, Box]:
    """Return a picture (240, 320, 3) uint8 RGB, and where the disc and the panel are, in pixels."""
    scene, moved = divmod(number, SCENE_FRAMES)
    rng = np.random.default_rng([seed, scene])
    coarse = rng.integers(30, 220, (6, 8, 3), dtype=np.uint8)
    rgb = np.ascontiguousarray(cv2.resize(coarse, SIZE_PX, interpolation=cv2.INTER_CUBIC))
    top, other_top = (int(value) + 2 * moved for value in rng.integers(4, 150, 2))
    left, other_left = int(rng.integers(4, 74)) + 2 * moved, int(rng.integers(164, 234)) + 2 * moved
    if scene % 2:
        left, other_left = other_left, left
    centre = left + SIDE_PX // 2, top + SIDE_PX // 2
    cv2.circle(rgb, centre, SIDE_PX // 2, (200, 20, 20), -1)
    cv2.circle(rgb, centre, SIDE_PX // 4, (250, 250, 250), -1)
    cv2.rectangle(rgb, (other_left, other_top), (other_left + SIDE_PX, other_top + SIDE_PX), (20, 60, 210), -1)
    inner = (other_left + 20, other_top + 10), (other_left + SIDE_PX - 20, other_top + SIDE_PX - 10)
    cv2.rectangle(rgb, *inner, (250, 250, 250), 6)
    return rgb, _box(left, top), _box(other_left, other_top)


def film(path: Path, *, frames: int, seed: int, fps: int = 5) -> Path:
    """Write the film."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=fps)
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt, stream.bit_rate = "yuv420p", 6_000_000
        for number in range(frames):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(frame_of(number, seed=seed)[0], format="rgb24")))
        file.mux(stream.encode(None))
    return path


def pictures_with_discs(folder: Path, *, count: int, seed: int) -> Path:
    """Write a data set that marks the discs and, as nobody has thought of them, not the panels."""
    images = []
    (folder / "drawn").mkdir(parents=True)
    for number in range(count):
        rgb, disc, _ = frame_of(number * SCENE_FRAMES, seed=seed)
        path = folder / "drawn" / f"{number:02}.jpg"
        cv2.imwrite(str(path), rgb[..., ::-1])
        images.append(LabelledImage(path, *SIZE_PX, (LabelledBox(0, disc),)))
    write_dataset(Dataset(("disc",), tuple(images)), folder / "set", format="yolo")
    return folder / "set"


def panel_on(rgb: NDArray[np.uint8]) -> Box:
    """Return where somebody who looks at a picture sees its panel."""
    red, green, blue = (rgb[..., channel].astype(int) for channel in range(3))
    blue_part = ((blue > 170) & (red < 70) & (green < 110)).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(blue_part)
    left, top, width, height, _ = stats[1 + int(np.argmax(stats[1:, 4]))].tolist()
    assert count > 1
    return _box(left, top) if abs(width - SIDE_PX) < 8 else (left, top, left + width, top + height)


def _box(left: int, top: int) -> Box:
    return float(left), float(top), float(left + SIDE_PX + 1), float(top + SIDE_PX + 1)
