"""``streamvision data``: look at labelled pictures, turn them into other formats, split them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import click

from streamvision.cli.data_labels import Sheet, inspect_labelled, split_labelled
from streamvision.cli.data_report import describe_inspection, describe_problems, write_report
from streamvision.cli.data_synthetic import synthetic
from streamvision.cli.dataset_options import LABEL_NAMES, WRITABLE_NAMES, format_option
from streamvision.cli.finite_range import FiniteRange
from streamvision.cli.progress import StepProgress
from streamvision.core.errors import ConfigError
from streamvision.core.words import counted
from streamvision.datasets import read_dataset, split_dataset, write_dataset
from streamvision.datasets.contact_sheet import draw_contact_sheet
from streamvision.datasets.crops import write_crops
from streamvision.datasets.dataset import Dataset, DatasetFormat, Problem
from streamvision.datasets.files import SPLITS
from streamvision.datasets.formats import FORMATS, WRITABLE
from streamvision.datasets.inspection import inspect_dataset
from streamvision.datasets.label_folders import LABEL_TITLES, detect_labels
from streamvision.datasets.problems import Problems, problems_json
from streamvision.datasets.writing import CopyOrLink, check_output_outside

_folder = click.argument("folder", type=Path)
_given_format = format_option(name="given", of="FOLDER")
_given_labels = format_option(name="given", of="FOLDER", formats=LABEL_NAMES)
_output = click.option("--output", type=Path, required=True, metavar="DIR", help="Folder to write; new or empty.")
_link = click.option("--link/--copy", help="Make symbolic links to the pictures instead of copies.  [default: copy]")
_force = click.option("--force", is_flag=True, help="Replace what is in the output folder.")
_all = click.option("--all", "everything", is_flag=True, help="List a thousand files of each kind, not the first ten.")
_json = click.option("--json", "as_json", is_flag=True, help="Print everything as one JSON document on stdout.")


@click.group()
def data() -> None:
    """Look at, convert, split and draw labelled pictures.

    \b
    The format is detected:
      voc       Pascal VOC: XML annotations
      coco      COCO JSON
      yolo      text files and data.yaml
      tfcsv     TensorFlow CSV: filename,width,height,class,xmin,ymin,xmax,ymax
      tfrecord  TensorFlow records, pictures inside
    and, only read:
      cvat        CVAT XML 1.1, of images or of a video
      labelme     labelme's JSON, one file a picture
      createml    Create ML's JSON
      kitti       KITTI's text files
      openimages  Open Images' CSV
    inspect and split know pictures without boxes, too:
      classes     a folder for each class, or a CSV table: filename,class
      masks       images/ and masks/, a PNG of class ids for each

    FOLDER may also be the one file that describes the set (data.yaml, .json, .csv, .xml, .tfrecord).
    """


@data.command(short_help="Balance, sizes, duplicates, leaks and bad files of a data set.")
@_folder
@_given_labels
@click.option("--sheet", type=Path, metavar="F.png", help="Draw a contact sheet of pictures and what is marked.")
@click.option("--sheet-pictures", type=click.IntRange(1, 200), default=24, show_default=True, help="Pictures on it.")
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed shows other pictures.")
@click.option(
    "--report", type=Path, metavar="F.html", help="Write a page of what goes with what; it opens without network."
)
@_all
@_json
def inspect(
    folder: Path,
    given: DatasetFormat | None,
    sheet: Path | None,
    sheet_pictures: int,
    seed: int,
    report: Path | None,
    everything: bool,
    as_json: bool,
) -> None:
    """Say what is in a data set, what is wrong with it, and what is suspicious.

    Every picture is decoded to its last pixel. Files that cannot be used are listed by name with the reason. Suspicious
    is what a network could learn in place of a class: the company, size, place, light or source that it always has; and
    what the parts of the set differ in. Folders of pictures for each class (classes) and maps of classes (masks) are
    looked at, too.

    \b
    Examples:
      streamvision data inspect roadsigns
      streamvision data inspect roadsigns --sheet sheet.png --report roadsigns.html
      streamvision data inspect coco/annotations/instances_val2017.json --json
    """
    chosen = given or detect_labels(folder)
    if chosen in LABEL_TITLES:
        drawing = Sheet(sheet, sheet_pictures, seed) if sheet else None
        inspect_labelled(folder, chosen, drawing, report, everything=everything, as_json=as_json)
        return
    with StepProgress() as progress:
        dataset = read_dataset(folder, format=chosen, progress=progress.show_work)
        found = inspect_dataset(dataset, progress=progress.show_work)
        if sheet:
            title = folder.resolve().name
            draw_contact_sheet(
                dataset, sheet, title=title, pictures=sheet_pictures, seed=seed, progress=progress.show_work
            )
    if report:
        write_report(found, report, folder)
    if as_json:
        document = {"path": str(folder), "format": chosen, "sheet": str(sheet) if sheet else None}
        document["report"] = str(report) if report else None
        click.echo(json.dumps(document | found.to_json(), indent=2))
        return
    for line in describe_inspection(found, folder=folder, format=chosen, everything=everything):
        click.echo(line)
    if sheet:
        click.echo(f"\n  contact sheet: {sheet}")
    if report:
        click.echo(f"\n  report: {report}")


@data.command(short_help="Write a data set in another format.")
@_folder
@_given_format
@click.option("--to", type=WRITABLE_NAMES, required=True, help="Format to write.")
@_output
@_link
@_force
@_all
@_json
def convert(
    folder: Path,
    given: DatasetFormat | None,
    to: DatasetFormat,
    output: Path,
    link: bool,
    force: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Write a data set in another format, with its classes, splits and picture names.

    Boxes keep their place to a hundredth of a pixel. What cannot be read or said in the new format is listed.

    \b
    Examples:
      streamvision data convert roadsigns --to yolo --output roadsigns-yolo
      streamvision data convert roadsigns --to coco --output roadsigns-coco --link
    """
    check_output_outside(folder, output)
    with StepProgress() as progress:
        dataset = read_dataset(folder, format=given, progress=progress.show_work)
        lost = _write(dataset, output, to, link=link, force=force, progress=progress)
    _report(dataset, lost, folder=folder, output=output, format=to, everything=everything, as_json=as_json)


