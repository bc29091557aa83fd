"""One training run from its recipe to its model card."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from streamvision.checkpoints.torch_runtime import import_ultralytics
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import MappedPicture, NamedPicture
from streamvision.training.classify_run import ClassifyRun
from streamvision.training.curves import CurveFile
from streamvision.training.families import check_settings, family_of
from streamvision.training.figures import in_words, shown
from streamvision.training.onnx_export import export_run
from streamvision.training.picture_data import (
    PictureData,
    link_class_folders,
    prepare_classes,
    prepare_regions,
)
from streamvision.training.prepare import TrainingData, prepare
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe, load_recipe, write_recipe
from streamvision.training.run_card import write_card
from streamvision.training.run_folder import RunFolder, existing_run_folder, new_run_folder, write_atomically
from streamvision.training.semantic_run import SemanticRun
from streamvision.training.torch_run import TorchRun
from streamvision.training.torchvision_run import TorchvisionRun
from streamvision.training.ultralytics_run import UltralyticsRun, model_task
from streamvision.training.ultralytics_setup import resolve_weights

AnyData = TrainingData | PictureData[NamedPicture] | PictureData[MappedPicture]
"""What a run learns from, whatever it is labelled with."""


def start_training(recipe: Recipe, *, project: Path, name: str | None, command: str) -> dict[str, Any]:
    """Train from the beginning; returns the summary that is also written to the run folder."""
    progress = TrainingProgress()
    _check_model(recipe)
    folder = new_run_folder(project, name, model=recipe.model)
    write_recipe(recipe, folder.recipe)
    return _train(recipe, folder, progress, command=command, resume=False)


def resume_training(run: Path, *, command: str) -> dict[str, Any]:
    """Go on where a run was killed, with its own recipe."""
    folder = existing_run_folder(run)
    recipe = load_recipe(folder.recipe, {})
    return _train(recipe, folder, TrainingProgress(), command=command, resume=True)


def find_learning_rate(recipe: Recipe, *, project: Path, name: str | None, command: str) -> dict[str, Any]:
    """Run the learning-rate range test and leave its figures and plot in a run folder."""
    progress = TrainingProgress()
    _check_model(recipe)
    folder = new_run_folder(project, name, model=f"{Path(recipe.model).stem}-find-lr")
    write_recipe(recipe, folder.recipe)
    _note_command(folder, command)
    run, _ = _make_run(recipe, folder, progress, resume=False)
    progress.say("Raising the learning rate until the loss runs away.")
    sweep = run.find_lr()
    table, plot = folder.root / "lr_finder.csv", folder.root / "lr_finder.png"
    sweep.write(table, plot)
    progress.say(f"Suggested: --lr {sweep.suggested:.2g} ({plot})")
    return {"run": str(folder.root), "suggested_lr": sweep.suggested, "csv": str(table), "png": str(plot)}


def _train(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, command: str, resume: bool
) -> dict[str, Any]:
    _note_command(folder, command)
    if resume and folder.summary.exists():
        raise ConfigError(f"the run in {folder.root} has ended; start a new one from its {folder.best.name}")
    run, data = _make_run(recipe, folder, progress, resume=resume)
    run.train()
    curves = CurveFile(folder.curves_csv)
    curves.draw(folder.curves_png)
    rows = curves.rows()
    best = max(rows, key=lambda row: row[run.figure])
    figures = {key: best[key] for key in shown(best)}
    summary: dict[str, Any] = {
        "task": run.task,
        "run": str(folder.root),
        "best": str(folder.best),
        "last": str(folder.last),
        "epochs": len(rows),
        "best_epoch": int(best["epoch"]),
        **figures,
        "training_s": round(rows[-1].get("time_s", 0.0), 1),
        "beginning": run.beginning,
    }
    origin = (
        f"{recipe.data.resolve().name}, {len(data.train) if data else 0} pictures; {run.beginning}; held-out pictures: "
        f"{in_words(best)}"
    )
    summary |= export_run(recipe, folder, data, progress, origin=origin, measured=figures)
    write_card(recipe, folder, data, summary)
    write_atomically(folder.summary, json.dumps(summary, indent=1))
    progress.say(
        f"Best epoch {summary['best_epoch']} of {summary['epochs']}: {in_words(best)} on the held-out pictures. "
        f"Everything is in {folder.root}"
    )
    return summary


def _make_run(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, resume: bool
) -> tuple[TorchRun | UltralyticsRun, AnyData | None]:
    family = family_of(recipe.model)
    oversample_most = recipe.oversample_most if recipe.balance == "oversample" else 1
    common: dict[str, Any] = {
        "data": recipe.data,
        "val_share": recipe.val_share,
        "seed": recipe.seed,
        "oversample_most": oversample_most,
    }
    weights = str(folder.last) if resume else recipe.model
    task = _task(weights) if family == "ultralytics" else None
    if task is None and family != "detector":
        progress.say("Checking pictures and labels.")
    if family == "unet":
        regions = prepare_regions(folder, **common)
        _say(describe(regions), progress)
        return SemanticRun(recipe, regions, folder, progress, resume=resume), regions
    if family == "classifier" or task == "classify":
        classes = prepare_classes(folder, **common)
        _say(describe(classes), progress)
        if family == "classifier":
            return ClassifyRun(recipe, classes, folder, progress, resume=resume), classes
        return UltralyticsRun(
            recipe, link_class_folders(classes, folder.data), folder, progress, resume=resume
        ), classes
    if task not in (None, "detect"):
        # Masks and key points are not in the vocabulary of our data sets: ultralytics reads them itself.
        if recipe.data.suffix not in {".yaml", ".yml"}:
            raise ConfigError(
                f"a model for {task!r} needs its own labels; give --data the data.yaml of a YOLO data set"
            )
        return UltralyticsRun(recipe, recipe.data.resolve(), folder, progress, resume=resume), None
    data = prepare(folder, **common, generated=recipe.generated)
    _say(describe(data), progress)
    if data.problems:
        progress.say("See all of them with streamvision data inspect.")
    if family == "detector":
        return TorchvisionRun(recipe, data, folder, progress, resume=resume), data
    return UltralyticsRun(recipe, data.yaml, folder, progress, resume=resume), data


def _say(lines: list[str], progress: TrainingProgress) -> None:
    for line in lines:
        progress.say(line)


def describe(data: AnyData) -> list[str]:
    """Return what will be learnt from, and what was wrong with it, in sentences."""
    shown = sum(data.repeats)
    more = f" (shown {shown} times an epoch, rare classes more often)" if shown > len(data.train) else ""
    lines = [
        f"{len(data.train)} pictures to learn from{more}, {len(data.val)} held out; the split is {data.split_origin}.",
        f"{len(data.names)} classes: {', '.join(data.names)}.",
    ]
    if data.problems:
        lines.append(
            f"{len(data.problems)} problems with files, the first: {data.problems[0].path}: {data.problems[0].reason}"
        )
    return lines


def _check_model(recipe: Recipe) -> None:
    """Fail before anything is written where there are no weights to begin from, or settings are for other models."""
    family = family_of(recipe.model)
    if family == "ultralytics":
        _task(recipe.model)
    check_settings(recipe, family)


def _task(model: str) -> str:
    weights = resolve_weights(model)
    import_ultralytics()
    return model_task(weights)


def _note_command(folder: RunFolder, command: str) -> None:
    with folder.command.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} {command}\n")
