"""Networks that drive: their wheel, the speed and the limit on the picture, and the command for a drawn drive's car.

Such a network gives the numbers ``steering`` and ``speed`` for a picture. Where the picture was seen from a car of the
drawn drive, that car is driven: the loop is closed through the live pipeline, with all its delay.
"""

from __future__ import annotations

import math

from pipelines.stages.base import FrameStage
from pipelines.stages.driving.limits import LimitWatch
from streamvision.core.frame import Result
from streamvision.core.stage_output import Mark, Note, Outline, Rgb, StageEvent
from streamvision.synthetic.driving.live import SeenFromCar
from streamvision.synthetic.driving.network import SPEED, STEERING, command_of, drives

WHEEL_TURN_DEG = 120.0
"""How far the drawn wheel is turned at full steering."""
_WHITE, _RED, _GREEN, _AMBER = (240, 244, 248), (255, 60, 40), (70, 200, 110), (255, 190, 60)
_RADIUS = 0.11
_CORNERS = 32
_SPOKES_DEG = (-90.0, 30.0, 150.0)
_TOLERANCE_M_S = 0.5


class DrivingStage(FrameStage):
    """Draws the wheel, and drives the car that the picture was seen from.

    Args:
        limits: reads the limit on signs; closed with this. By default it is the true one of the drawn drive.
    """

    name = "driving"
    optional = True
    waits = False

    def __init__(self, limits: LimitWatch | None = None) -> None:
        self._limits = limits
        self._drive: int | None = None

    def close(self) -> None:
        """Stop reading signs."""
        if self._limits is not None:
            self._limits.close()

    def process(self, result: Result) -> None:
        """Add marks and events, and give the command."""
        values = result.image_result.values if result.image_result else None
        if values is None or not drives(values):
            return
        picture = result.frame.picture
        size_px = picture.width_px, picture.height_px
        result.marks += wheel_marks(values[STEERING], size_px)
        seen = getattr(picture, "owner", None)
        if self._limits is not None:
            drive = seen.drive if isinstance(seen, SeenFromCar) else 0
            self._limits.see(picture, begins=drive != self._drive)
            self._drive = drive
        read_m_s = None if self._limits is None else self._limits.limit_m_s
        if not isinstance(seen, SeenFromCar):
            result.marks += (_note(f"{3.6 * values[SPEED]:.0f} km/h", 0, size_px, _WHITE),)
            if read_m_s is not None:
                result.marks += (_note(f"limit {3.6 * read_m_s:.0f}", 1, size_px, _WHITE),)
            return
        now = seen.situation
        limit_m_s = now.limit_m_s if read_m_s is None else read_m_s
        seen.wheel.turn(command_of(values, speed_m_s=now.speed_m_s, limit_m_s=limit_m_s), time_s=seen.time_s)
        speed_color = _RED if now.speed_m_s > now.limit_m_s + _TOLERANCE_M_S else _GREEN
        result.marks += (
            _note(f"{3.6 * now.speed_m_s:.0f} km/h", 0, size_px, speed_color),
            _note(f"limit {3.6 * limit_m_s:.0f}", 1, size_px, _WHITE if limit_m_s == now.limit_m_s else _AMBER),
        )
        if seen.ended is not None:
            result.stage_events += (
                {"stage": self.name, **StageEvent(seen.ended, values={"drive": seen.drive - 1}).to_json()},
            )


def wheel_marks(steering: float, size_px: tuple[int, int]) -> tuple[Mark, ...]:
    """Return a steering wheel at the lower edge of a picture, turned by the steering (-1..1, right is positive)."""
    width_px, height_px = size_px
    radius_px = _RADIUS * height_px
    center = width_px / 2, height_px - 1.25 * radius_px
    turn_deg = WHEEL_TURN_DEG * min(max(steering, -1.0), 1.0)

    def at(angle_deg: float, share: float) -> tuple[float, float]:
        angle = math.radians(angle_deg + turn_deg)
        return center[0] + share * radius_px * math.cos(angle), center[1] + share * radius_px * math.sin(angle)

    rim = tuple(at(360 * corner / _CORNERS, 1.0) for corner in range(_CORNERS))
    hub = tuple(at(360 * corner / 12, 0.22) for corner in range(12))
    spokes = (Outline((at(angle, 0.22), at(angle, 1.0)), _WHITE, closed=False) for angle in _SPOKES_DEG)
    return Outline(rim, _WHITE), Outline(hub, _WHITE), *spokes


def _note(text: str, line: int, size_px: tuple[int, int], color: Rgb) -> Note:
    width_px, height_px = size_px
    return Note(text, (width_px / 2 + 1.3 * _RADIUS * height_px, height_px * (0.84 + 0.07 * line)), color)