@data.command(short_help="Split a data set into train, val and test.")
@_folder
@_given_labels
@click.option(
    "--fractions",
    default="0.8,0.1,0.1",
    show_default=True,
    metavar="TRAIN,VAL[,TEST]",
    help="Shares of the pictures; they sum to 1.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Another seed gives another split.")
@click.option("--to", type=WRITABLE_NAMES, help="Format to write; default: that of FOLDER, coco where it is only read.")
@_output
@_link
@_force
@_all
@_json
def split(
    folder: Path,
    given: DatasetFormat | None,
    fractions: str,
    seed: int,
    to: DatasetFormat | None,
    output: Path,
    link: bool,
    force: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Split a data set into train, val and test.

    Each part gets its share of every class, and pictures that look alike stay together, so that no test picture was
    seen in training. Splits that the set has already are replaced. Folders of pictures for each class (classes) and
    maps of classes (masks) are split, too.

    \b
    Examples:
      streamvision data split roadsigns --output roadsigns-split
      streamvision data split roadsigns --fractions 0.85,0.15 --seed 7 --to yolo --output roadsigns-yolo
    """
    shares = _shares(fractions)
    check_output_outside(folder, output)
    chosen = given or detect_labels(folder)
    if chosen in LABEL_TITLES:
        if to:
            raise ConfigError(f"--to {to} is for boxes, and {folder} has {LABEL_TITLES[chosen]}; leave it out")
        options: dict[str, Any] = {"seed": seed, "link": link, "force": force, "everything": everything}
        split_labelled(folder, chosen, output, shares, as_json=as_json, **options)
        return
    with StepProgress() as progress:
        written = to or (chosen if chosen in WRITABLE else "coco")
        dataset = read_dataset(folder, format=chosen, progress=progress.show_work)
        dataset = split_dataset(dataset, fractions=shares, seed=seed, progress=progress.show_work)
        lost = _write(dataset, output, written, link=link, force=force, progress=progress)
    _report(dataset, lost, folder=folder, output=output, format=written, everything=everything, as_json=as_json)


@data.command(short_help="Cut the objects of a data set out, a folder for each class.")
@_folder
@_given_format
@click.option(
    "--margin",
    type=FiniteRange(0, 2),
    default=0.1,
    show_default=True,
    help="How far a crop reaches beyond its box on each side, as a share of the box.",
)
@click.option(
    "--min-side",
    "least_px",
    type=click.IntRange(1, 10_000),
    default=12,
    show_default=True,
    help="Objects whose shorter side has fewer pixels are left out.",
)
@_output
@_force
@_all
@_json
def crops(
    folder: Path,
    given: DatasetFormat | None,
    margin: float,
    least_px: int,
    output: Path,
    force: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Cut the objects of a data set with boxes out of its pictures, to train a classifier on.

    Crops stay in the part (train, val, test) of their picture, so split the set first: crops of one photograph in both
    parts would look better than they are.

    \b
    Examples:
      streamvision data split roadsigns --fractions 0.75,0.25 --link --output signs
      streamvision data crops signs --output sign-crops
      streamvision train --data sign-crops --model small_xception --balance class-weights
    """
    check_output_outside(folder, output)
    with StepProgress() as progress:
        dataset = read_dataset(folder, format=given, progress=progress.show_work)
        written = write_crops(
            dataset, output, margin=margin, least_px=least_px, force=force, progress=progress.show_work
        )
    counts = Counter(written.names[image.class_id] for image in written.images)
    if as_json:
        click.echo(
            json.dumps({"output": str(output), "crops": counts, "problems": problems_json(written.problems)}, indent=2)
        )
        return
    shown = ", ".join(f"{name} {count:,}" for name, count in counts.most_common())
    click.echo(f"{output}: {counted(len(written.images), 'crops')} ({shown})")
    if written.problems:
        for line in describe_problems(written.problems, folder=folder, everything=everything):
            click.echo(line)


data.add_command(synthetic)


def _write(
    dataset: Dataset, output: Path, format: DatasetFormat, *, link: bool, force: bool, progress: StepProgress
) -> tuple[Problem, ...]:
    pictures: CopyOrLink = "link" if link else "copy"
    return write_dataset(dataset, output, format=format, pictures=pictures, force=force, progress=progress.show_work)


def _report(
    dataset: Dataset,
    lost: Sequence[Problem],
    *,
    folder: Path,
    output: Path,
    format: DatasetFormat,
    everything: bool,
    as_json: bool,
) -> None:
    problems = tuple(Problems(chain(dataset.problems, lost)))
    parts: dict[str, Any] = {split: len(dataset.part(split).images) for split in SPLITS}
    boxes = sum(1 for _ in dataset.boxes())
    if as_json:
        document = {"output": str(output), "format": format, "pictures": len(dataset.images), "boxes": boxes}
        rest = {
            "classes": list(dataset.names),
            "splits": {k: v for k, v in parts.items() if v},
            "problems": problems_json(problems),
        }
        click.echo(json.dumps(document | rest, indent=2))
        return
    shares = ", ".join(f"{split} {count:,}" for split, count in parts.items() if count)
    click.echo(
        f"{output}: {counted(len(dataset.images), 'pictures')}, {counted(boxes, 'boxes')}, "
        f"{counted(len(dataset.names), 'classes')} as "
        f"{FORMATS[format].title}{f' ({shares})' if shares else ''}"
    )
    if problems:
        for line in describe_problems(problems, folder=folder, everything=everything):
            click.echo(line)


def _shares(text: str) -> dict[str, float]:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) not in (2, 3):
        raise ConfigError(f"--fractions {text}: give two or three numbers that sum to 1, such as 0.8,0.1,0.1")
    return dict(zip(SPLITS, values, strict=False))
