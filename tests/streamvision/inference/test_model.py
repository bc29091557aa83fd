from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, ModelError, UnknownHeadError
from streamvision.core.picture import BgrPicture
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import MAX_DYNAMIC_BATCH, Model
from streamvision.inference.score_limits import lowest_scores
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

PATH = Path("model.onnx")
BOXES = 84


class ScriptedBackend:
    """A network whose output is given, for what no real model does on demand; it keeps the tensors it was fed."""

    name, device, precision, metadata = "scripted", "cpu", "fp32", {}
    max_batch, useful_batch = None, 1

    def __init__(self, rows, *, batch=1):
        """``rows`` is the (7, 84) output for each picture, or a function of the picture's (3, 64, 64) tensor."""
        self._rows = rows
        self.input = TensorSpec("images", (batch, 3, 64, 64), "float32")
        self.outputs = (TensorSpec("output0", (batch, 7, BOXES), "float32"),)
        self.fed = []
        self.closed = False

    def run(self, tensor):
        self.fed.append(tensor.copy())
        return [np.stack([self._rows(t) if callable(self._rows) else self._rows for t in tensor])]

    def close(self):
        self.closed = True


def rows_of(*boxes):
    """Return an output with these boxes: cx, cy, w, h, score, class id."""
    rows = np.zeros((7, BOXES), np.float32)
    for column, (*box, score, class_id) in enumerate(boxes):
        rows[:4, column], rows[4 + class_id, column] = box, score
    return rows


def grey(level=0, *, width_px=64, height_px=64):
    return BgrPicture(np.full((height_px, width_px, 3), level, np.uint8))


def detector_of(rows, *, batch=1, score_floor=None, times=None, card=None, **config):
    backend = ScriptedBackend(rows, batch=batch)
    card = card or make_card("yolo_v8", dynamic_batch=batch is None, batch=batch or 1)
    return Model(backend, card, ModelConfig(path=PATH, **config), score_floor=score_floor, times=times), backend


THREE = rows_of((10, 10, 8, 8, 0.9, 0), (40, 40, 8, 8, 0.5, 1), (20, 50, 8, 8, 0.2, 2))


def scores(detections):
    return detections.score.astype(float).round(3).tolist()


def test_objects_come_best_first_in_the_picture_s_own_pixels():
    detector, _ = detector_of(THREE)
    (found,) = detector.detect([grey(width_px=128, height_px=64)])  # half size, 16 px of border above and below
    assert scores(found) == [0.5]  # the box of 0.9 lies in the border
    np.testing.assert_allclose(found.box_xyxy_px, [[72, 40, 88, 56]])
    (found,) = detector.detect([grey()])
    assert scores(found) == [0.9, 0.5]


def test_nothing_found_and_nothing_given():
    detector, backend = detector_of(rows_of())
    assert [len(d) for d in detector.detect([grey()])] == [0]
    assert detector.detect([]) == []
    assert len(backend.fed) == 1


@pytest.mark.parametrize(
    ("batch", "pictures", "calls"),
    [
        (1, 3, [1, 1, 1]),
        (4, 3, [4]),
        (4, 6, [4, 4]),
        (None, 3, [3]),
        (None, MAX_DYNAMIC_BATCH + 2, [MAX_DYNAMIC_BATCH, 2]),
    ],
)
def test_as_few_calls_as_the_batch_allows_and_each_picture_keeps_its_own(batch, pictures, calls):
    detector, backend = detector_of(lambda t: rows_of((32, 32, 8, 8, float(t.max()), 0)), batch=batch)
    levels = [100 + 5 * i for i in range(pictures)]
    found = detector.detect([grey(level) for level in levels])
    assert [len(tensor) for tensor in backend.fed] == calls
    np.testing.assert_allclose([d.score[0] for d in found], np.array(levels) / 255, rtol=1e-6)


