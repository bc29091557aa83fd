"""INT8 of ONNX files: sums that fit on every processor, layers in float where asked for, older operator sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from exporters.onnx.quantise import LOWEST_LOGIT, Quantiser  # noqa: E402
from streamvision.core.errors import ExportError  # noqa: E402
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend  # noqa: E402

CHANNELS = 4
LAYERS = 6


def network(opset: int) -> onnx.ModelProto:
    """Return a chain of convolutions with weights of very different size by channel."""
    rng = np.random.default_rng(3)
    nodes, weights = [], []
    for layer in range(LAYERS):
        inputs = 3 if layer == 0 else CHANNELS
        weight = rng.normal(0, 0.2, (CHANNELS, inputs, 3, 3)) * np.logspace(-1, 0, CHANNELS)[:, None, None, None]
        weights.append(numpy_helper.from_array(weight.astype(np.float32), f"w{layer}"))
        given = ["images" if layer == 0 else f"x{layer}", f"w{layer}"]
        made = "output" if layer == LAYERS - 1 else f"x{layer + 1}"
        nodes.append(helper.make_node("Conv", given, [made], pads=[1, 1, 1, 1]))
    size = [1, None, 16, 16]
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [size[0], channels, *size[2:]])]
        for name, channels in (("images", 3), ("output", CHANNELS))
    ]
    graph = helper.make_graph(nodes, "chain", *ends, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=7)


@pytest.mark.parametrize("opset", [11, 12, 13, 17])
def test_older_operator_sets_are_raised_so_that_the_file_can_be_opened(opset: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    pictures = [rng.random((1, 3, 16, 16), np.float32) for _ in range(4)]
    onnx.save(network(opset), tmp_path / "float.onnx")
    onnx.save(Quantiser(network(opset), pictures, float_layers=1).quantised(), tmp_path / "int8.onnx")
    (truth,), (found,) = (
        OnnxRuntimeBackend(tmp_path / name, device="cpu").run(pictures[0]) for name in ("float.onnx", "int8.onnx")
    )
    assert 0 < np.abs(found - truth).max() < 0.1 * np.abs(truth).max()


@pytest.fixture(scope="module")
def quantiser() -> Quantiser:
    rng = np.random.default_rng(4)
    return Quantiser(network(17), [rng.random((1, 3, 16, 16), np.float32) for _ in range(4)], float_layers=1)


def test_pairs_of_products_fit_into_16_bits(quantiser: Quantiser) -> None:
    """AVX2 without VNNI adds two products of an unsigned and a signed byte in 16 bits, and cuts what does not fit."""
    weights = [
        numpy_helper.to_array(tensor).astype(int)
        for tensor in quantiser.quantised().graph.initializer
        if tensor.data_type == TensorProto.INT8 and len(tensor.dims) == 4
    ]
    assert len(weights) == LAYERS - 1
    for values in weights:
        assert 2 * 255 * np.abs(values).max() <= np.iinfo(np.int16).max
        assert np.abs(values).max() > 32, "7 bits, and not 6"


def test_depths_are_left_in_float_where_asked_for(quantiser: Quantiser) -> None:
    assert quantiser.depths == tuple(range(1, LAYERS))
    graph = quantiser.quantised(in_float=frozenset({1, 3})).graph
    stored = {tensor.name for tensor in graph.initializer}
    in_float = [node.input[1] in stored for node in graph.node if node.op_type == "Conv"]
    assert in_float == [True, False, True, False, False, True], "the last layer is in float always"
    with pytest.raises(ExportError, match="all learned layers would stay in float"):
        quantiser.quantised(in_float=frozenset(quantiser.depths))


def test_weights_that_a_file_stores_in_fewer_bits_are_found(quantiser: Quantiser) -> None:
    """As in the model that ships, whose weights are unpacked by nodes of the graph."""
    packed = network(17)
    for tensor in list(packed.graph.initializer):
        half = numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16), f"{tensor.name}.float16")
        packed.graph.initializer.remove(tensor)
        packed.graph.initializer.append(half)
        packed.graph.node.insert(0, helper.make_node("Cast", [half.name], [tensor.name], to=TensorProto.FLOAT))
    rng = np.random.default_rng(4)
    of_packed = Quantiser(packed, [rng.random((1, 3, 16, 16), np.float32)], float_layers=1)
    assert of_packed.depths == quantiser.depths
    stored = {tensor.data_type for tensor in of_packed.quantised().graph.initializer if len(tensor.dims) == 4}
    assert stored == {TensorProto.INT8, TensorProto.FLOAT}, "the last layer is in float"


def test_a_network_of_too_few_layers_or_without_pictures_is_refused() -> None:
    with pytest.raises(ExportError, match="no learned layer to quantise"):
        Quantiser(network(17), [], float_layers=LAYERS)
    with pytest.raises(ExportError, match="at least one picture"):
        Quantiser(network(17), [], float_layers=1)


def test_the_levels_of_a_sigmoid_s_input_go_where_it_changes() -> None:
    """One value of -300 would leave SiLU steps of more than one where it bends."""
    model = network(17)
    graph = model.graph
    graph.node[0].output[0] = "before"
    graph.node.insert(1, helper.make_node("Sigmoid", ["before"], ["gate"]))
    graph.node.insert(2, helper.make_node("Mul", ["before", "gate"], ["x1"]))
    bias = np.array([0, 0, 0, -300], np.float32)
    graph.initializer.append(numpy_helper.from_array(bias, "b0"))
    graph.node[0].input.append("b0")
    tensor = np.random.default_rng(4).random((1, 3, 16, 16), np.float32)
    made = Quantiser(model, [tensor], float_layers=1).quantised()
    (scale,) = (numpy_helper.to_array(one) for one in made.graph.initializer if one.name == "before_scale")
    assert scale < (LOWEST_LOGIT + 8) / 255
