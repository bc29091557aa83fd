"""Pascal VOC: one XML file a picture (``Annotations/``), pictures in ``JPEGImages/``, splits in ``ImageSets/Main/``.

Without lists of splits, folders named after them tell the split. A line of a list names a file by its stem; where it
names folders too, they are those of the annotation or of the picture.

**Which pixels.** The original devkit counts pixels from 1 and its corners are the first and the last pixel of the
object, so ``xmin`` 1 and ``xmax`` = width span the whole picture. Nearly all other sets in this format hold
continuous corners from 0 (``xmin`` 0, ``xmax`` = width), as their tools draw them. The file decides: where
``<database>`` or ``<folder>`` names a VOC challenge ("The VOC2007 Database", "VOC2012"), one pixel is taken off
``xmin`` and ``ymin``; everywhere else the corners are continuous and taken as written. Written files are continuous,
with decimals where there are any, so that nothing is lost on the way through this format.

Class names are not listed anywhere in VOC; they are taken from ``classes.txt`` or ``labels.txt`` where there is one,
and sorted by name otherwise. Pictures without an XML file are no part of the set; an XML file without objects says
that the picture shows none.

The reader is our own: supervision's takes one pixel off ``xmin`` and ``ymin`` whatever the set, its writer rounds to
whole pixels, and it stops at the first bad file without naming it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence, Set
from operator import itemgetter
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from streamvision.core.reading import UnreadableError, first_element, read_text, read_xml
from streamvision.core.redaction import short
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.dataset import Dataset, LabelledImage, Split
from streamvision.datasets.files import (
    PICTURE_SUFFIXES,
    files_below,
    find_pictures,
    head_of,
    read_class_list,
    split_named,
    split_of_path,
)
from streamvision.datasets.writing import OutputFolder, number

_CHALLENGE = re.compile(r"^(the )?voc ?20\d\d( database)?$", re.IGNORECASE)
_CLASS_FLAGS = frozenset({"-1", "0", "1"})
"""The devkit's lists of one class say after each name whether the picture shows it."""
_PICTURE_FOLDERS = ("JPEGImages", "images", "Images", "imgs", "img", ".")


def find_annotations(folder: Path) -> list[Path]:
    """Return the XML files of a data set, sorted."""
    return files_below(folder, {".xml"})


def is_annotation(path: Path) -> bool:
    """Whether a file begins as VOC annotations do."""
    return first_element(head_of(path, 4096)) == "annotation"


def read_voc(folder: Path, *, progress: Progress = no_progress) -> Dataset:
    """Read a data set; what is wrong with files becomes problems of the result."""
    collector = Collector(progress)
    pictures = find_pictures(folder)
    by_name = _Lookup(folder, pictures)
    annotations = find_annotations(folder)
    labelled = {path.stem for path in annotations}
    lists = _SplitLists(folder, _read_splits(folder, labelled, collector))
    for done, path in enumerate(annotations):
        collector.progress(done, len(annotations))
        _read_annotation(path, by_name, lists, collector)
    for picture in pictures:
        if not collector.known(picture) and picture.stem not in labelled:
            collector.note(picture, "unlabelled_picture", "has no XML file; left out")
    return collector.dataset(read_class_list(folder))


def write_voc(dataset: Dataset, output: OutputFolder) -> None:
    """Write a data set with the pictures that ``output`` places."""
    annotations = output.make_folder("Annotations")
    members: dict[Split, list[str]] = {}
    for image, picture in output.place(dataset, lambda _: "JPEGImages", unique_stems=True):
        tree = ElementTree.ElementTree(_annotation(image, picture, dataset.names))
        ElementTree.indent(tree)
        tree.write(annotations / f"{picture.stem}.xml", encoding="utf-8")
        if image.split:
            members.setdefault(image.split, []).append(picture.stem)
    if members:
        sets = output.make_folder("ImageSets/Main")
        for split, stems in members.items():
            (sets / f"{split}.txt").write_text("".join(f"{stem}\n" for stem in stems), encoding="utf-8")
    output.write_classes(dataset.names)


class _Lookup:
    """Finds the picture that an XML file is about."""

    def __init__(self, folder: Path, pictures: Sequence[Path]) -> None:
        self._folder = folder
        self._all = set(pictures)

    def find(self, annotation: Path, filename: str) -> Path:
        """Return the picture: the one named inside the file, or else the one of the same stem; may not exist.

        Folders in the name count first, then those that the file itself lies in (``Annotations/cam1/00.xml`` is about
        ``JPEGImages/cam1/00.jpg``).
        """
        given = filename.replace("\\", "/")
        name = given.rsplit("/", 1)[-1] or f"{annotation.stem}.jpg"
        parents = (annotation.parent.parent, annotation.parent, self._folder)
        folders = [
            *(beside for place in _PICTURE_FOLDERS for beside in self._mirrored(annotation.parent, place)),
            *(parent / place for parent in parents for place in _PICTURE_FOLDERS),
        ]
        for place in dict.fromkeys((given, name)):
            for folder in folders:
                if (folder / place) in self._all:
                    return folder / place
        for folder in folders:
            for suffix in sorted(PICTURE_SUFFIXES):
                if (found := folder / f"{annotation.stem}{suffix}") in self._all:
                    return found
        return annotation.parent.parent / _PICTURE_FOLDERS[0] / name

    def _mirrored(self, folder: Path, place: str) -> Iterator[Path]:
        """Yield a folder of annotations with one part of its path after the other put for that of pictures."""
        parts = folder.relative_to(self._folder).parts if folder.is_relative_to(self._folder) else ()
        for at in range(len(parts) - 1):
            yield self._folder.joinpath(*parts[:at], place, *parts[at + 1 :])


