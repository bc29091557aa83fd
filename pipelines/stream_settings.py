"""What is set for a running stream, and what of it changes without beginning the stream anew."""

from __future__ import annotations

import threading

from pipelines.capture.packets import PacketListener
from pipelines.rendering.overlay import Overlay
from pipelines.stages.adaptive import AdaptiveInference
from pipelines.stages.analytics import Analytics
from pipelines.stages.classical import ClassicalDetection
from pipelines.stages.ignore import IgnoreAreas
from pipelines.stages.tracking import AdjustableTracker, Tracker
from pipelines.stream_worker import StreamWorker
from streamvision.core.config.analytics import AnalyticsConfig, LineConfig, ZoneConfig
from streamvision.core.config.app import AppConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.detections import class_index
from streamvision.core.errors import ConfigError
from streamvision.inference.classical.detector import Detector
from streamvision.inference.model import Model
from streamvision.inference.score_limits import ScoreLimits
from streamvision.inference.slicing.tiles import can_slice, tiling_of

APPLIED = frozenset(
    {"id", "name", "detect", "score", "classes", "steps", "ignore", "analytics", "overlay", "recording", "slices"}
)
"""Keys of a stream that change while it runs."""
RESOLVED = frozenset({"model", "tracker", "adaptive", "record"})
"""Keys of a stream that count by what they come to, together with what is set for the run."""
_OF_MODEL = ("score", "classes", "steps")
"""Keys of its model that a stream may have of its own."""