def test_pictures_of_different_sizes_share_a_batch_and_slots_forget():
    detector, _ = detector_of(rows_of((32, 32, 64, 64, 0.9, 0)), batch=None)
    sizes = [(128, 64), (64, 128), (64, 64), (333, 500)]
    for order in (sizes, sizes[::-1], sizes[:1], sizes):
        found = detector.detect([grey(width_px=w, height_px=h) for w, h in order])
        assert [d.box_xyxy_px[0].round(2).tolist() for d in found] == [[0, 0, w, h] for w, h in order]


def test_thresholds_by_class_and_floor():
    by_class = {"c1": 0.6, "c2": 0.1}
    assert scores(detector_of(THREE, class_scores=by_class)[0].detect([grey()])[0]) == [0.9, 0.2]
    assert scores(detector_of(THREE, score_floor=0.1)[0].detect([grey()])[0]) == [0.9, 0.5, 0.2]
    floored = lowest_scores(ModelConfig(path=PATH, class_scores=by_class), ("c0", "c1", "c2"), score_floor=0.05)
    np.testing.assert_allclose(floored, [0.05, 0.6, 0.1])
    assert lowest_scores(ModelConfig(path=PATH), ("c0",), score_floor=0.9).tolist() == [0.25]


def test_only_the_wanted_classes_are_reported():
    (found,) = detector_of(THREE, classes=("c1",), score_floor=0.1)[0].detect([grey()])
    assert found.class_id.tolist() == [1]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"classes": ("c00",)}, "classes names 'c00'.*did you mean 'c0'"),
        ({"class_scores": {"zebra": 0.3}}, "class_scores names 'zebra'.*it has c0, c1, c2$"),
    ],
)
def test_an_unknown_class_is_refused_with_the_nearest(config, message):
    with pytest.raises(ConfigError, match=message):
        detector_of(THREE, **config)


TWINS = rows_of((30, 30, 20, 20, 0.9, 0), (31, 30, 20, 20, 0.8, 0), (30, 31, 20, 20, 0.7, 1))


def test_duplicates_are_dropped_within_a_class_or_across_them():
    assert scores(detector_of(TWINS)[0].detect([grey()])[0]) == [0.9, 0.7]
    assert scores(detector_of(TWINS, agnostic_nms=True)[0].detect([grey()])[0]) == [0.9]
    assert scores(detector_of(TWINS, iou=0.95)[0].detect([grey()])[0]) == [0.9, 0.8, 0.7]
    assert scores(detector_of(TWINS, max_detections=1)[0].detect([grey()])[0]) == [0.9]


def test_a_model_with_suppression_inside_is_taken_at_its_word():
    card = make_card("yolo_v8").model_copy(update={"nms_inside": True})
    (found,) = detector_of(TWINS, card=card, max_detections=2)[0].detect([grey()])
    assert scores(found) == [0.9, 0.8]


def test_nan_and_absurd_boxes_do_no_harm(recwarn):
    rows = rows_of((10, 10, 8, 8, 0.9, 0), (1e38, 0, 3e38, 9, 0.8, 1), (9, 9, -4, -4, 0.8, 0), (900, 9, 9, 9, 0.8, 2))
    rows[:, 4:9] = np.nan
    rows[:4, 9], rows[4, 9] = np.inf, 0.8
    (found,) = detector_of(rows)[0].detect([grey()])
    np.testing.assert_allclose(found.box_xyxy_px, [[6, 6, 14, 14], [0, 0, 64, 4.5]])
    assert not recwarn.list


def test_a_model_of_nothing_but_nan_finds_nothing():
    assert [len(d) for d in detector_of(np.full((7, BOXES), np.nan, np.float32))[0].detect([grey()])] == [0]


def test_an_output_of_another_shape_is_one_sentence():
    with pytest.raises(ModelError, match=r"returned \(1, 5, 84\).*check the exported file"):
        detector_of(np.zeros((5, BOXES), np.float32))[0].detect([grey()])


