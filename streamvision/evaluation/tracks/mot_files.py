"""Sequences in the form of MOTChallenge (https://motchallenge.net/instructions).

A sequence is a folder with ``seqinfo.ini``, ``gt/gt.txt`` (the truth) and ``det/det.txt`` (what a detector found; it is
absent where trackers bring their own, as in DanceTrack).
"""

from __future__ import annotations

import configparser
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.detections import Detections
from streamvision.core.errors import ConfigError, SourceError
from streamvision.core.reading import read_text
from streamvision.core.redaction import short
from streamvision.evaluation.tracks.benchmarks import BENCHMARKS, Rules, rules_of
from streamvision.evaluation.tracks.mot_text import (
    BOX,
    CLASS,
    F64,
    FRAME,
    IDENTITY,
    SCORE,
    check_frames,
    check_identities,
    corners,
    read_table,
    result_rows,
    rows_by_frame,
    write_results,
)

__all__ = [
    "BOX",
    "CLASS",
    "F64",
    "FRAME",
    "IDENTITY",
    "SCORE",
    "MotSequence",
    "corners",
    "read_sequences",
    "read_table",
    "result_rows",
    "rows_by_frame",
    "write_results",
]

MAX_INFO_BYTES = 1 << 16
"""Longest ``seqinfo.ini``."""
MAX_FRAMES = 10_000_000
"""Most frames of a sequence: four days at 30 frames a second."""
WELL_KNOWN_SCALE = 1.001
"""Up to here a score is one of 0..1 with an error of rounding."""


@dataclass(frozen=True, eq=False)
class MotSequence:
    """One sequence: its truth, and the public detections that trackers are compared on."""

    name: str
    """Name, as ``seqinfo.ini`` gives it; that of the folder where two give the same."""
    folder: Path
    """Where it lies."""
    number: NDArray[np.intp]
    """(frames,) number of each frame, from 1; there are gaps where frames were dropped."""
    fps: float
    """Frames per second."""
    size_px: tuple[int, int]
    """(width, height) of the picture."""
    truth: F64
    """(N, 7) or wider rows of ``gt.txt``."""
    found: F64 | None
    """(M, 7) or wider rows of ``det.txt``, scores from 0 to 1; ``None`` where there is no such file."""
    rules: Rules = BENCHMARKS["mot15"]
    """What of the truth counts."""
    ranked: bool = False
    """Whether the scores of ``det.txt`` are on another scale, so that only their order is used."""

    @property
    def has_classes(self) -> bool:
        """Whether the truth says what each object is (MOT16 and later)."""
        return self.rules.has_classes

    @property
    def counted(self) -> NDArray[np.bool_]:
        """(N,) which rows of the truth are to be found."""
        counted: NDArray[np.bool_] = np.trunc(self.truth[:, SCORE]) != 0
        if self.has_classes:
            counted &= np.isin(self.truth[:, CLASS], self.rules.wanted)
        return counted

    @property
    def frames(self) -> int:
        """How many frames there are."""
        return len(self.number)

    def without(self, dropped: NDArray[np.bool_]) -> MotSequence:
        """Return the sequence as it is when the (frames,) marked frames are lost before anybody sees them."""
        number = self.number[~dropped]
        truth = self.truth[np.isin(self.truth[:, FRAME], number)]
        found = None if self.found is None else self.found[np.isin(self.found[:, FRAME], number)]
        return replace(self, number=number, truth=truth, found=found)

    def detections(self) -> list[Detections]:
        """Return what the detector found, frame by frame.

        Raises:
            ConfigError: when there are no detections.
        """
        if self.found is None:
            raise ConfigError(
                f"{self.folder} has no det/det.txt, the boxes that a tracker is given; add those of a detector, or "
                "measure a tracker's own files with --results"
            )
        everything = Detections(
            corners(self.found).astype(np.float32),
            self.found[:, SCORE].astype(np.float32),
            np.zeros(len(self.found), np.int32),
        )
        return [everything[rows] for rows in rows_by_frame(self.found, self.number)]


