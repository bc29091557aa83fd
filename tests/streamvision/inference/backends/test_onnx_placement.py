from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.inference.backends.onnx_placement import ExecutedNode, Placement, read_placement

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"


def nodes(op: str, provider: str, count: int, dtype: str = "float") -> tuple[ExecutedNode, ...]:
    return (ExecutedNode(op, provider, dtype),) * count


def test_a_real_run_is_read_back(yolox: Path, tmp_path: Path) -> None:
    import numpy as np
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = str(tmp_path / "profile")
    session = onnxruntime.InferenceSession(str(yolox), options, providers=[CPU])
    session.run(None, {"images": np.zeros((1, 3, 416, 416), np.float32)})
    placement = read_placement(Path(session.end_profiling()))
    assert sum("Conv" in node.op for node in placement.nodes) > 50
    assert placement.share(CPU) == 1
    assert placement.share(CUDA) == 0
    assert placement.precision() == "fp32"


def test_glue_on_the_cpu_does_not_count_against_an_accelerator() -> None:
    placement = Placement(nodes("Conv", CUDA, 60) + nodes("Shape", CPU, 200))
    assert placement.share(CUDA) == 1


def test_products_on_the_cpu_do() -> None:
    placement = Placement(nodes("Conv", CUDA, 10) + nodes("FusedConv", CPU, 40) + nodes("Shape", CUDA, 500))
    assert placement.share(CUDA) == pytest.approx(0.2)
    assert placement.elsewhere(CUDA) == "40 of 50 on CPUExecutionProvider"


def test_a_subgraph_that_tensorrt_swallowed_counts() -> None:
    whole = Placement(nodes("TRTKernel_graph_main_1", TENSORRT, 1) + nodes("NonMaxSuppression", CPU, 20))
    assert whole.share(TENSORRT) == 1
    small = Placement(nodes("TRTKernel_graph_main_1", TENSORRT, 1) + nodes("Conv", CUDA, 60))
    assert small.share(TENSORRT) < 0.5


@pytest.mark.parametrize(
    ("dtype", "precision"), [("float", "fp32"), ("float16", "fp16"), ("uint8", "int8"), ("int8", "int8")]
)
def test_the_arithmetic_is_that_of_the_products(dtype: str, precision: str) -> None:
    placement = Placement(nodes("Conv", CPU, 3, dtype) + nodes("Cast", CPU, 30, "int64"))
    assert placement.precision() == precision


def test_nothing_executed_is_no_share() -> None:
    assert Placement(()).share(CPU) == 0
    assert Placement(()).precision() is None
