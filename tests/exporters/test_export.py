"""What an export leaves behind: a proven artefact with its report, or nothing that looks like one."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from markupsafe import escape

from exporters.base import ExportOptions, TargetEntry
from exporters.export import Exporter, Request, requests_for
from exporters.parity.gate import Gate
from exporters.pictures import pictures_in
from exporters.targets.registry import TARGETS
from streamvision.checkpoints.onnx_file import OnnxSource
from streamvision.core.errors import ConfigError, ExportError, MissingDependencyError, ModelError
from streamvision.inference.backends import open_backend
from streamvision.inference.card_reader import read_card
from support.broken_exports import BrokenTarget, behind_output, input_card

NAME = "yolox_nano-fp32.onnx"
GOOD, BAD = BrokenTarget(), BrokenTarget(card=input_card(color="rgb"))


def entry(name: str, target: BrokenTarget = GOOD) -> TargetEntry:
    """Return the entry of a format whose files this target makes."""
    return replace(TARGETS.get(name), factory=lambda: target, precisions=("fp32", "fp16"))


class Raising(BrokenTarget):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    def export(self, source, options, folder):
        super().export(source, options, folder)
        raise self._error


@pytest.fixture(scope="module")
def source(data_dir):
    return OnnxSource(data_dir / "models" / "yolox_nano.onnx")


@pytest.fixture(scope="module")
def pictures(data_dir):
    return pictures_in(data_dir / "coco_calib", count=3)


@pytest.fixture
def export(source, pictures, tmp_path):
    """Returns a function that exports by these targets, by format."""

    def run(*, force: bool = False, say=lambda text: None, **targets):
        gate = Gate(source, pictures)
        exporter = Exporter(source, gate, pictures, tmp_path / "out", force=force, say=say)
        return exporter.run([Request(entry(name, target), ExportOptions()) for name, target in targets.items()])

    return run


def left(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "out").iterdir())


def test_a_proven_artefact_lies_in_its_place_with_its_reports(export, tmp_path):
    said: list[str] = []
    (artefact,) = export(onnx=GOOD, say=said.append)
    assert left(tmp_path) == [NAME, f"{NAME}.parity.html", f"{NAME}.parity.json"]
    assert artefact.error is None
    assert artefact.path == tmp_path / "out" / NAME
    assert artefact.bytes == artefact.path.stat().st_size
    backend = open_backend(artefact.path)
    assert read_card(backend, path=artefact.path).head == "yolox"
    backend.close()
    document = artefact.to_json()
    assert document["parity"]["passed"] is True
    page = (tmp_path / "out" / f"{NAME}.parity.html").read_text()
    groups = document["parity"]["stages"][-1]["groups"]
    assert groups, "ten objects of a class or size are there"
    assert all(f"{escape(group['name'])} ({group['objects']})" in page for group in groups)
    assert json.loads((tmp_path / "out" / f"{NAME}.parity.json").read_text())["parity"]["passed"] is True
    assert any("converting" in line for line in said)


def test_an_openvino_model_is_placed_with_its_weights(export, tmp_path):
    pytest.importorskip("openvino")
    pytest.importorskip("onnx")
    (artefact,) = export(openvino=TARGETS.get("openvino").create())
    assert artefact.error is None
    assert sorted(path.suffix for path in artefact.path.iterdir()) == [".bin", ".xml"]
    backend = open_backend(artefact.path)
    assert read_card(backend, path=artefact.path).head == "yolox"
    backend.close()


def test_a_file_beside_the_artefact_does_not_help_it_through_the_gate(export, tmp_path):
    """Only the artefact is placed, so only the artefact is proven."""

    class Leaning(BrokenTarget):
        def export(self, source, options, folder):
            artifact = super().export(source, options, folder)
            (folder / "weights.bin").write_bytes(b"needed")
            return artifact

        def open(self, artifact):
            if not (artifact.path.parent / "weights.bin").exists():
                raise ModelError("its weights are missing")
            return super().open(artifact)

    (artefact,) = export(onnx=Leaning())
    assert artefact.path is None
    assert "its weights are missing" in artefact.error


def test_a_failed_gate_leaves_its_report_and_no_artefact(export, tmp_path):
    (artefact,) = export(onnx=BAD)
    assert left(tmp_path) == [f"{NAME}.parity-failed.html", f"{NAME}.parity-failed.json"]
    assert artefact.path is None
    assert artefact.error is not None
    assert "input tensor" in artefact.error
    assert artefact.to_json()["parity"]["first_difference"] == "input_tensor"
    page = (tmp_path / "out" / f"{NAME}.parity-failed.html").read_text()
    assert "BGR" in page
    assert "data:image/jpeg" in page
    assert "http" not in page.replace("http-equiv", ""), "the page needs nothing from anywhere else"


def test_one_failure_leaves_the_other_formats_alone(export, tmp_path):
    targets = {"onnx": BAD, "tensorrt": GOOD, "openvino": Raising(ExportError("cannot be converted"))}
    outcomes = export(**targets)
    assert [artefact.error is None for artefact in outcomes] == [False, True, False]
    assert "cannot be converted" in outcomes[2].error
    assert "yolox_nano-fp32_tensorrt.onnx" in left(tmp_path)
    assert not any(name.startswith("yolox_nano-fp32_openvino") for name in left(tmp_path))


def test_what_is_there_already_is_not_touched_without_force(export, tmp_path):
    export(onnx=GOOD)
    before = (tmp_path / "out" / NAME).read_bytes()
    with pytest.raises(ConfigError, match="--force"):
        export(onnx=GOOD)
    assert (tmp_path / "out" / NAME).read_bytes() == before


def test_with_force_a_failure_takes_the_old_artefact_with_it(export, tmp_path):
    """An older file of the same name would be taken for the result."""
    export(onnx=GOOD)
    export(onnx=BAD, force=True)
    assert left(tmp_path) == [f"{NAME}.parity-failed.html", f"{NAME}.parity-failed.json"]
    export(onnx=GOOD, force=True)
    assert left(tmp_path) == [NAME, f"{NAME}.parity.html", f"{NAME}.parity.json"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "No space left"),
        (MissingDependencyError("needs a converter: pip install it"), "pip install"),
        (TypeError("'NoneType' object is not iterable"), "failed unexpectedly (TypeError"),
    ],
    ids=["disk full", "not installed", "a converter's own fault"],
)
def test_any_failure_is_one_sentence_and_leaves_nothing(export, tmp_path, error, words):
    (artefact,) = export(onnx=Raising(error))
    assert words in artefact.error
    assert left(tmp_path) == []


def test_an_interrupt_leaves_nothing_half_written(export, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        export(onnx=Raising(KeyboardInterrupt()))
    assert left(tmp_path) == []


def test_a_failure_behind_the_gate_takes_the_good_report_along(export, tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Exporter, "_place", full)
    (artefact,) = export(onnx=GOOD)
    assert "No space left" in artefact.error
    assert left(tmp_path) == []


def test_a_precision_that_the_format_does_not_have_is_refused(source, pictures, tmp_path):
    exporter = Exporter(source, Gate(source, pictures), pictures, tmp_path / "out")
    (artefact,) = exporter.run([Request(entry("onnx"), ExportOptions(precision="int8"))])
    assert "fp32, fp16" in artefact.error


def test_what_is_refused_is_said_before_the_others_are_made(source, pictures, tmp_path):
    said: list[str] = []
    exporter = Exporter(source, Gate(source, pictures), pictures, tmp_path / "out", say=said.append)
    wanted = [Request(entry("onnx", GOOD), ExportOptions()), Request(entry("onnx"), ExportOptions(precision="int8"))]
    made, refused = exporter.run(wanted)
    assert made.path is not None and refused.path is None
    assert "FAILED" in said[0] and "passed" in said[-1]


def test_mediapipes_form_is_refused_for_other_formats(source, pictures, tmp_path):
    """It would be ignored, and the file's name would still promise it."""
    exporter = Exporter(source, Gate(source, pictures), pictures, tmp_path / "out")
    (artefact,) = exporter.run([Request(entry("onnx"), ExportOptions(mediapipe=True))])
    assert artefact.path is None
    assert "--mediapipe is not for onnx; leave it out" in artefact.error


def test_names_say_what_differs_from_the_usual(source):
    options = ExportOptions(precision="fp16", size_px=(640, 384), nms=True, uint8_input=True)
    assert Request(TARGETS.get("tflite"), options).name(source) == "yolox_nano-fp16-640x384-uint8-nms.tflite"
    assert Request(TARGETS.get("openvino"), ExportOptions()).name(source) == "yolox_nano-fp32_openvino"


def test_each_format_is_made_in_its_own_precision_unless_told(source):
    requests = requests_for([TARGETS.get("onnx"), TARGETS.get("coreml")], [], ExportOptions())
    assert [request.options.precision for request in requests] == ["fp32", "fp16"]
    requests = requests_for([TARGETS.get("onnx")], ["fp16", "fp32"], ExportOptions())
    assert [request.options.precision for request in requests] == ["fp16", "fp32"]


def test_the_report_draws_what_only_one_side_has(export, tmp_path):
    confidence = np.ones((1, 1, 85), np.float32)
    confidence[..., 4] = 0.2
    export(onnx=BrokenTarget(behind_output(("Mul", [confidence], {}))))
    page = (tmp_path / "out" / f"{NAME}.parity-failed.html").read_text()
    assert 'class="mark alone"' in page
