"""What a run that goes on from an earlier one is worth beside it, on pictures that neither learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.core.errors import StreamVisionError
from streamvision.core.words import counted
from streamvision.datasets.dataset import CaptionedPictures, Dataset, NamedPictures
from streamvision.evaluation.captions.evaluate import evaluate_captions
from streamvision.evaluation.classify import evaluate_classifier
from streamvision.evaluation.evaluate import evaluate
from streamvision.evaluation.gate import compare, write_gate
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import rounded
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
    if model.card.task == "classify":
        named = evaluate_classifier(model, NamedPictures(data.names, data.held_out_added))
        return {"top1": named.top(1) or 0.0}
    if model.card.task == "caption":
        said = evaluate_captions(model, CaptionedPictures((), data.held_out_added))
        return {"bleu4": said.bleu4 or 0.0}
    found = evaluate(model, Dataset(data.names, data.held_out_added)).figures
    return {"map50": found.map50, "map50_95": found.map50_95}
