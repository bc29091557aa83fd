"""What a search for settings has found, as a table and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamvision.core.files import write_whole
from streamvision.training.search_space import Choice

LEAST_FOR_IMPORTANCE = 6
"""Complete trials below which no share of what mattered is given: it would be chance."""


def importances(study: Any) -> dict[str, float]:
    """Return the share of the figure's variance that each setting explains, the largest first.

    By functional ANOVA over a random forest (Hutter, Hoos and Leyton-Brown, "An Efficient Approach for Assessing
    Hyperparameter Importance", ICML 2014), as optuna has it. Empty where too few trials came to their end, or all have
    one figure.
    """
    from optuna.importance import FanovaImportanceEvaluator, get_param_importances

    complete = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    if len(complete) < LEAST_FOR_IMPORTANCE or len({trial.value for trial in complete}) < 2:
        return {}
    shares = get_param_importances(study, evaluator=FanovaImportanceEvaluator(seed=0))
    return {key: round(float(value), 4) for key, value in shares.items()}


def write_trials(path: Path, study: Any, choices: Sequence[Choice]) -> None:
    """Write a line for each trial: what was tried and what came of it."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["trial", "state", "epochs", "figure", *(one.setting for one in choices)])
    for trial in study.trials:
        reached = max(trial.intermediate_values.values(), default=None)
        value = trial.value if trial.state.name == "COMPLETE" else reached
        settings = [trial.params.get(one.setting) for one in choices]
        row = [trial.number + 1, trial.state.name.lower(), len(trial.intermediate_values), value, *settings]
        writer.writerow([f"{cell:.6g}" if isinstance(cell, float) else cell for cell in row])
    write_whole(path, text.getvalue())


def draw_search(path: Path, study: Any, matters: Mapping[str, float], *, title: str) -> None:
    """Draw the figure trial by trial, epoch by epoch, and what mattered.

    Args:
        path: PNG to write.
        study: of optuna's.
        matters: share of each setting; may be empty.
        title: what the figure is called.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15 if matters else 10, 4), layout="constrained")
    axes = figure.subplots(1, 3 if matters else 2)
    complete = [trial for trial in study.trials if trial.state.name == "COMPLETE"]
    given_up = [trial for trial in study.trials if trial.state.name == "PRUNED" and trial.intermediate_values]
    history, epochs = axes[0], axes[1]
    history.scatter([t.number + 1 for t in complete], [t.value for t in complete], color="tab:blue", label="to the end")
    history.scatter(
        [t.number + 1 for t in given_up],
        [max(t.intermediate_values.values()) for t in given_up],
        color="tab:gray",
        marker="x",
        label="given up",
    )
    best, steps = float("-inf"), []
    for trial in complete:
        best = max(best, trial.value)
        steps.append(best)
    history.step([t.number + 1 for t in complete], steps, where="post", color="tab:red", label="best so far")
    history.set(title="Trials (1: the recipe's own settings)", xlabel="trial", ylabel=title)
    history.legend(fontsize=8)
    for trial in (*given_up, *complete):
        points = sorted(trial.intermediate_values.items())
        color = "tab:red" if trial.number == study.best_trial.number else "tab:blue"
        color, width = ("tab:gray", 1.0) if trial in given_up else (color, 2.0 if color == "tab:red" else 1.0)
        epochs.plot(*zip(*points, strict=True), color=color, linewidth=width, alpha=0.8)
    for axis in (history, epochs):
        axis.xaxis.get_major_locator().set_params(integer=True)
    epochs.set(title="Epochs of each trial (red: the best)", xlabel="epoch", ylabel=title)
    if matters:
        names, shares = list(matters)[::-1], list(matters.values())[::-1]
        axes[2].barh(names, shares)
        axes[2].set(title="What mattered", xlabel="share of the variance")
    for axis in axes:
        axis.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