def read_sequences(root: Path, *, benchmark: str | None = None, classes: Sequence[int] = ()) -> list[MotSequence]:
    """Return every sequence below a folder, or the folder itself if it is one, ordered by name.

    Args:
        root: the folder.
        benchmark: whose rules hold; not given, names and form of the files tell.
        classes: classes of the truth that are to be found, instead of pedestrians.

    Raises:
        ConfigError: when there is none.
        SourceError: when a file is missing or damaged.
    """
    if not root.is_dir():
        raise ConfigError(f"{root} is not a folder; give the folder that holds the MOTChallenge sequences")
    infos = [root / "seqinfo.ini"] if (root / "seqinfo.ini").is_file() else sorted(root.glob("*/seqinfo.ini"))
    if not infos:
        raise ConfigError(
            f"{root} has no sequence in the form of MOTChallenge: each is a folder with seqinfo.ini, gt/gt.txt and "
            "det/det.txt"
        )
    sequences = [_read_sequence(info.parent, root=root, benchmark=benchmark, classes=classes) for info in infos]
    if len({sequence.name for sequence in sequences}) == len(sequences):
        return sequences
    return [replace(sequence, name=sequence.folder.name) for sequence in sequences]


@dataclass(frozen=True)
class _Info:
    name: str
    frames: int
    fps: float
    size_px: tuple[int, int]


def _read_sequence(folder: Path, *, root: Path, benchmark: str | None, classes: Sequence[int]) -> MotSequence:
    info = _read_info(folder)
    truth_path, found_path = folder / "gt" / "gt.txt", folder / "det" / "det.txt"
    truth = read_table(truth_path, least_columns=7)
    check_frames(truth, truth_path, frames=info.frames)
    check_identities(truth, truth_path)
    columns = truth.shape[1] if len(truth) else None
    rules = BENCHMARKS[benchmark] if benchmark else rules_of(info.name, folder, root=root, columns=columns)
    rules = rules.counting(classes)
    if rules.has_classes and truth.shape[1] <= CLASS:
        raise SourceError(
            f"{truth_path} has {truth.shape[1]} columns and so no classes; measure it by --benchmark mot15"
        )
    found = read_table(found_path, least_columns=7) if found_path.exists() else None
    ranked = False
    if found is not None:
        check_frames(found, found_path, frames=info.frames)
        found[:, SCORE], ranked = _shares(found[:, SCORE])
    number = np.arange(1, info.frames + 1)
    return MotSequence(info.name, folder, number, info.fps, info.size_px, truth, found, rules, ranked)


def _read_info(folder: Path) -> _Info:
    path = folder / "seqinfo.ini"
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string(read_text(path, limit=MAX_INFO_BYTES))
        info = parser["Sequence"]
        frames, fps = int(info["seqLength"]), float(info["frameRate"])
        size_px = int(info.get("imWidth", "0")), int(info.get("imHeight", "0"))
    except (configparser.Error, KeyError, ValueError) as error:
        raise SourceError(
            f"{path} cannot be used ({short(str(error))}); it needs [Sequence] with seqLength and frameRate"
        ) from error
    if not 1 <= frames <= MAX_FRAMES or not (math.isfinite(fps) and fps > 0):
        raise SourceError(
            f"{path}: seqLength {frames} and frameRate {fps} must be above 0, and seqLength at most {MAX_FRAMES}"
        )
    name = info.get("name", "")
    # The name becomes that of files, so one that is a path is none.
    usable = bool(name) and Path(name).name == name and name.isprintable()
    return _Info(name if usable else folder.resolve().name, frames, fps, size_px)


def _shares(score: F64) -> tuple[F64, bool]:
    """Return scores from 0 to 1, and whether they had to be made.

    Detectors have scales of their own: MOT15's goes up to about 100, MOT16's begins below 0. Of those only the order
    is known to mean anything, so a score becomes the share of the boxes that are no surer, from a half up: the file
    holds what its detector thought worth saying.
    """
    if not len(score) or (score.min() >= 0 and score.max() <= WELL_KNOWN_SCALE):
        return np.minimum(score, 1.0), False
    _, place, count = np.unique(score, return_inverse=True, return_counts=True)
    return 0.5 + 0.5 * (np.cumsum(count) / len(score))[place], True
