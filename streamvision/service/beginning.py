"""Where a service begins: a configuration file and a command line, which the next start may leave out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamvision.service.patches import Plain
from streamvision.service.values import plain

ReadDocument = Callable[[Path | None, dict[str, Any]], Plain]
"""Joins a configuration file and options to one document, and raises ConfigError where one is not accepted."""


@dataclass(frozen=True)
class Beginning:
    """A configuration file, and options and sources of a command line."""

    file: Path | None = None
    """The file, which is read again when it changes; ``None``: none."""
    options: Plain = field(default_factory=dict)
    """Options by name, as plain values."""
    once: Plain = field(default_factory=dict)
    """Further options, which hold for this start alone."""
    streams: tuple[Plain, ...] = ()
    """Streams that the command line names: they are added to those that there are."""

    def document(self, read: ReadDocument) -> Plain:
        """Return what it says, as plain values.

        Raises:
            ConfigError: when the file or an option is not accepted.
        """
        document: Plain = plain(read(self.file, {**self.options, **self.once}))
        return document

    def to_json(self) -> Plain:
        """Return what :meth:`from_json` takes, as plain values."""
        file = None if self.file is None else str(self.file.absolute())
        return {"file": file, "options": plain(self.options)}

    @classmethod
    def from_json(cls, document: Plain) -> Beginning:
        """Return the beginning that was remembered."""
        file = document.get("file")
        return cls(Path(file) if file else None, dict(document["options"]))


def changed_at(file: Path) -> tuple[int, int, int] | None:
    """Return what changes when a file does: its time, size and number; ``None`` where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
