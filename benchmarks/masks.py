"""What masks cost a frame of 1080p in processor time: laying them over the picture, and writing them as run lengths.

python benchmarks/masks.py [--objects 10,50,200] [--frames 60]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.rendering.palette import color_of
from pipelines.rendering.shapes import tint
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.masks import BoxMask, encode_rle
from streamvision.core.picture import BgrPicture

WIDTH_PX, HEIGHT_PX = 1920, 1080
SIDES_PX = (40, 320)
"""Least and greatest side of an object; sides in between are equally frequent by their logarithm."""


def masks(count: int, rng: np.random.Generator) -> list[BoxMask]:
    """Return outlines with bays and holes, as networks give them, anywhere on the picture."""
    return [_mask(rng) for _ in range(count)]


def _mask(rng: np.random.Generator) -> BoxMask:
    width, height = np.exp(rng.uniform(*np.log(SIDES_PX), 2)).astype(int)
    left, top = int(rng.integers(WIDTH_PX - width)), int(rng.integers(HEIGHT_PX - height))
    clouds: NDArray[np.float32] = cv2.resize(rng.random((6, 6), np.float32), (int(width), int(height)))
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    return BoxMask(left, top, (x * x + y * y + clouds < 1.4) & (clouds > 0.2))


def median_ms(work: Callable[[int], None], frames: int) -> float:
    """Return the median processor time of ``work`` in milliseconds."""
    spent = []
    for index in range(frames):
        begin_s = time.process_time()
        work(index)
        spent.append((time.process_time() - begin_s) * 1e3)
    return float(np.median(spent))


def main() -> None:
    """Print a table of milliseconds a frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", default="10,50,200")
    parser.add_argument("--frames", type=int, default=60)
    given = parser.parse_args()
    cv2.setNumThreads(1)
    rng = np.random.default_rng(0)
    drawing = YuvDrawing(BgrPicture(rng.integers(0, 256, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)).to_canvas())
    print("| objects | covered pixels | drawing ms | run lengths ms | both ms |\n|---|---|---|---|---|")
    for objects in (int(part) for part in given.objects.split(",")):
        found = masks(objects, rng)

        def draw(_index: int, found: list[BoxMask] = found) -> None:
            for number, mask in enumerate(found):
                tint(drawing, mask, color_of(number))

        def write(_index: int, found: list[BoxMask] = found) -> None:
            for mask in found:
                encode_rle(mask, width_px=WIDTH_PX, height_px=HEIGHT_PX)

        draw_ms, write_ms = median_ms(draw, given.frames), median_ms(write, given.frames)
        covered = sum(mask.area_px for mask in found)
        print(f"| {objects} | {covered} | {draw_ms:.1f} | {write_ms:.1f} | {draw_ms + write_ms:.1f} |")


if __name__ == "__main__":
    main()
