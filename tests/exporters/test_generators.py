"""Generators become files of four formats that give torch's pictures, or none is left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")

import torch

from exporters.generators import FORMATS, export_generator
from exporters.targets.registry import TARGETS
from streamvision.checkpoints.latent_decoder import LatentDecoder
from streamvision.core.errors import ExportError, ParityError
from streamvision.inference.generator_card import GeneratorCard

pytestmark = [pytest.mark.slow, pytest.mark.reference]
NEEDS = {"openvino": "openvino", "tflite": "litert_torch", "coreml": "coremltools"}


@pytest.fixture(scope="module")
def decoder() -> Any:
    """A small decoder whose batch statistics are those of no beginning."""
    torch.manual_seed(3)
    network = LatentDecoder(16, latents=5, widths=(8, 6, 4)).requires_grad_(False)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_()
            module.running_var.uniform_(0.5, 2)
    return network.eval()


@pytest.mark.parametrize("format", FORMATS)
def test_each_format_gives_torchs_pictures(format: str, decoder: Any, tmp_path: Path) -> None:
    if format in NEEDS:
        pytest.importorskip(NEEDS[format])
    card = GeneratorCard(latents=5, width_px=16, height_px=16, source="nothing")
    path = tmp_path / f"made{TARGETS.get(format).suffix}"
    proven = export_generator(decoder, card, path, format=format)
    assert proven.path == path
    assert proven.greatest_difference < 1e-4
    opened = FORMATS[format].open(path)
    assert GeneratorCard.model_validate_json(opened.card or "") == card


def test_a_generator_that_differs_is_not_kept(tmp_path: Path, decoder: Any) -> None:
    path, card = tmp_path / "generator.onnx", GeneratorCard(latents=5, width_px=16, height_px=16)
    with pytest.raises(ParityError, match="no file was kept"):
        export_generator(decoder, card.model_copy(update={"width_px": 9}), path)
    assert not path.exists()

    class Drifting(torch.nn.Module):
        calls = 0

        def forward(self, latents: Any) -> Any:
            self.calls += 1
            return decoder(latents) * (1 - 0.01 * self.calls)

    with pytest.raises(ParityError, match=r"differ by .* from those of torch"):
        export_generator(Drifting().eval(), card, path)
    assert not path.exists()
    with pytest.raises(ExportError, match="not made for ncnn; give onnx, openvino, tflite, coreml"):
        export_generator(decoder, card, path, format="ncnn")
