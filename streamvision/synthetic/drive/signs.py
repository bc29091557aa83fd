"""Signs and traffic lights, painted large and once; distance makes them small.

A face fills its texture from edge to edge, so the texture's outline is the object's box. Digits and letters are strokes
of one width in the manner of DIN 1451: no font file is needed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.planes import U8, Sprite
from streamvision.synthetic.drive.textures import fractal_noise

F64 = NDArray[np.float64]
_LETTER_GAP = 0.18


def _ellipse(x: float, y: float, radius_x: float, radius_y: float, angle_rad: F64) -> F64:
    return np.stack([x + radius_x * np.cos(angle_rad), y + radius_y * np.sin(angle_rad)], axis=1)


def _arc(x: float, y: float, radius_x: float, radius_y: float, begin: float, end: float, *, steps: int = 18) -> F64:
    """Return points along an ellipse; 0 degrees point right and 90 down."""
    return _ellipse(x, y, radius_x, radius_y, np.deg2rad(np.linspace(begin, end, steps)))


def _path(*parts: F64 | tuple[float, float]) -> F64:
    return np.concatenate([np.atleast_2d(np.asarray(part, np.float64)) for part in parts])


_GLYPHS: dict[str, tuple[float, tuple[F64, ...]]] = {
    "0": (0.56, (_path(_arc(0.28, 0.28, 0.28, 0.28, 180, 360), _arc(0.28, 0.72, 0.28, 0.28, 0, 180), (0, 0.28)),)),
    "1": (0.30, (_path((0.0, 0.24), (0.24, 0.0), (0.24, 1.0)),)),
    "2": (0.54, (_path(_arc(0.27, 0.27, 0.27, 0.27, 190, 380), (0.02, 1.0), (0.56, 1.0)),)),
    "3": (
        0.54,
        (
            _path(_arc(0.26, 0.25, 0.25, 0.25, 200, 430), (0.22, 0.47)),
            _path((0.22, 0.47), _arc(0.26, 0.735, 0.275, 0.265, -80, 160)),
        ),
    ),
    "4": (0.60, (_path((0.36, 0.0), (0.0, 0.72), (0.60, 0.72)), _path((0.42, 0.46), (0.42, 1.0)))),
    "5": (0.54, (_path((0.50, 0.0), (0.08, 0.0), (0.04, 0.46), _arc(0.26, 0.68, 0.275, 0.32, 225, 515)),)),
    "6": (
        0.56,
        (_path(_arc(0.28, 0.70, 0.28, 0.30, 190, 550)), _path((0.40, 0.0), _arc(0.50, 0.70, 0.50, 0.52, 225, 180))),
    ),
    "7": (0.52, (_path((0.0, 0.0), (0.52, 0.0), (0.18, 1.0)),)),
    "8": (0.54, (_path(_arc(0.27, 0.235, 0.235, 0.235, 0, 360)), _path(_arc(0.27, 0.735, 0.27, 0.265, 0, 360)))),
    "9": (
        0.56,
        (_path(_arc(0.28, 0.30, 0.28, 0.30, 10, 370)), _path((0.16, 1.0), _arc(0.06, 0.30, 0.50, 0.52, 45, 0))),
    ),
    "S": (0.52, (_path(_arc(0.26, 0.25, 0.25, 0.25, -20, -260), _arc(0.26, 0.745, 0.26, 0.255, -80, 165)),)),
    "T": (0.54, (_path((0.0, 0.0), (0.54, 0.0)), _path((0.27, 0.0), (0.27, 1.0)))),
    "O": (0.56, (_path(_arc(0.28, 0.28, 0.28, 0.28, 180, 360), _arc(0.28, 0.72, 0.28, 0.28, 0, 180), (0, 0.28)),)),
    "P": (0.52, (_path((0.0, 1.0), (0.0, 0.0), (0.24, 0.0), _arc(0.24, 0.275, 0.28, 0.275, -90, 90), (0.0, 0.55)),)),
}


CLASS_NAMES = ("speedlimit", "crosswalk", "trafficlight", "stop")
SPEEDS_KM_H = (20, 30, 40, 50, 60, 70, 80, 90, 100, 120)
Lamp = Literal["red", "red+amber", "amber", "green"]
_SIZE_PX = 224
_OVERSAMPLING = 3
Color = tuple[int, int, int]
_WHITE: Color = (238, 240, 240)
_BLACK: Color = (24, 24, 26)
_RED: Color = (38, 30, 196)
_BLUE: Color = (172, 84, 16)
_YELLOW: Color = (32, 190, 244)


@dataclass(frozen=True)
class Face:
    """What is mounted on a pole."""

    sprite: Sprite
    """Its picture, edge to edge."""
    width_m: float
    """Its width."""
    class_id: int | None
    """Index into :data:`CLASS_NAMES`; ``None`` for what the model is not to find."""
    lamp: Lamp | None = None
    """What it shows, if it is a traffic light."""
    text: str | None = None
    """What is written on it."""

    @property
    def height_m(self) -> float:
        """Its height."""
        return self.width_m / self.sprite.aspect


class _Board:
    """A large BGRA picture in unit coordinates, 0..1 across."""

    def __init__(self, *, aspect: float = 1.0, width_px: int = _SIZE_PX) -> None:
        self.width = width_px * _OVERSAMPLING
        self.height = round(self.width / aspect)
        self.image: U8 = np.zeros((self.height, self.width, 4), np.uint8)

    def polygon(self, points: F64 | list[tuple[float, float]], color: Color, alpha: int = 255) -> None:
        fixed = np.rint((np.asarray(points) * self.width - 0.5) * 16).astype(np.int32)
        cv2.fillPoly(self.image, [fixed], (*color, alpha), cv2.LINE_AA, 4)

    def disc(self, x: float, y: float, radius: float, color: Color) -> None:
        self.polygon(_ellipse(x, y, radius, radius, np.linspace(0, 2 * np.pi, 180, endpoint=False)), color)

    def rounded(self, x0: float, y0: float, x1: float, y1: float, radius: float, color: Color) -> None:
        left, top, right, bottom = x0 + radius, y0 + radius, x1 - radius, y1 - radius
        corners = ((right, bottom, 0), (left, bottom, 90), (left, top, 180), (right, top, 270))
        self.polygon(_path(*(_arc(x, y, radius, radius, a, a + 90, steps=12) for x, y, a in corners)), color)

    def limb(self, points: list[tuple[float, float]], thickness: float, color: Color) -> None:
        self._stroke(np.asarray(points) * self.width, round(thickness * self.width), color)

    def _stroke(self, points_px: F64, thickness_px: int, color: Color) -> None:
        fixed = np.rint((points_px - 0.5) * 16).astype(np.int32)
        cv2.polylines(self.image, [fixed], False, (*color, 255), thickness_px, cv2.LINE_AA, 4)

    def square(self) -> None:
        """Paint a blue board with a white rim."""
        self.rounded(0, 0, 1, 1, 0.05, (226, 226, 224))
        self.rounded(0.022, 0.022, 0.978, 0.978, 0.04, _BLUE)

    def text(self, text: str, y: float, height: float, stroke: float, color: Color, stretch: float = 1.0) -> None:
        """Write in the middle; ``stroke``, the thickness of lines, is a share of the capitals' height."""
        height_px = height * self.width
        inner = height_px * (1 - stroke)
        widths = [_GLYPHS[letter][0] * stretch * inner for letter in text]
        pitch = _LETTER_GAP * height_px + stroke * height_px
        left = self.width / 2 - (sum(widths) + pitch * (len(text) - 1)) / 2
        top = y * self.width - inner / 2
        for letter, width in zip(text, widths, strict=True):
            for path in _GLYPHS[letter][1]:
                points = path * (stretch * inner, inner) + (left, top)
                self._stroke(points, max(round(stroke * height_px), 1), color)
            left += width + pitch

    def finish(self, seed: int) -> Sprite:
        """Add what weather does to a sign, and make it a sprite."""
        size = (self.width // _OVERSAMPLING, self.height // _OVERSAMPLING)
        image = cv2.resize(self.image, size, interpolation=cv2.INTER_AREA)
        rng = np.random.default_rng(seed)
        dirt = fractal_noise(rng, size[0], size[1], cell_px=(size[0] / 2, size[1] / 2), octaves=5)
        light = np.linspace(1.03, 0.93, size[1], dtype=np.float32)[:, None] + 0.022 * dirt
        shaded = image[..., :3].astype(np.float32) * light[..., None] + 5
        image[..., :3] = np.clip(shaded, 0, 255).astype(np.uint8)
        return Sprite.from_bgra(image)


@lru_cache(maxsize=32)
def speed_limit(speed_km_h: int) -> Face:
    """White disc, red ring, black number (Vienna Convention, C 14)."""
    board = _Board()
    board.disc(0.5, 0.5, 0.5, (214, 216, 218))
    board.disc(0.5, 0.5, 0.488, _RED)
    board.disc(0.5, 0.5, 0.390, _WHITE)
    height, stretch = (0.36, 0.80) if speed_km_h >= 100 else (0.43, 0.98)
    board.text(str(speed_km_h), 0.5, height, 0.19, _BLACK, stretch=stretch)
    return Face(board.finish(speed_km_h), 0.95, CLASS_NAMES.index("speedlimit"), text=str(speed_km_h))


@lru_cache(maxsize=4)
def crosswalk() -> Face:
    """Blue square, white triangle, black walker on stripes (Vienna Convention, E 12)."""
    board = _Board()
    board.square()
    board.polygon([(0.5, 0.10), (0.92, 0.86), (0.08, 0.86)], _WHITE)
    board.disc(0.515, 0.315, 0.042, _BLACK)
    board.limb([(0.505, 0.40), (0.49, 0.56)], 0.085, _BLACK)
    board.limb([(0.49, 0.57), (0.545, 0.67), (0.60, 0.79)], 0.052, _BLACK)
    board.limb([(0.485, 0.57), (0.445, 0.68), (0.375, 0.78)], 0.052, _BLACK)
    board.limb([(0.525, 0.40), (0.575, 0.48), (0.635, 0.525)], 0.036, _BLACK)
    board.limb([(0.485, 0.40), (0.425, 0.47), (0.395, 0.56)], 0.036, _BLACK)
    for left in (0.16, 0.295, 0.455, 0.615, 0.755):
        lean = (0.5 - left - 0.045) * 0.12
        right = left + 0.085
        board.polygon([(left + lean, 0.775), (right + lean, 0.775), (right, 0.845), (left, 0.845)], _BLACK)
    return Face(board.finish(1), 0.95, CLASS_NAMES.index("crosswalk"))


@lru_cache(maxsize=4)
def stop() -> Face:
    """Red octagon with STOP (Vienna Convention, B 2a)."""
    board = _Board()
    cut = 1 / (2 + np.sqrt(2))

    def octagon(inset: float) -> list[tuple[float, float]]:
        a, b = inset, cut + inset * (np.sqrt(2) - 1)
        return [(b, a), (1 - b, a), (1 - a, b), (1 - a, 1 - b), (1 - b, 1 - a), (b, 1 - a), (a, 1 - b), (a, b)]

    board.polygon(octagon(0.0), (226, 228, 228))
    board.polygon(octagon(0.032), _RED)
    board.text("STOP", 0.5, 0.33, 0.20, _WHITE, stretch=0.72)
    return Face(board.finish(2), 1.0, CLASS_NAMES.index("stop"), text="STOP")


_LAMP_COLORS: dict[str, tuple[Color, Color]] = {  # lit, dark
    "red": ((48, 44, 255), (34, 30, 62)),
    "amber": ((40, 176, 255), (30, 52, 66)),
    "green": ((176, 240, 60), (44, 56, 34)),
}


@lru_cache(maxsize=8)
def traffic_light(lamp: Lamp) -> Face:
    """Black housing with three lamps, of which the named ones are lit."""
    board = _Board(aspect=0.40, width_px=112)
    tall = 2.5
    board.rounded(0, 0, 1, tall, 0.10, (34, 36, 36))
    board.rounded(0.05, 0.05, 0.95, tall - 0.05, 0.08, (52, 55, 55))
    lit_names = lamp.split("+")
    for place, name in enumerate(("red", "amber", "green")):
        y = 0.45 + 0.80 * place
        board.rounded(0.10, y - 0.38, 0.90, y + 0.38, 0.10, (38, 40, 41))
        board.disc(0.5, y, 0.335, (16, 17, 18))
        lit, dark = _LAMP_COLORS[name]
        if name in lit_names:
            _lit_lamp(board, y, lit)
        else:
            board.disc(0.5, y, 0.30, dark)
            board.disc(0.46, y + 0.06, 0.16, tuple(min(level + 22, 255) for level in dark))  # type: ignore[arg-type]
        outer, inner = (
            _arc(0.5, y, 0.37, 0.37, 180, 360, steps=40),
            _arc(0.5, y + 0.02, 0.335, 0.20, 180, 360, steps=40),
        )
        board.polygon(_path(outer, inner[::-1]), (22, 23, 24))  # the visor
    return Face(board.finish(3), 0.48, CLASS_NAMES.index("trafficlight"), lamp)


@lru_cache(maxsize=8)
def lit_lamps(lamp: Lamp) -> Sprite:
    """Return only the lamps that are lit, in the place that they have in the housing."""
    board = _Board(aspect=0.40, width_px=112)
    for place, name in enumerate(("red", "amber", "green")):
        if name in lamp.split("+"):
            _lit_lamp(board, 0.45 + 0.80 * place, _LAMP_COLORS[name][0])
    return board.finish(3)


def _lit_lamp(board: _Board, y: float, color: Color) -> None:
    """Draw a lamp below its visor, brightest in its middle."""
    for radius, share, white in ((0.32, 0.88, 0), (0.28, 1.0, 0), (0.15, 0.6, 120)):
        red, green, blue = (min(int(level * share + white), 255) for level in color)
        board.disc(0.5, y + 0.02, radius * 0.97, (red, green, blue))


@lru_cache(maxsize=4)
def warning() -> Face:
    """White triangle, red border, black bump (Vienna Convention, A 7a)."""
    board = _Board(aspect=1.12)
    top = 1 / 1.12
    board.polygon([(0.5, 0.0), (1.0, top), (0.0, top)], _RED)
    board.polygon([(0.5, 0.19), (0.845, top - 0.09), (0.155, top - 0.09)], _WHITE)
    board.polygon([(0.28, 0.74), (0.38, 0.70), (0.45, 0.60), (0.55, 0.60), (0.62, 0.70), (0.72, 0.74)], _BLACK)
    return Face(board.finish(4), 1.0, None)


@lru_cache(maxsize=4)
def priority_road() -> Face:
    """Yellow diamond with a white border (Vienna Convention, B 3)."""
    board = _Board()
    board.polygon([(0.5, 0), (1, 0.5), (0.5, 1), (0, 0.5)], (214, 216, 218))
    board.polygon([(0.5, 0.03), (0.97, 0.5), (0.5, 0.97), (0.03, 0.5)], _WHITE)
    board.polygon([(0.5, 0.20), (0.80, 0.5), (0.5, 0.80), (0.20, 0.5)], _YELLOW)
    return Face(board.finish(5), 0.95, None)


@lru_cache(maxsize=4)
def no_stopping() -> Face:
    """Blue disc, red ring and cross (Vienna Convention, C 19)."""
    board = _Board()
    board.disc(0.5, 0.5, 0.5, _RED)
    board.disc(0.5, 0.5, 0.41, _BLUE)
    board.limb([(0.23, 0.23), (0.77, 0.77)], 0.085, _RED)
    board.limb([(0.77, 0.23), (0.23, 0.77)], 0.085, _RED)
    return Face(board.finish(6), 0.8, None)


@lru_cache(maxsize=4)
def parking() -> Face:
    """Blue square with a white P (Vienna Convention, E 14a)."""
    board = _Board()
    board.square()
    board.text("P", 0.5, 0.62, 0.22, _WHITE)
    return Face(board.finish(7), 0.8, None)


DISTRACTORS: tuple[Callable[[], Face], ...] = (warning, priority_road, no_stopping, parking)
