"""All folds of a cross-validation, one training each, and what they say together: mean and spread."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.core.reading import MIB, UnreadableError, read_json
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.training.figures import shown, title
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import Recipe, load_recipe, write_recipe
from streamvision.training.report import CurveFile
from streamvision.training.run_folder import RunFolder, new_run_folder
from streamvision.training.session import check_code_trusted, checked, note_command, resume_training, start_training

FOLDS_FILE = "folds.json"
MOST_FOLDS = 99


@dataclass(frozen=True)
class FoldFigures:
    """One fold's figures on the pictures that it held out."""

    fold: int
    """Which, from 1."""
    run: str
    """Its run folder."""
    epochs: int
    """How many it took."""
    last: dict[str, float]
    """After the last epoch."""
    best: dict[str, float]
    """After the epoch that was chosen by these pictures."""


def train_folds(
    recipe: Recipe, folds: int, *, project: Path, name: str | None, command: str, trust_checkpoint: bool = False
) -> dict[str, Any]:
    """Train once for each fold, so that every picture is held out once; returns the summary.

    Raises:
        ConfigError: when the recipe chooses its own held-out pictures, or what :func:`start_training` refuses.
    """
    for setting in ("fold", "split", "overfit"):
        if getattr(recipe, setting) is not None:
            raise ConfigError(f"folds hold out each part in turn; leave {setting} out")
    first = recipe.model_copy(update={"fold": f"1/{folds}"})
    checked(first, trusted=trust_checkpoint)
    with new_run_folder(project, name, model=f"{Path(recipe.model).stem}-folds") as folder:
        write_recipe(recipe, folder.recipe)
        note_command(folder, command)
        folder.last.parent.rmdir()  # each fold has its own weights
        write_whole(folder.root / FOLDS_FILE, json.dumps({"count": folds, "ended": False}))
        return _train(recipe, folder, folds, command=command, trusted=trust_checkpoint)


def is_folds(run: Path) -> bool:
    """Say whether a folder is that of all folds of a cross-validation."""
    return (run / FOLDS_FILE).is_file()


def resume_folds(run: Path, *, command: str, trust_checkpoint: bool = False) -> dict[str, Any]:
    """Go on where the training of all folds was killed; folds that have ended stay as they are.

    Raises:
        ConfigError: when all folds have ended, or the folder was damaged.
    """
    folder = RunFolder(run.resolve())
    try:
        stored = read_json(folder.root / FOLDS_FILE, limit=MIB)
        folds = stored["count"]
        ended = stored["ended"]
    except (UnreadableError, TypeError, KeyError) as error:
        raise ConfigError(f"{run / FOLDS_FILE} is not that of a cross-validation; start a new one") from error
    if not isinstance(folds, int) or not 2 <= folds <= MOST_FOLDS:
        raise ConfigError(f"{run / FOLDS_FILE} is not that of a cross-validation; start a new one")
    if ended:
        raise ConfigError(f"all folds in {run} have ended; start a new cross-validation with --folds {folds}")
    recipe = load_recipe(folder.recipe, {})
    check_code_trusted(recipe, folder, trusted=trust_checkpoint)
    note_command(folder, command)
    return _train(recipe, folder, folds, command=command, trusted=trust_checkpoint)


def _train(recipe: Recipe, folder: RunFolder, folds: int, *, command: str, trusted: bool) -> dict[str, Any]:
    progress = TrainingProgress()
    results = []
    for number in range(1, folds + 1):
        run = RunFolder(folder.root / f"fold-{number}")
        if not run.summary.exists():
            progress.say(f"Fold {number} of {folds}.")
            if run.last.exists():
                resume_training(run.root, command=command, trust_checkpoint=trusted)
            else:
                if run.recipe.exists():  # killed before its first epoch was over
                    shutil.rmtree(run.root)
                start_training(
                    recipe.model_copy(update={"fold": f"{number}/{folds}"}),
                    project=folder.root,
                    name=run.root.name,
                    command=command,
                    trust_checkpoint=trusted,
                )
        results.append(_figures(number, run))
    summary = _summary(folder, results)
    _draw(folder.root / "folds.png", results)
    write_whole(folder.root / FOLDS_FILE, json.dumps({"count": folds, "ended": True} | summary, indent=1))
    for line in (*table(_rows(results)), _sentence(results)):
        progress.say(line)
    return summary


