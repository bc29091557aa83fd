"""``streamvision eval drive``: how well networks drive, beside a driver that knows the truth and none."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click

from streamvision.cli.eval_options import chosen_options, report_option, runtime_options
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import parse_size
from streamvision.cli.progress import StepProgress
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.core.terminal import table
from streamvision.core.words import counted
from streamvision.evaluation.driving import (
    Driver,
    DrivingEvaluation,
    NoDriver,
    PictureDriver,
    TruthDriver,
    evaluate_driver,
)
from streamvision.evaluation.driving.limit_reading import LimitOfSigns
from streamvision.evaluation.model import open_model
from streamvision.models import DEFAULT_MODEL, TEXT_MODEL, find_model

COLUMNS = ("s driven", "s in lane", "m", "m beside", "within limit", "rules kept", "collisions")


@click.command(name="drive", short_help="Seconds in lane and rules kept of networks that drive.")
@click.argument("models", type=model_location, nargs=-1)
@click.option("--roads", type=click.IntRange(1, 100), default=3, show_default=True, help="How many roads are driven.")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31),
    default=1000,
    show_default=True,
    help="Seed of the first road; take one that nothing was trained on.",
)
@click.option(
    "--seconds", type=FiniteRange(1, 3600), default=60.0, show_default=True, help="Longest drive, in seconds."
)
@click.option(
    "--size",
    metavar="WxH",
    default="320x180",
    show_default=True,
    help="Size in pixels of the frames that networks see.",
)
@click.option(
    "--limit",
    type=click.Choice(("map", "signs")),
    default="map",
    show_default=True,
    help="Where networks have the speed limit from: the truth, or signs that --detector finds and --reader reads, for "
    "which frames of 960x540 are large enough.",
)
@click.option("--detector", default=DEFAULT_MODEL, show_default=True, help="Model that finds speed limits.")
@click.option("--reader", default=TEXT_MODEL, show_default=True, help="Model that reads their numbers.")
@report_option
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
def drive(
    models: tuple[ModelLocation, ...],
    roads: int,
    seed: int,
    seconds: float,
    size: str,
    limit: str,
    detector: str,
    reader: str,
    report: Path | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Let MODELS drive in the drawn drive: networks that give steering and speed for a frame.

    Each drives once on each road, as do a driver that does nothing and one that knows the truth and keeps the rules. A
    drive ends early when the car leaves its lane or hits the car ahead. Given are means over the roads, with their
    standard deviation.

    \b
    Examples:
      streamvision eval drive runs/train/pilotnet-1/weights/best.onnx
      streamvision eval drive best.onnx --limit signs --size 960x540
      streamvision eval drive imitation.onnx ppo.onnx --roads 10 --report report.html
    """
    picture_px = parse_size(size)
    measured = []
    with ExitStack() as opened, StepProgress() as progress:
        drivers: dict[str, Driver] = {"none": NoDriver(), "rules": TruthDriver()}
        for location in models:
            model = opened.enter_context(open_model(location, **chosen_options(given)))
            if str(location) in drivers:
                raise ConfigError(f"{location} is given twice; give each model once")
            source = None
            if limit == "signs":
                parts = (opened.enter_context(open_model(find_model(name))) for name in (detector, reader))
                source = LimitOfSigns(*parts)
            drivers[str(location)] = PictureDriver(model, limit=source)
        evaluate = partial(
            evaluate_driver,
            seeds=range(seed, seed + roads),
            seconds=seconds,
            picture_px=picture_px,
            progress=progress.show_work,
        )
        measured = [evaluate(name, driver) for name, driver in drivers.items()]
    if report:
        from streamvision.evaluation.report import build_drive_report

        click.echo(f"Drawing {report} ...", err=True)
        title = f"{', '.join(each.name for each in models) or 'Drivers'} on {counted(roads, 'roads')}"
        build_drive_report(measured, report, title=title)
    _print(measured, as_json=as_json)


def _print(measured: list[DrivingEvaluation], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"drivers": [evaluation.to_json() for evaluation in measured]}, indent=1))
        return
    rows: list[tuple[str, ...]] = [("driver", *COLUMNS)]
    rows += [(evaluation.driver, *_cells(evaluation)) for evaluation in measured]
    for line in table(rows):
        click.echo(line)


def _cells(evaluation: DrivingEvaluation) -> list[str]:
    def spread(figure: str, form: Callable[[float], str]) -> str:
        mean, deviation = evaluation.mean_and_spread(figure)
        return f"{form(mean)} ± {form(deviation)}"

    met, kept = (sum(getattr(drive, name) for drive in evaluation.drives) for name in ("rules_met", "rules_kept"))
    return [
        spread("driven_s", "{:.1f}".format),
        spread("in_lane_s", "{:.1f}".format),
        spread("driven_m", "{:.0f}".format),
        spread("mean_offset_m", "{:.2f}".format),
        spread("within_limit_share", "{:.2f}".format),
        f"{kept} of {met}",
        str(sum(drive.collisions for drive in evaluation.drives)),
    ]
