"""Compares what models say about pictures as a whole: classes, maps, depths, embeddings, pictures and sentences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.parity.model_run import Trace
from exporters.parity.objects import unreal_values
from exporters.parity.tolerances import Tolerance
from exporters.parity.verdict import Figure, ImageComparison, ParityStage, worst
from streamvision.core.cuboid import BoxedCuboid
from streamvision.core.image_result import ImageResult

_SAME_TOP_SHARE = 0.9
"""Least share of pictures with the same most likely class, where that class leads clearly in the source."""
_CLEAR_LEAD = 0.05
_CONSTANT = 1e-7
_GREATEST = ("class_score_difference", "word_score_difference")
"""Differences of which the greatest counts; of the others the mean over all pictures does."""


class RawOutputs:
    """Compares raw outputs number by number, where source and export have the same shapes."""

    def __init__(self, tolerance: Tolerance) -> None:
        self._limit = tolerance.relative_error
        self._names: list[str] = []
        self._errors: list[float] = []
        self._first: list[NDArray[Any]] = []
        self._varies = [False, False]
        self._last: tuple[list[NDArray[Any]], list[NDArray[Any]]] | None = None
        self._unreal = 0
        self._incomparable = False

    def add(self, name: str, source: Trace, export: Trace) -> None:
        """Compare one picture."""
        self._unreal += unreal_values(source.outputs, export.outputs)
        if self._last is not None:
            for run, (now, before) in enumerate(zip((source.outputs, export.outputs), self._last, strict=True)):
                self._varies[run] |= not all(np.array_equal(a, b) for a, b in zip(now, before, strict=True))
        self._last = (source.outputs, export.outputs)
        shapes = [[output.shape for output in outputs] for outputs in (source.outputs, export.outputs)]
        if shapes[0] != shapes[1]:
            self._incomparable = True
            return
        self._names.append(name)
        self._errors.append(max(map(relative_error, source.outputs, export.outputs), default=0.0))

    def finish(self) -> ParityStage:
        """Return the verdict."""
        faults = []
        if self._unreal:
            faults.append(f"the export's raw outputs hold {self._unreal} values that are not finite numbers")
        if self._varies == [True, False]:
            faults.append("the export's raw outputs are constant: the same whatever the picture")
        notes = ("The raw outputs differ in shape, so only the final results were compared.",) * self._incomparable
        figure = Figure("greatest_relative_error", max(self._errors, default=None), self._limit)
        return ParityStage("decoded", (figure,), tuple(faults), notes, worst(self._names, self._errors))


class FinalPictures:
    """Compares results about pictures as a whole.

    Args:
        names: class names of the source.
        tolerance: the limits.
    """

    def __init__(self, names: tuple[str, ...], tolerance: Tolerance) -> None:
        self._names, self._tolerance = names, tolerance
        self._values: dict[str, list[float]] = {}
        self._top: list[tuple[int, int]] = []
        self._faults: list[str] = []
        self.image_comparisons: list[ImageComparison] = []
        """The results on each picture so far."""

    def add(self, name: str, source: Trace, export: Trace) -> None:
        """Compare one picture."""
        ours, theirs = source.found.image_result, export.found.image_result
        if ours is None or theirs is None:
            self._faults.append("one side judges pictures as a whole and the other finds objects")
            return
        errors = self._errors(ours, theirs)
        for figure, value in errors.items():
            self._values.setdefault(figure, []).append(value)
        self.image_comparisons.append(ImageComparison(name, max(errors.values(), default=0.0), ours, theirs))

    def finish(self) -> ParityStage:
        """Return the verdict."""
        limits = self._tolerance
        bounds = {
            "class_score_difference": limits.class_score,
            "word_score_difference": limits.class_score,
            "different_sentences_share": 0.0,
            "different_pixels_share": 1 - limits.same_pixels,
            "depth_relative_error": limits.relative_error,
            "picture_relative_error": limits.relative_error,
            "values_relative_error": limits.relative_error,
            "cuboid_error": limits.relative_error,
            "embedding_one_minus_cosine": 1 - limits.cosine,
        }
        figures = [
            Figure(f"{'greatest' if name in _GREATEST else 'mean'}_{name}", _summary(name, all_), limit)
            for name, limit in bounds.items()
            if (all_ := self._values.get(name))
        ]
        figures += self._top_figure()
        faults = list(dict.fromkeys(self._faults)) + self._permuted()
        names = [compared.picture for compared in self.image_comparisons]
        differences = [compared.difference for compared in self.image_comparisons]
        return ParityStage("result", tuple(figures), tuple(faults), worst_picture=worst(names, differences))

    def _errors(self, ours: ImageResult, theirs: ImageResult) -> dict[str, float]:
        """Return by how much the results differ, by kind; what only the source has is a fault."""
        errors: dict[str, float] = {}
        if (pair := self._both(ours, theirs, "class_score")) is not None:
            errors["class_score_difference"] = float(np.abs(pair[0] - pair[1]).max())
            self._note_top(*pair)
        if (pair := self._both(ours, theirs, "class_map")) is not None:
            errors["different_pixels_share"] = float((pair[0] != pair[1]).mean())
        if (pair := self._both(ours, theirs, "depth_map")) is not None:
            errors["depth_relative_error"] = relative_error(*pair)
        if (pair := self._both(ours, theirs, "embedding")) is not None:
            errors["embedding_one_minus_cosine"] = float(1 - np.dot(pair[0], pair[1]))
        if ours.picture is not None and theirs.picture is not None:
            pixels = [one.to_bgr().astype(np.float64) for one in (ours.picture, theirs.picture)]
            errors["picture_relative_error"] = relative_error(*pixels) if pixels[0].shape == pixels[1].shape else 1.0
        elif ours.picture is not None:
            self._faults.append("the export gives no picture")
        if ours.cuboid is not None and theirs.cuboid is not None:
            errors["cuboid_error"] = _cuboid_error(ours.cuboid, theirs.cuboid)
        elif ours.cuboid is not None:
            self._faults.append("the export gives no cuboid")
        if ours.word_score is not None:
            errors |= self._sentence_errors(ours, ours.word_score, theirs)
        if ours.values is not None:
            errors["values_relative_error"] = _values_error(ours.values, theirs.values or {})
        return errors

    def _sentence_errors(self, ours: ImageResult, words: NDArray[np.float32], theirs: ImageResult) -> dict[str, float]:
        """Return whether sentences differ in any word, and where they do not, by how much the words' probabilities."""
        if theirs.word_score is None:
            self._faults.append("the export gives no sentence")
            return {}
        their_words = theirs.word_score
        if ours.text != theirs.text or len(words) != len(their_words):
            return {"different_sentences_share": 1.0}
        difference = float(np.abs(words - their_words).max(initial=0.0))
        return {"different_sentences_share": 0.0, "word_score_difference": difference}

    def _both(self, ours: ImageResult, theirs: ImageResult, field: str) -> tuple[NDArray[Any], NDArray[Any]] | None:
        first, second = getattr(ours, field), getattr(theirs, field)
        if first is None:
            return None
        words = field.replace("_", " ")
        if second is None:
            self._faults.append(f"the export gives no {words}")
            return None
        if first.shape != second.shape:
            self._faults.append(f"the export's {words} has the shape {second.shape}, the source's {first.shape}")
            return None
        return first, second

    def _note_top(self, ours: NDArray[np.float32], theirs: NDArray[np.float32]) -> None:
        lead = np.diff(np.sort(ours)[-2:])
        if not len(lead) or lead[0] >= _CLEAR_LEAD:
            self._top.append((int(ours.argmax()), int(theirs.argmax())))

    def _top_figure(self) -> list[Figure]:
        if not self._top:
            return []
        share = float(np.mean([a == b for a, b in self._top]))
        return [Figure("same_most_likely_class_share", share, _SAME_TOP_SHARE, at_least=True)]

    def _permuted(self) -> list[str]:
        different = [(a, b) for a, b in self._top if a != b]
        if not different or len(different) < len(self._top) * (1 - _SAME_TOP_SHARE):
            return []
        old, new = (self._names[i] if i < len(self._names) else f"class {i}" for i in different[0])
        return [
            f"the most likely class differs on {len(different)} of {len(self._top)} pictures where the source is "
            f"clear, such as {old!r} as {new!r}"
        ]


