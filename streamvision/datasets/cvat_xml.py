"""CVAT XML 1.1, for images and for video: one XML file for all pictures of a task, a job or a project.

Follows https://docs.cvat.ai/docs/manual/advanced/xml_format/. Coordinates are continuous pixels from 0. Every shape
with an area becomes a box: of rotated boxes, ellipses, polygons, masks and cuboids it is the upright one around them;
the outline is kept as a shape. Lines, points, skeletons and tags mark no area and are left out, with a problem. An
attribute ``difficult``, ``is_crowd`` or ``ignore`` that is true makes an object ignored. The split is the ``subset``
of the picture or of its task. Classes are in the order of the labels in ``<meta>``.

**Tracks** say where an object is by the frame's number. CVAT writes every frame between the first and the last; where
frames are left out, boxes are interpolated as CVAT does it (linear, until ``outside="1"``). Pictures must be called
``frame_000000`` as CVAT calls them, since other numbers may count from 1 or skip frames.
"""

from __future__ import annotations

import math
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element

from streamvision.core.reading import UnreadableError, first_element, read_xml
from streamvision.datasets.collector import Collector, MarkedBox, Progress, no_progress
from streamvision.datasets.cvat_shapes import AREAS, BadShapeError, outline_of
from streamvision.datasets.dataset import Dataset, Split
from streamvision.datasets.files import PictureLookup, files_marked, head_of, root_of, split_in, split_of_path

_FRAME_NAME = re.compile(r"frame_(\d{1,9})")
_NO_AREA = ("polyline", "points", "skeleton", "tag")
_IGNORE_NAMES = frozenset({"difficult", "is_crowd", "iscrowd", "ignore"})
_TRUE = frozenset({"1", "true", "yes"})
_HEAD_BYTES = 4096


def find_cvat(path: Path) -> list[Path]:
    """Return the XML files of a folder that CVAT wrote; or the file given."""
    return files_marked(path, {".xml"}, is_cvat)


def is_cvat(path: Path) -> bool:
    """Whether the outermost element of an XML file is that of CVAT."""
    return first_element(head_of(path, _HEAD_BYTES)) == "annotations"


def read_cvat(path: Path, *, shapes: bool = False, progress: Progress = no_progress) -> Dataset:
    """Read a data set from its folder or its one XML file; what is wrong becomes problems of the result.

    With ``shapes``, outlines are read, too.
    """
    collector = Collector(progress)
    folder = root_of(path, labels_in=("annotations",))
    lookup = PictureLookup(folder, collector.doubt)
    names: dict[str, None] = {}
    tables = find_cvat(path)
    for table in tables:
        try:
            root = read_xml(table)
        except UnreadableError as error:
            collector.note(table, "broken_labels", f"{error}; left out")
            continue
        if root.tag != "annotations":
            collector.note(table, "broken_labels", f"begins with <{root.tag}> where CVAT has <annotations>; left out")
            continue
        reader = _TableReader(table, folder, root, lookup, collector, shapes)
        names |= dict.fromkeys(reader.names())
        reader.read()
    if path.is_dir():
        for picture in lookup.pictures:
            if not collector.known(picture):
                collector.note(picture, "unlabelled_picture", "is named in no XML file; left out")
    return collector.dataset(tuple(names))


@dataclass
class _Track:
    """Where one object is, by frame."""

    number: str
    label: str
    frames: list[int] = field(default_factory=list)
    """Rising."""
    items: list[Element] = field(default_factory=list)


