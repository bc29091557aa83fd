"""Another package adds a head and a backend by entry point, and they are chosen by name."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, UnknownHeadError
from streamvision.core.picture import BgrPicture
from streamvision.core.registry import Registry
from streamvision.inference.backends import open_backend
from streamvision.inference.backends.registry import BACKENDS
from streamvision.inference.heads.registry import HEADS
from streamvision.inference.model import Model
from streamvision.models import default_model_path

PACKAGE = """
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.backends.registry import BackendPlugin
from streamvision.inference.heads.registry import HeadPlugin
from streamvision.inference.heads.yolo_detect import YoloV8Head

class HalvedHead(YoloV8Head):
    def decode(self, outputs, *, score_threshold, every_class=False):
        halved = outputs[self._position].copy()
        halved[:, 4:] /= 2
        return super().decode([halved], score_threshold=score_threshold, every_class=every_class)

class CountingBackend(OnnxRuntimeBackend):
    name = "counting"

HEAD = HeadPlugin(name="halved", task="detect", summary="half the scores", factory="plugged_in:HalvedHead")
BACKEND = BackendPlugin(
    name="counting", summary="for a test", factory="plugged_in:CountingBackend", endings=(".onnx",),
    accepts="an .onnx file", package="onnxruntime",
)
"""


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Put a package with a head and a backend where Python finds packages."""
    (tmp_path / "plugged_in.py").write_text(PACKAGE)
    info = tmp_path / "plugged_in-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged-in\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(
        "[streamvision.heads]\nhalved = plugged_in:HEAD\n[streamvision.backends]\ncounting = plugged_in:BACKEND\n"
    )
    monkeypatch.syspath_prepend(os.fspath(tmp_path))
    registries: tuple[Registry, ...] = (HEADS, BACKENDS)
    for registry in registries:
        vars(registry).pop("_entry_points", None)  # what was read before this package was there
    yield
    for registry in registries:
        vars(registry).pop("_entry_points", None)


@pytest.mark.usefixtures("installed")
def test_another_package_adds_a_head_and_a_backend() -> None:
    noise = BgrPicture(np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8))
    known = ModelConfig(path=default_model_path(), score=1e-6, iou=1.0)
    added = ModelConfig(path=default_model_path(), score=1e-6, iou=1.0, head="halved", backend="counting")
    with Model.open(known) as ours, Model.open(added) as theirs:
        assert theirs.backend.name == "counting"
        assert theirs.card.head == "halved"
        (expected,), (found,) = ours.detect([noise]), theirs.detect([noise])
    assert len(found) > 0
    assert found.score[0] == expected.score[0] / 2


def test_without_the_package_its_names_are_not_known() -> None:
    with pytest.raises(ConfigError, match="'counting' is no backend"):
        open_backend(default_model_path(), backend="counting")
    with pytest.raises(UnknownHeadError, match="head 'halved' is not known; known heads are yolo_v8"):
        Model.open(ModelConfig(path=default_model_path(), head="halved"))


def test_the_help_takes_its_backends_from_the_registry() -> None:
    extra = ModelConfig.model_fields["backend"].json_schema_extra
    assert "streamvision.inference.backends.registry:BACKENDS" in str(extra)


@pytest.mark.parametrize("registry", [HEADS, BACKENDS], ids=lambda registry: registry.kind)
def test_every_factory_is_where_its_entry_says(registry: Registry) -> None:
    for plugin in registry.built_in:
        assert isinstance(plugin.load(), type)
