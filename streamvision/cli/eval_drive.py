"""``streamvision eval drive``: how well networks drive, beside a driver that knows the truth and none."""

from __future__ import annotations

import json
import math
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
from streamvision.evaluation.driving.evaluate import PICTURE_PX
from streamvision.evaluation.driving.limit_reading import READABLE_PX, LimitOfSigns
from streamvision.evaluation.model import open_model
from streamvision.models import DEFAULT_MODEL, TEXT_MODEL, find_model
from streamvision.synthetic.sizes import check_size

COLUMNS = (
    "s driven",
    "s in lane",
    "m driven",
    "m beside",
    "s to car ahead",
    "below 1 s",
    "within limit",
    "limit right",
    "signs read",
    "rules kept",
    "collisions",
)


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
    help="Size in pixels of the frames that networks see.  [default: 320x180, or 960x540 where signs are read]",
)
@click.option(
    "--limit",
    type=click.Choice(("map", "signs")),
    help="Where networks have the speed limit from: the truth, or signs that --detector finds and --reader reads.  "
    "[default: signs where --detector is given, else map]",
)
@click.option("--detector", help=f"Model that finds speed limits.  [default: {DEFAULT_MODEL} for --limit signs]")
@click.option("--reader", help=f"Model that reads their numbers.  [default: {TEXT_MODEL} for --limit signs]")
@report_option
@runtime_options
@click.option("--json", "as_json", is_flag=True, help="Print the figures as one JSON document on stdout.")
def drive(
    models: tuple[ModelLocation, ...],
    roads: int,
    seed: int,
    seconds: float,
    size: str | None,
    limit: str | None,
    detector: str | None,
    reader: str | None,
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
      streamvision eval drive best.onnx --detector road_signs
      streamvision eval drive imitation.onnx ppo.onnx --roads 10 --report report.html
    """
    if limit == "map" and detector is not None:
        raise ConfigError("--detector finds signs, and --limit map knows the limit without; leave one of them out")
    reads_signs = limit == "signs" or detector is not None
    if reader is not None and not reads_signs:
        raise ConfigError("--reader reads signs that are found; give --limit signs or --detector, too, or leave it out")
    usual_px = READABLE_PX if reads_signs else PICTURE_PX
    picture_px = usual_px if size is None else parse_size(size)
    check_size(*picture_px)
    measured = []
    with ExitStack() as opened, StepProgress() as progress:
        drivers: dict[str, Driver] = {"none": NoDriver(), "rules": TruthDriver()}

        def signs() -> LimitOfSigns | None:
            if not reads_signs:
                return None
            paths = (detector or DEFAULT_MODEL, reader or TEXT_MODEL)
            return LimitOfSigns(*(opened.enter_context(open_model(find_model(path))) for path in paths))

        if reads_signs:
            drivers["rules, signs"] = TruthDriver(limit=signs())
        for location in models:
            model = opened.enter_context(open_model(location, **chosen_options(given)))
            if str(location) in drivers:
                raise ConfigError(
                    f"{location} is measured already; give each model once, and leave out none and rules, which always "
                    "are"
                )
            drivers[str(location)] = PictureDriver(model, limit=signs())
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
        return "-" if math.isnan(mean) else f"{form(mean)} ± {form(deviation)}"

    met, kept, passed, read = (
        sum(getattr(drive, name) for drive in evaluation.drives)
        for name in ("rules_met", "rules_kept", "signs_passed", "signs_read")
    )
    return [
        spread("driven_s", "{:.1f}".format),
        spread("in_lane_s", "{:.1f}".format),
        spread("driven_m", "{:.0f}".format),
        spread("mean_offset_m", "{:.2f}".format),
        spread("headway_s", "{:.1f}".format),
        spread("close_share", "{:.2f}".format),
        spread("within_limit_share", "{:.2f}".format),
        spread("limit_right_share", "{:.2f}".format),
        "-" if math.isnan(evaluation.mean_and_spread("limit_right_share")[0]) else f"{read} of {passed}",
        f"{kept} of {met}",
        str(sum(drive.collisions for drive in evaluation.drives)),
    ]
