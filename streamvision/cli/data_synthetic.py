"""``streamvision data synthetic``: labelled pictures of the synthetic drive, and cards of dashcams with it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.options import parse_size
from streamvision.cli.progress import StepProgress
from streamvision.cli.zones import ahead_s, zone_option
from streamvision.core.errors import ConfigError
from streamvision.core.words import counted

_MAKERS = ("viofo", "blackvue", "mivue", "gopro")
_NOISES: dict[str, tuple[float, float]] = {"both": (0.25, 0.75), "independent": (1.0, 0.0), "correlated": (0.0, 1.0)}
"""Shares of the variance: new at each fix, and wandering."""
_TASKS = ("detect", "segment", "semantic", "classify", "answers", "pose", "cuboid", "caption", "drive", "pairs")
_OF_PICTURES = ("task", "images", "val_images", "force")
_OF_TRIPS = (
    "maker", "minutes", "clip_s", "fps", "drives", "begin_s", "zone", "clock_error_s", "seam_s", "cut_last",
    "gps_noise_m", "gps_noise", "gps_delay_s", "gps_hole", "gps_local",
)  # fmt: skip


@click.command(short_help="Draw a labelled data set, or a dashcam's card, of the synthetic drive.")
@click.option(
    "--task",
    type=click.Choice(_TASKS),
    help="detect: boxes of signs and lights, as YOLO; segment: masks of vehicles, as COCO; semantic: the class of "
    "every pixel, as images/ and masks/; classify: a folder each for day, dusk and rain; answers: a table of the "
    "weather and the distance to the next vehicle ahead; pose: drawn faces with 14 landmarks, as YOLO; cuboid: "
    "vehicles in space with their cameras, as KITTI; "
    "caption: a table of a sentence each; "
    "drive: a table of the steering and the speed of a driver who is now and then pushed aside; pairs: the "
    "class of every pixel as a colour, in inputs/, and the picture, in targets/.",
)
@click.option("--images", type=click.IntRange(1, 1_000_000), default=400, show_default=True, help="Pictures.")
@click.option(
    "--val-images",
    type=click.IntRange(0, 1_000_000),
    default=0,
    show_default=True,
    help="More pictures, of other drives, as part val; the others are then part train.",
)
@click.option("--trip", is_flag=True, help="Write the card of a dashcam instead: clips with positions, and truth/.")
@click.option(
    "--maker",
    type=click.Choice(_MAKERS),
    multiple=True,
    default=("viofo",),
    show_default=True,
    help="Whose names and positions; several: the same clips in a folder each.",
)
@click.option("--minutes", type=FiniteRange(0.05, 600), default=2.0, show_default=True, help="Of each drive.")
@click.option("--clip-s", type=FiniteRange(1, 3600), default=60.0, show_default=True, help="Seconds of a clip.")
@click.option("--fps", type=FiniteRange(1, 240), default=30.0, show_default=True, help="Frames a second.")
@click.option("--drives", type=click.IntRange(1, 100), default=1, show_default=True, help="Times the way is driven.")
@click.option("--begin-s", type=FiniteRange(1), default=2.0, show_default=True, help="Where on the way it begins.")
@click.option(
    "--zone",
    default="+00:00",
    show_default=True,
    callback=zone_option,
    metavar="+HH:MM",
    help="Zone of the camera's clock, or a place such as Europe/Berlin.",
)
@click.option(
    "--clock-error-s", type=FiniteRange(-1e9, 1e9), default=0.0, show_default=True, help="How far that clock is ahead."
)
@click.option(
    "--seam-s",
    type=FiniteRange(-3600, 86_400),
    default=0.0,
    show_default=True,
    help="Lost between clips; below 0: recorded twice.",
)
@click.option("--cut-last", is_flag=True, help="The power fails in each drive's last clip: no index, no end.")
@click.option(
    "--gps-noise-m",
    type=FiniteRange(0, 1000),
    default=3.0,
    show_default=True,
    help="Standard deviation of each axis.",
)
@click.option(
    "--gps-noise",
    type=click.Choice(tuple(_NOISES)),
    default="both",
    show_default=True,
    help="independent from fix to fix, correlated (wanders with a time constant of 60 s), or a quarter of the variance "
    "the first and the rest the second.",
)
@click.option(
    "--gps-delay-s",
    type=FiniteRange(0, 5),
    default=0.2,
    show_default=True,
    help="From a fix to its being written between the pictures.",
)
@click.option("--gps-hole", multiple=True, metavar="FROM-TO", help="Seconds of each drive without reception.")
@click.option("--gps-local", is_flag=True, help="The camera writes its zone's time where UTC belongs.")
@click.option("--size", metavar="WxH", default="1280x720", show_default=True, help="Width and height in pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed draws other drives.")
@click.option("--output", type=Path, required=True, metavar="DIR", help="Folder to write; new or empty.")
@click.option("--force", is_flag=True, help="Replace what is in the output folder.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document on stdout.")
@click.pass_context
def synthetic(
    ctx: click.Context, /, task: str | None, trip: bool, size: str, output: Path, as_json: bool, **given: Any
) -> None:
    """Draw a labelled data set of the synthetic drive, to try training and evaluation without any data.

    With --trip, write the card of a dashcam that drove there, as its maker does: clips, positions with noise, and in
    truth/ where it was, what each frame shows and where each sign stands.

    \b
    Examples:
      streamvision data synthetic --task semantic --images 400 --val-images 100 --size 640x360 --output drive-regions
      streamvision data synthetic --task classify --images 300 --val-images 90 --size 320x180 --output drive-moods
      streamvision data synthetic --task caption --images 2000 --val-images 200 --size 320x180 --output drive-captions
      streamvision data synthetic --task cuboid --images 400 --size 1280x720 --seed 1 --output drive-vehicles
      streamvision data synthetic --task drive --images 6000 --val-images 600 --size 320x180 --output driving
      streamvision data synthetic --task pose --images 400 --val-images 100 --size 128x128 --output faces
      streamvision data synthetic --trip --minutes 3 --size 640x360 --fps 10 --output card
    """
    if trip == (task is not None):
        raise ConfigError(f"give either --task {', '.join(_TASKS[:-1])} or {_TASKS[-1]}, or --trip")
    _check_given(ctx, _OF_PICTURES if trip else _OF_TRIPS, "with --trip" if trip else "without --trip")
    if trip:
        _write_cards(output, parse_size(size), as_json=as_json, **given)
    else:
        assert task is not None
        _write_pictures(task, output, parse_size(size), as_json=as_json, **given)


def _check_given(ctx: click.Context, others: tuple[str, ...], when: str) -> None:
    """Refuse options that would say nothing."""
    for name in others:
        if ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise ConfigError(f"--{name.replace('_', '-')} means nothing {when}; leave it out")


def _write_pictures(task: str, output: Path, size: tuple[int, int], *, as_json: bool, **given: Any) -> None:
    from streamvision.datasets.drive import (
        DriveSampling,
        write_drive_answers,
        write_drive_dataset,
        write_drive_moods,
        write_drive_pairs,
        write_drive_regions,
    )
    from streamvision.datasets.drive_captions import write_drive_captions
    from streamvision.datasets.drive_cuboids import write_drive_cuboids
    from streamvision.datasets.drive_masks import write_drive_masks
    from streamvision.datasets.driving import write_drive_commands
    from streamvision.datasets.faces import write_drawn_faces

    seed = given["seed"]
    sampling = DriveSampling(
        given["images"], seed=seed, width_px=size[0], height_px=size[1], val_images=given["val_images"]
    )
    writers: dict[str, Callable[..., object]] = {
        "detect": write_drive_dataset,
        "segment": write_drive_masks,
        "semantic": write_drive_regions,
        "classify": write_drive_moods,
        "answers": write_drive_answers,
        "caption": write_drive_captions,
        "cuboid": write_drive_cuboids,
        "drive": write_drive_commands,
        "pose": write_drawn_faces,
        "pairs": write_drive_pairs,
    }
    with StepProgress() as progress:
        writers[task](output, sampling, force=given["force"], progress=progress.show_work)
    if as_json:
        click.echo(json.dumps({"output": str(output), "task": task, "pictures": sampling.total, "seed": seed}))
    else:
        click.echo(f"{output}: {counted(sampling.total, 'pictures')} for {task}, seed {seed}")


def _write_cards(output: Path, size: tuple[int, int], *, as_json: bool, **given: Any) -> None:
    from streamvision.datasets.trip import write_trip

    spec = _spec(size, given)
    with StepProgress() as progress:
        cards = write_trip(output, spec, makers=given["maker"], progress=progress.show_work)
    if as_json:
        listed = [
            {"maker": card.maker, "folder": str(card.folder), "truth": str(card.truth), "clips": list(card.clips)}
            for card in cards
        ]
        click.echo(json.dumps({"output": str(output), "seed": spec.seed, "cards": listed}, indent=2))
        return
    for card in cards:
        click.echo(f"{card.folder}: {counted(len(card.clips), 'clips')} of {card.maker}, the truth in {card.truth}")


def _spec(size: tuple[int, int], given: Mapping[str, Any]) -> Any:
    from streamvision.datasets.trip import GpsNoise, TripSpec

    independent, correlated = (given["gps_noise_m"] * share**0.5 for share in _NOISES[given["gps_noise"]])
    same = ("clip_s", "fps", "seed", "drives", "begin_s", "clock_error_s", "seam_s", "cut_last", "gps_delay_s")
    return TripSpec(
        duration_s=60 * given["minutes"],
        width_px=size[0],
        height_px=size[1],
        noise=GpsNoise(independent, correlated),
        zone_s=ahead_s(given["zone"], TripSpec.start),
        gps_holes_s=tuple(_hole(text) for text in given["gps_hole"]),
        gps_is_local=given["gps_local"],
        **{name: given[name] for name in same},
    )


def _hole(text: str) -> tuple[float, float]:
    begin, _, end = text.partition("-")
    try:
        hole = float(begin), float(end)
    except ValueError:
        hole = (0.0, 0.0)
    if not 0 <= hole[0] < hole[1]:
        raise ConfigError(f"--gps-hole {text} is no time; give two numbers of seconds, such as 20-45")
    return hole
