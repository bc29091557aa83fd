"""One training run from its recipe to its model card."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamvision.checkpoints.torch_runtime import import_torch, import_ultralytics
from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.training.data import (
    TrainingData,
    link_class_folders,
    prepare_classes,
    prepare_objects,
    prepare_regions,
    write_yolo_layout,
)
from streamvision.training.families import check_settings, family_of
from streamvision.training.onnx_export import export_run
from streamvision.training.recipe import Recipe, load_recipe, write_recipe
from streamvision.training.report import CurveFile, TrainingProgress, in_words, shown, write_card
from streamvision.training.run_folder import RunFolder, existing_run_folder, new_run_folder

if TYPE_CHECKING:
    from streamvision.training.torch_run import TorchRun
    from streamvision.training.ultralytics_run import UltralyticsRun


def start_training(
    recipe: Recipe, *, project: Path, name: str | None, command: str, trust_checkpoint: bool = False
) -> dict[str, Any]:
    """Train from the beginning; returns the summary that is also written to the run folder.

    Checkpoints to begin from run their author's code only where they are trusted; else those that would are refused.
    """
    _check_model(recipe, trusted=trust_checkpoint)
    folder = new_run_folder(project, name, model=recipe.model)
    write_recipe(recipe, folder.recipe)
    return _train(recipe, folder, TrainingProgress(), command=command, resume=False, trusted=trust_checkpoint)


def resume_training(run: Path, *, command: str, trust_checkpoint: bool = False) -> dict[str, Any]:
    """Go on where a run was killed, with its own recipe."""
    folder = existing_run_folder(run)
    recipe = load_recipe(folder.recipe, {})
    return _train(recipe, folder, TrainingProgress(), command=command, resume=True, trusted=trust_checkpoint)


def find_learning_rate(
    recipe: Recipe, *, project: Path, name: str | None, command: str, trust_checkpoint: bool = False
) -> dict[str, Any]:
    """Run the learning-rate range test and leave its figures and plot in a run folder."""
    progress = TrainingProgress()
    _check_model(recipe, trusted=trust_checkpoint)
    folder = new_run_folder(project, name, model=f"{Path(recipe.model).stem}-find-lr")
    write_recipe(recipe, folder.recipe)
    _note_command(folder, command)
    run, _ = _make_run(recipe, folder, progress, resume=False, trusted=trust_checkpoint)
    progress.say("Raising the learning rate until the loss runs away.")
    sweep = run.find_lr()
    table, plot = folder.root / "lr_finder.csv", folder.root / "lr_finder.png"
    sweep.write(table, plot)
    progress.say(f"Suggested: --lr {sweep.suggested:.2g} ({plot})")
    return {"run": str(folder.root), "suggested_lr": sweep.suggested, "csv": str(table), "png": str(plot)}


def _train(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, command: str, resume: bool, trusted: bool
) -> dict[str, Any]:
    _note_command(folder, command)
    if resume and folder.summary.exists():
        raise ConfigError(f"the run in {folder.root} has ended; start a new one from its {folder.best.name}")
    run, data = _make_run(recipe, folder, progress, resume=resume, trusted=trusted)
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
    summary |= export_run(recipe, folder, data, progress, origin=origin, measured=figures, trusted=trusted)
    write_card(recipe, folder, data, summary)
    write_whole(folder.summary, json.dumps(summary, indent=1))
    progress.say(
        f"Best epoch {summary['best_epoch']} of {summary['epochs']}: {in_words(best)} on the held-out pictures. "
        f"Everything is in {folder.root}"
    )
    return summary


def _make_run(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, resume: bool, trusted: bool
) -> tuple[TorchRun | UltralyticsRun, TrainingData[Any] | None]:
    """Read the data and build the network."""
    family = family_of(recipe.model)
    task = None
    if family == "ultralytics":
        task = _ultralytics_task(str(folder.last) if resume else recipe.model, trusted=trusted)
    if task not in (None, "detect", "classify"):
        # Masks and key points are not in the vocabulary of our data sets: ultralytics reads them itself.
        if recipe.data.suffix not in {".yaml", ".yml"}:
            raise ConfigError(
                f"a model for {task!r} needs its own labels; give --data the data.yaml of a YOLO data set"
            )
        from streamvision.training.ultralytics_run import UltralyticsRun

        run = UltralyticsRun(recipe, recipe.data.resolve(), folder, progress, resume=resume, trusted=trusted)
        return run, None
    progress.say("Checking pictures and labels.")
    data: Any
    if family == "unet":
        data = prepare_regions(folder, recipe)
    elif family == "classifier" or task == "classify":
        data = prepare_classes(folder, recipe)
    else:
        data = prepare_objects(folder, recipe)
    for line in data.describe():
        progress.say(line)
    if data.problems and data.counted == "objects":
        progress.say("See all of them with streamvision data inspect.")
    if family == "ultralytics":
        from streamvision.training.ultralytics_run import UltralyticsRun

        lay_out: Callable[[Any, Path], Path] = link_class_folders if task == "classify" else write_yolo_layout
        laid_out = lay_out(data, folder.data)
        return UltralyticsRun(recipe, laid_out, folder, progress, resume=resume, trusted=trusted), data
    import_torch()
    from streamvision.training.semantic_run import SemanticRun
    from streamvision.training.torchvision_run import ClassifierRun, DetectorRun

    kind: type[Any] = {"unet": SemanticRun, "classifier": ClassifierRun, "detector": DetectorRun}[family]
    return kind(recipe, data, folder, progress, resume=resume, trusted=trusted), data


def _check_model(recipe: Recipe, *, trusted: bool) -> None:
    """Fail before anything is written where there are no weights to begin from, or settings are for other models."""
    family = family_of(recipe.model)
    if family == "ultralytics":
        task = _ultralytics_task(recipe.model, trusted=trusted)
        if recipe.format and task != "detect":
            raise ConfigError(f"format says how boxes are written; leave it out for {recipe.model}, a model for {task}")
    else:
        import_torch()
    check_settings(recipe, family)


def _ultralytics_task(model: str, *, trusted: bool) -> str:
    import_ultralytics()
    from streamvision.training.ultralytics_run import model_task, resolve_weights

    return model_task(resolve_weights(model), trusted=trusted)


def _note_command(folder: RunFolder, command: str) -> None:
    with folder.command.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} {command}\n")
