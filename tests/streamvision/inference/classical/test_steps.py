"""Each step gives what OpenCV's own function gives, and says in a sentence what it does not take."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from numpy.typing import NDArray

from streamvision.core.config.classical import StepConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError
from streamvision.inference.classical.flow import changed, scene_flow
from streamvision.inference.classical.registry import STEPS, create_steps
from streamvision.inference.classical.step import Step, Work
from streamvision.synthetic.boxes import BoxesScene

SCENE = BoxesScene(160, 96, 10, 3)
FRAMES = [SCENE.picture_at(index).bgr for index in range(12)]
GRAYS = [cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY) for frame in FRAMES]


def step_of(text: Any) -> Step:
    config = StepConfig.model_validate(text)
    plugin = STEPS.get(config.name)
    return plugin.load()(plugin.options_of(config.options))  # type: ignore[no-any-return]


def masks(text: Any) -> list[NDArray[np.uint8]]:
    step, made = step_of(text), []
    for frame in FRAMES:
        work = Work(frame)
        step.apply(work)
        assert work.mask is not None and set(np.unique(work.mask)) <= {0, 255}
        made.append(work.mask)
    return made


def last_mask(text: Any) -> NDArray[np.uint8]:
    return masks(text)[-1]


@pytest.mark.parametrize("shadows", [True, False])
def test_background_models_are_opencvs(shadows: bool) -> None:
    mog2 = cv2.createBackgroundSubtractorMOG2(history=50, varThreshold=20, detectShadows=shadows)
    knn = cv2.createBackgroundSubtractorKNN(history=50, dist2Threshold=300, detectShadows=shadows)
    text = str(shadows).lower()
    ours = masks(f"mog2:history=50,var_threshold=20,detect_shadows={text}")
    for frame, mask in zip(FRAMES, ours, strict=True):
        assert_array_equal(mask == 255, mog2.apply(frame) == 255)
    assert ours[-1].any()
    ours = masks({"knn": {"history": 50, "dist2_threshold": 300, "detect_shadows": shadows, "learning_rate": 0.1}})
    for frame, mask in zip(FRAMES, ours, strict=True):
        assert_array_equal(mask == 255, knn.apply(frame, learningRate=0.1) == 255)
    assert ours[-1].any()


def test_flow_is_believed_where_something_changes() -> None:
    """On a road without texture flow is a guess, and a camera's iris is no motion; what moves is found on both."""
    rng = np.random.default_rng(2)
    patch = rng.integers(60, 255, (40, 60), np.uint8)

    def frame(left: int, light: int) -> Any:
        road = np.full((180, 320), 70 + light, np.uint8)
        road[70:110, left : left + 60] = cv2.blur(patch, (5, 5))
        return road

    before, now = frame(100, 0), frame(104, 9)
    for scene in (None, np.zeros((180, 320, 2), np.float32)):
        mask = changed(before, now, scene, 6)
        assert mask[75:105, 105:155].mean() > 200
        assert not mask[:55].any() and not mask[:, 190:].any()
    assert (changed(before, now, None, 0) == 255).all()
    panned = np.full((180, 320, 2), (4.0, 0.0), np.float32)  # what the camera's motion explains is no change
    assert not changed(frame(100, 0), frame(104, 0), panned, 6).any()


def test_flows_are_opencvs() -> None:
    before, now = GRAYS[-2:]
    dense = {
        "farneback:min_motion_px=0.5,min_change=0": cv2.calcOpticalFlowFarneback(
            before, now, None, 0.5, 3, 15, 3, 5, 1.2, 0
        ),
        "dis:min_motion_px=0.5,min_change=0": cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
            before, now, None
        ),
    }
    for text, flow in dense.items():
        expected = np.hypot(*np.moveaxis(flow, -1, 0)) >= 0.5
        mask = last_mask(text)
        assert np.mean((mask == 255) == expected) > 0.9999, text  # on the very edge the arithmetic may differ
        assert mask.any()
    assert_array_equal(last_mask("absdiff:thresh=20") == 255, cv2.absdiff(before, now) > 20)


def test_sparse_flow_marks_corners_that_opencv_follows() -> None:
    before, now = GRAYS[-2:]
    corners = cv2.goodFeaturesToTrack(before, 200, 0.01, 6.0)
    moved, status, _ = cv2.calcOpticalFlowPyrLK(before, now, corners, None, winSize=(21, 21), maxLevel=3)
    mask = last_mask("lucas_kanade:max_corners=200,radius_px=1")
    fast = (status[:, 0] == 1) & (np.linalg.norm((moved - corners)[:, 0], axis=1) >= 1)
    assert fast.any()
    inside = [(round(x), round(y)) for x, y in moved[fast, 0].tolist() if 0 <= round(x) < 160 and 0 <= round(y) < 96]
    assert all(mask[y, x] == 255 for x, y in inside)
    assert np.count_nonzero(mask) <= 5 * len(moved[fast])  # a circle of radius 1 has 5 pixels


