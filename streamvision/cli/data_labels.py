"""``streamvision data inspect`` and ``split`` for pictures with a class each, and with a class for each pixel."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click

from streamvision.cli.data_report import (
    BAR_CELLS,
    alike_list,
    bar,
    describe_problems,
    heading,
    picture_sizes,
    suspicions,
    write_report,
)
from streamvision.cli.progress import StepProgress
from streamvision.core.words import counted
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.class_labels import read_class_maps
from streamvision.datasets.contact_sheet import draw_contact_sheet
from streamvision.datasets.dataset import (
    Dataset,
    DatasetFormat,
    LabelledBox,
    LabelledImage,
    MappedPicture,
    PictureSet,
    Problem,
)
from streamvision.datasets.files import SPLITS
from streamvision.datasets.label_folders import CLASSES, LABEL_TITLES, write_class_folders, write_class_maps
from streamvision.datasets.label_inspection import (
    LabelInspection,
    Labels,
    inspect_labels,
    labels_of_folders,
    labels_of_maps,
    names_of,
)
from streamvision.datasets.problems import problems_json
from streamvision.datasets.splitting import split_pictures
from streamvision.datasets.writing import CopyOrLink


@dataclass(frozen=True)
class Sheet:
    """A contact sheet that was asked for."""

    path: Path
    """PNG to write."""
    pictures: int
    """At most so many."""
    seed: int
    """Another seed shows other pictures."""


def inspect_labelled(
    folder: Path, kind: DatasetFormat, sheet: Sheet | None, report: Path | None, *, everything: bool, as_json: bool
) -> None:
    """Print what is in a folder, and what is wrong with it, and draw some of it where that is asked for.

    Raises:
        ConfigError: when there is no such picture in it.
        OutputError: when the contact sheet or the report cannot be written.
    """
    with StepProgress() as progress:
        pictures, labels = _read(folder, kind, progress)
        found = inspect_labels(pictures, labels, by_pixel=kind != CLASSES, progress=progress.show_work)
        if sheet:
            _draw(sheet, folder, pictures, labels, progress)
    if report:
        write_report(found, report, folder)
    if as_json:
        document = {"path": str(folder), "format": kind, "sheet": str(sheet.path) if sheet else None}
        document["report"] = str(report) if report else None
        click.echo(json.dumps(document | found.to_json(), indent=2))
        return
    for line in describe(found, folder=folder, kind=kind, everything=everything):
        click.echo(line)
    if sheet:
        click.echo(f"\n  contact sheet: {sheet.path}")
    if report:
        click.echo(f"\n  report: {report}")


def split_labelled(
    folder: Path,
    kind: DatasetFormat,
    output: Path,
    fractions: Mapping[str, float],
    *,
    seed: int,
    link: bool,
    force: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Write a folder split into parts, and print what was written.

    Raises:
        ConfigError: when there is no such picture in it, or the fractions are none.
        OutputError: when the output cannot be written.
    """
    placing: CopyOrLink = "link" if link else "copy"
    with StepProgress() as progress:
        pictures, labels = _read(folder, kind, progress)
        shown = [list(one.pixels) for one in labels]
        images = split_pictures(pictures.images, shown, fractions=fractions, seed=seed, progress=progress.show_work)
        dealt: Any = replace(pictures, images=images)
        how: dict[str, Any] = {"placing": placing, "force": force, "progress": progress.show_work}
        write: Any = write_class_folders if kind == CLASSES else write_class_maps
        lost = write(dealt, output, **how)
    problems, names = (*pictures.problems, *lost), names_of(pictures, labels)
    if as_json:
        click.echo(json.dumps(_document(dealt, problems, names, output, kind), indent=2))
        return
    shares = ", ".join(f"{split} {count:,}" for split, count in _parts(dealt).items())
    written, classes = counted(len(images), "pictures"), counted(len(names), "classes")
    click.echo(f"{output}: {written}, {classes} as {LABEL_TITLES[kind]} ({shares})")
    if problems:
        for line in describe_problems(problems, folder=folder, everything=everything):
            click.echo(line)


