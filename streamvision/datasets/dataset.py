"""What every format of labelled pictures is read into and written from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

from streamvision.core.cuboid import Cuboid, Pinhole

Split = Literal["train", "val", "test"]
DatasetFormat = str
"""A key of :data:`streamvision.datasets.formats.FORMATS`."""
ProblemKind = Literal[
    "broken_picture",
    "missing_picture",
    "unlabelled_picture",
    "broken_labels",
    "bad_class",
    "bad_box",
    "box_outside",
    "double_box",
    "tiny_box",
    "contradiction",
    "wrong_size",
    "renamed",
    "leak",
    "other",
]
"""For reports that count; the sentence in :attr:`Problem.reason` says the rest."""


@dataclass(frozen=True)
class LabelledShape:
    """What is marked of an object beyond its box, as far as it is marked."""

    polygons_px: tuple[tuple[float, ...], ...] = ()
    """Outlines, each x, y, x, y, ... in pixels of the picture; an object that is seen in parts has several."""
    rle_counts: tuple[int, ...] | str | None = None
    """Instead of outlines: COCO's run lengths over the whole picture, as numbers or compressed."""
    keypoints: tuple[tuple[float, float, int], ...] = ()
    """x and y in pixels of the picture, and COCO's visibility: 0 not marked, 1 hidden, 2 visible."""
    area_px: float | None = None
    """Area as the labels state it, which need not be that of the box."""


@dataclass(frozen=True)
class LabelledBox:
    """One object that somebody has marked."""

    class_id: int
    """Index into the data set's names."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture; continuous, so a box over the whole picture is
    (0, 0, width, height)."""
    ignore: bool = False
    """Crowds (COCO) and difficult objects (VOC): neither finding nor missing them counts."""
    shape: LabelledShape | None = None
    """Outline and keypoints; ``None`` unless they were asked for."""


@dataclass(frozen=True)
class LabelledImage:
    """One picture and all that is marked on it."""

    path: Path
    """Where the picture lies."""
    width_px: int
    """Its real width."""
    height_px: int
    """Its real height."""
    boxes: tuple[LabelledBox, ...]
    """The objects; none is a valid answer."""
    split: Split | None = None
    """The part that it belongs to, where the data set says so."""
    ignored_xyxy_px: tuple[tuple[float, float, float, float], ...] = ()
    """Regions in which nothing was marked, whatever shows there (KITTI's DontCare): neither finding nor missing an
    object of any class counts in them."""

    def with_ignored_boxes(self, class_ids: Iterable[int]) -> LabelledImage:
        """Return the picture with an ignored box of each of these classes in place of every ignored region."""
        boxes = [LabelledBox(class_id, corners, True) for corners in self.ignored_xyxy_px for class_id in class_ids]
        return replace(self, boxes=(*self.boxes, *boxes), ignored_xyxy_px=())


@dataclass(frozen=True)
class NamedPicture:
    """A picture and its class."""

    path: Path
    """Where it lies."""
    class_id: int
    """Index into the set's names."""
    split: Split | None = None
    """The part that it belongs to, where the set says so."""


@dataclass(frozen=True)
class MappedPicture:
    """A picture and the map of its classes."""

    path: Path
    """Where it lies."""
    map_path: Path
    """PNG of the same size, whose levels are class ids."""
    split: Split | None = None
    """The part that it belongs to, where the set says so."""


