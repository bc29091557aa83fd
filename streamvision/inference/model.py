"""Pictures in, objects out: preprocessing, the network, its head and suppression, for one batch at a time."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.detections import Detections
from streamvision.core.errors import ModelError
from streamvision.core.image_result import ImageResult
from streamvision.core.model_location import is_without_network
from streamvision.core.opening import opened_within
from streamvision.core.picture import Picture
from streamvision.core.telemetry import StageTimes
from streamvision.core.words import counted
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.cores import Share
from streamvision.inference.class_order import ClassOrder, joined_names
from streamvision.inference.heads.base import Candidates, ObjectHead, PictureHead
from streamvision.inference.input_sizes import InputSizes, Size, SizedInput
from streamvision.inference.letterbox import Letterbox
from streamvision.inference.model_card import CARD_KEY, OBJECT_TASKS, ModelCard
from streamvision.inference.model_loading import loaded_with_card
from streamvision.inference.nms import best_candidates
from streamvision.inference.output_check import OutputCheck, check_scores, note_without_numbers, reading_outputs
from streamvision.inference.score_limits import ScoreLimits, lowest_scores
from streamvision.inference.tuning.choice import Choice
from streamvision.inference.tuning.opening import open_tuned
from streamvision.models import find_model

CLASS_TASKS = (*OBJECT_TASKS, "classify", "semantic")
"""Tasks whose results carry class numbers."""
MAX_DYNAMIC_BATCH = 16
"""Most pictures in one call of a model that takes any number; at 640x640 the input tensor takes 79 MB then."""


class Prediction(NamedTuple):
    """What a model says about one picture."""

    detections: Detections
    """The objects, in the picture's own pixels, the best score first."""
    image_result: ImageResult | None
    """What holds for the whole picture; ``None`` for models that only find objects."""


