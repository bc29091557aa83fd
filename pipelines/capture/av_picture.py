"""From FFmpeg's decoded frame to a picture, without copying where the layout allows it."""

from __future__ import annotations

from typing import Any

import numpy as np
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from streamvision.core.picture import ColorMatrix, YuvPicture

# Code points of ITU-T H.273, which FFmpeg uses too.
_FULL_RANGE = 2
_UNSPECIFIED = frozenset({0, 2})
_BT601 = frozenset({4, 5, 6})
_HD_HEIGHT_PX = 720


def picture_from_frame(frame: VideoFrame) -> YuvPicture:
    """Return the frame's planes as views that keep the frame alive; other pixel formats are converted to 4:2:0 first.

    Range and matrix are taken from the stream. Where it does not say, the range is limited, and pictures of 720 rows
    or more are BT.709, smaller ones BT.601, as players do (ITU-R BT.709 and BT.601 define the two for HD and SD).
    """
    is_rgb = frame.format.is_rgb or frame.format.name.startswith(("pal", "gray", "mono", "bayer"))
    full_range = frame.format.name.startswith("yuvj") or frame.color_range == _FULL_RANGE
    matrix = _matrix(frame)
    if is_rgb:
        full_range, matrix = False, "bt601"  # what the conversion below makes of them
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuvj420p" if full_range else "yuv420p")
    height_px, width_px = frame.height, frame.width
    half = ((height_px + 1) // 2, (width_px + 1) // 2)
    return YuvPicture(
        _plane(frame.planes[0], height_px, width_px),
        _plane(frame.planes[1], *half),
        _plane(frame.planes[2], *half),
        full_range=full_range,
        matrix=matrix,
        owner=frame,
    )


def _plane(plane: Any, height_px: int, width_px: int) -> NDArray[np.uint8]:
    rows = np.frombuffer(plane, np.uint8)[: height_px * plane.line_size]
    view = rows.reshape(height_px, plane.line_size)[:, :width_px]
    view.flags.writeable = False  # the decoder may still predict from it
    return view


def _matrix(frame: VideoFrame) -> ColorMatrix:
    colorspace = int(frame.colorspace)
    if colorspace in _UNSPECIFIED:
        return "bt709" if frame.height >= _HD_HEIGHT_PX else "bt601"
    return "bt601" if colorspace in _BT601 else "bt709"
