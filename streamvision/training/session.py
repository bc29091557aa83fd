"""One training run from its recipe to its model card."""

from __future__ import annotations

import json
import math
import shutil
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamvision.checkpoints.checkpoint_file import TRUST_OPTION, UntrustedError
from streamvision.checkpoints.other_classifiers import is_user_code
from streamvision.checkpoints.scene_networks import scene_network
from streamvision.checkpoints.torch_runtime import import_torch, import_ultralytics, torch_device
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.files import write_whole
from streamvision.evaluation.evaluate import LIKENESS
from streamvision.training.comparing import compare_with_earlier, measure_added
from streamvision.training.data import TrainingData, prepare_classes, prepare_objects, prepare_regions
from streamvision.training.families import check_settings, trainer_for
from streamvision.training.figures import best_of, in_words, shown
from streamvision.training.layouts import link_class_folders, write_map_layout, write_yolo_layout
from streamvision.training.model_names import RELEASES
from streamvision.training.next_steps import next_commands
from streamvision.training.onnx_export import export_run
from streamvision.training.overfitting import judge, overfit_recipe, write_notice
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe, load_recipe, write_recipe
from streamvision.training.report import CurveFile, write_card
from streamvision.training.results_picture import draw_results
from streamvision.training.run_folder import RunFolder, existing_run_folder, held, new_run_folder

if TYPE_CHECKING:
    from streamvision.training.torch_run import TorchRun
    from streamvision.training.ultralytics_run import Architecture, UltralyticsRun

CLASSIFIER_SIDE_PX = 224
"""Side of the squares that ultralytics' classifiers were made for."""


def start_training(
    recipe: Recipe, *, project: Path, name: str | None, command: str, trust_checkpoint: bool = False
) -> dict[str, Any]:
    """Train from the beginning; returns the summary that is also written to the run folder.

    A run that is refused, or ends before its first epoch is over, leaves no folder. Checkpoints to begin from run their
    author's code only where they are trusted; else those that would are refused.
    """
    recipe = checked(recipe, trusted=trust_checkpoint)
    progress = TrainingProgress()
    if recipe.split is not None:
        progress.say(
            f"What {recipe.split.parent} held out stays held out; its settings hold where no others are given."
        )
    with new_run_folder(project, name, model=recipe.model) as folder:
        note_command(folder, command)
        write_recipe(recipe, folder.recipe)
        return _train(recipe, folder, progress, resume=False, trusted=trust_checkpoint)


def resume_training(run: Path, *, command: str, trust_checkpoint: bool = False) -> dict[str, Any]:
    """Go on where a run was killed, with its own recipe; from the beginning where no epoch of it was over."""
    folder = existing_run_folder(run)
    recipe = load_recipe(folder.recipe, {})
    check_code_trusted(recipe, folder, trusted=trust_checkpoint)
    if folder.summary.exists():
        weights = f"--model {folder.best}"
        if trainer_for(recipe).load is not None:
            weights = f"--model {recipe.model} --weights {folder.best}"
        raise ConfigError(f"the run in {folder.root} has ended; start a new one from its weights with {weights}")
    progress, went_on = TrainingProgress(), folder.last.exists()
    if not went_on:
        progress.say(f"No epoch of the run in {folder.root} was over: it begins anew.")
    with held(folder.root):
        note_command(folder, command)
        return _train(recipe, folder, progress, resume=went_on, trusted=trust_checkpoint)


def check_code_trusted(recipe: Recipe, folder: RunFolder, *, trusted: bool) -> None:
    """Refuse to go on with a run whose recipe names code, unless that is trusted: the folder may be another's.

    Raises:
        UntrustedError: when it names code and is not trusted.
    """
    if is_user_code(recipe.model) and not trusted:
        raise UntrustedError(
            f"the run in {folder.root} is of the code {recipe.model!r}, which would be imported and run with your "
            f"rights; give {TRUST_OPTION} if that is yours"
        )


def find_learning_rate(
    recipe: Recipe, *, project: Path, name: str | None, command: str, trust_checkpoint: bool = False
) -> dict[str, Any]:
    """Run the learning-rate range test and leave its figures and plot in a run folder."""
    progress = TrainingProgress()
    recipe = checked(recipe, trusted=trust_checkpoint, trial="find_lr")
    with new_run_folder(project, name, model=f"{Path(recipe.model).stem}-find-lr") as folder:
        note_command(folder, command)
        run = make_run(recipe, folder, progress, resume=False, trusted=trust_checkpoint)
        progress.say("Raising the learning rate until the loss runs away.")
        sweep = run.find_lr()
        table, plot = folder.root / "lr_finder.csv", folder.root / "lr_finder.png"
        sweep.write(table, plot)
        write_recipe(recipe, folder.recipe)
    progress.say(f"{sweep.sentence} ({plot})")
    return {
        "run": str(folder.root),
        "suggested_lr": sweep.suggested,
        "falls": sweep.falls,
        "csv": str(table),
        "png": str(plot),
    }


