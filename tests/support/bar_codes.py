"""A video whose pictures carry their number as a bar code, which survives any encoder, and its reader."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 16
SIZE_PX = (320, 240)
_CELL_PX = SIZE_PX[0] // BITS


def bar_code_video(path: Path, *, frames: int, fps: int) -> Path:
    """Write the video: picture n shows n in 16 stripes, white for 1, the highest bit first."""
    with av.open(path, "w") as output:
        stream = output.add_stream("libx264", rate=fps, options={"preset": "ultrafast", "crf": "20"})
        stream.width, stream.height = SIZE_PX
        stream.pix_fmt = "yuv420p"
        for number in range(frames):
            output.mux(stream.encode(av.VideoFrame.from_ndarray(picture_with(number), format="rgb24")))
        output.mux(stream.encode(None))
    return path


def number_on(frame: av.VideoFrame) -> int:
    """Return the number on a picture."""
    levels = frame.reformat(*SIZE_PX, "gray").to_ndarray()[:, : _CELL_PX * BITS]
    cells = levels.reshape(levels.shape[0], BITS, _CELL_PX)[40:200, :, 5:-5].mean(axis=(0, 2))
    return int("".join("1" if level > 128 else "0" for level in cells), 2)


def picture_with(number: int) -> NDArray[np.uint8]:
    """Return a picture that shows a number."""
    bits = [int(bit) for bit in f"{number:0{BITS}b}"]
    row = np.repeat(np.array(bits, np.uint8) * 255, _CELL_PX)
    return np.ascontiguousarray(np.broadcast_to(row[None, :, None], (SIZE_PX[1], SIZE_PX[0], 3)))
