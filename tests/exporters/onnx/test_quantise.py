"""INT8 of ONNX files that were made in older operator sets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from exporters.onnx.quantise import quantise  # noqa: E402
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
    onnx.save(quantise(network(opset), pictures, float_layers=1), tmp_path / "int8.onnx")
    (truth,), (found,) = (
        OnnxRuntimeBackend(tmp_path / name, device="cpu").run(pictures[0]) for name in ("float.onnx", "int8.onnx")
    )
    assert 0 < np.abs(found - truth).max() < 0.1 * np.abs(truth).max()
