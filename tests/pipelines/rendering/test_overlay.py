from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.palette import UNCONFIRMED, color_of
from pipelines.rendering.renderer import JpegEncoder
from pipelines.rendering.yuv_drawing import YuvDrawing
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture, Canvas, Picture, YuvPicture

NAMES = ("person", "car", "人")
BOXES_ONLY = OverlayConfig(labels=False, trails_s=0, status=False)
NOTHING = OverlayConfig(boxes=False, labels=False, trails_s=0, status=False)


def flat(level: int = 128, width_px: int = 640, height_px: int = 360) -> YuvPicture:
    half = ((height_px + 1) // 2, (width_px + 1) // 2)
    return YuvPicture(
        np.full((height_px, width_px), level, np.uint8),
        np.full(half, 128, np.uint8),
        np.full(half, 128, np.uint8),
        full_range=True,
    )


def found(*boxes: tuple[float, float, float, float], identity: int | str | None = 12, class_id: int = 1) -> Detections:
    count = len(boxes)
    track_id = None
    if identity != "untracked":
        track_id = np.ma.array([identity or 0] * count, mask=[identity is None] * count, dtype=np.int64)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.full(count, 0.87, np.float32),
        np.full(count, class_id, np.int32),
        track_id,
    )


def draw(picture: Picture, detections: Detections, config: OverlayConfig = BOXES_ONLY, *, fps: float = 25.0) -> Canvas:
    frame = Frame("gate", 0, 0.0, time.monotonic(), picture)
    return Overlay(config, NAMES).plan(Result(frame, detections), fps=fps).draw()


def changed(canvas: Canvas, picture: Picture) -> np.ndarray:
    """Return where luma or chroma differs from the plain picture, at full size."""
    plain = picture.to_canvas()
    luma = canvas.y != plain.y
    chroma = (canvas.u != plain.u) | (canvas.v != plain.v)
    return luma | np.repeat(np.repeat(chroma, 2, 0), 2, 1)[: luma.shape[0], : luma.shape[1]]


def test_a_box_changes_pixels_on_its_edges_and_nowhere_else() -> None:
    picture = flat()
    touched = changed(draw(picture, found((100, 80, 300, 240))), picture)
    assert touched[80, 100:300].all()
    assert touched[240, 100:300].all()
    assert touched[80:240, 100].all()
    assert touched[80:240, 300].all()
    assert not touched[90:230, 110:290].any()
    touched[74:247, 94:307] = False
    assert not touched.any()


def test_the_decoders_planes_are_never_written_to() -> None:
    picture = flat()
    for plane in (picture.y, picture.u, picture.v):
        plane.flags.writeable = False
    before = [plane.copy() for plane in (picture.y, picture.u, picture.v)]
    draw(picture, found((10, 10, 200, 200)), OverlayConfig())
    for plane, old in zip((picture.y, picture.u, picture.v), before, strict=True):
        assert (plane == old).all()


def test_everything_switched_off_leaves_the_picture_as_it_is() -> None:
    picture = flat()
    assert not changed(draw(picture, found((10, 10, 200, 200)), NOTHING), picture).any()


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_box_stands_out_on_any_brightness(level: int) -> None:
    canvas = draw(flat(level), found((100, 80, 300, 240)))
    across = canvas.y[160, 90:112].astype(int)
    assert int(across.max()) - int(across.min()) > 80


def test_a_confirmed_object_has_its_identitys_colour_and_a_solid_line() -> None:
    canvas = draw(flat(), found((100, 80, 300, 240), identity=5))
    color = color_of(5)
    assert (canvas.y[79, 104:296] == color.y).all()
    assert (canvas.u[39, 52:148] == color.u).all()
    assert (canvas.v[39, 52:148] == color.v).all()


def test_an_unconfirmed_object_is_dashed_and_has_no_identitys_colour() -> None:
    canvas = draw(flat(), found((100, 80, 300, 240), identity=None))
    on = canvas.y[79, 104:296] == UNCONFIRMED.y
    assert 0.3 < on.mean() < 0.7


