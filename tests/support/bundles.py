"""Bundles of real models."""

from __future__ import annotations

from pathlib import Path

from exporters.bundle import make_bundle
from streamvision.core.config.model import ModelConfig
from streamvision.inference.model import Model


def bundled(model: Path, folder: Path) -> Path:
    """Make the bundle of a model that runs from its file alone, and return its folder."""
    with Model.open(ModelConfig(path=model)) as detector:
        return make_bundle(model, folder, backend=detector.backend, card=detector.card).folder