def _train(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, resume: bool, trusted: bool
) -> dict[str, Any]:
    run = make_run(recipe, folder, progress, resume=resume, trusted=trusted)
    run.train()
    trusted = trusted or is_user_code(recipe.model)  # which has run already
    data = run.data()
    curves = CurveFile(folder.curves_csv)
    curves.draw(folder.curves_png)
    if recipe.overfit:
        return _judge_overfit(recipe, folder, run, progress, trusted=trusted)
    rows = curves.rows()
    best = curves.best(run.figure)
    # Neither JSON nor a card knows what is no number, such as the skill where all held-out answers are the same.
    figures = {key: best[key] for key in shown(best) if math.isfinite(best[key])}
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
        f"{recipe.data.resolve().name}, {len(data.train)} pictures; {run.beginning}; held-out pictures: "
        f"{in_words(best)}"
    )
    summary |= export_run(recipe, folder, data, progress, origin=origin, measured=figures, trusted=trusted)
    samples = Path(summary["samples"]) if run.task == "generate" and "samples" in summary else None
    summary |= _draw(folder, curves, data, progress, trusted=trusted, samples=samples)
    summary |= measure_added(recipe, folder, data, progress, trusted=trusted)
    if run.task == "detect":
        summary |= compare_with_earlier(recipe, folder, data, progress, trusted=trusted)
    passed = summary.get("gate", {}).get("passed")
    is_own_code = is_user_code(recipe.model)
    summary["next"] = next_commands(
        folder,
        data,
        summary.get("onnx"),
        generator=summary.get("generator"),
        passed=passed,
        is_own_code=is_own_code,
    )
    write_card(recipe, folder, data, summary)
    write_whole(folder.summary, json.dumps(summary, indent=1))
    progress.say(
        f"Best epoch {summary['best_epoch']} of {summary['epochs']}: {in_words(best)} on the held-out pictures. "
        f"Everything is in {folder.root}"
    )
    if "results" in summary:
        progress.say(f"Curves and held-out pictures: {summary['results']}")
    progress.say("Next:")
    for line in summary["next"]:
        progress.say(f"  {line}")
    return summary


def _judge_overfit(
    recipe: Recipe,
    folder: RunFolder,
    run: TorchRun | UltralyticsRun,
    progress: TrainingProgress,
    *,
    trusted: bool,
) -> dict[str, Any]:
    """Say whether a few pictures were learnt by heart; the weights, which are of no other use, are removed."""
    data, curves = run.data(), CurveFile(folder.curves_csv)
    rows = curves.rows()
    verdict = judge(rows, recipe, data, idle=run.idle())
    _draw(folder, curves, data, progress, trusted=trusted)
    shutil.rmtree(folder.last.parent)
    figures = {key: best_of(key, (row[key] for row in rows)) for key in shown(rows[-1]) if math.isfinite(rows[-1][key])}
    summary: dict[str, Any] = {"task": run.task, "run": str(folder.root), "epochs": len(rows), **figures}
    summary |= {"pictures": len(data.train), "training_s": round(rows[-1].get("time_s", 0.0), 1)}
    summary["overfit"] = verdict.to_json()
    write_notice(recipe, folder, data, verdict)
    write_whole(folder.summary, json.dumps(summary, indent=1))
    for line in (verdict.sentence, *verdict.look_at):
        progress.say(line)
    progress.say(f"Curves and pictures: {folder.results_png}")
    return summary


def _draw(
    folder: RunFolder,
    curves: CurveFile,
    data: TrainingData[Any],
    progress: TrainingProgress,
    *,
    trusted: bool,
    samples: Path | None = None,
) -> dict[str, str]:
    """Draw the results, and return the picture's path for the summary."""
    try:
        draw_results(folder.results_png, curves, data, folder.best, trusted=trusted, samples=samples)
    except StreamVisionError as error:  # what was learnt is kept
        progress.say(f"No picture of results was drawn: {error}")
        return {}
    return {"results": str(folder.results_png)}


def make_run(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, resume: bool, trusted: bool
) -> TorchRun | UltralyticsRun:
    """Read the data and build the network."""
    trainer = trainer_for(recipe)
    progress.say("Checking pictures and labels.")
    if trainer.load is None:
        return _ultralytics_run(recipe, folder, progress, resume=resume, trusted=trusted)
    import_torch()
    prepare, kind = trainer.load()
    data = prepare(folder, recipe)
    _describe(data, progress)
    return kind(recipe, data, folder, progress, resume=resume, trusted=trusted)


