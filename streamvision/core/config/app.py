"""Everything that can be set, with its default and its meaning; YAML files, ``--help`` and the docs follow it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from streamvision.core.config.adaptive import AdaptiveConfig
from streamvision.core.config.analytics import MAX_REGIONS, AnalyticsConfig, Polygon
from streamvision.core.config.cluster import ClusterConfig
from streamvision.core.config.event_log import EventLogConfig
from streamvision.core.config.fleet import FleetConfig
from streamvision.core.config.model import ModelConfig
from streamvision.core.config.mqtt import MqttConfig
from streamvision.core.config.notify import NotifyConfig
from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.config.recording import RecordingConfig, StreamRecordingConfig
from streamvision.core.config.secondary import KeyFrameConfig, SecondaryModelConfig
from streamvision.core.config.section import ID, SHOWN_NAME, ClassName, Section, listed_in, read_yaml, validate
from streamvision.core.config.serve import ServeConfig
from streamvision.core.config.stage import StageConfig
from streamvision.core.config.tracklets import TrackletsConfig
from streamvision.core.errors import ConfigError
from streamvision.core.position_address import parse_position_address
from streamvision.core.redaction import short


class TrackerConfig(Section):
    """Who gives identities."""

    name: str = Field(
        "steady",
        description="Tracker: steady is our own, botsort also follows a moving camera; none: no identities.",
        json_schema_extra=listed_in("pipelines.stages.tracking.registry:TRACKERS"),
    )
    memory_s: float = Field(
        1.0, gt=0, le=60, description="How long an object may be out of sight and keep its identity."
    )
    class_agnostic: bool = Field(True, description="Keep an identity though the class of the object changes.")
    appearance: Path | None = Field(
        None,
        description="For botsort: an embedding model that describes objects, so that their appearance counts, too.",
    )
    appearance_head: str | None = Field(
        None, description="Layout of that model's output, for files that do not say it: embed."
    )
    smooth_keypoints: bool = Field(True, description="Smooth the keypoints of each identity, the slow ones the most.")
    options: dict[str, Any] = Field(
        default_factory=dict, description="Settings of its own of a tracker that another package brings."
    )


class OverlayConfig(Section):
    """What is drawn."""

    boxes: bool = Field(True, description="Boxes around objects.")
    labels: bool = Field(True, description="Class, identity and score beside each box.")
    trails_s: float = Field(2.0, ge=0, le=30, description="Length of the trail behind an object, in seconds; 0: none.")
    status: bool = Field(
        False,
        description="A small line with id, fps and age of the frame when it was drawn; the page says them itself.",
    )
    analytics: bool = Field(True, description="Lines and zones with their counts, speeds, and the heat map if shown.")


def _given_by(key: str) -> BeforeValidator:
    """Return what reads a section that is given by its main key alone."""
    return BeforeValidator(lambda given: {key: given} if isinstance(given, str) else given)


class StreamConfig(Section):
    """One source."""

    source: str | tuple[str, ...] = Field(
        min_length=1,
        description="File, folder, glob, rtsp://, http://, udp:// and the like, /dev/videoN, - (standard input), gst:, "
        "synthetic:. Several files, folders and globs are one stream, one after another.",
        json_schema_extra=listed_in("pipelines.capture.registry:SOURCES"),
    )
    id: str | None = Field(
        None,
        pattern=ID,
        description="Name of the stream; default: made from the source.",
    )
    policy: Literal["auto", "live", "file"] = Field(
        "auto", description="live: newest frame wins; file: every frame counts; auto: by the kind of source."
    )
    realtime: bool = Field(False, description="Play a file at its own speed, as if it were live.")
    loop: bool = Field(False, description="Begin a file again when it ends.")
    track: int | None = Field(
        None,
        ge=0,
        description="Number of the video track to read; default: one that moves, the default or the largest one. "
        "`streamvision probe` lists them; of files, SOURCE?track=N says the same.",
    )
    decode: Literal["cpu", "auto", "cuda", "qsv", "vaapi", "v4l2m2m"] = Field(
        "cpu",
        description="What decodes: the processor, a device, or auto: the first device that gives a frame, else the "
        "processor. Devices are not verified.",
    )
    rtsp_transport: Literal["auto", "tcp", "udp"] = Field(
        "auto", description="How RTSP media travels; auto: over TCP, or over UDP where a camera does no other."
    )
    open_timeout_s: float = Field(5.0, gt=0, le=60, description="Longest wait for a connection.")
    read_timeout_s: float = Field(
        2.0,
        gt=0,
        le=60,
        description="Longest silence before the stream counts as stalled; longer where its own rhythm is slower.",
    )
    snapshot_fps: float | None = Field(
        None,
        gt=0,
        le=60,
        description="How often an HTTP address that gives one picture is asked for the next; default: as often as it "
        "has a new one, up to 5 times a second.",
    )
    damaged: Literal["drop", "use"] = Field(
        "drop",
        description="Damaged pictures and those predicted from them, up to the next clean one: drop counts them as "
        "lost, use gives them to the network.",
    )
    name: str | None = Field(
        None,
        pattern=SHOWN_NAME,
        description="What the page calls it; default: its id.",
    )
    enabled: bool = Field(True, description="Whether it runs; one that is switched off is shown as such.")
    detect: bool = Field(
        True, description="Whether its frames go through the network; without, its picture is shown without objects."
    )
    model: str | None = Field(None, description="Which of `models` it goes through; default: `model`.")
    score: float | None = Field(
        None, ge=0, le=1, description="Lowest score of a reported object here; default: that of its model."
    )
    classes: tuple[ClassName, ...] | None = Field(
        None, description="Report these classes only, by name or number; default: those of its model."
    )
    ignore: tuple[Polygon, ...] = Field(
        (),
        max_length=MAX_REGIONS,
        description="Areas [[[x, y], ...], ...], in fractions of the picture: an object whose lower edge has its "
        "middle in one is dropped before the tracker, as if it had not been found.",
    )
    analytics: AnalyticsConfig | None = Field(None, description="What is counted here; default: what the file says.")
    overlay: OverlayConfig | None = Field(None, description="What is drawn here; default: what the file says.")
    record: bool | None = Field(
        None, description="Whether it is recorded to `outputs.record`; default: where that is set."
    )
    recording: Annotated[StreamRecordingConfig | None, _given_by("mode")] = Field(
        None, description="What a service records of its own packets; default: what the file says."
    )
    adaptive: Annotated[AdaptiveConfig | None, _given_by("mode")] = Field(
        None,
        description="Which part of each frame of it the network is shown; default: what the file says, which alone "
        "sets full_frames_per_s.",
    )
    tracker: Annotated[TrackerConfig | None, _given_by("name")] = Field(
        None, description="Who gives identities here; default: what the file says, which alone sets appearance."
    )
    node_labels: dict[Annotated[str, Field(max_length=63)], Annotated[str, Field(max_length=63)]] = Field(
        default_factory=dict,
        max_length=16,
        description="In a cluster: labels that a machine must have to run it, such as {site: north} where a camera is "
        "reached from one site alone.",
    )


class SinkConfig(Section):
    """A sink that has no key of its own here, such as one of another package."""

    name: str = Field(description="Its name; `streamvision doctor` lists what is there.")
    options: dict[str, Any] = Field(default_factory=dict, description="Its settings.")


class OutputsConfig(Section):
    """Files that results are written to. With several streams, .mot and .record files carry the stream's id."""

    detections: Path | None = Field(None, description="File for what was found: JSON lines, one frame a line.")
    mot: Path | None = Field(None, description="File for the tracks: MOTChallenge text, confirmed identities only.")
    record: Path | None = Field(None, description="File for the annotated video: MP4 that survives a crash.")
    events: Path | None = Field(None, description="File for the events: JSON lines, or CSV for a name in .csv.")
    event_pictures: Path | None = Field(None, description="Folder for an annotated JPEG of each frame with an event.")
    event_pictures_kept: int = Field(1000, ge=1, le=1_000_000, description="Most of them; the oldest go first.")
    heat_map: Path | None = Field(None, description="File for the heat map, a PNG, at the end of the run.")
    table: Path | None = Field(
        None, description="File for one row an identity, CSV; pictures of them in a folder beside it, `F.crops`."
    )
    table_crops_kept: int = Field(
        10_000, ge=0, le=1_000_000, description="Most of these pictures of a stream; the oldest go first. 0: none."
    )
    overwrite: bool = Field(
        False,
        description="Replace existing files; by default text of live streams goes on, and the rest gets a dated name.",
    )
    sinks: tuple[SinkConfig, ...] = Field(
        (), max_length=16, description="Sinks without a key of their own here, such as those of other packages."
    )


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
    adaptive: AdaptiveConfig = Field(AdaptiveConfig(), description="Which part of each frame the network is shown.")
    tracker: TrackerConfig = Field(TrackerConfig(), description="Identities.")
    analytics: AnalyticsConfig = Field(
        AnalyticsConfig(), description="What is counted, for each stream that does not say so itself."
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
    recording: RecordingConfig = Field(
        RecordingConfig(), description="What a service records of the cameras' own packets."
    )
    mqtt: Annotated[MqttConfig | None, _given_by("host")] = Field(
        None, description="A broker that is told of streams and events; absent: none is."
    )
    tracklets: TrackletsConfig = Field(TrackletsConfig(), description="What a service keeps of each identity.")
    fleet: FleetConfig | None = Field(
        None, description="A store of signed models that a service follows; absent: none is."
    )
    notify: NotifyConfig = Field(NotifyConfig(), description="Who is told of events.")
    privacy: PrivacyConfig = Field(PrivacyConfig(), description="What is hidden from everybody.")
    position: str | None = Field(
        None,
        description="Where the position of live sources comes from while they run: gpsd://HOST[:PORT], or "
        "nmea-udp://[HOST]:PORT for sentences that arrive there; default: they have none.",
    )
    cluster: Annotated[ClusterConfig | None, _given_by("address")] = Field(
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
        trackers = [stream.tracker or self.tracker for stream in self.streams] or [self.tracker]
        if self.outputs.table is not None and all(tracker.name == "none" for tracker in trackers):
            raise ValueError("outputs.table has a row an identity, but the tracker is none; choose one, or no table")
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
        own = {key: value for key in ("analytics", "overlay") if (value := getattr(stream, key)) is not None}
        own |= {"model": self._model_of(stream), "tracker": self._tracker_of(stream)}
        if stream.adaptive is not None:
            budget = {"full_frames_per_s": self.adaptive.full_frames_per_s}
            own["adaptive"] = stream.adaptive.model_copy(update=budget)
        if stream.record and self.outputs.record is None:
            raise ConfigError("a stream is to be recorded, but outputs.record does not say where; set it, too")
        if stream.record is False:
            own["outputs"] = self.outputs.model_copy(update={"record": None})
        return self.model_copy(update=own)

    def _model_of(self, stream: StreamConfig) -> ModelConfig:
        own = {key: value for key in ("score", "classes") if (value := getattr(stream, key)) is not None}
        if stream.model is None:
            return self.model.model_copy(update=own)
        if stream.model not in self.models:
            known = ", ".join(sorted(self.models))
            there = f"models are: {known}" if known else "no model has a name here; leave it out, or set models"
            raise ConfigError(f"a stream is for the model {short(stream.model)!r}, but {there}")
        return self.models[stream.model].model_copy(update=own)

    def _tracker_of(self, stream: StreamConfig) -> TrackerConfig:
        own = stream.tracker
        if own is None:
            return self.tracker
        if own.appearance not in (None, self.tracker.appearance):
            raise ConfigError("tracker.appearance of a stream must be that of the run, since all share that model")
        return own.model_copy(update={"appearance_head": self.tracker.appearance_head}) if own.appearance else own


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
