"""What ``bench formats`` has found is kept, so that ``doctor`` can say which form of a model is fastest here.

One small file a table lies below the user's cache, named by the models' content, the machine and the runtimes'
versions: a table of another machine or of other versions says nothing of this one.
"""

from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from streamvision.bench.formats.table import FormatsFigures
from streamvision.bench.usage import machine
from streamvision.core.files import cache_folder, sha256_of, write_whole
from streamvision.core.model_location import files_of
from streamvision.core.reading import UnreadableError, read_json
from streamvision.core.version import __version__

MOST_KEPT = 64
"""Tables; the oldest go."""
_MAX_BYTES = 64 << 10
_MACHINE_KEYS = ("cpu", "cores", "instruction_sets")


@dataclass(frozen=True)
class KeptTable:
    """The end of one table."""

    model: str
    """What was given."""
    name: str
    """The fastest line."""
    file: str
    """Its file."""
    fps: float
    """Pictures a second."""
    latency_p50_ms: float
    """Of one call at a time."""
    proven: bool
    """Whether gate or labelled pictures say that it is as good as it must be."""
    at: str
    """When, in UTC."""
    digests: tuple[str, ...]
    """SHA-256 of each model that it is about: the source, and the files."""
    machine: Mapping[str, Any]
    """Processor, cores and instruction sets."""
    versions: Mapping[str, str]
    """Of this project, and of each runtime that was measured."""

    def fits(self, versions: Mapping[str, str]) -> bool:
        """Return whether it was measured on this machine, with these versions of the runtimes."""
        same = all(versions.get(runtime) == version for runtime, version in self.versions.items())
        return same and self.machine == _this_machine()

    def sentence(self) -> str:
        """Return it in words."""
        proven = "" if self.proven else "; not compared with its source"
        whole = self.name if Path(self.file).name == self.name else f"{self.name} of {Path(self.model).name}"
        return (
            f"{whole}: {self.fps:.1f} pictures a second, {self.latency_p50_ms:.1f} ms "
            f"({self.file}, measured on {self.at[:10]}{proven})"
        )


def keep(figures: FormatsFigures, models: Sequence[Path]) -> Path | None:
    """Keep the end of a table; return where, or ``None`` where no line was fastest.

    Raises:
        OutputError: when it cannot be written.
    """
    fastest = figures.fastest
    if fastest is None or fastest.path is None:
        return None
    files = [row.path for row in figures.rows if row.path is not None and row.path.exists()]
    versions = {found["runtime"]: str(found["runtime_version"]) for row in figures.rows for found in row.rounds}
    table = KeptTable(
        model=figures.model,
        name=fastest.row.name,
        file=str(fastest.path.resolve()),
        fps=fastest.median("fps") or 0.0,
        latency_p50_ms=fastest.median("latency_ms", "p50") or 0.0,
        proven=bool(fastest.passes),
        at=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        digests=tuple(dict.fromkeys(map(digest_of, [*models, *files]))),
        machine=_this_machine(),
        versions={"streamvision": __version__} | {name: text for name, text in versions.items() if name != "torch"},
    )
    key = json.dumps([list(map(digest_of, models)), table.machine, table.versions], sort_keys=True)
    folder = cache_folder("formats")
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{hashlib.sha256(key.encode()).hexdigest()}.json"
    write_whole(path, json.dumps(asdict(table), indent=2) + "\n", sync=False)
    for old in _by_age(folder)[MOST_KEPT:]:
        old.unlink(missing_ok=True)
    return path


def kept_table(model: Path | None, versions: Mapping[str, str]) -> KeptTable | None:
    """Return the newest table of this machine and these versions; ``None`` where there is none.

    Args:
        model: a source or file that it must be about; ``None`` for any.
        versions: of this project and the runtimes, by name.
    """
    wanted = digest_of(model) if model is not None else None
    tables = [table for path in _by_age(cache_folder("formats"))[:MOST_KEPT] if (table := _read(path)) is not None]
    able = [table for table in tables if table.fits(versions) and (wanted is None or wanted in table.digests)]
    return max(able, key=lambda table: table.at, default=None)


def digest_of(model: Path) -> str:
    """Return the SHA-256 of a model: of its file and its weights, or of all files of its folder in the order of names.

    Raises:
        OSError: when it cannot be read.
    """
    files = sorted(one for one in model.rglob("*") if one.is_file()) if model.is_dir() else files_of(model)
    return sha256_of(files)


def _this_machine() -> dict[str, Any]:
    return {key: value for key, value in machine().items() if key in _MACHINE_KEYS}


def _by_age(folder: Path) -> list[Path]:
    """Return the kept files, the newest first."""
    try:
        return sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []


def _read(path: Path) -> KeptTable | None:
    """Return a kept table; ``None`` where the file is of another version of this project, or damaged."""
    try:
        found = read_json(path, limit=_MAX_BYTES)
        return KeptTable(
            model=str(found["model"]),
            name=str(found["name"]),
            file=str(found["file"]),
            fps=float(found["fps"]),
            latency_p50_ms=float(found["latency_p50_ms"]),
            proven=bool(found["proven"]),
            at=str(found["at"]),
            digests=tuple(map(str, found["digests"])),
            machine=dict(found["machine"]),
            versions=dict(found["versions"]),
        )
    except (UnreadableError, KeyError, TypeError, ValueError):
        return None
