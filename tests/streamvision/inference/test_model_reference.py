"""The promise that detections equal those of the network's own reference, on real pictures, on every runtime."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.model import Model
from support.detection_sets import Agreement
from support.reference_models import yolov8n_onnx, yolov8n_openvino
from support.ultralytics_reference import ultralytics_detections
from support.yolox_reference import yolox_detections

pytestmark = [pytest.mark.reference, pytest.mark.slow]

SCORE = 0.25
ULTRALYTICS_IOU = 0.7  # its predictor's default
YOLOX_IOU = 0.45  # its demo's default
BATCH = 6  # pictures of different sizes; in one call where the model takes any number
TFLITE = "models/yolov8n_coco_dynamic_int8.tflite"


@pytest.fixture(scope="module")
def pictures(data_dir):
    paths = sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[::3]
    return {path: cv2.imread(str(path)) for path in paths}


@pytest.fixture(scope="module")
def of_both_shapes(data_dir, pictures):
    """What ultralytics finds with the weights themselves, in torch: in squares, and in rectangles."""
    weights = data_dir / "models" / "yolov8n_coco.pt"
    return ultralytics_detections(weights, list(pictures), score=SCORE, iou=ULTRALYTICS_IOU)


@pytest.fixture(scope="module")
def of_weights(of_both_shapes):
    return of_both_shapes[0]


@pytest.fixture(scope="module")
def of_weights_rect(of_both_shapes):
    """In rectangles, which is ultralytics' default for a single picture."""
    return of_both_shapes[1]


def agreement(config, pictures, reference):
    agreement = Agreement(score_threshold=SCORE)
    with Model.open(config) as detector:
        paths = list(pictures)
        for batch in (paths[at : at + BATCH] for at in range(0, len(paths), BATCH)):
            for path, found in zip(batch, detector.detect([BgrPicture(pictures[p]) for p in batch]), strict=True):
                rows = np.column_stack([found.box_xyxy_px, found.score, found.class_id]).astype(np.float64)
                agreement.add(path.stem, rows, reference[path])
    return agreement


def assert_equal_detections(figures, *, at_least):
    print(figures)
    assert not figures.unmatched
    assert figures.pairs >= at_least, "hardly anything was compared"
    assert figures.min_iou >= 0.99
    assert figures.max_score_difference <= 0.01


def test_yolov8n_on_onnx_runtime(data_dir, reference_dir, pictures, of_weights):
    model = yolov8n_onnx(data_dir, reference_dir)
    figures = agreement(ModelConfig(path=model, iou=ULTRALYTICS_IOU), pictures, of_weights)
    assert_equal_detections(figures, at_least=90)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_yolov8n_of_free_size_equals_the_rectangular_predict(
    data_dir, reference_dir, pictures, of_weights_rect, backend
):
    pytest.importorskip(backend)
    model = yolov8n_onnx(data_dir, reference_dir, dynamic=True)
    figures = agreement(ModelConfig(path=model, backend=backend, iou=ULTRALYTICS_IOU), pictures, of_weights_rect)
    assert_equal_detections(figures, at_least=90)


def test_the_comparison_notices_squares_where_rectangles_belong(data_dir, reference_dir, pictures, of_weights_rect):
    """Twin: a square input is close to a rectangular one, but not the same."""
    some = dict(list(pictures.items())[:12])
    figures = agreement(ModelConfig(path=yolov8n_onnx(data_dir, reference_dir)), some, of_weights_rect)
    assert figures.unmatched or figures.min_iou < 0.99 or figures.max_score_difference > 0.01


def test_yolov8n_with_suppression_inside(data_dir, reference_dir, pictures, of_weights):
    figures = agreement(ModelConfig(path=yolov8n_onnx(data_dir, reference_dir, nms=True)), pictures, of_weights)
    assert_equal_detections(figures, at_least=90)


def test_yolov8n_on_openvino(data_dir, reference_dir, pictures, of_weights):
    pytest.importorskip("openvino")
    model = yolov8n_openvino(data_dir, reference_dir)
    figures = agreement(ModelConfig(path=model, iou=ULTRALYTICS_IOU), pictures, of_weights)
    assert_equal_detections(figures, at_least=90)


def test_yolov8n_on_litert(data_dir, pictures):
    """The file is quantised, so the yardstick is ultralytics with that same file."""
    pytest.importorskip("ai_edge_litert")
    (reference,) = ultralytics_detections(data_dir / TFLITE, list(pictures), score=SCORE, iou=ULTRALYTICS_IOU)
    figures = agreement(ModelConfig(path=data_dir / TFLITE, iou=ULTRALYTICS_IOU), pictures, reference)
    assert_equal_detections(figures, at_least=90)


@pytest.mark.parametrize("backend", ["onnxruntime", "openvino"])
def test_yolox_nano(data_dir, pictures, backend):
    pytest.importorskip(backend)
    model = data_dir / "models" / "yolox_nano.onnx"
    network = onnx_network(model)
    reference = {
        path: yolox_detections(network, bgr, side_px=416, score=SCORE, iou=YOLOX_IOU) for path, bgr in pictures.items()
    }
    figures = agreement(ModelConfig(path=model, backend=backend, iou=YOLOX_IOU), pictures, reference)
    assert_equal_detections(figures, at_least=75)


def test_the_comparison_notices_swapped_colours(data_dir, reference_dir, pictures, of_weights):
    """Twin: with the colours' order swapped, as a wrong card would have it, the detections no longer agree."""
    model = yolov8n_onnx(data_dir, reference_dir)
    swapped = {path: np.ascontiguousarray(bgr[..., ::-1]) for path, bgr in list(pictures.items())[:12]}
    figures = agreement(ModelConfig(path=model, iou=ULTRALYTICS_IOU), swapped, of_weights)
    assert figures.unmatched or figures.min_iou < 0.99


def onnx_network(model: Path):
    import onnxruntime

    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda tensor: session.run(None, {name: tensor})[0]
