"""Compares objects: first what the heads decode, in pixels of the input, then what is left in pixels of the picture.

Hard checks on scores apply whatever the precision: Core ML packages of another project reported 100 % confidence for 17
months, as nothing compared their scores.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.parity.groups import GroupTally
from exporters.parity.model_run import Trace
from exporters.parity.object_sets import ObjectTally, mask_overlap, most_alike, object_overlaps, pair_up, same_class
from exporters.parity.tolerances import Tolerance
from exporters.parity.verdict import Figure, ImageComparison, ParityStage
from streamvision.core.boxes import overlaps
from streamvision.core.detections import Detections
from streamvision.inference.heads.base import Candidates
from streamvision.inference.model_card import ModelCard

_CERTAIN_KEYPOINT = 0.5
"""Keypoints that the source is less sure of are anywhere."""
_SAME_PLACE_IOU = 0.8
_PERMUTED_SHARE = 0.3
"""From this share of objects with the same place and another class, the classes are called permuted."""


class DecodedObjects:
    """Compares candidates before suppression.

    Where only the export suppresses inside, each of its boxes must be among those that the source proposes.

    Args:
        source: card of the source.
        export: card of the export.
        tolerance: the limits.
        score: objects from here up count.
    """

    def __init__(self, source: ModelCard, export: ModelCard, tolerance: Tolerance, *, score: float) -> None:
        self._contained = export.nms_inside and not source.nms_inside
        self._names, self._score = source.names, score
        self._tally = ObjectTally(tolerance, score=score, outlier_share=tolerance.outlier_share)
        self._scores: tuple[list[NDArray[np.float32]], list[NDArray[np.float32]]] = ([], [])
        self._digests: tuple[set[bytes], set[bytes]] = (set(), set())
        self._unreal = 0
        self._renamed: Counter[tuple[int, int]] = Counter()

    def add(self, name: str, source: Trace, export: Trace) -> None:
        """Compare one picture."""
        ours, theirs = _candidates(source), _candidates(export)
        self._unreal += unreal_values(source.outputs, export.outputs)
        for digests, trace in zip(self._digests, (source, export), strict=True):
            digests.add(_digest(trace.outputs))
        iou = overlaps(ours.box_xyxy_px.astype(np.float64), theirs.box_xyxy_px.astype(np.float64))
        equal = iou * same_class(ours.class_id, theirs.class_id)
        scores = ours.score, theirs.score
        pairs = most_alike(equal, scores, threshold=self._score, contained=self._contained)
        _, alone = self._tally.add(
            name,
            boxes=(ours.box_xyxy_px, theirs.box_xyxy_px),
            scores=scores,
            pairs=pairs,
            contained=self._contained,
        )
        self._renamed += renamed(iou, ours.class_id, theirs.class_id, sorted(alone))
        for kept, candidates in zip(self._scores, (ours, theirs), strict=True):
            kept.append(candidates.score[candidates.score >= self._score])

    def finish(self) -> ParityStage:
        """Return the verdict."""
        faults = []
        if self._unreal:
            faults.append(f"the export's raw outputs hold {self._unreal} values that are not finite numbers")
        if len(self._digests[1]) == 1 < len(self._digests[0]):
            faults.append("the export's raw outputs are constant: the same whatever the picture")
        faults += score_faults(*(np.concatenate(kept) if kept else np.empty(0, np.float32) for kept in self._scores))
        faults += permuted_fault(self._renamed, self._tally.export_objects, self._names)
        return ParityStage(
            "decoded", tuple(self._tally.figures()), tuple(faults), worst_picture=self._tally.worst_picture
        )


class FinalObjects:
    """Compares detections after suppression: boxes, oriented boxes, scores, masks and keypoints.

    Args:
        names: class names of the source.
        tolerance: the limits.
        score: objects from here up count.
    """

    def __init__(self, names: tuple[str, ...], tolerance: Tolerance, *, score: float) -> None:
        self._names, self._score, self._tolerance = names, score, tolerance
        self._tally = ObjectTally(tolerance, score=score)
        self._groups = GroupTally(names, tolerance)
        self._mask_iou: list[float] = []
        self._keypoint_share: list[float] = []
        self._duplicates = 0
        self._lost: set[str] = set()
        self._renamed: Counter[tuple[int, int]] = Counter()
        self.image_comparisons: list[ImageComparison] = []
        """The results on each picture so far."""

    def add(self, name: str, source: Trace, export: Trace, *, px: float) -> None:
        """Compare one picture, whose pixels are ``px`` pixels of the network's input long."""
        ours, theirs = source.found.detections, export.found.detections
        self._lost |= {
            words
            for field, words in (("mask", "masks"), ("keypoint_xy_px", "keypoints"), ("obb_cxcywhr_px", "rotation"))
            if getattr(ours, field) is not None and getattr(theirs, field) is None and len(ours) and len(theirs)
        }
        iou = object_overlaps(ours, theirs, any_class=True)
        scores = ours.score, theirs.score
        pairs = pair_up(iou * same_class(ours.class_id, theirs.class_id), scores, threshold=self._score)
        alone = self._tally.add(
            name,
            boxes=(ours.box_xyxy_px, theirs.box_xyxy_px),
            scores=scores,
            pairs=pairs,
            px=px,
        )
        counted = np.maximum(ours.score[pairs.source], theirs.score[pairs.export]) >= self._score
        first, second = ours[pairs.source[counted]], theirs[pairs.export[counted]]
        lost, gained = (side[np.array(sorted(rows), np.intp)] for side, rows in zip((ours, theirs), alone, strict=True))
        self._groups.add(first, second, pairs.iou[counted], lost=lost, gained=gained)
        self._add_masks(first, second)
        self._add_keypoints(first, second)
        self._renamed += renamed(iou, ours.class_id, theirs.class_id, sorted(alone[1]))
        self._duplicates += _duplicates(theirs, alone[1])
        drawn, marked = zip(
            *map(_drawn, (ours, theirs), (pairs.source[counted], pairs.export[counted]), alone), strict=True
        )
        self.image_comparisons.append(ImageComparison(name, self._tally.differences[-1], *drawn, *marked))

    @property
    def source_objects(self) -> int:
        """Objects of the source that count, so far."""
        return self._tally.source_objects

    def finish(self) -> ParityStage:
        """Return the verdict."""
        figures = self._tally.figures()
        if self._mask_iou:
            mean = float(np.mean(self._mask_iou))
            figures.append(Figure("mean_mask_iou", mean, self._tolerance.mask_iou, at_least=True))
        if self._keypoint_share:
            limit = self._tolerance.keypoint_share
            figures.append(Figure("mean_keypoint_distance_share", float(np.mean(self._keypoint_share)), limit))
        faults = [f"the export's objects have lost their {words}" for words in sorted(self._lost)]
        faults += permuted_fault(self._renamed, self._tally.export_objects, self._names)
        if any(not figure.passed for figure in figures if figure.name == "unmatched_share") and self._duplicates:
            faults.append(
                f"{self._duplicates} of the export's {self._tally.export_objects} objects are duplicates of others: "
                "its card says that suppression is inside, but duplicates come out, or suppression differs"
            )
        return ParityStage(
            "result",
            tuple(figures),
            tuple(faults),
            worst_picture=self._tally.worst_picture,
            groups=self._groups.finish(),
        )

    def _add_masks(self, ours: Detections, theirs: Detections) -> None:
        if ours.mask is not None and theirs.mask is not None:
            self._mask_iou += [mask_overlap(a, b) for a, b in zip(ours.mask, theirs.mask, strict=True)]

    def _add_keypoints(self, ours: Detections, theirs: Detections) -> None:
        if ours.keypoint_xy_px is None or theirs.keypoint_xy_px is None or ours.keypoint_score is None:
            return
        sides = np.clip(ours.box_xyxy_px[:, 2:] - ours.box_xyxy_px[:, :2], 1, None)
        distance = np.linalg.norm(ours.keypoint_xy_px - theirs.keypoint_xy_px, axis=2)
        share = distance / np.sqrt(np.prod(sides, axis=1))[:, None]
        self._keypoint_share += share[ours.keypoint_score >= _CERTAIN_KEYPOINT].tolist()


