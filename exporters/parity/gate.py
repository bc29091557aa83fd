"""The gate: an export is proven against its source on real pictures, stage by stage, or it fails.

The source is fed by its own card, the export by the card that the runtime reads back from the artefact's metadata, so
that a card that was written wrongly is found as well as a network that was converted wrongly. The first stage that
differs is the one to mend; those behind it may only follow from it.
"""

from __future__ import annotations

import contextlib
import itertools
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from exporters.base import ExportOptions, ExportPrecision, Target, UnverifiedArtifact
from exporters.parity.accuracy import Accuracy
from exporters.parity.comparison import Comparison, compare_cards, missing_card
from exporters.parity.inputs import Reference, fed_as
from exporters.parity.model_run import ModelRun
from exporters.parity.network_input import in_planes, open_network_input
from exporters.parity.tolerances import PARTNER_SHARE, TOLERANCES, WORKING_SCORE, Tolerance, tolerance_for
from exporters.parity.verdict import ImageComparison, Parity, ParityStage
from exporters.pictures import GatePicture, GatePictures
from streamvision.checkpoints.base import Source
from streamvision.core.errors import MissingDependencyError, ModelError, ParityError, StreamVisionError
from streamvision.core.picture import BgrPicture, Picture
from streamvision.inference.backends.base import Backend
from streamvision.inference.card_reader import read_card
from streamvision.inference.model_card import CARD_KEY, InputCard, ModelCard

OnProgress = Callable[[int, int], None]
BATCHES = (1, 2, 3)
"""Sizes of the calls, in turn, of an export that takes any number of pictures: a mix-up between the pictures of one
call shows then."""
SECOND_SIZE_PICTURES = 4
"""Pictures on which an export of free size is compared at a second size."""
_SECOND_SIZE_SHARE = 0.6
_LEAST_SCORE = 0.001
_UNTRAINED_OBJECTS = 20
"""Objects a picture that a network with random weights is compared on, the best by score."""
_UNTRAINED_PICTURES = 4


class Gate:
    """Proves exports of one source.

    Args:
        source: the model before its export.
        pictures: what source and export are shown.
        reference: how the source's own library prepares pictures, to check the source's card; ``None`` without.
        accuracy: measures average precision too; ``None`` without labelled data.
        untrained: whether the weights are random, whose scores mean nothing: the best objects are compared then.
        on_progress: called with how many pictures are done, and how many there are.
    """

    def __init__(
        self,
        source: Source,
        pictures: GatePictures,
        *,
        reference: Reference | None = None,
        accuracy: Accuracy | None = None,
        untrained: bool = False,
        on_progress: OnProgress = lambda done, total: None,
    ) -> None:
        self._source, self._pictures = source, pictures
        self._reference, self._accuracy, self._untrained = reference, accuracy, untrained
        self._on_progress = on_progress

    def tolerance(self, precision: ExportPrecision) -> Tolerance:
        """Return the limits that exports of a precision must keep."""
        return tolerance_for(precision, untrained=self._untrained)

    def prove(self, target: Target, artifact: UnverifiedArtifact, options: ExportOptions, *, scratch: Path) -> Parity:
        """Return the verdict on an export.

        Args:
            target: what made it, and executes it here.
            artifact: the export.
            options: what was asked for.
            scratch: folder for what is only needed to compare.

        Raises:
            ParityError: when there is nothing to compare, because the source finds nothing on any picture.
            MissingDependencyError: when what executes the export is not installed.
            StreamVisionError: when the source itself, or a picture, cannot be used.
        """
        try:
            backend = target.open(artifact)
        except MissingDependencyError:
            raise
        except StreamVisionError as error:
            return self._verdict([_unusable(error)])
        with contextlib.closing(backend):
            if CARD_KEY not in backend.metadata:
                return self._verdict([missing_card()])
            try:
                card = read_card(backend, path=artifact.path)
                ModelRun(backend, _fixed(card), path=artifact.path, score=WORKING_SCORE)
            except StreamVisionError as error:
                return self._verdict([_unusable(error)])
            with contextlib.ExitStack() as closing:
                before_network = None
                if card.input.pixel_format is not None:
                    before_network = open_network_input(target, artifact, scratch)
                    closing.callback(before_network.close)
                parity = self._compare(backend, card, artifact, options, before_network)
        if self._accuracy is None or not parity.passed:
            return parity
        limit = TOLERANCES[artifact.precision].budget_points
        stage = self._accuracy.stage(target, artifact, options, limit_points=limit, scratch=scratch)
        return replace(parity, stages=(*parity.stages, stage))

    def _compare(
        self,
        backend: Backend,
        card: ModelCard,
        artifact: UnverifiedArtifact,
        options: ExportOptions,
        network_input: Backend | None,
    ) -> Parity:
        source_card = _fixed(fed_as(self._source.card, artifact))
        own_pictures = card.input.pixel_format != "yuv420p" and source_card.input == _fixed(self._source.card).input
        reference = self._reference if own_pictures else None
        with self._open_source(source_card) as probe:
            score = self._working_score(probe) if probe.finds_objects else None
        stages = [compare_cards(self._source.card, card, options)]
        first = self._at_size(
            backend, source_card, _fixed(card), artifact, self._pictures.pictures, score, reference, network_input
        )
        if first.found_nothing:
            raise ParityError(
                f"there is nothing to compare: the source finds no object with a score of {score:g} or more on any of "
                f"{self._pictures.origin}; give --images DIR with pictures that show what it finds"
            )
        stages += first.stages()
        if card.input.dynamic_size:
            second = _second_size(source_card)
            some = self._pictures.pictures[:SECOND_SIZE_PICTURES]
            other = self._at_size(backend, second, _sized_as(card, second), artifact, some, score, None)
            size = f"{second.input.width_px}x{second.input.height_px}"
            stages = [*stages[:-1], _with_second_size(stages[-1], other.stages(), size)]
        return self._verdict(stages, first.image_comparisons, score)

    def _at_size(
        self,
        backend: Backend,
        source_card: ModelCard,
        export_card: ModelCard,
        artifact: UnverifiedArtifact,
        pictures: Sequence[GatePicture],
        score: float | None,
        reference: Reference | None,
        network_input: Backend | None = None,
    ) -> Comparison:
        """Compare the pictures at the size that both cards say."""
        tolerance = self.tolerance(artifact.precision)
        threshold = WORKING_SCORE if score is None else score
        floor = PARTNER_SHARE * threshold
        with self._open_source(source_card, floor) as source:
            comparison = Comparison(
                source_card,
                export_card,
                finds_objects=source.finds_objects,
                meant=artifact.input_changes,
                tolerance=tolerance,
                score=threshold,
                reference=reference,
            )
            export = ModelRun(backend, export_card, path=artifact.path, score=floor, network_input=network_input)
            in_form = in_planes if export_card.input.pixel_format == "yuv420p" else _as_it_is
            fits_one = _of_one_size if export_card.input.pixel_format else bool
            done = 0
            for group in _groups(pictures, BATCHES if export_card.input.dynamic_batch else (1,)):
                shares = [(done + at + 1) / (len(pictures) + 1) for at in range(len(group))]
                loaded = [
                    in_form(_knowing(picture.load(), source_card.input, share))
                    for picture, share in zip(group, shares, strict=True)
                ]
                of_source = [source.trace(picture) for picture in loaded]
                try:
                    of_export = export.trace_batch(loaded) if fits_one(loaded) else [*map(export.trace, loaded)]
                except ModelError as error:
                    comparison.fail(str(error))
                    break
                for picture, bgr, ours, theirs in zip(group, loaded, of_source, of_export, strict=True):
                    comparison.add(picture.name, bgr, ours, theirs)
                done += len(group)
                self._on_progress(done, len(pictures))
        return comparison

    def _open_source(self, card: ModelCard, score: float = _LEAST_SCORE) -> ModelRun:
        backend = self._source.backend(size_px=(card.input.width_px, card.input.height_px))
        try:
            return ModelRun(backend, card, path=self._source.path, score=score)
        except BaseException:
            backend.close()
            raise

    def _working_score(self, source: ModelRun) -> float:
        """Return the score from which objects count; that of the best objects where weights are random."""
        if not self._untrained:
            return WORKING_SCORE
        lowest = []
        for picture in self._pictures.pictures[:_UNTRAINED_PICTURES]:
            scores = source.trace(picture.load()).found.detections.score
            lowest += scores[:_UNTRAINED_OBJECTS][-1:].tolist()
        return statistics.median(lowest) if lowest else WORKING_SCORE

    def _verdict(
        self,
        stages: Sequence[ParityStage],
        image_comparisons: Sequence[ImageComparison] = (),
        score: float | None = None,
    ) -> Parity:
        ranked = sorted(image_comparisons, key=lambda compared: -compared.difference)
        return Parity(tuple(stages), len(self._pictures.pictures), self._pictures.origin, score, tuple(ranked))


