"""Exports the best checkpoint of a run to ONNX, with our model card in the file's metadata."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from exporters.base import ExportOptions, UnverifiedArtifact
from exporters.onnx.compact import compact
from exporters.onnx.conversion import require_onnx, save, to_onnx
from exporters.parity.gate import Gate
from exporters.parity.verdict import Parity
from exporters.pictures import pictures_of
from exporters.targets.onnx import OnnxTarget
from streamvision.checkpoints import open_generator, open_source
from streamvision.checkpoints.base import Source, TorchSource
from streamvision.checkpoints.ultralytics import UltralyticsSource
from streamvision.core.errors import ConfigError, ExportError, MissingDependencyError, ParityError
from streamvision.inference.letterbox import rounded_up
from streamvision.inference.model_card import ModelCard
from streamvision.training.data import TrainingData
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

CHECKED_PICTURES = 6
OF_OBJECTS = ("detect", "segment", "pose", "obb")


def export_run(
    recipe: Recipe,
    folder: RunFolder,
    data: TrainingData[Any],
    progress: TrainingProgress,
    *,
    origin: str,
    measured: dict[str, float],
    trusted: bool,
) -> dict[str, Any]:
    """Write ``weights/best.onnx`` and return its path and size; nothing where the model or the machine cannot.

    Batch and size are free where the network allows that. A file is executed beside the network in torch on
    held-out pictures, and not kept where they differ; for those that find objects only in a run that goes on from an
    earlier one, whose model it may replace, as ``streamvision export`` proves them.

    Args:
        recipe: of the run.
        folder: of the run.
        data: what was learned from.
        progress: says so when there is no export.
        origin: what the weights were made from, for the card.
        measured: figures on the held-out pictures, for the card.
        trusted: whether the run began from a checkpoint that may run its author's code, as its own then does.
    """
    try:
        require_onnx()
    except MissingDependencyError as error:
        progress.say(f"No ONNX file was made: {error}")
        return {}
    progress.say("Making the ONNX file of the best epoch.")
    drawing = open_generator(folder.best)
    drawn: dict[str, Any] = {}
    if drawing is not None:
        from streamvision.training.generators.export import export_generator_of

        drawn = export_generator_of(drawing, folder, data, progress, origin=origin, measured=measured)
        if not isinstance(drawing, TorchSource):  # it takes no picture
            return drawn
    source = open_source(folder.best, names=data.names, trust_checkpoint=trusted)
    free = source.card.head not in ("rows", "rtdetr")
    options = ExportOptions(
        size_px=recipe.onnx_size or _own_size(recipe, source.card),
        dynamic_batch=free,
        dynamic_size=free and source.card.task not in ("classify", "cuboid", "caption") and drawing is None,
    )
    stored = "float32 weights"
    try:
        model, card = to_onnx(source, options)
        if recipe.onnx_megabytes:
            originals = source.stored_weights() if isinstance(source, UltralyticsSource) else None
            # The metadata that is yet to come takes its share.
            model, stored = compact(model, megabytes=recipe.onnx_megabytes - 0.01, originals=originals)
    except (ExportError, ConfigError) as error:  # what was learnt is kept
        progress.say(f"No ONNX file was made: {error}")
        return drawn
    card = card.model_copy(update={"source": origin, "measured": measured})
    path = save(model, card, folder.best.with_suffix(".onnx"))
    facts = drawn | {"onnx": str(path), "onnx_bytes": path.stat().st_size, "onnx_weights": stored}
    if card.task in OF_OBJECTS and recipe.split is None:
        return facts
    progress.say("Comparing the ONNX file with the network in torch on held-out pictures.")
    try:
        parity = _prove(
            source,
            UnverifiedArtifact("onnx", "fp32", path, card),
            options,
            data.shown or [image.path for image in data.val],
        )
    except ParityError as error:  # a model that finds nothing yet; what was learnt is kept
        progress.say(f"The ONNX file is not proven: {error}")
        return facts
    if not parity.passed:
        path.unlink()
        progress.say(f"No ONNX file was kept, as it differs from the network in torch: {parity.sentence()}")
        return drawn
    return facts | {"onnx_checked": parity.sentence()}


def _own_size(recipe: Recipe, card: ModelCard) -> tuple[int, int]:
    """Return the size that the network was trained with: a square, but what its card says where it sees another."""
    if card.task in ("semantic", "image", "caption"):
        return card.input.width_px, card.input.height_px
    side_px = rounded_up(recipe.imgsz, card.input.stride_px)
    return side_px, side_px


def _prove(source: Source, artifact: UnverifiedArtifact, options: ExportOptions, pictures: Sequence[Path]) -> Parity:
    shown = pictures_of(pictures, origin="the held-out part", count=CHECKED_PICTURES)
    with tempfile.TemporaryDirectory(prefix="streamvision-parity-") as scratch:
        return Gate(source, shown).prove(OnnxTarget(), artifact, options, scratch=Path(scratch))