def test_without_a_tracker_lines_are_solid_and_coloured_by_class() -> None:
    canvas = draw(flat(), found((100, 80, 300, 240), identity="untracked", class_id=1))
    assert (canvas.y[79, 104:296] == color_of(1).y).all()


@pytest.mark.parametrize("identity", [12, None])
@pytest.mark.parametrize(("width_px", "height_px"), [(640, 360), (641, 359), (33, 17), (2, 2), (1, 1), (1081, 1921)])
def test_boxes_and_labels_at_borders_and_beyond_are_clipped(
    width_px: int, height_px: int, identity: int | None
) -> None:
    picture = flat(width_px=width_px, height_px=height_px)
    boxes = [
        (-50, -50, 10, 10),
        (width_px - 8, -9, width_px + 90, 12),
        (width_px - 3, height_px - 3, width_px, height_px),
        (-9, height_px - 5, 20, height_px + 400),
        (0, 0, width_px, height_px),
        (width_px + 5, 5, width_px + 50, 50),
        (5, 5, 5, 5),
        (np.nan, 0, 9, 9),
        (-np.inf, 3, np.inf, 9),
    ]
    canvas = draw(picture, found(*boxes, identity=identity), OverlayConfig())
    assert canvas.y.shape == (height_px, width_px)
    assert JpegEncoder()(canvas)[:2] == b"\xff\xd8"


def test_ever_new_objects_soon_take_no_more_memory() -> None:
    drawing = YuvDrawing(flat(width_px=1280, height_px=720).to_canvas())

    def draw(identities: range) -> int:
        for identity in identities:
            drawing.outline((0, 0, 20 + identity % 1200, 20 + identity % 600), UNCONFIRMED, line_px=2, dashed=True)
            drawing.text(f"car {identity}")
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        soon_bytes = draw(range(2000, 3100))
        assert draw(range(3100, 4500)) - soon_bytes < 200_000
    finally:
        tracemalloc.stop()


def test_objects_outside_the_picture_are_not_drawn() -> None:
    picture = flat()
    outside = found((700, 10, 800, 90), (-90, 10, -5, 90), (50, 50, 50, 80), (np.nan, 1, 40, 40))
    config = OverlayConfig(status=False)
    assert not changed(draw(picture, outside, config), picture).any()


def test_a_label_is_drawn_whole_and_inside_where_its_box_touches_the_corner() -> None:
    picture = flat()
    config = OverlayConfig(boxes=False, trails_s=0, status=False)
    middle = changed(draw(picture, found((300, 150, 400, 250)), config), picture)
    corner = changed(draw(picture, found((560, 0, 640, 90)), config), picture)
    assert corner.sum() == pytest.approx(middle.sum(), rel=0.1)


def test_a_confirmed_object_says_more_than_an_unconfirmed_one() -> None:
    picture = flat()
    config = OverlayConfig(boxes=False, trails_s=0, status=False)
    widths = []
    for identity in (12345, None):
        touched = changed(draw(picture, found((300, 150, 400, 250), identity=identity), config), picture)
        columns = np.flatnonzero(touched.any(axis=0))
        widths.append(columns[-1] - columns[0])
    assert widths[0] > widths[1] + 20


def test_class_names_that_cannot_be_drawn_or_do_not_exist_still_get_a_label() -> None:
    picture = flat()
    config = OverlayConfig(boxes=False, trails_s=0, status=False)
    for class_id in (2, 77):
        assert changed(draw(picture, found((300, 150, 400, 250), class_id=class_id), config), picture).any()


