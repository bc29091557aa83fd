"""What the commands of ``streamvision eval`` that measure a model have in common: options, parts, tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar, get_args

import click

from streamvision.cli.dataset_options import format_option
from streamvision.cli.options import field_option, input_option, names_option, slices_option, trust_option
from streamvision.cli.sections import together
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import model_location
from streamvision.datasets.dataset import Split

SPLITS = (*get_args(Split), "all")

_SPLIT_HELP = "Part to measure; default: val, else test, else all where there is none."


class _InParts(Protocol):
    """Labelled pictures of any kind."""

    @property
    def images(self) -> Sequence[Any]: ...

    def part(self, split: Split) -> Any: ...


D = TypeVar("D", bound=_InParts)


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


report_options = together(
    click.option(
        "--report",
        type=Path,
        metavar="F.html",
        help="Write a page that explains the figures; it opens without network.",
    ),
    click.option(
        "--train-data",
        type=Path,
        metavar="DIR",
        help="What the model was trained with, for look-alikes in the report; default: the train part of DIR.",
    ),
)
"""Options of the commands that write a report."""


def measured_options(*, labels: bool) -> Callable[[Any], Any]:
    """Return what adds the options of every command that measures a model on labelled pictures.

    Args:
        labels: whether the pictures may be in any of the data set formats, and objects are found that can be saved.
    """
    options = [
        click.argument("model", type=model_location),
        click.option("--data", type=Path, required=True, metavar="DIR", help="Labelled pictures."),
        click.option("--split", type=click.Choice(SPLITS), help=_SPLIT_HELP),
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
        ]
    return together(*options)


def chosen_options(given: dict[str, Any]) -> dict[str, Any]:
    """Return how the model is opened, from the values of :func:`runtime_options`: those that were given."""
    chosen = {key: value for key, value in given.items() if value is not None}
    if "input" in chosen:
        chosen["input"] = validate(ModelInputConfig, chosen["input"], origin="--input")
    return chosen


def choose_split(dataset: D, split: str | None) -> tuple[D, tuple[str, ...]]:
    """Return the part that is to be measured, and what to say about it.

    Raises:
        ConfigError: when the data set has no such part.
    """
    present = [name for name in get_args(Split) if any(image.split == name for image in dataset.images)]
    if split == "all" or (split is None and not present):
        return dataset, ()
    notes: tuple[str, ...] = ()
    if split is None:
        split = next(name for name in ("val", "test", "train") if name in present)
        notes = (f"The data set has the parts {', '.join(present)}; {split} was measured, --split chooses another.",)
    if split not in present:
        has = f"the parts {', '.join(present)}" if present else "no parts"
        raise ConfigError(f"--split {split}: the data set has {has}; leave it out or choose one of these")
    return dataset.part(split), notes  # type: ignore[arg-type]


def cells(*values: float | None) -> list[str]:
    """Return figures as they stand in a table; a dash for those that do not exist."""
    return ["-" if value is None else f"{value:.3f}" for value in values]