def _of_one_size(pictures: Sequence[Picture]) -> bool:
    return len({(picture.width_px, picture.height_px) for picture in pictures}) == 1


def _knowing(picture: BgrPicture, card: InputCard, share: float) -> BgrPicture:
    """Return a picture of which the network's known numbers are a share of the largest."""
    return replace(picture, known={one.name: share * one.largest for one in card.known}) if card.known else picture


def _as_it_is(picture: Picture) -> Picture:
    return picture


def _groups(pictures: Sequence[GatePicture], sizes: Sequence[int]) -> Iterator[list[GatePicture]]:
    rest = iter(pictures)
    for size in itertools.cycle(sizes):
        group = list(itertools.islice(rest, size))
        if not group:
            return
        yield group


def _fixed(card: ModelCard) -> ModelCard:
    """Return the card at its preferred size alone, so that source and export see every picture in the same size."""
    return card.with_input(dynamic_size=False)


def _second_size(card: ModelCard) -> ModelCard:
    """Return the card at another size than its preferred one: a lower picture of the same width."""
    stride_px = card.input.stride_px
    height_px = max(round(card.input.height_px * _SECOND_SIZE_SHARE / stride_px), 1) * stride_px
    return card.with_input(height_px=height_px)


def _sized_as(card: ModelCard, other: ModelCard) -> ModelCard:
    return card.with_input(width_px=other.input.width_px, height_px=other.input.height_px, dynamic_size=False)


def _with_second_size(final: ParityStage, others: Sequence[ParityStage], size: str) -> ParityStage:
    """Return the last stage with what differs at the second size."""
    faults = [f"with an input of {size} px the {other.words} differ: {other.sentence()}" for other in others]
    broken = [fault for fault, other in zip(faults, others, strict=True) if not other.passed]
    notes = (*final.notes, f"Compared at a second size too, {size} px.")
    return replace(final, faults=(*final.faults, *broken[:1]), notes=notes)


def _unusable(error: StreamVisionError) -> ParityStage:
    return ParityStage("card", faults=(f"the export cannot be used: {error}",))
