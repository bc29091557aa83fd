"""The ground plane: asphalt with its markings, gravel and grass, seen in perspective along a bending road.

Each band of distance has its own texture whose texels are about as large as that band's pixels, averaged along the
road over the same length: far dashes neither flicker nor crawl, and near ones are blurred by the car's own motion. All
textures lie in one atlas, so a frame is a single look-up (a clipmap, laid out by distance).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from streamvision.synthetic.drive.class_planes import CLASS_IDS, ClassPlanes
from streamvision.synthetic.drive.planes import U8, Painting, yuv_of
from streamvision.synthetic.drive.textures import F32, fractal_noise
from streamvision.synthetic.drive.view import CAMERA_HEIGHT_M, EGO_LANE_X_M, LANE_M, Camera, Moment
from streamvision.synthetic.drive.weather import Weather

F64 = NDArray[np.float64]
PERIOD_M = 96.0
"""The texture repeats along the road after this length."""
ROAD_HALF_WIDTH_M = 2 * LANE_M + 0.45
SHOULDER_M = 1.1
_COLUMNS = 1280
_FARTHEST_M = 900.0
_MEADOW_REACH_M, _MEADOW_CELL_M = 260.0, 1.0
_COARSE_BELOW_M = 12.0
"""Nearer ground is looked up at half the size: its texels are no finer, and it rushes by."""
_BANDS_M = ((7.0, 0.08), (14.0, 0.16), (28.0, 0.4), (56.0, 1.5), (112.0, 6.0), (1e9, 24.0))
"""End of each band, and length of its texels along the road."""
_DASH_M, _DASH_PERIOD_M = 4.0, 12.0
_ASPHALT, _GRAVEL, _GRASS, _STRAW, _PAINT = (
    np.array(yuv_of(*rgb), np.float32)
    for rgb in ((104, 104, 106), (146, 136, 120), (92, 122, 52), (146, 138, 82), (232, 232, 226))
)


class Ground:
    """The atlas of one drive, and the rows of one picture size.

    ``sideways_m`` is how far the camera may leave the middle of its lane.
    """

    def __init__(self, rng: np.random.Generator, width_px: int, focal_px: float, *, sideways_m: float = 0.0) -> None:
        state = int(rng.integers(1 << 32))
        meadow_map = _meadow_map(rng)
        self._ends_m, self._texel_z_m = np.array(_BANDS_M).T
        reach_m = np.minimum(self._ends_m, 240.0)
        half_extent_m = reach_m * (0.62 * width_px / focal_px) + np.minimum(reach_m**2 / 500, 12.0) + 0.6
        half_extent_m = half_extent_m + sideways_m
        self._texel_x_m = 2 * half_extent_m / _COLUMNS
        lumas, chromas = [], []
        for texel_x_m, texel_z_m in zip(self._texel_x_m.tolist(), self._texel_z_m.tolist(), strict=True):
            luma, chroma = _paint_band(np.random.default_rng(state), texel_x_m, texel_z_m, meadow_map)
            lumas.append(np.concatenate([luma, luma[:2]]))  # the look-up of a period's end reads on at its beginning
            chromas.append(np.concatenate([chroma, chroma[:2]]))
        self._first_row = np.cumsum([0] + [len(luma) for luma in lumas[:-1]])
        self._luma, self._chroma = np.concatenate(lumas), np.concatenate(chromas)
        self._beam: dict[tuple[int, int], U8] = {}

    def draw(self, planes: Painting, moment: Moment) -> None:
        """Paint everything below the horizon."""
        camera, weather = moment.camera, moment.weather
        first = self._first_row_of(camera)
        rows, columns = planes.luma.shape[0] - first, planes.luma.shape[1]
        fine_rows = self._fine_rows(camera, rows, first)
        row = np.arange(first, planes.luma.shape[0], dtype=np.float64) + 0.5
        z_m = self._distance_m(camera, row)
        column = np.arange(columns, dtype=np.float64) + 0.5
        luma = np.empty((rows, columns), np.uint8)
        maps = self._maps(moment, z_m[:fine_rows], column)
        cv2.remap(self._luma, *maps, cv2.INTER_LINEAR, dst=luma[:fine_rows], borderMode=cv2.BORDER_REPLICATE)
        near_z_m = self._distance_m(camera, row[fine_rows::2] + 0.5)
        maps = self._maps(moment, near_z_m, column[::2] + 0.5)
        near = cv2.remap(self._luma, *maps, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cv2.resize(near, (columns, rows - fine_rows), dst=luma[fine_rows:], interpolation=cv2.INTER_LINEAR)
        map_x, map_y = self._maps(moment, self._distance_m(camera, row[1::4] + 0.5), column[1::4] + 0.5)
        map_x *= np.float32(0.5)
        chroma = cv2.remap(self._chroma, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        self._light(planes, luma, chroma, first, z_m, weather)
        if weather.wet > 0.01:
            self._mirror(planes, camera, first, z_m, self._middle_m(moment, z_m), weather.wet)

    def mark(self, classes: ClassPlanes, moment: Moment) -> None:
        """Say what every pixel shows that :meth:`draw` paints: the road up to its outer lines, and all beside it."""
        camera = moment.camera
        first = self._first_row_of(camera)
        row = np.arange(first, len(classes.class_map), dtype=np.float64) + 0.5
        z_m = self._distance_m(camera, row)
        middle_m = self._middle_m(moment, z_m)[:, None]
        x_m = (np.arange(classes.class_map.shape[1]) + 0.5 - camera.center_px) * (z_m / camera.focal_px)[:, None]
        on_road = np.abs(x_m - middle_m) <= ROAD_HALF_WIDTH_M
        classes.class_map[first:] = np.where(on_road, CLASS_IDS["road"], CLASS_IDS["terrain"])

    def _first_row_of(self, camera: Camera) -> int:
        return int(np.floor(camera.horizon_px / 4)) * 4 + 4

    def _distance_m(self, camera: Camera, row: F64) -> F64:
        """Return how far away the ground is that rows of the picture show."""
        return np.minimum(camera.focal_px * CAMERA_HEIGHT_M / np.maximum(row - camera.horizon_px, 0.3), _FARTHEST_M)

    def _middle_m(self, moment: Moment, z_m: F64) -> F64:
        """Return where the middle of the road lies, right of the camera, at distances."""
        return moment.middle_x_m(np.minimum(z_m, 320.0))

    def _fine_rows(self, camera: Camera, rows: int, first: int) -> int:
        """Return how many rows are so far away that their texels are finer than pixels; an even number."""
        end = camera.horizon_px + camera.focal_px * CAMERA_HEIGHT_M / _COARSE_BELOW_M
        return min(max(int(end - first), 2), rows - 2) // 2 * 2

    def _maps(self, moment: Moment, z_m: F64, column: F64) -> tuple[F32, F32]:
        """Return the atlas coordinates of pixels: ``z_m`` by row, and the column's place in the picture."""
        band = np.searchsorted(self._ends_m, z_m, side="right")
        texel_x_m = self._texel_x_m[band]
        source_row = ((moment.s_m + z_m) % PERIOD_M) / self._texel_z_m[band] + self._first_row[band]
        middle_m = self._middle_m(moment, z_m)
        offset = _COLUMNS / 2 - 0.5 - (EGO_LANE_X_M + middle_m) / texel_x_m
        camera = moment.camera
        step = (z_m / camera.focal_px / texel_x_m).astype(np.float32)
        map_x = np.multiply.outer(step, (column - camera.center_px).astype(np.float32))
        map_x += offset.astype(np.float32)[:, None]
        return map_x, np.repeat(source_row.astype(np.float32)[:, None], len(column), axis=1)

    def _light(self, planes: Painting, luma: U8, chroma: U8, first: int, z_m: F64, weather: Weather) -> None:
        """Bring the neutral ground into the weather's light and into the frame."""
        target = planes.luma[first:]
        gain = weather.gain * (1 - 0.22 * weather.wet)
        beam = self._beam_for(planes, first)
        cv2.addWeighted(luma, gain, beam, 0.55 * weather.lamps * (1 - 0.4 * weather.rain), 0, dst=target)
        saturation = weather.saturation
        grey = (128 * (1 - saturation) + weather.tint_u, 128 * (1 - saturation) + weather.tint_v, 0, 0)
        toned = cv2.add(cv2.convertScaleAbs(chroma, alpha=saturation), grey)
        below = planes.chroma[first // 2 :]
        below[:] = cv2.resize(toned, (below.shape[1], below.shape[0]), interpolation=cv2.INTER_LINEAR)
        hazy = int(np.argmax(z_m < 14))
        share = (1 - np.exp(-z_m[:hazy] / weather.haze_range_m)).astype(np.float32)[:, None]
        part = target[:hazy].astype(np.float32)
        target[:hazy] = part + (weather.haze_luma - part) * share
        half = below[: (hazy + 1) // 2].astype(np.float32)
        color = np.array([weather.haze_u, weather.haze_v], np.float32)
        below[: (hazy + 1) // 2] = half + (color - half) * share[::2, :, None][: len(half)]

    def _mirror(self, planes: Painting, camera: Camera, first: int, z_m: F64, road_x_m: F64, wet: float) -> None:
        """Let the wet road mirror the sky: the more, the flatter the view (after Schlick, 1994)."""
        sine = CAMERA_HEIGHT_M / np.sqrt(CAMERA_HEIGHT_M**2 + z_m**2)
        share = wet * (0.10 + 0.62 * (1 - sine) ** 9)
        row = np.arange(first, first + len(z_m)) + 0.5
        half_width_m = ROAD_HALF_WIDTH_M + 0.2
        left, right = (camera.center_px + camera.focal_px * (road_x_m + side * half_width_m) / z_m for side in (-1, 1))
        outline = np.concatenate([np.stack([left, row], axis=1), np.stack([right, row], axis=1)[::-1]])
        for plane, scale in ((planes.luma, 1), (planes.chroma, 2)):
            begin = first // scale
            rows = min(len(plane) - begin, begin)
            above = plane[begin - rows : begin][::-1]
            small = cv2.resize(above, (above.shape[1] // 4, rows // 8), interpolation=cv2.INTER_AREA)
            part = plane[begin : begin + rows]
            mixed = cv2.resize(small, (plane.shape[1], rows), interpolation=cv2.INTER_LINEAR)
            weights = share[::scale]
            for row_index in range(0, rows, 8):
                chunk = np.s_[row_index : row_index + 8]
                weight = float(weights[chunk].mean())
                cv2.addWeighted(part[chunk], 1 - weight, mixed[chunk], weight, 0, dst=mixed[chunk])
            mask = np.zeros((rows, plane.shape[1]), np.uint8)
            points = np.rint((outline / scale - (0, begin)) * 8 - 4).clip(-1e6, 1e6).astype(np.int32)
            cv2.fillPoly(mask, [points], 255, shift=3)
            cv2.copyTo(mixed, mask, part)

    def _beam_for(self, planes: Painting, first: int) -> U8:
        """Return how the car's own headlights light the ground; it stays still in the picture."""
        key = planes.luma.shape[0], first
        if key not in self._beam:
            if len(self._beam) > 64:
                self._beam.clear()
            rows, columns = planes.luma.shape[0] - first, planes.luma.shape[1]
            down = ((np.arange(rows, dtype=np.float32) + 0.5) / rows)[:, None]
            across = (np.arange(columns, dtype=np.float32)[None, :] / columns - 0.5) * 2
            pools = sum(np.exp(-(((across - side) / (0.12 + 0.62 * down)) ** 2)) for side in (-0.10, 0.16))
            reach = np.clip(down / 0.05, 0, 1) ** 2 * np.exp(-np.clip(down - 0.12, 0, None) / 0.20)
            self._beam[key] = np.clip(pools * reach * 62, 0, 255).astype(np.uint8)
        return self._beam[key]


def _paint_band(rng: np.random.Generator, texel_x_m: float, texel_z_m: float, meadow_map: F32) -> tuple[U8, U8]:
    """Return (rows, columns) luma and (rows, columns / 2, 2) chroma of one period of the ground."""
    rows = round(PERIOD_M / texel_z_m)
    x_m = (((np.arange(_COLUMNS) + 0.5) - _COLUMNS / 2) * texel_x_m + EGO_LANE_X_M).astype(np.float32)
    away_m = np.abs(x_m)
    meadow = _sampled(meadow_map, x_m, rows)
    tile = rng.standard_normal((min(rows, 256), _COLUMNS), np.float32)
    grain = np.tile(tile, (-(-rows // len(tile)), 1))[:rows]
    fineness = min(0.02 / texel_x_m, 1.0) ** 0.5

    def inside(half_width_m: float, center_m: float = 0.0) -> F32:
        """Return which share of each column's texel lies within a stripe."""
        stripe: F32 = np.clip((half_width_m - np.abs(x_m - center_m)) / texel_x_m + 0.5, 0, 1)
        return stripe

    verge = np.clip(0.42 + 0.22 * meadow + 0.30 * np.exp(-(away_m - ROAD_HALF_WIDTH_M) / 3.0), 0, 1)
    gravel, road = inside(ROAD_HALF_WIDTH_M + SHOULDER_M), inside(ROAD_HALF_WIDTH_M)
    luma = _GRASS[0] + (_STRAW[0] - _GRASS[0]) * verge + 8 * meadow
    luma += (_GRAVEL[0] + 3 * meadow - luma) * gravel
    lane_share = (x_m / LANE_M) % 1.0
    tracks = -7 * (np.exp(-(((lane_share - 0.26) / 0.11) ** 2)) + np.exp(-(((lane_share - 0.74) / 0.11) ** 2)))
    tracks += -5 * np.exp(-(((lane_share - 0.5) / 0.08) ** 2))
    luma += (_ASPHALT[0] + tracks + _wear(rng, x_m, rows) - luma) * road
    rough = (9 * fineness + 2) * (1 - gravel) + 14 * fineness * (gravel - road) + 6 * fineness * road
    luma += grain * rough
    edges = inside(0.07, 0.15) + inside(0.07, -0.15) + inside(0.10, 2 * LANE_M) + inside(0.10, -2 * LANE_M)
    dashes = inside(0.075, LANE_M) + inside(0.075, -LANE_M)
    paint = np.clip(_dashes(rows, texel_z_m)[:, None] * dashes + edges, 0, 1)
    worn = np.clip(0.90 + 0.05 * meadow + 0.07 * fineness * grain, 0.55, 1)
    luma += (_PAINT[0] - luma) * (paint * worn)
    chroma = np.empty((rows, _COLUMNS // 2, 2), np.float32)
    verge, gravel, road, paint = verge[:, ::2], gravel[::2], road[::2], paint[:, ::2]
    for plane in (0, 1):
        shade = _GRASS[1 + plane] + (_STRAW[1 + plane] - _GRASS[1 + plane]) * verge
        shade += (_GRAVEL[1 + plane] - shade) * gravel
        shade += (_ASPHALT[1 + plane] - shade) * road
        chroma[..., plane] = shade + (_PAINT[1 + plane] - shade) * paint
    return np.clip(luma, 0, 255).astype(np.uint8), np.clip(chroma, 0, 255).astype(np.uint8)


def _meadow_map(rng: np.random.Generator) -> F32:
    """Return the meadows' lighter and darker places over one period, the same for every band."""
    rows, columns = round(PERIOD_M / _MEADOW_CELL_M), round(2 * _MEADOW_REACH_M / _MEADOW_CELL_M)
    field = fractal_noise(rng, columns, rows * 2, cell_px=(18, 26), octaves=5)
    share = np.linspace(0, 1, rows, dtype=np.float32)[:, None]
    closed: F32 = (field[rows:] * (1 - share) + field[:rows] * share) / np.sqrt(share**2 + (1 - share) ** 2)
    return closed


def _sampled(meadow_map: F32, x_m: F32, rows: int) -> F32:
    """Return the meadows at the columns and rows of a band."""
    column = (x_m + _MEADOW_REACH_M) / _MEADOW_CELL_M - 0.5
    row = ((np.arange(rows) + 0.5) / rows * len(meadow_map) - 0.5).astype(np.float32)
    map_x, map_y = np.tile(column, (rows, 1)), np.repeat(row[:, None], len(column), axis=1)
    sampled: F32 = cv2.remap(meadow_map, map_x, map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)
    return sampled


def _dashes(rows: int, texel_z_m: float) -> F32:
    """Return which share of each row is dash."""
    fine = 16
    position_m = (np.arange(rows * fine) + 0.5) * texel_z_m / fine
    share: F32 = (position_m % _DASH_PERIOD_M < _DASH_M).reshape(rows, fine).mean(axis=1).astype(np.float32)
    return share


def _wear(rng: np.random.Generator, x_m: F32, rows: int) -> F32:
    """Return (rows, columns) lighter and darker spots, the same in every band: mended patches, cracks and joints."""
    columns = len(x_m)
    wear = np.zeros((rows, columns), np.float32)
    per_row = rows / PERIOD_M

    def fill(x0: float, z0: float, x1: float, z1: float, shade: float) -> None:
        left, right = np.searchsorted(x_m, (x0, x1))
        top, bottom = z0 * per_row, z1 * per_row
        share = np.clip(np.minimum(np.arange(rows) + 1, bottom) - np.maximum(np.arange(rows), top), 0, 1)
        wear[:, left:right] += (shade * share)[:, None].astype(np.float32)

    for _ in range(16):
        lane = rng.integers(-2, 2) * LANE_M
        x0, z0 = lane + rng.uniform(0.2, 1.6), rng.uniform(0, PERIOD_M - 12)
        fill(x0, z0, x0 + rng.uniform(0.8, 1.8), z0 + rng.uniform(2.5, 11), rng.uniform(-16, 6))
    for _ in range(12):
        z0 = rng.uniform(0, PERIOD_M - 1)
        fill(-ROAD_HALF_WIDTH_M, z0, ROAD_HALF_WIDTH_M, z0 + 0.12, -22)
    return wear
