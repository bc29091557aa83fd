"""Exports the best checkpoint of a run to ONNX, with our model card in the file's metadata."""

from __future__ import annotations

from typing import Any

from exporters.base import ExportOptions
from exporters.onnx.compact import compact
from exporters.onnx.conversion import require_onnx, to_onnx
from exporters.onnx.files import save
from exporters.sources import open_source
from exporters.sources.sizes import rounded_up
from exporters.sources.ultralytics import UltralyticsSource
from streamvision.errors import MissingDependencyError
from streamvision.training.trainers.prepare import TrainingData
from streamvision.training.trainers.progress import TrainingProgress
from streamvision.training.trainers.recipe import Recipe
from streamvision.training.trainers.run_folder import RunFolder


def export_run(
    recipe: Recipe, folder: RunFolder, data: TrainingData | None, progress: TrainingProgress, *, origin: str
) -> dict[str, Any]:
    """Write ``weights/best.onnx`` and return its path and size; nothing where the model or the machine cannot.

    Batch and size are free where the network allows that. Nothing is proven here: ``streamvision export`` does that.

    Args:
        recipe: of the run.
        folder: of the run.
        data: what was learnt from; ``None`` for tasks whose labels StreamVision does not read.
        progress: told when there is no export.
        origin: what the weights were made from, for the card.
    """
    if data is None:
        return {}
    try:
        require_onnx()
    except MissingDependencyError as error:
        progress.say(f"No ONNX file was made: {error}")
        return {}
    source = open_source(folder.best, names=data.names)
    free = isinstance(source, UltralyticsSource)
    side_px = rounded_up(recipe.imgsz, source.card.input.stride_px)
    options = ExportOptions(size_px=recipe.onnx_size or (side_px, side_px), dynamic_batch=free, dynamic_size=free)
    model, card = to_onnx(source, options)
    stored = "float32 weights"
    if recipe.onnx_megabytes:
        originals = source.stored_weights() if isinstance(source, UltralyticsSource) else None
        # The metadata that is yet to come takes its share.
        model, stored = compact(model, megabytes=recipe.onnx_megabytes - 0.01, originals=originals)
    path = save(model, card.model_copy(update={"source": origin}), folder.best.with_suffix(".onnx"))
    return {"onnx": str(path), "onnx_bytes": path.stat().st_size, "onnx_weights": stored}
