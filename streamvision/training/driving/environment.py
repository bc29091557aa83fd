"""The drawn drive as an environment of gymnasium; needs the extra ``drive``.

The agent is given what a network reads on the frame, as a small vector, or the frame itself. The vector is the truth,
or the truth with noise as large as a network's error: what was learnt on it then works with what is seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from streamvision.core.picture import Picture
from streamvision.evaluation.driving.limit_reading import READABLE_PX
from streamvision.evaluation.driving.limits import LimitOfMap, LimitSource
from streamvision.synthetic.drive.view import LAP_M
from streamvision.synthetic.driving import Command, DrivenScene, DrivenWorld, Situation, WorldOptions
from streamvision.synthetic.driving.car import MOST_SPEED_M_S
from streamvision.synthetic.driving.longitudinal import reach
from streamvision.synthetic.driving.network import BOUND, MOST_CHANGE_M_S, OBSERVED, OWN_SPEED, SCALES
from streamvision.synthetic.driving.rule_driver import allowed_m_s, seen_speed_m_s, true_values
from streamvision.synthetic.driving.world import IN_LANE_M

F32 = NDArray[np.float32]
FRAME_PX = (96, 54)
SAFE_HEADWAY_S = 1.5
"""Time to where the car ahead is now, below which an agent is too close."""
COMFORTABLE_M_S2 = 2.0
"""Acceleration and braking beyond which passengers mind."""
_STANDING_M_S = 1.0
_SPEED = OBSERVED.index("speed")


@dataclass(frozen=True)
class DriveOptions:
    """How the environment is made."""

    seeds: tuple[int, ...] = (0, 1, 2, 3)
    """Roads, one of which each drive is on."""
    observation: Literal["vector", "frame"] = "vector"
    """What the agent is given."""
    seconds: float = 30.0
    """Longest drive."""
    noise: float = 0.0
    """Standard deviation of the vector's noise, as a share of what it is scaled by."""
    step_s: float = 0.1
    """From one action to the next."""


def seen_vector(values: dict[str, float]) -> F32:
    """Return the vector (5,) float32 of what was seen and the own speed, scaled to about -1..1."""
    vector = np.array([values[name] for name in OBSERVED], np.float32) / np.array(SCALES, np.float32)
    bounded: F32 = np.clip(vector, -BOUND, BOUND)
    return bounded


def observed_values(situation: Situation) -> dict[str, float]:
    """Return the truth of what an agent is given, by the names in :data:`OBSERVED`."""
    return true_values(situation) | {OWN_SPEED: situation.speed_m_s}


def headway_s(situation: Situation) -> float:
    """Return the time to where the car ahead is now; ``inf`` for a car that stands or crawls."""
    return situation.gap_m / situation.speed_m_s if situation.speed_m_s > _STANDING_M_S else float("inf")


