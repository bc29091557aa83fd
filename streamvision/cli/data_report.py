"""What ``streamvision data`` found, in words and bars for a person at a terminal."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from streamvision.core.words import counted
from streamvision.datasets.dataset import DatasetFormat, Problem, ProblemKind
from streamvision.datasets.formats import FORMATS
from streamvision.datasets.inspection import Alike, ClassSummary, Inspection
from streamvision.datasets.label_inspection import LabelInspection
from streamvision.datasets.problems import MAX_OF_KIND, Problems, number_of

BAR_CELLS = 30
SHOWN = 10
"""Entries of a list that are shown, unless all are asked for."""

_KIND_TITLES: dict[ProblemKind, tuple[str, str]] = {
    "broken_picture": ("picture that cannot be read", "pictures that cannot be read"),
    "missing_picture": ("label without picture", "labels without picture"),
    "unlabelled_picture": ("picture without labels", "pictures without labels"),
    "broken_labels": ("label that cannot be read", "labels that cannot be read"),
    "bad_class": ("unknown class", "unknown classes"),
    "bad_box": ("box that is none", "boxes that are none"),
    "box_outside": ("box out of bounds", "boxes out of bounds"),
    "double_box": ("object marked twice", "objects marked twice"),
    "tiny_box": ("box less than 4 px wide or high", "boxes less than 4 px wide or high"),
    "contradiction": ("copy of a picture with other boxes", "copies of a picture with other boxes"),
    "wrong_size": ("wrong declared size", "wrong declared sizes"),
    "leak": ("picture listed in two splits", "pictures listed in two splits"),
    "renamed": ("picture that got another name", "pictures that got another name"),
    "other": ("remark", "remarks"),
}
"""By kind, what one and several of it are called."""
_EIGHTHS = " ▏▎▍▌▋▊▉"


def describe_inspection(found: Inspection, *, folder: Path, format: DatasetFormat, everything: bool) -> Iterator[str]:
    """Yield the lines of a report; ``everything`` lists a thousand files of a kind instead of ten."""
    yield f"{click.style(str(folder), bold=True)}  {FORMATS[format].title}"
    yield ""
    empty = f", {found.empty_pictures:,} of them without objects" if found.empty_pictures else ""
    ignored = f", {counted(found.ignored_regions, 'ignored regions')}" if found.ignored_regions else ""
    pictures, classes = counted(found.pictures, "pictures"), counted(len(found.classes), "classes")
    yield f"  {pictures}{empty}, {counted(found.boxes, 'boxes')}{ignored}, {classes}"
    yield f"  {picture_sizes(found)}"
    yield ""
    yield from _class_table(found.classes)
    if found.boxes:
        yield ""
        sides, areas = found.side_percentiles_px, found.area_percentiles
        yield f"  {heading('box sizes')}   shorter side: {_spread([f'{value:.0f} px' for value in sides.values()])}"
        yield f"              share of the picture: {_spread([f'{value:.2%}' for value in areas.values()])}"
    yield ""
    yield from _split_table(found)
    yield from alike_list("leaks", "the same or nearly the same picture in two splits", found.leaks, everything)
    yield from alike_list("look-alikes", "pictures that are the same or nearly so", found.alike, everything)
    yield from suspicions(found)
    yield ""
    yield from describe_problems(found.problems, folder=folder, everything=everything)


def describe_problems(problems: Sequence[Problem], *, folder: Path, everything: bool) -> Iterator[str]:
    """Yield the problems by kind, each with its file and its reason."""
    if not problems:
        yield f"  {heading('problems')}    {click.style('none', fg='green')}"
        return
    yield f"  {heading('problems')}    {click.style(f'{number_of(problems):,}', fg='red')}"
    by_kind: defaultdict[ProblemKind, list[Problem]] = defaultdict(list)
    for problem in Problems(problems):
        by_kind[problem.kind].append(problem)
    for kind, (one, several) in _KIND_TITLES.items():
        if not (some := by_kind.get(kind)):
            continue
        number = number_of(some)
        yield f"    {click.style(f'{number:,}', fg='red')} {one if number == 1 else several}"
        for problem in some if everything else some[:SHOWN]:
            yield f"      {_short(problem.path, folder)} {problem.reason}"
        if not everything and len(some) > SHOWN:
            more = "lists them" if number <= MAX_OF_KIND else f"lists {MAX_OF_KIND:,}"
            yield click.style(f"      and {number - SHOWN:,} more; --all {more}", dim=True)


def write_report(found: Inspection | LabelInspection, report: Path, folder: Path) -> None:
    """Write the page that shows what suspicions rest on.

    Raises:
        OutputError: when it cannot be written.
    """
    from streamvision.evaluation.report.dataset import build_dataset_report

    build_dataset_report(found, report, title=folder.resolve().name)


def bar(share: float, cells: int = BAR_CELLS) -> str:
    """Return a bar of so many cells, to an eighth of a cell; a share that is not nothing shows at least that.

    >>> bar(0.5, 4)
    '██  '
    """
    eighths = max(round(share * cells * 8), 1 if share > 0 else 0)
    full, rest = divmod(eighths, 8)
    return f"{'█' * full}{_EIGHTHS[rest] if rest else ''}".ljust(cells)


def _class_table(classes: Sequence[ClassSummary]) -> Iterator[str]:
    longest = max((len(one.name) for one in classes), default=0)
    width = min(max(longest, len("classes")), 28)
    header = f"{'boxes':>7} {'pictures':>9}   {'small':>6} {'medium':>6} {'large':>6}"
    yield f"  {heading('classes')}{' ' * (width - 7 + BAR_CELLS + 4)}{click.style(header, dim=True)}"
    most = max((one.boxes for one in classes), default=0)
    for one in sorted(classes, key=lambda one: -one.boxes):
        name = one.name if len(one.name) <= width else f"{one.name[: width - 1]}…"
        shares = [f"{count / one.boxes:.0%}" if one.boxes else "" for count in (one.small, one.medium, one.large)]
        sizes = " ".join(f"{share:>6}" for share in shares)
        drawn = click.style(bar(one.boxes / most if most else 0), fg="cyan")
        ignored = f"   {one.ignored:,} ignored" if one.ignored else ""
        yield f"  {name:<{width}}  {drawn}  {one.boxes:>7,} {one.pictures:>9,}   {sizes}{ignored}"


def _split_table(found: Inspection) -> Iterator[str]:
    if set(found.splits) == {"none"}:
        yield f"  {heading('splits')}      none; make them with streamvision data split"
        return
    yield f"  {heading('splits')}"
    for split, count in found.splits.items():
        boxes = ", ".join(f"{one.name} {one.splits.get(split, 0):,}" for one in found.classes[:8])
        more = " ..." if len(found.classes) > 8 else ""
        title = "in no split" if split == "none" else split
        yield f"    {title:<11} {counted(count, 'pictures', width=7)} ({count / found.pictures:.0%})   {boxes}{more}"


def alike_list(title: str, meaning: str, groups: Sequence[Alike], everything: bool) -> Iterator[str]:
    """Yield groups of pictures that look alike, by their names."""
    yield ""
    label = f"  {heading(title)}{' ' * (12 - len(title))}"
    if not groups:
        yield f"{label}{click.style('none', fg='green')}"
        return
    pictures = sum(len(group.pictures) for group in groups)
    kind = "group" if len(groups) == 1 else "groups"
    yield f"{label}{click.style(f'{len(groups):,}', fg='yellow')} {kind}, {pictures:,} {meaning}"
    for group in groups if everything else groups[:SHOWN]:
        names = ", ".join(Path(path).name for path in group.pictures)
        where = f"   in {' and '.join(group.splits)}" if len(group.splits) > 1 else ""
        yield f"      {names}{'   exact copies' if group.exact else ''}{where}"
    if not everything and len(groups) > SHOWN:
        yield click.style(f"      and {len(groups) - SHOWN:,} more; --all lists them", dim=True)


def suspicions(found: Inspection | LabelInspection) -> Iterator[str]:
    """Yield what a network could learn in place of the classes, and what parts differ in."""
    yield ""
    label = f"  {heading('suspicious')}  "
    if not found.bias.suspicions:
        yield f"{label}{click.style('nothing', fg='green')}"
        return
    yield f"{label}{click.style(f'{len(found.bias.suspicions):,}', fg='yellow')}; --report draws what it rests on"
    for one in found.bias.suspicions:
        yield f"      {one.sentence}"


def picture_sizes(found: Inspection | LabelInspection) -> str:
    """Return the commonest sizes of pictures and how many have them."""
    shown = [f"{width}x{height} ({count:,})" for width, height, count in found.picture_sizes[:3]]
    more = f" and {counted(len(found.picture_sizes) - 3, 'other sizes')}" if len(found.picture_sizes) > 3 else ""
    return f"{', '.join(shown)}{more}"


def _spread(values: Sequence[str]) -> str:
    low, _, middle, _, high = values
    return f"half of them below {middle}, one in twenty below {low}, one in twenty above {high}"


def _short(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path != folder and path.is_relative_to(folder) else str(path)


def heading(text: str) -> str:
    """Return the heading of a part of a report."""
    return click.style(text, bold=True)