def test_each_stage_is_timed_once_a_call():
    times = StageTimes()
    detector, _ = detector_of(THREE, batch=None, times=times)
    detector.detect([grey()] * 3)
    counts = {name: seconds.count for name, seconds in times.distributions().items()}
    assert counts == {"preprocess": 1, "inference": 1, "decode_nms": 1}


def test_closing_releases_the_model():
    detector, backend = detector_of(THREE)
    with detector:
        assert detector.describe() == "model.onnx: yolo_v8, 3 classes, 64x64, scripted on cpu, fp32"
    assert backend.closed


@pytest.fixture(scope="module")
def yolox(data_dir):
    with Model.open(ModelConfig(path=data_dir / "models" / "yolox_nano.onnx")) as detector:
        yield detector


def test_it_is_described_in_one_line(yolox):
    assert yolox.describe() == "yolox_nano.onnx: yolox, 80 classes, 416x416, onnxruntime on cpu, fp32"
    assert yolox.max_batch == 1 and len(yolox.names) == 80


def test_it_finds_what_people_labelled(yolox, data_dir):
    """Large labelled objects, found with the right class at an IoU of 0.5: most of them, even for a nano model."""
    large = found_again = 0
    for path in sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:16]:
        bgr = cv2.imread(str(path))
        labels = np.loadtxt(data_dir / "coco_val" / "labels" / f"{path.stem}.txt", ndmin=2)
        (found,) = yolox.detect([BgrPicture(bgr)])
        for class_id, *box in labels:
            if box[2] * box[3] > 0.1:
                large += 1
                found_again += best_overlap(box, class_id, found, bgr.shape) > 0.5
    assert large > 10
    assert found_again / large > 0.6


def test_it_sees_the_car_in_the_traffic_video(yolox, data_dir):
    capture = cv2.VideoCapture(str(data_dir / "videos" / "car-detection.mp4"))
    frames = [capture.read()[1] for _ in range(101)]
    capture.release()
    (found,) = yolox.detect([BgrPicture(frames[100])])
    vehicles = [o for o in found.objects(yolox.names) if o["class_name"] in ("car", "truck", "bus")]
    assert vehicles
    left, top, right, bottom = vehicles[0]["box_xyxy_px"]
    assert 260 < left < 300 and top < 20 and 380 < right < 420 and 60 < bottom < 100


def test_a_model_of_another_head_is_refused_and_released(data_dir):
    with pytest.raises(UnknownHeadError, match="yolo_v8"):
        Model.open(ModelConfig(path=data_dir / "models" / "yolox_nano.onnx", head="yolo_v8"))


def best_overlap(center_box, class_id, found, shape):
    """Return the best IoU of a YOLO label with the found objects of its class."""
    x, y, width, height = np.array(center_box) * np.array([shape[1], shape[0]] * 2)
    boxes = found.box_xyxy_px[found.class_id == class_id]
    if not len(boxes):
        return 0.0
    low = np.maximum(boxes[:, :2], [x - width / 2, y - height / 2])
    high = np.minimum(boxes[:, 2:], [x + width / 2, y + height / 2])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    return float((common / (np.prod(boxes[:, 2:] - boxes[:, :2], axis=1) + width * height - common)).max())


def test_classes_are_given_by_name_or_number():
    assert ModelConfig(path=PATH, classes=[2, "car"], class_scores={"0": 0.5}).classes == ("2", "car")
    config = ModelConfig(path=PATH, classes=[2, "car"], class_scores={"2": 0.5}, score=0.25)
    assert lowest_scores(config, ("person", "car", "bus"), score_floor=None).tolist() == [np.inf, 0.25, 0.5]
    # Where classes are called by numbers, it is the name that counts.
    named = ModelConfig(path=PATH, classes=[2])
    assert np.isfinite(lowest_scores(named, ("2", "1", "0"), score_floor=None)).tolist() == [True, False, False]
    with pytest.raises(ConfigError, match="classes names '3', which is not a class of this model"):
        lowest_scores(ModelConfig(path=PATH, classes=[3]), ("person", "car", "bus"), score_floor=None)
