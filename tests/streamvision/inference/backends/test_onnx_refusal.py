"""What ONNX Runtime does not load is refused with the cause and what to do; each by a real file."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from streamvision.core.errors import ModelError
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from support.model_files import truncated


def written(
    path: Path, *, operator: str = "Relu", domain: str = "", opset: int = 13, ir_version: int = 8, width_px: int = 8
) -> Path:
    shape = [1, 3, 8, width_px]
    infos: list[Any] = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy"]
    node = helper.make_node(operator, ["x"], ["y"], domain=domain)
    graph = helper.make_graph([node], "one", infos[:1], infos[1:])
    sets = [helper.make_opsetid("", opset)] + ([helper.make_opsetid(domain, 1)] if domain else [])
    model = helper.make_model(graph, opset_imports=sets, ir_version=ir_version)
    path.write_bytes(model.SerializeToString())
    return path


@pytest.mark.parametrize(
    ("how", "said"),
    [
        (
            {"ir_version": 99},
            r"is written in version 99 of the ONNX format, .* reads \d+: install a newer ONNX Runtime",
        ),
        ({"opset": 40}, r"needs opset 40 of ai\.onnx, .* knows up to \d+: install .* --opset \d+ or below"),
        (
            {"operator": "EfficientNMS_TRT"},
            r"holds the TensorRT plug-in EfficientNMS_TRT, .*export the model without it",
        ),
        ({"width_px": 70_000}, r"takes 1x3x8x70000, which is larger than any input that is accepted"),
        ({"operator": "Roof", "domain": "com.house"}, r"holds the operator com\.house:Roof, which this ONNX Runtime"),
    ],
)
def test_the_cause_is_named(how: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=said):
        OnnxRuntimeBackend(written(tmp_path / "model.onnx", **how))


def test_a_cut_file_is_damaged(tmp_path: Path) -> None:
    path = truncated(written(tmp_path / "model.onnx"), tmp_path / "cut.onnx", 0.5)
    with pytest.raises(ModelError, match="is not an ONNX model or is damaged"):
        OnnxRuntimeBackend(path)


def test_without_a_folder_for_temporary_files_it_says_so(
    tiny_onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with pytest.raises(ModelError, match=r"temporary files, and none can be written to .*set TMPDIR"):
        OnnxRuntimeBackend(tiny_onnx)


def test_the_file_would_load_otherwise(tmp_path: Path) -> None:
    assert OnnxRuntimeBackend(written(tmp_path / "model.onnx")).input.shape == (1, 3, 8, 8)
    assert onnx.load(tmp_path / "model.onnx").ir_version == 8