def _drawn(found: Detections, paired: NDArray[np.intp], alone: frozenset[int]) -> tuple[Detections, frozenset[int]]:
    """Return the objects that were compared, and which rows of these have no partner."""
    rows = [*paired.tolist(), *sorted(alone)]
    return found[np.array(rows, np.intp)], frozenset(range(len(paired), len(rows)))


def renamed(
    overlaps: NDArray[np.float64], ours: NDArray[np.int32], theirs: NDArray[np.int32], alone: Sequence[int]
) -> Counter[tuple[int, int]]:
    """Return how often a class of the source stands, with the same place, under another class in the export.

    Args:
        overlaps: (N, M) overlap of boxes, whatever their class.
        ours: (N,) classes of the source.
        theirs: (M,) classes of the export.
        alone: rows of the export that have no partner of their class.
    """
    if not alone or not len(ours):
        return Counter()
    of_alone = overlaps[:, list(alone)]
    partner, same_place = of_alone.argmax(axis=0), of_alone.max(axis=0) >= _SAME_PLACE_IOU
    pairs = zip(ours[partner[same_place]].tolist(), theirs[list(alone)][same_place].tolist(), strict=True)
    return Counter((old, new) for old, new in pairs if old != new)


def permuted_fault(changes: Counter[tuple[int, int]], objects: int, names: tuple[str, ...]) -> list[str]:
    """Return the sentence that says that classes have changed their numbers, where many have."""
    count = sum(changes.values())
    if not objects or count < _PERMUTED_SHARE * objects:
        return []
    (old, new), times = changes.most_common(1)[0]
    return [
        f"the classes differ: {count} of the export's {objects} boxes lie where the source's do but have another "
        f"class, most often {_name(old, names)} as {_name(new, names)} ({times} times)"
    ]


