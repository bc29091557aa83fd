"""Files of one folder that are made once: each is remembered with what it was made of, and whether that was hidden."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from streamvision.core.errors import OutputError
from streamvision.core.files import remove_scratch, write_whole, writing

LIST = ".kept.json"
"""The file that tells what the others of its folder are made of."""
NOTE_EVERY_S = 1.0
"""So much of the work is lost at most to a process that is killed."""


@dataclass(frozen=True)
class Origin:
    """What a file is made of."""

    parts: str
    """All that decides what it holds; any text."""
    hidden_by: str | None
    """What has made faces and plates unreadable in it; ``None``: nothing has."""
    can_be_made: bool = True
    """Whether that which it is made of is still there; else the file of an earlier run is as good as any."""

    def to_json(self) -> list[Any]:
        """Return it as it is written down."""
        return [hashlib.sha256(self.parts.encode("utf-8", "replace")).hexdigest(), self.hidden_by]

    def fits(self, before: Any) -> bool:
        """Say whether a file that was made of this before need not be made again."""
        now = self.to_json()
        is_known = isinstance(before, list) and len(before) == len(now)
        return is_known and before[1] == now[1] and (before[0] == now[0] or not self.can_be_made)


class KeptFiles:
    """Knows which files of a folder are as they shall be. Use it in a ``with`` block, which writes its list.

    What an earlier run made of anything else, or what nobody wants now, is removed at once: it may show what shall be
    hidden. Files of others in the folder stay.

    Args:
        folder: is made where there is none.
        wanted: what each file shall be made of, by its name.

    Raises:
        OutputError: when the folder cannot be made, or in the end the list not be written.
    """

    def __init__(self, folder: Path, wanted: Mapping[str, Origin]) -> None:
        self._folder = folder
        self._wanted = wanted
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        before = self._read()
        self._kept = {
            name: before[name]
            for name, origin in wanted.items()
            if name in before and origin.fits(before[name]) and (folder / name).is_file()
        }
        self._remove(before)
        names = {LIST, *before, *wanted}
        remove_scratch(folder, lambda name: name in names)
        self._note()

    def __enter__(self) -> KeptFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        with contextlib.nullcontext() if kind is None else contextlib.suppress(OutputError):
            self._note()

    @property
    def missing(self) -> list[str]:
        """Names of the files that are to be made, in the order in which they were wanted."""
        return [name for name in self._wanted if name not in self._kept]

    @property
    def there(self) -> list[str]:
        """Names of the files that are as they shall be."""
        return [name for name in self._wanted if name in self._kept]

    def add(self, name: str) -> None:
        """Note that a file is there now."""
        self._kept[name] = self._wanted[name].to_json()
        if time.monotonic() - self._noted_s > NOTE_EVERY_S:
            self._note()

    def _note(self) -> None:
        """Write the list, with the names of what is not made yet: whoever is killed leaves no file that is unknown."""
        names = dict.fromkeys(self._wanted) | self._kept
        write_whole(self._folder / LIST, json.dumps(names, sort_keys=True), sync=False)
        self._noted_s = time.monotonic()

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads((self._folder / LIST).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._kept and Path(name).name == name and not name.startswith("."):
                with contextlib.suppress(OSError, ValueError):
                    (self._folder / name).unlink()
