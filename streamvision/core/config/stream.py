"""One source and what is set for it alone: a member of ``streams``."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from streamvision.core.config.adaptive import AdaptiveConfig
from streamvision.core.config.analytics import MAX_REGIONS, AnalyticsConfig, Polygon
from streamvision.core.config.camera import CameraConfig
from streamvision.core.config.classical import MAX_STEPS, StepConfig
from streamvision.core.config.overlay import OverlayConfig
from streamvision.core.config.recording import StreamRecordingConfig
from streamvision.core.config.section import ID, SHOWN_NAME, ClassName, Section, given_by, listed_in
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.config.tracker import TrackerConfig


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
    steps: tuple[StepConfig, ...] | None = Field(
        None,
        min_length=1,
        max_length=MAX_STEPS,
        description="Where its model is none: steps of OpenCV that find objects here; default: those of its model.",
    )
    ignore: tuple[Polygon, ...] = Field(
        (),
        max_length=MAX_REGIONS,
        description="Areas [[[x, y], ...], ...], in fractions of the picture: an object whose lower edge has its "
        "middle in one is dropped before the tracker, as if it had not been found.",
    )
    camera: CameraConfig | None = Field(
        None,
        description="What its camera is, for models that place objects in space: how wide it sees, in degrees or by "
        "its focal length, and how high it hangs; default: that of the drawn drive, none for other sources.",
    )
    analytics: AnalyticsConfig | None = Field(None, description="What is counted here, in place of what the file says.")
    overlay: OverlayConfig | None = Field(None, description="What is drawn here; what is left out is as the file says.")
    collect: bool | None = Field(
        None, description="Whether frames of it are kept to be labelled; default: where `collect` of the run is set."
    )
    record: bool | None = Field(
        None, description="Whether it is recorded to `outputs.record`; default: where that is set."
    )
    recording: Annotated[StreamRecordingConfig | None, given_by("mode")] = Field(
        None, description="What a service records of its own packets; what is left out is as the file says."
    )
    adaptive: Annotated[AdaptiveConfig | None, given_by("mode")] = Field(
        None,
        description="Which part of each frame of it the network is shown; what is left out is as the file says, which "
        "alone sets full_frames_per_s.",
    )
    slices: Annotated[SlicesConfig | None, given_by("tiles")] = Field(
        None, description="In which tiles the network is shown its pictures; what is left out is as the file says."
    )
    tracker: Annotated[TrackerConfig | None, given_by("name")] = Field(
        None,
        description="Who gives identities here; what is left out is as the file says, which alone sets appearance. "
        "Another `name` has options of its own.",
    )
    node_labels: dict[Annotated[str, Field(max_length=63)], Annotated[str, Field(max_length=63)]] = Field(
        default_factory=dict,
        max_length=16,
        description="In a cluster: labels that a machine must have to run it, such as {site: north} where a camera is "
        "reached from one site alone.",
    )
