"""Processor time that a frame costs between decoder and network, by what its film asks for.

python benchmarks/picture_costs.py [--seconds 2]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import av
import cv2
import numpy as np

from pipelines.capture.ffmpeg.frame_pictures import FramePictures
from pipelines.capture.ffmpeg.geometry import Geometry

WIDTH_PX, HEIGHT_PX = 1920, 1080
PQ, HLG, BT2020, UNSPECIFIED = 16, 18, 9, 2


class Turned(FramePictures):
    """Turns every picture by 90 degrees, as the display matrix of a phone asks."""

    def _geometry_of(self, frame: av.VideoFrame) -> Geometry:
        return Geometry(frame.width, frame.height, transposed=True, flip=1)


def decoded(pixel_format: str, width_px: int = WIDTH_PX, *, transfer: int = UNSPECIFIED) -> av.VideoFrame:
    """Return a frame of noise that is smooth enough for every look-up to be used."""
    noise = np.random.default_rng(0).integers(0, 255, (68, 120, 3), np.uint8)
    frame: Any = av.VideoFrame.from_ndarray(cv2.resize(noise, (width_px, HEIGHT_PX)), format="rgb24")
    frame = frame.reformat(format=pixel_format)
    if transfer != UNSPECIFIED:
        frame.color_trc, frame.color_primaries, frame.colorspace = transfer, BT2020, BT2020
    return frame


CASES: dict[str, tuple[Callable[[], FramePictures], Callable[[], av.VideoFrame]]] = {
    "8-bit 4:2:0, upright": (FramePictures, lambda: decoded("yuv420p")),
    "turned by 90 degrees": (Turned, lambda: decoded("yuv420p")),
    "1440x1080, pixels 4:3": (lambda: FramePictures(lambda: Fraction(4, 3)), lambda: decoded("yuv420p", 1440)),
    "10-bit 4:2:0": (FramePictures, lambda: decoded("yuv420p10le")),
    "8-bit 4:4:4": (FramePictures, lambda: decoded("yuv444p")),
    "RGB": (FramePictures, lambda: decoded("rgb24")),
    "HDR: PQ": (FramePictures, lambda: decoded("yuv420p10le", transfer=PQ)),
    "HDR: HLG": (FramePictures, lambda: decoded("yuv420p10le", transfer=HLG)),
    "BT.2020 without HDR": (FramePictures, lambda: decoded("yuv420p10le", transfer=1)),
}


def main() -> None:
    """Print a row for each kind of film."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each is measured")
    seconds = parser.parse_args().seconds
    print("| film, 1920x1080 as shown | CPU ms a frame |\n|---|---|")
    for name, (make_pictures, make_frame) in CASES.items():
        print(f"| {name} | {cost_ms(make_pictures(), make_frame(), seconds):.2f} |")


def cost_ms(pictures: FramePictures, frame: av.VideoFrame, seconds: float) -> float:
    """Return the processor time of one frame, in ms."""
    pictures.picture(frame)
    count, begin_s, until_s = 0, time.process_time(), time.monotonic() + seconds
    while time.monotonic() < until_s:
        pictures.picture(frame)
        count += 1
    return (time.process_time() - begin_s) / count * 1e3


if __name__ == "__main__":
    main()
