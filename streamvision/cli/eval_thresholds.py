"""``streamvision eval thresholds``: from which scores on to report, where misses and false alarms cost differently."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import yaml

from streamvision.cli.dataset_options import format_option
from streamvision.cli.eval_options import SPLITS, chosen_options, runtime_options
from streamvision.cli.progress import StepProgress
from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import DatasetFormat
from streamvision.datasets.measured_part import choose_split
from streamvision.evaluation.costs import USUAL_SCORE, Costs, CostTable, Thresholds, measure_thresholds
from streamvision.evaluation.model import open_model, require_task


@click.command("thresholds", short_help="The score of each class from which on reports cost least.")
@click.argument("model", type=model_location)
@click.option("--data", type=Path, required=True, metavar="DIR", help="Labelled pictures, none of them learnt from.")
@format_option()
@click.option(
    "--split", type=click.Choice(SPLITS), help="Part to measure; default: val, else test, else all where there is none."
)
@click.option(
    "--cost",
    "costs",
    multiple=True,
    required=True,
    metavar="[CLASS:]miss=N,false=N",
    help="What an object that is not found costs, and a false report; with CLASS of that class alone. May be given "
    "several times.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Deals the pictures to parts.")
@click.option("--output", type=Path, metavar="F.yaml", help="Write the scores as a configuration for `run --config`.")
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def thresholds(
    model: ModelLocation,
    data: Path,
    data_format: DatasetFormat | None,
    split: str | None,
    costs: tuple[str, ...],
    seed: int,
    output: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Choose from which score on each class of MODEL is reported, so that its errors cost least.

    A missed object and a false report seldom cost the same: a stop sign that is not seen costs more than one that is
    not there. The score with the lowest cost is chosen for each class; what that is worth is measured on pictures that
    the choice was not made on (five parts, each measured with what the other four say), beside the usual 0.25. A class
    with fewer than 10 objects keeps 0.25. The model finds as in `run`.

    \b
    Examples:
      streamvision eval thresholds signs.onnx --data roadsigns --cost miss=5,false=1 --output scores.yaml
      streamvision eval thresholds signs.onnx --data roadsigns --cost miss=2,false=1 --cost stop:miss=20,false=1
      streamvision run --config scores.yaml --source drive.mp4
    """
    priced = read_costs(costs)
    part, notes = choose_split(read_dataset(data, format=data_format), split)
    with (
        open_model(model, as_reported=True, **chosen_options(given)) as detector,
        StepProgress("pictures") as progress,
    ):
        require_task(detector, "detect")
        result, more = measure_thresholds(detector, part, priced, seed=seed, on_progress=progress.show)
    written = output if result.config()["model"]["class_scores"] else None
    if written:
        document = result.config()
        document["model"] = {"path": str(model)} | document["model"]
        write_whole(written, f"# {result.sentence}\n{yaml.safe_dump(document, sort_keys=False, allow_unicode=True)}")
    if as_json:
        click.echo(json.dumps(result.to_json() | {"config": str(written) if written else None}))
        return
    click.echo("\n".join([result.sentence, *table(_rows(result)), *(f"Note: {note}" for note in (*notes, *more))]))
    if written:
        click.echo(f"Report from these scores on: streamvision run --config {written} --source VIDEO")
    elif output:
        click.echo(f"{output} was not written, since no score was chosen.")


def read_costs(given: Sequence[str]) -> CostTable:
    """Return what was given as ``miss=5,false=1``, and of single classes as ``stop:miss=20,false=1``.

    Raises:
        ConfigError: when one is not written so, costs nothing at all, or is given twice.
    """
    known: dict[str, Costs] = {}
    for text in given:
        name, _, pairs = text.rpartition(":")
        if name in known:
            raise ConfigError(f"--cost {text}: costs {f'of {name}' if name else 'of all classes'} are given twice")
        known[name] = _costs(pairs, text)
    return CostTable(known.pop("", Costs()), known)


def _costs(pairs: str, text: str) -> Costs:
    read: dict[str, float] = {}
    for pair in pairs.split(","):
        key, _, value = (part.strip() for part in pair.partition("="))
        try:
            read[key] = float(value)
        except ValueError:
            read[key] = math.nan
    if set(read) - {"miss", "false"} or not all(0 <= value < 1e9 for value in read.values()) or not any(read.values()):
        raise ConfigError(f"--cost {text}: give what each error costs, from 0 on, such as miss=5,false=1")
    return Costs(**read)


def _rows(result: Thresholds) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("class", "score", "between parts", "cost", f"at {USUAL_SCORE:g}", "missed", "false", "objects")
    ]
    for one in result.classes:
        spread = f"{min(one.fold_scores):.2f}-{max(one.fold_scores):.2f}" if one.fold_scores else "-"
        score = f"{one.score:.2f}" if one.score is not None else f"{USUAL_SCORE:g} (few)"
        missed, false = (f"{now} ({before})" for now, before in (one.misses, one.false_alarms))
        rows.append(
            (one.name, score, spread, f"{one.cost:.1f}", f"{one.usual_cost:.1f}", missed, false, f"{one.objects}")
        )
    return rows