class DriveEnv(gymnasium.Env[Any, F32]):
    """Keep the lane, the limit, the distance and the rules.

    Action: (2,) float32 of -1..1: the steering, positive to the right, and by how much of 4 m/s the wanted speed is
    above that which was seen; a cruise control drives no faster than the limit. Reward of a step: up to 1 for driving
    as fast as limit and traffic allow, less the square of the metres beside the lane's middle, up to 1 for a time
    headway below :data:`SAFE_HEADWAY_S`, up to 0.5 for more acceleration or braking than is comfortable, and a little
    for a restless wheel; -20 for leaving the lane or a collision, -5 for a broken rule.

    Args:
        options: how it is made.
        limit: where the speed limit comes from, such as signs that a detector finds; by default the map.
        render_mode: ``rgb_array`` or ``None``.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012

    def __init__(
        self,
        options: DriveOptions | None = None,
        *,
        limit: LimitSource | None = None,
        render_mode: str | None = None,
    ) -> None:
        self.options = options or DriveOptions()
        self.render_mode = render_mode
        self._limit = limit or LimitOfMap()
        self._worlds: dict[int, DrivenWorld] = {}
        self._scenes: dict[int, DrivenScene] = {}
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
        if self.options.observation == "vector":
            self.observation_space = gymnasium.spaces.Box(-BOUND, BOUND, (len(OBSERVED),), np.float32)
        else:
            width_px, height_px = FRAME_PX
            self.observation_space = gymnasium.spaces.Box(0, 255, (height_px, width_px, 3), np.uint8)
        self._world = self._world_of(self.options.seeds[0])
        self._steps, self._steering, self._seen_m_s = 0, 0.0, 0.0

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin on one of the roads, somewhere, a little beside the middle of the lane."""
        super().reset(seed=seed)
        chosen = int(self.np_random.integers(len(self.options.seeds)))
        self._world = self._world_of(self.options.seeds[chosen])
        offset_m, yaw_rad = self.np_random.uniform(-0.6, 0.6), self.np_random.uniform(-0.03, 0.03)
        begin_m = float(self.np_random.uniform(0, LAP_M))
        self._world.reset(begin_m=begin_m, offset_m=float(offset_m), yaw_rad=float(yaw_rad))
        self._steps, self._steering = 0, 0.0
        self._limit.begin()
        return self._observation(self._world.situation()), {"road": self._world.options.seed}

    def step(self, action: F32) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Hold the wheel and the speed for one step."""
        world, before = self._world, self._world.situation()
        steering, wanted_m_s = float(action[0]), wanted_speed_m_s(float(action[1]), seen_m_s=self._seen_m_s)
        limited_m_s = min(wanted_m_s, self._limit.limit_m_s(before, self._readable_picture))
        step = world.step(Command(steering, reach(before.speed_m_s, limited_m_s)))
        situation = world.situation()
        self._steps += 1
        acceleration = (situation.speed_m_s - before.speed_m_s) / self.options.step_s
        reward = self._reward(situation, steering, acceleration) - 5.0 * sum(not kept for _, kept in step.rules)
        if step.ended:
            reward -= 20.0
        truncated = self._steps * self.options.step_s >= self.options.seconds
        info = {
            "ended": step.ended,
            "offset_m": situation.offset_m,
            "speed_m_s": situation.speed_m_s,
            "limit_m_s": situation.limit_m_s,
            "gap_m": situation.gap_m,
            "headway_s": headway_s(situation),
            "in_lane": abs(situation.offset_m) <= IN_LANE_M,
        }
        return self._observation(situation), float(reward), step.ended is not None, truncated, info

    def render(self) -> Any:
        """Return the frame (H, W, 3) uint8 RGB, 640 by 360."""
        return self._frame(640, 360)

    def _reward(self, situation: Situation, steering: float, acceleration_m_s2: float) -> float:
        best_m_s = max(min(allowed_m_s(situation), seen_speed_m_s(situation)), 0.5)
        pace = 1.0 - min(abs(situation.speed_m_s - best_m_s) / max(best_m_s, 4.0), 1.0)
        turned, self._steering = abs(steering - self._steering), steering
        closeness = max(1.0 - headway_s(situation) / SAFE_HEADWAY_S, 0.0)
        discomfort = 0.5 * min(max(abs(acceleration_m_s2) - COMFORTABLE_M_S2, 0.0) / 4.0, 1.0)
        return pace - situation.offset_m**2 - closeness - discomfort - 0.2 * turned

    def _observation(self, situation: Situation) -> Any:
        vector = seen_vector(observed_values(situation))
        if self.options.noise:  # the own speed is measured, and not seen
            vector[:-1] += self.np_random.normal(0, self.options.noise, len(vector) - 1).astype(np.float32)
        vector = np.clip(vector, -BOUND, BOUND).astype(np.float32)
        self._seen_m_s = float(vector[_SPEED]) * SCALES[_SPEED]
        return self._frame(*FRAME_PX) if self.options.observation == "frame" else vector

    def _readable_picture(self) -> Picture:
        return self._scene(*READABLE_PX).picture_at(self._steps)

    def _frame(self, width_px: int, height_px: int) -> NDArray[np.uint8]:
        bgr: NDArray[np.uint8] = self._scene(width_px, height_px).picture_at(self._steps).to_bgr()
        return np.ascontiguousarray(bgr[..., ::-1])

    def _scene(self, width_px: int, height_px: int) -> DrivenScene:
        scene = self._scenes.get(width_px)
        if scene is None or scene.world is not self._world:
            scene = self._scenes[width_px] = DrivenScene(self._world, width_px, height_px)
        return scene

    def _world_of(self, seed: int) -> DrivenWorld:
        if seed not in self._worlds:
            self._worlds[seed] = DrivenWorld(WorldOptions(seed=seed, step_s=self.options.step_s))
        return self._worlds[seed]


def wanted_speed_m_s(action: float, *, seen_m_s: float) -> float:
    """Return the speed that the second member of an action asks for where another was seen to suit."""
    return min(max(seen_m_s + MOST_CHANGE_M_S * min(max(action, -1.0), 1.0), 0.0), MOST_SPEED_M_S)
