"""Paints what the camera of the own car sees, from where that car really is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from streamvision.core.picture import YuvPicture
from streamvision.synthetic.drive.bodies import body_of
from streamvision.synthetic.drive.scene import DriveScene
from streamvision.synthetic.drive.vehicles import Traffic, Vehicle
from streamvision.synthetic.drive.view import EGO_LANE_X_M, LAP_M, Course, Moment, create_camera
from streamvision.synthetic.drive.weather import weather_at
from streamvision.synthetic.driving.network import known_of
from streamvision.synthetic.driving.world import LEFT_LANE_M, DrivenWorld

_SPAN_M, _BEHIND_M = 330.0, 14.0
_OVERTAKERS_M_S = 15.0
_SIDEWAYS_M = LEFT_LANE_M + 2.0


class DrivenScene(DriveScene):
    """The drawn drive of a world's seed, seen from the world's car; the index of a frame chooses its grain alone."""

    def __init__(self, world: DrivenWorld, width_px: int, height_px: int) -> None:
        seed = world.options.seed
        super().__init__(width_px, height_px, 1 / world.options.step_s, seed, sideways_m=_SIDEWAYS_M)
        self.world = world
        """Whose car it is."""
        self._traffic = _TrafficOfWorld(np.random.default_rng((seed, 2)), self.course, world)

    def picture_at(
        self, index: int, *, without: Sequence[int] = (), without_vehicles: Sequence[int] = ()
    ) -> YuvPicture:
        """Paint a frame, which tells what the car knows of itself."""
        painted = super().picture_at(index, without=without, without_vehicles=without_vehicles)
        return replace(painted, known=known_of(self.world.situation()))

    def _moment(self, index: int) -> Moment:
        world, car = self.world, self.world.car
        camera = create_camera(self._width_px, self._height_px, time_s=world.time_s, speed_m_s=car.speed_m_s)
        weather = weather_at((car.s_m % LAP_M) / LAP_M)
        return Moment(
            world.time_s, car.s_m, camera, weather, self.course, car.offset_m, car.yaw_rad, lights_s=world.time_s
        )


class _TrafficOfWorld(Traffic):
    """The car ahead where the world has it, and others on the other lanes at speeds of their own."""

    def __init__(self, rng: np.random.Generator, course: Course, world: DrivenWorld) -> None:
        super().__init__(rng, course)
        self._world = world

    def at(self, time_s: float, s_m: float) -> list[Vehicle]:
        """Return the vehicles in view of the car, in no order."""
        vehicles = []
        kinds = len(self._followers) + 1
        for number, (start_m, road_x_m, approach_m_s, oncoming, model, paint) in enumerate(self._followers):
            along_m = -approach_m_s * time_s if oncoming else _OVERTAKERS_M_S * time_s
            passed, place_m = divmod(start_m + along_m - s_m, _SPAN_M)
            identity = int(abs(passed)) * kinds + number + 2
            vehicles.append(Vehicle(model, paint, road_x_m, place_m - _BEHIND_M, 0.0, oncoming, False, identity))
        braking, ahead_m = self._world.lead_braking, self._world.lead_s_m - s_m
        vehicles.append(Vehicle("wagon", self._ahead_paint, EGO_LANE_X_M, ahead_m, 0.0, False, braking, identity=1))
        return [self._seen(vehicle, s_m) for vehicle in vehicles if self._is_in_view(vehicle)]

    def _is_in_view(self, vehicle: Vehicle) -> bool:
        return vehicle.z_m > -6.0 and vehicle.z_m + body_of(vehicle.model).length_m >= 2.0 and vehicle.z_m < _SPAN_M

    def _seen(self, vehicle: Vehicle, s_m: float) -> Vehicle:
        """Return a vehicle whose place was that on the road as the car's camera sees it."""
        car, course = self._world.car, self._course
        x_m = float(course.middle_x_m(s_m, vehicle.z_m)) + vehicle.x_m - car.offset_m - car.yaw_rad * vehicle.z_m
        heading_rad = float(course.heading_rad(s_m)) + car.yaw_rad
        return replace(vehicle, x_m=x_m, yaw_rad=float(course.heading_rad(s_m + vehicle.z_m)) - heading_rad)
