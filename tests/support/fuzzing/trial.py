"""Runs one case and says what is wrong with what a reader did."""

from __future__ import annotations

import os
import random
import shutil
import sys
import tempfile
import threading
import time
import traceback
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from streamvision.core.errors import StreamVisionError
from support.fuzzing.mutation import Files
from support.fuzzing.target import Target

MAX_SENTENCE = 2000
"""Longest message, in characters without the name of the folder."""
_OUTSIDE_TEXT = "secret that stands outside"


@dataclass(frozen=True)
class Fault:
    """Something that a reader must not do."""

    kind: str
    """In a word: raised, silent, sentence, slow, memory, outside, left."""
    detail: str
    """What happened, in one line; the same for the same fault."""
    more: str = ""
    """The traceback, or the message."""


class Trials:
    """Runs cases, one after the other, each in a folder of its own.

    Args:
        target: who reads them.
        place: an empty folder.
    """

    def __init__(self, target: Target, place: Path) -> None:
        self._target = target
        self._place = place
        self._opened: list[str] = []
        outside = place / "outside"
        outside.mkdir()
        for suffix in (".txt", ".json", ".yaml"):
            (outside / f"secret{suffix}").write_text(_OUTSIDE_TEXT)
        (outside / "secret.jpg").write_bytes(_jpeg())
        (place / "tmp").mkdir()
        _watch_opening()

    def run(self, files: Files, rng: random.Random) -> list[Fault]:
        """Return what is wrong with how a case was read."""
        folder = self._place / "case"
        shutil.rmtree(folder, ignore_errors=True)
        written = write_files(folder, files)
        before = sorted(_below(folder))
        threads, begun_s = threading.active_count(), time.process_time()
        said: list[str] = []
        faults: list[Fault] = []
        with self._watched():
            try:
                said = self._target.run(folder, rng) or []
            except StreamVisionError as error:
                faults += _check_error(error, folder)
            except MemoryError:
                faults.append(Fault("memory", "asked for more memory than it may", traceback.format_exc()))
            except BaseException as error:
                faults.append(Fault("raised", _where(error), traceback.format_exc(limit=-25)[:8000]))
        seconds = time.process_time() - begun_s
        allowed_s = self._target.seconds + self._target.seconds * written / self._target.bytes_per_second
        if seconds > allowed_s:
            faults.append(
                Fault("slow", self._target.name, f"{seconds:.1f} s for {written} bytes, {allowed_s:.1f} s may be")
            )
        faults += [fault for sentence in said if (fault := _sentence_fault(sentence)) is not None]
        faults += [Fault("outside", "opened a file outside of its folder", path) for path in self._opened[:1]]
        if sorted(_below(folder)) != before:
            faults.append(Fault("left", "changed the folder that it reads", str(set(_below(folder)) ^ set(before))))
        if left := list((self._place / "tmp").iterdir()):
            faults.append(Fault("left", "left a temporary file", str(left[0])))
            shutil.rmtree(self._place / "tmp")
            (self._place / "tmp").mkdir()
        if threading.active_count() > threads + 8:
            faults.append(Fault("left", "left threads", str(threading.enumerate())))
        return faults

    def close(self) -> None:
        """Stop what the target has started."""
        if self._target.close is not None:
            self._target.close()

    def _on_open(self, path: str) -> None:
        real = os.path.realpath(path.replace("\0", ""))
        if real.startswith((str(self._place / "outside"), "/etc/passwd", "/dev/zero")):
            self._opened.append(real)

    @contextmanager
    def _watched(self) -> Iterator[None]:
        self._opened.clear()
        former, tempfile.tempdir = tempfile.tempdir, str(self._place / "tmp")
        _openings.append(self._on_open)
        try:
            yield
        finally:
            _openings.clear()
            tempfile.tempdir = former


_openings: list[Callable[[str], None]] = []
"""Who is told of every file that is opened."""


@cache
def _watch_opening() -> None:
    """Have Python tell of every file that it opens; that cannot be undone, so it is done once."""

    def audit(event: str, args: tuple[Any, ...]) -> None:
        if _openings and event == "open" and isinstance(args[0], (str, bytes)):
            _openings[0](os.fsdecode(args[0]))

    sys.addaudithook(audit)


def write_files(folder: Path, files: Files) -> int:
    """Write a case and return how many bytes it has; ``->`` before a content makes a link to what it names."""
    folder.mkdir(parents=True)
    written = 0
    for name, content in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if content.startswith(b"->"):
                path.symlink_to(os.fsdecode(content[2:]))
            else:
                path.write_bytes(content)
        except (OSError, ValueError):
            continue
        written += len(content) + len(name)
    return written


def _below(folder: Path) -> list[str]:
    return [os.path.join(place, name) for place, _, names in os.walk(folder) for name in names]  # noqa: PTH118


def _check_error(error: StreamVisionError, folder: Path) -> list[Fault]:
    text = str(error)
    if (fault := _sentence_fault(text)) is not None:
        return [fault]
    if str(folder) not in text and not any(name in text for name in ("command line", "analytics", "config")):
        return [Fault("sentence", f"names no file: {_where(error)}", text)]
    return []


def _sentence_fault(text: str) -> Fault | None:
    if not text.strip() or len(text.splitlines()) != 1:
        return Fault("sentence", f"is not one line: {text[:60]!r}", text[:4000])
    if len(text) > MAX_SENTENCE:
        return Fault("sentence", f"is too long: {text[-60:]!r}", text[:4000])
    if _OUTSIDE_TEXT in text:
        return Fault("outside", "quotes a file outside of its folder", text)
    if any(unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") for letter in text):
        return Fault("sentence", f"has characters that cannot be shown: {text[:60]!r}", repr(text[:4000]))
    return None


def _where(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "streamvision" in one.filename or "exporters" in one.filename] or frames
    last = own[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.name}: {last.line}"


def _jpeg() -> bytes:
    import cv2
    import numpy as np

    return bytes(cv2.imencode(".jpg", np.full((48, 64, 3), 90, np.uint8))[1].tobytes())
