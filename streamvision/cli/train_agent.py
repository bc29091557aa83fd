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
from streamvision.cli.options import field_option
from streamvision.cli.sections import together
from streamvision.cli.signals import terminable
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError, MissingDependencyError
from streamvision.core.install import install_command
from streamvision.training.driving.agent_recipe import AgentRecipe
from streamvision.training.progress import TrainingProgress

_OPTIONS = ("steps", "roads", "seed", "noise", "lr")


@click.command(name="train-agent")
@click.argument("perception", type=Path, required=False)
@together(*(field_option(f"--{name}", AgentRecipe, name) for name in _OPTIONS))
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
    except ImportError as error:
        raise MissingDependencyError(
            f"agents need {error.name or 'stable_baselines3'}: {install_command('drive')}"
        ) from error
    command = shlex.join(["streamvision", *sys.argv[1:]])
    if resume is not None:
        with terminable():
            summary = resume_agent(resume, command=command)
    else:
        chosen = {key: value for key, value in given.items() if value is not None}
        document = chosen | {"perception": str(Path(str(perception)).absolute())}
        recipe = validate(AgentRecipe, document, origin="command line")
        begin = partial(start_agents, count=seeds) if seeds else start_agent
        with terminable():
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
