"""The COCO document of a collection, which follows the labels: at once where it is small, else at intervals.

The labels are what counts. Whoever changes those of a picture notes it in ``annotations.pending`` before, and whoever
writes the document next brings it up to date by that list, so that nothing is lost with a process that is killed.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from streamvision.core.errors import ConfigError
from streamvision.core.files import writing
from streamvision.core.reading import MAX_TEXT_BYTES, UnreadableError, read_text
from streamvision.datasets.collection_coco import file_names, put_images, remove_images
from streamvision.datasets.collection_files import NAME, PENDING, read_table, table_file, write_table
from streamvision.datasets.collection_places import Places
from streamvision.datasets.dataset import LabelledImage
from streamvision.datasets.files import is_there
from streamvision.datasets.yolo_txt import read_labels

AT_ONCE_BYTES = 256 * 1024
"""A document up to this size is written with each decision, which takes some milliseconds."""
EVERY_S = 60.0
"""How often a larger one is."""
_ADDING = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
"""Without following a link, or waiting for somebody who reads a pipe."""


class Annotations:
    """The document; whoever calls it holds the lock of the collection.

    Args:
        places: where the files of the pictures lie.
        names: gives the classes by their ids.
    """

    def __init__(self, places: Places, names: Callable[[], Sequence[str]]) -> None:
        self._places = places
        self._names = names

    @contextmanager
    def following(self, picture: str) -> Iterator[None]:
        """Let the labels of a picture change within, and the document follow them.

        Raises:
            ConfigError: when the document is written now and cannot be read; nothing has changed then.
            OutputError: when it cannot be written.
        """
        document = read_table(self._places.root) if self._is_due() else None
        pending = self._places.root / PENDING
        with writing(pending, instead="free space, or give another folder"):
            descriptor = os.open(pending, _ADDING, 0o644)
            try:
                os.write(descriptor, f"{picture}\n".encode())
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        yield
        if document is not None:
            self._write(document)

    def write(self) -> None:
        """Bring the document up to date, where it is not.

        Raises:
            ConfigError: when it cannot be read.
            OutputError: when it cannot be written.
        """
        if is_there(self._places.root / PENDING):
            self._write(read_table(self._places.root))

    def _is_due(self) -> bool:
        try:
            status = table_file(self._places.root).stat()
        except OSError:
            return True
        return status.st_size <= AT_ONCE_BYTES or not 0 <= time.time() - status.st_mtime < EVERY_S

    def _write(self, document: dict[str, Any]) -> None:
        names = self._names()
        labelled = self._places.names("images", ".jpg")
        changed = self._changed(labelled)
        gone = {f"{name}.jpg" for name in changed - labelled}
        document = remove_images(document, gone, names)
        # One that others moved away lacks all, and one of a process that was killed may lack some.
        changed |= labelled - {name.removesuffix(".jpg") for name in file_names(document)}
        images = self._labelled(sorted(changed & labelled), names)
        write_table(self._places.root, put_images(document, images, names))
        with writing(self._places.root / PENDING, instead="see who may write there"):
            (self._places.root / PENDING).unlink(missing_ok=True)

    def _changed(self, labelled: set[str]) -> set[str]:
        """Return the pictures whose labels may be others than in the document: all where the list cannot be read."""
        try:
            lines = read_text(self._places.root / PENDING, limit=MAX_TEXT_BYTES).splitlines()
        except UnreadableError:
            return set(labelled)
        return {line for line in lines if NAME.fullmatch(line)}

    def _labelled(self, pictures: Iterable[str], names: Sequence[str]) -> Iterator[LabelledImage]:
        for name in pictures:
            with contextlib.suppress(ConfigError):  # nothing is known of it: it was not labelled here
                known, labels = self._places.proposal(name), self._places.file("labels", name, ".txt")
                boxes = tuple(read_labels(labels, names, known.width_px, known.height_px))
                yield LabelledImage(self._places.file("images", name, ".jpg"), known.width_px, known.height_px, boxes)
