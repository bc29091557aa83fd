"""A whole export: one source into several formats, each converted, proven and only then put in its place.

Everything is made in a scratch folder beside its final place and moved there in one step, so that neither a failed
gate nor a full disk nor Ctrl-C leaves anything behind that looks like a good artefact.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exporters.base import SWITCHES, ExportOptions, ExportPrecision, Target, TargetEntry, UnverifiedArtifact
from exporters.parity.gate import Gate
from exporters.parity.verdict import Parity
from exporters.pictures import GatePictures
from exporters.report import build_report
from exporters.report.build import ReportFacts
from streamvision.checkpoints.base import Source
from streamvision.core.errors import ConfigError, ExportError, StreamVisionError
from streamvision.core.files import writing

logger = logging.getLogger(__name__)

Say = Callable[[str], None]
REPORT_ENDINGS = (".parity.json", ".parity.html", ".parity-failed.json", ".parity-failed.html")
"""What is appended to an artefact's name for its reports."""


@dataclass(frozen=True)
class Request:
    """One artefact that is wanted."""

    format: TargetEntry
    """What it shall be."""
    options: ExportOptions
    """How it shall be."""

    def name(self, source: Source) -> str:
        """Return the artefact's file name, such as ``yolov8n-fp16-nms.tflite``."""
        options = self.options
        parts = [source.path.stem, *source.variant, options.precision]
        if options.size_px is not None:
            parts.append(f"{options.size_px[0]}x{options.size_px[1]}")
        asked = {switch: getattr(options, switch) for switch in SWITCHES}
        words = (word if isinstance(word, str) else switch.partition("_")[0] for switch, word in asked.items() if word)
        return "-".join([*parts, *dict.fromkeys(words)]) + self.format.suffix


@dataclass(frozen=True, eq=False)
class ExportResult:
    """What became of a request."""

    request: Request
    """What was wanted."""
    name: str
    """Its file name."""
    path: Path | None
    """Where it lies; ``None`` where it failed."""
    bytes: int | None
    """Its size; ``None`` where it failed."""
    seconds: float
    """How long converting and proving took."""
    parity: Parity | None
    """The gate's verdict; ``None`` where it never came to that."""
    error: str | None
    """Why there is none, in one sentence; ``None`` where there is one."""
    report: Path | None
    """The page about it."""
    notes: tuple[str, ...] = ()
    """What the user should know of it, one sentence each."""

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        unproven: dict[str, Any] = {"passed": False, "sentence": self.error, "first_difference": None, "stages": []}
        return {
            "format": self.request.format.name,
            "precision": self.request.options.precision,
            "path": str(self.path) if self.path else None,
            "bytes": self.bytes,
            "seconds": round(self.seconds, 3),
            "parity": self.parity.to_json() if self.parity else unproven,
            "error": self.error,
            "report": str(self.report) if self.report else None,
            "notes": list(self.notes),
        }


