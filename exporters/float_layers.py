"""Finds the layers that hurt most in 8 bits, by trying them, so that these stay in float and no others.

Each depth of the network is quantised alone, on calibration pictures, and the results are compared with those of the
float network by the gate's own figures. The depths that hurt most then stay in float, as few as bring all figures well
within the gate's limits (partial quantization: Wu et al., "Integer Quantization for Deep Learning Inference", arXiv
2004.09602).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from exporters.base import FloatSearch
from exporters.parity.comparison import Comparison
from exporters.parity.model_run import ModelRun
from exporters.parity.tolerances import PARTNER_SHARE, WORKING_SCORE, Tolerance
from exporters.parity.verdict import ParityStage
from exporters.pictures import GatePictures
from streamvision.core.picture import Picture
from streamvision.inference.backends.base import Backend
from streamvision.inference.model_card import ModelCard

WHOLE_PICTURE_TASKS = frozenset({"classify", "embed"})
"""What is said of a picture as a whole, by layers of which the second last often holds most weights of the network."""
JUDGED_PICTURES = 12
"""Some hundred objects and a thousand candidates on everyday photographs."""
_EVERY_FOR_ONE = 3
"""Of these pictures, every third tells how much one depth hurts: the order matters there, and not the figure."""
_ALONE_SHARE = 0.7
"""Part of the time that is for trying each depth alone."""
_GROWTH = 1.5
"""How many more depths are left in float from one try to the next, as a factor."""


@dataclass(frozen=True)
class Error:
    """How far a network in 8 bits is from its float original, in what the gate allows: 1 is at its limits."""

    mean: float
    """Mean over all figures, which tells small differences apart."""
    greatest: float
    """The figure that is nearest to its limit, or above it."""


@dataclass(frozen=True)
class Found:
    """What the search came to."""

    in_float: frozenset[int]
    """Depths that stay in float."""
    before: Error
    """With none of them in float."""
    after: Error
    """With these in float."""
    tried: int
    """How many depths were tried alone; the others stay in 8 bits."""

    def note(self, depths: Sequence[int]) -> str:
        """Return the sentence for the user.

        Args:
            depths: all that there are.
        """
        in_time = self.tried == len(depths) or (not self.in_float and self.before.greatest <= 1)
        ended = "" if in_time else f" Time was for {self.tried} of {len(depths)}; --search-time gives more."
        if not self.in_float:
            used = f"{self.after.greatest:.0%} of the gate's limits are used on calibration pictures"
            return f"No further layers stay in float: {used}.{ended}"
        named = ", ".join(map(str, sorted(self.in_float)))
        used = f"{self.after.greatest:.0%} of the gate's limits are used instead of {self.before.greatest:.0%}"
        return (
            f"Of {len(depths)} depths of the network those that hurt most stay in float ({named}): on calibration "
            f"pictures {used}.{ended}"
        )


def last_in_float(card: ModelCard) -> int:
    """Return how many learned layers before each output stay in float whatever is tried: their rounding goes straight
    into the results, of which boxes and pixels bear less than the classes of a whole picture.

    Of YOLOv8n's 44.7 points of mAP50-95 on 64 pictures of COCO, TensorRT's form lost 1.0 with one, 0.8 with two and 0.7
    with three, which are its whole head.
    """
    return 1 if card.task in WHOLE_PICTURE_TASKS else 3


def last_in_words(card: ModelCard) -> str:
    """Return which these are, with the verb."""
    count = last_in_float(card)
    if count == 1:
        return "The last learned layer before each output stays"
    return f"The last {count} learned layers before each output stay"


class FloatReference:
    """What the float network makes of calibration pictures, to judge others by.

    Args:
        backend: the float network; it is closed.
        card: how it is fed and read, and each that it is compared with.
        pictures: what is judged on.
        tolerance: the gate's limits.
    """

    def __init__(self, backend: Backend, card: ModelCard, pictures: GatePictures, tolerance: Tolerance) -> None:
        self._card, self._tolerance = card.with_input(dynamic_size=False), tolerance
        self._pictures: list[tuple[str, Picture]] = [(one.name, one.load()) for one in pictures.pictures]
        with contextlib.closing(backend):
            run = self._run(backend)
            self._finds_objects = run.finds_objects
            self._traces = [run.trace(picture) for _, picture in self._pictures]

    def error(self, backend: Backend, *, roughly: bool = False) -> Error:
        """Return how far another network is from it, or roughly so, on fewer pictures; the backend is closed."""
        comparison = Comparison(
            self._card,
            self._card,
            finds_objects=self._finds_objects,
            meant=frozenset(),
            tolerance=self._tolerance,
            score=WORKING_SCORE,
            reference=None,
        )
        with contextlib.closing(backend):
            run = self._run(backend)
            pairs = list(zip(self._pictures, self._traces, strict=True))
            for (name, picture), ours in pairs[:: _EVERY_FOR_ONE if roughly else 1]:
                comparison.add(name, picture, ours, run.trace(picture))
        return error_of(comparison.stages())

    def _run(self, backend: Backend) -> ModelRun:
        return ModelRun(backend, self._card, path=Path("network"), score=PARTNER_SHARE * WORKING_SCORE)


def error_of(stages: Sequence[ParityStage]) -> Error:
    """Return how much of what is allowed the decoded outputs use; any fault is as bad as twice the limits.

    They are many, and follow the network. What is left of them after suppression are few, of which one more or less
    changes the figures in jumps.
    """
    used = [
        share
        for stage in stages
        if stage.name == "decoded"
        for figure in stage.figures
        if (share := figure.used) is not None
    ]
    if any(stage.faults for stage in stages):
        used.append(2.0)
    return Error(sum(used) / len(used), max(used)) if used else Error(0.0, 0.0)


def choose_in_float(
    depths: Sequence[int],
    error: Callable[[frozenset[int]], Error],
    error_alone: Callable[[int], Error],
    *,
    search: FloatSearch,
    clock: Callable[[], float] = time.process_time,
) -> Found:
    """Return which depths are to stay in float.

    Args:
        depths: those that are in 8 bits, from the input on: all that the picture has is still to be told apart in
            the first, which are tried first.
        error: of a network with the given depths in float and the others in 8 bits.
        error_alone: of a network with one depth in 8 bits and the others in float.
        search: how long it may take, and what is enough.
        clock: seconds that pass: of the processor, so that what else the machine does changes no file.
    """
    begin = clock()
    nothing = frozenset[int]()
    counts = _counts(len(depths))
    total = 1 + len(depths) + len(counts)
    before = error(nothing)
    search.on_progress(1, total)
    if before.greatest <= search.limit_share:
        return Found(nothing, before, before, 0)
    alone: dict[int, float] = {}
    for depth in depths:
        if clock() - begin > _ALONE_SHARE * search.seconds:
            break
        alone[depth] = error_alone(depth).mean
        search.on_progress(1 + len(alone), total)
    ranked = sorted(alone, key=lambda depth: -alone[depth])
    best = Found(nothing, before, before, len(alone))
    for number, count in enumerate(counts):
        if count > len(ranked) or clock() - begin > search.seconds:
            break
        in_float = frozenset(ranked[:count])
        tried = Found(in_float, before, error(in_float), len(alone))
        search.on_progress(1 + len(depths) + number + 1, total)
        if tried.after.greatest < best.after.greatest:
            best = tried
        if best.after.greatest <= search.limit_share:
            break
    search.on_progress(total, total)
    return best


def _counts(depths: int) -> list[int]:
    """Return how many depths stay in float from one try to the next, the half of them at most."""
    counts, count = [], 1
    while count <= depths // 2:
        counts.append(count)
        count = max(count + 1, round(count * _GROWTH))
    return counts
