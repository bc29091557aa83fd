"""``streamvision train-agent``: an agent learns to drive by reinforcement."""

from __future__ import annotations

import json
import shlex
import sys
from pathlib import Path
from typing import Any

import click
import yaml
from click.core import ParameterSource

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.cli.finite_range import FiniteRange
from streamvision.core.config.section import read_yaml, validate
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.files import write_whole
from streamvision.core.install import install_command
from streamvision.training.progress import TrainingProgress
from streamvision.training.run_folder import RunFolder, new_run_folder
from streamvision.training.session import note_command


@click.command(name="train-agent")
@click.argument("perception", type=Path, required=False)
@click.option(
    "--steps",
    type=click.IntRange(1, 100_000_000),
    default=120_000,
    show_default=True,
    help="Steps of the car in all, a tenth of a second each; learnt from 2,048 at a time.",
)
@click.option(
    "--roads",
    type=click.IntRange(1, 1000),
    default=6,
    show_default=True,
    help="Roads to learn on; two more are held out.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=0,
    show_default=True,
    help="Seed of the first road and of all chance.",
)
@click.option(
    "--noise",
    type=FiniteRange(0, 1),
    default=0.05,
    show_default=True,
    help="Noise of what the agent is given while it learns, as a share of its scale: about the error of PERCEPTION.",
)
@click.option("--lr", type=FiniteRange(0, 1), default=5e-4, show_default=True, help="Learning rate.")
@click.option("--project", type=Path, default=Path("runs/agent"), show_default=True, help="Folder of run folders.")
@click.option("--name", help="Name of the run folder; default: agent and a number.")
@click.option("--resume", type=Path, metavar="RUN", help="Go on with a run that was killed; give its folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
@click.pass_context
def train_agent(
    ctx: click.Context,
    /,
    perception: Path | None,
    project: Path,
    name: str | None,
    resume: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Let an agent learn to drive in the drawn drive, on what the network PERCEPTION sees.

    PERCEPTION is the best.pt of a network that tells where the lane lies and which speed suits what is ahead
    (configs/train-driver.yaml). PPO of stable-baselines3 learns a small policy on the truth of these numbers, with
    noise; the best one on held-out roads and PERCEPTION become one network, best.onnx, that drives by pictures.

    \b
    Examples:
      streamvision train-agent runs/train/driver/weights/best.pt
      streamvision train-agent runs/train/driver/weights/best.pt --steps 300000 --noise 0.1 --name careful
      streamvision train-agent --resume runs/agent/careful
      streamvision eval drive runs/train/driver/weights/best.onnx runs/agent/agent-1/weights/best.onnx
    """
    if (perception is None) == (resume is None):
        raise ConfigError("give either PERCEPTION, the best.pt of a network that sees, or --resume RUN")
    for option in ("project", "name", *given) if resume is not None else ():
        if ctx.get_parameter_source(option) is ParameterSource.COMMANDLINE:
            raise ConfigError(f"--resume goes on with the run's own recipe; leave --{option} out")
    import_torch()
    try:
        from streamvision.training.driving.ppo import AgentRecipe, train_agent
    except ImportError as error:
        raise MissingDependencyError(
            f"agents need {error.name or 'stable_baselines3'}: {install_command('drive')}"
        ) from error
    progress = TrainingProgress()
    if resume is not None:
        folder = RunFolder(resume)
        if not folder.last.is_file() or not folder.recipe.is_file():
            raise ConfigError(f"{resume} holds no agent to go on with; give the folder of a run of train-agent")
        document = read_yaml(folder.recipe, AgentRecipe, kind="recipe")
        recipe = validate(AgentRecipe, document, origin=str(folder.recipe))
        note_command(folder, shlex.join(["streamvision", *sys.argv[1:]]))
        summary = train_agent(recipe, folder, progress, resume=True)
    else:
        recipe = AgentRecipe(perception=str(Path(str(perception)).absolute()), **given)
        with new_run_folder(project, name, model="agent") as folder:
            write_whole(folder.recipe, yaml.safe_dump(recipe.model_dump(), sort_keys=False))
            note_command(folder, shlex.join(["streamvision", *sys.argv[1:]]))
            summary = train_agent(recipe, folder, progress, resume=False)
    if as_json:
        click.echo(json.dumps(summary, indent=1))
    else:
        progress.say(f"Curves, a drive and all figures: {summary['report']}")
        progress.say(f"Everything is in {folder.root}; next:")
        progress.say(f"  streamvision eval drive {summary.get('onnx', summary['best'])}")
        progress.say(f"  streamvision export {summary['best']} --format tflite")
