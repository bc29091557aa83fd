from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from exporters.graph.nms import STEPS, FourOutputs, SelectBoxes, SelectedRows, split_yolo_v8
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.coco import COCO_NAMES
from streamvision.inference.heads.base import Candidates
from streamvision.inference.heads.yolo_detect import YoloEnd2EndHead, YoloV8Head
from streamvision.inference.model_card import InputCard, ModelCard
from streamvision.inference.nms import suppress
from streamvision.inference.preprocess import InputBatch
from streamvision.inference.tensors import TensorSpec
from support.reference_models import yolov8n_onnx

pytestmark = pytest.mark.reference

CARD = ModelCard(head="yolo_v8", names=COCO_NAMES, input=InputCard(width_px=640, height_px=640))
PICTURES = 6
IOU = 0.6


@pytest.fixture(scope="module")
def raw_outputs(data_dir: Path, reference_dir: Path) -> list[np.ndarray]:
    """Raw outputs (1, 84, 8400) of YOLOv8n on real pictures."""
    backend = OnnxRuntimeBackend(yolov8n_onnx(data_dir, reference_dir))
    batch = InputBatch(CARD.input, 1)
    raw = []
    for path in sorted((data_dir / "coco_val" / "images").glob("*.jpg"))[:PICTURES]:
        batch.put(0, BgrPicture(cv2.imread(str(path))))
        raw.append(backend.run(batch.tensor)[0].copy())
    return raw


@pytest.mark.parametrize("score", [0.25, 0.1])
def test_on_real_pictures_it_equals_greedy_suppression(raw_outputs: list[np.ndarray], score: float) -> None:
    raw_head = YoloV8Head(CARD, [TensorSpec("raw", (1, 84, 8400), "float32")])
    selected_head = YoloEnd2EndHead(CARD, [TensorSpec("rows", (1, 300, 6), "float32")])
    module = SelectedRows(torch.nn.Identity(), CARD)
    found = 0
    for raw in raw_outputs:
        (candidates,) = raw_head.decode([raw], score_threshold=score)
        greedy = candidates[suppress(candidates, iou=IOU, agnostic=False, max_detections=300)]
        (rows,) = selected_head.decode([module(torch.from_numpy(raw))[0].numpy()], score_threshold=score)
        np.testing.assert_allclose(rows.box_xyxy_px, greedy.box_xyxy_px, atol=1e-3)
        np.testing.assert_array_equal(rows.score, greedy.score)
        np.testing.assert_array_equal(rows.class_id, greedy.class_id)
        found += len(rows)
    assert found > 30, "hardly anything was compared"


def test_four_outputs_say_the_same_in_fractions_top_first(raw_outputs: list[np.ndarray]) -> None:
    raw = torch.from_numpy(raw_outputs[0])
    (rows,) = SelectedRows(torch.nn.Identity(), CARD)(raw)
    location, category, score, count = FourOutputs(torch.nn.Identity(), CARD)(raw)
    np.testing.assert_allclose(location[..., [1, 0, 3, 2]] * 640, rows[..., :4], rtol=1e-6)
    assert torch.equal(category, rows[..., 5])
    assert torch.equal(score, rows[..., 4])
    assert count.tolist() == [(rows[0, :, 4] > 0).sum().item()]


@pytest.mark.parametrize("unit", [1.0, 640.0])
def test_crowds_of_random_boxes_equal_greedy_suppression(unit: float) -> None:
    random = np.random.default_rng(3)
    for _ in range(20):
        corner = random.random((200, 2), np.float32) * 0.5
        boxes = np.hstack([corner, corner + 0.05 + 0.3 * random.random((200, 2), np.float32)]) * np.float32(unit)
        scores = random.random((200, 3), np.float32)
        found = SelectBoxes(side=unit, iou=0.5)(torch.from_numpy(boxes)[None], torch.from_numpy(scores)[None])
        all_boxes = Candidates(
            boxes * np.float32(640 / unit), scores.max(axis=1), scores.argmax(axis=1).astype(np.int32)
        )
        kept = suppress(all_boxes, iou=0.5, agnostic=False, max_detections=300)
        kept = kept[all_boxes.score[kept] >= 0.05]
        np.testing.assert_allclose(found.box_xyxy[0, : len(kept)], boxes[kept])
        assert not found.score[0, len(kept) :].any()


def _chain(links: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Boxes that each suppress the next and no other; greedy suppression keeps every second."""
    left = 20.0 * torch.arange(links)
    boxes = torch.stack([left, torch.zeros(links), left + 100, torch.full((links,), 50.0)], dim=1)
    return boxes[None], torch.linspace(0.9, 0.3, links)[None, :, None]


def test_a_chain_of_boxes_is_settled() -> None:
    boxes, scores = _chain(STEPS)
    found = SelectBoxes(side=640, rows=STEPS, candidates=STEPS)(boxes, scores)
    assert torch.equal(found.score[found.score > 0], scores[0, ::2, 0])


def test_a_chain_too_long_to_settle_leaves_duplicates_and_loses_nothing() -> None:
    boxes, scores = _chain(3 * STEPS)
    found = SelectBoxes(side=640)(boxes, scores)
    kept = set(found.score[found.score > 0].tolist())
    assert kept > set(scores[0, ::2, 0].tolist())


def test_boxes_of_other_classes_and_of_no_area_suppress_nothing() -> None:
    boxes = torch.tensor([[[0, 0, 10, 10], [0, 0, 10, 10], [3, 3, 3, 3], [3, 3, 3, 3]]], dtype=torch.float32)
    scores = torch.tensor([[[0.9, 0], [0, 0.8], [0.7, 0], [0.6, 0]]])
    found = SelectBoxes(side=640)(boxes, scores)
    assert found.score.tolist() == [pytest.approx([0.9, 0.8, 0.7, 0.6])]
    assert found.class_id.tolist() == [[0, 1, 0, 0]]


@pytest.mark.parametrize("unit", [1.0, 640.0])
def test_half_precision_gives_the_same_choice(unit: float) -> None:
    boxes = torch.tensor([[[0, 0, 1, 1], [0, 0, 0.99, 0.99], [0.5, 0.5, 0.51, 0.51], [0.5, 0.5, 0.511, 0.511]]]) * unit
    scores = torch.tensor([[[0.9], [0.8], [0.7], [0.6]]])
    found = SelectBoxes(side=unit)(boxes.half(), scores.half())
    assert (found.score > 0).sum() == 2


def test_what_else_comes_with_a_box_stays_with_it() -> None:
    boxes, scores = _chain(4)
    found = SelectBoxes(side=640)(boxes, scores, torch.arange(8.0).reshape(1, 4, 2))
    assert found.extra is not None
    assert found.extra.tolist() == [[[0, 1], [4, 5], [0, 0], [0, 0]]]


def test_other_values_of_a_raw_output_are_told_from_its_classes() -> None:
    raw = torch.arange(10.0)[None, :, None]
    boxes, scores, extra = split_yolo_v8(raw, classes=2)
    assert boxes.flatten().tolist() == [-1, -0.5, 1, 2.5]
    assert scores.flatten().tolist() == [4, 5]
    assert extra is not None
    assert extra.flatten().tolist() == [6, 7, 8, 9]
    assert split_yolo_v8(raw[:, :6], classes=2)[2] is None


def test_more_rows_than_candidates_are_refused() -> None:
    with pytest.raises(ValueError, match="rows is 300: it must be from 1 to the number of candidates, 100"):
        SelectBoxes(side=1, candidates=100)
