"""A whole run, section by section; YAML files, ``--help`` and the docs follow the fields and their descriptions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import Field, field_validator, model_validator

from streamvision.core.config.across_cameras import AcrossCamerasConfig
from streamvision.core.config.adaptive import AdaptiveConfig
from streamvision.core.config.analytics import AnalyticsConfig
from streamvision.core.config.cluster import ClusterConfig
from streamvision.core.config.collect import CollectConfig
from streamvision.core.config.driving import DrivingConfig
from streamvision.core.config.event_log import EventLogConfig
from streamvision.core.config.fleet import FleetConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.mqtt import MqttConfig
from streamvision.core.config.notify import NotifyConfig
from streamvision.core.config.outputs import OutputsConfig
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.config.recording import RecordingConfig
from streamvision.core.config.secondary import KeyFrameConfig, SecondaryModelConfig
from streamvision.core.config.section import ID, Section, given_by, read_yaml, validate
from streamvision.core.config.serve import ServeConfig
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.config.stage import StageConfig
from streamvision.core.config.stream import StreamConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import is_without_network
from streamvision.core.position_address import parse_position_address
from streamvision.core.redaction import short


class AppConfig(Section):
    """A whole run."""

    renamed_keys: ClassVar[dict[str, str]] = {"effort": "adaptive", "second": "secondary_models"}

    model: ModelConfig = Field(description="The network.")
    models: dict[Annotated[str, Field(pattern=ID)], ModelConfig] = Field(
        default_factory=dict,
        max_length=16,
        description="Further networks by name, for streams that choose one; streams of one share its batches.",
    )
    streams: tuple[StreamConfig, ...] = Field((), description="The sources.")
    adaptive: Annotated[AdaptiveConfig, given_by("mode")] = Field(
        AdaptiveConfig(), description="Which part of each frame the network is shown."
    )
    slices: Annotated[SlicesConfig, given_by("tiles")] = Field(
        SlicesConfig(), description="In which tiles the network is shown large pictures, for small objects."
    )
    tracker: Annotated[TrackerConfig, given_by("name")] = Field(TrackerConfig(), description="Identities.")
    analytics: AnalyticsConfig = Field(
        AnalyticsConfig(), description="What is counted, for each stream that does not say so itself."
    )
    across_cameras: Annotated[AcrossCamerasConfig | None, given_by("model")] = Field(
        None, description="One identity for one object in all cameras; absent: each camera has its own."
    )
    collect: Annotated[CollectConfig | None, given_by("folder")] = Field(
        None, description="Frames that are worth labelling, kept in a folder; absent: none are."
    )
    secondary_models: tuple[SecondaryModelConfig, ...] = Field(
        (), max_length=16, description="Models that run on the objects which the first model found."
    )
    key_frames: tuple[KeyFrameConfig, ...] = Field(
        (), max_length=16, description="Slow models that run on a whole frame now and then."
    )
    stages: tuple[StageConfig, ...] = Field(
        (), max_length=16, description="Code of yours behind tracker and analytics, in this order."
    )
    overlay: OverlayConfig = Field(OverlayConfig(), description="Drawing.")
    serve: ServeConfig | None = Field(None, description="The web page; absent: no server.")
    outputs: OutputsConfig = Field(OutputsConfig(), description="Files.")
    event_log: EventLogConfig = Field(EventLogConfig(), description="What a service keeps of the events.")
    recording: Annotated[RecordingConfig, given_by("mode")] = Field(
        RecordingConfig(), description="What a service records of the cameras' own packets."
    )
    mqtt: Annotated[MqttConfig | None, given_by("host")] = Field(
        None, description="A broker that is told of streams and events; absent: none is."
    )
    tracklets: TrackletsConfig = Field(TrackletsConfig(), description="What a service keeps of each identity.")
    fleet: FleetConfig | None = Field(
        None, description="A store of signed models that a service follows; absent: none is."
    )
    notify: NotifyConfig = Field(NotifyConfig(), description="Who is told of events.")
    privacy: PrivacyConfig = Field(PrivacyConfig(), description="What is hidden from everybody.")
    driving: DrivingConfig = Field(DrivingConfig(), description="What networks that drive are told.")
    position: str | None = Field(
        None,
        description="Where the position of live sources comes from while they run: gpsd://HOST[:PORT], or "
        "nmea-udp://[HOST]:PORT for sentences that arrive there; default: they have none.",
    )
    cluster: Annotated[ClusterConfig | None, given_by("address")] = Field(
        None, description="A Ray cluster whose machines run the streams of a service; absent: they run here."
    )
    max_frames: int | None = Field(None, ge=1, description="Stop each stream after so many frames.")
    workers: int = Field(
        1,
        ge=1,
        le=256,
        description="Processes that the streams are shared out over, each with a model of its own: for many cores "
        "where the network is fast.",
    )

    @field_validator("position")
    @classmethod
    def _position_is_an_address(cls, given: str | None) -> str | None:
        return None if given is None else str(parse_position_address(given))

    @model_validator(mode="after")
    def _sentences_reach_all_workers(self) -> AppConfig:
        if self.position is not None and self.position.startswith("nmea-udp:") and self.workers > 1:
            raise ValueError(
                f"workers is {self.workers}, but what arrives at a UDP port goes to one process only; leave out "
                "workers, or let gpsd listen there and give its address"
            )
        return self

    @model_validator(mode="after")
    def _ids_are_unique(self) -> AppConfig:
        named = [s.id for s in self.streams if s.id]
        if twice := {name for name in named if named.count(name) > 1}:
            raise ValueError(f"stream ids must differ, but {sorted(twice)} stands more than once")
        return self

    @model_validator(mode="after")
    def _table_has_identities(self) -> AppConfig:
        trackers = [self.tracker_of(stream) for stream in self.streams] or [self.tracker]
        if self.outputs.table is not None and all(tracker.name == "none" for tracker in trackers):
            raise ValueError("outputs.table has a row an identity, but the tracker is none; choose one, or no table")
        return self

    @model_validator(mode="after")
    def _identities_across_cameras_meet(self) -> AppConfig:
        if self.across_cameras is None:
            return self
        trackers = [self.tracker_of(stream) for stream in self.streams] or [self.tracker]
        if all(tracker.name == "none" for tracker in trackers):
            raise ValueError("across_cameras joins the identities of trackers, but the tracker is none; choose one")
        if self.workers > 1:
            raise ValueError(
                f"workers is {self.workers}, but across_cameras compares the objects of all streams in one process; "
                "leave out one of them"
            )
        if self.cluster is not None:
            raise ValueError(
                "across_cameras compares the objects of all streams in one process, and those of a cluster run on "
                "several machines; leave out one of them"
            )
        return self

    @model_validator(mode="after")
    def _mqtt_sees_all_frames(self) -> AppConfig:
        if self.mqtt is not None and self.workers > 1:
            raise ValueError(
                f"workers is {self.workers}, but mqtt tells of every event and sees all frames in one process only; "
                "leave out one of them"
            )
        return self

    @model_validator(mode="after")
    def _frames_are_collected_in_one_process(self) -> AppConfig:
        if self.collect is not None and (self.workers > 1 or self.cluster is not None):
            where = "run on several machines" if self.cluster is not None else "share workers"
            raise ValueError(
                f"collect chooses among the frames of all streams in one process, and these {where}; leave out one"
            )
        return self

    @model_validator(mode="after")
    def _cluster_gets_what_crosses_machines(self) -> AppConfig:
        if self.cluster is None:
            return self
        if self.fleet is not None:
            raise ValueError(
                "fleet lets models take over while they run, and the machines of a cluster open theirs when they join; "
                "leave out one of them"
            )
        outputs = self.outputs
        pictures = [key for key in ("record", "table", "sinks") if getattr(outputs, key)]
        modes = [self.recording.mode, *(stream.recording.mode for stream in self.streams if stream.recording)]
        if pictures:
            raise ValueError(
                f"outputs.{pictures[0]} takes the pictures of all frames, which stay on the machines of a cluster; "
                "leave out one of them"
            )
        if any(mode not in (None, "off") for mode in modes):
            raise ValueError(
                "recording keeps the cameras' own packets, which stay on the machines of a cluster; leave out one of "
                "them"
            )
        if self.position is not None and self.position.startswith("nmea-udp:"):
            raise ValueError(
                "what arrives at a UDP port goes to one machine of a cluster only; let gpsd listen there and give its "
                "address as position"
            )
        return self

    @model_validator(mode="after")
    def _nothing_private_is_recorded(self) -> AppConfig:
        modes = [self.recording.mode, *(stream.recording.mode for stream in self.streams if stream.recording)]
        if self.privacy.blur and any(mode not in (None, "off") for mode in modes):
            raise ValueError(
                "privacy.blur makes faces unreadable, but recording keeps the cameras' own packets, in which they are "
                "not; leave out one of them (outputs.record keeps the pictures as they are shown)"
            )
        return self

    @model_validator(mode="after")
    def _streams_fit_the_run(self) -> AppConfig:
        for stream in self.streams:
            self.for_stream(stream)
        return self

    def for_stream(self, stream: StreamConfig) -> AppConfig:
        """Return the run as one stream sees it: what is set for the stream in place of what holds for all.

        Raises:
            ConfigError: when the stream asks for what the run does not have.
        """
        if stream.tracker is not None and stream.tracker.appearance not in (None, self.tracker.appearance):
            raise ConfigError("tracker.appearance of a stream must be that of the run, since all share that model")
        own = {**self.sections_of(stream), "model": self._model_of(stream)}
        if stream.record and self.outputs.record is None:
            raise ConfigError("a stream is to be recorded, but outputs.record does not say where; set it, too")
        if stream.collect and self.collect is None:
            raise ConfigError("a stream is to be collected from, but collect.folder does not say where to; set it, too")
        if stream.record is False:
            own["outputs"] = self.outputs.model_copy(update={"record": None})
        run = self.model_copy(update=own)
        run._check_network_is_there()
        return run

    def sections_of(self, stream: StreamConfig) -> dict[str, Section]:
        """Return the sections that a stream may have of its own, by name, as they count for it.

        What it leaves out in one is as the run has it. Lines and zones alone are of one picture: its `analytics` take
        the place of the run's.
        """
        budget = {"full_frames_per_s": self.adaptive.full_frames_per_s}
        return {
            "analytics": self.analytics if stream.analytics is None else stream.analytics,
            "overlay": self.overlay.with_keys_of(stream.overlay),
            "slices": self.slices.with_keys_of(stream.slices),
            "tracker": self.tracker_of(stream),
            "adaptive": self.adaptive.with_keys_of(stream.adaptive).model_copy(update=budget),
        }

    def tracker_of(self, stream: StreamConfig) -> TrackerConfig:
        """Return who gives identities to a stream; appearance and options are those of one tracker, not of another."""
        own, run = stream.tracker, self.tracker
        if own is not None and "name" in own.model_fields_set and own.name != run.name:
            run = run.model_copy(update={"appearance": None, "options": {}})
        tracker = run.with_keys_of(own)
        return tracker.model_copy(
            update={"appearance_head": self.tracker.appearance_head if tracker.appearance else None}
        )

    def _check_network_is_there(self) -> None:
        if not is_without_network(self.model.path):
            return
        if self.slices.tiles != "off":
            raise ConfigError(
                f"slices is {self.slices.tiles}, which cuts pictures for a network, but the model is none; leave "
                "slices out, or let the steps see larger pictures by side_px (--imgsz)"
            )
        if self.tracker.appearance is not None:
            raise ConfigError(
                "tracker.appearance describes what a network finds, but the model is none; leave it out, or use "
                "across_cameras, which describes objects by itself"
            )

    def _model_of(self, stream: StreamConfig) -> ModelConfig:
        own = {key: value for key in ("score", "classes", "steps") if (value := getattr(stream, key)) is not None}
        if stream.model is not None and stream.model not in self.models:
            known = ", ".join(sorted(self.models))
            there = f"models are: {known}" if known else "no model has a name here; leave it out, or set models"
            raise ConfigError(f"a stream is for the model {short(stream.model)!r}, but {there}")
        model = self.model if stream.model is None else self.models[stream.model]
        if stream.steps is not None and not is_without_network(model.path):
            raise ConfigError(
                f"steps of a stream find objects without a network, but its model is {model.path}; leave them out, or "
                "let it have a model whose path is none"
            )
        return model.model_copy(update=own)


def load_config(path: Path) -> dict[str, Any]:
    """Read a YAML file into a plain mapping, not yet validated.

    Relative paths in it (``model.path``, file sources) count from the present folder, as on the command line.

    Raises:
        ConfigError: when the file is missing, is not YAML or is not a mapping.
    """
    return read_yaml(path, AppConfig, kind="config")


def parse_config(document: dict[str, Any], *, origin: str) -> AppConfig:
    """Validate a mapping; ``origin`` says in messages where it came from.

    Raises:
        ConfigError: naming the key, what was given and what is accepted; an unknown key names the nearest known one.
    """
    return validate(AppConfig, document, origin=origin)


def parse_analytics(document: Any, *, origin: str) -> AnalyticsConfig:
    """Validate what stands under ``analytics``, as :func:`parse_config` does the whole.

    Raises:
        ConfigError: as there.
    """
    return validate(AnalyticsConfig, document, origin=origin)


def parse_stage(document: Any, *, origin: str) -> StageConfig:
    """Validate one member of ``stages``, as :func:`parse_config` does the whole.

    Raises:
        ConfigError: as there.
    """
    return validate(StageConfig, document, origin=origin)
