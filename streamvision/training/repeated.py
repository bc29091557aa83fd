"""One recipe trained several times, and what the trainings say together: mean and spread.

Either each fold of a cross-validation is held out once, or the same pictures stay held out and the seed differs: of the
weights, of the order of pictures, and of augmentations.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
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
from streamvision.training.run_folder import RunFolder, held, new_run_folder
from streamvision.training.session import check_code_trusted, checked, note_command, resume_training, start_training

MOST_RUNS = 99


@dataclass(frozen=True)
class Repetition:
    """How trainings of one recipe differ."""

    one: str
    """What differs: a fold, or a seed."""
    many: str
    """The same, in the plural; names the option and the files of all of them."""
    conflicts: tuple[str, ...]
    """Settings of a recipe that contradict it."""
    numbers: Callable[[Recipe, int], range]
    """Returns the folds or seeds."""
    changes: Callable[[Recipe, int, int, Path], dict[str, Any]]
    """Returns what changes in the recipe: for a number, of how many, in the folder of all of them."""
    spread: str
    """What the standard deviation is of."""

    def file(self, root: Path, suffix: str = ".json") -> Path:
        """Return the file of what all of them say together."""
        return root / f"{self.many}{suffix}"

    def run(self, root: Path, number: int) -> RunFolder:
        """Return the folder of one of them."""
        return RunFolder(root / f"{self.one}-{number}")


def _same_parts(recipe: Recipe, seed: int, _count: int, root: Path) -> dict[str, Any]:
    if seed == recipe.seed:
        return {}
    return {"seed": seed, "fold": None, "split": SEEDS.run(root, recipe.seed).split}


FOLDS = Repetition(
    "fold",
    "folds",
    ("fold", "split", "overfit"),
    lambda _recipe, count: range(1, count + 1),
    lambda _recipe, fold, count, _root: {"fold": f"{fold}/{count}"},
    "sd between folds",
)
SEEDS = Repetition(
    "seed",
    "seeds",
    ("overfit",),
    lambda recipe, count: range(recipe.seed, recipe.seed + count),
    _same_parts,
    "sd between seeds, on the same held-out pictures",
)


@dataclass(frozen=True)
class RunFigures:
    """One training's figures on the pictures that it held out."""

    number: int
    """Its fold, from 1, or its seed."""
    run: str
    """Its run folder."""
    epochs: int
    """How many it took."""
    last: dict[str, float]
    """After the last epoch."""
    best: dict[str, float]
    """After the epoch that was chosen by these pictures."""


def train_repeated(
    recipe: Recipe,
    by: Repetition,
    count: int,
    *,
    project: Path,
    name: str | None,
    command: str,
    trust_checkpoint: bool = False,
) -> dict[str, Any]:
    """Train once for each fold or seed; returns the summary.

    Raises:
        ConfigError: when there are too few or too many, the recipe contradicts that, or :func:`start_training` refuses.
    """
    if not 2 <= count <= MOST_RUNS:
        raise ConfigError(f"{by.many} is {count}, and mean and spread need 2 to {MOST_RUNS} of them")
    for setting in by.conflicts:
        if getattr(recipe, setting) is not None:
            raise ConfigError(f"{by.many} say themselves what is held out and learnt; leave {setting} out")
    checked(recipe, trusted=trust_checkpoint, trial=by.many)
    with new_run_folder(project, name, model=f"{Path(recipe.model).stem}-{by.many}") as folder:
        note_command(folder, command)
        folder.last.parent.rmdir()  # each has its own weights
        write_whole(by.file(folder.root), json.dumps({"count": count, "ended": False}))
        write_recipe(recipe, folder.recipe)
        return _train(recipe, folder, by, count, command=command, trusted=trust_checkpoint)


def repetition_in(run: Path) -> Repetition | None:
    """Return how the trainings in a folder differ; ``None`` for the folder of one training."""
    return next((one for one in (FOLDS, SEEDS) if one.file(run).is_file()), None)


