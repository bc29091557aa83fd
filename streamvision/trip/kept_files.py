"""Files of one folder that are made once: each is remembered with what it was made of."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from streamvision.core.files import write_whole, writing

_LIST = ".kept.json"


class KeptFiles:
    """Knows which files of a folder are as they shall be. Use it in a ``with`` block, which writes its list.

    What an earlier run made of anything else, or what nobody wants now, is removed at once: it may show what shall be
    hidden. Files of others in the folder stay.

    Args:
        folder: is made where there is none.
        wanted: what each file shall be made of, as JSON has it, by its name.

    Raises:
        OutputError: when the folder cannot be made, or in the end the list not be written.
    """

    def __init__(self, folder: Path, wanted: Mapping[str, Any]) -> None:
        self._folder = folder
        self._wanted = wanted
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        before = self._read()
        self._kept = {
            name for name, origin in wanted.items() if before.get(name) == origin and (folder / name).is_file()
        }
        self._remove(before)

    def __enter__(self) -> KeptFiles:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        content = json.dumps({name: self._wanted[name] for name in sorted(self._kept)})
        with contextlib.nullcontext() if kind is None else contextlib.suppress(OSError):
            write_whole(self._folder / _LIST, content, sync=False)

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
        self._kept.add(name)

    def _read(self) -> dict[str, Any]:
        try:
            kept = json.loads((self._folder / _LIST).read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self._kept and Path(name).name == name and not name.startswith("."):
                with contextlib.suppress(OSError, ValueError):
                    (self._folder / name).unlink()
