"""The files that a whole collection shares: its classes, its COCO document, what was thrown away, and its lock."""

from __future__ import annotations

import fcntl
import heapq
import json
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from streamvision.core.errors import ConfigError, OutputError
from streamvision.core.files import write_whole, writing
from streamvision.core.reading import MAX_YAML_BYTES, MIB, UnreadableError, read_bytes, read_json, read_text
from streamvision.core.redaction import short
from streamvision.datasets.collection_records import Proposal
from streamvision.datasets.files import leads_out
from streamvision.datasets.yaml_names import with_names

MAX_REFUSED = 5000
"""Pictures that were thrown away and are remembered; older ones are forgotten, and may be collected again."""
LOCK_TIMEOUT_S = 10.0
FOLDERS = ("waiting", "images", "labels", "accepted")
"""In a collection."""
SHARED = frozenset({"data.yaml", "annotations.json", "refused.json"})
"""Files of all pictures together."""
PENDING = "annotations.pending"
"""The pictures whose labels have changed since the COCO document was written, a line each."""
_TAKEN = re.compile(r"-(\d{8}-\d{6})-\d{6,}-[0-9a-f]{6}\Z")
"""The end of a name that :func:`new_name` gives, with the time."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,119}")
"""What a collected picture is called, without its ending."""

MAX_PICTURE_BYTES = 64 * MIB

_JPEG_BEGIN = b"\xff\xd8\xff"
_LOCK_WAIT_S = 0.02
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9]+")
_REFUSED_LIMIT = 64 * MIB
_TABLE_LIMIT = 512 * MIB


def is_collection(folder: Path) -> bool:
    """Whether a folder has the files of a collection."""
    return (folder / "data.yaml").is_file() and (folder / "waiting").is_dir()


def check_folders(folder: Path) -> None:
    """Refuse a collection in whose place something elsewhere would be written.

    Raises:
        ConfigError: when a folder in it is a link that leads out.
    """
    for name in FOLDERS:
        if leads_out(folder / name, folder):
            raise ConfigError(f"{folder / name} is a link that leads out of the folder; put the folder itself there")


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a collection.

    Raises:
        OutputError: when others hold it for longer than :data:`LOCK_TIMEOUT_S`, or the folder cannot be written.
    """
    path = folder / ".lock"
    with writing(path, instead="give a folder that can be written"):
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
    try:
        until_s = time.monotonic() + LOCK_TIMEOUT_S
        while not _take(descriptor):
            if time.monotonic() > until_s:
                raise OutputError(f"another process has locked {folder} for {LOCK_TIMEOUT_S:g} s; end it")
            time.sleep(_LOCK_WAIT_S)
        yield
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    """Take a lock that is free."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def write_data_yaml(folder: Path, names: Sequence[str]) -> None:
    """Write the classes by their ids; ``train`` and ``val`` are the same pictures: the set is not split.

    There is no ``path``: trainers count one that is relative, such as ``.``, from where they are started. In a file
    that is there names are added, and all else stays as somebody wrote it.

    Raises:
        ConfigError: when the names are too long to be read again, or somebody wrote the file in a way in which names
            cannot be added without changing something else.
        OutputError: when it cannot be written.
    """
    path = folder / "data.yaml"
    there = read_text(path, limit=MAX_YAML_BYTES) if path.is_file() else ""
    written = with_names(there, names)
    text = (written or _data_yaml(names)).encode()
    if len(text) > MAX_YAML_BYTES:
        raise ConfigError(
            f"the names of {len(names):,} classes have {len(text):,} bytes, of which {MAX_YAML_BYTES:,} can be read "
            "again; use a class that is there, or a shorter name"
        )
    if written is None and there.strip() and there != _data_yaml(()):
        raise ConfigError(
            f"{path} says its classes in a way in which {short(names[-1])} cannot be added and all else kept; write "
            "`names:` as a list, a line each, without aliases (&, *, <<)"
        )
    write_whole(path, text)


def _data_yaml(names: Sequence[str]) -> str:
    document = {"train": "images", "val": "images", "names": dict(enumerate(names))}
    return yaml.safe_dump(document, sort_keys=False, allow_unicode=True)


def new_name(proposal: Proposal) -> str:
    """Return a name that no other process chooses; those of one stream are in the order of time, see :func:`newest`."""
    stream = _NOT_IN_NAMES.sub("-", proposal.stream).strip("-")[:40].rstrip("-") or "stream"
    seconds = proposal.captured_unix_s if proposal.captured_unix_s is not None else time.time()
    try:
        when = time.strftime("%Y%m%d-%H%M%S", time.gmtime(seconds))
    except (OverflowError, ValueError, OSError):
        when = "unknown"
    return f"{stream}-{when}-{proposal.frame or 0:06d}-{secrets.token_hex(3)}"


def newest(names: Iterable[str], most: int) -> list[str]:
    """Return the names of the pictures that were taken last, of whatever stream, the newest last.

    Those whose name does not say when are the oldest.
    """

    def taken(name: str) -> tuple[str, str]:
        found = _TAKEN.search(name)
        return (found[1] if found else "", name)

    return heapq.nlargest(most, names, key=taken)[::-1]


def read_jpeg(path: Path, folder: Path) -> bytes:
    """Return a picture of a collection as its file.

    Raises:
        ConfigError: when it cannot be read, leads out of the folder or is no JPEG.
    """
    try:
        if leads_out(path, folder):
            raise UnreadableError("is a link that leads out of the folder")
        content = read_bytes(path, limit=MAX_PICTURE_BYTES)
        if not content.startswith(_JPEG_BEGIN):
            raise UnreadableError("is no JPEG")
    except UnreadableError as error:
        raise ConfigError(f"{path} {error}; throw it away, or put the picture back") from error
    return content


def table_file(folder: Path) -> Path:
    """Return the COCO document of the labelled pictures, which need not be there."""
    return folder / "annotations.json"


def read_table(folder: Path) -> dict[str, Any]:
    """Return the COCO document of the labelled pictures, empty where there is none yet.

    Raises:
        ConfigError: when it cannot be read.
    """
    return _document(folder, table_file(folder).name, _TABLE_LIMIT)


def write_table(folder: Path, document: dict[str, Any]) -> None:
    """Write the COCO document of the labelled pictures."""
    write_whole(table_file(folder), json.dumps(document, ensure_ascii=False))


def read_refused(folder: Path) -> list[dict[str, Any]]:
    """Return what was thrown away, the oldest first: ``name``, and ``look``, which may be anything.

    Raises:
        ConfigError: when the list cannot be read.
    """
    listed = _document(folder, "refused.json", _REFUSED_LIMIT).get("refused")
    entries = listed if isinstance(listed, list) else []
    return [one for one in entries if isinstance(one, dict) and isinstance(one.get("name"), str)][-MAX_REFUSED:]


def write_refused(folder: Path, entries: list[dict[str, Any]]) -> None:
    """Write what was thrown away."""
    text = json.dumps({"version": 1, "refused": entries}, ensure_ascii=False)
    write_whole(folder / "refused.json", text)


def _document(folder: Path, name: str, limit: int) -> dict[str, Any]:
    path = folder / name
    try:
        if leads_out(path, folder):
            raise UnreadableError("is a link that leads out of the folder")
        document = read_json(path, limit=limit) if path.exists() else {}
    except UnreadableError as error:
        raise ConfigError(f"{path} {error}; move it away, and it is begun anew") from error
    return document if isinstance(document, dict) else {}