def _figures(number: int, run: RunFolder) -> FoldFigures:
    rows = CurveFile(run.curves_csv).rows()
    summary = read_json(run.summary, limit=16 * MIB)
    keys = [key for key in shown(rows[-1]) if key in summary]
    return FoldFigures(
        fold=number,
        run=str(run.root),
        epochs=len(rows),
        last={key: rows[-1][key] for key in keys},
        best={key: float(summary[key]) for key in keys},
    )


def _shared(results: list[FoldFigures]) -> list[str]:
    """Return the figures that every fold has: a held-out part without a class has no figures of classes."""
    return [key for key in results[0].last if all(key in one.last for one in results)]


def _summary(folder: RunFolder, results: list[FoldFigures]) -> dict[str, Any]:
    keys = _shared(results)
    return {
        "run": str(folder.root),
        "folds": [
            {"fold": one.fold, "run": one.run, "epochs": one.epochs, "last": one.last, "best": one.best}
            for one in results
        ],
        **{
            at: {
                key: {"mean": fmean(values), "sd": stdev(values), "least": min(values), "most": max(values)}
                for key in keys
                for values in ([getattr(one, at)[key] for one in results],)
            }
            for at in ("last", "best")
        },
        "png": str(folder.root / "folds.png"),
        "sentence": _sentence(results),
    }


def _rows(results: list[FoldFigures]) -> list[tuple[str, ...]]:
    keys = _shared(results)
    titles = [title(key) for key in keys]
    rows: list[tuple[str, ...]] = [("fold", "epochs", *titles, *(f"best {one}" for one in titles))]
    for one in results:
        values = [*(one.last[key] for key in keys), *(one.best[key] for key in keys)]
        rows.append((f"{one.fold}", f"{one.epochs}", *(f"{value:.3f}" for value in values)))
    columns = [[getattr(one, at)[key] for one in results] for at in ("last", "best") for key in keys]
    rows.append(("mean", "", *(f"{fmean(values):.3f}" for values in columns)))
    rows.append(("sd", "", *(f"{stdev(values):.3f}" for values in columns)))
    return rows


def _sentence(results: list[FoldFigures]) -> str:
    said = []
    for key in _shared(results):
        values = [one.last[key] for one in results]
        said.append(f"{title(key)} {fmean(values):.3f} (sd {stdev(values):.3f})")
    return (
        f"Over {counted(len(results), 'folds')}, after the last epoch: {', '.join(said)}; sd between folds. "
        "The best epochs were chosen by the same pictures and promise too much."
    )


def _draw(path: Path, results: list[FoldFigures]) -> None:
    """Draw each fold's curve over the epochs, and their mean after the last."""
    from matplotlib.figure import Figure

    keys = _shared(results)
    figure = Figure(figsize=(5.2 * len(keys), 3.6), layout="constrained")
    for axis, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        for one in results:
            rows = CurveFile(Path(one.run) / "curves.csv").rows()
            axis.plot([row["epoch"] for row in rows], [row[key] for row in rows], marker=".", label=f"fold {one.fold}")
        values = [one.last[key] for one in results]
        mean, spread = fmean(values), stdev(values)
        axis.axhline(mean, color="black", linewidth=1)
        axis.axhspan(mean - spread, mean + spread, color="black", alpha=0.08)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set(title=f"{title(key)}: {mean:.3f}, sd {spread:.3f}", xlabel="epoch")
        axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
