"""Real TFLite files in the form of TensorFlow 2's SSD: bytes with scale and zero point, and floats of -1..1."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest

import support
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import UnknownHeadError
from streamvision.core.picture import BgrPicture
from streamvision.inference.heads.registry import match_head
from streamvision.inference.heads.tflite_detection import TfliteDetectionHead
from streamvision.inference.model import Model
from streamvision.inference.tensors import TensorSpec
from support.model_cards import make_card

pytest.importorskip("ai_edge_litert")

FILES = Path(next(iter(support.__path__))) / "files"
BOX = (100, 120, 220, 300)
PICTURE = TensorSpec("image", (1, 320, 320, 3), "float32")


def scene() -> BgrPicture:
    pixels = np.full((480, 640, 3), 128, np.uint8)
    left, top, right, bottom = BOX
    pixels[top:bottom, left:right] = (0, 0, 255)
    return BgrPicture(pixels)


@pytest.mark.parametrize(
    ("name", "scale", "said"),
    [
        ("ssd_tf2_uint8", 1 / 128, "its type and quantisation say"),
        ("ssd_tf2_float_order", 1 / 127.5, "tflite_detection models usually are"),
    ],
)
def test_it_is_fed_and_read_as_it_wants(name: str, scale: float, said: str) -> None:
    with Model.open(ModelConfig(path=FILES / f"{name}.tflite", names=("coco",), score=0.3, threads=1)) as model:
        assert (model.card.head, model.card.input.resize) == ("tflite_detection", "stretch")
        assert model.card.input.scale == pytest.approx(scale, rel=1e-3)
        assert any(said in note for note in model.notes())
        (found,) = model.detect([scene()])
        assert [model.names[class_id] for class_id in found.class_id] == ["car"]
        np.testing.assert_allclose(found.box_xyxy_px, [BOX], atol=2.5)
        np.testing.assert_allclose(found.score, [0.9], atol=0.01)


def test_labels_in_the_files_own_metadata_are_its_names(tmp_path: Path) -> None:
    path = tmp_path / "labelled.tflite"
    path.write_bytes((FILES / "ssd_tf2_uint8.tflite").read_bytes())
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("labelmap.txt", "???\nperson\nbicycle\nred thing\n")
    with Model.open(ModelConfig(path=path, score=0.3, threads=1)) as model:
        (found,) = model.detect([scene()])
        assert [model.names[class_id] for class_id in found.class_id] == ["red thing"]


def test_without_names_they_are_asked_for() -> None:
    with pytest.raises(UnknownHeadError, match="give them with --names"):
        Model.open(ModelConfig(path=FILES / "ssd_tf2_uint8.tflite", threads=1))


ROWS = 5
ANSWER = {
    "boxes": np.array([[[0.1, 0.2, 0.5, 0.6]] + [[0] * 4] * 4], np.float32),
    "classes": np.array([[2, 0, 0, 0, 0]], np.float32),
    "scores": np.array([[0.9, 0, 0, 0, 0]], np.float32),
    "number": np.array([1], np.float32),
}


@pytest.mark.parametrize(
    ("order", "names"),
    [
        (("boxes", "classes", "scores", "number"), None),
        (("scores", "boxes", "number", "classes"), None),
        (("number", "scores", "classes", "boxes"), "detected {}"),
    ],
)
def test_the_orders_and_names_of_all_exporters_are_known(order: tuple[str, ...], names: str | None) -> None:
    words = {"number": "num"}
    outputs = [
        TensorSpec(names.format(words.get(key, key)) if names else f"output_{at}", ANSWER[key].shape, "float32")
        for at, key in enumerate(order)
    ]
    assert match_head(PICTURE, outputs) == "tflite_detection"
    card = make_card("tflite_detection", classes=3, width_px=100, height_px=100, box_unit="normalized")
    (found,) = TfliteDetectionHead(card, outputs).decode([ANSWER[key] for key in order], score_threshold=0.5)
    np.testing.assert_allclose(found.box_xyxy_px, [[20, 10, 60, 50]], rtol=1e-6)
    assert (found.class_id.tolist(), found.score.tolist()) == ([2], pytest.approx([0.9]))


@pytest.mark.parametrize(
    ("pattern", "numbers"),
    [
        ("TFLite_Detection_PostProcess:{}", {"boxes": 0, "classes": 1, "scores": 2, "number": 3}),
        ("StatefulPartitionedCall:{}", {"boxes": 3, "classes": 2, "scores": 1, "number": 0}),
    ],
)
@pytest.mark.parametrize("order", [("scores", "number", "classes", "boxes"), ("boxes", "scores", "classes", "number")])
def test_numbered_outputs_are_known_in_any_order(pattern: str, numbers: dict[str, int], order: tuple[str, ...]) -> None:
    names = [pattern.format(numbers[key]).replace("PostProcess:0", "PostProcess") for key in order]
    outputs = [TensorSpec(name, ANSWER[key].shape, "float32") for name, key in zip(names, order, strict=True)]
    card = make_card("tflite_detection", classes=3, width_px=100, height_px=100, box_unit="normalized")
    (found,) = TfliteDetectionHead(card, outputs).decode([ANSWER[key] for key in order], score_threshold=0.5)
    assert (found.class_id.tolist(), found.score.tolist()) == ([2], pytest.approx([0.9]))


@pytest.mark.parametrize("number", [np.nan, np.inf, -3.0])
def test_a_number_of_rows_that_is_none_counts_none(number: float) -> None:
    outputs = [TensorSpec(key, ANSWER[key].shape, "float32") for key in ANSWER]
    answer = [*list(ANSWER.values())[:3], np.array([number], np.float32)]
    head = TfliteDetectionHead(make_card("tflite_detection", box_unit="normalized"), outputs)
    assert [len(found) for found in head.decode(answer, score_threshold=0.5)] == [0]