def test_pixels_are_opencvs() -> None:
    frame, gray = FRAMES[-1], GRAYS[-1]
    hsv = cv2.cvtColor(frame, cv2.COLOR_BGR2HSV)
    _, otsu = cv2.threshold(gray, 0, 255, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    around = cv2.adaptiveThreshold(gray, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 21, -7)
    red = cv2.inRange(hsv, (170, 120, 80), (179, 255, 255)) | cv2.inRange(hsv, (0, 120, 80), (10, 255, 255))
    expected = {
        "in_range:lower=40/100/50,upper=80/255/255": cv2.inRange(hsv, (40, 100, 50), (80, 255, 255)),
        "in_range:lower=170/120/80,upper=10/255/255": red,
        "in_range:space=bgr,lower=0/0/0,upper=100/100/255": cv2.inRange(frame, (0, 0, 0), (100, 100, 255)),
        "threshold": otsu,
        "threshold:thresh=120,invert=true": np.where(gray > 120, 0, 255),
        "adaptive_threshold:block_size=21,c=7": around,
        "canny:threshold1=40,threshold2=90": cv2.Canny(gray, 40, 90),
    }
    for text, mask in expected.items():
        assert np.any(mask), text
        assert_array_equal(last_mask(text), mask, text)


@pytest.mark.parametrize(
    ("name", "operation"),
    [("erode", cv2.MORPH_ERODE), ("dilate", cv2.MORPH_DILATE), ("open", cv2.MORPH_OPEN), ("close", cv2.MORPH_CLOSE)],
)
def test_morphology_is_opencvs(name: str, operation: int) -> None:
    mask = cv2.Canny(GRAYS[0], 50, 150)
    work = Work(FRAMES[0], mask.copy())
    step_of(f"{name}:ksize=7,shape=rect,iterations=2").apply(work)
    assert_array_equal(work.mask, cv2.morphologyEx(mask, operation, np.ones((7, 7), np.uint8), iterations=2))


def test_smoothing_is_of_the_picture_and_then_of_the_mask() -> None:
    work = Work(FRAMES[0])
    step_of("blur:ksize=5").apply(work)
    step_of("median_blur:ksize=3").apply(work)
    assert_array_equal(work.picture, cv2.medianBlur(cv2.GaussianBlur(FRAMES[0], (5, 5), 0), 3))
    work = Work(FRAMES[0], cv2.Canny(GRAYS[0], 50, 150))
    before = work.mask
    step_of("median_blur:ksize=3").apply(work)
    assert_array_equal(work.mask, cv2.medianBlur(before, 3))
    assert_array_equal(work.picture, FRAMES[0])


def test_masks_narrow_each_other() -> None:
    work = Work(FRAMES[0])
    step_of("threshold:thresh=100").apply(work)
    step_of("canny").apply(work)
    assert_array_equal(work.mask, np.where(GRAYS[0] > 100, cv2.Canny(GRAYS[0], 50, 150), 0))


def test_contours_are_parts_of_the_mask_by_size_and_shape() -> None:
    mask = np.zeros((100, 200), np.uint8)
    mask[10:30, 10:50] = 255  # 40x20, full
    mask[15:20, 20:30] = 0  # a hole counts as inside
    mask[50:90, 60:64] = 255  # slim
    mask[60:62, 100:102] = 255  # small
    cv2.fillPoly(mask, [np.array([[120, 40], [180, 90], [120, 90]])], 255)  # half of its box
    work = Work(np.zeros((100, 200, 3), np.uint8), mask)
    step_of({"contours": {"min_area": 0.005, "min_aspect": 0.2, "name": "part"}}).apply(work)
    assert work.mask is None
    by_box = {one.box_xyxy_px: one for one in work.found}
    assert by_box.keys() == {(10, 10, 50, 30), (120, 40, 181, 91)}
    assert by_box[10, 10, 50, 30].score == 1.0 and by_box[10, 10, 50, 30].name == "part"
    assert by_box[120, 40, 181, 91].score == pytest.approx(0.5, abs=0.03)


def test_the_cameras_motion_is_taken_off() -> None:
    turn = cv2.getRotationMatrix2D((80, 48), 1.5, 1.02)
    y, x = np.mgrid[:96, :160].astype(np.float32)
    flow = np.stack(
        [turn[0, 0] * x + turn[0, 1] * y + turn[0, 2] - x, turn[1, 0] * x + turn[1, 1] * y + turn[1, 2] - y], 2
    )
    flow = flow.astype(np.float32)
    moving = flow.copy()
    moving[30:60, 40:80] += (4, -3)
    assert np.abs(scene_flow(moving) - flow).max() < 0.05


def refused(*steps: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        create_steps(validate(ModelConfig, {"path": "none", "steps": steps}, origin="test").steps)
    said = str(caught.value)
    assert "\n" not in said
    return said


def test_what_makes_no_sense_is_a_sentence() -> None:
    assert "'mog3' is no step: did you mean 'mog2'?" in refused("mog3")
    assert "did you mean 'history'?" in refused("mog2:histroy=3")
    assert "step 2, open, works on what an earlier step has marked, but none has" in refused("blur", "open", "contours")
    assert "step 3, close" in refused("mog2", "contours", "close", "contours")
    assert "makes no objects; let contours be the last" in refused("mog2", "contours", "canny")
    assert "4 is even; give 3 or 5" in refused("mog2", "open:ksize=4")
    assert "'history' has no value; give each setting with one, such as mog2:history=300" in refused("mog2:history")
    assert "lower (5, 200, 0) is above upper (5, 100, 0)" in refused("in_range:lower=5/200/0,upper=5/100/0")
    for level in (-1, 255, 10**400):
        assert "thresh" in refused(f"threshold:thresh={level}")
    assert "min_area is above max_area" in refused("mog2", "contours:min_area=0.5,max_area=0.1")


def test_short_forms_and_long_forms_are_the_same() -> None:
    long = StepConfig(name="mog2", options={"history": 300})
    assert StepConfig.model_validate({"mog2": {"history": 300}}) == long
    assert StepConfig.model_validate(long.model_dump(mode="json")) == long
    assert StepConfig.model_validate("mog2:history=300").options == {"history": "300"}
    assert StepConfig.model_validate({"mog2": None}) == StepConfig.model_validate("mog2") == StepConfig(name="mog2")
