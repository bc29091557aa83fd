"""One training run from its recipe to its model card."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from streamvision.training.trainers.prepare import prepare
from streamvision.training.trainers.recipe import Recipe, load_recipe, write_recipe
from streamvision.training.trainers.run_folder import RunFolder, existing_run_folder, new_run_folder
from streamvision.training.trainers.ultralytics_run import train_ultralytics


def start_training(recipe: Recipe, *, project: Path, name: str | None, command: str) -> dict[str, Any]:
    """Train from the beginning; returns the summary that is also written to the run folder."""
    folder = new_run_folder(project, name, model=recipe.model)
    write_recipe(recipe, folder.recipe)
    return _train(recipe, folder, command=command, resume=False)


def resume_training(run: Path, *, command: str) -> dict[str, Any]:
    """Go on where a run was killed."""
    folder = existing_run_folder(run)
    return _train(load_recipe(folder.recipe, {}), folder, command=command, resume=True)


def _train(recipe: Recipe, folder: RunFolder, *, command: str, resume: bool) -> dict[str, Any]:
    with folder.command.open("a", encoding="utf-8") as file:
        file.write(f"{datetime.now(timezone.utc):%Y-%m-%dT%H:%M:%SZ} {command}\n")
    data = prepare(
        folder,
        data=recipe.data,
        val_share=recipe.val_share,
        seed=recipe.seed,
        oversample_most=recipe.oversample_most if recipe.balance == "oversample" else 1,
    )
    train_ultralytics(recipe, data, folder, resume=resume)
    return {"run": str(folder.root)}
