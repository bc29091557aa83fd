"""The Core ML backend on a pretended Mac: its model is a fake with coremltools' documented interface.

The fake computes by the interpreter of the exporters, so the packages are real; that Core ML itself does the same can
only be seen on a Mac.
"""

from __future__ import annotations

import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("coremltools")

import coremltools
import torch
from PIL import Image

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.coreml.interpreter import CoreMlInterpreter
from exporters.targets.coreml import CoreMlTarget
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import DeviceError, ModelError
from streamvision.core.picture import BgrPicture
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.core_ml import CoreMlBackend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import InputCard, ModelCard
from support.bright_source import BrightSource, bright_picture

pytestmark = pytest.mark.reference


REAL = coremltools.models.MLModel
NAMES = ("red", "green", "blue")
COLOUR_CARD = ModelCard(
    task="classify", head="classify", names=NAMES, input=InputCard(width_px=32, height_px=32, resize="stretch")
)


@dataclass(frozen=True)
class ColourSource:
    """A :class:`streamvision.checkpoints.base.Source` of a classifier: which colour the picture has."""

    card: ModelCard = COLOUR_CARD
    path: Path = Path("colour.pt")
    output_names: tuple[str, ...] = ("probabilities",)
    onnx: Path | None = None

    def module(self, *, dynamic_size: bool = False) -> Any:
        class Network(torch.nn.Module):
            def forward(self, pictures: torch.Tensor) -> tuple[torch.Tensor, ...]:
                return ((pictures.mean((2, 3)) * 5).softmax(1),)

        return Network().eval()

    def backend(self, *, size_px: tuple[int, int]) -> Any:
        raise NotImplementedError


class FakeMLModel:
    """What ``coremltools.models.MLModel`` is on a Mac, as far as its documentation goes."""

    def __init__(self, model: str, compute_units: Any) -> None:
        self._spec = coremltools.utils.load_spec(model)
        with mock.patch.object(coremltools.models, "MLModel", REAL):
            self._interpreter = CoreMlInterpreter(Path(model), confidence_threshold=None)
        self.inputs: dict[str, Any] = {}
        self.compute_units = compute_units

    def get_spec(self) -> Any:
        return self._spec

    def predict(self, data: dict[str, Any]) -> dict[str, Any]:
        self.inputs = data
        given = data[self._interpreter.input.name]
        if self._spec.description.input[0].type.WhichOneof("Type") == "imageType":
            if not isinstance(given, Image.Image):
                raise TypeError("the image input must be of type PIL.Image.Image")
            given = np.asarray(given)[None]
        found = self._interpreter.run(given)
        names = [spec.name for spec in self._interpreter.outputs]
        if label := self._spec.description.predictedFeatureName:
            by_name = dict(zip(NAMES, found[0][0].tolist(), strict=True))
            # In the order of the alphabet: a dictionary's own says nothing.
            return {label: max(by_name, key=by_name.__getitem__), names[0]: dict(sorted(by_name.items()))}
        # In another order, and wider than stated: both happen.
        return {name: found[names.index(name)].astype(np.float64) for name in reversed(names)}


@pytest.fixture
def on_a_mac(monkeypatch: pytest.MonkeyPatch) -> list[FakeMLModel]:
    """The models that were opened."""
    opened: list[FakeMLModel] = []

    def load(model: str, compute_units: Any) -> FakeMLModel:
        opened.append(FakeMLModel(model, compute_units))
        return opened[-1]

    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(coremltools.models, "MLModel", load)
    return opened


@pytest.fixture(scope="module")
def artifacts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, UnverifiedArtifact]:
    made = {}
    for name, source, target, nms in (
        ("image", BrightSource(), CoreMlTarget(), False),
        ("tensor", BrightSource(), CoreMlTarget(input="tensor"), False),
        ("pipeline", BrightSource(), CoreMlTarget(), True),
        ("classifier", ColourSource(), CoreMlTarget(), False),
    ):
        folder = tmp_path_factory.mktemp(name)
        made[name] = target.export(source, ExportOptions(precision="fp16", nms=nms), folder)
    return made


