"""Where the files of each picture of a collection lie, and which pictures there are by them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from streamvision.core.errors import ConfigError
from streamvision.core.labelling import UnknownPictureError
from streamvision.core.reading import UnreadableError
from streamvision.datasets.collection_files import NAME
from streamvision.datasets.collection_records import Proposal, read_proposal, text_of
from streamvision.datasets.files import is_there, leads_out


@dataclass(frozen=True)
class Places:
    """Finds the files of pictures in the folders of a collection."""

    root: Path
    """The collection."""

    def names(self, folder: str, suffix: str) -> set[str]:
        """Return the pictures that have a file in a folder, without what is still being written."""
        try:
            with os.scandir(self.root / folder) as entries:
                names = [entry.name for entry in entries if entry.name.endswith(suffix)]
        except OSError:
            return set()
        return {stem for name in names if NAME.fullmatch(stem := name.removesuffix(suffix))}

    def file(self, folder: str, name: str, suffix: str) -> Path:
        """Return where a file of a picture belongs.

        Raises:
            UnknownPictureError: when no picture can be called so.
        """
        if not isinstance(name, str) or not NAME.fullmatch(name):
            raise UnknownPictureError(f"{text_of(name)!r} is no name of a collected picture; give one that waits")
        return self.root / folder / f"{name}{suffix}"

    def picture(self, name: str) -> Path:
        """Return where a picture lies, waiting or labelled.

        Raises:
            UnknownPictureError: when there is none of that name.
        """
        for folder in ("waiting", "images"):
            if is_there(place := self.file(folder, name, ".jpg")):
                return place
        raise UnknownPictureError(f"{self.root} has no picture {text_of(name)!r}; somebody may have thrown it away")

    def proposal(self, name: str) -> Proposal:
        """Return what is known of a picture, waiting or labelled.

        Raises:
            UnknownPictureError: when there is none of that name.
            ConfigError: when what is known of it cannot be read.
        """
        for folder in ("waiting", "accepted"):
            if is_there(path := self.file(folder, name, ".json")):
                try:
                    return self.read(path)
                except UnreadableError as error:
                    raise ConfigError(f"{path} {error}; throw the picture away, or collect it again") from error
        raise UnknownPictureError(f"{self.root} has no picture {text_of(name)!r}; somebody may have thrown it away")

    def read(self, path: Path) -> Proposal:
        """Read what is known of a picture.

        Raises:
            UnreadableError: when it cannot be read, or leads out of the collection.
        """
        if leads_out(path, self.root):
            raise UnreadableError("is a link that leads out of the folder")
        return read_proposal(path)
