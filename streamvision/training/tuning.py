"""Searches for the settings with which a model learns best, within a time, and writes them as a recipe.

Trials are proposed by a tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter
Optimization", NeurIPS 2011), as optuna has it, and given up where they are worse than half of the earlier ones were at
the same epoch.
They measure on a part of the pictures to learn from: the held-out pictures are looked at by no trial, so that their
figures stay an estimate for pictures that no setting was chosen on.
"""

from __future__ import annotations

import gc
import json
import math
import shutil
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamvision.core.errors import ConfigError, MissingDependencyError, ModelError
from streamvision.core.files import write_whole
from streamvision.core.install import install_command
from streamvision.core.reading import MIB, UnreadableError, read_json
from streamvision.core.words import counted
from streamvision.datasets.dataset import NamedPicture
from streamvision.datasets.splitting import split_pictures
from streamvision.training.data import TrainingData
from streamvision.training.families import trainer_for
from streamvision.training.figures import title
from streamvision.training.parts import MAX_RECORD_BYTES
from streamvision.training.progress import TrainingProgress
from streamvision.training.recipe import MOST_HOURS, Recipe, load_recipe, write_recipe
from streamvision.training.report import LAST_EPOCH, CurveFile
from streamvision.training.run_folder import RunFolder, held, new_run_folder
from streamvision.training.search_space import Choice, apply, choice_of, choices_of, own_settings, suggest
from streamvision.training.session import check_code_trusted, checked, make_run, note_command
from streamvision.training.tuning_report import draw_search, importances, write_trials

SEARCH_FILE = "search.json"
"""What a search needs to go on: between what it chooses, and how much time it has."""
PARTS_FILE = "search-parts.json"
"""Which of the pictures to learn from the trials learn from, and which they measure on."""
STUDY_NAME = "search"
STARTUP_TRIALS = 5
"""Random trials before the estimator proposes, and complete ones before any is given up."""
UNBALANCED = 2.0
"""A class with so many times fewer objects than the commonest makes the data unbalanced."""


class TimeUpError(Exception):
    """The search has no time left for the trial that runs."""


class TrialProgress(TrainingProgress):
    """Shows how far a trial is, tells the study the figure of each epoch, and ends what is not worth going on with.

    Args:
        trial: of optuna's.
        deadline_s: when the search ends, by the monotonic clock.
    """

    figure = ""
    """Name of the figure that decides; known once the run is made."""

    def __init__(self, trial: Any, *, deadline_s: float) -> None:
        super().__init__()
        self._trial, self._deadline_s = trial, deadline_s

    def end_epoch(self, *, epoch: int, epochs: int, figures: Mapping[str, float], best: bool) -> None:
        """Write an epoch's figures, and end the trial where it is worse than half of the others or time is up."""
        super().end_epoch(epoch=epoch, epochs=epochs, figures=figures, best=best)
        self._trial.report(figures[self.figure], epoch)
        if epoch < epochs and self._trial.should_prune():
            raise import_optuna().TrialPruned
        if epoch < epochs and time.monotonic() >= self._deadline_s:
            raise TimeUpError


