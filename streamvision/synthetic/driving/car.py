"""The car: a kinematic bicycle along the middle of its lane.

Two wheels stand for four and none slips; the state is kept relative to the lane (a Frenet frame), so that the road's
bends turn under the car (Kong, Pfeiffer, Schildbach and Borrelli, IV 2015, with the rear axle as point of reference).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

WHEELBASE_M = 2.7
FRONT_M = 1.8
"""The front bumper is this far ahead of the point of reference, at which the camera is, too."""
WIDTH_M = 1.8
MOST_STEER_RAD = 0.12
"""Largest angle of the front wheels; the sharpest bend of the road needs a sixth of it."""
MOST_STEER_RATE_RAD_S = 0.4
MOST_ACCELERATION_M_S2 = 2.0
MOST_BRAKING_M_S2 = 6.0
MOST_SPEED_M_S = 20.0


@dataclass(frozen=True)
class Command:
    """What a driver does with wheel and pedals until its next command."""

    steering: float
    """Angle of the front wheels as a share of the largest one, -1..1, positive to the right."""
    acceleration_m_s2: float
    """Of the car along its way; negative to brake."""

    @property
    def steer_rad(self) -> float:
        """The angle that is asked for."""
        return min(max(self.steering, -1.0), 1.0) * MOST_STEER_RAD


@dataclass(frozen=True)
class CarState:
    """Where the car is on its lane, and how it moves."""

    s_m: float
    """Way along the road."""
    offset_m: float = 0.0
    """Right of the middle of the lane."""
    yaw_rad: float = 0.0
    """Direction, right of the road's."""
    speed_m_s: float = 0.0
    """Forward; never below 0."""
    steer_rad: float = 0.0
    """Angle of the front wheels, positive to the right."""

    def after(self, command: Command, *, curvature_per_m: float, step_s: float) -> CarState:
        """Return the state one step later.

        Args:
            command: what the driver does meanwhile; the wheels turn and the pedals work within the car's limits.
            curvature_per_m: of the lane here, positive to the right.
            step_s: how long the step is.
        """
        turned_rad = command.steer_rad - self.steer_rad
        most_rad = MOST_STEER_RATE_RAD_S * step_s
        steer_rad = self.steer_rad + min(max(turned_rad, -most_rad), most_rad)
        acceleration = min(max(command.acceleration_m_s2, -MOST_BRAKING_M_S2), MOST_ACCELERATION_M_S2)
        speed_m_s = min(max(self.speed_m_s + acceleration * step_s, 0.0), MOST_SPEED_M_S)
        mean_m_s = (self.speed_m_s + speed_m_s) / 2
        along_m_s = mean_m_s * math.cos(self.yaw_rad) / (1 - curvature_per_m * self.offset_m)
        yaw_rate = mean_m_s * math.tan(steer_rad) / WHEELBASE_M - curvature_per_m * along_m_s
        yaw_rad = self.yaw_rad + yaw_rate * step_s
        offset_m = self.offset_m + mean_m_s * math.sin((self.yaw_rad + yaw_rad) / 2) * step_s
        return CarState(self.s_m + along_m_s * step_s, offset_m, yaw_rad, speed_m_s, steer_rad)
