"""Measures the lines: conversions first, then speed in rounds in turn, then accuracy; each step in its own process."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from exporters.base import ExportPrecision
from exporters.parity.tolerances import TOLERANCES
from streamvision.bench.child_process import run_module
from streamvision.bench.formats.child import Job
from streamvision.bench.formats.rows import Row
from streamvision.bench.usage import machine
from streamvision.core.reading import UnreadableError, read_json

Status = Literal["measured", "refused", "failed", "not tried"]
OnStep = Callable[[str, int, int], None]
"""Called with what is going on, how many steps are done, and of how many."""
CHILD = "streamvision.bench.formats.child"
"""What does one step."""
_MAX_RESULT_BYTES = 8_000_000
_DECIMALS = 4


@dataclass(eq=False)
class RowFigures:
    """What is known of a line."""

    row: Row
    """Which it is."""
    status: Status = "measured"
    """``refused``: the gate found that the file differs from its source, and it was removed."""
    why: str | None = None
    """Where it was not measured, why, in one sentence."""
    path: Path | None = None
    """The file."""
    parity: dict[str, Any] | None = None
    """The gate's verdict, as ``export --json`` gives it; ``None`` where there was none."""
    notes: tuple[str, ...] = ()
    """What the user should know of the file, one sentence each."""
    rounds: list[dict[str, Any]] = field(default_factory=list)
    """Each round's figures, as ``bench model --json`` gives them."""
    accuracy: dict[str, Any] | None = None
    """``map50_95``, ``map50``, ``images``."""
    lost_points: float | None = None
    """Points of mAP50-95 below the source, or below the best of the files where there is none."""
    passes: bool | None = None
    """Whether it is as good as it must be; ``None`` where nothing says it."""
    is_fastest: bool = False
    """Whether it makes most pictures a second of those that pass."""

    @property
    def bytes(self) -> int | None:
        """Size of the file, or of all files of the folder."""
        if self.path is None or not self.path.exists():
            return None
        files = self.path.rglob("*") if self.path.is_dir() else [self.path]
        return sum(file.stat().st_size for file in files if file.is_file())

    def median(self, *keys: str) -> float | None:
        """Return the middle of the rounds' figures of that name."""
        values = []
        for found in self.rounds:
            value: Any = found
            for key in keys:
                value = value[key]
            values.append(value)
        return statistics.median(values) if values else None

    def of_runtime(self, key: str) -> str | None:
        """Return what was executed: ``runtime``, ``device``, or the arithmetic's ``precision``."""
        return str(self.rounds[-1][key]) if self.rounds else None

    def fail(self, why: str, status: Status = "failed") -> None:
        """Take note that it cannot be measured further."""
        if self.why is None:
            self.why, self.status = why, status

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        size, fps = self.bytes, [round(found["fps"], 2) for found in self.rounds]
        latency = {name: _rounded(self.median("latency_ms", name)) for name in ("p50", "p99")}
        return {
            "name": self.row.name,
            "format": self.row.format,
            "precision": self.row.precision or self.of_runtime("precision"),
            "file": str(self.path) if self.path else None,
            "size_mb": None if size is None else round(size / 1e6, 3),
            "status": self.status,
            "why": self.why,
            "runtime": self.of_runtime("runtime"),
            "device": self.of_runtime("device"),
            "arithmetic": self.of_runtime("precision"),
            "requests": self.rounds[-1]["requests"] if self.rounds else None,
            "latency_ms": latency if self.rounds else None,
            "fps": _rounded(self.median("fps")),
            "fps_of_rounds": fps,
            "picture_cpu_ms": _rounded(self.median("picture_cpu_ms")),
            "open_s": _rounded(self.median("open_s")),
            "rss_mb": _rounded(self.median("rss_mb")),
            "map50_95": _rounded((self.accuracy or {}).get("map50_95")),
            "map50": _rounded((self.accuracy or {}).get("map50")),
            "lost_points": _rounded(self.lost_points),
            "parity": self.parity,
            "passes": self.passes,
            "fastest": self.is_fastest,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, eq=False)
