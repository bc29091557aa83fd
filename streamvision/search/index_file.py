"""An index as one file: a NumPy archive without pickled objects, so that reading it can run nobody's code.

``header`` holds JSON (form, version, embedding model, recordings, settings, one record a tracklet), ``embedding`` the
descriptions, ``thumbnails`` all pictures end to end, ``thumbnail_end`` where each ends.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from streamvision.core.config.wording import fault_in_words
from streamvision.core.errors import ConfigError
from streamvision.core.files import write_whole
from streamvision.search.index import EmbedderMark, ObjectIndex, Recording, Tracklet

FORM, VERSION = "streamvision.objects", 1
MAX_BYTES = 1 << 30
"""Largest archive that is read, unpacked: a million times what a small recording takes."""
LAST_UNIX_S = 253_402_300_799.0
"""The last second of the year 9999; later ones have no date."""
_DAMAGE = (
    OSError,
    ValueError,
    KeyError,
    EOFError,
    MemoryError,
    NotImplementedError,
    RecursionError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What the archive's, the arrays' and the JSON's readers raise on bytes that somebody damaged or made up."""
_ARRAYS = {"header": "uint8", "embedding": "float32", "thumbnails": "uint8", "thumbnail_end": "int64"}


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    stream_id: str
    track_id: int
    class_name: str
    score: float = Field(ge=0, le=1)
    first_s: float
    last_s: float
    frames: int = Field(ge=1)
    best_frame: int = Field(ge=0)
    best_s: float
    box_xyxy_px: tuple[float, float, float, float]
    first_unix_s: float | None = Field(None, ge=0, le=LAST_UNIX_S)
    last_unix_s: float | None = Field(None, ge=0, le=LAST_UNIX_S)


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid")

    form: str
    version: int
    embedder: EmbedderMark
    recordings: dict[str, Recording]
    settings_sha256: str
    tracklets: list[_Record] = Field(alias="sightings")


def save_index(index: ObjectIndex, path: Path) -> None:
    """Write an index; a file that is there is replaced once the new one is complete.

    Raises:
        OutputError: when it cannot be written.
    """
    header = _Header(
        form=FORM,
        version=VERSION,
        embedder=index.embedder,
        recordings=index.recordings,
        settings_sha256=index.settings_sha256,
        sightings=[_Record.model_validate(one.to_json()) for one in index.tracklets],
    )
    thumbnails = [one.thumbnail_jpeg for one in index.tracklets]
    content = io.BytesIO()
    np.savez(
        content,
        header=np.frombuffer(header.model_dump_json(by_alias=True).encode(), np.uint8),
        embedding=index.embedding,
        thumbnails=np.frombuffer(b"".join(thumbnails), np.uint8),
        thumbnail_end=np.cumsum([len(one) for one in thumbnails], dtype=np.int64),
    )
    write_whole(path, content.getvalue())


def load_index(path: Path, *, embedder: EmbedderMark | None = None) -> ObjectIndex:
    """Read an index.

    Args:
        path: the file.
        embedder: the model that a query is described with; ``None`` where none is.

    Raises:
        ConfigError: when it is missing, damaged, of another version, or made by another embedding model.
    """
    try:
        index = _read(path)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no index {path}; give --source, --model and --embedder to make it") from error
    except _DAMAGE as error:
        raise ConfigError(
            f"{path} is no index, or a damaged one ({_cause(error)}); delete it and make it anew"
        ) from error
    if embedder is not None and embedder.sha256 != index.embedder.sha256:
        raise ConfigError(
            f"{path} was made by the embedding model {index.embedder.name} ({index.embedder.sha256[:8]}), not by "
            f"{embedder.name} ({embedder.sha256[:8]}); give that model, or make another index"
        )
    return index


def _read(path: Path) -> ObjectIndex:
    with zipfile.ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
        if size > MAX_BYTES:
            raise ValueError(f"{size} bytes unpacked, {MAX_BYTES} are allowed")
    with np.load(path, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in _ARRAYS}
    for name, kind in _ARRAYS.items():
        if arrays[name].dtype != kind or arrays[name].ndim != (2 if name == "embedding" else 1):
            raise ValueError(f"{name} is {arrays[name].dtype} {arrays[name].shape}")
    head: Any = json.loads(arrays["header"].tobytes())
    if isinstance(head, dict) and head.get("form") == FORM and head.get("version") != VERSION:
        raise ValueError(f"its version is {head.get('version')}, this program reads {VERSION}")
    header = _Header.model_validate(head)
    ends = arrays["thumbnail_end"]
    if header.form != FORM or len(ends) != len(header.tracklets):
        raise ValueError("its parts do not fit each other")
    if (np.diff(ends, prepend=0) < 0).any() or (len(ends) and ends[-1] != len(arrays["thumbnails"])):
        raise ValueError("its pictures are cut off")
    pictures = arrays["thumbnails"].tobytes()
    begins = [0, *ends.tolist()][: len(ends)]
    tracklets = tuple(
        Tracklet(**record.model_dump(), thumbnail_jpeg=pictures[begin:end])
        for record, begin, end in zip(header.tracklets, begins, ends.tolist(), strict=True)
    )
    return ObjectIndex(header.embedder, header.recordings, tracklets, arrays["embedding"], header.settings_sha256)


def _cause(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        return f"{'.'.join(str(part) for part in first['loc'])}: {fault_in_words(first)}"
    return " ".join(str(error).split())[:200] or type(error).__name__
