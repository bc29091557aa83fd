"""``streamvision eval compare``: whether a new model may take the place of an old one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from streamvision.cli.dataset_options import format_option
from streamvision.cli.eval_options import SPLITS, cells, chosen_options, runtime_options
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.progress import StepProgress
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.datasets import read_dataset
from streamvision.datasets.dataset import Dataset, DatasetFormat
from streamvision.datasets.measured_part import choose_split
from streamvision.evaluation.gate import MARGIN, RISK, Gate, GateResult, compare, write_gate
from streamvision.evaluation.model import open_model, require_task
from streamvision.models import model_file


@click.command("compare", short_help="Whether a new detector is no worse than an old one.")
@click.argument("old", type=model_location)
@click.argument("new", type=model_location)
@click.option("--data", type=Path, metavar="DIR", help="Labelled pictures that neither model learnt from.")
@format_option()
@click.option(
    "--split", type=click.Choice(SPLITS), help="Part of --data to compare on; default: val, else test, else all."
)
@click.option("--run", type=Path, metavar="RUN", help="In place of --data: what the training run RUN held out.")
@click.option(
    "--margin",
    type=FiniteRange(min=0, max=1),
    default=MARGIN,
    show_default=True,
    help="How much lower mAP50-95 may be.",
)
@click.option(
    "--risk",
    type=FiniteRange(min=0, max=1),
    default=RISK,
    show_default=True,
    help="Largest chance, by resampling the pictures, that it is lower by more than the margin.",
)
@click.option(
    "--record", is_flag=True, help="Write the result beside NEW, so that a service lets it take over (`prove: gate`)."
)
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document on stdout.")
def compare_models(
    old: ModelLocation,
    new: ModelLocation,
    data: Path | None,
    data_format: DatasetFormat | None,
    split: str | None,
    run: Path | None,
    margin: float,
    risk: float,
    record: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Say whether NEW may take the place of OLD: exit code 1 where it may not.

    Both find the objects of the same pictures. NEW passes where resampling these pictures leaves little chance (--risk)
    that its mAP50-95 is lower than OLD's by more than --margin; few pictures leave much chance. Only classes that both
    know are compared, and NEW must know all that OLD does and the pictures show.

    \b
    Examples:
      streamvision eval compare signs.onnx runs/train/yolov8n-2/weights/best.onnx --run runs/train/yolov8n-2
      streamvision eval compare old.onnx new.onnx --data roadsigns --split test --margin 0.01 --record
    """
    dataset = _pictures(data, data_format, split, run)
    options = chosen_options(given)
    with (
        open_model(old, **options) as before,
        open_model(new, **options) as now,
        StepProgress("pictures") as progress,
    ):
        for model in (before, now):
            require_task(model, "detect")
        asked = Gate(margin, risk)
        result = compare(before, now, dataset, asked, is_selected=run is not None, on_progress=progress.show)
    if record:
        write_gate(result, old=model_file(old), new=model_file(new))
    click.echo(json.dumps(result.to_json()) if as_json else "\n".join(_lines(result)))
    return 0 if result.passed else 1


def _pictures(data: Path | None, data_format: DatasetFormat | None, split: str | None, run: Path | None) -> Dataset:
    if (data is None) == (run is None):
        raise ConfigError("give either --data with labelled pictures or --run with the folder of a training run")
    if run is not None:
        if split or data_format:
            raise ConfigError("--run says which pictures are compared; leave --split and --format out")
        from streamvision.training.held_out import held_out_of

        return held_out_of(run)
    assert data is not None
    return choose_split(read_dataset(data, format=data_format), split)[0]


def _lines(result: GateResult) -> list[str]:
    rows = [
        ("class", "old", "new"),
        ("all", *cells(result.old, result.new)),
        *((name, *cells(*values)) for name, values in result.per_class.items()),
        *((name, *cells(None, value)) for name, value in result.only_new.items()),
    ]
    return [f"{'passed' if result.passed else 'refused'}: {result.sentence}", *result.caveats, *table(rows)]