class Model:
    """A model with everything around it. As many threads may use it at a time as it takes requests.

    Args:
        backend: the loaded model; :meth:`close` closes it.
        card: how to feed it and how to read it.
        config: thresholds and filters.
        score_floor: lowest score of classes without a threshold of their own, where a tracker has use for less than
            ``config.score``.
        every_class: let a box be a candidate for each of its likely classes, as networks are measured, and not for
            its best alone, as they are used.
        max_batch: most pictures in one call of a model that takes any number.
        times: where the seconds spent in ``preprocess``, ``inference`` and ``decode_nms`` are recorded, per call.
        known_names: class names by the numbers that its classes are to have, where others know them already; its
            further classes come behind these.

    Raises:
        ConfigError: when the configuration names a class that the model does not have.
        ModelError: when the card does not fit the model.
    """

    def __init__(
        self,
        backend: Backend,
        card: ModelCard,
        config: ModelConfig,
        *,
        score_floor: float | None = None,
        every_class: bool = False,
        max_batch: int = MAX_DYNAMIC_BATCH,
        times: StageTimes | None = None,
        known_names: tuple[str, ...] = (),
    ) -> None:
        self.own_card = card
        """The model's contract, its classes in its own order."""
        self.backend = backend
        """The loaded model."""
        self._config = config
        self._every_class = every_class
        self._max_batch = max_batch
        sizes = InputSizes(card, backend.outputs)
        self.head = sizes.of((card.input.width_px, card.input.height_px)).head
        """What reads the network's outputs for inputs of the card's size."""
        self._idle_sizes = deque([sizes])  # one for each thread that is in the middle of a batch
        self._score_floor = score_floor
        self.know(known_names)
        self._outputs = OutputCheck(config.path)
        self._open_again: Callable[[], Model] | None = None
        self.choice: Choice | None = None
        """How many calls and threads were chosen for this machine, and why; ``None`` where nothing was."""
        self.times = times or StageTimes()
        """Where the seconds of each stage are recorded."""

    @classmethod
    def open(
        cls,
        config: ModelConfig,
        *,
        backend: Backend | None = None,
        side_px: int | None = None,
        one_size: bool = False,
        score_floor: float | None = None,
        every_class: bool = False,
        max_batch: int = MAX_DYNAMIC_BATCH,
        times: StageTimes | None = None,
        known_names: tuple[str, ...] = (),
    ) -> Model:
        """Load the model that the configuration names, and read its card.

        Args:
            config: which model (file, name or address), where it executes, thresholds and filters.
            backend: the model where it is loaded already, such as a checkpoint in torch; closed when this fails.
            side_px: longer side of the input, for models that take any size; by default the configuration's, or the
                card's.
            one_size: give pictures of every aspect the card's input size, so that they share a call.
            score_floor, every_class, max_batch, times, known_names: as for the class.

        Raises:
            ModelError: when the file is not a model, its outputs are of no known head, it does not take pictures of
                that size, or it is not open after ``config.load_timeout_s``.
            MissingDependencyError: when the runtime that it needs is not installed.
            DeviceError: when the asked-for device or precision would not really execute it.
            ConfigError: when the configuration names a class that the model does not have.
        """
        if is_without_network(config.path):
            from streamvision.inference.classical.model import ClassicalModel  # which is one of these

            return ClassicalModel(config, score_floor=score_floor, times=times)
        if (found := find_model(config.path)) != config.path:
            config = config.model_copy(update={"path": found})
        open_it = partial(
            cls._open,
            config,
            side_px=side_px or config.side_px,
            one_size=one_size,
            score_floor=score_floor,
            every_class=every_class,
            max_batch=max_batch,
            times=times or StageTimes(),
            known_names=known_names,
        )
        if backend is not None:
            return open_it(backend)

        def open_with(share: Share | None) -> Model:
            return open_it(share=share)

        def open_now() -> Model:
            opened, choice = open_tuned(config, open_with)
            opened.choice = choice
            return opened

        model = opened_within(config.load_timeout_s, open_now, path=config.path)
        again = partial(open_with, None if model.choice is None else model.choice.share)
        model._open_again = partial(opened_within, config.load_timeout_s, again, path=config.path)
        return model

    @classmethod
    def _open(
        cls,
        config: ModelConfig,
        backend: Backend | None = None,
        *,
        share: Share | None = None,
        side_px: int | None,
        one_size: bool,
        **settings: Any,
    ) -> Model:
        opened, card = loaded_with_card(config, backend, share=share, side_px=side_px, one_size=one_size)
        try:
            model = cls(opened, card, config, **settings)
            if CARD_KEY not in opened.metadata:
                check_scores(opened, card, path=config.path)
            return model
        except BaseException:
            opened.close()
            raise

    def reopened(self) -> Model:
        """Return the same model, loaded from its file once more.

        Raises:
            ModelError: when it was not opened from a file, or cannot be.
            StreamVisionError: as :meth:`open`.
        """
        if self._open_again is None:
            raise ModelError("it was not opened from a file by this program; open it with Model.open")
        model = self._open_again()
        model._open_again = self._open_again
        model.choice, model.times = self.choice, self.times
        model.know(self.card.names)
        return model

    def know(self, names: tuple[str, ...]) -> None:
        """Give its classes the numbers by which others know them; further classes of its own come behind these.

        Args:
            names: known class names, by class id.

        Raises:
            ConfigError: when the configuration names a class that is not among all of these.
        """
        joined = joined_names(names, self.own_card.names)
        is_own = joined == self.own_card.names or self.own_card.task not in CLASS_TASKS
        self._order = None if is_own else ClassOrder(self.own_card.names, joined)
        self.card = self.own_card if is_own else self.own_card.model_copy(update={"names": joined})
        """The model's contract, its classes by the numbers that its results have."""
        self._limits = self.limits_of(self._config, score_floor=self._score_floor)

    @property
    def names(self) -> tuple[str, ...]:
        """Class names, by class id."""
        return self.card.names

    @property
    def max_batch(self) -> int:
        """Most pictures that one call of the network carries."""
        if not self.card.input.dynamic_batch:
            return self.card.input.batch
        return min(self._max_batch, self.backend.max_batch or self._max_batch)

    @property
    def useful_batch(self) -> int:
        """Most pictures that are worth waiting for or keeping together."""
        useful = self.backend.useful_batch if self.card.input.dynamic_batch else None
        return min(self.max_batch, useful or self.max_batch)

    @property
    def requests(self) -> int:
        """How many threads may use it at a time."""
        return self.backend.requests

    @property
    def limits(self) -> ScoreLimits:
        """Which objects are reported where nothing else is said."""
        return self._limits

    @property
    def max_detections(self) -> int:
        """Most objects on one picture."""
        return self._config.max_detections

    @property
    def agnostic(self) -> bool:
        """Whether boxes of different classes suppress each other."""
        return self._config.agnostic_nms

    def describe(self) -> str:
        """Return one line about the model and where it executes."""
        width_px, height_px = self.card.input.width_px, self.card.input.height_px
        size = f"{max(width_px, height_px)} px (dynamic)" if self.card.input.dynamic_size else f"{width_px}x{height_px}"
        names = counted(len(self.own_card.names), "words" if self.card.task == "caption" else "classes")
        runtime = f"{self.backend.name} on {self.backend.device}, {self.backend.precision}"
        chosen = "" if self.choice is None else f", {self.choice.short()}"
        return f"{self._config.path.name}: {self.card.head}, {names}, {size}, {runtime}{chosen}"

    def notes(self) -> tuple[str, ...]:
        """Return what had to be assumed of the model, and what its outputs have shown so far, a sentence each."""
        return (*self.card.assumed, *note_without_numbers(self.pictures_without_numbers))

    @property
    def pictures_without_numbers(self) -> int:
        """On how many pictures nothing was found and the outputs held an infinity or NaN."""
        return self._outputs.pictures_without_numbers

    def detect(self, pictures: Sequence[Picture]) -> list[Detections]:
        """Return the objects on each picture; see :meth:`find`."""
        return [found.detections for found in self.find(pictures)]

    def limits_of(self, config: ModelConfig, *, score_floor: float | None) -> ScoreLimits:
        """Return the limits that a configuration sets, for :meth:`find`; ``score_floor`` is as for the class.

        Raises:
            ConfigError: when the configuration names a class that the model does not have.
        """
        lowest = lowest_scores(config, self.card.names, score_floor=score_floor)
        return ScoreLimits(lowest, float(lowest.min()))

    def find(
        self,
        pictures: Sequence[Picture],
        *,
        sizes: Sequence[Size | None] | None = None,
        limits: Sequence[ScoreLimits] | None = None,
    ) -> list[Prediction]:
        """Return what the model says about each picture.

        The pictures may differ in size. They go through the network in as few calls as its batch allows; where its
        input is of free size, each goes in the size that fits its aspect, and those of one size share a call.

        Args:
            pictures: the pictures.
            sizes: width and height that each is given in the network's input, where that is not to be so.
            limits: which objects of each are reported; by default what the model's configuration says.

        Raises:
            ModelError: when the runtime fails, or the model returns something else than its card says.
        """
        try:
            own = self._idle_sizes.pop()
        except IndexError:
            own = InputSizes(self.own_card, self.backend.outputs)
        try:
            predictions: dict[int, Prediction] = {}
            for size, members in own.calls(pictures, max_batch=self.max_batch, sizes=sizes):
                batch = [pictures[member] for member in members]
                batch_limits = [self._limits if limits is None else limits[member] for member in members]
                predictions.update(zip(members, self._find_batch(own.of(size), batch, batch_limits), strict=True))
        finally:
            self._idle_sizes.append(own)
        return [predictions[member] for member in range(len(pictures))]

    def close(self) -> None:
        """Release the model; calling it twice is harmless."""
        self.backend.close()
        for sizes in tuple(self._idle_sizes):
            sizes.clear()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _find_batch(
        self, sized: SizedInput, pictures: Sequence[Picture], limits: Sequence[ScoreLimits]
    ) -> list[Prediction]:
        begin_s = time.perf_counter()
        if self._order is not None:
            limits = [one._replace(lowest=self._order.to_own(one.lowest)) for one in limits]
        letterboxes = sized.fill(pictures)
        filled = len(pictures) if self.card.input.dynamic_batch else sized.batch.capacity
        filled_s = time.perf_counter()
        outputs = sized.execute(self.backend, filled)
        executed_s = time.perf_counter()
        with reading_outputs(self._config.path):
            predictions = self._read(sized.head, outputs, letterboxes, limits)
        self.times.add("preprocess", filled_s - begin_s)
        self.times.add("inference", executed_s - filled_s)
        self.times.add("decode_nms", time.perf_counter() - executed_s)
        return predictions

    def _read(
        self,
        head: ObjectHead | PictureHead,
        outputs: Sequence[NDArray[Any]],
        letterboxes: Sequence[Letterbox],
        limits: Sequence[ScoreLimits],
    ) -> list[Prediction]:
        """Return what a call's outputs say about each picture."""
        if isinstance(head, PictureHead):
            predictions = [Prediction(Detections.empty(), one) for one in head.read(outputs, letterboxes)]
        else:
            least = min(one.least for one in limits)
            candidates = head.decode(outputs, score_threshold=least, every_class=self._every_class)
            for index in (index for index in range(len(letterboxes)) if not len(candidates[index])):
                self._outputs.check_numbers(outputs, index)
            predictions = [
                Prediction(self._objects(head, candidates[index], outputs, index, letterbox, lowest), None)
                for index, (letterbox, (lowest, _)) in enumerate(zip(letterboxes, limits, strict=True))
            ]
        if len(predictions) != len(letterboxes):
            raise ValueError(f"it says something of {len(predictions)} pictures of {len(letterboxes)}")
        if self._order is not None:
            predictions = [_by_known_numbers(one, self._order) for one in predictions]
        return predictions

    def _objects(
        self,
        head: ObjectHead,
        candidates: Candidates,
        outputs: Sequence[NDArray[Any]],
        index: int,
        letterbox: Letterbox,
        lowest: NDArray[np.float32],
    ) -> Detections:
        """Return the objects among one picture's candidates, the best score first."""
        kept = best_candidates(candidates, lowest, card=self.card, config=self._config)
        self._outputs.check_best(kept.score)
        detections = head.complete(kept, outputs, index=index, letterbox=letterbox)
        has_area = detections.box_xyxy_px[:, 2:] > detections.box_xyxy_px[:, :2]
        return detections if has_area.all() else detections[has_area[:, 0] & has_area[:, 1]]


def _by_known_numbers(found: Prediction, order: ClassOrder) -> Prediction:
    whole = found.image_result
    return Prediction(order.to_known(found.detections), whole and order.image_to_known(whole))
