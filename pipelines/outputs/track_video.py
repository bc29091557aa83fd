"""A tracker's result on a sequence as a video with boxes, identities and trails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipelines.outputs.mp4 import Mp4Sink
from pipelines.rendering.overlay import Overlay
from pipelines.rendering.renderer import JpegEncoder
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.serve import ServeConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import SourceError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture
from streamvision.core.rendered_frame import RenderedFrame
from streamvision.core.upright import read_upright
from streamvision.evaluation.tracks.evaluate import OnProgress
from streamvision.evaluation.tracks.mot_files import BOX, F64, FRAME, IDENTITY, SCORE, MotSequence

BACKGROUND = 48
"""Grey level where the sequence comes without its pictures."""


def write_video(sequence: MotSequence, rows: F64, path: Path, *, on_progress: OnProgress) -> None:
    """Draw a result on the sequence's pictures (``img1``), or on grey where they are not there.

    Raises:
        SourceError: when a picture cannot be read.
        OutputError: when the video cannot be written.
    """
    overlay = Overlay(OverlayConfig(status=False), ("person",))
    encode = JpegEncoder(ServeConfig().jpeg_quality)
    pictures = _pictures(sequence)
    sink = Mp4Sink(path, overwrite=True)
    try:
        for index in range(sequence.frames):
            picture = BgrPicture(_bgr(sequence, pictures, index))
            frame = Frame(sequence.name, index, index / sequence.fps, 0.0, picture)
            annotation = overlay.plan(Result(frame, _objects(rows[rows[:, FRAME] == index + 1])), fps=0)
            sink.write(RenderedFrame(annotation.result, draw=annotation.draw, encode=encode))
            on_progress(index + 1, sequence.frames)
    finally:
        sink.close()


def _pictures(sequence: MotSequence) -> dict[int, Path]:
    """Return the sequence's pictures by frame number."""
    found = sorted((sequence.folder / "img1").glob("*"))
    return {int(path.stem): path for path in found if re.fullmatch(r"\d+", path.stem)}


def _bgr(sequence: MotSequence, pictures: dict[int, Path], index: int) -> Any:
    if not pictures:
        width, height = sequence.size_px if min(sequence.size_px) > 0 else (1920, 1080)
        return np.full((height, width, 3), BACKGROUND, np.uint8)
    path = pictures.get(index + 1)
    try:
        bgr: Any = None if path is None else read_upright(path)
    except (OSError, cv2.error):  # OpenCV refuses more than a billion pixels
        bgr = None
    if bgr is None:
        raise SourceError(
            f"{sequence.name} has no readable picture for frame {index + 1} in {sequence.folder / 'img1'}"
        )
    return bgr


def _objects(rows: F64) -> Detections:
    box = rows[:, BOX]
    return Detections(
        np.concatenate([box[:, :2], box[:, :2] + box[:, 2:]], axis=1).astype(np.float32),
        rows[:, SCORE].astype(np.float32),
        np.zeros(len(rows), np.int32),
        np.ma.MaskedArray(rows[:, IDENTITY].astype(np.int64), mask=np.zeros(len(rows), np.bool_)),
    )
