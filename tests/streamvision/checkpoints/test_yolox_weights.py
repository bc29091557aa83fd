"""YOLOX in torch says what its ONNX file says, and goes on saying it when its layers can learn again."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from streamvision.checkpoints.opening import open_source
from streamvision.checkpoints.yolox import YoloxSource
from streamvision.checkpoints.yolox_network import Yolox, decoded
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.checkpoints.yolox_weights import STEM, read_weights, restore_statistics
from streamvision.core.errors import ConfigError, ModelError
from streamvision.evaluation.predictions import read_bgr

pytestmark = [pytest.mark.reference]
SIDE_PX = 416


def photographs(data_dir: Path, count: int) -> torch.Tensor:
    """Return the left top parts of photographs, on grey, as (N, 3, 416, 416) RGB of 0..1."""
    pictures = np.full((count, SIDE_PX, SIDE_PX, 3), 114, np.uint8)
    for picture, path in zip(pictures, sorted((data_dir / "roadsigns" / "images").iterdir()), strict=False):
        part = read_bgr(path)[:SIDE_PX, :SIDE_PX, ::-1]
        picture[: part.shape[0], : part.shape[1]] = part
    return torch.from_numpy(pictures.transpose(0, 3, 1, 2).astype(np.float32) / 255)


def said_by_onnx(path: Path, pictures: torch.Tensor) -> Any:
    runtime = pytest.importorskip("onnxruntime")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    bgr = pictures.flip(1).numpy() * 255
    return np.concatenate([session.run(None, {"images": one[None]})[0] for one in bgr])


@torch.no_grad()
def said(network: Yolox, pictures: torch.Tensor) -> Any:
    raw = network(pictures)
    raw[..., 4:] = raw[..., 4:].sigmoid()
    return raw.numpy()


@pytest.fixture(scope="module")
def nano(data_dir: Path) -> Path:
    return data_dir / "models" / "yolox_nano.onnx"


def test_weights_are_carried_back_from_onnx_and_can_learn(nano: Path, data_dir: Path) -> None:
    network = Yolox(SCALES["yolox_nano"], 80).eval()
    network.load_state_dict(read_weights(nano, SCALES["yolox_nano"]), strict=False)
    pictures = photographs(data_dir, 8)
    truth = said_by_onnx(nano, pictures[:2])
    assert np.abs(said(network, pictures[:2]) - truth).max() < 2e-3
    network.train()
    shifted = np.abs(said(network, pictures)[:2] - truth).mean()
    network.load_state_dict(read_weights(nano, SCALES["yolox_nano"]), strict=False)  # batch statistics had moved
    restore_statistics(network, [pictures])
    network.train()
    kept = np.abs(said(network, pictures)[:2] - truth).mean()
    assert kept < 0.02 * shifted, "what batches have is what the layers were given"
    network.load_state_dict(read_weights(nano, SCALES["yolox_nano"]), strict=False)
    restore_statistics(network, [pictures])
    network.eval()
    assert np.abs(said(network, pictures[:2]) - truth).max() < 2e-3


def test_a_checkpoint_of_yolox_own_layout_says_the_same(nano: Path, data_dir: Path, tmp_path: Path) -> None:
    tensors = read_weights(nano, SCALES["yolox_nano"])
    joined = tensors[STEM] / 255
    parts = [joined[:, :, row::2, column::2].flip(1) for row, column in ((0, 0), (1, 0), (0, 1), (1, 1))]
    torch.save({"model": tensors | {STEM: torch.cat(parts, dim=1)}}, tmp_path / "yolox_nano.pth")
    read = read_weights(tmp_path / "yolox_nano.pth", SCALES["yolox_nano"])
    assert torch.allclose(read[STEM], tensors[STEM], rtol=1e-5)
    source = open_source("yolox_nano", weights=tmp_path / "yolox_nano.pth")
    assert isinstance(source, YoloxSource)
    assert source.card.names[9] == "traffic light" and source.card.input.width_px == SIDE_PX


def test_boxes_of_the_source_are_those_of_the_grid(nano: Path, data_dir: Path) -> None:
    source = open_source("yolox_nano", weights=nano)
    pictures = photographs(data_dir, 1)[:, :, :320]
    with torch.no_grad():
        (boxes,) = source.module(dynamic_size=True)(pictures)
    assert boxes.shape == (1, 84, (320 // 8) * (416 // 8) * 21 // 16)
    best = boxes[0, 4:].max(dim=0).values.argmax()
    network = Yolox(SCALES["yolox_nano"], 80).eval()
    network.load_state_dict(read_weights(nano, SCALES["yolox_nano"]), strict=False)
    with torch.no_grad():
        found = decoded(network(pictures), 320, 416)[0, best]
    assert torch.allclose(boxes[0, :4, best], found[:4], atol=1e-2)
    assert torch.allclose(boxes[0, 4:, best], found[4].sigmoid() * found[5:].sigmoid(), atol=1e-4)


def test_weights_of_others_are_one_sentence(nano: Path, data_dir: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ModelError, match=r"has \d+ convolutions where this YOLOX has \d+; give a file of the same scale"
    ):
        open_source("yolox_tiny", weights=nano)
    (tmp_path / "a.onnx").write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read as ONNX"):
        open_source("yolox_nano", weights=tmp_path / "a.onnx")
    with pytest.raises(ConfigError, match="there are no weights at"):
        open_source("yolox_nano", weights=tmp_path / "b.onnx")
    torch.save({"model": {"a": torch.zeros(1)}}, tmp_path / "c.pth")
    with pytest.raises(ModelError, match="does not hold the weights of this YOLOX"):
        open_source("yolox_nano", weights=tmp_path / "c.pth")
    with pytest.raises(ConfigError, match="give --weights FILE, or --random-weights SEED"):
        open_source("yolox_nano")


def test_a_file_whose_layers_stand_in_another_order_is_refused(nano: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(nano)
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    shapes = {one.name: tuple(one.dims) for one in model.graph.initializer}
    first, second = next(
        (one, other)
        for one, other in itertools.pairwise(convolutions)
        if shapes[one.input[1]] == shapes[other.input[1]] and one.input[0] == other.input[0]
    )
    for position in (1, 2):  # as if the two had been computed the other way round
        first.input[position], second.input[position] = second.input[position], first.input[position]
    first.output[0], second.output[0] = second.output[0], first.output[0]
    onnx.save(model, tmp_path / "yolox_nano.onnx")
    with pytest.raises(ModelError, match="computes something else than YOLOX of this scale"):
        read_weights(tmp_path / "yolox_nano.onnx", SCALES["yolox_nano"])


@pytest.mark.parametrize("shape", [(), (80,), (0, 64, 1, 1)])
def test_weights_of_another_shape_are_one_sentence(shape: tuple[int, ...], nano: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(nano)
    for stored in model.graph.initializer:
        if stored.dims and stored.dims[0] == 80:  # of classes
            stored.CopyFrom(onnx.numpy_helper.from_array(np.zeros(shape, np.float32), stored.name))
    onnx.save(model, tmp_path / "yolox_nano.onnx")
    with pytest.raises(ModelError, match="is none of pictures"):
        read_weights(tmp_path / "yolox_nano.onnx", SCALES["yolox_nano"])


def test_a_file_without_plain_convolutions_is_one_sentence(nano: Path, tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(nano)
    for node in model.graph.node:
        node.op_type = "ConvInteger" if node.op_type == "Conv" else node.op_type
    onnx.save(model, tmp_path / "quantised.onnx")
    with pytest.raises(ModelError, match="is it quantised"):
        read_weights(tmp_path / "quantised.onnx", SCALES["yolox_nano"])


@pytest.mark.parametrize("name", SCALES)
def test_every_scale_has_grids_of_three_strides(name: str) -> None:
    with torch.device("meta"):
        network = Yolox(SCALES[name], 3)
        raw = network(torch.empty(1, 3, 64, 96))
    assert raw.shape == (1, 8 * 12 + 4 * 6 + 2 * 3, 8)


def test_parameters_are_as_many_as_published() -> None:
    """The table of https://github.com/Megvii-BaseDetection/YOLOX: 0.91, 5.06, 9.0, 25.3 and 54.2 million."""
    with torch.device("meta"):
        millions = {name: sum(p.numel() for p in Yolox(scale, 80).parameters()) / 1e6 for name, scale in SCALES.items()}
    published = {"yolox_nano": 0.91, "yolox_tiny": 5.06, "yolox_s": 9.0, "yolox_m": 25.3, "yolox_l": 54.2}
    assert millions == pytest.approx(published, rel=0.01)
