"""The stages of a stream in their order: built in, configured, and brought by other packages.

A stage of another package is chosen by its name under ``stages`` in the configuration. A new built-in one is one new
file, its test and its line here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from pipelines.stages.base import FrameStage, StageContext
from pipelines.stages.user_code import UserStage
from streamvision.core.config.section import Section
from streamvision.core.config.stage import StageConfig
from streamvision.core.errors import ConfigError
from streamvision.core.registry import Plugin, Registry
from streamvision.core.user_stage import Stage, stage_of

FRAME_STAGES: Registry[Plugin] = Registry(
    "frame stage",
    group="streamvision.frame_stages",
    plugins=[
        Plugin(
            name="classical",
            factory="pipelines.stages.classical:classical",
            summary="objects without a network, by steps of OpenCV",
        ),
        Plugin(name="ignore", factory="pipelines.stages.ignore:ignore", summary="objects in masked areas are dropped"),
        Plugin(
            name="complete_prediction",
            factory="pipelines.stages.adaptive.adaptive:complete",
            summary="adaptive inference: what is known of the part that the network was not shown",
        ),
        Plugin(name="track", factory="pipelines.stages.tracking.stage:track", summary="identities"),
        Plugin(
            name="learn_motion",
            factory="pipelines.stages.adaptive.adaptive:learn",
            summary="adaptive inference: motion that the next plans rely on",
        ),
        Plugin(
            name="across_cameras",
            factory="pipelines.stages.across_cameras.stage:across_cameras",
            summary="one identity for one object in all cameras",
        ),
        Plugin(
            name="smooth_keypoints",
            factory="pipelines.stages.smoothing:smooth_keypoints",
            summary="keypoints of an identity that do not tremble",
        ),
        Plugin(
            name="smooth_scores",
            factory="pipelines.stages.smoothing:smooth_scores",
            summary="classes of whole pictures that do not flicker",
        ),
        Plugin(
            name="secondary",
            factory="pipelines.stages.secondary.secondary_inference:secondary",
            summary="models on the crops of objects",
        ),
        Plugin(
            name="key_frames",
            factory="pipelines.stages.secondary.key_frames:key_frames",
            summary="slow models that see a whole frame now and then",
        ),
        Plugin(
            name="analyse",
            factory="pipelines.stages.analytics.analytics:analyse",
            summary="lines, zones, speeds, the heat map",
        ),
        Plugin(
            name="driving",
            factory="pipelines.stages.driving:driving",
            summary="the wheel of networks that drive, and the drawn drive's car",
        ),
        Plugin(
            name="blur",
            factory="pipelines.stages.blur.stage:blur",
            summary="faces and number plates, unreadable for all that comes behind",
        ),
        Plugin(
            name="hidden_places",
            factory="pipelines.stages.hidden_places:hidden_places",
            summary="no positions near places that nobody shall learn of",
        ),
    ],
)


@dataclass(frozen=True)
class ConfiguredPlugin:
    """A stage of another package, with its settings."""

    plugin: Plugin
    """The stage."""
    options: Section | None
    """Its settings, checked by its configuration class; ``None`` where it has none."""


ConfiguredStage = Stage | ConfiguredPlugin


def configured_stages(configs: Sequence[StageConfig]) -> list[ConfiguredStage]:
    """Find what the configuration names under ``stages``; code is imported here, once for all streams.

    Raises:
        ConfigError: when there is no such code or stage, or it does not take its options.
    """
    return [stage_of(config) if config.name is None else _plugin_of(config.name, config) for config in configs]


def build_stages(context: StageContext, further: Sequence[ConfiguredStage] = ()) -> list[FrameStage]:
    """Return the stages of one stream in their order: the built-in ones that are needed, then the further ones.

    Raises:
        ConfigError: when one refuses what is set for it; those before it are closed then.
    """
    stages: list[FrameStage] = []
    with ExitStack() as failing:
        for stage in _each_stage(context, further):
            failing.callback(stage.close)
            stages.append(stage)
        failing.pop_all()
    return stages


def _each_stage(context: StageContext, further: Sequence[ConfiguredStage]) -> Iterator[FrameStage]:
    for plugin in FRAME_STAGES.built_in:
        if (stage := plugin.load()(context)) is not None:
            yield stage
    for one in further:
        if isinstance(one, Stage):
            yield UserStage(one, stream_id=context.stream_id, names=context.names)
        else:
            yield one.plugin.load()(replace(context, options=one.options))


def _plugin_of(name: str, config: StageConfig) -> ConfiguredPlugin:
    plugin = FRAME_STAGES.get(name)
    if plugin in FRAME_STAGES.built_in:
        raise ConfigError(f"stages: {name!r} is built in and always runs, at its own place; leave it out")
    return ConfiguredPlugin(plugin, plugin.options_of(config.options))
