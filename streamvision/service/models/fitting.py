"""Whether a model can take the place of another: what its streams go by must be in it, too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pipelines.model_group import ModelGroup
from pipelines.stream import Stream
from streamvision.core.config.analytics import LineConfig, ZoneConfig
from streamvision.core.config.app import AppConfig
from streamvision.core.detections import class_index
from streamvision.core.errors import ConfigError
from streamvision.inference.model import CLASS_TASKS, Model


def check_fits(new: Model, group: ModelGroup, run: AppConfig) -> None:
    """Find out whether a model can take the place of a group's present one.

    Args:
        new: the model.
        group: the streams of the present one.
        run: what is set for the run.

    Raises:
        ConfigError: when it is for another task, has other keypoints, or lacks a class that something asks for.
    """
    present = group.models.first
    if new.card.task != present.card.task:
        raise ConfigError(
            f"the new model is for {new.card.task!r}, the present one for {present.card.task!r}; give one for the same"
        )
    keypoints = [one.card.keypoints.names if one.card.keypoints else () for one in (present, new)]
    if keypoints[0] != keypoints[1]:
        raise ConfigError(
            f"the new model has the keypoints {', '.join(keypoints[1])}, the present one {', '.join(keypoints[0])}; "
            "give one with the same"
        )
    if new.card.task not in CLASS_TASKS:
        return
    names, own = group.models.names, set(new.own_card.names)
    for given, where in _asked_for(group.streams, run):
        class_id = class_index(given, names)
        if class_id is not None and names[class_id] in present.own_card.names and names[class_id] not in own:
            has = ", ".join(new.own_card.names[:10]) + " ..." * (len(new.own_card.names) > 10)
            raise ConfigError(
                f"the new model has no class {names[class_id]!r}, which {where} asks for; it has {has}. Take the class "
                "out there, or give a model that has it"
            )


def _asked_for(streams: Iterable[Stream], run: AppConfig) -> Iterator[tuple[str, str]]:
    """Yield each class that something asks for, by its name or number, and where."""
    for stream in streams:
        model = stream.settings.run.model
        for name in (*(model.classes or ()), *model.class_scores):
            yield name, f"stream {stream.id!r}"
        analytics = stream.settings.run.analytics if stream.analytics is None else stream.analytics.config
        regions: list[LineConfig | ZoneConfig] = [*analytics.lines, *analytics.zones]
        for region in regions:
            for name in region.classes or ():
                yield name, f"{region.name!r} of stream {stream.id!r}"
    for secondary in run.secondary_models:
        for name in secondary.classes or ():
            yield name, f"the secondary model {secondary.name!r}"
    for rule in run.notify.rules:
        for name in rule.classes or ():
            yield name, "a rule of notify"
