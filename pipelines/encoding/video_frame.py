"""Drawn pictures as video encoders take them, without leaving YUV."""

from __future__ import annotations

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from streamvision.core.picture import U8, Canvas

_FULL_RANGE = 2  # AVCOL_RANGE_JPEG
_BT601 = 6  # AVCOL_SPC_SMPTE170M, AVCOL_TRC_SMPTE170M
_SRGB_PRIMARIES = 1  # AVCOL_PRI_BT709, which JFIF pictures have


def even(size_px: int) -> int:
    """Return the size that an encoder of YUV 4:2:0 takes."""
    return size_px + size_px % 2


def note_colours(context: VideoCodecContext) -> None:
    """Tell an encoder what the colours of a canvas mean."""
    context.color_range = _FULL_RANGE
    context.colorspace, context.color_trc, context.color_primaries = _BT601, _BT601, _SRGB_PRIMARIES


def video_frame(canvas: Canvas, width_px: int, height_px: int) -> av.VideoFrame:
    """Copy a canvas into an encoder frame of the given even size; one of another shape gets black bars."""
    frame = av.VideoFrame(width_px, height_px, "yuv420p")
    frame.color_range, frame.colorspace = _FULL_RANGE, _BT601
    same_size = (even(canvas.width_px), even(canvas.height_px)) == (width_px, height_px)
    for plane, source, black in zip(frame.planes, (canvas.y, canvas.u, canvas.v), (0, 128, 128), strict=True):
        target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        if same_size:
            _copy_with_edge(source, target)
        else:
            _letterbox(source, target, aspect=canvas.width_px / canvas.height_px, black=black)
    return frame


def _copy_with_edge(source: U8, target: U8) -> None:
    """Copy a plane into one that may have one row and column more; they repeat their neighbours."""
    height, width = source.shape
    target[:height, :width] = source
    target[:height, width:] = source[:, -1:]
    target[height:] = target[height - 1]


def _letterbox(source: U8, target: U8, *, aspect: float, black: int) -> None:
    """Fit a plane into another one of different size, centred, in its own proportions."""
    height, width = target.shape
    fitted_width = max(1, min(width, round(height * aspect)))
    fitted_height = max(1, min(height, round(width / aspect)))
    left, top = (width - fitted_width) // 2, (height - fitted_height) // 2
    target[...] = black
    target[top : top + fitted_height, left : left + fitted_width] = cv2.resize(
        source, (fitted_width, fitted_height), interpolation=cv2.INTER_AREA
    )
