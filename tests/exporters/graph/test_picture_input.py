"""Whole pictures as input: the graph gives the network, to the bit, what the host gives it, in both runtimes."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx")

import onnx

from exporters.graph.picture_input import NETWORK_INPUT, picture_model, with_picture_input, without_network
from exporters.graph.resizing import RESIZES
from streamvision.core.errors import ExportError
from streamvision.core.picture import BgrPicture, Picture, YuvPicture
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import InputCard, ModelCard, PixelFormat
from streamvision.inference.picture_batch import PictureBatch
from streamvision.inference.preprocess import InputBatch

SIZES = ((192, 108), (64, 48), (33, 77), (128, 72), (100, 2), (1, 1), (640, 480))
"""Smaller and larger than the network's input, of its size in one side, twice as large, of odd sides, and thin."""
NORMALISED = {"mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)}


def card(**changes: Any) -> ModelCard:
    given = InputCard(**{"width_px": 96, "height_px": 64, "dynamic_batch": True} | changes)
    return ModelCard(head="yolo_v8", names=("sign",), input=given)


def noise(width_px: int, height_px: int, seed: int = 0) -> NDArray[np.uint8]:
    """Return a picture in which every error of a level and of a place shows."""
    return np.random.default_rng(seed).integers(0, 256, (height_px, width_px, 3), np.uint8)


def planes(width_px: int, height_px: int, **colours: Any) -> YuvPicture:
    half = -(-width_px // 2), -(-height_px // 2)
    luma, chroma = noise(width_px, height_px), noise(*half, seed=1)
    return YuvPicture(luma[..., 0], chroma[..., 0], chroma[..., 1], **colours)


def opened(of: ModelCard, pixel_format: PixelFormat, folder: Path, *, runtime: str = "onnxruntime") -> Backend:
    path = folder / "pictures.onnx"
    onnx.save(picture_model(of, pixel_format), path)
    if runtime == "onnxruntime":
        return OnnxRuntimeBackend(path, device="cpu")
    pytest.importorskip("openvino")
    from streamvision.inference.backends.open_vino import OpenVinoBackend

    return OpenVinoBackend(path, device="cpu")


def by_graph(backend: Backend, of: ModelCard, pictures: list[Picture], pixel_format: PixelFormat) -> NDArray[Any]:
    first = pictures[0]
    given = of.input.model_copy(update={"pixel_format": pixel_format})
    batch = PictureBatch(given, len(pictures), width_px=first.width_px, height_px=first.height_px)
    for index, picture in enumerate(pictures):
        batch.put(index, picture)
    return backend.run(batch.tensor, batch.companions(len(pictures)))[0].copy()


def by_host(of: ModelCard, pictures: list[Picture]) -> NDArray[Any]:
    batch = InputBatch(of.input, len(pictures))
    for index, picture in enumerate(pictures):
        batch.put(index, picture)
    return batch.tensor


@pytest.mark.parametrize("resize", ["letterbox_center", "letterbox_top_left", "stretch"])
@pytest.mark.parametrize("fed", [{}, {"color": "bgr", "scale": 1.0}, NORMALISED], ids=["rgb", "bgr", "normalised"])
def test_bytes_are_resized_as_the_host_does_it(resize: str, fed: dict[str, Any], tmp_path: Path) -> None:
    of = card(resize=resize, **fed)
    backend = opened(of, "bgr24", tmp_path)
    for size in SIZES:
        pictures: list[Picture] = [BgrPicture(noise(*size))]
        assert np.array_equal(by_graph(backend, of, pictures, "bgr24"), by_host(of, pictures)), size


@pytest.mark.parametrize("resize", ["letterbox_center", "letterbox_top_left", "stretch"])
def test_planes_are_resized_and_converted_as_the_host_does_it(resize: str, tmp_path: Path) -> None:
    of = card(resize=resize)
    backend = opened(of, "yuv420p", tmp_path)
    colours = itertools.cycle(itertools.product((False, True), ("bt601", "bt709", "smpte240m")))
    for (width_px, height_px), (full_range, matrix) in zip([*SIZES, *SIZES[::-1]], colours, strict=False):
        even = width_px + width_px % 2, height_px + height_px % 2
        pictures: list[Picture] = [planes(*even, full_range=full_range, matrix=matrix)]
        assert np.array_equal(by_graph(backend, of, pictures, "yuv420p"), by_host(of, pictures)), (even, matrix)


@pytest.mark.parametrize(("pixel_format", "resize"), [("bgr24", "letterbox_center"), ("yuv420p", "letterbox_top_left")])
def test_openvino_gives_the_same_levels(pixel_format: PixelFormat, resize: str, tmp_path: Path) -> None:
    of = card(scale=1.0, resize=resize, width_px=416)
    backend = opened(of, pixel_format, tmp_path, runtime="openvino")
    # A form of its own for the first two, a free one for the others; 426 is where rounded reciprocals show.
    for size in ((640, 480), (640, 426), (192, 108), (34, 78), (426, 624)):
        pictures: list[Picture] = [BgrPicture(noise(*size)) if pixel_format == "bgr24" else planes(*size)]
        assert np.array_equal(by_graph(backend, of, pictures, pixel_format), by_host(of, pictures)), size


def test_each_picture_of_a_call_has_colours_of_its_own(tmp_path: Path) -> None:
    of = card()
    backend = opened(of, "yuv420p", tmp_path)
    pictures: list[Picture] = [planes(64, 48, full_range=True), planes(64, 48, matrix="bt709")]
    made = by_graph(backend, of, pictures, "yuv420p")
    assert np.array_equal(made, by_host(of, pictures))
    assert not np.array_equal(made[0], made[1])


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino"])
def test_where_fractions_are_cut_off_lengths_are_those_of_float64(runtime: str, tmp_path: Path) -> None:
    of = card(scale=1.0, resize="letterbox_top_left", width_px=64, height_px=48)
    sizes = [(49, 30), (98, 72), (103, 103), (30, 49), (107, 214), (61, 244), (343, 21), (2, 2)]
    lengths = [Letterbox.fit(*size, of.input) for size in sizes]
    assert any(max(at.content_width_px / 64, at.content_height_px / 48) < 1 for at in lengths)  # just below whole
    backend = opened(of, "bgr24", tmp_path, runtime=runtime)
    for size in sizes:
        pictures: list[Picture] = [BgrPicture(noise(*size))]
        assert np.array_equal(by_graph(backend, of, pictures, "bgr24"), by_host(of, pictures)), size


def test_only_standard_operators_are_used_and_no_double() -> None:
    for pixel_format, resize in itertools.product(("bgr24", "yuv420p"), RESIZES):
        model = picture_model(card(resize=resize), pixel_format)
        onnx.checker.check_model(model, full_check=True)
        assert {node.domain for node in model.graph.node} == {""}
        casts = [node.attribute[0].i for node in model.graph.node if node.op_type == "Cast"]
        assert onnx.TensorProto.DOUBLE not in casts  # TensorRT has none


def network(of: ModelCard, *, opset: int) -> Any:
    """Return a network that hands its input on, less one."""
    shape = ("batch", 3, of.input.height_px, of.input.width_px)
    given, made = (onnx.helper.make_tensor_value_info(name, 1, shape) for name in ("images", "out"))
    one = onnx.helper.make_tensor("one", 1, (), [1.0])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Sub", ["images", "one"], ["out"])], "network", [given], [made], [one]
    )
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [11, 18])
def test_the_network_lies_behind_it_and_can_be_taken_off(opset: int, tmp_path: Path) -> None:
    of = card()
    whole, whole_card = with_picture_input(network(of, opset=opset), of, "bgr24")
    assert whole_card.input.pixel_format == "bgr24"
    assert [value.name for value in whole.graph.input] == ["pictures"]
    pictures: list[Picture] = [BgrPicture(noise(64, 48))]
    onnx.save(whole, tmp_path / "whole.onnx")
    made = by_graph(OnnxRuntimeBackend(tmp_path / "whole.onnx", device="cpu"), of, pictures, "bgr24")
    assert np.array_equal(made, by_host(of, pictures) - 1)
    onnx.save(without_network(whole), tmp_path / "front.onnx")
    front = by_graph(OnnxRuntimeBackend(tmp_path / "front.onnx", device="cpu"), of, pictures, "bgr24")
    assert np.array_equal(front, by_host(of, pictures))
    assert picture_model(of, "bgr24").graph.output[0].name == NETWORK_INPUT