class StreamSettings:
    """Of one stream; any thread may change them, one at a time.

    Args:
        config: what is set for the stream.
        run: what is set for the run, as the stream sees it.
        model: what its frames go through.
        worker: what happens to its results.
        overlay: decides what is drawn.
        tracker: gives identities; ``None`` without.
        adaptive: decides what the network is shown; ``None`` where it is shown all.
        analytics: what counts and measures; ``None`` without.
        packets: who takes its encoded packets; ``None`` where nobody does.

    Raises:
        ConfigError: when a class is asked for that the model does not have, or tiles of a model that takes none.
    """

    def __init__(
        self,
        config: StreamConfig,
        run: AppConfig,
        *,
        model: Model,
        worker: StreamWorker,
        overlay: Overlay,
        tracker: Tracker | None,
        adaptive: AdaptiveInference | None,
        analytics: Analytics | None,
        packets: PacketListener | None = None,
    ) -> None:
        self.config = config
        """What is set for the stream."""
        self.run = run
        """What is set for the run, as the stream sees it."""
        self._model = model
        self._worker = worker
        self._overlay = overlay
        self._tracker = tracker
        self._adaptive = adaptive
        self._analytics = analytics
        self._packets = packets
        self._changing = threading.Lock()
        self.limits = self._limits_now()
        """Which objects are to be reported of what is found."""
        self.tiling = tiling_of(run.slices, model.card)
        """What cuts its pictures into tiles; ``None`` where the network is shown them whole."""

    @property
    def task(self) -> str:
        """What its model does, or its own steps."""
        return self._model.card.task

    @property
    def own_names(self) -> tuple[str, ...] | None:
        """Class names of its own steps, by class id; ``None`` where its model finds the objects."""
        return None if self.config.steps is None else self._model.names

    def begins_anew_for(self, config: StreamConfig, run: AppConfig) -> bool:
        """Say whether a change of what is set takes more than :meth:`apply`; the arguments are those of the class."""
        before = self.run
        same_model = before.model.model_copy(update={key: getattr(run.model, key) for key in _OF_MODEL})
        resolved = (same_model, before.tracker, before.adaptive, before.outputs)
        if resolved != (run.model, run.tracker, run.adaptive, run.outputs) or config.model != self.config.model:
            return True
        if run.secondary_models and run.overlay.boxes != before.overlay.boxes:
            return True  # they outline what they find, where boxes are drawn
        if run.model.steps != before.model.steps and Detector(run.model).names != self._model.names:
            return True
        if run.model.score != before.model.score and not isinstance(self._tracker, (AdjustableTracker, type(None))):
            return True
        others = StreamConfig.model_fields.keys() - APPLIED - RESOLVED
        return any(getattr(config, key) != getattr(self.config, key) for key in others)

    def apply(self, config: StreamConfig, run: AppConfig) -> None:
        """Change what is set, from the next frame on; the arguments are those of the class.

        Raises:
            ConfigError: as for the class; nothing changes then.
        """
        with self._changing:
            self._apply(config, run.model_copy(update={"model": run.model.choosing(self.run.model)}))

    def use_model(self, model: Model, opened_by: ModelConfig, names: tuple[str, ...]) -> None:
        """Take what another model finds; no frame of the stream is in the network meanwhile.

        Args:
            model: the model.
            opened_by: what it was opened by.
            names: class names by the numbers that results carry; those that there were have stayed.
        """
        if (own_names := self.own_names) is not None:
            self._worker.use_names(own_names)
            return
        with self._changing:
            self._model = model
            self.run = self.run.model_copy(update={"model": self.run.model.choosing(opened_by)})
            self.limits = self._limits_now()
            # Another model may say something of whole pictures; it is shown them whole then.
            self.tiling = tiling_of(self.run.slices, model.card) if can_slice(model.card) else None
        if self._adaptive is not None:
            self._adaptive.use_card(model.card, self.tiling)
        skeleton = model.card.keypoints.skeleton if model.card.keypoints else ()
        self._overlay.use_names(names, skeleton=skeleton)
        self._worker.use_names(names)
        self._worker.requests = model.requests

    def _apply(self, config: StreamConfig, run: AppConfig) -> None:
        score = run.model.score
        self._model.limits_of(run.model, score_floor=None)
        tiling = self.tiling if run.slices == self.run.slices else tiling_of(run.slices, self._model.card)
        if self._analytics is not None and run.analytics != self._analytics.config:  # which may be edited by itself
            self._check_new_regions(run.analytics, self._analytics.config)
            self._analytics.apply(run.analytics)
        if score != self.run.model.score:
            if isinstance(self._tracker, AdjustableTracker):
                self._tracker.set_report_score(score)
            if self._adaptive is not None:
                self._adaptive.set_sure_score(score)
        if run.overlay != self.run.overlay:
            self._overlay.apply(run.overlay)
        if run.model.steps != self.run.model.steps:
            for stage in self._worker.stages:
                if isinstance(stage, ClassicalDetection):
                    stage.use(run.model)
        if config.ignore != self.config.ignore:
            self._ignore(config)
        if self._packets is not None and config.recording != self.config.recording:
            self._packets.apply(config)
        if tiling is not self.tiling:
            self.tiling = tiling
            if self._adaptive is not None:
                self._adaptive.use_card(self._model.card, tiling)
        self.config, self.run = config, run
        self.limits = self._limits_now()

    def _limits_now(self) -> ScoreLimits:
        """Return which objects are to be reported, as things are set; whoever finds them without a network is told."""
        floor = self._tracker.low_score if self._tracker else None
        limits = self._model.limits_of(self.run.model, score_floor=floor)
        for stage in self._worker.stages:
            if isinstance(stage, ClassicalDetection):
                stage.limits = limits
        return limits

    def _check_new_regions(self, config: AnalyticsConfig, before: AnalyticsConfig) -> None:
        """Refuse regions for classes that only a model knew which was replaced: they would never count anything.

        Regions that there were stay, so that they count again where that model comes back.
        """
        known, own = self._model.names, self._model.own_card.names
        old: list[LineConfig | ZoneConfig] = [*before.lines, *before.zones]
        new: list[LineConfig | ZoneConfig] = [*config.lines, *config.zones]
        for region in (one for one in new if one not in old):
            for given in region.classes or ():
                class_id = class_index(given, known)
                if own and class_id is not None and known[class_id] not in own:
                    raise ConfigError(
                        f"{region.name!r} asks for the class {given!r}, which the present model does not have; "
                        f"it has {', '.join(own[:10])}{' ...' * (len(own) > 10)}"
                    )

    def _ignore(self, config: StreamConfig) -> None:
        stages = self._worker.stages
        for stage in stages:
            if isinstance(stage, IgnoreAreas):
                stage.apply(config.ignore)
                return
        # Before all that knows of objects, and behind what finds them.
        place = int(bool(stages) and isinstance(stages[0], ClassicalDetection))
        self._worker.put_in(IgnoreAreas(config.ignore), place)
