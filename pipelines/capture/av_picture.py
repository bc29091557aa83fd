"""From FFmpeg's decoded frame to a picture, without copying where the layout allows it."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from av.video.format import VideoFormat
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
    height_px, width_px = frame.height, frame.width
    layout = _layout(frame.format.name, frame.color_range, frame.colorspace, height_px >= _HD_HEIGHT_PX)
    if layout.convert_to is not None:
        frame = frame.reformat(format=layout.convert_to)
    y, u, v = frame.planes
    half = ((height_px + 1) // 2, (width_px + 1) // 2)
    return YuvPicture(
        _view(y, (height_px, width_px)),
        _view(u, half),
        _view(v, half),
        full_range=layout.full_range,
        matrix=layout.matrix,
        owner=frame,
    )


class _Layout(NamedTuple):
    """What a stream's pixels mean."""

    convert_to: str | None
    """The pixel format that they are brought into; ``None`` where they are 4:2:0."""
    full_range: bool
    matrix: ColorMatrix


@lru_cache(maxsize=64)
def _layout(format_name: str, color_range: int, colorspace: int, is_hd: bool) -> _Layout:
    convert = format_name not in ("yuv420p", "yuvj420p")
    if format_name.startswith(("pal", "gray", "mono", "bayer")) or VideoFormat(format_name).is_rgb:
        return _Layout("yuv420p", False, "bt601")  # what the conversion makes of them
    full_range = format_name.startswith("yuvj") or color_range == _FULL_RANGE
    matrix: ColorMatrix = "bt601" if colorspace in _BT601 else "bt709"
    if colorspace in _UNSPECIFIED:
        matrix = "bt709" if is_hd else "bt601"
    return _Layout(("yuvj420p" if full_range else "yuv420p") if convert else None, full_range, matrix)


def _view(plane: Any, shape: tuple[int, int]) -> NDArray[np.uint8]:
    view: NDArray[np.uint8] = np.ndarray(shape, np.uint8, plane, 0, (plane.line_size, 1))
    view.flags.writeable = False  # the decoder may still predict from it
    return view
