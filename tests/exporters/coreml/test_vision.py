"""Finished pipelines for Vision: their scores are the network's, and pipelines spoilt on purpose are caught."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")

import torch

from exporters.base import ExportOptions
from exporters.converters import import_converter
from exporters.coreml import vision
from exporters.coreml.interpreter import CoreMlInterpreter
from exporters.coreml.vision import check_rows, check_specification
from exporters.parity.gate import Gate
from exporters.pictures import GatePicture, GatePictures
from exporters.targets.coreml import CoreMlTarget
from streamvision.core.errors import ModelError, ParityError
from streamvision.core.picture import BgrPicture
from support.bright_source import CARD, BrightSource, bright_picture
from support.installed import needs

needs("coremltools")
pytestmark = pytest.mark.reference


def _pipeline(source: BrightSource, folder: Path) -> CoreMlInterpreter:
    folder.mkdir(exist_ok=True)
    artifact = CoreMlTarget().export(source, ExportOptions(precision="fp16", nms=True), folder)
    return CoreMlInterpreter(artifact.path, confidence_threshold=None)


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory: pytest.TempPathFactory) -> CoreMlInterpreter:
    return _pipeline(BrightSource(), tmp_path_factory.mktemp("bright"))


def test_scores_of_a_sound_pipeline_are_the_networks(pipeline: CoreMlInterpreter) -> None:
    check_rows(pipeline, bright_picture()[None])
    confidence, coordinates = pipeline.run(bright_picture()[None])
    np.testing.assert_allclose(confidence.max(1), np.array([250, 230, 200, 170, 140, 100]) / 255, atol=2e-3)
    assert confidence.argmax(1).tolist() == [0, 1, 0, 1, 0, 1]
    np.testing.assert_allclose(confidence.sum(1), confidence.max(1), atol=1e-6)
    np.testing.assert_allclose(coordinates[:2], [[4 / 64, 4 / 64, 1 / 8, 1 / 8], [20 / 64, 4 / 64, 1 / 8, 1 / 8]])


def test_scores_beyond_one_never_leave_the_export(tmp_path: Path) -> None:
    with pytest.raises(ParityError, match=r"they must be 0\.\.1"):
        _pipeline(BrightSource(spoil=lambda scores: scores * 3), tmp_path)


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda scores: (scores > 0.25).float(), "scores are saturated"),
        (lambda scores: ((scores - 0.25) * 100).sigmoid(), "scores are saturated"),
        (lambda scores: scores / scores.sum(1, keepdim=True), "first stage that differs is the decoded outputs"),
    ],
    ids=["cut", "steep", "normalised"],
)
def test_spoilt_scores_do_not_pass_the_gate(spoil: Any, reason: str, tmp_path: Path) -> None:
    picture = GatePicture("bright", lambda: BgrPicture(np.ascontiguousarray(bright_picture()[..., ::-1])))
    options = ExportOptions(precision="fp32", nms=True)
    artifact = CoreMlTarget().export(BrightSource(spoil=spoil), options, tmp_path)
    gate = Gate(BrightSource(), GatePictures((picture,), "one bright picture"))
    parity = gate.prove(CoreMlTarget(), artifact, options, scratch=tmp_path)
    assert not parity.passed
    assert reason in parity.sentence()


def test_rows_whose_sum_vision_would_misread_never_leave_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def every_class(rows: Any, pictures: Any) -> Any:
        raw = rows._network(pictures)[0][0].T
        return torch.cat([raw[:, 4:], raw[:, 4:].repeat(1, 39)], 1), raw[:, :4] / 64

    monkeypatch.setattr(vision.VisionRows, "forward", every_class)
    with pytest.raises(ParityError, match="which Vision takes for the confidence of the object"):
        _pipeline(BrightSource(), tmp_path)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda nms: nms.stringClassLabels.vector.pop(), r"raw_confidence has the shape \(84, 80\), not \(boxes, 79\)"),
        (lambda nms: setattr(nms, "confidenceInputFeatureName", "scores"), "'scores', which the network does not give"),
        (lambda nms: setattr(nms, "confidenceThreshold", 0.0), "the thresholds are 0.0 and 0.6"),
        (lambda nms: nms.stringClassLabels.vector.reverse(), "the labels are not the model's class names"),
    ],
    ids=["labels", "names", "threshold", "order"],
)
def test_parts_that_do_not_fit_are_caught(change: Any, reason: str, pipeline: CoreMlInterpreter) -> None:
    path = pipeline.path
    spec = import_converter("coremltools").utils.load_spec(str(path))
    check_specification(spec, CARD.names, path=path)
    change(spec.pipeline.models[1].nonMaximumSuppression)
    with pytest.raises(ModelError, match=reason):
        check_specification(spec, CARD.names, path=path)
