"""Hours on end: does anything grow? Memory, age, rate and drops at regular intervals."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from pipelines.engine import Pipeline
from streamvision.bench.pipeline import Moment
from streamvision.bench.usage import machine, rss_mb
from streamvision.core.config.app import AppConfig
from streamvision.core.errors import StreamVisionError
from streamvision.core.telemetry import quantiles_of

SETTLING = 1 / 3
"""Share of the run at its beginning that the trend leaves out: caches and pools fill then."""


@dataclass(frozen=True)
class SoakNote:
    """One interval."""

    seconds: float
    """Since the beginning."""
    fps: float
    """Finished frames a second, over all streams."""
    age_p50_s: float | None
    """Median age of the interval's frames."""
    age_p99_s: float | None
    """99 of 100 were younger."""
    rss_mb: float
    """Memory at its end."""
    cpu_percent: float
    """Of this process; 100 is one core."""
    drops: int
    """Frames dropped in it."""
    threads: int
    """Threads of Python at its end."""


@dataclass(frozen=True)
class SoakFigures:
    """The whole run."""

    notes: tuple[SoakNote, ...]
    """The intervals, in order."""
    model: str
    """Model and runtime in words."""
    failures: tuple[str, ...]
    """What went wrong for good."""

    @property
    def growth_mb_per_hour(self) -> float | None:
        """Slope of the memory after the settling, by least squares; ``None`` with fewer than three intervals."""
        kept = [note for note in self.notes if note.seconds >= SETTLING * self.notes[-1].seconds]
        if len(kept) < 3:
            return None
        seconds, memory_mb = [note.seconds for note in kept], [note.rss_mb for note in kept]
        return float(np.polyfit(seconds, memory_mb, 1)[0]) * 3600

    def to_json(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        growth, ages = self.growth_mb_per_hour, [note.age_p99_s for note in self.notes if note.age_p99_s is not None]
        return {
            "seconds": self.notes[-1].seconds if self.notes else 0.0,
            "fps": round(float(np.mean([note.fps for note in self.notes])), 2) if self.notes else 0.0,
            "rss_mb": {"first": self.notes[0].rss_mb, "last": self.notes[-1].rss_mb} if self.notes else None,
            "growth_mb_per_hour": None if growth is None else round(growth, 2),
            "age_p99_s": {"median": round(float(np.median(ages)), 4), "max": max(ages)} if ages else None,
            "drops": sum(note.drops for note in self.notes),
            "notes": [asdict(note) for note in self.notes],
            "model": self.model,
            "failures": list(self.failures),
            "machine": machine(),
        }


def bench_soak(
    config: AppConfig, *, seconds: float, every_s: float, on_note: Callable[[SoakNote], None] = lambda note: None
) -> SoakFigures:
    """Run the pipeline as if somebody watched, and note every interval.

    Raises:
        StreamVisionError: when the run cannot begin.
    """
    pipeline = Pipeline(config)
    for channel in pipeline.view.channels.values():
        channel.add_viewer()
    notes: list[SoakNote] = []
    begin_s = time.monotonic()
    with pipeline:
        before = Moment.of(pipeline)
        over = False
        while not over and time.monotonic() - begin_s < seconds:
            left_s = begin_s + min(seconds, (len(notes) + 1) * every_s) - time.monotonic()
            over = pipeline.wait(max(left_s, 0.01))
            after = Moment.of(pipeline)
            notes.append(_note(after, before, seconds=time.monotonic() - begin_s))
            on_note(notes[-1])
            before = after
        failures = tuple(pipeline.failures())
    if failures and not any(note.fps for note in notes):
        raise StreamVisionError(failures[0])
    return SoakFigures(tuple(notes), pipeline.view.model, failures)


def _note(after: Moment, before: Moment, *, seconds: float) -> SoakNote:
    """Return what happened between two moments."""
    wall_s = max(after.usage.at_s - before.usage.at_s, 1e-9)
    quantiles = quantiles_of(np.concatenate([*after.ages_since(before).values()]))
    return SoakNote(
        seconds=round(seconds, 1),
        fps=round((after.frames - before.frames) / wall_s, 2),
        age_p50_s=quantiles.get("p50"),
        age_p99_s=quantiles.get("p99"),
        rss_mb=round(rss_mb(), 1),
        cpu_percent=round(after.usage.cpu_percent_since(before.usage), 1),
        drops=after.drops - before.drops,
        threads=threading.active_count(),
    )
