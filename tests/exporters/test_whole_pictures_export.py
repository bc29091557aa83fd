"""Whole pictures as an export's input: proven down to the network's own input, and refused where that differs."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.export import Exporter, ExportResult, Request
from exporters.graph.picture_input import with_picture_input
from exporters.onnx.conversion import save, to_onnx
from exporters.parity.gate import Gate
from exporters.pictures import GatePictures, pictures_in
from exporters.targets.onnx import OnnxTarget
from exporters.targets.registry import TARGETS
from streamvision.checkpoints.base import Source
from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ExportError
from streamvision.inference.model import Model
from streamvision.inference.model_card import PixelFormat


@pytest.fixture(scope="module")
def source(data_dir: Path) -> Source:
    return OnnxSource(data_dir / "models" / "yolox_nano.onnx")


@pytest.fixture(scope="module")
def pictures(data_dir: Path) -> GatePictures:
    return pictures_in(data_dir / "coco_calib", count=2)


def exported(
    source: Source, pictures: GatePictures, output: Path, options: ExportOptions, *formats: str
) -> list[ExportResult]:
    exporter = Exporter(source, Gate(source, pictures), pictures, output)
    return exporter.run([Request(TARGETS.get(format), options) for format in formats])


@pytest.mark.parametrize(("format", "pixel_format"), [("onnx", "bgr24"), ("onnx", "yuv420p"), ("openvino", "yuv420p")])
def test_it_is_proven_at_the_networks_own_input_and_runs_by_its_file_alone(
    format: str, pixel_format: PixelFormat, source: Source, pictures: GatePictures, tmp_path: Path
) -> None:
    if format == "openvino":
        pytest.importorskip("openvino")
    options = ExportOptions(pixel_format=pixel_format)
    (artefact,) = exported(source, pictures, tmp_path, options, format)
    assert artefact.error is None and artefact.path is not None and artefact.parity is not None
    assert pixel_format in artefact.name
    assert artefact.parity.figure("input_bytes", "greatest_difference_levels") == 0
    assert artefact.parity.figure("result", "mean_iou") == pytest.approx(1, abs=1e-4)
    file = artefact.path if artefact.path.is_file() else next(artefact.path.glob("*.xml"))
    with Model.open(ModelConfig(path=file)) as model:
        assert model.card.input.pixel_format == pixel_format
        assert len(model.detect([pictures.pictures[0].load()])[0])


class OtherBorder(OnnxTarget):
    """Resizes in the graph with another border than the card says."""

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        model, card = to_onnx(source, options)
        model, _ = with_picture_input(model, card.with_input(pad_value=0), "bgr24")
        card = card.with_input(pixel_format="bgr24")
        return UnverifiedArtifact("onnx", "fp32", save(model, card, folder / "other.onnx"), card)


def test_a_graph_that_prepares_pictures_otherwise_fails(source: Source, pictures: GatePictures, tmp_path: Path) -> None:
    target, options = OtherBorder(), ExportOptions(pixel_format="bgr24")
    artifact = target.export(source, options, tmp_path)
    verdict = Gate(source, pictures).prove(target, artifact, options, scratch=tmp_path)
    assert verdict.first_difference is not None and verdict.first_difference.name == "input_bytes"
    assert verdict.figure("input_bytes", "greatest_difference_levels") == pytest.approx(114, abs=0.1)


def test_what_contradicts_it_is_refused(source: Source, pictures: GatePictures, tmp_path: Path) -> None:
    for options, said in (
        (ExportOptions(pixel_format="bgr24", uint8_input=True), "leave out --uint8-input"),
        (ExportOptions(pixel_format="yuv420p", dynamic_size=True), "leave out --dynamic-size"),
    ):
        with pytest.raises(ExportError, match=said):
            TARGETS.get("onnx").check(options)
    with pytest.raises(ExportError, match="--pixel-format is not for tflite"):
        TARGETS.get("tflite").check(ExportOptions(pixel_format="bgr24"))
    (artefact,) = exported(source, pictures, tmp_path, ExportOptions(pixel_format="bgr24"), "onnx")
    assert artefact.path is not None
    whole = OnnxSource(artefact.path)
    (again,) = exported(whole, pictures, tmp_path / "again", ExportOptions(), "onnx")
    assert again.error is not None and "takes whole pictures already" in again.error
