"""What was chosen for a model on this machine, and where that is kept between runs."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streamvision.core.errors import OutputError
from streamvision.core.files import cache_folder, sha256_of, write_whole, writing
from streamvision.core.processor import instruction_sets, processor_name
from streamvision.core.reading import UnreadableError, finite, read_json
from streamvision.core.words import counted
from streamvision.inference.backends.cores import Share, usable_cores
from streamvision.inference.tuning.candidates import Goal

MOST_FILES = 64
"""Choices that are kept, those used last."""
MOST_BYTES = 16_384
_FORMAT = 1
_MOST_THREADS = 1024


@dataclass(frozen=True)
class Choice:
    """How the cores are shared out, and why."""

    model: str
    """Name of the model's file."""
    backend: str
    """The runtime."""
    goal: Goal
    """What it was chosen for."""
    share: Share
    """Calls at a time, and threads of each."""
    baseline: Share
    """What it was compared with."""
    gain: float | None
    """How many times as fast as that it was, 1 where that was chosen; ``None`` where a call takes too long to try."""

    def short(self) -> str:
        """Return it in a few words.

        >>> Choice("yolo.onnx", "onnxruntime", "throughput", Share(2, 1), Share(1, 2), 1.19).short()
        '2 calls of 1 thread (1.19 times as fast as 1 call of 2 threads)'
        """
        if self.share == self.baseline:
            return share_words(self.share)
        return f"{share_words(self.share)} ({self.gain:.2f} times as fast as {share_words(self.baseline)})"

    def words(self) -> str:
        """Return it as one line that says why.

        >>> Choice("yolo.onnx", "onnxruntime", "latency", Share(1, 2), Share(1, 2), 1.0).words()
        'yolo.onnx in onnxruntime, for latency: 1 call of 2 threads; nothing else that was tried is faster'
        """
        why = ""
        if self.gain is None:
            why = "; a call takes too long to try anything else"
        elif self.share == self.baseline:
            why = "; nothing else that was tried is faster"
        return f"{self.model} in {self.backend}, for {self.goal}: {self.short()}{why}"


def share_words(share: Share) -> str:
    """Return calls and threads in words.

    >>> share_words(Share(1, 4))
    '1 call of 4 threads'
    """
    return f"{counted(share.requests, 'calls')} of {counted(share.threads, 'threads')}"


def choice_key(files: list[Path], *, asked: Mapping[str, Any], version: str) -> dict[str, Any]:
    """Return all that a choice depends on.

    Args:
        files: of the model.
        asked: how it is opened and fed, what is given and what the choice is for, as plain values.
        version: of the runtime.
    """
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    return {
        "format": _FORMAT,
        "model": sha256_of(files),
        "asked": dict(asked),
        "runtime": version,
        "processor": processor_name(),
        "instructions": instruction_sets(),
        "cores": [os.cpu_count(), affinity, usable_cores()],
        "system": f"{platform.system()} {platform.machine()}",
    }


class KeptChoices:
    """Choices in the cache folder, a small file each; processes may use it at the same time.

    Args:
        folder: where they lie; by default in the cache of this user.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or cache_folder("tuning")

    def find(self, key: Mapping[str, Any]) -> Choice | None:
        """Return what was chosen; ``None`` where nothing was, or what is kept cannot be read."""
        path = self._path(key)
        document = _document(path)
        if document is None or document.get("key") != json.loads(json.dumps(key)):
            return None
        with suppress(OSError):
            path.touch()  # it was used
        return _choice(document)

    def keep(self, key: Mapping[str, Any], choice: Choice) -> None:
        """Keep what was chosen, and let go of what was used longest ago.

        Raises:
            OutputError: when the folder cannot be written to.
        """
        with writing(self.folder, instead="set XDG_CACHE_HOME to a folder that can be written"):
            self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._path(key), json.dumps({"key": key, **asdict(choice)}, indent=1) + "\n", sync=False)
        for path in self._files()[MOST_FILES:]:
            with suppress(OSError):
                path.unlink()

    def all(self) -> list[Choice]:
        """Return all that are kept and can be read, those used last first."""
        found = (_document(path) for path in self._files()[:MOST_FILES])
        return [choice for document in found if document is not None and (choice := _choice(document)) is not None]

    def _path(self, key: Mapping[str, Any]) -> Path:
        digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        return self.folder / f"{digest[:24]}.json"

    def _files(self) -> list[Path]:
        used: list[tuple[float, Path]] = []
        for path in self.folder.glob("*.json"):
            with suppress(OSError):
                used.append((path.stat().st_mtime, path))
        return [path for _, path in sorted(used, reverse=True)]


def kept_sentence() -> str | None:
    """Return the newest choices as one line for ``doctor``; ``None`` where there are none."""
    choices = KeptChoices().all()
    if not choices:
        return None
    more = f"; and {counted(len(choices) - 1, 'others')}" if len(choices) > 1 else ""
    return choices[0].words() + more


def try_to_keep(kept: KeptChoices, key: Mapping[str, Any], choice: Choice) -> None:
    """Keep a choice where that is possible; a cache that cannot be written to costs a second at the next start."""
    with suppress(OutputError):
        kept.keep(key, choice)


def _document(path: Path) -> dict[str, Any] | None:
    try:
        document = read_json(path, limit=MOST_BYTES)
    except (UnreadableError, OSError):
        return None
    return document if isinstance(document, dict) else None


def _choice(document: Mapping[str, Any]) -> Choice | None:
    """Return the choice in a file that anybody may have written; ``None`` where it is none."""
    share, first = _share(document.get("share")), _share(document.get("baseline"))
    gain, goal = finite(document.get("gain")), document.get("goal")
    model, backend = document.get("model"), document.get("backend")
    if share is None or first is None or gain is None or goal not in ("latency", "throughput"):
        return None
    if not (isinstance(model, str) and isinstance(backend, str)):
        return None
    return Choice(model[:200], backend[:80], goal, share, first, gain)


def _share(value: Any) -> Share | None:
    if not (isinstance(value, list) and len(value) == 2 and all(type(n) is int for n in value)):
        return None
    requests, threads = value
    return Share(requests, threads) if 1 <= requests <= 64 and 1 <= threads <= _MOST_THREADS else None