class _SplitLists:
    """The splits that ``ImageSets/Main`` deals annotations to.

    Args:
        folder: of the data set.
        lines: names as they are listed, each with its split; of equal ones the last counts.
    """

    def __init__(self, folder: Path, lines: Iterable[tuple[str, Split]]) -> None:
        self._folder = folder
        self._by_stem: dict[str, dict[tuple[str, ...], Split]] = {}
        for line, split in lines:
            for parts in {_without_suffix(line), tuple(PurePosixPath(line).parts)} - {()}:
                self._by_stem.setdefault(parts[-1], {})[parts] = split

    def split_of(self, annotation: Path, picture: Path) -> Split | None:
        """Return the split of the line that shares most folders with an annotation or its picture.

        Paths of other machines count by what of them lies in the data set. Without lists the folders decide.
        """
        if not self._by_stem:
            return split_of_path(annotation, self._folder)
        named = [
            (len(line), split)
            for path in (annotation, picture)
            for line, split in self._by_stem.get(path.stem, {}).items()
            if _ends_alike(line, (*self._parts(path.parent), path.stem))
        ]
        return max(named, default=(0, None), key=itemgetter(0))[1]

    def _parts(self, path: Path) -> tuple[str, ...]:
        return path.relative_to(self._folder).parts if path.is_relative_to(self._folder) else path.parts


def _without_suffix(name: str) -> tuple[str, ...]:
    path = PurePosixPath(name)
    return (path.with_suffix("") if path.suffix.lower() in {*PICTURE_SUFFIXES, ".xml"} else path).parts


def _ends_alike(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    """Whether the shorter of two paths is the end of the longer."""
    common = min(len(one), len(other))
    return one[-common:] == other[-common:]


def _read_annotation(path: Path, lookup: _Lookup, lists: _SplitLists, collector: Collector) -> None:
    try:
        root = read_xml(path)
    except UnreadableError as error:
        collector.note(path, "broken_labels", f"{error}; left out")
        return
    if root.tag != "annotation":
        collector.note(path, "broken_labels", f"begins with <{short(root.tag)}> where VOC has <annotation>; left out")
        return
    shown = lookup.find(path, (root.findtext("filename") or "").strip())
    picture = collector.open(shown, labels=path)
    if picture is None:
        return
    boxes = list(_read_boxes(root, path, collector))
    split = lists.split_of(path, shown)
    collector.add(picture, boxes, split=split, labels=path, declared_size_px=_declared_size(root))


def _read_boxes(root: ElementTree.Element, path: Path, collector: Collector) -> Iterator[MarkedBox]:
    first_pixel = 1.0 if _counts_from_one(root) else 0.0
    for index, item in enumerate(root.iterfind("object")):
        name = (item.findtext("name") or "").strip()
        if not name:
            collector.note(path, "bad_class", f"object {index} has no <name>; left out")
            continue
        texts = [item.findtext(f"bndbox/{key}") for key in ("xmin", "ymin", "xmax", "ymax")]
        try:
            left, top, right, bottom = (float(text or "") for text in texts)
        except ValueError:
            collector.note(path, "bad_box", f"object {index} ({short(name)}) has no <bndbox> of four numbers; left out")
            continue
        ignore = (item.findtext("difficult") or "0").strip() in ("1", "true", "True")
        yield MarkedBox(name, (left - first_pixel, top - first_pixel, right, bottom), ignore)


def _counts_from_one(root: ElementTree.Element) -> bool:
    origins = (root.findtext("source/database") or "", root.findtext("folder") or "")
    return any(_CHALLENGE.match(origin.strip()) for origin in origins)


def _declared_size(root: ElementTree.Element) -> tuple[int, int] | None:
    try:
        return int(root.findtext("size/width") or ""), int(root.findtext("size/height") or "")
    except ValueError:  # thousands of digits are none either
        return None


def _read_splits(folder: Path, stems: Set[str], collector: Collector) -> Iterator[tuple[str, Split]]:
    for path in files_below(folder, {".txt"}):
        if path.parent.parts[-2:] == ("ImageSets", "Main") and (split := split_named(path.stem)):
            try:
                lines = read_text(path).splitlines()
            except UnreadableError as error:
                collector.note(path, "broken_labels", f"{error}; left out")
                continue
            for line in lines:
                whole = line.strip().replace("\\", "/")
                name, _, flag = whole.rpartition(" ")
                with_flag = flag in _CLASS_FLAGS and whole.rpartition("/")[2] not in stems
                yield (name.rstrip() if with_flag else whole), split


def _annotation(image: LabelledImage, picture: Path, names: Sequence[str]) -> ElementTree.Element:
    root = ElementTree.Element("annotation")
    _add(root, "folder", picture.parent.name)
    _add(root, "filename", picture.name)
    size = ElementTree.SubElement(root, "size")
    _add(size, "width", image.width_px)
    _add(size, "height", image.height_px)
    _add(size, "depth", 3)
    for box in image.boxes:
        item = ElementTree.SubElement(root, "object")
        _add(item, "name", names[box.class_id])
        _add(item, "difficult", int(box.ignore))
        corners = ElementTree.SubElement(item, "bndbox")
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), box.box_xyxy_px, strict=True):
            _add(corners, key, number(value))
    return root


def _add(parent: ElementTree.Element, tag: str, value: object) -> None:
    ElementTree.SubElement(parent, tag).text = str(value)
