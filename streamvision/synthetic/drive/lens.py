"""What lies between the scene and the picture: rain in the air, the car's own bonnet, and the sensor's grain."""

from __future__ import annotations

import cv2
import numpy as np

from streamvision.synthetic.drive.planes import U8, Planes, Sprite, Stamp
from streamvision.synthetic.drive.weather import Weather

_SHEETS = 5
_DROPS = 1500
_GRAIN = 2.3
_BONNET_HEIGHT = 0.055


class Lens:
    """The overlays of one drive, painted once."""

    def __init__(self, rng: np.random.Generator, width_px: int, height_px: int) -> None:
        self._seed = int(rng.integers(1 << 31))
        height, width = (height_px + 1) // 2 * 2, (width_px + 1) // 2 * 2
        noise = rng.standard_normal((height + 64, width + 64), np.float32)
        noise += 0.6 * np.roll(noise, 1, axis=1)
        self._grain: U8 = np.clip(16 + _GRAIN / 1.17 * noise, 0, 255).astype(np.uint8)
        self._rain = [_rain_sheet(rng, width, height) for _ in range(_SHEETS)]
        self._bonnet = _bonnet(width, height)

    def draw(self, planes: Planes, index: int, weather: Weather) -> None:
        """Paint the overlays of a frame."""
        rng = np.random.default_rng((self._seed, index))
        height, width = planes.luma.shape
        if weather.rain > 0.02:
            sheet = self._rain[int(rng.integers(_SHEETS))]
            shift = int(rng.integers(width // 3))
            planes.luma[:, : width - shift] = cv2.scaleAdd(
                sheet[:, shift:], weather.rain, planes.luma[:, : width - shift]
            )
            if shift:  # OpenCV adds nothing to nothing by returning None
                planes.luma[:, width - shift :] = cv2.scaleAdd(
                    sheet[:, :shift], weather.rain, planes.luma[:, width - shift :]
                )
        self.draw_bonnet(planes, weather)
        x, y = (int(v) for v in rng.integers(0, 64, 2))
        grain = self._grain[y : y + height, x : x + width]
        cv2.addWeighted(planes.luma, 1, grain, 1, -16, dst=planes.luma)

    def draw_bonnet(self, planes: Planes, weather: Weather) -> None:
        """Paint the car's own bonnet at the lower edge."""
        planes.paints("ego")
        middle_px = planes.width_px / 2, planes.luma.shape[0] - self._bonnet.luma.shape[0] / 2
        planes.stamp(self._bonnet, *middle_px, tone=weather.tone_at(0.0))


def _rain_sheet(rng: np.random.Generator, width: int, height: int) -> U8:
    """Return streaks that lean with the wind and spread from where the car is heading."""
    sheet: U8 = np.zeros((height, width), np.uint8)
    scale = height / 720
    for _ in range(_DROPS):
        x, y = rng.uniform(0, width), rng.uniform(-40, height)
        near = rng.uniform() ** 3
        length = (9 + 42 * near) * scale
        lean = 0.10 + 0.25 * (x / width - 0.5) * (y / height + 0.3)
        end = (int((x + lean * length) * 8), int((y + length) * 8))
        light = int(11 + 30 * near)
        cv2.line(sheet, (int(x * 8), int(y * 8)), end, light, 2 if near > 0.8 else 1, cv2.LINE_AA, 3)
    return cv2.GaussianBlur(sheet, (3, 3), 0.7)  # type: ignore[no-any-return]


def _bonnet(width_px: int, height_px: int) -> Stamp:
    """Return the edge of the bonnet as the dashcam sees it."""
    rows = max(round(height_px * _BONNET_HEIGHT / 2), 2) * 2
    across = (np.arange(width_px) + 0.5) / width_px * 2 - 1
    edge = rows * (0.16 + 0.80 * np.abs(across) ** 2.6)
    depth = np.arange(rows)[:, None] + 0.5 - edge[None, :]
    alpha = np.clip(depth / 2 + 0.5, 0, 1)
    sheen = 26 + 52 * np.exp(-np.clip(depth, 0, None) / (0.12 * rows)) + 10 * np.cos(2.2 * across)[None, :]
    color = np.stack([sheen * 1.12, sheen, sheen * 0.92], axis=-1)
    image = np.dstack([np.clip(color, 0, 255), 255 * alpha]).astype(np.uint8)
    return Stamp.of(Sprite.from_bgra(image), width_px, rows)
