"""Secondary models on the crops of objects, and the stage that adds what they say as attributes of the objects."""

from __future__ import annotations

import logging
import math
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.secondary.attributes import Attributes, attributes_of, parts_of, placed
from pipelines.stages.secondary.model_worker import Crop, ModelWorker, open_auxiliary
from streamvision.core.config.camera import ASSUMED_FIELD_OF_VIEW_DEG, CameraConfig
from streamvision.core.config.secondary import AuxiliaryModelConfig, SecondaryModelConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.crops import crop_edges, cut
from streamvision.core.detections import Detections, class_index
from streamvision.core.errors import ConfigError
from streamvision.core.frame import Frame, Result
from streamvision.core.stage_output import MAX_MARKS
from streamvision.core.status import StageStatus
from streamvision.core.telemetry import StageTimes
from streamvision.inference.model import Model, Prediction

_log = logging.getLogger(__name__)
EVERY_S = {"pose": 0.0, "detect": 0.5, "segment": 0.5, "obb": 0.5, "cuboid": 0.2}
"""How often models are run whose results have a place on the object, by task: who walks has another pose on each
frame. What other models say stays true, and they are run again when the object shows better."""
_DRAWN_DRIVES = ("synthetic:drive", "synthetic:steered_drive")
_EDGE_SHARE = 0.02
"""Boxes that end as near to the picture's lower edge may be cut off by it, or by the camera's own car."""
INSTANT_S = 1e-6
"""Differences of time stamps are no more exact than this."""
LEAST_STALE_S = 3.0
"""What has a place is shown for so long at least; one call of a slow model for many objects may take as long."""


class SecondaryModel(ModelWorker[Attributes]):
    """A model that is shown objects; what it says is remembered by their identity.

    Args:
        config: which objects, and how sure.
        model: already open; :meth:`close` closes it.

    Raises:
        ConfigError: when it makes pictures, which are no attributes of an object.
    """

    def __init__(self, config: SecondaryModelConfig, model: Model) -> None:
        if model.card.task == "image":
            raise ConfigError(
                f"secondary model {config.name!r}: {model.describe()} makes pictures; give a model that says something "
                "of an object"
            )
        super().__init__(config.name, model, lasting=model.card.task not in EVERY_S)
        self.config = config
        """Which objects it is shown, and when again."""
        self.every_s = EVERY_S.get(model.card.task) if config.every_s is None else config.every_s
        """After how many seconds it is shown an object again however that appears; ``None``: never."""
        self.stale_s = math.inf if self.lasting else max(LEAST_STALE_S, 2 * (self.every_s or 0.0))
        """How old what it said may be."""
        self.places_in_space = model.card.task == "cuboid"
        """Whether what it says is placed by the stream's camera."""
        keypoints = model.card.keypoints
        self.skeleton = keypoints.skeleton if keypoints else ()
        """Pairs of keypoints to draw a line between, where it finds keypoints."""

    @classmethod
    def open(cls, config: SecondaryModelConfig, *, times: StageTimes | None = None) -> SecondaryModel:
        """Load the model.

        Raises:
            StreamVisionError: when it is not there, or cannot be run.
        """
        model = open_auxiliary(config, times=times)
        try:
            return cls(config, model)
        except BaseException:
            model.close()
            raise

    def read(self, crop: Crop, found: Prediction) -> Attributes | None:
        """Return what is sure enough, in the form of attributes."""
        return attributes_of(
            found,
            names=self._model.names,
            origin_px=(crop.left_px, crop.top_px),
            box_xyxy_px=crop.box_xyxy_px,
            least_score=self.config.score,
        )


