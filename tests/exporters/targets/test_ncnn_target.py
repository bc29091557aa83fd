"""The NCNN target: a network becomes two files and a card, and what NCNN cannot do is said in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("ncnn")
pytest.importorskip("pnnx")
pytest.importorskip("onnxscript")

import onnx
from onnx import TensorProto, helper

from exporters.base import ExportOptions
from exporters.export import Exporter, requests_for
from exporters.ncnn import conversion
from exporters.ncnn.conversion import to_ncnn
from exporters.parity.gate import Gate
from exporters.pictures import pictures_in
from exporters.targets.registry import TARGETS
from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.core.errors import ExportError, MissingDependencyError
from streamvision.inference.backends import open_backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import InputCard
from support.labelled_pictures import save_picture
from support.tiny_detector import SIDE_PX, tiny_detector, tiny_pictures

NCNN = TARGETS.get("ncnn")
CARD = InputCard(width_px=8, height_px=8)


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> OnnxSource:
    return OnnxSource(tiny_detector(tmp_path_factory.mktemp("tiny") / "tiny.onnx", dynamic=False))


def test_a_detector_passes_the_gate_in_each_precision(source: OnnxSource, tmp_path: Path) -> None:
    for index in range(4):
        save_picture(tmp_path / "pictures" / f"{index}.png", 96, 64, seed=index)
    pictures = pictures_in(tmp_path / "pictures")
    exporter = Exporter(source, Gate(source, pictures), pictures, tmp_path / "out")
    exact, half = exporter.run(requests_for([NCNN], ["fp32", "fp16"], ExportOptions()))
    assert (exact.error, half.error) == (None, None)
    assert exact.path is not None and half.path is not None
    assert sorted(file.name for file in exact.path.iterdir()) == [
        "metadata.yaml", "model.ncnn.bin", "model.ncnn.param",
    ]  # fmt: skip
    assert (half.path / "model.ncnn.bin").stat().st_size < 0.7 * (exact.path / "model.ncnn.bin").stat().st_size
    backend = open_backend(exact.path)
    assert read_card(backend, path=exact.path).names == source.card.names
    assert (backend.input.name, backend.outputs[0].name) == ("images", "output0")
    tensor = tiny_pictures(1)
    (expected,) = source.backend(size_px=(SIDE_PX, SIDE_PX)).run(tensor)
    assert np.abs(backend.run(tensor)[0] - expected).max() < 2e-3


def _network(operation: str) -> onnx.ModelProto:
    shape = [1, 3, 8, 8]
    node = helper.make_node(operation, ["images"], ["output0"])
    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("images", "output0")]
    graph = helper.make_graph([node], "network", ports[:1], ports[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)


def test_an_operation_that_ncnn_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="it has no layer for Det"):
        to_ncnn(_network("Det"), CARD, tmp_path / "m.param", half=False, network="odd.pt")


def test_a_converter_that_fails_or_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (failing := tmp_path / "pnnx").write_text("#!/bin/sh\necho no layer for this\nexit 7\n")
    failing.chmod(0o755)
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "find_converter", lambda: failing)
        with pytest.raises(ExportError, match="pnnx ended with 7: no layer for this"):
            to_ncnn(_network("Sigmoid"), CARD, tmp_path / "m.param", half=False, network="a.pt")
    monkeypatch.setattr(conversion, "find_spec", lambda name: None)
    with pytest.raises(MissingDependencyError, match="this export needs pnnx: pip install"):
        conversion.find_converter()
