"""Bundles of real models."""

from __future__ import annotations

from pathlib import Path

from exporters.bundle import make_bundle
from pipelines.inference import Detector
from streamvision.config import ModelConfig


def bundled(model: Path, folder: Path) -> Path:
    """Make the bundle of a model that runs from its file alone, and return its folder."""
    with Detector.open(ModelConfig(path=model)) as detector:
        return make_bundle(model, folder, backend=detector.backend, card=detector.card).folder