def _ultralytics_run(
    recipe: Recipe, folder: RunFolder, progress: TrainingProgress, *, resume: bool, trusted: bool
) -> UltralyticsRun:
    architecture = _architecture(str(folder.last) if resume else recipe.model, trusted=trusted)
    from streamvision.training.ultralytics_run import UltralyticsRun

    data: TrainingData[Any]
    if architecture.task == "classify":
        data = prepare_classes(folder, recipe)
        laid_out = link_class_folders(data, folder.data)
    elif architecture.task == "semantic":
        data = prepare_regions(folder, recipe)
        laid_out = write_map_layout(data, folder.data)
    else:
        by = LIKENESS.get(architecture.task, "box")
        data = prepare_objects(folder, recipe, by=by)
        laid_out = write_yolo_layout(data, folder.data, by=by)
    _describe(data, progress)
    return UltralyticsRun(recipe, architecture, laid_out, data, folder, progress, resume=resume, trusted=trusted)


def _describe(data: TrainingData[Any], progress: TrainingProgress) -> None:
    for line in data.describe():
        progress.say(line)
    if data.problems and data.counted == "objects":
        progress.say("See all of them with streamvision data inspect.")


def checked(recipe: Recipe, *, trusted: bool, trial: str | None = None) -> Recipe:
    """Return a recipe with the size that its model takes.

    Fails before anything is read or written where there are no weights to begin from, or settings or the trial that is
    asked for beside them (of :data:`.families.TRIALS`) are for other models.
    """
    trainer = trainer_for(recipe)
    task = trainer.task
    if task is None:
        architecture = _architecture(recipe.model, trusted=trusted)
        task = architecture.task
        if recipe.format and task in ("classify", "semantic"):
            raise ConfigError(
                f"format says how objects are marked; leave it out for {recipe.model}, a model for {task}"
            )
        if recipe.precision == "bf16" and architecture.finds_by_queries:
            raise ConfigError(
                f"precision: {recipe.model} matches boxes to queries, which rounded costs would spoil; leave bf16 out "
                "for RT-DETR, which computes in fp32"
            )
        if recipe.init_classes and not recipe.weights and recipe.model.endswith((".yaml", ".yml")):
            raise ConfigError(
                f"init_classes copies what weights know of a class, and {recipe.model} begins from nothing; give "
                "--weights, or leave it out"
            )
        if recipe.weights is not None and not recipe.weights.exists():
            raise ConfigError(
                f"there are no weights at {recipe.weights}, and nothing is downloaded unasked: put the file there "
                f"(ultralytics' own are at {RELEASES}), or leave weights out to begin from nothing"
            )
        if recipe.generated and task != "detect":
            raise ConfigError(f"generated draws boxes alone; leave it out for {recipe.model}, a model for {task}")
        if recipe.dropout is not None and task != "classify":
            raise ConfigError(f"dropout is for classifiers; leave it out for {recipe.model}, a model for {task}")
    elif recipe.partial_weights and recipe.weights is None:
        raise ConfigError(
            f"partial_weights is for weights that do not fit as a whole, and {recipe.model} begins from nothing; give "
            "--weights, or leave it out"
        )
    if recipe.overfit:
        recipe = overfit_recipe(recipe)
    torch = import_torch()
    check_settings(recipe, trainer, trial=trial)
    torch_device(torch, recipe.device)
    if trainer.name == "scenes":
        scene_network(recipe.model)
    if trainer.side_px is not None and "imgsz" not in recipe.model_fields_set:
        return recipe.model_copy(update={"imgsz": trainer.side_px})
    if task != "classify":
        return recipe
    from streamvision.checkpoints.torchvision_build import published_side_px
    from streamvision.training.torchvision_run import check_side

    own_px = published_side_px(recipe.model) if trainer.load is not None else CLASSIFIER_SIDE_PX
    side_px = recipe.imgsz if "imgsz" in recipe.model_fields_set else own_px
    if trainer.load is not None:
        check_side(recipe.model, side_px)
    return recipe.model_copy(update={"imgsz": side_px})


def _architecture(model: str, *, trusted: bool) -> Architecture:
    import_ultralytics()
    from streamvision.training.ultralytics_run import architecture_of, resolve_weights

    return architecture_of(resolve_weights(model), trusted=trusted)


def note_command(folder: RunFolder, command: str) -> None:
    """Add a command to those that worked on a run."""
    with folder.command.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} {command}\n")
