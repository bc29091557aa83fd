"""The clips on the card of a dashcam, wherever its folders are: each one once, previews and smaller copies left out."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath

from streamvision.dashcam.clip import Clip, ClipName
from streamvision.dashcam.clip_key import ClipKeys
from streamvision.dashcam.folders import mode_of_folder, view_of_folder
from streamvision.dashcam.headers import read_header
from streamvision.dashcam.naming import name_of
from streamvision.gps.reading import read_gps
from streamvision.gps.side_files.beside import files_beside, read_beside

SUFFIXES = frozenset({".mp4", ".mov", ".m4v", ".360", ".3gp", ".ts", ".m2ts", ".mts", ".avi", ".mkv"})
"""What dashcams write. Previews have other suffixes (``.thm``, ``.lrv``)."""
MAX_DEPTH = 8
"""How many folders deep clips are looked for; cards have four at most."""
MAX_FILES = 200_000
"""Most files that are looked at. A card of 1 TB holds 20,000 clips."""
_NO_FOLDERS = frozenset(
    {"system volume information", "$recycle.bin", "lost.dir", "thumb", "thumbs", "thumbnail", "preview"}
)


def find_clips(folder: Path, *, known: Mapping[Path, Clip] | None = None, keys: ClipKeys | None = None) -> list[Clip]:
    """Return the clips below a folder, in the order of their paths.

    Hidden files and folders, links, empty files and smaller copies of what is there are left out.

    Args:
        folder: the card, or any part of it.
        known: clips of an earlier call by their paths; those whose size, time and key have not changed are not read
            again, but for positions in files beside them that have changed.
        keys: gives each clip its key; one that cannot be read is left out then. By default, clips have none.

    Raises:
        OSError: when the folder itself cannot be read.
    """
    if keys is not None:
        keys.begin_scan()
    os.scandir(folder).close()
    home = folder.absolute().parent
    files = [(path, name_of(path.absolute().relative_to(home))) for path in sorted(videos_in(folder))]
    clips = [_clip(path, name, home, known or {}, keys) for path, name in _without_copies(files)]
    return [clip for clip in clips if clip is not None]


def videos_in(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that may be clips, in no order; :data:`MAX_FILES` entries are looked at."""
    budget = MAX_FILES
    waiting = [(folder, 0)]
    while waiting and budget > 0:
        inside, depth = waiting.pop()
        for entry in _entries(inside)[:budget]:
            budget -= 1
            if entry.name.startswith(".") or entry.is_symlink():
                continue
            if entry.is_dir():
                if depth < MAX_DEPTH and entry.name.lower() not in _NO_FOLDERS:
                    waiting.append((Path(entry.path), depth + 1))
            elif entry.is_file() and PurePath(entry.name).suffix.lower() in SUFFIXES:
                yield Path(entry.path)


def _clip(
    path: Path, name: ClipName | None, home: Path, known: Mapping[Path, Clip], keys: ClipKeys | None
) -> Clip | None:
    try:
        about = path.stat()
        if about.st_size == 0:
            return None
        key = keys.of(path, about) if keys is not None else ""
    except OSError:  # gone since it was listed: the camera goes on recording
        return None
    before = known.get(path)
    now = about.st_size, about.st_mtime, key
    if before is not None and (before.size_bytes, before.modified_unix_s, before.key) == now:
        return _with_positions_beside(before)
    header = read_header(path)
    beside = files_beside(path)  # before they are read: what is written meanwhile is read again
    below = path.absolute().relative_to(home)
    return Clip(
        path=path,
        name=name,
        view=name.view if name else view_of_folder(below) or "front",
        mode=name.mode if name else mode_of_folder(below) or "normal",
        duration_s=header.duration_s,
        created_unix_s=header.created_unix_s,
        modified_unix_s=about.st_mtime,
        gps=read_gps(path),
        size_bytes=about.st_size,
        key=key,
        beside=beside,
    )


def _with_positions_beside(clip: Clip) -> Clip:
    """Return a clip with what the files beside it say now; what they said before stays where they say nothing."""
    if clip.gps is not None and clip.gps.source == "container":
        return clip
    beside = files_beside(clip.path)
    if beside and beside == clip.beside:
        return clip
    gps = read_beside(clip.path) or clip.gps
    return clip if (gps, beside) == (clip.gps, clip.beside) else replace(clip, gps=gps, beside=beside)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return list(entries)
    except OSError:  # a damaged folder of a card hides no other
        return []


def _without_copies(files: Sequence[tuple[Path, ClipName | None]]) -> list[tuple[Path, ClipName | None]]:
    """Leave out smaller copies where what they copy is there: it may be that only they were fetched from the camera."""
    full = {_shown(name) for _, name in files if name is not None and not name.is_copy}
    return [(path, name) for path, name in files if name is None or not name.is_copy or _shown(name) not in full]


def _shown(name: ClipName) -> tuple[object, ...]:
    return name.maker, name.stamp, name.view, name.chapter, None if name.stamp else name.counter
