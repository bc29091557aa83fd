"""``streamvision batch``: one command for each of many files, on the machines of a cluster."""

from __future__ import annotations

import json
from pathlib import Path

import click

from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.progress import StepProgress
from streamvision.cli.signals import exit_code, handled_signals
from streamvision.core.config.cluster import ClusterConfig
from streamvision.core.config.section import validate
from streamvision.core.logs import say, say_failure
from streamvision.core.words import counted


@click.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.option("--cluster", required=True, metavar="ADDRESS", help="HOST:PORT as `ray start --head` says it, or auto.")
@click.option(
    "--input",
    "inputs",
    multiple=True,
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE|DIR",
    help="A file, or a folder whose files are meant; of trip, a folder that is one card. May be given several times.",
)
@click.option(
    "--output",
    "-o",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="OUT",
    help="Folder of the results, which all machines reach by this path; each input has a folder of its name in it.",
)
@click.option("--cores", type=FiniteRange(0.1, 1024), default=1.0, show_default=True, help="Cores of each.")
@click.option("--gpus", type=FiniteRange(0, 64), default=0.0, show_default=True, help="Graphics cards of each.")
@click.option(
    "--timeout",
    "timeout_s",
    type=FiniteRange(1, 30 * 86_400),
    default=86_400.0,
    show_default=True,
    metavar="SECONDS",
    help="Longest time for one input.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the final report as one JSON document on stdout.")
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="COMMAND...")
def batch(
    cluster: str,
    inputs: tuple[Path, ...],
    output: Path,
    cores: float,
    gpus: float,
    timeout_s: float,
    as_json: bool,
    command: tuple[str, ...],
) -> int:
    """Do one command for each of many files, on the machines of a Ray cluster.

    The command is run, trip, eval or export, with {input} where the file goes, and {output} for the folder of its
    results. What has been done is not done again; what a machine had not finished when it was lost, another begins.

    \b
    Examples:
      streamvision batch --cluster auto --input drives/ -o found run {input} --detections {output}/found.jsonl --json
      streamvision batch --cluster auto --input a.onnx --input b.onnx -o scores eval detect {input} --data coco --json
    """
    from streamvision.cluster.batch import FOLDER_COMMANDS, Done, check_command, items_of, run_batch
    from streamvision.cluster.ray_nodes import RayCluster

    words = check_command(command)
    items = items_of(inputs, output, folders=words[0] in FOLDER_COMMANDS)
    settings = validate(ClusterConfig, {"address": cluster}, origin="command line")
    machines = RayCluster(settings.address)
    done: list[Done] = []
    with handled_signals(reloads=False) as signals, StepProgress("files") as progress:

        def stops() -> bool:
            return signals.stop is not None

        try:
            tasks = machines.tasks(cores=cores, gpus=gpus)
            for one in run_batch(
                items, words, tasks, timeout_s=timeout_s, should_stop=lambda: signals.stop is not None
            ):
                done.append(one)
                progress.show(len(done), len(items))
                if one.reason:
                    say_failure(f"{one.item.path.name}: {one.reason}")
        finally:
            machines.close()
    failures = [one for one in done if one.reason]
    before = sum(one.tried is None for one in done) - sum(one.tried is None for one in failures)
    if as_json:
        report = {
            "files": len(items),
            "done": len(done) - len(failures),
            "done_before": before,
            "failures": {str(one.item.path): one.reason for one in failures},
            "interrupted": stops(),
        }
        click.echo(json.dumps(report))
    else:
        say(f"{counted(len(done) - len(failures), 'files')} done, {before} of them before; {len(failures)} failed")
    return 1 if failures else exit_code(signals.stop)
