"""From FFmpeg's decoded frame to a picture: upright, in its true shape, in colours that screens and networks know.

Ordinary pictures (4:2:0, 8 bits, upright, square pixels) are views of what the decoder gave.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from pipelines.capture.ffmpeg.geometry import Geometry, display_matrix, geometry
from pipelines.capture.ffmpeg.tone_mapping import U16, CodedMatrix, ToneMapper, Transfer
from streamvision.core.exif import Turn
from streamvision.core.picture import U8, ColorMatrix, YuvPicture

# Code points of ITU-T H.273, which FFmpeg uses too.
_LIMITED_RANGE, _FULL_RANGE = 1, 2
_UNSPECIFIED = frozenset({0, 2})
_BT601 = frozenset({4, 5, 6})
_SMPTE240M = 7
_BT2020 = frozenset({9, 10})
_BT2020_PRIMARIES = 9
_TRANSFERS: dict[int, Transfer] = {16: "pq", 18: "hlg"}
_SWSCALE_BT601, _SWSCALE_BT2020 = 5, 9
_HD_HEIGHT_PX = 720
_NO_YUV = ("pal", "mono", "bayer", "xyz")
_GREY = ("gray", "ya")
_TEN_BITS = "yuv420p10le"
_COLOUR_CHANGES: dict[Transfer | None, str] = {
    "pq": "tone-mapped from PQ",
    "hlg": "tone-mapped from HLG",
    "sdr": "BT.2020 colours made BT.709",
}
_RANGE_NAMES = {1: "limited", 2: "full"}
_MATRIX_NAMES = {
    **{1: "bt709", 4: "fcc", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m"},
    **{8: "ycgco", 9: "bt2020nc", 10: "bt2020c", 14: "ictcp"},
}
_PRIMARIES_NAMES = {1: "bt709", 5: "bt470bg", 6: "smpte170m", 7: "smpte240m", 9: "bt2020", 12: "smpte432"}
_TRANSFER_NAMES = {
    **{1: "bt709", 4: "gamma22", 5: "gamma28", 6: "smpte170m", 7: "smpte240m", 8: "linear"},
    **{13: "srgb", 14: "bt2020-10", 15: "bt2020-12", 16: "pq", 18: "hlg"},
}


class FramePictures:
    """Makes the pictures of one reader's frames.

    Args:
        aspect: returns the width of a pixel through its height, ``None`` or 0 where it is not known; asked whenever
            the size of the frames changes.
    """

    def __init__(self, aspect: Callable[[], Fraction | None] = lambda: None) -> None:
        self._aspect = aspect
        self._reformatter = VideoReformatter()
        self._shape: tuple[int, int, int] | None = None
        self._geometry: Geometry | None = None
        self.coded: Coded | None = None
        """How the pictures are coded; ``None`` before the first."""

    @property
    def are_as_coded(self) -> bool:
        """Whether the last one was neither turned nor stretched."""
        return self._geometry is None

    def picture(self, frame: VideoFrame) -> YuvPicture:
        """Return the frame as it is to be seen; where nothing is to be done, as views that keep the frame alive.

        Range and matrix are taken from the stream. Where it does not say, the range is limited, and pictures of 720
        rows or more are BT.709, smaller ones BT.601, as players do (ITU-R BT.709 and BT.601 define the two for HD and
        SD).
        """
        picture = picture_from_frame(frame, self._reformatter)
        shape = (frame.width, frame.height, frame.rotation)
        if shape != self._shape:
            self._shape = shape
            self._geometry = self._geometry_of(frame)
            self.coded = Coded.of(frame, self._aspect(), self._geometry)
        return picture if self._geometry is None else self._geometry.applied(picture)

    def _geometry_of(self, frame: VideoFrame) -> Geometry | None:
        shown = geometry(frame.width, frame.height, aspect=self._aspect(), matrix=display_matrix(frame))
        return shown if shown.changes(frame.width, frame.height) else None


@dataclass(frozen=True, kw_only=True)
class Coded:
    """How pictures are coded, and what is done to show them. What the source does not say is ``None``."""

    width_px: int
    """Width as coded."""
    height_px: int
    """Height as coded."""
    pixel_format: str
    """FFmpeg's name of the pixel format."""
    pixel_aspect: str | None
    """Width to height of a pixel."""
    rotation_degrees: int
    """By how much the picture is turned clockwise to be upright: 0, 90, 180 or 270."""
    mirrored: bool
    """Whether it is mirrored left to right before that."""
    range: str | None
    """limited or full."""
    matrix: str | None
    """FFmpeg's name of the matrix."""
    primaries: str | None
    """FFmpeg's name of the primaries."""
    transfer: str | None
    """FFmpeg's name of the transfer function; pq and hlg are HDR."""
    hdr: bool
    """Whether it is HDR."""
    changes: tuple[str, ...]
    """What is done to show them, in words; empty where they are shown as they are."""

    @classmethod
    def of(cls, frame: VideoFrame, aspect: Fraction | None, shape: Geometry | None) -> Coded:
        """Describe a frame."""
        layout = layout_of(frame)
        size_px = (frame.width, frame.height)
        turned = shape if shape is not None and shape.turn != Turn() else None
        ratio = f"{aspect.numerator}:{aspect.denominator}" if aspect else None
        changes = [
            f"pixels of {ratio} made square" if shape is not None and shape[:2] != size_px else "",
            "mirrored" if turned is not None and turned.mirrored else "",
            f"turned by {turned.degrees_clockwise} degrees" if turned is not None and turned.degrees_clockwise else "",
            _COLOUR_CHANGES.get(layout.transfer, ""),
        ]
        return cls(
            width_px=frame.width,
            height_px=frame.height,
            pixel_format=frame.format.name,
            pixel_aspect=ratio,
            rotation_degrees=turned.degrees_clockwise if turned is not None else 0,
            mirrored=turned is not None and turned.mirrored,
            range=_RANGE_NAMES.get(int(frame.color_range)),
            matrix=_MATRIX_NAMES.get(int(frame.colorspace)),
            primaries=_PRIMARIES_NAMES.get(int(frame.color_primaries)),
            transfer=_TRANSFER_NAMES.get(int(frame.color_trc)),
            hdr=layout.transfer in ("pq", "hlg"),
            changes=tuple(change for change in changes if change),
        )


