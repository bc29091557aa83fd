"""Sources that are ultralytics checkpoints: the card says how to feed and read them, the module gives what it says."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("ultralytics")

import torch

from streamvision.checkpoints import open_source
from streamvision.checkpoints.ultralytics import LICENCE
from streamvision.core.errors import ConfigError
from streamvision.core.picture import BgrPicture
from streamvision.inference.card_reader import read_card
from streamvision.inference.heads.registry import create_head
from streamvision.inference.preprocess import InputBatch
from support.float_arithmetic import assert_same_network
from support.random_sources import random_source

pytestmark = pytest.mark.reference

SIZE_PX = (96, 64)
ANCHORS = 96 * 64 // 64 + 96 * 64 // 256 + 96 * 64 // 1024


@pytest.mark.parametrize(
    ("architecture", "head", "shapes"),
    [
        ("yolov8n.yaml", "yolo_v8", [(84, ANCHORS)]),
        ("yolo26n.yaml", "yolo_v8", [(84, ANCHORS)]),
        ("yolov8n-seg.yaml", "yolo_seg", [(116, ANCHORS), (32, 16, 24)]),
        ("yolo26n-seg.yaml", "yolo_seg", [(116, ANCHORS), (32, 16, 24)]),
        ("yolo11n-pose.yaml", "yolo_pose", [(135, ANCHORS)]),
        ("yolo26n-obb.yaml", "yolo_obb", [(85, ANCHORS)]),
        ("yolov8n-cls.yaml", "classify", [(1000,)]),
        ("yolov8n-rtdetr.yaml", "rtdetr", [(300, 6)]),
        ("yolo26n-sem.yaml", "semantic", [(19, 8, 12)]),
        ("yolo26n-depth.yaml", "depth", [(1, 64, 96)]),
    ],
)
def test_every_task_has_its_head_and_raw_outputs(architecture: str, head: str, shapes: list[tuple[int, ...]]) -> None:
    source = random_source(architecture)
    assert source.card.head == head
    outputs = source.module()(torch.zeros(2, 3, SIZE_PX[1], SIZE_PX[0]))
    assert [tuple(output.shape[1:]) for output in outputs] == shapes
    assert len(source.output_names) == len(shapes)


def test_queries_are_found_where_ultralytics_finds_them(data_dir: Path) -> None:
    from ultralytics import RTDETR

    side_px, conf = 160, 0.9
    source = random_source("yolov8n-rtdetr.yaml", (side_px, side_px))
    theirs = RTDETR("yolov8n-rtdetr.yaml")
    weights = source.stored_weights().items()
    theirs.model.load_state_dict({name.removeprefix("network."): torch.from_numpy(w) for name, w in weights})
    bgr = cv2.imread(str(data_dir / "coco_val" / "images" / "000000001000.jpg"))
    threads = torch.get_num_threads()
    expected = theirs.predict(bgr, imgsz=side_px, conf=conf, device="cpu", verbose=False)[0].boxes.data.numpy()
    torch.set_num_threads(threads)  # it sets a number of its own, and the last bit of sums depends on it

    batch = InputBatch(source.card.input, 1)
    place = batch.put(0, BgrPicture(bgr))
    backend = source.backend(size_px=(side_px, side_px))
    head = create_head(source.card, backend.outputs)
    outputs = backend.run(batch.tensor)
    (found,) = head.decode(outputs, score_threshold=conf)
    ours = head.complete(found, outputs, index=0, letterbox=place)
    assert len(ours) >= 20
    height_px, width_px = bgr.shape[:2]
    within = np.clip(expected[:, :4], 0, [width_px, height_px] * 2)
    assert_same_network(ours.box_xyxy_px, within)
    assert_same_network(ours.score, expected[:, 4])
    np.testing.assert_array_equal(ours.class_id, expected[:, 5])


def test_the_card_of_a_checkpoint(data_dir: Path) -> None:
    card = open_source(data_dir / "models" / "yolov8n_coco.pt", size_px=(640, 370)).card
    assert (card.task, card.head, card.licence, card.nms_inside) == ("detect", "yolo_v8", LICENCE, False)
    assert card.names[:2] == ("person", "bicycle")
    assert (card.input.width_px, card.input.height_px, card.input.stride_px) == (640, 384, 32)


def test_pose_knows_its_keypoints_and_classifiers_cut_out_the_middle() -> None:
    pose = random_source("yolo11n-pose.yaml").card
    assert pose.keypoints is not None
    assert (pose.keypoints.names[0], len(pose.keypoints.names), len(pose.keypoints.skeleton)) == ("nose", 17, 19)
    classify = open_source("yolov8n-cls.yaml", random_weights=0, size_px=(128, 128)).card
    assert (classify.input.resize, classify.input.crop_short_side_px) == ("crop_center", 128)


def test_an_end_to_end_detector_is_read_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    from ultralytics.nn.modules import Detect

    monkeypatch.setattr(Detect, "_end2end", True, raising=False)
    source = open_source("yolo26n.yaml", random_weights=0)
    assert (source.card.head, source.card.nms_inside) == ("yolo_end2end", True)
    assert tuple(source.module()(torch.zeros(1, 3, 320, 320))[0].shape) == (1, 300, 6)


def test_the_folded_module_computes_what_the_checkpoint_does(data_dir: Path) -> None:
    source = open_source(data_dir / "models" / "yolov8n_coco.pt")
    truth = source.backend(size_px=SIZE_PX)
    pictures = np.random.default_rng(0).random((2, 3, SIZE_PX[1], SIZE_PX[0]), np.float32)
    expected = truth.run(pictures)[0]
    assert_same_network(source.module()(torch.from_numpy(pictures))[0].numpy(), expected, axis=1)
    card = read_card(truth, path=source.path)
    assert (card.input.width_px, card.input.height_px, card.input.dynamic_batch) == (*SIZE_PX, True)
    create_head(card, truth.outputs)


def test_random_weights_depend_on_the_seed_alone() -> None:
    pictures = torch.rand(1, 3, 64, 64)
    first = random_source("yolov8n.yaml").module()(pictures)[0]
    again, other = (open_source("yolov8n.yaml", random_weights=seed).module()(pictures)[0] for seed in (1, 2))
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)
    assert 0.1 < float(first[:, 4:].max()) < 1


def test_names_must_be_as_many_as_classes(data_dir: Path) -> None:
    with pytest.raises(ConfigError, match="has 80 classes, but 2 names were given"):
        open_source(data_dir / "models" / "yolov8n_coco.pt", names=("a", "b"))
