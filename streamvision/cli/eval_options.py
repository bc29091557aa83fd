"""What the commands of ``streamvision eval`` that measure a model have in common: options, parts, tables."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from streamvision.cli.dataset_options import format_option
from streamvision.cli.options import field_option, input_option, names_option, slices_option, step_option, trust_option
from streamvision.cli.sections import together
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.datasets.dataset import Split

SPLITS = (*get_args(Split), "all")

SPLIT_HELP = "Part to measure; default: val, else test, else all where there is none."


runtime_options = together(
    field_option("--backend", ModelConfig, "backend"),
    field_option("--device", ModelConfig, "device"),
    field_option("--precision", ModelConfig, "precision"),
    field_option("--threads", ModelConfig, "threads"),
    click.option(
        "--imgsz",
        "side_px",
        type=click.IntRange(min=32),
        metavar="PX",
        help="Longer side of the input, for models that take any size.",
    ),
    field_option("--head", ModelConfig, "head"),
    names_option(),
    input_option,
    trust_option,
)
"""Options that say how the model is opened; :func:`chosen_options` reads them."""


report_option = click.option(
    "--report",
    type=Path,
    metavar="F.html",
    help="Write a page that explains the figures; it opens without network.",
)

report_options = together(
    report_option,
    click.option(
        "--train-data",
        type=Path,
        metavar="DIR",
        help="What the model was trained with, for look-alikes in the report; default: the train part of DIR.",
    ),
)
"""Options of the commands whose report compares what is wrong with what the model was trained with."""


def measured_options(*, labels: bool, data: str = "DIR") -> Callable[[Any], Any]:
    """Return what adds the options of every command that measures a model on labelled pictures.

    Args:
        labels: whether the pictures may be in any of the data set formats, and objects are found that can be saved.
        data: what stands for the labelled pictures in the help.
    """
    options = [
        click.argument("model", type=model_location),
        click.option("--data", type=Path, required=True, metavar=data, help="Labelled pictures."),
        click.option("--split", type=click.Choice(SPLITS), help=SPLIT_HELP),
        click.option("--class", "classes", multiple=True, metavar="NAME|N", help="Measure these classes only."),
        runtime_options,
        click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout."),
    ]
    if labels:
        options[2:2] = [format_option()]
        options[-2:-2] = [
            click.option(
                "--save-predictions",
                type=Path,
                metavar="F.json",
                help="Write all that was found in COCO's results form.",
            ),
            slices_option,
            step_option,
        ]
    return together(*options)


def chosen_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return how the model is opened, from the values of :func:`runtime_options`: those that were given."""
    chosen = {key: value for key, value in given.items() if value is not None}
    if "input" in chosen:
        chosen["input"] = validate(ModelInputConfig, chosen["input"], origin="--input")
    return chosen


def write_report(build: Callable[..., None], result: Any, report: Path, *, model: ModelLocation, data: Path) -> None:
    """Write the page that explains an evaluation."""
    click.echo(f"Drawing {report} ...", err=True)
    build(result, report, title=f"{model.name} on {data.resolve().name}")


def cells(*values: float | None) -> list[str]:
    """Return figures as they stand in a table; a dash for those that do not exist."""
    return ["-" if value is None else f"{value:.3f}" for value in values]