def count_to_resume(run: Path, by: Repetition) -> int:
    """Return how many trainings are to be in a folder, not all of which have ended.

    Raises:
        ConfigError: when all have ended, or the folder was damaged.
    """
    folder = RunFolder(run.resolve())
    damaged = ConfigError(f"{by.file(run)} is not that of a training over {by.many}; start a new one")
    try:
        stored = read_json(by.file(folder.root), limit=MIB)
        count, ended = stored["count"], stored["ended"]
    except (UnreadableError, TypeError, KeyError) as error:
        raise damaged from error
    if not isinstance(count, int) or not 2 <= count <= MOST_RUNS:
        raise damaged
    if ended:
        raise ConfigError(f"all {by.many} in {run} have ended; start anew with --{by.many} {count}")
    return count


def resume_repeated(run: Path, by: Repetition, *, command: str, trust_checkpoint: bool = False) -> dict[str, Any]:
    """Go on where the training of all folds or seeds was killed; those that have ended stay as they are.

    Raises:
        ConfigError: when all have ended, or the folder was damaged.
    """
    folder = RunFolder(run.resolve())
    count = count_to_resume(run, by)
    recipe = load_recipe(folder.recipe, {})
    check_code_trusted(recipe, folder, trusted=trust_checkpoint)
    with held(folder.root):
        note_command(folder, command)
        return _train(recipe, folder, by, count, command=command, trusted=trust_checkpoint)


def _train(
    recipe: Recipe, folder: RunFolder, by: Repetition, count: int, *, command: str, trusted: bool
) -> dict[str, Any]:
    def begin(number: int, run: RunFolder) -> None:
        start_training(
            recipe.model_copy(update=by.changes(recipe, number, count, folder.root)),
            project=folder.root,
            name=run.root.name,
            command=command,
            trust_checkpoint=trusted,
        )

    def go_on(run: RunFolder) -> None:
        resume_training(run.root, command=command, trust_checkpoint=trusted)

    title = f"{Path(recipe.model).stem}, trained on {recipe.data.name}"
    return train_each(folder, by, by.numbers(recipe, count), title=title, begin=begin, resume=go_on)


def train_each(
    folder: RunFolder,
    by: Repetition,
    numbers: range,
    *,
    title: str,
    begin: Callable[[int, RunFolder], object],
    resume: Callable[[RunFolder], object],
) -> dict[str, Any]:
    """Train once for each fold or seed that has not ended, and return what all of them say together.

    Args:
        folder: of all of them.
        by: how they differ.
        numbers: the folds or seeds.
        title: of the card.
        begin: trains one from its beginning, in a folder that is not there.
        resume: goes on with one.
    """
    progress, results = TrainingProgress(), []
    for number in numbers:
        run = by.run(folder.root, number)
        if not run.summary.exists():
            progress.say(f"{by.one.capitalize()} {number}, {numbers.index(number) + 1} of {len(numbers)}.")
            if run.last.exists():
                resume(run)
            else:
                begin(number, run)
        results.append(_figures(number, run))
    summary = _summary(folder, by, results)
    _draw(by.file(folder.root, ".png"), by, results)
    _write_card(title, folder, by, results)
    write_whole(by.file(folder.root), json.dumps({"count": len(numbers), "ended": True} | summary, indent=1))
    for line in (*table(_rows(by, results)), _sentence(by, results)):
        progress.say(line)
    return summary


def _figures(number: int, run: RunFolder) -> RunFigures:
    try:
        rows = CurveFile(run.curves_csv).rows()
        best = {key: float(value) for key, value in read_json(run.summary, limit=16 * MIB).items() if key in rows[-1]}
    except (OSError, UnreadableError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{run.root} is not that of a training that has ended; remove it, and resume, which trains it anew"
        ) from error
    keys = [key for key in shown(rows[-1]) if key in best]
    return RunFigures(
        number=number,
        run=str(run.root),
        epochs=len(rows),
        last={key: rows[-1][key] for key in keys},
        best={key: best[key] for key in keys},
    )


