"""Average precision before and after, on labelled pictures.

Suppression inside a network compares its few hundred best boxes, which equals the full one at working thresholds and
not at the score of 0.001 down to which average precision is measured. Such an export is therefore measured twice:
through its twin, exported in the same way without suppression, and as it is with source and export cut at the
working threshold.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from exporters.base import ExportOptions, Target, UnverifiedArtifact
from exporters.parity.inputs import GEOMETRY, fed_as
from exporters.parity.tolerances import WORKING_SCORE
from exporters.parity.verdict import Figure, ParityStage
from streamvision.checkpoints.base import Source
from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import ClassMatch, match_classes
from streamvision.evaluation.coco_metrics import coco_figures
from streamvision.evaluation.model import MAX_DETECTIONS, NMS_IOU, SCORE_FLOOR
from streamvision.evaluation.predict import OnProgress, predict
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import ModelCard

TASKS = ("detect", "segment", "pose", "obb")
"""Tasks whose boxes can be measured against marked ones."""


@dataclass(frozen=True)
class Precision:
    """COCO's figures of one model; ``None`` where no object is marked."""

    map50_95: float | None
    """Mean over the overlaps 0.50 to 0.95."""
    map50: float | None
    """At the overlap 0.50."""


class Accuracy:
    """Measures a source once, and each of its exports against that.

    Args:
        source: the model before its export.
        dataset: the labelled pictures.
        budget_points: points of mAP50-95 that an export may lose; ``None`` for the limit of its precision.
        on_progress: called with how many pictures are done, and how many there are.

    Raises:
        ConfigError: when the model's task has no boxes, or its classes are not those of the data set.
    """

    def __init__(
        self,
        source: Source,
        dataset: Dataset,
        *,
        budget_points: float | None = None,
        on_progress: OnProgress = lambda done, total: None,
    ) -> None:
        if source.card.task not in TASKS:
            raise ConfigError(
                f"--data measures models that find boxes ({', '.join(TASKS)}), and this one is for "
                f"{source.card.task}; leave --data out, the comparison itself needs none"
            )
        self._source, self._dataset, self._on_progress = source, dataset, on_progress
        self._budget_points = budget_points
        self._match: ClassMatch = match_classes(dataset, source.card.names)
        self._before: dict[tuple[str, float], Precision] = {}

    def stage(
        self,
        target: Target,
        artifact: UnverifiedArtifact,
        options: ExportOptions,
        *,
        limit_points: float,
        scratch: Path,
    ) -> ParityStage:
        """Return the verdict on an export.

        Args:
            target: what made it.
            artifact: the export.
            options: what was asked for.
            limit_points: what may be lost where the user has not said it.
            scratch: folder for an export without suppression.
        """
        budget = limit_points if self._budget_points is None else self._budget_points
        notes = list(self._match.notes)
        if not (artifact.card.nms_inside and not self._source.card.nms_inside):
            figures = self._lost(target, artifact, budget)
        else:
            figures = self._lost(target, artifact, budget, score=WORKING_SCORE)
            notes.append(
                f"Figures at the working score are those of the export itself, both sides cut at {WORKING_SCORE}; "
                "they are lower than mAP, which counts weaker objects too."
            )
            if options.nms or options.mediapipe:
                plain = replace(options, nms=False, mediapipe=False)
                twin = target.export(self._source, plain, _folder(scratch / "twin"))
                figures = self._lost(target, twin, budget) + figures
                notes.append("mAP was measured through the same export without suppression inside.")
        if GEOMETRY & artifact.input_changes:
            own, changed = (
                self._of_source(WORKING_SCORE, card=card)
                for card in (self._source.card, fed_as(self._source.card, artifact))
            )
            figures.append(Figure("source_fed_by_its_own_rule_map50_95_at_working_score", own.map50_95))
            resize = artifact.card.input.resize
            notes.append(
                f"What reads this file fits pictures in by {resize}, so the source was fed that way, too; "
                f"by its own rule ({self._source.card.input.resize}) it reaches {_shown(own.map50_95)} at the "
                f"working score instead of {_shown(changed.map50_95)}, which is what that reader costs."
            )
        faults = [
            f"{_shown_points(figure.value)} points of mAP50-95 are lost, the budget is {budget:g}"
            for figure in figures
            if not figure.passed
        ]
        return ParityStage("accuracy", tuple(figures), tuple(faults), tuple(notes))

    def _lost(
        self, target: Target, artifact: UnverifiedArtifact, budget: float, *, score: float = SCORE_FLOOR
    ) -> list[Figure]:
        """Return the figures before and after, and what was lost, of objects from a score up."""
        before = self._of_source(score, card=fed_as(self._source.card, artifact))
        backend = target.open(artifact)
        with _closed_on_error(backend):
            card = read_card(backend, path=artifact.path)
        after = self._measure(backend, card, artifact.path, score)
        suffix = "" if score == SCORE_FLOOR else "_at_working_score"
        lost = None if before.map50_95 is None else 100 * (before.map50_95 - (after.map50_95 or 0.0))
        return [
            Figure(f"map50_95_before{suffix}", before.map50_95),
            Figure(f"map50_95_after{suffix}", after.map50_95),
            Figure(f"lost_points{suffix}", lost, budget),
            Figure(f"map50_before{suffix}", before.map50),
            Figure(f"map50_after{suffix}", after.map50),
        ]

    def _of_source(self, score: float, *, card: ModelCard) -> Precision:
        key = (card.model_dump_json(), score)
        if key not in self._before:
            backend = self._source.backend(size_px=(card.input.width_px, card.input.height_px))
            self._before[key] = self._measure(backend, card, self._source.path, score)
        return self._before[key]

    def _measure(self, backend: Backend, card: ModelCard, path: Path, score: float) -> Precision:
        """Return the figures of one model: by the rules of evaluation, or by those of use at the working score."""
        measured = score == SCORE_FLOOR
        suppression = {"iou": NMS_IOU, "max_detections": MAX_DETECTIONS} if measured else {}
        with _closed_on_error(backend):
            config = ModelConfig(path=path, score=score, **suppression)
            detector = Model(backend, card, config, every_class=measured)
        with detector:
            figures = coco_figures(predict(detector, self._dataset, self._match, on_progress=self._on_progress))
        return Precision(figures.map50_95, figures.map50)


@contextlib.contextmanager
def _closed_on_error(backend: Backend) -> Iterator[None]:
    try:
        yield
    except BaseException:
        backend.close()
        raise


def _folder(path: Path) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    return path


def _shown(value: float | None) -> str:
    return "-" if value is None else f"{value:.4f}"


def _shown_points(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