class _TableReader:
    """Reads one XML file."""

    def __init__(
        self, path: Path, folder: Path, root: Element, lookup: PictureLookup, collector: Collector, shapes: bool
    ) -> None:
        self._path = path
        self._folder = folder
        self._root = root
        self._lookup = lookup
        self._pictures = set(lookup.pictures)
        self._collector = collector
        self._shapes = shapes
        self._corners_of_all = shapes and any(_number(item, "rotation") for item in root.iter("box"))
        """Whether upright boxes have an outline, since they stand beside turned ones."""

    def names(self) -> Iterator[str]:
        """Yield the labels that can be of a shape with an area, in their order."""
        for label in self._root.iterfind("meta//labels/label"):
            name = (label.findtext("name") or "").strip()
            if name and label.find("parent") is None and (label.findtext("type") or "") not in _NO_AREA:
                yield name

    def read(self) -> None:
        """Take in all pictures."""
        images = self._root.findall("image")
        for done, image in enumerate(images):
            self._collector.progress(done, len(images))
            self._image(image)
        if (tracks := self._root.findall("track")) or not images:
            self._frames(tracks)

    def _image(self, image: Element) -> None:
        name, split = (image.get("name") or "").strip(), self._split(image)
        if not name:
            self._note("broken_labels", f"has an image (id {image.get('id')}) without a name; left out")
            return
        path = self._find(name, image.get("subset") or "", split)
        split = split or split_of_path(path, self._folder)
        if self._collector.taken_before(path, split):
            if len(image):
                self._note("broken_labels", f"names {name} again, with {len(image)} shapes; left out")
            return
        if (picture := self._collector.open(path, labels=self._path)) is not None:
            width, height = _number(image, "width"), _number(image, "height")
            declared = (int(width), int(height)) if width and height else None
            boxes = self._boxes(image, name, declared or (picture.width_px, picture.height_px))
            self._collector.add(picture, boxes, split=split, labels=self._path, declared_size_px=declared)

    def _find(self, name: str, subset: str, split: Split | None) -> Path:
        """Return where a picture is; exports of projects have a folder for each subset."""
        places = [f"images/{subset}", subset, "images"] if subset else ["images"]
        for place in places:
            path = self._path.parent / place / name
            if path in self._pictures:
                return path
        return self._lookup.find(name, labels=self._path, split=split)

    def _split(self, element: Element) -> Split | None:
        own = element.get("subset") or self._root.findtext("meta/task/subset") or ""
        return split_in(own) or split_of_path(self._path, self._folder)

    def _boxes(self, parent: Element, where: str, size_px: tuple[int, int]) -> Iterator[MarkedBox]:
        skipped: Counter[str] = Counter()
        for item in parent:
            label = (item.get("label") or "").strip()
            if item.tag in AREAS:
                if (box := self._box(item, label, where, size_px)) is not None:
                    yield box
            elif item.tag in _NO_AREA:
                skipped[item.tag] += 1
        for tag, count in skipped.items():
            self._note("other", f"has {count} <{tag}> on {where}, which mark no area; left out")

    def _box(self, item: Element, label: str, where: str, size_px: tuple[int, int]) -> MarkedBox | None:
        if not label:
            self._note("bad_class", f"<{item.tag}> on {where} has no label; left out")
            return None
        try:
            outline = outline_of(item.tag, item.attrib)
        except BadShapeError as error:
            self._note("bad_box", f"{label} <{item.tag}> on {where} {error}; left out")
            return None
        shape = outline.shape(size_px, upright_too=self._corners_of_all) if self._shapes else None
        return MarkedBox(label, outline.box_xyxy_px, _is_ignored(item), shape)

    def _frames(self, elements: list[Element]) -> None:
        """Take in the pictures of a video."""
        tasks = self._root.findall("meta/project/tasks/task")
        if len(tasks) > 1:
            reason = f"has the tracks of {len(tasks)} tasks, whose frames have the same numbers; export each task"
            self._note("broken_labels", f"{reason} by itself")
            return
        frames = self._pictures_by_frame()
        if not frames:
            reason = (
                "gives frames by their numbers, and no picture beside it is called frame_000000 or so; export with "
            )
            self._note("missing_picture", f"{reason}'Save images', or export as CVAT for images")
            return
        if (fault := self._miscounted(frames)) is not None:
            self._note("broken_labels", fault)
            return
        tracks = [track for element in elements if (track := self._track(element)) is not None]
        for done, (frame, path) in enumerate(sorted(frames.items())):
            self._collector.progress(done, len(frames))
            split = self._split(elements[0]) if elements else split_of_path(self._path, self._folder)
            split = split or split_of_path(path, self._folder)
            if not self._collector.taken_before(path, split) and (picture := self._collector.open(path)) is not None:
                size_px = picture.width_px, picture.height_px
                boxes = [box for track in tracks if (box := self._box_at(track, frame, size_px)) is not None]
                self._collector.add(picture, boxes, split=split, labels=self._path)

    def _pictures_by_frame(self) -> dict[int, Path]:
        below = self._path.parent
        found = ((path, _FRAME_NAME.fullmatch(path.stem)) for path in self._lookup.pictures)
        return {int(match[1]): path for path, match in found if match and path.is_relative_to(below)}

    def _miscounted(self, frames: dict[int, Path]) -> str | None:
        """Return what shows that the numbers of pictures are not those of frames, if anything does."""
        said = [
            self._root.findtext(f"meta/{of}/{key}") for of in ("task", "job") for key in ("start_frame", "stop_frame")
        ]
        known = [int(text) for text in said if text and text.isdigit() and len(text) < 10]
        if len(known) == 2 and (outside := next((at for at in sorted(frames) if not known[0] <= at <= known[1]), None)):
            return (
                f"has frames {known[0]} to {known[1]}, and there is a picture {frames[outside].name}: number pictures "
                "as CVAT does, from 0"
            )
        return None

    def _track(self, element: Element) -> _Track | None:
        track = _Track(element.get("id") or "?", (element.get("label") or "").strip())
        if not track.label:
            self._note("bad_class", f"track {track.number} has no label; left out")
            return None
        placed = []
        for item in element:
            text = item.get("frame") or ""
            if item.tag in _NO_AREA:
                self._note(
                    "other", f"track {track.number} ({track.label}) is of <{item.tag}>, which marks no area; left out"
                )
                return None
            if item.tag in AREAS and text.isdigit() and len(text) < 10:
                placed.append((int(text), item))
            else:
                self._note("bad_box", f"track {track.number} has a <{item.tag}> without a frame's number; left out")
        for frame, item in sorted(placed, key=lambda one: one[0]):
            track.frames.append(frame)
            track.items.append(item)
        return track

    def _box_at(self, track: _Track, frame: int, size_px: tuple[int, int]) -> MarkedBox | None:
        """Return where the object is on a frame; ``None`` before it comes and after it has gone."""
        at = bisect_right(track.frames, frame) - 1
        if at < 0 or _is_true(track.items[at].get("outside")):
            return None
        item = track.items[at]
        where = f"frame {frame} (track {track.number})"
        if track.frames[at] == frame or at + 1 == len(track.items):
            return self._box(item, track.label, where, size_px)
        following = track.items[at + 1]
        if item.tag != "box" or following.tag != "box":
            self._note("bad_box", f"{track.label} <{item.tag}> of {where} is not said there; left out")
            return None
        share = (frame - track.frames[at]) / (track.frames[at + 1] - track.frames[at])
        return self._box(_between(item, following, share), track.label, where, size_px)

    def _note(self, kind: str, reason: str) -> None:
        self._collector.note(self._path, kind, reason)  # type: ignore[arg-type]


def _between(first: Element, second: Element, share: float) -> Element:
    """Return a box on the way from one to another, as CVAT interpolates; what is no number stays as it is."""
    middle = Element("box", first.attrib)
    middle.extend(list(first))
    for key in ("xtl", "ytl", "xbr", "ybr", "rotation"):
        begin, end = _number(first, key), _number(second, key)
        if begin is None or end is None:
            continue
        step = (end - begin + 180) % 360 - 180 if key == "rotation" else end - begin
        middle.set(key, str(begin + share * step))
    return middle


def _is_ignored(item: Element) -> bool:
    flags = ((one.get("name") or "", one.text) for one in item.iterfind("attribute"))
    return any(name.strip().lower() in _IGNORE_NAMES and _is_true(text) for name, text in flags)


def _is_true(text: str | None) -> bool:
    return (text or "").strip().lower() in _TRUE


def _number(item: Element, key: str) -> float | None:
    try:
        value = float(item.get(key) or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
