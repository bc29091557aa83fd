"""What is too far away to come nearer: sky, clouds, sun, hills, skyline and the wood on the horizon, for each mood.

Three panoramas are painted once; a frame is a window into them, moved by the car's heading and cross-faded.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np

from streamvision.synthetic.drive.class_planes import CLASS_IDS, ClassPlanes
from streamvision.synthetic.drive.planes import U8, Painting
from streamvision.synthetic.drive.textures import F32, fractal_noise
from streamvision.synthetic.drive.view import Moment
from streamvision.synthetic.drive.weather import MOODS

_MARGIN_RAD = 0.42
"""How far the car's heading may turn to either side."""
_SUN_RAD = 0.10
_BELOW_HORIZON = 0.02
_SKY_STOPS_RGB = {
    "day": ((0.0, (62, 118, 190)), (0.55, (128, 176, 222)), (1.0, (205, 224, 236))),
    "dusk": ((0.0, (38, 48, 92)), (0.45, (104, 84, 122)), (0.75, (214, 128, 92)), (1.0, (252, 196, 118))),
    "rain": ((0.0, (92, 100, 110)), (0.6, (132, 140, 148)), (1.0, (160, 166, 170))),
}
_CLOUDS = {
    "day": ((250, 250, 250), (196, 206, 218), 0.55, 0.95),
    "dusk": ((255, 164, 104), (96, 70, 98), 0.25, 0.9),
    "rain": ((164, 168, 174), (88, 95, 104), -0.6, 0.9),
}
_HILLS_RGB = {
    "day": ((150, 174, 196), (118, 146, 152), (70, 96, 72)),
    "dusk": ((146, 96, 100), (98, 66, 82), (38, 32, 42)),
    "rain": ((138, 146, 152), (116, 125, 129), (66, 76, 74)),
}


