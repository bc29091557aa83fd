"""The example of DeepDream: a layer is excited more by what came of the picture than by the picture."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("torch")

import torch
from torch import nn

pytestmark = pytest.mark.reference


@pytest.fixture(scope="module")
def example(project_root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("deep_dream", project_root / "examples" / "explain" / "deep_dream.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_layer_is_excited_more_by_the_dream(example: ModuleType) -> None:
    torch.manual_seed(1)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 8, 3, stride=2, padding=1)).eval()
    pixels = torch.rand(1, 3, 50, 70) * 0.2 + 0.4
    dreamt = example.dream(network, pixels, layer=1, steps=4, sizes=2, rate=0.02)
    assert dreamt.shape == pixels.shape
    assert 0 <= float(dreamt.min()) <= float(dreamt.max()) <= 1
    with torch.no_grad():
        before, after = (float(example.excitement(network, one, 1)) for one in (pixels, dreamt))
    assert after > before
    with pytest.raises(SystemExit, match="layers 0 to 1"):
        example.excitement(network, pixels, 2)