def picture_from_frame(frame: VideoFrame, reformatter: VideoReformatter | None = None) -> YuvPicture:
    """Return the frame as it was coded, neither turned nor stretched, in 4:2:0 and without HDR."""
    height_px, width_px = frame.height, frame.width
    layout = layout_of(frame)
    if layout.convert_to is not None:
        frame = (reformatter or VideoReformatter()).reformat(
            frame, format=layout.convert_to, dst_colorspace=layout.swscale_matrix, **_ranges(layout)
        )
    half = ((height_px + 1) // 2, (width_px + 1) // 2)
    luma_plane, *colour_planes = frame.planes  # each access builds them anew
    if layout.tone_mapper is not None:
        words = [_words(plane, half) for plane in colour_planes]
        return layout.tone_mapper.mapped(_words(luma_plane, (height_px, width_px)), *words)
    luma = _view(luma_plane, (height_px, width_px))
    blue, red = [_view(plane, half) for plane in colour_planes] or [_no_colour(half)] * 2
    return YuvPicture(luma, blue, red, full_range=layout.full_range, matrix=layout.matrix, owner=frame)


class Layout(NamedTuple):
    """What a stream's pixels mean, and what they are made into."""

    convert_to: str | None
    """The pixel format that they are brought into; ``None`` where they stay."""
    full_range: bool
    """Whether levels fill all of their bits after that."""
    matrix: ColorMatrix
    """The picture's matrix."""
    swscale_matrix: int | None = None
    """The matrix for what is no YUV yet, in swscale's numbers; ``None`` where the frame's own stays."""
    transfer: Transfer | None = None
    """How light is coded where the tone mapper is needed."""
    tone_mapper: ToneMapper | None = None
    """Maps HDR and BT.2020 colours, from 10 bits."""


def layout_of(frame: VideoFrame) -> Layout:
    """Return what the pixels of a frame mean."""
    return _layout(
        frame.format.name,
        frame.color_range,
        frame.colorspace,
        frame.color_trc,
        frame.color_primaries,
        frame.height >= _HD_HEIGHT_PX,
    )


@lru_cache(maxsize=64)
def _layout(name: str, color_range: int, colorspace: int, transfer: int, primaries: int, is_hd: bool) -> Layout:
    if name.startswith(_GREY):
        full_range = color_range != _LIMITED_RANGE  # as FFmpeg and picture formats have it
        return Layout(None if name == "gray" else "gray", full_range, "bt601")
    if transfer in _TRANSFERS or primaries == _BT2020_PRIMARIES or colorspace in _BT2020:
        return _wide_layout(name, color_range, colorspace, transfer, primaries)
    if name.startswith(_NO_YUV) or VideoFormat(name).is_rgb:
        return Layout("yuv420p", True, "bt601", swscale_matrix=_SWSCALE_BT601)
    matrix: ColorMatrix = "bt601" if colorspace in _BT601 else "bt709"
    if colorspace in _UNSPECIFIED:
        matrix = "bt709" if is_hd else "bt601"
    elif colorspace == _SMPTE240M:
        matrix = "smpte240m"
    full_range = name.startswith("yuvj") or color_range == _FULL_RANGE
    return Layout(None if name in ("yuv420p", "yuvj420p") else "yuv420p", full_range, matrix)


def _wide_layout(name: str, color_range: int, colorspace: int, transfer: int, primaries: int) -> Layout:
    """Return the layout of HDR and of BT.2020 colours."""
    from_rgb = VideoFormat(name).is_rgb
    full_range = from_rgb or color_range == _FULL_RANGE
    coded: Transfer = _TRANSFERS.get(transfer, "sdr")
    matrix: CodedMatrix = "bt2020" if from_rgb or colorspace in _BT2020 | _UNSPECIFIED else "bt709"
    mapper = ToneMapper(
        coded, full_range=full_range, matrix=matrix, wide=primaries in _UNSPECIFIED | {_BT2020_PRIMARIES}
    )
    return Layout(
        None if name == _TEN_BITS else _TEN_BITS,
        full_range,
        "bt601",
        swscale_matrix=_SWSCALE_BT2020 if from_rgb else None,
        transfer=coded,
        tone_mapper=mapper,
    )


def _ranges(layout: Layout) -> dict[str, int]:
    """Return what the reformatter is to be told: that levels keep their range, or that RGB fills all of it."""
    value_range = _FULL_RANGE if layout.full_range else _LIMITED_RANGE
    return {"dst_color_range": value_range} | ({} if layout.swscale_matrix else {"src_color_range": value_range})


def _view(plane: Any, shape: tuple[int, int]) -> U8:
    view: U8 = np.ndarray(shape, np.uint8, plane, 0, (plane.line_size, 1))
    view.flags.writeable = False  # the decoder may still predict from it
    return view


def _words(plane: Any, shape: tuple[int, int]) -> U16:
    view: U16 = np.ndarray(shape, np.uint16, plane, 0, (plane.line_size, 2))
    view.flags.writeable = False
    return view


@lru_cache(maxsize=4)
def _no_colour(shape: tuple[int, int]) -> U8:
    level: U8 = np.full(shape, 128, np.uint8)
    level.flags.writeable = False
    return level