class FormatsFigures:
    """The whole table."""

    model: str
    """What was given."""
    rows: tuple[RowFigures, ...]
    """The lines, in the order in which they were asked for."""
    rounds: int
    """How often each was measured."""
    seconds: float
    """How long each time."""
    data: str | None
    """The labelled pictures."""
    others_cpu_percent: float | None
    """The most that everything else on the machine used while a line was measured; figures are worth little then."""

    @property
    def fastest(self) -> RowFigures | None:
        """The line that is marked."""
        return next((row for row in self.rows if row.is_fastest), None)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "model": self.model,
            "machine": machine(),
            "rounds": self.rounds,
            "seconds": self.seconds,
            "data": self.data,
            "images": next((row.accuracy["images"] for row in self.rows if row.accuracy), None),
            "others_cpu_percent": _rounded(self.others_cpu_percent),
            "rows": [row.to_json() for row in self.rows],
            "fastest": self.fastest.row.name if self.fastest else None,
        }


class FormatsBench:
    """Measures lines.

    Args:
        rows: the lines.
        settings: what all jobs have in common; its model is the source.
        rounds: how often each line's speed is measured.
        row_timeout_s: longest time for all steps of one line together.
        model: what was given, for the result.
        on_step: called before each step.
        say: called with one sentence on what became of a step.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        settings: Job,
        *,
        rounds: int,
        row_timeout_s: float,
        model: str,
        on_step: OnStep = lambda what, done, total: None,
        say: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._figures = [RowFigures(row, path=row.file) for row in rows]
        self._settings, self._rounds, self._row_timeout_s = settings, rounds, row_timeout_s
        self._model, self._on_step, self._say = model, on_step, say
        self._left_s = {id(figures): row_timeout_s for figures in self._figures}
        self._steps_done = 0

    def run(self) -> FormatsFigures:
        """Measure all lines; one that fails leaves the others alone."""
        for figures in self._figures:
            if figures.row.hindrance is not None:
                figures.fail(figures.row.hindrance, "not tried")
        with tempfile.TemporaryDirectory(prefix="streamvision-formats-", ignore_cleanup_errors=True) as scratch:
            self._scratch = Path(scratch)
            self._convert()
            for turn in range(self._rounds):
                # Every second round goes the other way, so that no line always has a warmer machine than another.
                for figures in self._measurable()[:: -1 if turn % 2 else 1]:
                    self._speed(figures, turn)
            if self._settings.data is not None:
                for figures in self._measurable():
                    self._accuracy(figures)
        judge(self._figures)
        others = [found["others_cpu_percent"] for figures in self._figures for found in figures.rounds]
        return FormatsFigures(
            model=self._model,
            rows=tuple(self._figures),
            rounds=self._rounds,
            seconds=self._settings.seconds,
            data=self._settings.data,
            others_cpu_percent=max((percent for percent in others if percent is not None), default=None),
        )

    def _measurable(self) -> list[RowFigures]:
        return [figures for figures in self._figures if figures.why is None]

    def _convert(self) -> None:
        """Make the file of each line; those that differ in the arithmetic alone share one."""
        made: dict[tuple[str, ExportPrecision], RowFigures] = {}
        for figures in self._measurable():
            row = figures.row
            if row.entry is None or row.made_in is None:
                continue
            key = (row.entry.name, row.made_in)
            if key in made:
                _share(made[key], figures)
                continue
            made[key] = figures
            job = replace(self._settings, work="convert", format=row.entry.name, made_in=row.made_in)
            found = self._step(figures, job, f"{row.entry.name} {row.made_in}: converting and comparing")
            if found is None:
                continue
            # What the gate says of the file holds for the arithmetic that it was executed in.
            if found["parity"]["stages"] and (row.precision != "bf16" or not found["parity"]["passed"]):
                figures.parity = found["parity"]
            figures.notes = tuple(found["notes"])
            if found["path"] is None:
                figures.fail(str(found["error"]), "refused" if figures.parity else "failed")
            else:
                figures.path = Path(found["path"])
            self._say(f"{row.name}: {figures.why or found['parity']['sentence']}")

    def _speed(self, figures: RowFigures, turn: int) -> None:
        what = f"{figures.row.name}: speed, round {turn + 1} of {self._rounds}"
        found = self._step(figures, self._job("speed", figures), what)
        if found is not None:
            figures.rounds.append(found)

    def _accuracy(self, figures: RowFigures) -> None:
        figures.accuracy = self._step(figures, self._job("accuracy", figures), f"{figures.row.name}: accuracy")

    def _job(self, work: Literal["speed", "accuracy"], figures: RowFigures) -> Job:
        row = figures.row
        precision = "bf16" if row.precision == "bf16" else "auto"
        made = row.entry is not None
        return replace(
            self._settings,
            work=work,
            model=str(figures.path),
            is_checkpoint=row.is_checkpoint,
            backend=row.backend,
            device=row.device,
            precision=precision,
            # What is made says itself how it is fed, and has one size.
            size_px=None if made else self._settings.size_px,
            head=None if made else self._settings.head,
            names=None if made else self._settings.names,
            input={} if made else self._settings.input,
        )

    def _step(self, figures: RowFigures, job: Job, what: str) -> dict[str, Any] | None:
        """Do one step in a process of its own; return what it found, ``None`` where the line has failed."""
        self._on_step(what, self._steps_done, self._steps())
        job_file, result_file = self._scratch / "job.json", self._scratch / "result.json"
        result_file.unlink(missing_ok=True)
        job_file.write_text(job.to_json(), encoding="utf-8")
        begin_s = time.monotonic()
        left_s = max(self._left_s[id(figures)], 0.0)
        ended = run_module(CHILD, [str(job_file), str(result_file)], deadline_s=left_s)
        self._left_s[id(figures)] -= time.monotonic() - begin_s
        self._steps_done += 1
        if ended.was_ended:
            figures.fail(f"it was ended, since all of it took longer than {self._row_timeout_s:g} s (--row-timeout)")
            self._say(f"{what}: {figures.why}")
            return None
        try:
            document = read_json(result_file, limit=_MAX_RESULT_BYTES)
        except UnreadableError:
            last = ended.said.splitlines()[-1:]
            figures.fail(": ".join([ended.fate(), *last]))
            self._say(f"{what}: {figures.why}")
            return None
        if "error" in document:
            figures.fail(str(document["error"]))
            self._say(f"{what}: {figures.why}")
            return None
        found: dict[str, Any] = document["found"]
        return found

    def _steps(self) -> int:
        """Return how many steps there are, those of lines that failed left out."""
        able = [figures.row for figures in self._measurable()]
        conversions = len({(row.entry.name, row.made_in) for row in able if row.entry is not None})
        return max(conversions + len(able) * (self._rounds + (self._settings.data is not None)), self._steps_done + 1)


def _share(made: RowFigures, figures: RowFigures) -> None:
    """Give a line the file of another, which executes it in another arithmetic; that was not compared."""
    figures.path, figures.notes = made.path, made.notes
    if made.why is not None:
        figures.fail(made.why, made.status)


def judge(all_figures: Sequence[RowFigures]) -> None:
    """Say which lines are good enough, and mark the fastest of them."""
    measured = [figures for figures in all_figures if figures.why is None]
    for figures in all_figures:
        figures.passes = False if figures.status == "refused" else None
    scores = {id(f): f.accuracy["map50_95"] for f in measured if f.accuracy and f.accuracy["map50_95"] is not None}
    source = next((scores.get(id(f)) for f in measured if f.row.format == "source"), None)
    best = source if source is not None else max(scores.values(), default=None)
    for figures in measured:
        equal = bool(figures.parity["passed"]) if figures.parity else (True if figures.row.format == "source" else None)
        if best is not None and id(figures) in scores:
            figures.lost_points = 100 * (best - scores[id(figures)])
            figures.passes = equal is not False and figures.lost_points <= _budget_points(figures)
        else:
            figures.passes = equal
    able = [figures for figures in measured if not figures.row.is_checkpoint and figures.rounds]
    proven = [figures for figures in able if figures.passes]
    candidates = proven or [figures for figures in able if figures.passes is None]
    if candidates:
        max(candidates, key=lambda figures: figures.median("fps") or 0.0).is_fastest = True


def _budget_points(figures: RowFigures) -> float:
    """Return the points of mAP50-95 that a line may lose: the gate's limit of its precision."""
    limits = {str(precision): tolerance.budget_points for precision, tolerance in TOLERANCES.items()}
    return limits.get(figures.row.precision or figures.of_runtime("precision") or "", limits["fp16"])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, _DECIMALS)
