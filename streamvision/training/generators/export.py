"""Exports what makes pictures of latent vectors: ``weights/generator.onnx``, and ``samples.png`` with what it draws.

This file imports torch; see :func:`streamvision.checkpoints.torch_runtime.import_torch`.
"""

from __future__ import annotations

from typing import Any

import torch

from exporters.generators import export_generator
from streamvision.checkpoints.base import GeneratingSource, TorchSource
from streamvision.core.errors import ExportError
from streamvision.inference.generator_card import GeneratorCard
from streamvision.training.data import TrainingData
from streamvision.training.generators.samples import PlainSamples
from streamvision.training.generators.samples_picture import COLUMNS, draw_samples
from streamvision.training.progress import TrainingProgress
from streamvision.training.run_folder import RunFolder


def export_generator_of(
    source: GeneratingSource,
    folder: RunFolder,
    data: TrainingData[Any],
    progress: TrainingProgress,
    *,
    origin: str,
    measured: dict[str, float],
) -> dict[str, Any]:
    """Write the generator and a picture of what it draws; returns their paths, nothing where it cannot be made.

    Args:
        source: the network.
        folder: of the run.
        data: what was learnt from.
        progress: says so when there is no export.
        origin: what the weights were made from, for the card.
        measured: figures on the held-out pictures, for the card.
    """
    side_px = source.side_px
    card = GeneratorCard(latents=source.latents, width_px=side_px, height_px=side_px, source=origin, measured=measured)
    samples = folder.root / "samples.png"
    spread = data.val[:: max(len(data.val) // COLUMNS, 1)][:COLUMNS]
    shown = [next(PlainSamples(spread, side_px=side_px).plain(batch=COLUMNS))]
    if isinstance(source, TorchSource):
        with torch.inference_mode():
            shown += source.module()(shown[0])
    draw_samples(samples, source.generator(), latents=source.latents, beside=shown)
    try:
        proven = export_generator(source.generator(), card, folder.best.with_name("generator.onnx"))
    except ExportError as error:  # what was learnt is kept
        progress.say(f"No generator was exported: {error}")
        return {"samples": str(samples)}
    made = ", what was made of them," if len(shown) > 1 else ""
    progress.say(f"Held-out pictures{made} and drawn ones: {samples}")
    return {"samples": str(samples), "generator": str(proven.path), "generator_checked": proven.sentence()}