class Backdrop:
    """The panoramas of one drive."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int, focal_px: float) -> None:
        self._margin_px = int(_MARGIN_RAD * focal_px)
        width = width_px + 2 * self._margin_px
        self._horizon_row = int(np.ceil(height_px * 0.52))
        rows = self._horizon_row + max(int(height_px * _BELOW_HORIZON), 4)
        state = rng.integers(1 << 32)
        self._luma: list[U8] = []
        self._chroma: list[U8] = []
        scale = focal_px / 1152
        self._ridges = ridges = _ridges(np.random.default_rng(state), width, scale)
        self._skyline = skyline = _skyline(np.random.default_rng(state + 1), width, scale)
        for mood in MOODS:
            picture = _paint_sky(np.random.default_rng(state + 2), mood, width, rows, self._horizon_row, focal_px)
            _paint_land(picture, mood, ridges, skyline, self._horizon_row, scale)
            ycrcb = cv2.cvtColor(np.clip(picture[..., ::-1], 0, 255).astype(np.uint8), cv2.COLOR_BGR2YCrCb)
            self._luma.append(np.ascontiguousarray(ycrcb[..., 0]))
            half = cv2.resize(ycrcb, (width // 2, rows // 2), interpolation=cv2.INTER_AREA)
            self._chroma.append(np.ascontiguousarray(half[..., [2, 1]]))

    def draw(self, planes: Painting, moment: Moment) -> None:
        """Paint everything above the horizon, and a little below it."""
        left, top, bottom = self._window_of(moment, planes.luma.shape[0])
        weights = [(i, w) for i, w in enumerate(moment.weather.sky_weights) if w > 0.004]
        target = planes.luma[:bottom]
        _window(target, [(self._luma[i], w) for i, w in weights], left, top)
        target = planes.chroma[: bottom // 2]
        _window(target, [(self._chroma[i], w) for i, w in weights], left / 2, top / 2)

    def mark(self, classes: ClassPlanes, moment: Moment) -> None:
        """Say what every pixel shows that :meth:`draw` paints, to the nearest pixel."""
        left, top, bottom = self._window_of(moment, len(classes.class_map))
        rows, columns = self._classes.shape
        row = np.clip(np.arange(bottom) + round(top), 0, rows - 1)
        column = np.clip(np.arange(classes.class_map.shape[1]) + round(left), 0, columns - 1)
        classes.class_map[:bottom] = self._classes[row[:, None], column]

    @cached_property
    def _classes(self) -> U8:
        """Return (rows, columns) the class ids of the panoramas, which differ between moods in colour alone."""
        height_px = self._horizon_row - np.arange(len(self._luma[0]))[:, None]
        classes = np.full(self._luma[0].shape, CLASS_IDS["sky"], np.uint8)
        far, near, wood = (height_px <= ridge for ridge in self._ridges)
        classes[far] = CLASS_IDS["terrain"]
        for left, right, tall, *_ in self._skyline:
            classes[self._horizon_row - tall : self._horizon_row, max(left, 0) : right] = CLASS_IDS["building"]
        classes[near] = CLASS_IDS["terrain"]
        classes[wood] = CLASS_IDS["vegetation"]
        return classes

    def _window_of(self, moment: Moment, rows: int) -> tuple[float, float, int]:
        """Return where in the panoramas a frame begins, left and top, and the row of the frame where they end."""
        camera, turn_rad = moment.camera, min(max(moment.heading_rad, -_MARGIN_RAD), _MARGIN_RAD)
        left = self._margin_px + turn_rad * camera.focal_px
        return left, self._horizon_row - camera.horizon_px, min(int(camera.horizon_px) + 4, rows)


def _window(target: U8, layers: list[tuple[U8, float]], left: float, top: float) -> None:
    """Fill the target with a weighted mixture of layers, each shifted by a fraction of a pixel."""
    height, width = target.shape[:2]
    x, y = int(left), int(top)
    share_x, share_y = left - x, top - y
    mixed: U8 | None = None
    total = 0.0
    for layer, weight in layers:
        y0 = min(max(y, 0), layer.shape[0] - height - 1)
        x0 = min(max(x, 0), layer.shape[1] - width - 1)
        rows = layer[y0 : y0 + height + 1]
        across = cv2.addWeighted(rows[:, x0 : x0 + width], 1 - share_x, rows[:, x0 + 1 : x0 + width + 1], share_x, 0)
        moved = cv2.addWeighted(across[:-1], 1 - share_y, across[1:], share_y, 0)
        total += weight
        mixed = moved if mixed is None else cv2.addWeighted(mixed, 1 - weight / total, moved, weight / total, 0)
    if mixed is not None:
        target[:] = mixed


def _paint_sky(rng: np.random.Generator, mood: str, width: int, rows: int, horizon: int, focal_px: float) -> F32:
    """Return (rows, width, 3) float32 RGB: gradient, sun and clouds that flatten towards the horizon."""
    height_share = np.clip(np.arange(rows) / horizon, 0, 1)
    stops = _SKY_STOPS_RGB[mood]
    gradient = np.stack(
        [np.interp(height_share, [at for at, _ in stops], [color[c] for _, color in stops]) for c in range(3)], axis=1
    )
    picture = np.repeat(gradient[:, None, :].astype(np.float32), width, axis=1)
    column, row = np.arange(width, dtype=np.float32)[None, :], np.arange(rows, dtype=np.float32)[:, None]
    sun_x, sun_y = width / 2 + _SUN_RAD * focal_px, horizon - 0.052 * focal_px
    sun_px = np.sqrt((column - sun_x) ** 2 + ((row - sun_y) * 1.15) ** 2) / focal_px
    if mood == "dusk":
        for reach, color in ((0.34, (70, 36, 8)), (0.10, (60, 62, 46))):
            picture += np.exp(-((sun_px / reach) ** 1.3))[..., None] * np.array(color, np.float32)
    lit, shaded, threshold, most = _CLOUDS[mood]
    sheet = fractal_noise(rng, width // 2, rows // 2, cell_px=(focal_px * 0.16, focal_px * 0.05), octaves=6)
    detail = cv2.resize(sheet, (width, rows), interpolation=cv2.INTER_LINEAR)
    cover = np.clip((detail - threshold) / 1.1, 0, 1)
    cover = cover * cover * (3 - 2 * cover) * np.clip((1.03 - height_share) * 5, 0, 1)[:, None] * most
    above = np.roll(detail, max(int(focal_px * 0.012), 1), axis=0)
    light = np.clip(0.62 + 0.55 * (detail - above) - 0.18 * (detail - threshold), 0, 1)[..., None]
    cloud = np.array(shaded, np.float32) + (np.array(lit, np.float32) - np.array(shaded, np.float32)) * light
    if mood == "dusk":
        cloud = cloud + np.exp(-((sun_px / 0.3) ** 2))[..., None] * np.array((60, 40, 10), np.float32)
    picture += (cloud - picture) * cover[..., None].astype(np.float32)
    if mood == "dusk":
        disc = np.clip((0.0165 - sun_px) * focal_px, 0, 1)[..., None]
        picture += (np.array((255, 250, 226), np.float32) - picture) * disc
    return picture.astype(np.float32)


def _ridges(rng: np.random.Generator, width: int, scale: float) -> list[F32]:
    """Return the heights above the horizon of two ranges of hills and a line of tree tops, in pixels."""
    far = 34 + 20 * fractal_noise(rng, width, 2, cell_px=(420 * scale, 2), octaves=4)[0]
    near = 17 + 11 * fractal_noise(rng, width, 2, cell_px=(260 * scale, 2), octaves=4)[0]
    wood = 7 + 2.6 * fractal_noise(rng, width, 2, cell_px=(90 * scale, 2), octaves=2)[0]
    tips = 2.4 * fractal_noise(rng, width, 2, cell_px=(9 * scale, 2), octaves=3)[0]
    return [np.maximum(ridge, 2) * np.float32(scale) for ridge in (far, near, wood + tips)]


def _skyline(rng: np.random.Generator, width: int, scale: float) -> list[tuple[int, int, int, float, int]]:
    """Return the houses of a town on the horizon: left, right, height in pixels, shade, seed of its windows."""
    houses = []
    for center in (0.30, 0.66):
        for _ in range(34):
            left = width * center + rng.normal(0, 150 * scale)
            middle = np.exp(-(((left - width * center) / (170 * scale)) ** 2))
            wide, tall = rng.uniform(11, 30) * scale, (9 + 44 * rng.uniform(0.25, 1) * middle) * scale
            houses.append(
                (int(left), int(left + wide), int(tall), rng.uniform(-0.12, 0.12), int(rng.integers(1 << 31)))
            )
    return houses


def _paint_land(
    picture: F32,
    mood: str,
    ridges: list[F32],
    skyline: list[tuple[int, int, int, float, int]],
    horizon: int,
    scale: float,
) -> None:
    far_rgb, near_rgb, wood_rgb = (np.array(color, np.float32) for color in _HILLS_RGB[mood])
    height_px: F32 = horizon - np.arange(picture.shape[0], dtype=np.float32)[:, None]
    _paint_ridge(picture, ridges[0], height_px, far_rgb)
    for left, right, tall, shade, seed in skyline:
        house = picture[horizon - tall : horizon, max(left, 0) : right]
        color = (far_rgb + near_rgb) * np.float32((1 + shade) / 2)
        _paint_house(house, color, np.random.default_rng(seed), lit=mood == "dusk", step_px=max(int(4 * scale), 3))
    _paint_ridge(picture, ridges[1], height_px, near_rgb)
    _paint_ridge(picture, ridges[2], height_px, wood_rgb)


def _paint_ridge(picture: F32, ridge: F32, height_px: F32, color: F32) -> None:
    begin = max(int(np.argmax(height_px[:, 0] <= ridge.max() + 2)), 0)
    part, height = picture[begin:], height_px[begin:]
    cover = np.clip(ridge[None, :] - height + 0.5, 0, 1)[..., None]
    depth = np.clip((ridge[None, :] - height) / 60, 0, 0.35)[..., None]
    part += (color * (1.06 - depth) - part) * cover


def _paint_house(house: F32, color: F32, rng: np.random.Generator, *, lit: bool, step_px: int) -> None:
    rows, columns = house.shape[:2]
    house[:] = color
    house[:, : max(columns // 3, 1)] *= 0.9
    for row in range(2, rows - 1, step_px):
        for column in range(2, columns - 1, step_px):
            share = rng.uniform()
            if lit and share < 0.4:
                house[row : row + 2, column : column + 2] = (255, 205, 120)
            elif share < 0.8:
                house[row : row + 2, column : column + 1] = color * 0.78
