"""The pages' own files: told to the browser all at once, and kept by it until there are others.

A module says only itself which modules it imports. A browser would learn of them level by level, each a round trip
later, and ask on every visit whether one has changed. So a page names all modules of its script (``modulepreload``),
under an address with a digest of all files: what is behind one never changes, and another version has another address.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from posixpath import normpath

from flask import Flask, Response

from streamvision.web.access import access

KEPT_STATIC = "kept_static"
"""Of files under an address with a digest."""
KEPT = "public, max-age=31536000, immutable"
_IMPORT = re.compile(r"""^(?:import|export)\b[^;"']*["'](\.{1,2}/[^"']+)["']""", re.MULTILINE)


class StaticFiles:
    """Of one application; they are read once, when it is built.

    Args:
        folder: where they lie.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        digest = hashlib.sha256()
        for path in sorted(one for one in folder.rglob("*") if one.is_file()):
            digest.update(f"{path.relative_to(folder).as_posix()}\0".encode() + path.read_bytes())
        self.version = digest.hexdigest()[:16]
        """What stands in the address."""
        self._modules: dict[str, tuple[str, ...]] = {}

    @property
    def root(self) -> str:
        """What comes before the name of a file in the address that pages use."""
        return f"static-{self.version}/"

    def modules(self, script: str) -> tuple[str, ...]:
        """Return a script and all modules that it imports, also by others, in the order in which they are met."""
        if script not in self._modules:
            self._modules[script] = tuple(self._met(script))
        return self._modules[script]

    def _met(self, script: str) -> Iterator[str]:
        met, waiting = {script}, [script]
        while waiting:
            name = waiting.pop(0)
            yield name
            text = (self._folder / name).read_text(encoding="utf-8")
            imported = (normpath(str(PurePosixPath(name).parent / one)) for one in _IMPORT.findall(text))
            new = [one for one in dict.fromkeys(imported) if one not in met]
            met.update(new)
            waiting += new


def add_static_files(app: Flask) -> None:
    """Let pages name their files, and give these under an address that changes with them."""
    files = StaticFiles(Path(app.static_folder or ""))

    @app.get("/static-<version>/<path:filename>", endpoint=KEPT_STATIC)
    @access("public")
    def kept_static(version: str, filename: str) -> Response:
        """Give a file of the pages; a browser keeps it, unless it asked for that of another version."""
        response = app.send_static_file(filename)
        response.headers["Cache-Control"] = KEPT if version == files.version else "no-cache"
        return response

    @app.context_processor
    def names() -> dict[str, object]:
        return {"files": files.root, "modules_of": files.modules}