def _shared(results: list[RunFigures]) -> list[str]:
    """Return the figures that all of them have: a held-out part without a class has no figures of classes."""
    return [key for key in results[0].last if all(key in one.last for one in results)]


def _summary(folder: RunFolder, by: Repetition, results: list[RunFigures]) -> dict[str, Any]:
    keys = _shared(results)
    return {
        "run": str(folder.root),
        by.many: [{by.one: one.number} | {k: v for k, v in asdict(one).items() if k != "number"} for one in results],
        **{
            at: {
                key: {"mean": fmean(values), "sd": stdev(values), "least": min(values), "most": max(values)}
                for key in keys
                for values in ([getattr(one, at)[key] for one in results],)
            }
            for at in ("last", "best")
        },
        "png": str(by.file(folder.root, ".png")),
        "sentence": _sentence(by, results),
    }


def _rows(by: Repetition, results: list[RunFigures]) -> list[tuple[str, ...]]:
    keys = _shared(results)
    titles = [title(key) for key in keys]
    rows: list[tuple[str, ...]] = [(by.one, "epochs", *titles, *(f"best {one}" for one in titles))]
    for one in results:
        values = [*(one.last[key] for key in keys), *(one.best[key] for key in keys)]
        rows.append((f"{one.number}", f"{one.epochs}", *(f"{value:.3f}" for value in values)))
    columns = [[getattr(one, at)[key] for one in results] for at in ("last", "best") for key in keys]
    rows.append(("mean", "", *(f"{fmean(values):.3f}" for values in columns)))
    rows.append(("sd", "", *(f"{stdev(values):.3f}" for values in columns)))
    return rows


def _sentence(by: Repetition, results: list[RunFigures]) -> str:
    said = []
    for key in _shared(results):
        values = [one.last[key] for one in results]
        said.append(f"{title(key)} {fmean(values):.3f} (sd {stdev(values):.3f})")
    return (
        f"Over {counted(len(results), by.many)}, after the last epoch: {', '.join(said)}; {by.spread}. "
        "The best epochs were chosen by the same pictures and promise too much."
    )


def _write_card(title: str, folder: RunFolder, by: Repetition, results: list[RunFigures]) -> None:
    """Write in place of a model's card what all of them say together; each has its own beside its weights."""
    head, *rows = (f"| {' | '.join(row)} |" for row in _rows(by, results))
    lines = [
        f"# {title} over {counted(len(results), by.many)}",
        "",
        _sentence(by, results),
        "",
        head,
        "| --- " * (head.count("|") - 1) + "|",
        *rows,
        *folder.command_section(),
    ]
    write_whole(folder.card, "\n".join(lines) + "\n")


def _draw(path: Path, by: Repetition, results: list[RunFigures]) -> None:
    """Draw the curve of each over the epochs, and their mean after the last."""
    from matplotlib.figure import Figure

    keys = _shared(results)
    figure = Figure(figsize=(5.2 * len(keys), 3.6), layout="constrained")
    for axis, key in zip(figure.subplots(1, len(keys), squeeze=False)[0], keys, strict=True):
        for one in results:
            rows = CurveFile(RunFolder(Path(one.run)).curves_csv).rows()
            axis.plot(
                [row["epoch"] for row in rows], [row[key] for row in rows], marker=".", label=f"{by.one} {one.number}"
            )
        values = [one.last[key] for one in results]
        mean, spread = fmean(values), stdev(values)
        axis.axhline(mean, color="black", linewidth=1)
        axis.axhspan(mean - spread, mean + spread, color="black", alpha=0.08)
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.set(title=f"{title(key)}: {mean:.3f}, sd {spread:.3f}", xlabel="epoch")
        axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    figure.savefig(path, dpi=110)