def _candidates(trace: Trace) -> Candidates:
    if trace.candidates is None:
        raise TypeError("candidates exist for models that find objects only")
    return trace.candidates


def _duplicates(found: Detections, alone: frozenset[int]) -> int:
    """Return how many of the given rows overlap another, better row of their class."""
    overlaps = object_overlaps(found, found)
    better = found.score[:, None] > found.score[None]
    return sum(bool(((overlaps[:, row] > 0.6) & better[:, row]).any()) for row in alone)


def _digest(outputs: Sequence[NDArray[Any]]) -> bytes:
    digest = hashlib.blake2b(digest_size=16)
    for output in outputs:
        digest.update((output + 0).tobytes())  # there is a negative zero, too
    return digest.digest()


def _name(class_id: int, names: tuple[str, ...]) -> str:
    return repr(names[class_id]) if class_id < len(names) else f"class {class_id}"


SATURATED = 0.999
"""A score from here up counts as certain."""
MANY = 0.5
"""Share of certain scores from which an export is suspect, where the source's share is not half of that."""
SPREAD_LOST = 0.05
"""An export whose scores spread by less than this share of the source's gives one score to everything."""
ENOUGH = 4
"""Fewer objects say nothing about a spread."""


def score_faults(source: NDArray[np.float32], export: NDArray[np.float32]) -> list[str]:
    """Return what is wrong with the scores of an export, one sentence each.

    Args:
        source: (N,) all scores of the source, over all pictures.
        export: (M,) all scores of the export.
    """
    if not len(source):
        return []
    if not len(export):
        return [f"the export finds nothing at all, where the source finds {len(source)} objects"]
    if not np.isfinite(export).all():
        return [f"{np.count_nonzero(~np.isfinite(export))} of the export's {len(export)} scores are not numbers"]
    faults = []
    if export.min() < 0 or export.max() > 1 + 1e-3:
        faults.append(f"the export's scores lie in {export.min():.3g}..{export.max():.3g} and not in 0..1")
    certain = [float((scores >= SATURATED).mean()) for scores in (source, export)]
    if len(export) >= ENOUGH and certain[1] >= MANY and certain[0] < certain[1] / 2:
        faults.append(
            f"the export's scores are saturated: {certain[1]:.0%} of them are {SATURATED} or more, "
            f"the source's only to {certain[0]:.0%}"
        )
    if min(len(source), len(export)) >= ENOUGH and export.std() <= SPREAD_LOST * source.std():
        faults.append(
            f"the export's scores are constant: all about {export.mean():.3f}, while the source's spread from "
            f"{source.min():.2f} to {source.max():.2f}"
        )
    return faults


def unreal_values(source: Sequence[NDArray[Any]], export: Sequence[NDArray[Any]]) -> int:
    """Return how many raw outputs of an export are no finite numbers; 0 where the source has such values too."""
    counts = [
        sum(int(np.count_nonzero(~np.isfinite(one))) for one in outputs if np.issubdtype(one.dtype, np.floating))
        for outputs in (source, export)
    ]
    return 0 if counts[0] else counts[1]
