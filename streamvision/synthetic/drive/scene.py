"""The drive: where everything is at a frame, in which order it is painted, and what the truth about it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.picture import YuvPicture
from streamvision.synthetic.drive import painter
from streamvision.synthetic.drive.class_planes import ClassPlanes, NumberPlanes
from streamvision.synthetic.drive.effects import Lens
from streamvision.synthetic.drive.ground import Ground
from streamvision.synthetic.drive.planes import Painting
from streamvision.synthetic.drive.roadside import create_roadside
from streamvision.synthetic.drive.signs import CLASS_NAMES
from streamvision.synthetic.drive.sky import Backdrop
from streamvision.synthetic.drive.truth import objects_in_view
from streamvision.synthetic.drive.vehicle_truth import VehicleInView, place_in_view
from streamvision.synthetic.drive.vehicles import Traffic, Vehicle, draw_vehicle, painted_extent_px
from streamvision.synthetic.drive.view import (
    EGO_LANE_X_M,
    LANE_M,
    LAP_M,
    Camera,
    Course,
    Moment,
    create_camera,
    moment_at,
)
from streamvision.synthetic.drive.weather import MOODS
from streamvision.synthetic.sizes import check_size

_NEAREST_M = 1.2
_DELINEATOR_PITCH_M = LAP_M / 46
_DELINEATORS_FROM_M = 100.0
_DELINEATOR_X_M = 8.4
_LAMP_POST_X_M = 10.2


class DriveScene:
    """A dashcam drive of about 80 seconds a lap, through day, dusk and rain; a function of the frame's index alone."""

    names = CLASS_NAMES

    def __init__(
        self,
        width_px: int,
        height_px: int,
        fps: float,
        seed: int,
        *,
        start_s: float = 0.0,
        traffic: int = 0,
        sideways_m: float = 0.0,
    ) -> None:
        """``start_s`` is the drive's time at frame 0; another number of ``traffic`` brings other vehicles.

        ``sideways_m`` is how far the car may leave the middle of its lane; the film's own never does.

        Raises:
            ConfigError: when pictures of that size cannot be drawn.
        """
        check_size(width_px, height_px)
        streams = [np.random.default_rng((seed, part)) for part in range(6)]
        if traffic:
            streams[2] = np.random.default_rng((seed, 2, traffic))
        self._width_px, self._height_px, self._fps, self._start_s = width_px, height_px, fps, start_s
        focal_px = create_camera(width_px, height_px, time_s=0, speed_m_s=0).focal_px
        self.roadside = create_roadside(streams[0])
        self.course = Course(streams[1], self.roadside.slow_zones)
        """The road and the speeds."""
        self._traffic = Traffic(streams[2], self.course)
        self._ground = Ground(streams[3], width_px, focal_px, sideways_m=sideways_m)
        self._backdrop = Backdrop(streams[4], width_px, height_px, focal_px)
        self._lens = Lens(streams[5], width_px, height_px)
        self._planes = Painting(width_px, height_px)
        self._places_m = {
            "plants": np.array([plant.s_m for plant in self.roadside.plants]),
            "poles": np.array([pole.s_m for pole in self.roadside.poles]),
            "lamp_posts": np.array(self.roadside.lamp_posts_s_m),
        }

    def spread(self, count: int) -> range:
        """Return the indices of frames that are spread evenly over one round of the course."""
        return range(0, count * (step := max(self.lap_frames // count, 1)), step)

    @property
    def lap_frames(self) -> int:
        """How many frames a lap takes; then the weather and the places repeat, and the traffic differs."""
        return int(np.ceil(self.course.lap_s * self._fps))

    def objects_at(self, index: int) -> Detections:
        """Return the boxes of the signs and lights of a frame that are large enough and not hidden, with identities.

        Boxes are clipped to the picture. An object keeps its identity until it is passed; the next lap brings new ones.
        """
        moment = self._moment(index)
        return objects_in_view(moment, self.roadside, self._traffic.at(moment.time_s, moment.s_m))

    def vehicles_at(self, index: int) -> tuple[VehicleInView, ...]:
        """Return the vehicles that a frame shows, nearest first: those of which at least one pixel would be painted if
        nothing stood before them."""
        moment = self._moment(index)
        vehicles = self._traffic.at(moment.time_s, moment.s_m)
        placed = []
        for vehicle, hidden_share in zip(vehicles, self._hidden_shares(moment, vehicles), strict=True):
            if hidden_share is not None:
                placed.append(place_in_view(moment.camera, vehicle, hidden_share=hidden_share))
        return tuple(sorted(filter(None, placed), key=lambda vehicle: vehicle.distance_m))

    def vehicle_ahead_at(self, index: int) -> VehicleInView | None:
        """Return the nearest vehicle that a frame shows ahead in the car's own lane; ``None`` where there is none."""
        moment = self._moment(index)
        for vehicle in self.vehicles_at(index):
            x_m, _, z_m = vehicle.center_m
            in_lane = abs(x_m - moment.road_to_camera_m(EGO_LANE_X_M, z_m)) < LANE_M / 2
            if in_lane and z_m > 0 and not vehicle.is_oncoming:
                return vehicle
        return None

    def vehicle_masks_at(self, index: int) -> dict[int, NDArray[np.bool_]]:
        """Return (H, W) which pixels of a frame show each vehicle, by identity; vehicles without any are left out."""
        moment = self._moment(index)
        vehicles = self._traffic.at(moment.time_s, moment.s_m)
        if not vehicles:
            return {}
        numbers = self._numbered(moment, vehicles).class_map[: self._height_px, : self._width_px]
        masks = {vehicle.identity: numbers == number for number, vehicle in enumerate(vehicles, 1)}
        return {identity: mask for identity, mask in masks.items() if mask.any()}

    def camera_at(self, index: int) -> Camera:
        """Return the pinhole through which a frame is seen."""
        return self._moment(index).camera

    def picture_at(
        self, index: int, *, without: Sequence[int] = (), without_vehicles: Sequence[int] = ()
    ) -> YuvPicture:
        """Paint a frame.

        ``without`` names identities of signs and lights that are left out, ``without_vehicles`` those of vehicles, for
        checking the truth against pixels.
        """
        moment = self._moment(index)
        planes = self._planes
        self._backdrop.draw(planes, moment)
        self._ground.draw(planes, moment)
        self._draw_things(planes, moment, without, without_vehicles)
        self._lens.draw(planes, index, moment.weather)
        return planes.to_picture()

    def class_map_at(self, index: int) -> NDArray[np.uint8]:
        """Return (H, W) which of :data:`~.class_planes.PIXEL_CLASSES` each pixel of a frame shows, the nearest thing.

        Things count where they cover at least half of a pixel; light, shade and rain do not. The car's own bonnet is
        of no class: 255.
        """
        moment = self._moment(index)
        classes = ClassPlanes(self._width_px, self._height_px)
        self._backdrop.mark(classes, moment)
        self._ground.mark(classes, moment)
        self._draw_things(classes, moment)
        self._lens.draw_bonnet(classes, moment.weather)
        return classes.class_map[: self._height_px, : self._width_px]

    def mood_at(self, index: int) -> tuple[str, float]:
        """Return which of :data:`~.weather.MOODS` a frame is in, and its share, 0..1; below 1 it turns into another."""
        weights = self._moment(index).weather.sky_weights
        best = int(np.argmax(weights))
        return MOODS[best], weights[best]

    def _moment(self, index: int) -> Moment:
        time_s = self._start_s + index / self._fps
        return moment_at(self.course, time_s, width_px=self._width_px, height_px=self._height_px)

    def _draw_things(
        self,
        planes: Painting,
        moment: Moment,
        without: Sequence[int] = (),
        without_vehicles: Sequence[int] = (),
        *,
        within_m: float = math.inf,
    ) -> None:
        """Paint all that stands and moves on the ground, the farthest first."""
        for marking in self.roadside.markings:
            painter.draw_marking(planes, moment, marking)
        left_out = frozenset((identity - 1) % self.roadside.objects for identity in without)
        vehicles = self._traffic.at(moment.time_s, moment.s_m)
        vehicles = [vehicle for vehicle in vehicles if vehicle.identity not in without_vehicles]
        for z_m, draw in sorted(self._in_view(planes, moment, left_out, vehicles), key=lambda item: -item[0]):
            if z_m <= within_m:
                draw()

    def _hidden_shares(self, moment: Moment, vehicles: Sequence[Vehicle]) -> list[float | None]:
        """Return which share of each vehicle's pixels other things cover; ``None`` where it has none."""
        if not vehicles:
            return []
        numbers = {vehicle.identity: number for number, vehicle in enumerate(vehicles, 1)}
        planes = NumberPlanes(self._width_px, self._height_px, numbers)
        alone = []
        for vehicle in vehicles:
            draw_vehicle(planes, moment, vehicle)
            alone.append(planes.taken_off(painted_extent_px(moment.camera, vehicle)))
        shown = self._numbered(moment, vehicles).counts()[1:].tolist()
        return [1 - left / full if full else None for left, full in zip(shown, alone, strict=True)]

    def _numbered(self, moment: Moment, vehicles: Sequence[Vehicle]) -> NumberPlanes:
        """Return which of the vehicles, counted from 1, each pixel shows; 0 for all else."""
        numbers = {vehicle.identity: number for number, vehicle in enumerate(vehicles, 1)}
        planes = NumberPlanes(self._width_px, self._height_px, numbers)
        self._draw_things(planes, moment, within_m=max(vehicle.z_m for vehicle in vehicles))
        planes.paints("ego")
        self._lens.draw_bonnet(planes, moment.weather)
        return planes

    def _in_view(
        self, planes: Painting, moment: Moment, hidden: frozenset[int], vehicles: Sequence[Vehicle]
    ) -> list[tuple[float, Callable[[], None]]]:
        """Return what is to be painted, with its distance."""
        items: list[tuple[float, Callable[[], None]]] = []

        def add(z_m: float, draw: Callable[..., None], *arguments: object, **options: object) -> None:
            items.append((z_m, partial(draw, planes, moment, *arguments, **options)))

        for number, z_m in self._within(moment, "plants", painter.PLANTS_FROM_M):
            add(z_m, painter.draw_plant, self.roadside.plants[number], z_m)
        for house in self.roadside.houses:
            if -house.length_m < (z_m := moment.ahead_m(house.s_m)) < painter.HOUSES_FROM_M:
                add(z_m + house.length_m, painter.draw_house, house, z_m)  # all else stands nearer to the road
        for number, z_m in self._within(moment, "poles", painter.POLES_FROM_M):
            add(z_m, painter.draw_pole, self.roadside.poles[number], z_m, without=hidden)
        for _, z_m in self._within(moment, "lamp_posts", painter.LAMP_POSTS_FROM_M):
            add(z_m, painter.draw_lamp_post, _LAMP_POST_X_M, z_m)
            add(z_m, painter.draw_lamp_post, -_LAMP_POST_X_M, z_m)
        first = int(np.ceil((moment.s_m + _NEAREST_M) / _DELINEATOR_PITCH_M))
        for number in range(first, first + int(_DELINEATORS_FROM_M / _DELINEATOR_PITCH_M)):
            z_m = number * _DELINEATOR_PITCH_M - moment.s_m
            add(z_m, painter.draw_delineator, _DELINEATOR_X_M, z_m)
            add(z_m, painter.draw_delineator, -_DELINEATOR_X_M, z_m)
        for vehicle in vehicles:
            add(vehicle.z_m, draw_vehicle, vehicle)
        return items

    def _within(self, moment: Moment, kind: str, from_m: float) -> list[tuple[int, float]]:
        """Return which things of a kind lie ahead and nearer than a distance, and how far away they are."""
        z_m = (self._places_m[kind] - moment.s_m) % LAP_M
        numbers = np.flatnonzero((z_m > _NEAREST_M) & (z_m < from_m))
        return list(zip(numbers.tolist(), z_m[numbers].tolist(), strict=True))