@pytest.mark.usefixtures("on_a_mac")
@pytest.mark.parametrize("name", ["image", "tensor", "pipeline"])
def test_a_package_is_run_with_no_further_word(name: str, artifacts: dict[str, UnverifiedArtifact]) -> None:
    config = ModelConfig(path=artifacts[name].path, score=0.3)
    with Model.open(config) as detector:
        assert detector.card == artifacts[name].card
        (found,) = detector.detect([BgrPicture(np.ascontiguousarray(bright_picture()[..., ::-1]))])
    levels = np.array([250, 230, 200, 170, 140, 100])
    np.testing.assert_allclose(found.score, levels / 255, atol=2e-3)
    np.testing.assert_allclose(found.box_xyxy_px[1], [16, 0, 24, 8], atol=0.05)


@pytest.mark.usefixtures("on_a_mac")
def test_probabilities_by_name_come_in_the_order_of_the_card(artifacts: dict[str, UnverifiedArtifact]) -> None:
    backend = open_backend(artifacts["classifier"].path)
    assert [(spec.name, spec.shape) for spec in backend.outputs] == [("classLabel_probs", (1, 3))]
    picture = np.zeros((1, 32, 32, 3), np.uint8)
    picture[..., 1] = 255
    (probabilities,) = backend.run(picture)
    assert NAMES[int(probabilities[0].argmax())] == "green"
    np.testing.assert_allclose(probabilities.sum(), 1, atol=1e-3)


def test_suppression_inside_leaves_the_threshold_to_the_runtime(
    artifacts: dict[str, UnverifiedArtifact], on_a_mac: list[FakeMLModel]
) -> None:
    backend = open_backend(artifacts["pipeline"].path)
    backend.run(bright_picture()[None])
    assert on_a_mac[-1].inputs["confidenceThreshold"] == 0.05
    assert [spec.name for spec in backend.outputs] == ["confidence", "coordinates"]
    assert read_card(backend, path=artifacts["pipeline"].path).nms_inside


@pytest.mark.parametrize(
    ("device", "unit", "executes"),
    [
        ("auto", "ALL", "cpu+gpu+npu"),
        ("cpu", "CPU_ONLY", "cpu"),
        ("gpu", "CPU_AND_GPU", "cpu+gpu"),
        ("npu", "CPU_AND_NE", "cpu+npu"),
    ],
)
def test_the_device_becomes_compute_units(
    device: str, unit: str, executes: str, artifacts: dict[str, UnverifiedArtifact], on_a_mac: list[FakeMLModel]
) -> None:
    backend = CoreMlBackend(artifacts["classifier"].path, device=device)
    assert on_a_mac[-1].compute_units == coremltools.ComputeUnit[unit]
    assert (backend.device, backend.precision) == (executes, "fp16")


@pytest.mark.usefixtures("on_a_mac")
def test_what_would_not_be_executed_is_an_error(artifacts: dict[str, UnverifiedArtifact]) -> None:
    with pytest.raises(DeviceError, match="no device 'cuda'"):
        CoreMlBackend(artifacts["image"].path, device="cuda")
    with pytest.raises(DeviceError, match="computes in fp16 and not in fp32"):
        CoreMlBackend(artifacts["classifier"].path, precision="fp32")


@pytest.mark.usefixtures("on_a_mac")
def test_a_damaged_package_is_an_error(tmp_path: Path) -> None:
    package = tmp_path / "broken.mlpackage"
    package.mkdir()
    (package / "Manifest.json").write_text("{}")
    with pytest.raises(ModelError, match="not a Core ML model or is damaged"):
        open_backend(package)


def test_elsewhere_it_says_where_core_ml_executes(
    artifacts: dict[str, UnverifiedArtifact], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform, "system", lambda: "Linux")
    with pytest.raises(DeviceError, match="executes on Apple devices only, not on Linux"):
        open_backend(artifacts["image"].path)
