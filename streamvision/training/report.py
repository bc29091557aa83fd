"""What a run reports: progress while it goes, figures by epoch and their curves, and a model card at the end."""

from __future__ import annotations

import csv
import io
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from streamvision.core.files import write_whole
from streamvision.core.terminal import TerminalLine
from streamvision.training.data import TrainingData
from streamvision.training.families import LICENCES, family_of
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder

REDRAW_S = 0.3
TITLES = {
    "map50": "mAP50",
    "map50_95": "mAP50-95",
    "mean_iou": "mIoU",
    "pixel_accuracy": "pixel accuracy",
    "top1": "top-1",
    "top5": "top-5",
}
"""By the names in ``curves.csv``, in the order in which they are shown."""
PLOTTED = ("map50", "map50_95", "precision", "recall", "mean_iou", "pixel_accuracy", "top1", "top5")
"""What is drawn of the held-out pictures."""


def shown(figures: Mapping[str, float]) -> list[str]:
    """Return the names of those figures of an epoch that are shown to people."""
    return [key for key in TITLES if key in figures]


def in_words(figures: Mapping[str, float], *, between: str = ", ") -> str:
    """Return them as text, such as ``mAP50 0.512, mAP50-95 0.301``."""
    return between.join(f"{TITLES[key]} {figures[key]:.3f}" for key in shown(figures))


class TrainingProgress:
    """Writes to stderr how far a run is; a line that moves only where stderr is a terminal."""

    def __init__(self) -> None:
        self._line = TerminalLine(redraw_s=REDRAW_S, log_every_s=None)
        self._epoch_begin_s = time.monotonic()

    def say(self, sentence: str) -> None:
        """Write a line that stays."""
        self._line.say(sentence)

    def begin_epoch(self) -> None:
        """Start the clock of an epoch."""
        self._epoch_begin_s = time.monotonic()

    def step(self, *, epoch: int, epochs: int, step: int, steps: int, loss: float) -> None:
        """Show how far an epoch is; ``epoch`` and ``step`` are counted from 1."""
        left_s = (time.monotonic() - self._epoch_begin_s) / step * (steps - step)
        self._line.show(
            lambda: f"epoch {epoch}/{epochs}  step {step}/{steps}  loss {loss:.3f}  {left_s:.0f} s left in this epoch"
        )

    def end_epoch(self, *, epoch: int, epochs: int, figures: Mapping[str, float], best: bool) -> None:
        """Write an epoch's figures."""
        seconds = time.monotonic() - self._epoch_begin_s
        loss = sum(value for key, value in figures.items() if key.startswith("train_loss"))
        self.say(
            f"epoch {epoch}/{epochs}  loss {loss:.3f}  {in_words(figures, between='  ')}  {seconds:.0f} s"
            f"{'  best so far' if best else ''}"
        )


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

    def append(self, epoch: int, figures: Mapping[str, float]) -> None:
        """Add an epoch; lines of this and later epochs, left by a run that was killed, give way."""
        rows = [row for row in self.rows() if row["epoch"] < epoch]
        rows.append({"epoch": epoch, **figures})
        columns = list(dict.fromkeys(key for row in rows for key in row))
        text = io.StringIO(newline="")
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows({key: f"{value:.6g}" for key, value in row.items()} for row in rows)
        write_whole(self.path, text.getvalue())

    def draw(self, path: Path) -> None:
        """Draw losses, figures and learning rate over the epochs as a PNG."""
        from matplotlib.figure import Figure

        rows = self.rows()
        epochs = [row["epoch"] for row in rows]
        groups = {
            "loss, training": [k for k in rows[0] if k.startswith("train_loss")] if rows else [],
            "loss, held out": [k for k in rows[0] if k.startswith("val_loss")] if rows else [],
            "held-out pictures": [key for key in PLOTTED if any(key in row for row in rows)],
            "learning rate": ["lr"],
        }
        figure = Figure(figsize=(14, 3.6), layout="constrained")
        axes = figure.subplots(1, len(groups))
        for axis, (title, columns) in zip(axes, groups.items(), strict=True):
            for column in columns:
                values = [row.get(column, float("nan")) for row in rows]
                label = column.replace("train_loss_", "").replace("val_loss_", "")
                axis.plot(epochs, values, marker=".", label=label)
            axis.set(title=title, xlabel="epoch")
            axis.grid(alpha=0.3)
            if len(columns) > 1:
                axis.legend(fontsize=8)
        figure.savefig(path, dpi=110)


def write_card(recipe: Recipe, folder: RunFolder, data: TrainingData[Any] | None, summary: dict[str, Any]) -> None:
    """Write ``MODEL_CARD.md``: what it is, what it was made from, how good it is, and under which licence."""
    write_whole(folder.card, "\n".join(_lines(recipe, folder, data, summary)) + "\n")


def _lines(recipe: Recipe, folder: RunFolder, data: TrainingData[Any] | None, summary: dict[str, Any]) -> list[str]:
    last = CurveFile(folder.curves_csv).rows()[-1]
    figures = shown(last)
    seen = "squares whose side" if summary["task"] == "classify" else "pictures whose longer side"
    lines = [
        f"# {Path(recipe.model).stem}, trained on {recipe.data.name}",
        "",
        f"- Beginning: {summary['beginning']}.",
        f"- Input: {seen} is {recipe.imgsz} px.",
        f"- Training: {summary['epochs']} of at most {recipe.epochs} epochs in {summary['training_s'] / 60:.1f} "
        f"minutes, preset {recipe.preset!r}, balance {recipe.balance!r}, seed {recipe.seed}.",
        f"- Licence of the weights: {LICENCES[family_of(recipe.model)]}",
    ]
    if "onnx" in summary:
        size = summary["onnx_bytes"] / 1e6
        lines.append(f"- ONNX: `{Path(summary['onnx']).name}`, {size:.2f} MB, {summary['onnx_weights']}.")
    lines += [
        "",
        "## Figures on the held-out pictures",
        "",
        f"| epoch | {' | '.join(TITLES[key] for key in figures)} |",
        "| --- |" + " --- |" * len(figures),
        f"| {summary['best_epoch']} (best) | {' | '.join(f'{summary[key]:.3f}' for key in figures)} |",
        f"| {summary['epochs']} (last) | {' | '.join(f'{last[key]:.3f}' for key in figures)} |",
        "",
        "The best epoch was chosen by these pictures, so other pictures may give a little less. Measure them with "
        f"`streamvision eval {summary['task']}`.",
    ]
    if data is not None:
        lines += ["", "## Data", "", f"The split is {data.split_origin}; `split.json` names every picture.", ""]
        lines += _class_table(data)
    lines += ["", "## Command", "", "```", folder.command.read_text(encoding="utf-8").rstrip(), "```"]
    return lines


def _class_table(data: TrainingData[Any]) -> list[str]:
    rows = [f"| {name} | {data.learnt[index]} | {data.held_out[index]} |" for index, name in enumerate(data.names)]
    return [
        f"| {data.counted} | to learn from ({len(data.train)} pictures) | held out ({len(data.val)} pictures) |",
        "| --- | --- | --- |",
        *rows,
    ]