def import_optuna() -> Any:
    """Return optuna, silent.

    Raises:
        MissingDependencyError: when it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise MissingDependencyError(f"searching for settings needs optuna: {install_command('tune')}") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def tune(
    recipe: Recipe,
    hours: float,
    *,
    trials: int | None,
    project: Path,
    name: str | None,
    command: str,
    trust_checkpoint: bool = False,
) -> dict[str, Any]:
    """Search for the settings that the recipe leaves open; returns the summary, which is also written.

    Args:
        recipe: what it gives is held.
        hours: longest time of the search.
        trials: most trials; ``None`` for as many as there is time for.
        project: folder of run folders.
        name: of the run folder; ``None`` for the next free one.
        command: the command that asks for it, for the record.
        trust_checkpoint: whether weights to begin from may run their author's code.

    Raises:
        ConfigError: when there is no time, nothing is open, or no trial came to its end.
        MissingDependencyError: when optuna is not installed.
    """
    import_optuna()
    if not 0 < hours <= MOST_HOURS or (trials is not None and trials < 1):
        raise ConfigError(
            f"a search of {hours:g} hours{'' if trials is None else f' and {trials} trials'} makes no sense; give "
            f"hours above 0 up to {MOST_HOURS:,}, and at least one trial"
        )
    if recipe.overfit:
        raise ConfigError("overfit tries whether a few pictures can be learnt by heart; leave it or tune out")
    given = recipe
    recipe = checked(recipe, trusted=trust_checkpoint, trial="tune")
    with new_run_folder(project, name, model=f"{Path(recipe.model).stem}-tune") as folder:
        note_command(folder, command)
        progress = TrainingProgress()
        run = make_run(recipe, folder, progress, resume=False, trusted=trust_checkpoint)
        if run.figure == LAST_EPOCH:
            raise ConfigError("no held-out picture shows some added classes, so that no figure can tell what is better")
        data = run.data()
        del run
        counts = [count for count in data.learnt.values() if count]
        choices = choices_of(
            given, trainer_for(recipe), is_unbalanced=bool(counts) and max(counts) > UNBALANCED * min(counts)
        )
        learnt, measured = _write_parts(folder, recipe, data)
        shutil.rmtree(folder.data, ignore_errors=True)
        folder.last.parent.rmdir()  # the trials have their own, which are not kept
        progress.say(
            f"Searching for {', '.join(one.setting for one in choices)}, by {counted(measured, 'pictures')} of those "
            f"to learn from, which leaves {learnt}; no trial looks at the {len(data.val)} held-out ones."
        )
        state: dict[str, Any] = {"hours": hours, "trials": trials, "spent_s": 0.0, "measured": measured}
        state["choices"] = [one.to_json() for one in choices]
        write_whole(folder.root / SEARCH_FILE, json.dumps(state, indent=1))
        write_recipe(recipe, folder.recipe)
        return _search(recipe, folder, state, trusted=trust_checkpoint)


def is_search(run: Path) -> bool:
    """Say whether a folder is that of a search."""
    return (run / SEARCH_FILE).is_file()


def resume_tune(
    run: Path, *, hours: float | None, trials: int | None, command: str, trust_checkpoint: bool = False
) -> dict[str, Any]:
    """Go on with a search that was killed, for the time that it has left, or for so many hours more.

    Raises:
        ConfigError: when it has no time left, or the folder was damaged.
    """
    import_optuna()
    folder = RunFolder(run.resolve())
    try:
        state = read_json(folder.root / SEARCH_FILE, limit=MIB)
        [choice_of(one) for one in state["choices"]]
        state = {**state, "hours": float(state["hours"]), "spent_s": float(state["spent_s"])}
        state |= {"trials": state["trials"], "measured": int(state["measured"])}
    except (UnreadableError, KeyError, TypeError, ValueError) as error:
        raise ConfigError(f"{run / SEARCH_FILE} is not that of a search; start a new one") from error
    if hours is not None:
        state |= {"hours": state["spent_s"] / 3600 + hours, "trials": trials}
    if folder.summary.exists() and state["spent_s"] >= state["hours"] * 3600:
        raise ConfigError(f"the search in {run} has had its time; give it more with --resume {run} --tune HOURS")
    recipe = load_recipe(folder.recipe, {})
    check_code_trusted(recipe, folder, trusted=trust_checkpoint)
    with held(folder.root):
        note_command(folder, command)
        return _search(recipe, folder, state, trusted=trust_checkpoint)


def _write_parts(folder: RunFolder, recipe: Recipe, data: TrainingData[Any]) -> tuple[int, int]:
    """Deal the pictures to learn from to those that trials learn from and measure on; return how many of each."""
    record = read_json(folder.split, limit=MAX_RECORD_BYTES)
    own, classes = set(record["train"]), dict[str, list[int]]()
    for image in data.train:  # several of one picture where each object is learnt by itself
        if str(image.path) in own:
            classes.setdefault(str(image.path), []).extend(_classes_on(image))
    pictures = [NamedPicture(Path(path), 0) for path in classes]
    shares = {"train": 1 - recipe.val_share, "val": recipe.val_share}
    dealt = split_pictures(pictures, list(classes.values()), fractions=shares, seed=recipe.seed)
    parts = {part: [str(image.path) for image in dealt if image.split == part] for part in shares}
    if not all(parts.values()):
        raise ConfigError(
            f"{counted(len(pictures), 'pictures')} to learn from are too few to search on: some are learnt from, "
            "others measured; give more"
        )
    document: dict[str, Any] = {"origin": "a part of the pictures to learn from", "seed": recipe.seed, **parts}
    document["test"] = record["val"]  # nobody's business here
    if recipe.add:
        document |= {"names": list(data.names), "added": {"train": [], "val": record["added"]["val"]}}
    write_whole(folder.root / PARTS_FILE, json.dumps(document, indent=1))
    return len(parts["train"]), len(parts["val"])


def _classes_on(image: Any) -> list[int]:
    marked = getattr(image, "boxes", ()) or getattr(image, "objects", ())
    return [one.class_id for one in marked or (image,) if getattr(one, "class_id", None) is not None]


def _search(recipe: Recipe, folder: RunFolder, state: dict[str, Any], *, trusted: bool) -> dict[str, Any]:
    optuna = import_optuna()
    choices = [choice_of(one) for one in state["choices"]]
    study = _open_study(folder, recipe, choices)
    begin_s, spent_s = time.monotonic(), float(state["spent_s"])
    deadline_s = begin_s + state["hours"] * 3600 - spent_s
    progress = TrainingProgress()
    while time.monotonic() < deadline_s and (state["trials"] is None or len(study.trials) < state["trials"]):
        trial = study.ask()
        chosen = suggest(trial, choices)
        progress.say(f"Trial {trial.number + 1}: {_in_words(chosen)}.")
        try:
            figure, value = _run_trial(recipe, folder, trial, chosen, deadline_s=deadline_s, trusted=trusted)
            trial.set_user_attr("figure", figure)
            study.tell(trial, value)
        except (optuna.TrialPruned, TimeUpError, ModelError) as error:
            if not isinstance(error, ModelError):
                why = "time is up" if isinstance(error, TimeUpError) else "it is worse than half of the others were"
            else:
                why = str(error)
            progress.say(f"Trial {trial.number + 1} was given up: {why}.")
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        state["spent_s"] = spent_s + time.monotonic() - begin_s
        write_whole(folder.root / SEARCH_FILE, json.dumps(state, indent=1))
        write_trials(folder.root / "trials.csv", study, choices)
    return _finish(recipe, folder, study, choices, state, progress)


def _open_study(folder: RunFolder, recipe: Recipe, choices: Sequence[Choice]) -> Any:
    """Open the study in the run folder; what a kill left in the middle is given up."""
    optuna = import_optuna()
    storage = f"sqlite:///{folder.root / 'study.db'}"
    try:
        study = optuna.create_study(storage=storage, study_name=STUDY_NAME, direction="maximize", load_if_exists=True)
    except Exception as error:  # of the database's own library, of several kinds
        cause = f"{error}".partition("\n")[0]
        raise ConfigError(f"{folder.root / 'study.db'} cannot be read ({cause}); start a new search") from error
    known = len(study.trials)
    study.sampler = optuna.samplers.TPESampler(seed=recipe.seed + known, n_startup_trials=STARTUP_TRIALS)
    study.pruner = optuna.pruners.MedianPruner(
        n_startup_trials=STARTUP_TRIALS, n_warmup_steps=math.ceil(recipe.epochs / 4)
    )
    for trial in study.get_trials(states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
    if not known:
        study.enqueue_trial(own_settings(recipe, choices))
    return study


def _run_trial(
    recipe: Recipe, folder: RunFolder, trial: Any, chosen: Mapping[str, Any], *, deadline_s: float, trusted: bool
) -> tuple[str, float]:
    """Train with what was proposed; return the name of the figure and its best value over the epochs."""
    own = RunFolder(folder.root / "trials" / f"{trial.number + 1:03}")
    own.last.parent.mkdir(parents=True, exist_ok=True)
    progress = TrialProgress(trial, deadline_s=deadline_s)
    tried = _with(recipe, chosen, split=folder.root / PARTS_FILE)
    write_recipe(tried, own.recipe)
    try:
        run = make_run(tried, own, progress, resume=False, trusted=trusted)
        progress.figure = run.figure
        run.train()
        return run.figure, CurveFile(own.curves_csv).best(run.figure)[run.figure]
    finally:
        for spent in (own.last.parent, own.data, own.root / "generated"):
            shutil.rmtree(spent, ignore_errors=True)
        gc.collect()


def _with(recipe: Recipe, chosen: Mapping[str, Any], *, split: Path) -> Recipe:
    return apply(recipe, {**chosen, "split": split, "fold": None})


def _finish(
    recipe: Recipe,
    folder: RunFolder,
    study: Any,
    choices: Sequence[Choice],
    state: Mapping[str, Any],
    progress: TrainingProgress,
) -> dict[str, Any]:
    states = [trial.state.name for trial in study.trials]
    if "COMPLETE" not in states:
        raise ConfigError(
            f"none of {counted(len(states), 'trials')} came to its end in {state['hours']:g} h; give more time "
            f"(--resume {folder.root} --tune HOURS) or begin anew with fewer epochs or pictures"
        )
    best = study.best_trial
    chosen = suggest(best, choices)
    figure = str(best.user_attrs["figure"])
    recipe_file = folder.root / "best.yaml"
    write_recipe(_with(recipe, chosen, split=folder.split), recipe_file)
    matters = importances(study)
    draw_search(folder.root / "search.png", study, matters, title=title(figure))
    first = study.trials[0]
    own = float(first.value) if first.state.name == "COMPLETE" else None
    values = [float(trial.value) for trial in study.trials if trial.state.name == "COMPLETE"]
    sentence = found_in_words(
        title(figure), values, given_up=states.count("PRUNED"), own=own, pictures=state["measured"]
    )
    summary = {
        "run": str(folder.root),
        "trials": len(states),
        "complete": states.count("COMPLETE"),
        "pruned": states.count("PRUNED"),
        "figure": figure,
        "best_trial": best.number + 1,
        "best": best.value,
        "own_settings": own,
        "chosen": chosen,
        "importance": matters,
        "recipe": str(recipe_file),
        "png": str(folder.root / "search.png"),
        "spent_s": round(state["spent_s"], 1),
        "sentence": f"{sentence}.",
        "next": [f"streamvision train --config {recipe_file}"],
    }
    write_whole(folder.summary, json.dumps(summary, indent=1))
    progress.say(f"{sentence}. To train with the best settings: {summary['next'][0]}")
    if matters:
        shares = ", ".join(f"{setting} {share:.0%}" for setting, share in list(matters.items())[:4])
        progress.say(f"What mattered, by the trials that came to their end: {shares}. Drawn in {summary['png']}")
    return summary


def found_in_words(title: str, values: Sequence[float], *, given_up: int, own: float | None, pictures: int) -> str:
    """Return what a search has found, without the full stop.

    Args:
        title: name of the figure.
        values: the figure of each trial that came to its end; at least one.
        given_up: trials that did not.
        own: the figure of the recipe's own settings, where that trial came to its end.
        pictures: on how many pictures it was measured.
    """
    if len(values) > 1 and len(set(values)) == 1:
        return (
            f"All {len(values)} trials that came to their end have {title} {values[0]:.3f}, so that none is better: "
            "give more epochs, or begin from weights"
        )
    beside = f", and the recipe's own settings {own:.3f}" if own is not None else ""
    return (
        f"The best of {counted(len(values) + given_up, 'trials')} ({len(values)} to the end, {given_up} given up) has "
        f"{title} {max(values):.3f} on {counted(pictures, 'pictures')} of those to learn from{beside}. The best of "
        "many promises too much; no trial has looked at the held-out pictures, which will say what it is worth"
    )


def _in_words(chosen: Mapping[str, Any]) -> str:
    said = (f"{value:g}" if isinstance(value, float) else f"{value}" for value in chosen.values())
    return ", ".join(f"{key} {value}" for key, value in zip(chosen, said, strict=True))
