"""What every reader does alike: check pictures and boxes, and note what is wrong instead of dropping it in silence.

The rules, the same for all formats:

- A picture that cannot be read is left out.
- A box without extent, with a coordinate that is no number, or wholly outside its picture is left out.
- A box that reaches over the edge by more than :data:`EDGE_TOLERANCE_PX` is cut at the edge.
- Where the labels state the size before EXIF rotation, the boxes are turned with the picture. Where they state any
  other wrong size, the boxes stay as written.
- Where the size before and after is the same, as when a picture stands on its head, the boxes are turned if those of
  all other turned pictures are, of which at least one must tell.

Each case but the rounding within the tolerance is a :class:`~streamvision.datasets.dataset.Problem`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.exif import TURNS
from streamvision.core.redaction import printable
from streamvision.datasets.dataset import (
    Dataset,
    LabelledBox,
    LabelledImage,
    LabelledShape,
    Problem,
    ProblemKind,
    Split,
)
from streamvision.datasets.files import class_name, is_there, real_place
from streamvision.datasets.picture_files import BrokenPictureError, PictureFile, read_picture
from streamvision.datasets.problems import EVERY_PICTURE, Problems

MAX_REASON = 600
"""Most characters of a problem; whatever a file holds, reports stay readable."""
EDGE_TOLERANCE_PX = 0.05
"""What formats with six decimals of the picture's width lose by rounding is less than this."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done and how many there are."""

Corners = tuple[float, float, float, float]


def no_progress(what: str, done: int, total: int) -> None:
    """Show nothing."""


@dataclass(frozen=True)
class MarkedBox:
    """A box as a label file states it, not yet checked."""

    name: str
    """Class name."""
    box_xyxy_px: Corners
    """Left, top, right, bottom in pixels of the frame that the labels use."""
    ignore: bool = False
    """Crowd or difficult."""
    shape: LabelledShape | None = None
    """Outline and keypoints in the same frame, where they were asked for."""