def check_names(configs: Sequence[AuxiliaryModelConfig], names: tuple[str, ...] | None) -> None:
    """Find out whether the first model has the classes that secondary models are for.

    Args:
        configs: the secondary models.
        names: class names of the first model; ``None`` where there are several, each with its own.

    Raises:
        ConfigError: naming the class that it does not have, or the name that two have.
    """
    for config in configs:
        if names is None or not isinstance(config, SecondaryModelConfig):
            continue
        unknown = [name for name in config.classes or () if class_index(name, names) is None]
        if unknown:
            raise ConfigError(
                f"secondary model {config.name!r} is for {unknown[0]!r}, which is not a class of the first model; "
                f"that has {', '.join(names[:10])}"
            )
    called = [config.name for config in configs]
    if twice := {name for name in called if called.count(name) > 1}:
        raise ConfigError(
            f"names of secondary models and of key frames must differ, but {sorted(twice)} stands more than once"
        )


class SecondaryInference(FrameStage):
    """Adds the attributes of objects. Only objects with an identity are shown to the models.

    Args:
        models: the models, shared by all streams.
        names: class names of the first model, by class id.
        wait: wait for the models on each frame, as files do.
        draw: outline the objects, skeletons and cuboids that they find.
        camera: of the stream, for models that place objects in space.
    """

    name = "secondary_models"

    def __init__(
        self,
        models: Sequence[SecondaryModel],
        *,
        names: tuple[str, ...],
        wait: bool,
        draw: bool = True,
        camera: CameraConfig | None = None,
    ) -> None:
        self._models = models
        self._owner = object()  # what is known of a stream that has left is not another's that has its name
        self._draw, self._camera = draw, camera
        self._is_estimated = camera is not None and camera.is_assumed
        self._skeletons = {model.config.name: model.skeleton for model in models}
        self._wait = wait
        wanted = [model.config.classes for model in models]
        self._class_ids = [
            None if classes is None else np.array([class_index(name, names) for name in classes]) for classes in wanted
        ]

    def process(self, result: Result) -> None:
        """Add what is known of the objects."""
        found = result.detections
        attributes = np.empty(len(found), np.object_)
        if found.track_id is not None:
            for model, class_ids in zip(self._models, self._class_ids, strict=True):
                self._attach(attributes, model, class_ids, result.frame, found)
        result.detections = replace(found, attributes=attributes)
        if self._draw:
            outlines = [line for one in attributes if one for line in parts_of(one, self._skeletons)]
            result.marks += tuple(outlines[:MAX_MARKS])

    def statuses(self) -> tuple[StageStatus, ...]:
        """Return how each model is doing now."""
        return tuple(model.status() for model in self._models)

    def close(self) -> None:
        """Let the models forget the stream."""
        for model in self._models:
            model.forget_owner(self._owner)

    def _attach(
        self,
        attributes: NDArray[np.object_],
        model: SecondaryModel,
        class_ids: NDArray[Any] | None,
        frame: Frame,
        found: Detections,
    ) -> None:
        assert found.track_id is not None
        wanted = ~np.ma.getmaskarray(found.track_id)
        if class_ids is not None:
            wanted &= np.isin(found.class_id, class_ids)
        rows = np.flatnonzero(wanted)
        if not len(rows):
            return
        keys: list[Hashable] = [
            (self._owner, frame.segment, identity) for identity in found.track_id.data[rows].tolist()
        ]
        submitted = _submit(model, keys, frame, found[rows])
        if self._wait and submitted:
            model.wait(submitted)
        size_px = frame.picture.width_px, frame.picture.height_px
        camera = self._camera.pinhole(*size_px) if self._camera else None
        for row, kept in zip(rows.tolist(), model.known(keys), strict=True):
            if kept is None or kept.value is None:
                continue
            if abs(frame.pts_s - kept.pts_s) <= model.stale_s:
                left, top, right, bottom = found.box_xyxy_px[row].tolist()
                whole = bottom < size_px[1] * (1 - _EDGE_SHARE)
                own = placed(kept.value, (left, top, right, bottom), camera, ends_at_road=whole)
                if self._is_estimated and "distance_m" in own:
                    own["estimated"] = True
                attributes[row] = {**(attributes[row] or {}), model.config.name: own}


