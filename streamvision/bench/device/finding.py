"""What a check finds, and what it is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from streamvision.core.errors import StreamVisionError
from streamvision.core.nvidia.machine import NvidiaMachine, read_machine

NO_GPU = "this machine has no NVIDIA GPU, or its driver does not answer"
Outcome = Literal["passed", "failed", "not tried"]


class NotTriedError(StreamVisionError):
    """What a check needs is not there; the message says what, and where it helps, how to get it."""


@dataclass(frozen=True)
class Settings:
    """What all checks are told."""

    work: str
    """Folder that they share: what one makes, a later one may need."""
    model: str
    """The model: a file, or the name of one that ships."""
    seconds: float = 8.0
    """How long each bench measures."""
    film_s: float = 8.0
    """Length of the film that is decoded, at 25 frames a second."""
    film_px: tuple[int, int] = (1280, 720)
    """Its width and height."""
    pictures: int = 12
    """Pictures on which two devices are compared."""

    @property
    def film(self) -> Path:
        """The film."""
        return Path(self.work) / "film.mp4"

    def to_json(self) -> str:
        """Return the text that :meth:`from_json` reads."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Settings:
        """Return the settings of a text."""
        read = cls(**json.loads(text))
        return replace(read, film_px=(read.film_px[0], read.film_px[1]))


@dataclass(frozen=True)
class Finding:
    """What a check found."""

    outcome: Outcome
    """Whether it is as promised."""
    why: str
    """What was seen, in one line; where it is not as promised, what is not."""
    figures: Mapping[str, Any] = field(default_factory=dict)
    """What was measured, as plain values; units stand in the names."""


def nvidia_machine() -> NvidiaMachine:
    """Return this machine.

    Raises:
        NotTriedError: when it has no NVIDIA GPU.
    """
    machine = read_machine()
    if machine is None:
        raise NotTriedError(NO_GPU)
    return machine
