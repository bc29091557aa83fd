"""The model card of a training run, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from streamvision.training.curves import CurveFile
from streamvision.training.families import family_of
from streamvision.training.figures import TITLES, shown
from streamvision.training.recipe import Recipe
from streamvision.training.run_folder import RunFolder, write_atomically


class LearntFrom(Protocol):
    """What a card says about the data, whatever it is labelled with."""

    @property
    def names(self) -> tuple[str, ...]:
        """Class names by class id."""

    @property
    def train(self) -> Sequence[Any]:
        """Pictures to learn from."""

    @property
    def val(self) -> Sequence[Any]:
        """Pictures held out."""

    @property
    def split_origin(self) -> str:
        """Where the split comes from, in words."""

    @property
    def counted(self) -> str:
        """What the two counters count."""

    @property
    def learnt(self) -> Counter[int]:
        """By class, to learn from."""

    @property
    def held_out(self) -> Counter[int]:
        """By class, held out."""


def write_card(recipe: Recipe, folder: RunFolder, data: LearntFrom | None, summary: dict[str, Any]) -> None:
    """Write ``MODEL_CARD.md``: what it is, what it was made from, how good it is, and under which licence."""
    write_atomically(folder.card, "\n".join(_lines(recipe, folder, data, summary)) + "\n")


def _lines(recipe: Recipe, folder: RunFolder, data: LearntFrom | None, summary: dict[str, Any]) -> list[str]:
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
        f"- Licence of the weights: {licence(recipe)}",
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
        lines += _table(data)
    lines += ["", "## Command", "", "```", folder.command.read_text(encoding="utf-8").rstrip(), "```"]
    return lines


def _table(data: LearntFrom) -> list[str]:
    learnt, held_out = data.learnt, data.held_out
    rows = [f"| {name} | {learnt[class_id]} | {held_out[class_id]} |" for class_id, name in enumerate(data.names)]
    return [
        f"| {data.counted} | to learn from ({len(data.train)} pictures) | held out ({len(data.val)} pictures) |",
        "| --- | --- | --- |",
        *rows,
    ]


def licence(recipe: Recipe) -> str:
    """Return what licence the weights of a recipe are under, in a sentence."""
    family = family_of(recipe.model)
    if family == "unet":
        return "yours to choose, as far as the data and the weights it began from allow."
    if family != "ultralytics":
        return "yours to choose, as far as the data and the weights it began from allow (torchvision is BSD-3-Clause)."
    return "AGPL-3.0, as they were made with ultralytics (https://ultralytics.com/license)."
