"""What a tensor with a row for each grid cell holds is found by running the network: YOLOX' own, changed in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.picture import BgrPicture
from streamvision.inference.card_reader import read_card
from streamvision.inference.grid_probe import drawn_picture
from streamvision.inference.heads.yolo_detect import grid_cells
from streamvision.inference.model import Model

onnx = pytest.importorskip("onnx")

SIDE_PX = 416


class Changed:
    """YOLOX nano with nodes behind its output."""

    def __init__(self, path: Path) -> None:
        self.model = onnx.load(path)
        self.last = self.model.graph.output[0].name

    def const(self, value: Any, dtype: Any = np.float32) -> str:
        name = f"added{len(self.model.graph.initializer)}"
        self.model.graph.initializer.append(onnx.numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = f"after{len(self.model.graph.node)}"
        self.model.graph.node.append(onnx.helper.make_node(operator, list(inputs), [name], **attributes))
        return name

    def part(self, first: int, end: int) -> str:
        return self.node("Slice", self.last, *(self.const([n], np.int64) for n in (first, end, 2)))

    def boxes(self) -> tuple[str, str]:
        """Return centre and size in pixels."""
        cells, strides_px = grid_cells(SIDE_PX, SIDE_PX)
        stride = self.const(strides_px[None, :, None])
        centre = self.node("Mul", self.node("Add", self.part(0, 2), self.const(cells[None])), stride)
        return centre, self.node("Mul", self.node("Exp", self.part(2, 4)), stride)

    def save(self, path: Path, *parts: str, columns: int) -> Path:
        out = self.node("Concat", *parts, axis=2)
        self.model.graph.output.pop()
        info = onnx.helper.make_tensor_value_info(out, onnx.TensorProto.FLOAT, [1, 3549, columns])
        self.model.graph.output.append(info)
        onnx.save(self.model, path)
        return path


def decoded(source: Path, path: Path) -> Path:
    net = Changed(source)
    return net.save(path, *net.boxes(), net.part(4, 85), columns=85)


def objectness_of_one(source: Path, path: Path) -> Path:
    net = Changed(source)
    objectness = net.part(4, 5)
    ones = net.node("Add", net.node("Mul", objectness, net.const([0.0])), net.const([1.0]))
    return net.save(path, *net.boxes(), ones, net.node("Mul", net.part(5, 85), objectness), columns=85)


def without_objectness(source: Path, path: Path) -> Path:
    net = Changed(source)
    return net.save(path, *net.boxes(), net.node("Mul", net.part(5, 85), net.part(4, 5)), columns=84)


def best_class(source: Path, path: Path) -> Path:
    net = Changed(source)
    centre, size = net.boxes()
    half = net.node("Mul", size, net.const([0.5]))
    score = net.node("Mul", net.part(5, 85), net.part(4, 5))
    corners = net.node("Sub", centre, half), net.node("Add", centre, half)
    top = net.node("ReduceMax", score, axes=[2], keepdims=1)
    number = net.node("Cast", net.node("ArgMax", score, axis=2, keepdims=1), to=onnx.TensorProto.FLOAT)
    return net.save(path, *corners, top, number, columns=6)


@pytest.mark.parametrize(
    ("change", "head", "names"),
    [
        (decoded, "yolox_decoded", None),
        (objectness_of_one, "yolo_v6", None),
        (without_objectness, "yolo_v8_rows", None),
        (best_class, "deepstream", ("coco",)),
    ],
)
def test_each_layout_is_known_and_read_as_yolox_itself(
    change: Any, head: str, names: tuple[str, ...] | None, yolox: Path, tmp_path: Path
) -> None:
    fed = {"color": "bgr", "scale": 1.0, "resize": "letterbox_top_left"}
    picture = BgrPicture(drawn_picture(640, 480))
    settings: dict[str, Any] = {"score": 0.05, "threads": 1, "requests": 1}
    with Model.open(ModelConfig(path=yolox, **settings)) as model:
        assert model.card.head == "yolox"
        (expected,) = model.detect([picture])
        assert len(expected)
    path = change(yolox, tmp_path / "changed.onnx")
    with Model.open(ModelConfig(path=path, names=names, input=fed, **settings)) as model:
        assert model.card.head == head
        assert any("run on a drawn picture" in note for note in model.notes())
        (found,) = model.detect([picture])
        np.testing.assert_allclose(found.box_xyxy_px, expected.box_xyxy_px, rtol=1e-3, atol=0.05)
        np.testing.assert_allclose(found.score, expected.score, atol=1e-4)
        assert found.class_id.tolist() == expected.class_id.tolist()


def test_names_do_not_change_what_is_settled(yolox: Path, tmp_path: Path) -> None:
    path = decoded(yolox, tmp_path / "changed.onnx")
    with Model.open(ModelConfig(path=path, threads=1)) as model:
        card = read_card(model.backend, path=path, names=[f"thing {n}" for n in range(80)])
        assert (card.head, card.names[79]) == ("yolox_decoded", "thing 79")