class Exporter:
    """Turns one source into artefacts.

    Args:
        source: the model.
        gate: proves each export.
        pictures: what the gate shows, for the reports.
        output: folder for artefacts and reports; it is made where it is missing.
        force: whether what stands in the way is replaced.
        say: called with one line on each step.
    """

    def __init__(
        self,
        source: Source,
        gate: Gate,
        pictures: GatePictures,
        output: Path,
        *,
        force: bool = False,
        say: Say = lambda text: None,
    ) -> None:
        self._source, self._gate, self._pictures = source, gate, pictures
        self._output, self._force, self._say = output, force, say

    def run(self, requests: Sequence[Request]) -> list[ExportResult]:
        """Make and prove all artefacts; one that fails leaves the others alone.

        Raises:
            ConfigError: when two requests would have the same file name, or, without ``force``, one is there already.
            OutputError: when nothing can be written to the output folder.
        """
        self._check_names(requests)
        with writing(f"to {self._output}", instead="give another --output"):
            self._output.mkdir(parents=True, exist_ok=True)
            scratch = tempfile.TemporaryDirectory(prefix=".export-", dir=self._output, ignore_cleanup_errors=True)
        with scratch as folder:
            # What no converter would be started for is said at once, not after minutes of the others.
            order = sorted(range(len(requests)), key=lambda index: not _is_refused(requests[index]))
            results = {index: self._result(requests[index], Path(folder) / str(index)) for index in order}
            return [results[index] for index in range(len(requests))]

    def _result(self, request: Request, scratch: Path) -> ExportResult:
        name = request.name(self._source)
        begin_s = time.monotonic()
        parity: Parity | None = None
        path: Path | None = None
        report: Path | None = None
        error: str | None = None
        notes: tuple[str, ...] = ()
        try:
            scratch.mkdir()
            artifact, target = self._converted(name, request, scratch)
            notes = artifact.notes
            parity = self._proven(name, target, artifact, request.options, scratch)
            if not parity.passed:
                error = f"{name} was not kept: {parity.sentence()}"
            report = self._report(name, parity, artifact, scratch)
            path = self._place(artifact.path, name) if error is None else None
        except Exception as failure:  # converters raise whatever they like, and the other formats still have their turn
            error = error or _sentence(name, failure)
        if path is None:
            _remove(self._output / name)
            if parity is None or parity.passed:
                self._remove_reports(name)
                report = None
        seconds = time.monotonic() - begin_s
        self._say(f"{name}: {'passed' if path else 'FAILED'} after {seconds:.1f} s")
        return ExportResult(request, name, path, _bytes(path) if path else None, seconds, parity, error, report, notes)

    def _converted(self, name: str, request: Request, scratch: Path) -> tuple[UnverifiedArtifact, Target]:
        request.format.check(request.options)
        target = request.format.create()
        self._say(f"{name}: converting")
        begin_s = time.monotonic()
        folder = scratch / "converted"
        folder.mkdir()
        artifact = target.export(self._source, request.options, folder)
        # What is proven is what will be placed: no file that lies beside it can help it through the gate.
        artifact = replace(artifact, path=artifact.path.replace(scratch / name))
        shutil.rmtree(folder)
        self._say(f"{name}: converted in {time.monotonic() - begin_s:.1f} s, {_megabytes(_bytes(artifact.path))}")
        return artifact, target

    def _proven(
        self, name: str, target: Target, artifact: UnverifiedArtifact, options: ExportOptions, scratch: Path
    ) -> Parity:
        begin_s = time.monotonic()
        self._say(f"{name}: comparing with the source on {self._pictures.origin}")
        parity = self._gate.prove(target, artifact, options, scratch=scratch)
        self._say(f"{name}: compared in {time.monotonic() - begin_s:.1f} s, {parity.sentence()}")
        return parity

    def _report(self, name: str, parity: Parity, artifact: UnverifiedArtifact, scratch: Path) -> Path:
        """Write both reports and return the page."""
        self._remove_reports(name)
        kind = "parity" if parity.passed else "parity-failed"
        document = {
            "artefact": name,
            "format": artifact.format,
            "precision": artifact.precision,
            "source": str(self._source.path),
            "card": artifact.card.model_dump(mode="json", exclude_defaults=True),
            "notes": list(artifact.notes),
            "parity": parity.to_json(),
        }
        (scratch / "report.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
        facts = ReportFacts(
            source=f"{self._source.path.name} ({self._source.card.head})",
            export=f"{artifact.format} in {artifact.precision}",
            names=self._source.card.names,
            tolerance=self._gate.tolerance(artifact.precision),
            notes=artifact.notes,
        )
        build_report(parity, scratch / "report.html", title=name, facts=facts, pictures=self._pictures)
        for form in ("json", "html"):
            (scratch / f"report.{form}").replace(self._output / f"{name}.{kind}.{form}")
        return self._output / f"{name}.{kind}.html"

    def _place(self, made: Path, name: str) -> Path:
        path = self._output / name
        _remove(path)
        made.replace(path)
        return path

    def _remove_reports(self, name: str) -> None:
        for ending in REPORT_ENDINGS:
            _remove(self._output / f"{name}{ending}")

    def _check_names(self, requests: Sequence[Request]) -> None:
        names = [request.name(self._source) for request in requests]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(f"{', '.join(twice)} would be made twice; name each format and precision once")
        there = [name for name in names if (self._output / name).exists()]
        if there and not self._force:
            raise ConfigError(
                f"{', '.join(there)} {'is' if len(there) == 1 else 'are'} in {self._output} already; "
                "give --force to replace, or another --output"
            )


def requests_for(
    formats: Sequence[TargetEntry], precisions: Sequence[ExportPrecision], options: ExportOptions
) -> list[Request]:
    """Return one request for each format and precision; without precisions, each format in its default one."""
    return [
        Request(format, replace(options, precision=precision))
        for format in formats
        for precision in (precisions or format.precisions[:1])
    ]


def _is_refused(request: Request) -> bool:
    try:
        request.format.check(request.options)
    except ExportError:
        return True
    return False


def _sentence(name: str, failure: Exception) -> str:
    if isinstance(failure, StreamVisionError):
        return f"{name} was not made: {failure}"
    logger.info("while making %s", name, exc_info=failure)
    if isinstance(failure, OSError):
        return f"{name} was not made: {failure.strerror or failure}; make room or give another --output"
    words = " ".join(str(failure).split())[:300]
    return f"{name} was not made: the converter failed unexpectedly ({type(failure).__name__}: {words}); -v shows where"


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _bytes(path: Path) -> int:
    if path.is_dir():
        return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    return path.stat().st_size


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB"