def test_a_trail_appears_behind_a_moving_object_and_goes_with_the_segment() -> None:
    overlay = Overlay(OverlayConfig(boxes=False, labels=False, status=False), NAMES)
    picture = flat()
    for step in range(10):
        frame = Frame("gate", step, step / 10, time.monotonic(), picture)
        annotation = overlay.plan(Result(frame, found((30 + 20 * step, 100, 70 + 20 * step, 200))), fps=10)
    touched = changed(annotation.draw(), picture)
    assert touched[196:204, 60:220].any(axis=0).all()
    assert not touched[:190].any()

    after = Frame("gate", 10, 1.0, time.monotonic(), picture, segment=1)
    assert not changed(overlay.plan(Result(after, found((230, 100, 270, 200))), fps=10).draw(), picture).any()


def test_an_object_that_stands_still_leaves_no_scribble() -> None:
    overlay = Overlay(OverlayConfig(boxes=False, labels=False, status=False), NAMES)
    picture = flat()
    for step in range(10):
        frame = Frame("gate", step, step / 10, time.monotonic(), picture)
        annotation = overlay.plan(Result(frame, found((30 + step % 3, 100, 70, 200))), fps=10)
    assert not changed(annotation.draw(), picture).any()


def test_an_annotation_drawn_late_shows_what_was_planned() -> None:
    overlay = Overlay(OverlayConfig(status=False), NAMES)
    picture = flat()
    annotations = []
    for step in range(8):
        frame = Frame("gate", step, step / 8, time.monotonic(), picture)
        annotations.append(overlay.plan(Result(frame, found((30 + 30 * step, 100, 70 + 30 * step, 200))), fps=8))
        if step == 4:
            at_once = annotations[-1].draw()
    late = annotations[4].draw()
    assert (late.y == at_once.y).all()
    assert (late.u == at_once.u).all()


def test_the_status_line_sits_in_its_corner_and_grows_with_the_picture() -> None:
    only_status = OverlayConfig(boxes=False, labels=False, trails_s=0, status=True)
    heights = []
    for width_px, height_px in ((640, 360), (1920, 1080), (3840, 2160)):
        picture = flat(width_px=width_px, height_px=height_px)
        rows, columns = np.nonzero(changed(draw(picture, Detections.empty(), only_status), picture))
        assert rows.max() < height_px * 0.08
        assert columns.max() < width_px * 0.5
        heights.append(int(rows.max() - rows.min()))
    assert heights == sorted(set(heights))


def test_white_stays_white_and_a_red_box_is_red_in_the_jpeg() -> None:
    limited = YuvPicture(
        np.full((1080, 1920), 235, np.uint8), np.full((540, 960), 128, np.uint8), np.full((540, 960), 128, np.uint8)
    )
    red = max(range(1, 9), key=lambda key: color_of(key).v - color_of(key).y)
    jpeg = JpegEncoder(90)(draw(limited, found((100, 80, 300, 240), identity=red)))
    bgr = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR).astype(int)
    assert (bgr[800, 1500] >= 253).all()
    assert np.abs(bgr[79:81, 110:290].mean(axis=(0, 1)) - (15, 59, 209)).max() <= 20


def test_a_picture_that_arrived_as_bgr_is_drawn_on_too() -> None:
    picture = BgrPicture(np.full((359, 641, 3), (10, 120, 240), np.uint8))
    canvas = draw(picture, found((100, 80, 300, 240)), OverlayConfig())
    bgr = cv2.imdecode(np.frombuffer(JpegEncoder(95)(canvas), np.uint8), cv2.IMREAD_COLOR)
    assert bgr.shape == (359, 641, 3)
    assert np.abs(bgr[300, 500].astype(int) - (10, 120, 240)).max() <= 4
    assert (picture.bgr == (10, 120, 240)).all()


def test_on_a_real_video_only_the_drawing_differs(data_dir: Path) -> None:
    with av.open(str(data_dir / "videos" / "car-detection.mp4")) as container:
        decoded = next(container.decode(video=0))
    planes = [
        np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: plane.height, : plane.width]
        for plane in decoded.planes
    ]
    picture = YuvPicture(*planes, owner=decoded)
    touched = changed(draw(picture, found((300, 150, 400, 250)), OverlayConfig(status=False)), picture)
    assert touched.any()
    touched[120:260, 290:410] = False
    assert not touched.any()
