"""The folder that a data set is written to: pictures are copied or linked into it, names kept where they can be."""

from __future__ import annotations

import os
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.words import counted
from streamvision.datasets.collector import Progress
from streamvision.datasets.dataset import LabelledImage, MappedPicture, Picture, PictureSet, Problem
from streamvision.datasets.problems import Problems

CopyOrLink = Literal["copy", "link"]


def number(value: float) -> str:
    """Return a pixel coordinate as text, to a thousandth, without needless zeros."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if value else "0"


class OutputFolder:
    """Puts the files of one data set into one folder.

    Args:
        folder: made if it is not there.
        pictures: whether pictures are copied or become symbolic links to where they lie.
        force: replace what is in the folder.
        progress: called for every picture.

    Raises:
        OutputError: when the folder holds something already and ``force`` was not given, or cannot be written.
    """

    def __init__(self, folder: Path, *, pictures: CopyOrLink, force: bool, progress: Progress) -> None:
        self.folder = folder
        self.problems = Problems()
        """Pictures that had to be given another name."""
        self._pictures = pictures
        self.progress = progress
        """Called with how far writing has come."""
        try:
            if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
                if not force:
                    raise OutputError(f"{folder} is there already; give another folder, or --force to replace it")
                _refuse_other_than_dataset(folder)
                shutil.rmtree(folder) if folder.is_dir() else folder.unlink()
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            if isinstance(error, OutputError):
                raise
            raise OutputError(
                f"cannot write to {folder}: {error.strerror}; give a folder that can be written"
            ) from error

    def make_folder(self, name: str) -> Path:
        """Return a folder inside the data set, made if need be."""
        path = self.folder / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def write_text(self, name: str, text: str) -> None:
        """Write a text file inside the data set."""
        (self.folder / name).write_text(text, encoding="utf-8")

    def write_classes(self, names: Sequence[str]) -> None:
        """Write ``classes.txt``, a class name a line."""
        self.write_text("classes.txt", "".join(f"{name}\n" for name in names))

    def note_ignored(self, image: LabelledImage, title: str) -> None:
        """Note that a format, called ``title``, has no word for the crowds and difficult objects of a picture."""
        if ignored := sum(box.ignore for box in image.boxes):
            marked = f"{counted(ignored, 'boxes')} marked crowd or difficult"
            reason = f"has {marked}, which {title} cannot say; written as ordinary"
            self.problems.append(Problem(image.path, reason, "other"))

    def names(
        self, dataset: PictureSet[Picture], folder_of: Callable[[Picture], str], *, unique_stems: bool
    ) -> Iterator[tuple[Picture, Path]]:
        """Yield each picture with its place relative to the data set, without writing it.

        Two pictures that would get the same place (or the same stem, where labels are named after it) get
        different names: the later one's begins with the folder that it comes from, and a problem says so.
        """
        taken: defaultdict[str, set[str]] = defaultdict(set)
        for done, image in enumerate(dataset.images):
            self.progress("pictures written", done, len(dataset.images))
            folder = folder_of(image)
            name = _free_name(image.path, taken[folder], unique_stems=unique_stems)
            if name != image.path.name:
                reason = f"has the same name as another picture; it is called {name} in {self.folder}"
                self.problems.append(Problem(image.path, reason, "renamed"))
            yield image, Path(folder) / name

    def place(
        self, dataset: PictureSet[Picture], folder_of: Callable[[Picture], str], *, unique_stems: bool = False
    ) -> Iterator[tuple[Picture, Path]]:
        """Write each picture and yield it with its place relative to the data set; names as in :meth:`names`.

        Raises:
            OutputError: when a picture cannot be copied or linked.
        """
        for image, place in self.names(dataset, folder_of, unique_stems=unique_stems):
            self.put(image.path, place)
            yield image, place

    def put(self, source: Path, place: Path) -> None:
        """Copy or link a file to a place relative to the data set.

        Raises:
            OutputError: when it cannot be copied or linked.
        """
        target = self.make_folder(str(place.parent)) / place.name
        try:
            if self._pictures == "link":
                target.symlink_to(source.resolve())
            else:
                shutil.copyfile(source, target)
        except OSError as error:
            verb = "link" if self._pictures == "link" else "copy"
            raise OutputError(
                f"cannot {verb} {source} to {target}: {error.strerror}; give a folder on a disk that takes it"
            ) from error


def images_folder(image: LabelledImage | MappedPicture) -> str:
    """Return ``images/SPLIT``, or ``images`` for pictures without a split."""
    return f"images/{image.split}" if image.split else "images"


def check_sources_outside(dataset: PictureSet[Any], folder: Path) -> None:
    """See that writing does not destroy the pictures that are to be written.

    Raises:
        ConfigError: when a picture of the data set lies in the folder that is to be written.
    """
    target = folder.resolve()
    for parent in {image.path.parent for image in dataset.images}:
        if parent.resolve().is_relative_to(target):
            raise ConfigError(f"{folder} holds the pictures that are to be written; give another folder")


def check_output_outside(source: Path, folder: Path) -> None:
    """See that what is written is not read again as a part of its own source.

    Args:
        source: folder of the data set that is read, or the file that describes it, which may lie beside the output.
        folder: to be written.

    Raises:
        ConfigError: when the folder lies in the source's.
    """
    inside = folder.resolve() != source.resolve() and folder.resolve().is_relative_to(source.resolve())
    if source.is_dir() and inside:
        raise ConfigError(
            f"{folder} lies inside {source}, which would then hold the pictures twice; give an --output outside of it"
        )


def _free_name(path: Path, taken: set[str], *, unique_stems: bool) -> str:
    def key(name: str) -> str:
        return (name.rpartition(".")[0] if unique_stems else name).casefold()

    parents = [part for part in reversed(path.parent.parts) if part not in ("images", "JPEGImages", os.sep)]
    name = path.name
    for parent in parents:
        if key(name) not in taken:
            break
        name = f"{parent}-{name}"
    count = 2
    while key(name) in taken:
        name = f"{path.stem}-{count}{path.suffix}"
        count += 1
    taken.add(key(name))
    return name


def _refuse_other_than_dataset(folder: Path) -> None:
    place = folder.resolve()
    if place in (Path.home(), Path.cwd(), *Path.cwd().parents) or place == Path(place.anchor):
        raise ConfigError(f"--force would empty {folder}, which is more than a data set; give a folder of its own")
