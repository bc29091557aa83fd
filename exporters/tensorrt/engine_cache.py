"""Engines that were built here before, by what they depend on.

One lock for the whole folder: a builder measures how long kernels take, and a second one beside it would spoil that.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from exporters.tensorrt.engine_spec import EngineSpec
from streamvision.core.errors import ModelError, OutputError
from streamvision.core.files import write_whole, writing
from streamvision.inference.backends.cuda_memory import GpuFacts
from streamvision.inference.backends.tensorrt_header import EngineHeader, header_path, read_header, sha256

MOST_ENGINES = 16
"""The oldest beyond this are removed; an engine takes from 10 to some 200 MB."""
LOCK_TIMEOUT_S = 3600.0
"""Building a large network on a small device may take the better part of this."""
_POLL_S = 0.2
_KEY_CHARACTERS = 16
_ANOTHER = "give --cache another folder"


class EngineCache:
    """A folder of engines with their headers. What is in it is whole: files appear in one step, the header last.

    Args:
        folder: created where it is missing.
        most: how many engines are kept.

    Raises:
        OutputError: when the folder cannot be written.
    """

    def __init__(self, folder: Path, *, most: int = MOST_ENGINES) -> None:
        self.folder = folder
        """Where it lies."""
        self._most = most
        with writing(folder, instead=_ANOTHER):
            folder.mkdir(parents=True, exist_ok=True)

    def path(self, spec: EngineSpec, gpu: GpuFacts, tensorrt: str) -> Path:
        """Return where the engine for all this lies, or would."""
        depends = {
            "gpu": gpu.name,
            "compute_capability": gpu.compute_capability,
            "driver": gpu.driver,
            "tensorrt": tensorrt,
            "model": spec.digest,
            "precision": spec.precision,
            "batch": spec.batch,
            "size_px": (spec.card.input.width_px, spec.card.input.height_px),
            "tf32": spec.tf32,
        }
        key = hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()[:_KEY_CHARACTERS]
        return self.folder / f"{spec.path.stem}-{spec.precision}-{key}.engine"

    def find(self, path: Path) -> EngineHeader | None:
        """Return the header of a cached engine, ``None`` where there is none or it is damaged."""
        try:
            header = read_header(path, path.read_bytes())
        except (FileNotFoundError, ModelError):
            return None
        os.utime(path)
        return header

    def put(self, path: Path, engine: bytes, header: EngineHeader) -> None:
        """Store an engine, and remove the oldest where there are too many.

        Raises:
            OutputError: when it cannot be written.
        """
        write_engine(path, engine, header)
        engines = sorted(self.folder.glob("*.engine"), key=lambda file: file.stat().st_mtime, reverse=True)
        for old in engines[self._most :]:
            header_path(old).unlink(missing_ok=True)
            old.unlink(missing_ok=True)

    def timings_path(self, gpu: GpuFacts, tensorrt: str) -> Path:
        """Return where the measurements of past builds lie."""
        device = sha256(f"{gpu} {tensorrt}".encode())[:_KEY_CHARACTERS]
        return self.folder / f"{device}.timings"

    @contextmanager
    def lock(self, *, timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
        """Hold the folder alone, waiting for another builder.

        Raises:
            OutputError: when it takes longer than ``timeout_s``, or the folder cannot be written.
        """
        give_up_s = time.monotonic() + timeout_s
        with writing(self.folder, instead=_ANOTHER):
            stream = (self.folder / ".lock").open("w")
        with stream:
            while True:
                try:
                    fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError as error:
                    if time.monotonic() > give_up_s:
                        raise OutputError(
                            f"another process has been building into {self.folder} for {timeout_s:.0f} s; wait for it, "
                            "or give --cache another folder"
                        ) from error
                    time.sleep(_POLL_S)
            yield


def write_engine(path: Path, engine: bytes, header: EngineHeader) -> None:
    """Write an engine and its header; until the header is there, nothing takes the engine for whole.

    Raises:
        OutputError: when it cannot be written.
    """
    beside = header_path(path)
    beside.unlink(missing_ok=True)
    write_whole(path, engine)
    write_whole(beside, header.model_dump_json(indent=1).encode())
