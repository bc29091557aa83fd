"""Half-precision files: what stays float32, and a CPU that rounds as a GPU does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper  # noqa: E402

from exporters.onnx.graph import element_types, find_regions  # noqa: E402
from exporters.onnx.half import rounding_model, to_half  # noqa: E402
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend  # noqa: E402
from support.tiny_detector import tiny_detector, tiny_pictures  # noqa: E402


def run(model: Any, tensor: np.ndarray, path: Path) -> np.ndarray:
    onnx.save(model, path)
    return OnnxRuntimeBackend(path).run(tensor)[0]


def chain(*weights: float) -> Any:
    """Return a network that multiplies its picture by each number in turn."""
    stored, nodes, at = [], [], "images"
    for number, weight in enumerate(weights):
        kernel = np.zeros((3, 3, 5, 5), np.float32)
        kernel[range(3), range(3), 2, 2] = weight
        stored.append(numpy_helper.from_array(kernel, f"w{number}"))
        nodes.append(helper.make_node("Conv", [at, f"w{number}"], [f"x{number}"], pads=[2] * 4))
        at = f"x{number}"
    shape = [1, 3, 8, 8]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", at)]
    graph = helper.make_graph(nodes, "chain", ends[:1], ends[1:], stored)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_layers_are_in_half_and_the_arithmetic_behind_them_is_not(tmp_path: Path) -> None:
    model = to_half(onnx.load(tiny_detector(tmp_path / "tiny.onnx")))
    onnx.checker.check_model(model, full_check=True)
    types = element_types(model)
    assert types["one"] == types["five.head"] == TensorProto.FLOAT16
    assert types["shares"] == types["output0"] == types["images"] == TensorProto.FLOAT
    assert sum(node.op_type == "Cast" for node in model.graph.node) <= 1 + 3


def test_results_stay_close(tmp_path: Path) -> None:
    source = onnx.load(tiny_detector(tmp_path / "tiny.onnx"))
    pictures = tiny_pictures(2)
    wanted = run(source, pictures, tmp_path / "source.onnx")
    found = run(rounding_model(to_half(source)), pictures, tmp_path / "rounding.onnx")
    assert 0 < np.abs(found - wanted)[:, :4].max() < 0.1
    assert 0 < np.abs(found - wanted)[:, 4:].max() < 0.002


def test_weights_that_are_packed_in_the_file_become_half_too(project_root: Path) -> None:
    source = onnx.load(project_root / "streamvision" / "models" / "road_signs.onnx")
    assert not find_regions(source.graph).learned
    half = to_half(source)
    onnx.checker.check_model(half, full_check=True)
    assert len(find_regions(half.graph).learned) > 50
    assert half.ByteSize() < 7_000_000


def test_values_beyond_half_precision_are_seen_although_the_cpu_hides_them(tmp_path: Path) -> None:
    half = to_half(chain(1000.0, 1000.0, 1e-6))
    tensor = np.ones((1, 3, 8, 8), np.float32)
    assert not np.isfinite(run(rounding_model(half), tensor, tmp_path / "rounding.onnx")).any()
    assert np.isfinite(run(half, tensor, tmp_path / "half.onnx")).all()


def test_weights_beyond_half_precision_are_refused() -> None:
    with pytest.raises(
        RuntimeError, match=r"w1 reaches 1e\+05, beyond fp16's range of 65504; export the model in fp32"
    ):
        to_half(chain(1.0, 1e5))


def test_control_flow_is_refused() -> None:
    model = chain(1.0)
    branch = helper.make_graph([], "branch", [], [])
    model.graph.node.append(helper.make_node("If", ["x0"], ["y"], then_branch=branch, else_branch=branch))
    with pytest.raises(RuntimeError, match=r"control flow \(If, Loop\)"):
        to_half(model)