def asking(name: str, dtype: int = onnx.TensorProto.FLOAT) -> Any:
    """Return a network that gives what it is told beside its picture."""
    given = onnx.helper.make_tensor_value_info("images", 1, ("batch", 3, 64, 96))
    asked = onnx.helper.make_tensor_value_info(name, dtype, ("batch", 2))
    made = onnx.helper.make_tensor_value_info("out", 1, ("batch", 2))
    nodes = [
        onnx.helper.make_node("Cast", [name], ["told"], to=onnx.TensorProto.FLOAT),
        onnx.helper.make_node("ReduceMin", ["images"], ["least"], axes=[1, 2, 3], keepdims=0),
        onnx.helper.make_node("Mul", ["least", "none"], ["nothing"]),
        onnx.helper.make_node("Unsqueeze", ["nothing", "last"], ["column"]),
        onnx.helper.make_node("Add", ["told", "column"], ["out"]),
    ]
    constants = [onnx.helper.make_tensor("none", 1, (), [0.0]), onnx.helper.make_tensor("last", 7, (1,), [1])]
    graph = onnx.helper.make_graph(nodes, "network", [given, asked], [made], constants)
    return onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 13)], ir_version=8)


@pytest.mark.parametrize("name", ["orig_target_sizes", "im_shape", "scale_factor"])
def test_what_a_network_asks_beside_its_pictures_is_its_own_inputs_size(name: str, tmp_path: Path) -> None:
    dtype = onnx.TensorProto.INT64 if name == "orig_target_sizes" else onnx.TensorProto.FLOAT
    plain = asking(name, dtype)
    onnx.save(plain, tmp_path / "plain.onnx")
    (told,) = OnnxRuntimeBackend(tmp_path / "plain.onnx", device="cpu").run(np.zeros((2, 3, 64, 96), np.float32))
    whole, _ = with_picture_input(plain, card(), "yuv420p")
    assert [value.name for value in whole.graph.input] == ["pictures", "yuv_to_rgb"]
    onnx.save(whole, tmp_path / "whole.onnx")
    backend = OnnxRuntimeBackend(tmp_path / "whole.onnx", device="cpu")
    assert np.array_equal(by_graph(backend, card(), [planes(192, 108), planes(192, 108)], "yuv420p"), told)


