"""Models that take whole pictures: their card, what they are fed, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.core.picture import BgrPicture, YuvPicture
from streamvision.inference.backends.base import LoadedBackend, ModelFacts
from streamvision.inference.card_reader import read_card
from streamvision.inference.input_sizes import MAX_WHOLE_SIZES, InputSizes
from streamvision.inference.model import Model
from streamvision.inference.model_card import InputCard, ModelCard, PixelFormat
from streamvision.inference.tensors import YUV_TO_RGB, TensorSpec

PATH = Path("model.onnx")
OUTPUTS = (TensorSpec("out", (None, None, 6), "float32"),)


class WholeBackend:
    """A network that finds one box over all of its 96 x 64 input, and keeps what it was fed."""

    name, device, precision, requests = "onnxruntime", "cpu", "fp32", 1
    max_batch, useful_batch = None, 1
    outputs = OUTPUTS

    def __init__(self, pixel_format: PixelFormat, *, channels: int | None = None) -> None:
        card = ModelCard(
            head="yolo_end2end",
            names=("sign",),
            nms_inside=True,
            input=InputCard(width_px=96, height_px=64, pixel_format=pixel_format, dynamic_batch=True),
        )
        last = channels or (3 if pixel_format == "bgr24" else 1)
        self.input = TensorSpec("pictures", (None, None, None, last), "uint8")
        self.metadata: Mapping[str, str] = card.to_metadata()
        self.fed: list[tuple[tuple[int, ...], Mapping[str, NDArray[Any]]]] = []

    def run(self, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]] | None = None) -> list[NDArray[Any]]:
        self.fed.append((tensor.shape, {name: value.copy() for name, value in (companions or {}).items()}))
        return [np.tile(np.array([[[0, 0, 96, 64, 0.9, 0]]], np.float32), (len(tensor), 1, 1))]

    def close(self) -> None:
        pass


def opened(backend: WholeBackend, **config: Any) -> Model:
    return Model.open(ModelConfig(path=PATH, **config), backend=backend)


def grey(width_px: int, height_px: int) -> BgrPicture:
    return BgrPicture(np.full((height_px, width_px, 3), 90, np.uint8))


def planes(width_px: int, height_px: int, **colours: Any) -> YuvPicture:
    half = np.full((-(-height_px // 2), -(-width_px // 2)), 128, np.uint8)
    return YuvPicture(np.full((height_px, width_px), 90, np.uint8), half, half, **colours)


def test_pictures_are_fed_as_they_are_and_those_of_one_size_share_a_call() -> None:
    backend = WholeBackend("bgr24")
    sizes = [(192, 128), (48, 64), (192, 128)]
    found = opened(backend).detect([grey(*size) for size in sizes])
    assert [shape for shape, _ in backend.fed] == [(2, 128, 192, 3), (1, 64, 48, 3)]
    assert [one.box_xyxy_px[0].tolist() for one in found] == [[0, 0, *size] for size in sizes]


def test_planes_come_with_the_colours_of_each_picture() -> None:
    backend = WholeBackend("yuv420p")
    opened(backend).detect([planes(192, 128), planes(192, 128, full_range=True), grey(192, 128)])
    ((shape, companions),) = backend.fed
    assert shape == (3, 192, 192, 1)
    limited, full, of_bytes = companions[YUV_TO_RGB]
    assert not np.array_equal(limited, full)
    assert np.array_equal(of_bytes, full)


def test_boxes_of_odd_pictures_end_at_their_edges() -> None:
    (found,) = opened(WholeBackend("yuv420p")).detect([planes(191, 127)])
    assert found.box_xyxy_px[0].tolist() == [0, 0, 191, 127]


def test_buffers_of_whole_pictures_are_few() -> None:
    sizes = InputSizes(read_card(WholeBackend("bgr24"), path=PATH), OUTPUTS)
    for width_px in range(100, 100 + 3 * MAX_WHOLE_SIZES):
        sizes.of((width_px, 100))
    assert len(sizes) == MAX_WHOLE_SIZES


@pytest.mark.parametrize(("pixel_format", "channels"), [("bgr24", 1), ("yuv420p", 3)])
def test_a_card_that_the_input_contradicts_is_refused(pixel_format: PixelFormat, channels: int) -> None:
    with pytest.raises(ModelError, match=f"whole pictures in {pixel_format}, but the model takes"):
        opened(WholeBackend(pixel_format, channels=channels))


def test_a_card_that_means_one_size_is_refused() -> None:
    backend = WholeBackend("bgr24")
    backend.input = TensorSpec("pictures", (None, None, 640, 3), "uint8")
    with pytest.raises(ModelError, match=r"but the model takes \?x\?x640x3 uint8; export it again"):
        opened(backend)


class WithoutCompanion(LoadedBackend):
    """Takes planes, and nothing that says which colours they are."""

    name, runtime = "any", "Any"

    def _execute(self, engine: Any, tensor: NDArray[Any]) -> list[NDArray[Any]]:
        raise AssertionError("it is not executed")


def test_colours_that_the_model_does_not_take_are_refused() -> None:
    whole = WholeBackend("yuv420p")
    facts = ModelFacts(PATH, "cpu", "fp32", whole.input, OUTPUTS, whole.metadata)
    model = Model.open(ModelConfig(path=PATH), backend=WithoutCompanion(facts, object()))
    with pytest.raises(ModelError, match=r"given yuv_to_rgb beside its pictures, but the model has no such input"):
        model.detect([planes(64, 48)])


def test_what_stands_in_the_graph_cannot_be_set() -> None:
    with pytest.raises(ModelError, match="part of its graph; leave out"):
        opened(WholeBackend("bgr24"), input={"color": "bgr"})
    with pytest.raises(ModelError, match="96x64 px in its own graph, not to 640x640"):
        opened(WholeBackend("bgr24"), side_px=640)


def test_half_precision_of_the_whole_graph_is_refused() -> None:
    backend = WholeBackend("bgr24")
    backend.name, backend.precision = "openvino", "bf16"
    with pytest.raises(ModelError, match="bf16 on cpu is not exact enough; give --precision fp32"):
        opened(backend)
