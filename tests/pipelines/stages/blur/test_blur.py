"""What is private is unreadable in all that comes behind the stage."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.stages.blur.cascades import CascadeDetector
from pipelines.stages.blur.mosaic import hide
from pipelines.stages.blur.parts import are_private, private_parts
from pipelines.stages.blur.private_regions import PrivateRegions
from pipelines.stages.blur.stage import HOLD_S, Blur
from streamvision.core.config.app import parse_config
from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Frame, Result
from streamvision.core.picture import BgrPicture, YuvPicture
from support.fixed_networks import bright_cell_detector
from support.moving_boxes import found
from support.tiny_classifier import tiny_classifier

SIDE_PX = 256
CELL = (64, 96, 96, 128)
"""What the detector of bright cells calls a plate: one of its 8x8 cells."""


def striped(*, cells=(CELL,)):
    """A dark picture with bright stripes of two pixels in some cells, as the letters of a plate."""
    bgr = np.zeros((SIDE_PX, SIDE_PX, 3), np.uint8)
    for left, top, right, bottom in cells:
        bgr[top:bottom, left:right] = np.where(np.arange(right - left) // 2 % 2, 255, 150)[None, :, None]
    return bgr


def yuv(bgr):
    canvas = BgrPicture(bgr).to_canvas()
    return YuvPicture(canvas.y, canvas.u, canvas.v, full_range=True)


def contrast(bgr, box=CELL):
    """How far pixels differ from the mean of their neighbours: letters do, and steady shades do not."""
    left, top, right, bottom = box
    return float(np.abs(np.diff(bgr[top:bottom, left:right].astype(float), n=2, axis=1)).mean())


@pytest.fixture(scope="module")
def plates(tmp_path_factory):
    return bright_cell_detector(tmp_path_factory.mktemp("model") / "plates.onnx")


def result_of(bgr, pts_s=0.0, detections=None):
    frame = Frame(stream_id="a", index=0, picture=yuv(bgr), pts_s=pts_s, captured_at_s=0.0)
    return Result(frame, Detections.empty() if detections is None else detections)


@pytest.mark.parametrize("make", [BgrPicture, yuv])
def test_parts_are_unreadable_and_the_rest_is_as_it_was(make):
    picture = make(striped(cells=[CELL, (160, 160, 192, 192)]))
    before = picture.to_bgr().copy()
    hidden = hide(picture, np.array([CELL], np.float64)).to_bgr()
    assert contrast(before) > 40 and contrast(hidden) < 4
    assert contrast(hidden, (160, 160, 192, 192)) == contrast(before, (160, 160, 192, 192))
    assert np.array_equal(picture.to_bgr(), before)


def test_boxes_outside_thin_and_without_numbers_do_no_harm():
    picture = yuv(striped()[:255, :253])
    boxes = np.array([[-50, -50, 20, 20], [400, 400, 500, 500], [250, 250, 260, 260], [5, 5, 5, 50], [np.nan] * 4])
    hidden = hide(picture, boxes.astype(np.float64))
    assert (hidden.width_px, hidden.height_px) == (253, 255)
    assert hide(picture, np.zeros((0, 4))) is picture


def test_faces_and_plates_wholly_people_by_their_heads_and_vehicles_where_plates_are():
    names = ["face", "License-Plate", "person", "car", "stop"]
    boxes = np.array([[100, 100, 140, 140]] * 2 + [[100, 100, 140, 300]] + [[100, 100, 200, 200]] * 2, np.float64)
    face, plate, head, low = private_parts(names, boxes)
    assert (face == plate).all() and face[0] < 100 and face[3] > 140
    assert head[1] == 100 and 150 < head[3] < 180
    assert low[1] > 120 and low[3] == 200
    assert are_private(["stop", "bus"]) and not are_private(["stop", "crosswalk"])


def test_the_stage_hides_what_the_detector_and_the_running_model_find(plates):
    stage = Blur(PrivateRegions.open(plates), ("person",))
    picture = striped(cells=[CELL, (160, 160, 192, 192)])
    by_detector = result_of(striped())
    stage.process(by_detector)
    assert contrast(by_detector.frame.picture.to_bgr()) < 4
    stage.reset()
    person = result_of(np.where(picture > 0, picture // 4, 0).astype(np.uint8), detections=found((160, 160, 192, 280)))
    stage.process(person)
    assert contrast(person.frame.picture.to_bgr(), (164, 162, 188, 190)) < 4
    stage.close()


def test_what_was_found_is_hidden_for_a_moment_more(plates):
    stage = Blur(PrivateRegions.open(plates), ())
    dim = np.where(striped() > 0, striped() // 6, 0).astype(np.uint8)
    stage.process(result_of(striped(), pts_s=1.0))
    soon, late = result_of(dim, pts_s=1.0 + HOLD_S / 2), result_of(dim, pts_s=1.1 + HOLD_S)
    stage.process(soon)
    stage.process(late)
    assert contrast(soon.frame.picture.to_bgr()) < 2 < contrast(late.frame.picture.to_bgr())


def test_a_detector_of_nothing_private_is_refused(tmp_path):
    model = bright_cell_detector(tmp_path / "m.onnx")
    import onnx

    proto = onnx.load(model)
    for entry in proto.metadata_props:
        entry.value = entry.value.replace("plate", "stop")
    onnx.save(proto, tmp_path / "signs.onnx")
    with pytest.raises(ConfigError, match=r"finds stop: give one that finds faces"):
        PrivateRegions.open(tmp_path / "signs.onnx")


def test_a_classifier_hides_nothing_whatever_its_classes_are_called(tmp_path):
    import onnx

    proto = onnx.load(tiny_classifier(tmp_path / "c.onnx"))
    for entry in proto.metadata_props:
        entry.value = entry.value.replace("red", "face powder")
    onnx.save(proto, tmp_path / "powder.onnx")
    with pytest.raises(ConfigError, match=r"is one for classify, which finds no objects"):
        PrivateRegions.open(tmp_path / "powder.onnx")


def test_the_cascades_read_pictures_of_any_size():
    detector = CascadeDetector()
    for size in ((1, 1), (8, 300), (1100, 2000)):
        assert detector.find(np.zeros(size, np.uint8)).shape[1] == 4


def test_packets_of_the_camera_cannot_be_blurred():
    document = {"model": {"path": "m.onnx"}, "streams": [{"source": "a.mp4"}], "privacy": {"blur": True}}
    parse_config(document, origin="test")
    with pytest.raises(ConfigError, match="recording keeps the cameras' own packets"):
        parse_config(document | {"recording": {"mode": "continuous"}}, origin="test")
    streams = [{"source": "a.mp4", "recording": "events"}]
    with pytest.raises(ConfigError, match="recording keeps the cameras' own packets"):
        parse_config(document | {"streams": streams}, origin="test")


def test_positions_near_home_are_left_out():
    from pipelines.stages.hidden_places import HidePlaces
    from streamvision.core.hidden_place import HiddenPlace
    from streamvision.core.position import Position

    stage = HidePlaces([HiddenPlace.parse("50.0, 10.0, 300")])
    for north_m, is_hidden in ((0, True), (250, True), (-290, True), (700, False), (-5000, False)):
        result = result_of(striped())
        result.frame = replace(result.frame, position=Position(50 + north_m / 111_200, 10.0, "container"))
        stage.process(result)
        assert (result.frame.position is None) == is_hidden