@pytest.mark.parametrize("name", ["pictures", "yuv_to_rgb", "picture_shape_0"])
def test_names_of_the_network_may_be_those_of_what_is_put_before_it(name: str, tmp_path: Path) -> None:
    of = card()
    model = network(of, opset=18)
    model.graph.input[0].name = model.graph.node[0].input[0] = name
    whole, _ = with_picture_input(model, of, "yuv420p")
    onnx.save(whole, tmp_path / "whole.onnx")
    pictures: list[Picture] = [planes(64, 48)]
    made = by_graph(OnnxRuntimeBackend(tmp_path / "whole.onnx", device="cpu"), of, pictures, "yuv420p")
    assert np.array_equal(made, by_host(of, pictures) - 1)
    onnx.save(without_network(whole), tmp_path / "front.onnx")
    front = by_graph(OnnxRuntimeBackend(tmp_path / "front.onnx", device="cpu"), of, pictures, "yuv420p")
    assert np.array_equal(front, by_host(of, pictures))


def test_weights_that_stand_before_the_picture_are_not_taken_for_it(tmp_path: Path) -> None:
    of = card()
    model = network(of, opset=18)
    model.graph.input.insert(0, onnx.helper.make_tensor_value_info("one", 1, ()))
    whole, _ = with_picture_input(model, of, "bgr24")
    onnx.save(whole, tmp_path / "whole.onnx")
    pictures: list[Picture] = [BgrPicture(noise(64, 48))]
    made = by_graph(OnnxRuntimeBackend(tmp_path / "whole.onnx", device="cpu"), of, pictures, "bgr24")
    assert np.array_equal(made, by_host(of, pictures) - 1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"resize": "crop_center"}, "'crop_center'"),
        ({"sampling": "pixel_corner"}, "'pixel_corner'"),
        ({"color": "gray"}, "brightness"),
        ({"dynamic_size": True}, "free size"),
        ({"layout": "nhwc"}, "nhwc"),
    ],
)
def test_networks_that_are_fed_otherwise_are_refused(changes: dict[str, Any], said: str) -> None:
    of = card(**changes)
    with pytest.raises(ExportError, match=said):
        with_picture_input(network(of, opset=18), of, "bgr24")
