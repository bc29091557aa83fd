"""Films of eight flat colours, made by FFmpeg in any container, codec, pixel format and range."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

COLOURS = np.array(
    [
        (200, 40, 40),
        (40, 180, 60),
        (50, 60, 200),
        (128, 128, 128),
        (255, 255, 255),
        (0, 0, 0),
        (230, 200, 30),
        (20, 20, 20),
    ],
    np.uint8,
)
"""RGB of the bars, from left to right."""
WIDTH_PX, HEIGHT_PX, BAR_PX = 320, 180, 40
FRAMES = 6
_EXACTLY = "flags=accurate_rnd+full_chroma_int"


def bars() -> NDArray[np.uint8]:
    """Return the picture, (180, 320, 3) uint8 RGB."""
    return np.repeat(np.repeat(COLOURS[None], HEIGHT_PX, axis=0), BAR_PX, axis=1)


def write_bars(
    path: Path,
    codec: str,
    pixel_format: str,
    *,
    value_range: str = "tv",
    matrix: str | None = None,
    options: Sequence[str] = (),
) -> Path:
    """Write a film that is tagged with its range (``tv`` or ``pc``) and matrix, where one is given."""
    convert = f"scale=out_range={value_range}:{_EXACTLY}"
    tags = ["-color_range", value_range]
    if matrix is not None:
        convert += f":out_color_matrix={matrix}"
        tags += ["-colorspace", matrix]
    arrives = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{WIDTH_PX}x{HEIGHT_PX}", "-r", "25", "-i", "-"]
    leaves = [
        "-vf",
        f"{convert},format={pixel_format}",
        "-c:v",
        codec,
        "-threads",
        "1",
        *options,
        "-pix_fmt",
        pixel_format,
        *tags,
    ]
    command = ["ffmpeg", "-v", "error", "-y", *arrives, *leaves, str(path)]
    subprocess.run(command, input=bars().tobytes() * FRAMES, check=True, timeout=120)
    return path


def seen_colours(rgb: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the colours in the middle of the bars of a picture that shows them upright, (8, 3)."""
    step_px = rgb.shape[1] // len(COLOURS)
    return rgb[rgb.shape[0] // 2, step_px // 2 :: step_px][: len(COLOURS)].astype(int)


def error_levels(rgb: NDArray[np.uint8], *, grey: bool = False) -> int:
    """Return by how much the worst channel of the worst bar is off."""
    right = COLOURS.astype(int)
    if grey:
        right = np.repeat((right @ [0.299, 0.587, 0.114]).round().astype(int)[:, None], 3, axis=1)
    return int(np.abs(seen_colours(rgb) - right).max())


def counted_frames(path: Path, track: str = "v:0") -> int:
    """Return how many frames ffprobe decodes."""
    show = ["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"]
    command = ["ffprobe", "-v", "error", "-select_streams", track, "-count_frames", *show, str(path)]
    counted = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    return int(counted.replace(",", " ").split()[0])  # of transport streams it says it twice
