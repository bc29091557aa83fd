"""OpenVINO's INT8 of a small network: sums that fit on every processor, and layers in float where asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

openvino = pytest.importorskip("openvino")
onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from exporters.onnx.graph import find_regions  # noqa: E402
from exporters.targets.openvino import _quantised, learned_depths  # noqa: E402
from support.installed import needs  # noqa: E402

needs("nncf")
LAYERS = 6


@pytest.fixture(scope="module")
def chain() -> Any:
    """Return a chain of convolutions with SiLU between them, as an ``onnx.ModelProto``."""
    rng = np.random.default_rng(3)
    nodes, weights = [], []
    for layer in range(LAYERS):
        shape = (8, 3 if layer == 0 else 8, 3, 3)
        weights.append(numpy_helper.from_array(rng.normal(0, 0.2, shape).astype(np.float32), f"w{layer}"))
        given, made = "images" if layer == 0 else f"x{layer}", "output" if layer == LAYERS - 1 else f"x{layer + 1}"
        inner = [f"c{layer}", f"s{layer}"]
        nodes.append(helper.make_node("Conv", [given, f"w{layer}"], inner[:1], name=f"conv{layer}", pads=[1, 1, 1, 1]))
        nodes.append(helper.make_node("Sigmoid", inner[:1], inner[1:], name=f"sigmoid{layer}"))
        nodes.append(helper.make_node("Mul", inner, [made], name=f"mul{layer}"))
    ends = [
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, channels, 16, 16])]
        for name, channels in (("images", 3), ("output", 8))
    ]
    graph = helper.make_graph(nodes, "chain", *ends, weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def read(model: Any) -> Any:
    return openvino.Core().read_model(model.SerializeToString())


def test_depths_are_those_of_the_onnx_network(chain: Any) -> None:
    depths = learned_depths(read(chain))
    expected = dict(zip((node.name for node in chain.graph.node), find_regions(chain.graph).depth, strict=True))
    expected["output"] = expected.pop(f"mul{LAYERS - 1}")  # OpenVINO calls it by what it gives
    assert {name: depths[name] for name in expected} == expected


def test_weights_take_7_bits_and_layers_stay_in_float_where_asked_for(chain: Any) -> None:
    rng = np.random.default_rng(4)
    pictures = [rng.random((1, 3, 16, 16), np.float32) for _ in range(3)]
    model = _quantised(read(chain), pictures, float_layers=3, in_float=frozenset({1}))
    weights = {
        operation.get_friendly_name(): operation.get_data().astype(int)
        for operation in model.get_ops()
        if operation.get_type_name() == "Constant"
        and operation.get_element_type() == openvino.Type.i8
        and operation.get_output_partial_shape(0).rank.get_length() == 4
    }
    assert len(weights) == LAYERS - 1 - 3, "neither depth 1 nor the last three layers"
    for values in weights.values():
        assert 2 * 255 * np.abs(values).max() <= np.iinfo(np.int16).max
        assert np.abs(values).max() > 32