class Collector:
    """Gathers pictures and problems into a data set."""

    def __init__(self, progress: Progress = no_progress) -> None:
        self._progress = progress
        self._pictures: list[tuple[PictureFile, Split | None, list[MarkedBox], tuple[Corners, ...]]] = []
        self._split_of: dict[Path, Split | None] = {}
        self._broken: set[Path] = set()
        self._doubts: dict[Path, str] = {}
        self._real_folders: dict[Path, Path] = {}
        self._problems = Problems(whole=EVERY_PICTURE)
        self._frames: set[bool] = set()
        """Whether boxes had to be turned, of the turned pictures whose size tells."""
        self._untold: list[tuple[int, PictureFile, Path]] = []

    def progress(self, done: int, total: int) -> None:
        """Report how far reading has come."""
        self._progress("labels read", done, total)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong so far."""
        self._settle()
        return tuple(self._problems)

    def note(self, path: Path, kind: ProblemKind, reason: str) -> None:
        """Note that something is wrong with a file."""
        said = printable(reason).replace("\n", " ").replace("\t", " ")
        self._problems.append(Problem(path, said if len(said) <= MAX_REASON else f"{said[:MAX_REASON]}...", kind))

    def doubt(self, path: Path, reason: str) -> None:
        """Say why a picture that will be opened is not there; the clause goes on from its name."""
        self._doubts[path] = reason

    def key(self, path: Path) -> Path:
        """Return a file's place whatever way leads there: relative, absolute or through links to folders."""
        parent = path.parent
        if parent not in self._real_folders:
            self._real_folders[parent] = real_place(parent)
        return self._real_folders[parent] / path.name

    def open(self, path: Path, *, labels: Path | None = None) -> PictureFile | None:
        """Return the picture's size, or note why it cannot be read; ``labels`` is the file that names it."""
        try:
            if not is_there(path):
                why = self._doubts.get(path, "is not there")
                self.note(labels or path, "missing_picture", f"names the picture {path.name}, which {why}; left out")
                return None
            return read_picture(path)
        except (BrokenPictureError, OSError) as error:
            reason = f"cannot be read ({error.strerror})" if isinstance(error, OSError) else str(error)
            self.note(path, "broken_picture", f"{reason}; left out")
            self._broken.add(self.key(path))
        return None

    def taken_before(self, path: Path, split: Split | None) -> bool:
        """Whether a picture is in the set already; noted as a leak where that is in another split."""
        if (key := self.key(path)) not in self._split_of:
            return False
        if (before := self._split_of[key]) != split:
            self.note(
                path,
                "leak",
                f"stands in {before or 'no split'} and in {split or 'no split'}; counted once, in the first",
            )
        return True

    def add(
        self,
        picture: PictureFile,
        boxes: Iterable[MarkedBox],
        *,
        split: Split | None,
        labels: Path,
        declared_size_px: tuple[int, int] | None = None,
        ignored: Iterable[Corners] = (),
    ) -> None:
        """Take a picture and its boxes in; ``labels`` is the file to name when something is wrong with them.

        ``ignored`` are regions in which nothing was marked, in the frame of the boxes.
        """
        self._split_of[self.key(picture.path)] = split
        is_untold = declared_size_px == picture.stored_size_px == picture.size_px and picture.orientation != 1
        if is_untold:
            self._untold.append((len(self._pictures), picture, labels))
            self._pictures.append((picture, split, list(boxes), tuple(ignored)))
            return
        turned = self._check_size(picture, labels, declared_size_px)
        self._pictures.append((picture, split, *self._checked(picture, boxes, ignored, labels, turned)))

    def known(self, path: Path) -> bool:
        """Whether a picture has been taken in, or was found to be broken."""
        return (key := self.key(path)) in self._split_of or key in self._broken

    def dataset(self, names: Sequence[str] = ()) -> Dataset:
        """Return everything; classes are ``names`` in their order, each once, then those only seen on boxes, sorted."""
        self._settle()
        named = {name: class_name(name) for name in names}
        used = {box.name: class_name(box.name) for _, _, boxes, _ in self._pictures for box in boxes}
        ordered = (*dict.fromkeys(named.values()), *sorted(set(used.values()).difference(named.values())))
        number_of = {name: class_id for class_id, name in enumerate(ordered)}
        ids = {name: number_of[shown] for name, shown in used.items()}
        images = [
            LabelledImage(
                picture.path,
                picture.width_px,
                picture.height_px,
                tuple(LabelledBox(ids[box.name], box.box_xyxy_px, box.ignore, box.shape) for box in boxes),
                split,
                ignored,
            )
            for picture, split, boxes, ignored in self._pictures
        ]
        return Dataset(ordered, tuple(sorted(images, key=lambda image: image.path)), tuple(self._problems))

    def _settle(self) -> None:
        """Check the boxes of pictures whose size did not tell what frame they are in, by what the others told."""
        turned = self._frames == {True}
        for index, picture, labels in self._untold:
            _, split, boxes, ignored = self._pictures[index]
            if turned:
                reason = f"the boxes of {picture.path.name} were turned as its EXIF data asks, since others had to be"
                self.note(labels, "wrong_size", reason)
            self._pictures[index] = (picture, split, *self._checked(picture, boxes, ignored, labels, turned))
        self._untold.clear()

    def _checked(
        self, picture: PictureFile, boxes: Iterable[MarkedBox], ignored: Iterable[Corners], labels: Path, turned: bool
    ) -> tuple[list[MarkedBox], tuple[Corners, ...]]:
        checked = []
        for box in boxes:
            if (inside := self._check_box(box.box_xyxy_px, box.name, picture, labels, turned)) is not None:
                shape = turn_shape(box.shape, picture) if turned and box.shape else box.shape
                checked.append(MarkedBox(box.name, inside, box.ignore, shape))
        regions = (self._check_box(corners, "ignored", picture, labels, turned) for corners in ignored)
        return checked, tuple(filter(None, regions))

    def _check_size(self, picture: PictureFile, labels: Path, declared: tuple[int, int] | None) -> bool:
        real = picture.size_px
        if declared in (real, picture.stored_size_px) and real != picture.stored_size_px:
            self._frames.add(declared != real)
        if declared is None or declared == real:
            return False
        stated = f"says {declared[0]}x{declared[1]} for {picture.path.name}, which is {real[0]}x{real[1]}"
        if declared == picture.stored_size_px:
            self.note(
                labels, "wrong_size", f"{stated} once turned as its EXIF data asks; the boxes were turned with it"
            )
            return True
        self.note(labels, "wrong_size", f"{stated}; the boxes were kept as written")
        return False

    def _check_box(
        self, corners: Corners, name: str, picture: PictureFile, labels: Path, turned: bool
    ) -> Corners | None:
        corners = turn(corners, picture) if turned else corners
        shown = f"{name} box ({', '.join(f'{value:g}' for value in corners)}) on {picture.path.name}"
        if not all(map(math.isfinite, corners)):
            self.note(labels, "bad_box", f"{shown} has a coordinate that is no number; left out")
            return None
        left, top, right, bottom = corners
        if right <= left or bottom <= top:
            self.note(labels, "bad_box", f"{shown} has no width or no height; left out")
            return None
        width, height = picture.width_px, picture.height_px
        inside = (max(left, 0.0), max(top, 0.0), min(right, float(width)), min(bottom, float(height)))
        if inside[2] <= inside[0] or inside[3] <= inside[1]:
            self.note(labels, "box_outside", f"{shown} lies outside the picture ({width}x{height}); left out")
            return None
        if max(abs(a - b) for a, b in zip(corners, inside, strict=True)) > EDGE_TOLERANCE_PX:
            self.note(
                labels, "box_outside", f"{shown} reaches over the edge of the picture ({width}x{height}); cut there"
            )
        return inside


def turn(corners: Corners, picture: PictureFile) -> Corners:
    """Return a box of the stored pixels in the frame of the picture as shown."""
    x0, y0, x1, y1 = corners
    transposed, flip = TURNS[picture.orientation]
    if transposed:
        x0, y0, x1, y1 = y0, x0, y1, x1
    if flip in (1, -1):
        x0, x1 = picture.width_px - x1, picture.width_px - x0
    if flip in (0, -1):
        y0, y1 = picture.height_px - y1, picture.height_px - y0
    return x0, y0, x1, y1


def turn_shape(shape: LabelledShape, picture: PictureFile) -> LabelledShape:
    """Return an outline and keypoints in the frame of the picture as shown; run lengths cannot be turned and go."""

    def point(x: float, y: float) -> tuple[float, float]:
        return turn((x, y, x, y), picture)[:2]

    return LabelledShape(
        tuple(
            tuple(value for x, y in zip(polygon[::2], polygon[1::2], strict=True) for value in point(x, y))
            for polygon in shape.polygons_px
        ),
        keypoints=tuple((*point(x, y), visible) for x, y, visible in shape.keypoints),
        area_px=shape.area_px,
    )
