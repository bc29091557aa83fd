"""Sources that are torchvision models, compared with torchvision itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("torchvision")

import onnx
import onnx.numpy_helper
import torch
import torchvision

from streamvision.checkpoints import open_source
from streamvision.checkpoints.torchvision import TorchvisionSource
from streamvision.checkpoints.torchvision_build import TorchvisionNetwork, build_named
from streamvision.core.errors import ConfigError, ExportError, ModelError
from streamvision.training.torchvision_run import build_detector
from support.float_arithmetic import assert_same_network
from support.random_sources import random_source

pytestmark = pytest.mark.reference

DETECTOR = "ssdlite320_mobilenet_v3_large"
TWO_STAGES = "fasterrcnn_mobilenet_v3_large_320_fpn"


def pictures(width: int, height: int, count: int = 1) -> Any:
    coarse = torch.rand(count, 3, height // 16, width // 16, generator=torch.Generator().manual_seed(3))
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bicubic").clamp(0, 1)


@pytest.fixture(scope="module")
def detector_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The state dict of a detector of 4 classes, as its user would have it."""
    path = tmp_path_factory.mktemp("weights") / "four.pth"
    network = torchvision.models.get_model(DETECTOR, weights=None, weights_backbone=None, num_classes=5)
    torch.save(network.state_dict(), path)
    return path


def test_rows_are_what_torchvision_finds_in_the_same_pixels() -> None:
    built = build_named(TWO_STAGES, weights=None, seed=1)
    picture = pictures(320, 192)
    built.network.transform.min_size, built.network.transform.max_size = (192,), 320
    with torch.no_grad():
        (expected,) = built.network(list(picture))
    boxes, scores, labels = random_source(TWO_STAGES).module()(picture)
    count = len(expected["scores"])
    assert count > 0
    assert tuple(boxes.shape) == (1, 100, 4)
    assert_same_network(boxes[0, :count], expected["boxes"])
    assert_same_network(scores[0, :count], expected["scores"])
    np.testing.assert_array_equal(labels[0, :count], expected["labels"] - 1)
    assert not scores[0, count:].any()


def test_a_batch_gives_each_picture_its_own_rows() -> None:
    module = random_source(DETECTOR).module()
    both = pictures(320, 320, count=2)
    scores = module(both)[1]
    for slot in range(2):
        assert_same_network(scores[slot], module(both[slot : slot + 1])[1][0])
    assert not torch.equal(scores[0], scores[1])


def test_the_number_of_classes_is_that_of_the_weights(detector_weights: Path) -> None:
    source = open_source(DETECTOR, weights=detector_weights)
    assert source.card.names == ("class 0", "class 1", "class 2", "class 3")
    assert (source.card.input.width_px, source.card.input.resize, source.card.nms_inside) == (320, "stretch", True)
    assert open_source(DETECTOR, weights=detector_weights, names=("a", "b", "c", "d")).card.names[3] == "d"


def test_weights_of_another_architecture_are_refused(detector_weights: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="does not hold the weights of resnet18"):
        open_source("resnet18", weights=detector_weights)
    text = tmp_path / "weights.pth"
    text.write_text("nothing", encoding="utf-8")
    with pytest.raises(ModelError, match="is a text and not a checkpoint"):
        open_source("resnet18", weights=text)


def test_classifiers_and_segmentation_are_fed_as_torchvision_feeds_them() -> None:
    source = random_source("mobilenet_v3_small")
    card = source.card
    assert (card.input.resize, card.input.crop_short_side_px, card.input.width_px) == ("crop_center", 256, 224)
    assert card.input.mean == (0.485, 0.456, 0.406)
    assert (len(card.names), card.names[0]) == (1000, "tench")
    (probabilities,) = source.module()(pictures(224, 224))
    assert float(probabilities.sum()) == pytest.approx(1, abs=1e-5)
    semantic = random_source("deeplabv3_mobilenet_v3_large", (160, 96))
    assert (semantic.card.head, semantic.card.names[0]) == ("semantic", "__background__")
    assert tuple(semantic.module()(pictures(160, 96))[0].shape) == (1, 21, 96, 160)


def test_a_classifier_that_is_fed_bicubically_says_so() -> None:
    assert random_source("efficientnet_b0").card.input.sampling == "bicubic"
    assert random_source("mobilenet_v3_small").card.input.sampling == "pixel_center"


def test_a_network_of_one_size_is_refused_at_another() -> None:
    built = TorchvisionNetwork(SimpleNamespace(image_size=224), "vit_b_16", "classify", ("a", "b"), "nothing", 224)
    assert TorchvisionSource(built, path=Path("vit_b_16"), size_px=(224, 224)).card.input.width_px == 224
    with pytest.raises(ExportError, match=r"vit_b_16 has learnt places of 224x224 px .* leave out --imgsz"):
        TorchvisionSource(built, path=Path("vit_b_16"), size_px=(320, 320))


def test_the_best_of_a_training_run_is_known_by_its_content(tmp_path: Path) -> None:
    network = build_detector(DETECTOR, classes=2, side_px=96)
    path = tmp_path / "best.pt"
    state = {"model": network.state_dict(), "architecture": DETECTOR, "names": ["stop", "go"], "imgsz": 96, "epoch": 3}
    torch.save(state, path)
    source = open_source(path)
    assert (source.card.names, source.card.input.width_px) == (("stop", "go"), 96)
    picture = pictures(96, 96)
    (expected,) = network.eval()(list(picture))
    found = source.backend(size_px=(96, 96)).run(picture.numpy())
    count = len(expected["scores"])
    assert_same_network(found[0][0, :count], expected["boxes"].detach())
    np.testing.assert_array_equal(found[2][0, :count], expected["labels"] - 1)


def test_random_weights_depend_on_the_seed_alone() -> None:
    first = random_source(DETECTOR).module().state_dict()
    again, other = (open_source(DETECTOR, random_weights=seed).module().state_dict() for seed in (1, 2))
    assert all(torch.equal(value, again[name]) for name, value in first.items())
    assert not all(torch.equal(value, other[name]) for name, value in first.items())


def test_names_must_be_as_many_as_classes() -> None:
    with pytest.raises(ConfigError, match="has 1000 classes, but 1 names"):
        open_source("mobilenet_v3_small", random_weights=0, names=("a",))


def test_an_exported_second_stage_takes_pictures_without_any_region(tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    network = open_source(TWO_STAGES, random_weights=0).module()
    network.network.rpn.score_thresh = 0.5
    objectness = network.network.rpn.head.cls_logits.bias.data
    pictures, path = torch.rand(1, 3, 64, 64), tmp_path / "network.onnx"
    objectness.fill_(9.0)  # traced where there are regions
    torch.onnx.export(network, (pictures,), str(path), dynamo=False, opset_version=17, do_constant_folding=False)
    model = onnx.load(str(path))
    (bias,) = (one for one in model.graph.initializer if one.name.endswith("rpn.head.cls_logits.bias"))
    bias.CopyFrom(onnx.numpy_helper.from_array(np.full(tuple(bias.dims), -9, np.float32), bias.name))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    _, scores, _ = session.run(None, {session.get_inputs()[0].name: pictures.numpy()})
    assert not scores.any()
