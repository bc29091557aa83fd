"""Average precision before and after, on labelled pictures.

Suppression inside a network compares its few hundred best boxes, which equals the full one at working thresholds and
not at the score of 0.001 down to which average precision is measured. Such an export is therefore measured twice:
through its twin, exported in the same way without suppression, and as it is with source and export cut at the
working threshold.
"""

from __future__ import annotations

import contextlib
from dataclasses import replace
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
from streamvision.evaluation.coco_metrics import CocoFigures, coco_figures
from streamvision.evaluation.model import MAX_DETECTIONS, NMS_IOU, SCORE_FLOOR
from streamvision.evaluation.predictions import OnProgress, predict
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model import Model
from streamvision.inference.model_card import OBJECT_TASKS, ModelCard


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
        if source.card.task not in OBJECT_TASKS:
            raise ConfigError(
                f"--data measures models that find boxes ({', '.join(OBJECT_TASKS)}), and this one is for "
                f"{source.card.task}; leave --data out, the comparison itself needs none"
            )
        self._source, self._dataset, self._on_progress = source, dataset, on_progress
        self._budget_points = budget_points
        self._match: ClassMatch = match_classes(dataset, source.card.names)
        self._before: dict[tuple[str, float], CocoFigures] = {}

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
                (scratch / "twin").mkdir(parents=True, exist_ok=True)
                twin = target.export(self._source, plain, scratch / "twin")
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
                f"by its own rule ({self._source.card.input.resize}) it reaches {_text(own.map50_95)} at the "
                f"working score instead of {_text(changed.map50_95)}, which is what that reader costs."
            )
        faults = [
            f"{_text(figure.value, digits=2)} points of mAP50-95 are lost, the budget is {budget:g}"
            for figure in figures
            if not figure.passed
        ]
        return ParityStage("accuracy", tuple(figures), tuple(faults), tuple(notes))

    def _lost(
        self, target: Target, artifact: UnverifiedArtifact, budget: float, *, score: float = SCORE_FLOOR
    ) -> list[Figure]:
        """Return the figures before and after, and what was lost, of objects from a score up."""
        before = self._of_source(score, card=fed_as(self._source.card, artifact))
        after = self._measure(target.open(artifact), None, artifact.path, score)
        suffix = "" if score == SCORE_FLOOR else "_at_working_score"
        lost = None if before.map50_95 is None else 100 * (before.map50_95 - (after.map50_95 or 0.0))
        return [
            Figure(f"map50_95_before{suffix}", before.map50_95),
            Figure(f"map50_95_after{suffix}", after.map50_95),
            Figure(f"lost_points{suffix}", lost, budget),
            Figure(f"map50_before{suffix}", before.map50),
            Figure(f"map50_after{suffix}", after.map50),
        ]

    def _of_source(self, score: float, *, card: ModelCard) -> CocoFigures:
        key = (card.model_dump_json(), score)
        if key not in self._before:
            backend = self._source.backend(size_px=(card.input.width_px, card.input.height_px))
            self._before[key] = self._measure(backend, card, self._source.path, score)
        return self._before[key]

    def _measure(self, backend: Backend, card: ModelCard | None, path: Path, score: float) -> CocoFigures:
        """Return the figures of a model: by the rules of evaluation, or by those of use at the working score.

        Without a card, the one in the backend's metadata is read; the backend is closed.
        """
        measured = score == SCORE_FLOOR
        suppression = {"iou": NMS_IOU, "max_detections": MAX_DETECTIONS} if measured else {}
        config = ModelConfig(path=path, score=score, **suppression)
        with contextlib.closing(backend):
            model = Model(backend, card or read_card(backend, path=path), config, every_class=measured)
            return coco_figures(predict(model, self._dataset, self._match, on_progress=self._on_progress))


def _text(value: float | None, *, digits: int = 4) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