def relative_error(source: NDArray[Any], export: NDArray[Any]) -> float:
    """Return the mean difference as a share of how much the source's values vary around their middle."""
    a, b = source.astype(np.float64), export.astype(np.float64)
    spread = float(np.abs(a - a.mean()).mean()) if a.size > 1 else float(np.abs(a).mean())
    return float(np.abs(a - b).mean()) / max(spread, _CONSTANT) if a.size else 0.0


def _values_error(ours: dict[str, float], theirs: dict[str, float]) -> float:
    errors = [abs(value - theirs.get(name, np.inf)) / max(abs(value), 1e-3) for name, value in ours.items()]
    return max(errors, default=0.0)


def _cuboid_error(ours: BoxedCuboid, theirs: BoxedCuboid) -> float:
    """Return the largest difference of sizes and distance, as shares, of the yaw in radians, and of the place."""
    ratios = np.log(np.array([*ours.size_lwh_m, ours.depth_factor]) / [*theirs.size_lwh_m, theirs.depth_factor])
    turn = math.remainder(ours.alpha_rad - theirs.alpha_rad, 2 * math.pi)
    place = np.subtract(ours.offset, theirs.offset)
    return float(np.abs([*ratios, turn, *place]).max())


def _summary(name: str, values: Sequence[float]) -> float:
    return float(np.max(values) if name in _GREATEST else np.mean(values))
