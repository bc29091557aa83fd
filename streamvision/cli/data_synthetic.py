"""``streamvision data synthetic``: pictures of the drawn drive with labels that are exact."""

from __future__ import annotations

import json
import re
from pathlib import Path

import click

from streamvision.cli.steps import StepProgress
from streamvision.core.errors import ConfigError


@click.command(short_help="Draw a labelled data set of the synthetic drive.")
@click.option(
    "--task",
    type=click.Choice(("detect", "semantic", "classify")),
    required=True,
    help="detect: boxes of signs and lights, as YOLO; semantic: the class of every pixel, as images/ and masks/; "
    "classify: a folder each for day, dusk and rain.",
)
@click.option("--images", type=click.IntRange(1, 1_000_000), default=400, show_default=True, help="Pictures.")
@click.option(
    "--val-images",
    type=click.IntRange(0, 1_000_000),
    default=0,
    show_default=True,
    help="More pictures, of other drives, as part val; the others are then part train.",
)
@click.option("--size", metavar="WxH", default="1280x720", show_default=True, help="Width and height in pixels.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Another seed draws other drives.")
@click.option("--output", type=Path, required=True, metavar="DIR", help="Folder to write; new or empty.")
@click.option("--force", is_flag=True, help="Replace what is in the output folder.")
@click.option("--json", "as_json", is_flag=True, help="Print what was written as one JSON document on stdout.")
def synthetic(
    task: str, images: int, val_images: int, size: str, seed: int, output: Path, force: bool, as_json: bool
) -> None:
    """Draw a labelled data set of the synthetic drive, to try training and evaluation without any data.

    \b
    Examples:
      streamvision data synthetic --task semantic --images 400 --val-images 100 --size 640x360 --output drive-regions
      streamvision data synthetic --task classify --images 300 --val-images 90 --size 320x180 --output drive-moods
    """
    from streamvision.datasets.drive import DriveSampling, write_drive_dataset, write_drive_moods, write_drive_regions

    width_px, height_px = _size(size)
    sampling = DriveSampling(images, seed=seed, width_px=width_px, height_px=height_px, val_images=val_images)
    with StepProgress("pictures") as line:

        def show(what: str, done: int, total: int) -> None:
            line.show(done, total)

        if task == "semantic":
            write_drive_regions(output, sampling, force=force, progress=show)
        elif task == "classify":
            write_drive_moods(output, sampling, force=force, progress=show)
        else:
            write_drive_dataset(output, sampling, force=force, progress=show)
    if as_json:
        click.echo(json.dumps({"output": str(output), "task": task, "pictures": sampling.total, "seed": seed}))
    else:
        click.echo(f"{output}: {sampling.total:,} pictures for {task}, seed {seed}")


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    if match is None:
        raise ConfigError(f"--size {text}: give width and height in pixels, such as 640x360")
    return int(match[1]), int(match[2])
