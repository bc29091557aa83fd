"""What a run reports: figures by epoch and their curves, and a model card at the end."""

from __future__ import annotations

import csv
import io
import math
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.files import write_whole
from streamvision.core.words import counted
from streamvision.training.data import SHOWN_NAMES, TrainingData
from streamvision.training.families import trainer_for
from streamvision.training.figures import SET_DISTANCES, TITLES, is_error, shown, title
from streamvision.training.pictures.choices import is_to_look_real
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

LAST_EPOCH = "epoch"
"""The figure by which the last epoch is the best: where no held-out picture shows what was added."""
PLOTTED = (*TITLES, "precision", "recall")
"""What is drawn of the held-out pictures."""


@dataclass(frozen=True)
class CurveFile:
    """One line per epoch; epochs are counted from 1."""

    path: Path

    def rows(self) -> list[dict[str, float]]:
        """Return the lines in order; none where the file is not there."""
        if not self.path.exists():
            return []
        with self.path.open(encoding="utf-8", newline="") as file:
            return [{key: float(value or "nan") for key, value in row.items()} for row in csv.DictReader(file)]

    def best(self, figure: str) -> dict[str, float]:
        """Return the line of the epoch with the best figure, the first of equals; not a number is the worst."""

        def rank(row: dict[str, float]) -> float:
            value = row.get(figure, math.nan)
            return -math.inf if math.isnan(value) else -value if is_error(figure) else value

        return max(self.rows(), key=rank)

    def append(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Add an epoch; lines of this and later epochs, left by a run that was killed, give way."""
        rows = [row for row in self.rows() if row["epoch"] < epoch]
        rows.append({"epoch": epoch, **figures})
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: _in_csv(value) for key, value in row.items()} for row in rows)
        write_whole(self.path, text.getvalue())

    def draw(self, path: Path) -> None:
        """Draw losses, figures and learning rate over the epochs as a PNG."""
        from matplotlib.figure import Figure

        figure = Figure(figsize=(14, 3.6), layout="constrained")
        self.draw_on(figure)
        figure.savefig(path, dpi=110)

    def draw_on(self, figure: Any) -> None:
        """Draw the same on a figure of matplotlib's, or a part of one."""
        rows = self.rows()
        epochs = [row["epoch"] for row in rows]
        groups = {
            "loss, training": [k for k in rows[0] if k.startswith("train_loss")] if rows else [],
            "loss, held out": [k for k in rows[0] if k.startswith("val_loss")] if rows else [],
            "held-out pictures, dB": [
                key for key in PLOTTED if key.endswith("_db") and any(key in row for row in rows)
            ],
            "held-out pictures, degrees": [
                key for key in PLOTTED if key.endswith("_deg") and any(key in row for row in rows)
            ],
            "drawn to held-out pictures": [key for key in SET_DISTANCES if any(key in row for row in rows)],
            "held-out pictures": [
                key
                for key in PLOTTED
                if not key.endswith(("_db", "_deg")) and key not in SET_DISTANCES and any(key in row for row in rows)
            ],
            "learning rate": ["lr"],
        }
        drawn = {group: columns for group, columns in groups.items() if columns}  # some trainers have no held-out loss
        axes = figure.subplots(1, len(drawn), squeeze=False)[0]
        for axis, (group, columns) in zip(axes, drawn.items(), strict=True):
            for column in columns:
                values = [row.get(column, float("nan")) for row in rows]
                label = column.replace("train_loss_", "").replace("val_loss_", "")
                axis.plot(epochs, values, marker=".", label=label)
            axis.set(title=group, xlabel="epoch")
            axis.grid(alpha=0.3)
            if len(columns) > 1:
                axis.legend(fontsize=8)


def _in_csv(value: float) -> str:
    return f"{value:.0f}" if float(value).is_integer() else f"{value:.6g}"


def write_card(recipe: Recipe, folder: RunFolder, data: TrainingData[Any], summary: dict[str, Any]) -> None:
    """Write ``MODEL_CARD.md``: what it is, what it was made from, how good it is, and under which licence."""
    write_whole(folder.card, "\n".join(_lines(recipe, folder, data, summary)) + "\n")


def _lines(recipe: Recipe, folder: RunFolder, data: TrainingData[Any], summary: dict[str, Any]) -> list[str]:
    last = CurveFile(folder.curves_csv).rows()[-1]
    figures = shown(last)
    squares = summary["task"] in ("classify", "answers", "image", "generate")
    seen = "squares whose side" if squares else "pictures whose longer side"
    lines = [
        f"# {Path(recipe.model).stem}, trained on {recipe.data.name}",
        "",
        f"- Beginning: {summary['beginning']}.",
        f"- {'Learnt from' if summary['task'] in ('image', 'generate') else 'Input'}: {seen} is {recipe.imgsz} px.",
        f"- Training: {summary['epochs']} of at most {recipe.epochs} epochs in {summary['training_s'] / 60:.1f} "
        f"minutes, preset {recipe.preset!r}, seed {recipe.seed}.",
        *(f"- {sentence}" for sentence in _choices(recipe, epochs=summary["epochs"])),
        f"- Licence of the weights: {trainer_for(recipe).licence}",
    ]
    if "onnx" in summary:
        size = summary["onnx_bytes"] / 1e6
        lines.append(f"- ONNX: `{Path(summary['onnx']).name}`, {size:.2f} MB, {summary['onnx_weights']}.")
    lines += [
        "",
        "## Figures on the held-out pictures",
        "",
        f"| epoch | {' | '.join(title(key) for key in figures)} |",
        "| --- |" + " --- |" * len(figures),
        f"| {summary['best_epoch']} (best) | {' | '.join(f'{summary.get(key, math.nan):.3f}' for key in figures)} |",
        f"| {summary['epochs']} (last) | {' | '.join(f'{last[key]:.3f}' for key in figures)} |",
        "",
        _choice(recipe, data),
    ]
    if summary["task"] != "generate":
        lines[-1] += f" Measure others with `{_measuring(recipe, summary['task'])}`."
    lines += ["", "## Data", "", f"The split is {data.split_origin}; `split.json` names every picture.", ""]
    lines += [line for note in data.notes for line in (note, "")]
    lines += _class_table(data)
    return [*lines, *folder.command_section()]


def _choice(recipe: Recipe, data: TrainingData[Any]) -> str:
    if data.unproven:
        return f"The last epoch is the best, as no held-out picture shows {', '.join(data.unproven)}."
    if trainer_for(recipe).task == "image" and is_to_look_real(recipe):
        return "The last epoch is the best, as pictures that look real need not have a high PSNR."
    return "The best epoch was chosen by these pictures, so other pictures may give a little less."


def _measuring(recipe: Recipe, task: str) -> str:
    words = ["streamvision", "eval", task]
    for option, given in (("--style", recipe.style), ("--features", recipe.features)):
        words += [] if given is None else [option, Path(given).name]
    return shlex.join(words)


def _choices(recipe: Recipe, *, epochs: int) -> Iterator[str]:
    """Yield what was chosen for the layers and for rare classes, a sentence each; nothing of what is usual."""
    if recipe.freeze:
        layers = "layer" if recipe.freeze == 1 else f"{recipe.freeze} layers"
        yield f"Frozen: the first {layers}{_thawed(recipe, epochs)}."
    if recipe.balance == "oversample":
        most = counted(recipe.oversample_most, "times")
        yield f"Rare classes: their pictures were shown more often, at most {most} an epoch (balance 'oversample')."
    elif recipe.balance == "class-weights":
        yield (
            "Rare classes: each class's loss was weighed by the square root of its rarity (balance 'class-weights')."
        )


def _thawed(recipe: Recipe, epochs: int) -> str:
    if recipe.unfreeze_at is None or recipe.unfreeze_at > epochs:
        return ", throughout"
    some = recipe.unfreeze_layers is not None and recipe.unfreeze_layers < recipe.freeze
    which = f"the last {recipe.unfreeze_layers} of them" if some else "all of them" if recipe.freeze > 1 else "it"
    rate = f", at a learning rate of at most {recipe.unfreeze_lr:g}" if recipe.unfreeze_lr else ""
    return f"; {which} learnt from epoch {recipe.unfreeze_at} on{rate}"


def _cell(text: str) -> str:
    """Return a name as it stands in a table of Markdown, which takes it for nothing else."""
    return re.sub(r"([\\`*|<>\[\]])", r"\\\1", text)


def _class_table(data: TrainingData[Any]) -> list[str]:
    if not data.names:
        return []
    rows = [
        f"| {_cell(name)} | {data.learnt[index]} | {data.held_out[index]} |"
        for index, name in enumerate(data.names[:SHOWN_NAMES])
    ]
    if len(data.names) > SHOWN_NAMES:
        rows.append(f"| {len(data.names) - SHOWN_NAMES:,} more {data.called} | | |")
    return [
        f"| {data.counted} | to learn from ({len(data.train)} pictures) | held out ({len(data.val)} pictures) |",
        "| --- | --- | --- |",
        *rows,
    ]
