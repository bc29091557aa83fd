"""Pictures as video encoders take them, without leaving YUV."""

from __future__ import annotations

from typing import NamedTuple

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext

from streamvision.core.picture import U8, Canvas, ColorMatrix, Picture, Planes, YuvPicture

_LIMITED_RANGE, _FULL_RANGE = 1, 2  # AVCOL_RANGE_MPEG, AVCOL_RANGE_JPEG
_BT709, _BT601, _SMPTE240M = 1, 6, 7  # AVCOL_SPC_BT709, _SMPTE170M, _SMPTE240M; AVCOL_TRC_ has the same numbers
_MATRICES: dict[ColorMatrix, int] = {"bt601": _BT601, "bt709": _BT709, "smpte240m": _SMPTE240M}
_SRGB_PRIMARIES = 1  # AVCOL_PRI_BT709, which JFIF pictures have


class Colours(NamedTuple):
    """What the levels of YUV planes mean."""

    full_range: bool
    """True for 0..255, False for 16..235."""
    matrix: ColorMatrix
    """Which matrix leads back to RGB."""


CANVAS_COLOURS = Colours(full_range=True, matrix="bt601")
"""Those of a canvas."""


def even(size_px: int) -> int:
    """Return the size that an encoder of YUV 4:2:0 takes."""
    return size_px + size_px % 2


def planes_of(picture: Picture | Canvas) -> Canvas | YuvPicture:
    """Return a picture as YUV 4:2:0; itself where it is that already, whatever its range and matrix."""
    return picture if isinstance(picture, (Canvas, YuvPicture)) else picture.to_canvas()


def colours_of(planes: Planes) -> Colours:
    """Return what the levels of these planes mean."""
    return Colours(planes.full_range, planes.matrix) if isinstance(planes, YuvPicture) else CANVAS_COLOURS


def note_colours(context: VideoCodecContext, colours: Colours = CANVAS_COLOURS) -> None:
    """Tell an encoder what the colours of its pictures mean; it writes that into the video, where players read it."""
    context.color_range = _FULL_RANGE if colours.full_range else _LIMITED_RANGE
    context.colorspace = context.color_trc = _MATRICES[colours.matrix]
    context.color_primaries = _SRGB_PRIMARIES


def video_frame(planes: Canvas | YuvPicture, width_px: int, height_px: int, layout: str = "yuv420p") -> av.VideoFrame:
    """Copy a picture into an encoder frame of the given even size; one of another shape gets black bars.

    Args:
        planes: the picture.
        width_px: width of the frame.
        height_px: height of the frame.
        layout: ``yuv420p``, or ``nv12``, which has both colour planes in one.
    """
    frame = av.VideoFrame(width_px, height_px, layout)
    colours = colours_of(planes)
    frame.color_range = _FULL_RANGE if colours.full_range else _LIMITED_RANGE
    frame.colorspace = _MATRICES[colours.matrix]
    same_size = (even(planes.width_px), even(planes.height_px)) == (width_px, height_px)
    blacks = 0 if colours.full_range else 16, 128, 128
    for target, source, black in zip(_planes(frame), (planes.y, planes.u, planes.v), blacks, strict=True):
        if same_size:
            _copy_with_edge(source, target)
        else:
            _letterbox(source, target, aspect=planes.width_px / planes.height_px, black=black)
    return frame


def _planes(frame: av.VideoFrame) -> tuple[U8, U8, U8]:
    """Return the three planes of a frame, in its own memory."""
    y, *colour = (
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height]
        for plane in frame.planes
    )
    width_px = frame.width
    if len(colour) == 1:
        return y[:, :width_px], colour[0][:, :width_px:2], colour[0][:, 1:width_px:2]
    return y[:, :width_px], colour[0][:, : width_px // 2], colour[1][:, : width_px // 2]


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
