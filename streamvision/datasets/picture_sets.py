"""Pictures that are labelled as a whole: by a class, or by a map of classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from streamvision.datasets.dataset import Problem, Split


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
class NamedPictures:
    """Pictures for classification."""

    names: tuple[str, ...]
    """Class names by class id."""
    images: tuple[NamedPicture, ...]
    """The pictures, ordered by path."""
    problems: tuple[Problem, ...] = ()
    """What was wrong, file by file."""

    def part(self, split: Split) -> NamedPictures:
        """Return the pictures of one split."""
        return NamedPictures(self.names, tuple(image for image in self.images if image.split == split))


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
class MappedPictures:
    """Pictures for semantic segmentation."""

    names: tuple[str, ...] | None
    """Class names by class id; ``None`` where the set does not say them."""
    images: tuple[MappedPicture, ...]
    """The pictures, ordered by path."""
    problems: tuple[Problem, ...] = ()
    """What was wrong, file by file."""

    def part(self, split: Split) -> MappedPictures:
        """Return the pictures of one split."""
        return MappedPictures(self.names, tuple(image for image in self.images if image.split == split))
