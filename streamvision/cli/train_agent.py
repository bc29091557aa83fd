"""``streamvision train-agent``: an agent learns to drive by reinforcement."""

from __future__ import annotations

import json
import shlex
import sys
from functools import partial
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.cli.finite_range import FiniteRange
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command
from streamvision.training.progress import TrainingProgress


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
@click.option(
    "--seeds",
    type=click.IntRange(2, 99),
    metavar="N",
    help="Learn with N seeds, from --seed on, on the same roads, with mean and spread of the figures.",
)
@click.option("--project", type=Path, default=Path("runs/agent"), show_default=True, help="Folder of run folders.")
@click.option("--name", help="Name of the run folder; default: agent and a number.")
@click.option("--resume", type=Path, metavar="RUN", help="Go on with a run that was killed; give its folder.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
@click.pass_context
def train_agent(
    context: click.Context,
    /,
    perception: Path | None,
    seeds: int | None,
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
      streamvision train-agent runs/train/driver/weights/best.pt --seeds 3
      streamvision train-agent --resume runs/agent/careful
      streamvision eval drive runs/train/driver/weights/best.onnx runs/agent/agent-1/weights/best.onnx
    """
    if (perception is None) == (resume is None):
        raise ConfigError("give either PERCEPTION, the best.pt of a network that sees, or --resume RUN")
    asked = [key for key in (*given, "seeds", "project", "name") if _is_given(context, key)]
    if resume is not None and asked:
        raise ConfigError(f"--resume goes on with the run's own recipe ({resume}/recipe.yaml); leave --{asked[0]} out")
    import_torch()
    try:
        from streamvision.training.driving.agent_runs import resume_agent, start_agent, start_agents
        from streamvision.training.driving.ppo import AgentRecipe
    except ImportError as error:
        raise MissingDependencyError(
            f"agents need {error.name or 'stable_baselines3'}: {install_command('drive')}"
        ) from error
    command = shlex.join(["streamvision", *sys.argv[1:]])
    if resume is not None:
        summary = resume_agent(resume, command=command)
    else:
        recipe = AgentRecipe(perception=str(Path(str(perception)).absolute()), **given)
        begin = partial(start_agents, count=seeds) if seeds else start_agent
        summary = begin(recipe, project=project, name=name, command=command)
    if as_json:
        click.echo(json.dumps(summary, indent=1))
    elif "report" in summary:
        progress = TrainingProgress()
        progress.say(f"Curves, a drive and all figures: {summary['report']}")
        progress.say(f"Everything is in {summary['run']}; next:")
        progress.say(f"  streamvision eval drive {summary.get('onnx', summary['best'])}")
        progress.say(f"  streamvision export {summary['best']} --format tflite")


def _is_given(context: click.Context, key: str) -> bool:
    return context.get_parameter_source(key) is ParameterSource.COMMANDLINE
