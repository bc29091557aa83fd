"""Exports the best checkpoint of a run to ONNX, with our model card in the file's metadata."""

from __future__ import annotations

import contextlib
import sys
import warnings
from pathlib import Path
from typing import Any

from streamvision.model_card import InputCard, ModelCard
from exporters.onnx.compact import compact
from streamvision.training.trainers.prepare import TrainingData
from streamvision.training.trainers.progress import TrainingProgress
from streamvision.training.trainers.recipe import Recipe
from streamvision.training.trainers.run_folder import RunFolder
from streamvision.training.trainers.torchvision_models import TORCHVISION_MODELS

OPSET = 17
ROWS = 300
"""Boxes in the output of models that select them inside."""
AGPL = "AGPL-3.0 (made with ultralytics, https://ultralytics.com/license)"


def export_run(
    recipe: Recipe, folder: RunFolder, data: TrainingData | None, progress: TrainingProgress, *, origin: str
) -> dict[str, Any]:
    """Write ``weights/best.onnx`` and return its path and size; nothing where the model or the machine cannot.

    Args:
        recipe: of the run.
        folder: of the run.
        data: what was learnt from; ``None`` for tasks that StreamVision does not run.
        progress: told when there is no export.
        origin: what the weights were made from, for the card.
    """
    if data is None:
        return {}
    try:
        import onnx
    except ImportError:
        progress.say("No ONNX file was made, as onnx is not installed: pip install 'streamvision[train]'")
        return {}
    path = folder.best.with_suffix(".onnx")
    originals: dict[str, Any] = {}
    if recipe.model in TORCHVISION_MODELS:
        card = _export_torchvision(recipe, data, folder.best, path)
    else:
        card, originals = _export_ultralytics(recipe, data, folder.best, path)
    card = card.model_copy(update={"source": origin})
    model = onnx.load(path)
    stored = "float32 weights"
    if recipe.onnx_megabytes:
        # The metadata that is yet to come takes its share.
        model, stored = compact(model, megabytes=recipe.onnx_megabytes - 0.01, originals=originals)
    kept = {
        entry.key: entry.value for entry in model.metadata_props if entry.key not in {"args", "date", "description"}
    }
    onnx.helper.set_model_props(model, kept | card.to_metadata())
    onnx.save(model, path)
    return {"onnx": str(path), "onnx_bytes": path.stat().st_size, "onnx_weights": stored}


def _export_ultralytics(
    recipe: Recipe, data: TrainingData, weights: Path, path: Path
) -> tuple[ModelCard, dict[str, Any]]:
    from ultralytics.models import YOLO

    with contextlib.redirect_stdout(sys.stderr):
        model = YOLO(str(weights), verbose=False)
        end2end = bool(getattr(model.model, "end2end", False))
        originals = {name: tensor.float().numpy() for name, tensor in model.model.state_dict().items()}
        side = -(-recipe.imgsz // 32) * 32
        width, height = recipe.onnx_size or (side, side)
        model.export(format="onnx", imgsz=[height, width], dynamic=True, simplify=True, opset=OPSET, device="cpu")
    card = ModelCard(
        head="yolo_end2end" if end2end else "yolo_v8",
        names=data.names,
        input=InputCard(width_px=width, height_px=height, dynamic_batch=True),
        nms_inside=end2end,
        licence=AGPL,
    )
    return card, originals


def _export_torchvision(recipe: Recipe, data: TrainingData, weights: Path, path: Path) -> ModelCard:
    import torch

    from streamvision.training.trainers.torchvision_models import build

    side = recipe.imgsz
    model, _ = build(recipe.model, classes=len(data.names), side_px=side)
    model.load_state_dict(torch.load(weights, map_location="cpu", weights_only=True)["model"])
    model.eval().requires_grad_(False)

    class Rows(torch.nn.Module):
        """Selected boxes as rows of left, top, right, bottom, score, class; unused rows are zero."""

        def __init__(self) -> None:
            super().__init__()
            self.detector = model

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            (found,) = self.detector([images[0]])
            classes = (found["labels"] - 1).to(torch.float32)
            rows = torch.cat([found["boxes"], found["scores"][:, None], classes[:, None]], dim=1)
            return torch.cat([rows, rows.new_zeros((ROWS, 6))])[:ROWS][None]

    with torch.inference_mode(), contextlib.redirect_stdout(sys.stderr), warnings.catch_warnings():
        # Torchvision's own code for tracing sets off warnings that its users cannot mend.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            Rows().eval(),
            (torch.zeros(1, 3, side, side),),
            str(path),
            input_names=["images"],
            output_names=["output0"],
            opset_version=OPSET,
            dynamo=False,
        )
    return ModelCard(
        head="yolo_end2end",
        names=data.names,
        input=InputCard(width_px=side, height_px=side),
        nms_inside=True,
    )
