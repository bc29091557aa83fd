"""Shows, saves and tabulates the picture and the objects of a result."""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import time
import webbrowser
from collections.abc import Iterable
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipelines.outputs.existing import date_text
from streamvision.core.detection import Detection
from streamvision.core.errors import MissingDependencyError, OutputError
from streamvision.core.files import writing

if TYPE_CHECKING:
    import pandas

log = logging.getLogger("streamvision")

EDGES = ("left_px", "top_px", "right_px", "bottom_px")
_KEPT_S = 3600.0
"""How long pictures that were opened in another program stay in the folder for temporary files."""


def png_of(bgr: NDArray[np.uint8]) -> bytes:
    """Return a picture as a PNG file."""
    encoded: Any = cv2.imencode(".png", bgr)[1]
    return bytes(encoded)


def save_picture(bgr: NDArray[np.uint8], path: Path) -> None:
    """Write a picture, whose format is that of the file's ending.

    Raises:
        OutputError: when the ending is none of a picture, or the file cannot be written.
    """
    if not path.suffix or not cv2.haveImageWriter(path.name):
        raise OutputError(f"{path} has an ending that no picture has; use .jpg or .png")
    encoded: Any = cv2.imencode(path.suffix, bgr)[1]
    with writing(path, instead="give another file"):
        path.write_bytes(encoded.tobytes())


def unused_path(stem: str) -> Path:
    """Return a file in the present folder that is not there yet: the name, and the date of now."""
    date = date_text(time.time())
    names = (Path(f"{stem}-{date}{f'-{number}' * (number > 1)}.png") for number in count(1))
    return next(path for path in names if not path.exists())


def show_picture(shown: Any, png: bytes) -> None:
    """Show a result: in a notebook below its cell, elsewhere in the program that opens pictures on this machine.

    Args:
        shown: what a notebook displays, by its ``_repr_png_``.
        png: the same as a file.
    """
    if in_notebook():
        from IPython.display import display

        display(shown)
        return
    path = _temporary_picture(png)
    has_screen = sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
    )
    if not (has_screen and webbrowser.open(path.as_uri())):
        log.warning("There is no screen here; the picture is in %s", path)


def table_of(found: Iterable[Detection], *, stream: str, frame: int, pts_s: float) -> pandas.DataFrame:
    """Return a table with a row for each object.

    Raises:
        MissingDependencyError: when pandas is not installed.
    """
    try:
        import pandas
    except ImportError as error:
        raise MissingDependencyError("a table needs pandas, which is not installed: pip install pandas") from error
    rows = [
        (stream, frame, pts_s, one.track_id, one.class_id, one.class_name, one.score, *one.box_xyxy_px) for one in found
    ]
    columns = ["stream", "frame", "pts_s", "track_id", "class_id", "class_name", "score", *EDGES]
    kinds = {"track_id": "Int64", "class_id": "int64", "score": "float64", **dict.fromkeys(EDGES, "float64")}
    return pandas.DataFrame(rows, columns=columns).astype(kinds)  # Int64 may be absent, as identities are


def in_notebook() -> bool:
    """Return whether a notebook's kernel runs this; IPython is not imported for that."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return shell is not None and hasattr(shell, "kernel")


def _temporary_picture(png: bytes) -> Path:
    """Write a picture for another program, and remove those of an hour ago."""
    folder = Path(tempfile.gettempdir())
    for old in folder.glob("streamvision-shown-*.png"):
        if time.time() - old.stat().st_mtime > _KEPT_S:
            old.unlink(missing_ok=True)
    with tempfile.NamedTemporaryFile(prefix="streamvision-shown-", suffix=".png", delete=False) as file:
        file.write(png)
    return Path(file.name)