def _submit(model: SecondaryModel, keys: list[Hashable], frame: Frame, found: Detections) -> list[Hashable]:
    """Hand over the objects that the model is to see; return whose they are."""
    config, picture = model.config, frame.picture
    edges = crop_edges(found.box_xyxy_px, picture_px=(picture.width_px, picture.height_px), margin=config.margin)
    side_px = edges[:, 2:] - edges[:, :2]
    quality = side_px.prod(axis=1) * found.score
    due = (side_px.min(axis=1) >= config.min_side_px) & _due(model, keys, quality, frame.pts_s)
    rows = np.flatnonzero(due).tolist()
    crops = []
    for row in rows:
        left, top, right, bottom = edges[row].tolist()
        x0, y0, x1, y1 = found.box_xyxy_px[row].tolist()
        part = cut(picture, left, top, right, bottom)
        crops.append(Crop(keys[row], part, float(quality[row]), left, top, (x0, y0, x1, y1), frame.pts_s))
    model.submit(crops)
    return [keys[row] for row in rows]


def _due(model: SecondaryModel, keys: list[Hashable], quality: NDArray[Any], now_s: float) -> NDArray[np.bool_]:
    """Return which objects are new or show better, or by time: those with a place, and those that gave nothing."""
    config, known = model.config, model.known(keys)
    new = np.array([kept is None for kept in known])
    better = quality > np.array([0.0 if kept is None else kept.quality for kept in known]) * config.refresh
    age_s = np.array([0.0 if kept is None else abs(now_s - kept.pts_s) for kept in known])
    empty = np.array([kept is not None and kept.value is None for kept in known])
    due = new | better | (empty & (age_s >= config.retry_s - INSTANT_S))
    if model.every_s is not None:
        due |= age_s >= model.every_s - INSTANT_S
    return due


def secondary(context: StageContext) -> SecondaryInference | None:
    """Return the stage of one stream; ``None`` where there is no model for objects."""
    if context.secondary is None or not context.secondary.for_objects:
        return None
    fitting = [
        model
        for model in context.secondary.for_objects
        if model.config.classes is None or set(model.config.classes) <= set(context.names)
    ]
    if not fitting:
        return None
    draw, camera = context.config.overlay.boxes, camera_of(context.stream)
    placing = next((model.config.name for model in fitting if model.places_in_space), None)
    if placing is not None and camera is None:
        raise ConfigError(
            f"secondary model {placing!r} places objects in space, but the camera of stream {context.stream_id!r} is "
            "not known; say how wide it sees, as camera: {field_of_view_deg: 62} of the stream or --camera "
            "field_of_view_deg=62, or its focal_px, and height_m above a flat road where you know it; "
            "field_of_view_deg=assumed takes 60 degrees and marks distances as estimated"
        )
    if placing is not None and camera is not None and camera.is_assumed:
        _log.warning(
            "nothing is known of the camera of stream %r: it is taken to see %g degrees, and distances are estimates, "
            "wrong by the ratio of the focal lengths",
            context.stream_id,
            ASSUMED_FIELD_OF_VIEW_DEG,
        )
    return SecondaryInference(fitting, names=context.names, wait=not context.live, draw=draw, camera=camera)


def camera_of(stream: StreamConfig) -> CameraConfig | None:
    """Return what a stream's camera is: what is set, or that of the drawn drive; ``None`` where it is not known."""
    scene = stream.source.partition("?")[0].lower() if isinstance(stream.source, str) else ""
    if stream.camera is None and scene in _DRAWN_DRIVES:
        from streamvision.synthetic.drive.view import CAMERA_HEIGHT_M, FOCAL_PER_WIDTH, HORIZON_PER_HEIGHT

        return CameraConfig(
            field_of_view_deg=math.degrees(2 * math.atan(0.5 / FOCAL_PER_WIDTH)),
            horizon=HORIZON_PER_HEIGHT,
            height_m=CAMERA_HEIGHT_M,
        )
    return stream.camera
