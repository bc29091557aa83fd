"""How a source wants its pictures shown: turned and mirrored by its display matrix, stretched by its pixels' shape."""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import Any, NamedTuple

import cv2
from av.sidedata.sidedata import Type as SideData
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter

from streamvision.core.exif import Turn
from streamvision.core.picture import U8, YuvPicture

NEARLY_SQUARE = 0.01
"""Encoders that round sizes note pixels of 1281:1280; who stretches by that only blurs."""
MOST_STRETCHED = 8
"""Pixels further from square than this are a mistake."""
LARGEST_PX = 16384
_TINY_PX = 16
_MATRIX = struct.Struct("@9i")
_DEGREES_CLOCKWISE = {
    **{Turn(): 0, Turn(True, 1): 90, Turn(flip=-1): 180, Turn(True, 0): 270},
    **{Turn(flip=1): 0, Turn(flip=0): 180, Turn(True): 90, Turn(True, -1): 270},
}
"""Of each turn, the degrees after a horizontal mirror where it has one."""


class Geometry(NamedTuple):
    """What is done to decoded pictures of one size before anybody sees them."""

    width_px: int
    """Width after stretching, before turning."""
    height_px: int
    """Height after stretching, before turning."""
    turn: Turn = Turn()
    """How they are turned and mirrored then."""

    @property
    def degrees_clockwise(self) -> int:
        """By how much pictures are turned; a mirror image is mirrored left to right first."""
        return _DEGREES_CLOCKWISE[self.turn]

    @property
    def mirrored(self) -> bool:
        """Whether left and right change places in addition."""
        return self.turn.transposed == (self.turn.flip in (None, -1))

    def changes(self, width_px: int, height_px: int) -> bool:
        """Say whether anything is to be done to pictures of this size."""
        return self != (width_px, height_px, Turn())

    def applied(self, picture: YuvPicture) -> YuvPicture:
        """Return the picture as it is to be seen."""
        half = ((self.width_px + 1) // 2, (self.height_px + 1) // 2)
        return YuvPicture(
            self._shown(picture.y, (self.width_px, self.height_px)),
            self._shown(picture.u, half),
            self._shown(picture.v, half),
            full_range=picture.full_range,
            matrix=picture.matrix,
            owner=picture.owner,
        )

    def _shown(self, plane: U8, size: tuple[int, int]) -> U8:
        shown: Any = plane
        if plane.shape != size[::-1]:
            shown = cv2.resize(shown, size, interpolation=cv2.INTER_LINEAR)
        return self.turn.applied(shown)


def display_matrix(frame: VideoFrame) -> bytes | None:
    """Return how the frame wants to be turned, as :func:`geometry` takes it; ``None`` where it does not say.

    PyAV's frames and their side data hold each other, and with them the pixels, until the garbage collector comes by,
    which may be never. So a tiny copy is asked.
    """
    tiny: Any = VideoReformatter().reformat(frame, _TINY_PX, _TINY_PX, format="gray", interpolation="POINT")
    try:
        matrix = tiny.side_data.get(SideData.DISPLAYMATRIX)
    except ValueError:  # PyAV does not know FFmpeg's newer kinds of side data, such as EXIF, and then gives none
        return _turned_matrix(frame.rotation)
    return None if matrix is None else bytes(matrix)


def _turned_matrix(degrees_counterclockwise: int) -> bytes:
    """Return the matrix of a turn by a multiple of 90 degrees that mirrors nothing."""
    cosine, sine = {0: (1, 0), 1: (0, 1), 2: (-1, 0), 3: (0, -1)}[round(degrees_counterclockwise / 90) % 4]
    return _MATRIX.pack(cosine << 16, -sine << 16, 0, sine << 16, cosine << 16, 0, 0, 0, 1 << 30)


def geometry(width_px: int, height_px: int, *, aspect: Fraction | None, matrix: bytes | None) -> Geometry:
    """Return what to do to pictures of one size.

    Args:
        width_px: their width as decoded.
        height_px: their height.
        aspect: width of a pixel through its height; ``None`` or 0 where it is not known.
        matrix: FFmpeg's display matrix, nine 32-bit integers in the machine's order; ``None`` where there is none.
    """
    return Geometry(_stretched(width_px, aspect), height_px, _turn(matrix))


def _stretched(width_px: int, aspect: Fraction | None) -> int:
    if not aspect or not 1 / MOST_STRETCHED <= aspect <= MOST_STRETCHED or abs(aspect - 1) < NEARLY_SQUARE:
        return width_px
    stretched = round(width_px * aspect)
    return stretched if 1 <= stretched <= LARGEST_PX else width_px


def _turn(matrix: bytes | None) -> Turn:
    """Return the nearest of the eight turns and mirror images.

    The matrix takes a point (x, y), y down, to (a x + c y, b x + d y).
    """
    if matrix is None or len(matrix) < _MATRIX.size:
        return Turn()
    a, b, _, c, d, *_ = _MATRIX.unpack_from(matrix)
    transposed = abs(b) + abs(c) > abs(a) + abs(d)
    across, down = (c, b) if transposed else (a, d)
    flip = {(False, False): None, (True, False): 1, (False, True): 0, (True, True): -1}[across < 0, down < 0]
    return Turn(transposed, flip)


def pixel_aspect(stream: Any) -> Fraction | None:
    """Return the width of a video track's pixels through their height, by its container, or else by itself."""
    said: Fraction | None = stream.sample_aspect_ratio
    return said or stream.codec_context.sample_aspect_ratio
