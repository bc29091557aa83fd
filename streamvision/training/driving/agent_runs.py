"""Runs of agents that learn to drive: begun, gone on with, and repeated with several seeds on the same roads."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from streamvision.core.config.section import read_yaml, validate
from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.training.driving.agent_recipe import AgentRecipe
from streamvision.training.driving.ppo import train_agent
from streamvision.training.progress import TrainingProgress
from streamvision.training.repeated import SEEDS, count_to_resume, train_each
from streamvision.training.run_folder import RunFolder, held, new_run_folder
from streamvision.training.session import note_command

AGENT_SEEDS = replace(SEEDS, spread="sd between seeds, on the same held-out roads")


def start_agent(recipe: AgentRecipe, *, project: Path, name: str | None, command: str) -> dict[str, Any]:
    """Let an agent learn in a new run folder; returns the summary.

    Raises:
        ConfigError: when the folder holds a run, or there is no network that sees.
        ModelError: when it does not see what the policy needs.
    """
    with new_run_folder(project, name, model="agent") as folder:
        _write(folder, recipe, command)
        return train_agent(recipe, folder, TrainingProgress(), resume=False)


def start_agents(recipe: AgentRecipe, count: int, *, project: Path, name: str | None, command: str) -> dict[str, Any]:
    """Let an agent learn with so many seeds, on the same roads; returns what the runs say together.

    Raises:
        ConfigError: as :func:`start_agent` does.
        ModelError: as :func:`start_agent` does.
    """
    with new_run_folder(project, name, model="agent-seeds") as folder:
        folder.last.parent.rmdir()  # each has its own weights
        write_whole(AGENT_SEEDS.file(folder.root), json.dumps({"count": count, "ended": False}))
        _write(folder, recipe, command)
        return _learn(recipe, folder, count, command=command)


def resume_agent(run: Path, *, command: str) -> dict[str, Any]:
    """Go on with a run, or with those of several seeds.

    Raises:
        ConfigError: when the folder holds neither, or all seeds have ended.
    """
    folder = RunFolder(run.resolve())
    several = AGENT_SEEDS.file(folder.root).is_file()
    if not folder.recipe.is_file():
        raise ConfigError(f"{run} holds no agent to go on with; give the folder of a run of train-agent")
    document = read_yaml(folder.recipe, AgentRecipe, kind="recipe")
    recipe = validate(AgentRecipe, document, origin=str(folder.recipe))
    count = count_to_resume(run, AGENT_SEEDS) if several else 1
    with held(folder.root):
        note_command(folder, command)
        if several:
            return _learn(recipe, folder, count, command=command)
        return train_agent(recipe, folder, TrainingProgress(), resume=folder.last.exists())


def _learn(recipe: AgentRecipe, folder: RunFolder, count: int, *, command: str) -> dict[str, Any]:
    def begin(seed: int, run: RunFolder) -> None:
        own = recipe.model_copy(update={"seed": seed, "first_road": recipe.seed})
        start_agent(own, project=folder.root, name=run.root.name, command=command)

    def go_on(run: RunFolder) -> None:
        resume_agent(run.root, command=command)

    seeds = range(recipe.seed, recipe.seed + count)
    return train_each(folder, AGENT_SEEDS, seeds, title="Agent that drives", begin=begin, resume=go_on)


def _write(folder: RunFolder, recipe: AgentRecipe, command: str) -> None:
    note_command(folder, command)
    write_whole(folder.recipe, yaml.safe_dump(recipe.model_dump(), sort_keys=False))