@dataclass(frozen=True)
class AnsweredPicture:
    """A picture and what is known of it: a class, and numbers."""

    path: Path
    """Where it lies."""
    class_id: int | None
    """Index into the set's names; ``None`` where it is not known."""
    numbers: tuple[float | None, ...]
    """The set's numbers in their order; ``None`` for those that are not known."""
    split: Split | None = None
    """The part that it belongs to, where the set says so."""
    known: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Numbers by name that a network is given beside it; those that are not known are absent."""


@dataclass(frozen=True)
class PairedPicture:
    """A picture that is to become another one: two files, or one whose copy is made worse."""

    path: Path
    """What the network is given; where :attr:`target_path` is ``None``, what it is to give back."""
    target_path: Path | None = None
    """What it is to become; ``None`` where the network is given :attr:`path` made worse."""
    split: Split | None = None
    """The part that it belongs to, where the set says so."""
    noise: float = 0.0
    """Standard deviation, in levels of 0..255, of the noise that makes it worse."""
    shrink: int = 1
    """How many times smaller the network is given it."""

    @property
    def has_truth(self) -> bool:
        """Whether it is known what it should become; that of a style is not."""
        return self.target_path is not None or bool(self.noise) or self.shrink > 1


@dataclass(frozen=True)
class LabelledCuboid:
    """One object with its place in space."""

    class_id: int
    """Index into the data set's names."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture."""
    cuboid: Cuboid
    """Where it is in the frame of the picture's camera, and how large."""
    truncated: float = 0.0
    """Share of it beyond the picture, 0..1."""
    occluded: int = 0
    """KITTI's steps: 0 fully visible, 1 partly hidden, 2 largely hidden, 3 not known."""

    def of_class(self, class_id: int) -> LabelledCuboid:
        """Return the same object under another class."""
        return replace(self, class_id=class_id)


@dataclass(frozen=True)
class CuboidPicture:
    """A picture, its camera, and objects with their places in space."""

    path: Path
    """Where it lies."""
    width_px: int
    """Its width."""
    height_px: int
    """Its height."""
    camera: Pinhole
    """What it was taken with."""
    objects: tuple[LabelledCuboid, ...]
    """The objects."""
    split: Split | None = None
    """The part that it belongs to, where the set says so."""


@dataclass(frozen=True)
class CaptionedPicture:
    """A picture and the sentences that describe it."""

    path: Path
    """Where it lies."""
    captions: tuple[str, ...]
    """At least one sentence; several say the same in other words."""
    split: Split | None = None
    """The part that it belongs to, where the set says so."""


@dataclass(frozen=True)
class Problem:
    """Something wrong with a file; nothing is dropped or mended in silence."""

    path: Path
    """The file."""
    reason: str
    """What is wrong with it and what was done about it, in one sentence."""
    kind: ProblemKind = "other"
    """What sort of problem it is."""
    times: int = 1
    """How many there are: more than one where those that are not told are counted."""


Picture = TypeVar(
    "Picture",
    LabelledImage,
    NamedPicture,
    MappedPicture,
    AnsweredPicture,
    PairedPicture,
    CuboidPicture,
    CaptionedPicture,
)
Pictures = TypeVar("Pictures", bound="PictureSet[Any]")


@dataclass(frozen=True)
class PictureSet(Generic[Picture]):
    """Labelled pictures, whatever format they came in."""

    names: tuple[str, ...]
    """Class names by class id; empty where a set with maps of classes does not say them."""
    images: tuple[Picture, ...]
    """The readable pictures, ordered by path."""
    problems: tuple[Problem, ...] = ()
    """What was wrong, file by file."""

    def part(self: Pictures, split: Split) -> Pictures:
        """Return the pictures of one split."""
        return replace(self, images=tuple(image for image in self.images if image.split == split), problems=())


NamedPictures = PictureSet[NamedPicture]
"""Pictures for classification."""
MappedPictures = PictureSet[MappedPicture]
"""Pictures for semantic segmentation."""
PairedPictures = PictureSet[PairedPicture]
"""Pictures that become others."""
CaptionedPictures = PictureSet[CaptionedPicture]
"""Pictures with sentences; they have no class names."""


class Dataset(PictureSet[LabelledImage]):
    """Pictures with marked objects."""

    def boxes(self) -> Iterator[tuple[LabelledImage, LabelledBox]]:
        """Yield every object with its picture."""
        return ((image, box) for image in self.images for box in image.boxes)
