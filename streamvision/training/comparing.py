"""What a run that goes on from an earlier one is worth beside it, on pictures that neither learnt from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from streamvision.core.errors import StreamVisionError
from streamvision.core.words import counted
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.evaluate import evaluate
from streamvision.evaluation.gate import compare, write_gate
from streamvision.evaluation.model import open_model
from streamvision.evaluation.predictions import rounded
from streamvision.training.data import TrainingData
from streamvision.training.earlier_run import run_of_weights
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder


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
    told: dict[str, Any] = {}
    try:
        with open_model(new, **settings) as now:
            if data.held_out_added:
                told["added"] = _measured(now, data, progress)
            progress.say(f"Comparing with {old}.")
            with open_model(old, **settings) as before:
                result = compare(before, now, Dataset(data.names, data.val))
        write_gate(result, old=old, new=new)
    except StreamVisionError as error:  # what was learnt is kept
        progress.say(f"The model was not compared with the one that it went on from: {error}")
        return told
    progress.say(f"{'The new model passes' if result.passed else 'The new model is refused'}: {result.sentence}.")
    return told | {"gate": result.to_json()}


def _deployed(run: RunFolder) -> Path:
    onnx = run.best.with_suffix(".onnx")
    return onnx if onnx.is_file() else run.best


def _measured(model: Any, data: TrainingData[Any], progress: TrainingProgress) -> dict[str, Any]:
    figures = evaluate(model, Dataset(data.names, data.held_out_added)).figures
    progress.say(
        f"On {counted(len(data.held_out_added), 'held-out pictures')} of those that were added: mAP50 "
        f"{figures.map50:.3f}, mAP50-95 {figures.map50_95:.3f}."
    )
    return {
        "images": len(data.held_out_added),
        "map50": rounded(figures.map50),
        "map50_95": rounded(figures.map50_95),
    }
