"""What a run that goes on from an earlier one is worth beside it, on pictures that neither learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.core.errors import StreamVisionError
from streamvision.core.words import counted
from streamvision.datasets.dataset import (
    CaptionedPictures,
    Dataset,
    MappedPictures,
    NamedPictures,
    PairedPicture,
    PairedPictures,
    PictureSet,
)
from streamvision.evaluation.answers import evaluate_answers
from streamvision.evaluation.captions.evaluate import evaluate_captions
from streamvision.evaluation.classify import evaluate_classifier
from streamvision.evaluation.cuboid import evaluate_cuboids
from streamvision.evaluation.evaluate import evaluate, evaluate_shapes
from streamvision.evaluation.gate import compare, write_gate
from streamvision.evaluation.images import evaluate_images
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import rounded
from streamvision.evaluation.semantic import evaluate_semantic
from streamvision.inference.model import Model
from streamvision.training.data import TrainingData
from streamvision.training.earlier_run import run_of_weights
from streamvision.training.figures import in_words
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder


def measure_added(
    recipe: Recipe, folder: RunFolder, data: TrainingData[Any], progress: TrainingProgress, *, trusted: bool
) -> dict[str, Any]:
    """Measure a model on what was held out of added pictures; the result is for ``summary.json``.

    Empty where nothing of them was held out.
    """
    if not data.held_out_added:
        return {}
    pictures = counted(len(data.held_out_added), "held-out pictures")
    try:
        with open_model(_deployed(folder), threads=recipe.threads, trust_checkpoint=trusted) as model:
            figures = _figures(model, data)
    except StreamVisionError as error:  # what was learnt is kept
        progress.say(f"The {pictures} of those that were added were not measured: {error}")
        return {}
    if not figures:
        return {}
    progress.say(f"On {pictures} of those that were added: {in_words(figures)}.")
    return {"added": {"images": len(data.held_out_added)} | {key: rounded(value) for key, value in figures.items()}}


def compare_with_earlier(
    recipe: Recipe, folder: RunFolder, data: TrainingData[Any], progress: TrainingProgress, *, trusted: bool
) -> dict[str, Any]:
    """Compare a detector with that of the run that it went on from, and return the result for ``summary.json``.

    Measured is what would be put to work: the ONNX files where there are any. The result lies beside the new one.
    Without an earlier run that held out the same pictures there is nothing to compare, and the result is empty.
    """
    earlier = run_of_weights(recipe.model_dump())
    if earlier is None or recipe.split is None:
        return {}
    old, new = (_deployed(run) for run in (earlier, folder))
    settings: dict[str, Any] = {"threads": recipe.threads, "trust_checkpoint": trusted}
    progress.say(f"Comparing with {old}.")
    try:
        with open_model(old, **settings) as before, open_model(new, **settings) as now:
            result = compare(before, now, Dataset(data.names, data.val), is_selected=not data.unproven)
        write_gate(result, old=old, new=new)
    except StreamVisionError as error:  # what was learnt is kept
        progress.say(f"The model was not compared with the one that it went on from: {error}")
        return {}
    progress.say(f"{'The new model passes' if result.passed else 'The new model is refused'}: {result.sentence}.")
    for caveat in result.caveats:
        progress.say(caveat)
    return {"gate": result.to_json()}


def _deployed(run: RunFolder) -> Path:
    onnx = run.best.with_suffix(".onnx")
    return onnx if onnx.is_file() else run.best


def _figures(model: Model, data: TrainingData[Any]) -> dict[str, float]:
    """Return the figures that decide; none of generators and styles, whose pictures have no truth to compare with."""
    from streamvision.training.answers.data import AnswersData  # which imports torch

    pictures, task = data.held_out_added, model.card.task
    figures: dict[str, float | None] = {}
    if isinstance(data, AnswersData):
        figures = {"skill": evaluate_answers(model, data.as_set(pictures)).skill}
    elif task == "classify":
        figures = {"top1": evaluate_classifier(model, NamedPictures(data.names, pictures)).top(1)}
    elif task == "caption":
        figures = {"bleu4": evaluate_captions(model, CaptionedPictures((), pictures)).bleu4}
    elif task == "semantic":
        figures = {"mean_iou": evaluate_semantic(model, MappedPictures(data.names, pictures)).mean_iou}
    elif task == "cuboid":
        figures = {"iou_3d": evaluate_cuboids(model, PictureSet(data.names, pictures)).found.iou_3d}
    elif task == "detect":
        found = evaluate(model, Dataset(data.names, pictures)).figures
        figures = {"map50": found.map50, "map50_95": found.map50_95}
    elif task == "segment" or task == "pose" or task == "obb":
        found = evaluate_shapes(task, model, Dataset(data.names, pictures)).figures
        figures = {"map50": found.map50, "map50_95": found.map50_95}
    elif isinstance(pictures[0], PairedPicture) and pictures[0].has_truth:
        of_pictures = evaluate_images(model, PairedPictures(data.names, pictures))
        figures = {key: of_pictures.mean(key) for key in ("psnr_db", "ssim")}
    return {key: value or 0.0 for key, value in figures.items()}
