"""A folder with the pictures that rows of the database name."""

from __future__ import annotations

from collections.abc import Collection, Set
from pathlib import Path

from streamvision.core.files import write_whole
from streamvision.state.folder import FILE_MODE, prepare_folder


class PictureFolder:
    """Is read from any thread; what writes and removes is one thread.

    Args:
        path: the folder; it is made where it is not there.
    """

    def __init__(self, path: Path) -> None:
        self.path = prepare_folder(path)
        """The folder."""
        self.count = 0
        """How many pictures there are, once :meth:`take_stock` was called."""

    def take_stock(self, known: Set[str]) -> None:
        """Count what is there, and remove what no row names: what a crash left behind."""
        there = {path.name for path in self.path.iterdir()}
        self.remove(there - known)
        self.count = len(there & known)

    def read(self, name: str | None) -> bytes | None:
        """Return a picture as a JPEG file; ``None`` where there is none, or none any more."""
        try:
            return None if name is None else (self.path / name).read_bytes()
        except OSError:
            return None

    def write(self, name: str, jpeg: bytes) -> None:
        """Write a picture, for its owner alone, in place of an earlier one; whoever reads gets one of them whole.

        Raises:
            OutputError: when the disk is full, say.
        """
        path = self.path / name
        is_new = not path.exists()
        write_whole(path, jpeg, mode=FILE_MODE, sync=False)
        self.count += is_new

    def remove(self, names: Collection[str]) -> None:
        """Remove pictures, of which some may be gone already."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)
        self.count -= len(names)
