"""A frame on its way through the pipeline, and what is known of it at the end."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from streamvision.core.analysis import Analysis, TimeSource
from streamvision.core.detections import Detections
from streamvision.core.image_result import ImageResult
from streamvision.core.inference_plan import FULL, InferencePlan
from streamvision.core.picture import Picture
from streamvision.core.position import Position
from streamvision.core.stage_output import Mark


class WallTime(NamedTuple):
    """A moment on the wall clock, and who says so."""

    unix_s: float
    """Seconds since 1970 UTC."""
    source: TimeSource
    """Where it comes from."""


class PacketTime(NamedTuple):
    """Which encoded packet of the source a picture was decoded from."""

    generation: int
    """As :attr:`streamvision.core.live_video.VideoFormat.generation`."""
    time_us: int
    """As :attr:`streamvision.core.live_video.VideoPacket.time_us`."""


class FilePlace(NamedTuple):
    """Where a frame stands in the file that it was read from, which may be one of many in a stream."""

    name: str
    """The file's name; with the folders below the one that all files of the stream share."""
    frame: int
    """Number of the picture in the file, from 0, among those that could be decoded."""
    pts_s: float
    """Its time in the file, in seconds."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of one stream, with the two clocks that matter: the stream's own and ours."""

    stream_id: str
    """The stream that it belongs to."""
    index: int
    """Position in the stream, from 0; frames that were dropped later on are counted too."""
    pts_s: float
    """Presentation time in the stream's own clock, in seconds; never decreases within one stream."""
    captured_at_s: float
    """When it reached this machine, on ``time.monotonic()``; the age of a frame counts from here."""
    picture: Picture
    """The pixels, as the decoder gave them."""
    segment: int = 0
    """Grows by one with each reconnect or change of resolution: nothing carries over, identities least of all."""
    place: FilePlace | None = None
    """Where it stands in a file; ``None`` for cameras and what else is no file."""
    wall_time: WallTime | None = None
    """When it was taken, on the wall clock; ``None`` where nobody knows."""
    position: Position | None = None
    """Where on earth the camera was; ``None`` where nobody knows."""
    packet: PacketTime | None = None
    """The packet that it was decoded from; ``None`` where packets are not passed on."""

    def __post_init__(self) -> None:
        if self.index < 0 or not self.stream_id:
            raise ValueError(
                f"a frame needs a stream_id and an index of 0 or more, not {self.stream_id!r}, {self.index}"
            )

    @property
    def time_unix_s(self) -> float | None:
        """When it was taken, in seconds since 1970 UTC; ``None`` where nobody knows."""
        return self.wall_time.unix_s if self.wall_time else None

    @property
    def time_source(self) -> TimeSource | None:
        """Who says so."""
        return self.wall_time.source if self.wall_time else None

    @property
    def captured_unix_s(self) -> float:
        """When it reached this machine, by this machine's clock, in seconds since 1970 UTC."""
        return time.time() - self.age_s()

    def age_s(self, now_s: float | None = None) -> float:
        """Return how old the frame is, in seconds, at ``now_s`` (monotonic; default: now)."""
        return (time.monotonic() if now_s is None else now_s) - self.captured_at_s


@dataclass(frozen=True, eq=False)
class KeyFrame:
    """What a slow model said of an earlier frame of the stream, or of this one."""

    name: str
    """What the model is called in the configuration."""
    image_result: ImageResult
    """What it said of that frame."""
    names: tuple[str, ...]
    """Its class names, by class id."""
    age_s: float
    """How much earlier that frame was, in seconds of the stream."""
    summary: dict[str, Any]
    """What it said as plain values, as :meth:`streamvision.core.image_result.ImageResult.summary` gives it."""

    @property
    def whole(self) -> ImageResult:
        """The former name of :attr:`image_result`."""
        return self.image_result


@dataclass(eq=False, slots=True)
class Result:
    """A frame and what was found on it. The stages of its stream fill it in, in order; then it stays as it is."""

    frame: Frame
    """The frame itself."""
    detections: Detections
    """Objects in the frame's own pixels, with identities where a tracker has confirmed them."""
    image_result: ImageResult | None = None
    """What was found about the picture as a whole; ``None`` where the model only finds objects."""
    analysis: Analysis | None = None
    """What the stream's analytics make of it; ``None`` where nothing is counted or measured."""
    marks: tuple[Mark, ...] = ()
    """What second models and stages of the user's want drawn in addition."""
    stage_events: tuple[dict[str, Any], ...] = ()
    """What stages of the user's tell: ``{stage, name, track_id, values}``."""
    key_frames: tuple[KeyFrame, ...] = ()
    """What slow models last said of the stream's pictures, as far as they have."""
    plan: InferencePlan = FULL
    """What the network was shown of the frame."""
    sequence: int = 0
    """Place of the result among those of its stream that entered the network."""
    found: Detections | None = None
    """All that the network found, weak objects included, before a tracker chose; ``None`` without a tracker."""

    @property
    def picture(self) -> Picture:
        """The picture that goes on, which is the network's own where that makes pictures."""
        made = self.image_result.picture if self.image_result is not None else None
        return made or self.frame.picture

    @property
    def caption(self) -> str | None:
        """The sentence about this frame, or else the last about the stream; ``None`` where no model writes any."""
        wholes = [self.image_result, *(one.image_result for one in self.key_frames)]
        return next((one.text for one in wholes if one is not None and one.word_score is not None and one.text), None)


def describe_when(taken: WallTime | None, position: Position | None) -> dict[str, Any]:
    """Return when and where on earth a frame was taken, as plain values; empty where nobody knows."""
    return {
        **({"time_unix_s": round(taken.unix_s, 3), "time_source": taken.source} if taken else {}),
        **({"position": position.summary()} if position is not None else {}),
    }


def describe_place(place: FilePlace | None) -> dict[str, Any]:
    """Return where a frame stands in its file, as plain values; empty where it is of none."""
    if place is None:
        return {}
    return {"file": place.name, "file_frame": place.frame, "file_pts_s": round(place.pts_s, 6)}


def describe(result: Result, names: tuple[str, ...]) -> dict[str, Any]:
    """Return what was found as plain Python values, in the form that files and the web API carry.

    Args:
        result: a frame's result.
        names: class names by class id.
    """
    picture = result.frame.picture
    objects = list(result.detections.objects(names, picture_px=(picture.width_px, picture.height_px)))
    if result.analysis is not None and result.analysis.speed_kmh is not None:
        for found, speed_kmh in zip(objects, result.analysis.speed_kmh.tolist(), strict=True):
            found["speed_kmh"] = round(speed_kmh, 1) if math.isfinite(speed_kmh) else None
    told: dict[str, Any] = {"stage_events": list(result.stage_events)} if result.stage_events else {}
    if result.key_frames:
        told["key_frames"] = {one.name: {"age_s": one.age_s, **one.summary} for one in result.key_frames}
    frame = result.frame
    return {
        **describe_when(frame.wall_time, frame.position),
        "objects": objects,
        **told,
        **describe_place(frame.place),
        **(result.image_result.summary(names) if result.image_result is not None else {}),
    }
