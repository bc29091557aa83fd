"""What holds for the whole picture, as it is drawn."""

import time
from dataclasses import replace

import numpy as np
import pytest

from pipelines.rendering.overlay import Overlay
from pipelines.rendering.palette import color_of
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.detections import Detections
from streamvision.core.frame import Frame, KeyFrame, Result
from streamvision.core.image_result import ImageResult
from streamvision.core.picture import BgrPicture, YuvPicture

NAMES = ("background", "road", "sky")
PLAIN = OverlayConfig(labels=False, trails_s=0, status=False)
WORDS = OverlayConfig(trails_s=0, status=False)


def draw(image_result, *, config=PLAIN, names=NAMES):
    picture = YuvPicture(
        np.full((180, 320), 60, np.uint8), np.full((90, 160), 128, np.uint8), np.full((90, 160), 128, np.uint8), True
    )
    result = Result(Frame("gate", 0, 0.0, time.monotonic(), picture), Detections.empty(), image_result)
    return Overlay(config, names).plan(result, fps=25).draw()


def test_classes_are_coloured_and_the_background_is_not():
    canvas = draw(ImageResult(class_map=np.array([[0, 1], [2, 9]], np.uint8)))
    assert canvas.y[45, 80] == 60 and canvas.u[20, 40] == 128
    assert canvas.y[45, 240] == pytest.approx((60 + color_of(1).y) / 2, abs=1)
    assert canvas.v[70, 40] == pytest.approx((128 + color_of(2).v) / 2, abs=1)
    assert canvas.y[135, 240] == 60  # a class without a name


def test_the_legend_names_what_is_there():
    class_map = np.array([[0, 1], [1, 1]], np.uint8)
    with_legend, without = (draw(ImageResult(class_map=class_map), config=config) for config in (WORDS, PLAIN))
    rows, columns = np.nonzero(with_legend.y != without.y)
    assert len(rows) and rows.max() < 40 and columns.min() > 200
    only_background = ImageResult(class_map=np.zeros((2, 2), np.uint8))
    assert (draw(only_background, config=WORDS).y == 60).all()


def test_near_is_red_and_far_is_blue():
    depth = np.linspace(1, 9, 64, dtype=np.float32).reshape(1, 64).repeat(36, axis=0)
    depth[0, 0] = np.nan
    canvas = draw(ImageResult(depth_map=depth))
    near, far = (canvas.u[60, 10], canvas.v[60, 10]), (canvas.u[60, 130], canvas.v[60, 130])
    assert near[1] > 140 > near[0] and far[0] > 140 > far[1], (near, far)


@pytest.mark.parametrize("level", [3.0, np.nan])
def test_a_depth_map_without_any_difference_is_drawn(level):
    assert draw(ImageResult(depth_map=np.full((4, 4), level, np.float32)), config=WORDS).y.shape == (180, 320)


def test_likely_classes_and_numbers_are_written_at_the_left():
    image_result = ImageResult(class_score=np.array([0.1, 0.7, 0.2], np.float32), values={"angle": 0.25})
    canvas = draw(image_result, config=WORDS)
    rows, columns = np.nonzero(canvas.y != 60)
    assert columns.max() < 160 and 40 < rows.max() < 80
    assert (draw(image_result, config=PLAIN).y == 60).all()
    with_unit = draw(replace(image_result, units={"angle": "deg"}), config=WORDS)
    assert np.count_nonzero(with_unit.y != 60) > len(rows)


def test_a_picture_that_a_network_made_goes_on_in_place_of_the_frame():
    made = BgrPicture(np.full((360, 640, 3), 200, np.uint8))
    canvas = draw(ImageResult(picture=made))
    assert canvas.y.shape == (360, 640) and (canvas.y == 200).all()


SENTENCE = "at dusk, a stop sign on the right, a truck coming towards us some way off and a car in our lane far away"


def rows_of(canvas):
    return np.flatnonzero((canvas.y != 60).any(axis=1))


def test_a_long_text_is_broken_into_lines_that_fit():
    short, long = (draw(ImageResult(text=text, text_score=0.9), config=WORDS) for text in ("a stop sign", SENTENCE))
    assert 3 * len(rows_of(short)) <= len(rows_of(long)) <= 6 * len(rows_of(short))
    assert rows_of(long).max() < 120


def test_a_sentence_of_a_key_frame_stands_below_the_name_of_its_model():
    heights = []
    for text in ("a van", SENTENCE):
        picture = YuvPicture(
            np.full((180, 320), 60, np.uint8),
            np.full((90, 160), 128, np.uint8),
            np.full((90, 160), 128, np.uint8),
            True,
        )
        frame = Frame("gate", 0, 0.0, time.monotonic(), picture)
        slow = KeyFrame("captions", ImageResult(text=text, text_score=0.9), NAMES, 0.4, {})
        canvas = Overlay(WORDS, NAMES).plan(Result(frame, Detections.empty(), key_frames=(slow,)), fps=25).draw()
        assert rows_of(canvas).min() > 70
        heights.append(len(rows_of(canvas)))
    assert heights[1] >= 4 * heights[0]
