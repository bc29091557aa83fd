"""What tests of replaced models begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.service.models import change as change_module
from support.red_box_film import red_box_detector, red_box_film


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return red_box_film(tmp_path_factory.mktemp("film") / "red.mp4", frames=250)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        "first": red_box_detector(folder / "first.onnx"),
        "second": red_box_detector(folder / "second.onnx", side_px=128, names=("fox", "cat", "dog")),
        "wrong": red_box_detector(folder / "wrong.onnx", found="cat"),
        "foxless": red_box_detector(folder / "foxless.onnx", names=("cat", "dog"), found="dog"),
    }


@pytest.fixture(autouse=True)
def short_trial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(change_module, "TRIAL_S", 0.5)