def describe(found: LabelInspection, *, folder: Path, kind: DatasetFormat, everything: bool) -> Iterator[str]:
    """Yield the lines of a report; ``everything`` lists all files instead of the first ten of a kind."""
    yield f"{click.style(str(folder), bold=True)}  {LABEL_TITLES[kind]}"
    yield ""
    unknown = "" if found.unknown_pixels is None else f", {found.unknown_pixels:.1%} of the pixels of no known class"
    yield f"  {counted(found.pictures, 'pictures')}, {counted(len(found.classes), 'classes')}{unknown}"
    yield f"  {picture_sizes(found)}"
    yield ""
    yield from _class_table(found)
    yield from alike_list("leaks", "the same or nearly the same picture in two splits", found.leaks, everything)
    yield from alike_list("look-alikes", "pictures that are the same or nearly so", found.alike, everything)
    yield from suspicions(found)
    yield ""
    yield from describe_problems(found.problems, folder=folder, everything=everything)


def _read(folder: Path, kind: DatasetFormat, progress: StepProgress) -> tuple[PictureSet[Any], list[Labels]]:
    if kind == CLASSES:
        return labels_of_folders(read_classes(folder))
    return labels_of_maps(read_class_maps(folder), progress=progress.show_work)


def _draw(
    sheet: Sheet, folder: Path, pictures: PictureSet[Any], labels: Sequence[Labels], progress: StepProgress
) -> None:
    drawn = []
    for image, one in zip(pictures.images, labels, strict=True):
        width, height = one.size_px
        boxes = tuple(LabelledBox(class_id, (0.0, 0.0, float(width), float(height))) for class_id in one.pixels)
        drawn.append(LabelledImage(image.path, width, height, boxes, image.split))
    draw_contact_sheet(
        Dataset(names_of(pictures, labels), tuple(drawn)),
        sheet.path,
        title=folder.resolve().name,
        pictures=sheet.pictures,
        seed=sheet.seed,
        has_boxes=False,
        maps={image.path: image.map_path for image in pictures.images if isinstance(image, MappedPicture)} or None,
        progress=progress.show_work,
    )


def _class_table(found: LabelInspection) -> Iterator[str]:
    splits = [split for split in found.splits if set(found.splits) != {"none"}]
    width = min(max([len(one.name) for one in found.classes] + [len("classes")]), 28)
    header = "".join(f" {title:>9}" for title in ("pictures", *(["pixels"] if _by_pixel(found) else []), *splits))
    yield f"  {heading('classes')}{' ' * (width - 7 + BAR_CELLS + 3)}{click.style(header, dim=True)}"
    most = max((_weight(one.pixels, one.pictures) for one in found.classes), default=0)
    for one in sorted(found.classes, key=lambda one: -_weight(one.pixels, one.pictures)):
        name = one.name if len(one.name) <= width else f"{one.name[: width - 1]}…"
        drawn = click.style(bar(_weight(one.pixels, one.pictures) / most if most else 0), fg="cyan")
        pixels = [] if one.pixels is None else [f"{one.pixels:.1%}"]
        cells = (f"{one.pictures:,}", *pixels, *(f"{one.splits.get(split, 0):,}" for split in splits))
        yield f"  {name:<{width}}  {drawn} {''.join(f' {cell:>9}' for cell in cells)}"
    if not splits:
        yield ""
        yield f"  {heading('splits')}      none; make them with streamvision data split"


def _by_pixel(found: LabelInspection) -> bool:
    return found.unknown_pixels is not None


def _weight(pixels: float | None, pictures: int) -> float:
    return pictures if pixels is None else pixels


def _parts(pictures: PictureSet[Any]) -> dict[str, int]:
    counts = {split: len(pictures.part(split).images) for split in SPLITS}
    return {split: count for split, count in counts.items() if count}


def _document(
    pictures: PictureSet[Any], problems: Sequence[Problem], names: Sequence[str], output: Path, kind: DatasetFormat
) -> dict[str, Any]:
    document = {"output": str(output), "format": kind, "pictures": len(pictures.images)}
    return document | {"classes": list(names), "splits": _parts(pictures), "problems": problems_json(problems)}
