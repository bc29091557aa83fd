"""A film that tells on itself: each picture carries its number, and one bright object moves along a known path.

From the pixels that a browser shows it can be said which picture that is, and to which picture the drawn box belongs.
All is grey, so that whatever has a colour was drawn by us.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from support.red_box_networks import RedBox

NUMBER_BITS, CHECK_BITS = 12, 4
CELLS = NUMBER_BITS + CHECK_BITS
STRIP = (0.02, 0.02, 0.98, 0.09)
"""Where the number stands, its highest bit first: left, top, right, bottom as shares of the picture."""
DARK, LIGHT, BRIGHT = 24, 140, 235
"""Levels of luma, of limited range: bits of 0 and of 1, and the object."""
OBJECT_SIDE = 0.12
"""Of the object's square, as a share of the picture's width."""
PATH_CENTRE, PATH_RADIUS, PATH_FRAMES = (0.5, 0.315), 0.18, 50
"""The circle on which the object moves, in widths of the picture, and how many frames it takes around."""
MODEL_SIDE_PX = 320
_CONTRAST = 0.5
"""Of what lies behind: nothing there is as bright as the object."""
_PHOTOGRAPH_PX = (960, 720)
_GRAIN = 1.5


def geometry() -> dict[str, Any]:
    """Return what a reader of the pixels must know."""
    return {
        "strip": STRIP,
        "number_bits": NUMBER_BITS,
        "check_bits": CHECK_BITS,
        "side": OBJECT_SIDE,
        "centre": PATH_CENTRE,
        "radius": PATH_RADIUS,
        "frames": PATH_FRAMES,
    }


def box_of(number: int, width_px: int) -> tuple[float, float, float, float]:
    """Return where the object is on a picture, in pixels: left, top, right, bottom."""
    angle = 2 * math.pi * number / PATH_FRAMES
    x = width_px * (PATH_CENTRE[0] + PATH_RADIUS * math.cos(angle))
    y = width_px * (PATH_CENTRE[1] + PATH_RADIUS * math.sin(angle))
    half = width_px * OBJECT_SIDE / 2
    return x - half, y - half, x + half, y + half


def code_of(number: int) -> str:
    """Return the bits that a picture shows: its number, and a check."""
    nibbles = sum((number >> shift) & 0xF for shift in range(0, NUMBER_BITS, 4))
    return f"{number:0{NUMBER_BITS}b}{(nibbles & 0xF) ^ 0xA:0{CHECK_BITS}b}"


def number_on(strip: NDArray[np.uint8]) -> int | None:
    """Return the number in a picture of the strip alone, (height, width, 3) of any size; ``None`` where none is."""
    height, width = strip.shape[:2]
    columns = ((np.arange(CELLS) + 0.5) * width / CELLS).astype(int)
    bits = "".join("1" if strip[height // 2, column].mean() > 77 else "0" for column in columns)
    number = int(bits[:NUMBER_BITS], 2)
    return number if code_of(number) == bits else None


def make_film(
    path: Path,
    *,
    frames: int,
    size: tuple[int, int],
    fps: int = 25,
    codec: str = "libx264",
    background: Path | None = None,
    key_every: int = 50,
    bit_s: int = 4_000_000,
    b_frames: int = 0,
) -> Path:
    """Write the film; a picture's number is that of its place.

    Args:
        path: where; its ending says the container.
        frames: how many pictures, at most 4096.
        size: width and height in pixels, 16:9.
        fps: pictures a second.
        codec: FFmpeg's name of the encoder: ``libx264``, ``libx265``, ``mjpeg``.
        background: a folder with photographs that are seen behind, in grey; default: a pattern.
        key_every: pictures from one key frame to the next.
        bit_s: bits a second, not of JPEG.
        b_frames: how many pictures in a row may need a later one.
    """
    width, height = size
    options = {
        "libx264": {"preset": "veryfast", "x264-params": f"bframes={b_frames}:scenecut=0"},
        "libx265": {"preset": "ultrafast", "x265-params": f"bframes={b_frames}:log-level=none"},
        "mjpeg": {"q:v": "3", "huffman": "default"},
    }[codec]
    behind = _photographs_behind(background, size) if background else _pattern_behind(size)
    with av.open(path, "w") as output:
        stream: Any = output.add_stream(codec, rate=fps, options=options)
        stream.width, stream.height, stream.gop_size = width, height, key_every
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        stream.codec_context.thread_type = "FRAME"  # one slice a picture, as cameras send
        stream.codec_context.max_b_frames = b_frames
        if codec != "mjpeg":
            stream.bit_rate = bit_s
        for number, luma in enumerate(islice(behind, frames)):
            paint(luma, number)
            grey = np.full((height // 2, width), 128, np.uint8)
            frame = av.VideoFrame.from_ndarray(np.concatenate([luma, grey]), format="yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, fps)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def paint(luma: NDArray[np.uint8], number: int) -> None:
    """Paint the number and the object onto a picture's luma."""
    height, width = luma.shape
    left, top, right, bottom = (round(share * side) for share, side in zip(STRIP, (width, height) * 2, strict=True))
    edges = np.linspace(left, right, CELLS + 1).round().astype(int)
    for bit, begin, end in zip(code_of(number), edges, edges[1:], strict=False):
        luma[top:bottom, begin:end] = LIGHT if bit == "1" else DARK
    x1, y1, x2, y2 = (round(edge) for edge in box_of(number, width))
    luma[y1:y2, x1:x2] = BRIGHT


def make_model(path: Path) -> Path:
    """Write a network that finds the bright object, as a detector of the 80 classes of COCO."""
    net = RedBox((1, 1, 1), tolerance=0.2, side_px=MODEL_SIDE_PX)
    cells = sum((MODEL_SIDE_PX // stride) ** 2 for stride in (8, 16, 32))
    rows = net.row_of(cells, *net.centre(), net.class_scores(80), at=30)
    return net.save(path, {"output0": (net.node("Transpose", rows, perm=[0, 2, 1]), [1, 84, cells], "float32")})


def _pattern_behind(size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    width, height = size
    waves = np.sin(np.arange(width) / 37)[None] + np.sin(np.arange(height) / 23)[:, None]
    grain = np.random.default_rng(1).integers(-6, 7, (height, width))
    still = (70 + 15 * waves + grain).astype(np.uint8)
    while True:
        yield still.copy()


def _photographs_behind(folder: Path, size: tuple[int, int]) -> Iterator[NDArray[np.uint8]]:
    """Yield a wall of photographs with the grain of a sensor: as much detail as a camera of that size sees."""
    width, height = size
    across, down = -(-width // _PHOTOGRAPH_PX[0]), -(-height // _PHOTOGRAPH_PX[1])
    found = sorted(folder.rglob("*.jpg"))[: across * down]
    if len(found) < across * down:
        raise ValueError(f"{folder} has {len(found)} photographs (*.jpg); {across * down} are needed")
    each = [cv2.resize(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), _PHOTOGRAPH_PX) for path in found]
    rows = [np.concatenate(each[row * across : (row + 1) * across], axis=1) for row in range(down)]
    still = 16 + _CONTRAST * np.concatenate(rows)[:height, :width].astype(np.float32)
    random = np.random.default_rng(1)
    grain = random.normal(0, _GRAIN, (height, width)).astype(np.float32)
    while True:
        shift = tuple(random.integers(0, side) for side in (height, width))
        yield (still + np.roll(grain, shift, (0, 1))).clip(16, 235).astype(np.uint8)
