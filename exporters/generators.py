"""Generators as ONNX files: latent vectors in, pictures out; proven beside torch on vectors that were drawn."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.converters import converting
from exporters.onnx.conversion import OPSET, require_onnx
from streamvision.core.errors import ParityError
from streamvision.core.files import write_whole
from streamvision.inference.backends.onnx_import import import_onnxruntime
from streamvision.inference.generator_card import GeneratorCard

INPUT, OUTPUT = "latents", "pictures"
CHECKED_LATENTS = 32
TOLERANCE = 1e-3
"""Most that a value of 0..1 may differ by: a quarter of a level."""


@dataclass(frozen=True)
class ProvenGenerator:
    """A file that gives the same pictures as torch."""

    path: Path
    """The ONNX file."""
    greatest_difference: float
    """Between a value of its pictures and torch's, of 0..1."""

    def sentence(self) -> str:
        """Return what was proven, in words."""
        return f"equal on {CHECKED_LATENTS} latent vectors within {self.greatest_difference:.1e} of 0..1"


def export_generator(module: Any, card: GeneratorCard, path: Path) -> ProvenGenerator:
    """Write a generator with its card, and execute it beside torch.

    Args:
        module: ``torch.nn.Module`` from (N, latents) to (N, 3, H, W) RGB of 0..1, in evaluation mode.
        card: what the file says of itself.
        path: where to write it.

    Raises:
        ExportError: when the network cannot be converted.
        ParityError: when the file gives other pictures; none is left then.
        MissingDependencyError: when onnx or onnxruntime is not installed.
    """
    require_onnx()
    import torch
    from onnx import helper

    latents = np.random.default_rng(0).standard_normal((CHECKED_LATENTS, card.latents)).astype(np.float32)
    with converting(path, "ONNX", instead="train it again"), torch.no_grad():
        program: Any = torch.onnx.export(
            module,
            (torch.from_numpy(latents),),
            input_names=[INPUT],
            output_names=[OUTPUT],
            opset_version=OPSET,
            dynamo=True,
            optimize=True,
            verbose=False,
            external_data=False,
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
    model = program.model_proto
    helper.set_model_props(model, card.to_metadata())
    write_whole(path, model.SerializeToString())
    with torch.inference_mode():
        expected = module(torch.from_numpy(latents)).numpy()
    try:
        difference = _difference(path, latents, expected, card)
    except Exception:
        path.unlink(missing_ok=True)
        raise
    return ProvenGenerator(path, difference)


def _difference(path: Path, latents: NDArray[np.float32], expected: Any, card: GeneratorCard) -> float:
    session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    greatest = 0.0
    for begin, end in ((0, 1), (1, 4), (4, len(latents))):  # a mix-up between the pictures of a call shows then
        (found,) = session.run([OUTPUT], {INPUT: latents[begin:end]})
        if found.shape != (end - begin, 3, card.height_px, card.width_px):
            raise ParityError(f"{path} gives {found.shape} for {end - begin} latent vectors; no file was kept")
        difference = float(np.abs(found - expected[begin:end]).max())
        if not difference <= TOLERANCE:
            raise ParityError(
                f"{path} gives pictures that differ by {difference:.2g} of 0..1 from those of torch; no file was kept"
            )
        greatest = max(greatest, difference)
    return greatest
