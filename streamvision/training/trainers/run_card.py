"""The model card of a training run, for people."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from streamvision.training.dataset import LabelledImage
from streamvision.training.trainers.curves import CurveFile
from streamvision.training.trainers.prepare import TrainingData
from streamvision.training.trainers.recipe import Recipe
from streamvision.training.trainers.run_folder import RunFolder, write_atomically
from streamvision.training.trainers.torchvision_models import TORCHVISION_MODELS


def write_card(recipe: Recipe, folder: RunFolder, data: TrainingData | None, summary: dict[str, Any]) -> None:
    """Write ``MODEL_CARD.md``: what it is, what it was made from, how good it is, and under which licence."""
    write_atomically(folder.card, "\n".join(_lines(recipe, folder, data, summary)) + "\n")


def _lines(recipe: Recipe, folder: RunFolder, data: TrainingData | None, summary: dict[str, Any]) -> list[str]:
    last = CurveFile(folder.curves_csv).rows()[-1]
    lines = [
        f"# {Path(recipe.model).stem}, trained on {recipe.data.name}",
        "",
        f"- Beginning: {summary['beginning']}.",
        f"- Input: pictures whose longer side is {recipe.imgsz} px.",
        f"- Training: {summary['epochs']} of at most {recipe.epochs} epochs in {summary['training_s'] / 60:.1f} "
        f"minutes, preset {recipe.preset!r}, balance {recipe.balance!r}, seed {recipe.seed}.",
        f"- Licence of the weights: {licence(recipe)}",
    ]
    if "onnx" in summary:
        size = summary["onnx_bytes"] / 1e6
        lines.append(f"- ONNX: `{Path(summary['onnx']).name}`, {size:.2f} MB, {summary['onnx_weights']}.")
    lines += [
        "",
        "## Figures on the held-out pictures",
        "",
        "| epoch | mAP50 | mAP50-95 |",
        "| --- | --- | --- |",
        f"| {summary['best_epoch']} (best) | {summary['map50']:.3f} | {summary['map50_95']:.3f} |",
        f"| {summary['epochs']} (last) | {last['map50']:.3f} | {last['map50_95']:.3f} |",
        "",
        "The best epoch was chosen by these pictures, so other pictures may give a little less. Measure them with "
        "`streamvision eval detect`.",
    ]
    if data is not None:
        lines += ["", "## Data", "", f"The split is {data.split_origin}; `split.json` names every picture.", ""]
        lines += _table(data)
    lines += ["", "## Command", "", "```", folder.command.read_text(encoding="utf-8").rstrip(), "```"]
    return lines


def _table(data: TrainingData) -> list[str]:
    learnt, held_out = _objects(data.train), _objects(data.val)
    rows = [f"| {name} | {learnt[class_id]} | {held_out[class_id]} |" for class_id, name in enumerate(data.names)]
    return [
        f"| objects | to learn from ({len(data.train)} pictures) | held out ({len(data.val)} pictures) |",
        "| --- | --- | --- |",
        *rows,
    ]


def _objects(images: tuple[LabelledImage, ...]) -> Counter[int]:
    return Counter(box.class_id for image in images for box in image.boxes if not box.ignore)


def licence(recipe: Recipe) -> str:
    """Return what licence the weights of a recipe are under, in a sentence."""
    if recipe.model in TORCHVISION_MODELS:
        return "yours to choose, as far as the data and the weights it began from allow (torchvision is BSD-3-Clause)."
    return "AGPL-3.0, as they were made with ultralytics (https://ultralytics.com/license)."
