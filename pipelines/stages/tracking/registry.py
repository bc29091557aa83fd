"""What every tracker does, and the trackers by name; another package adds one by an entry point.

A new tracker is one file, its test and its entry here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.detections import Detections
from streamvision.core.picture import Picture
from streamvision.core.registry import Plugin, Registry


class Tracker(Protocol):
    """Gives identities to the objects of one stream. An instance belongs to one stream, and so do its identities."""

    @property
    def low_score(self) -> float:
        """The lowest score that the tracker has use for; the detector need not report less."""

    def update(self, detections: Detections, *, pts_s: float, picture: Picture | None = None) -> Detections:
        """Take the detections of the next frame and return them with identities.

        Args:
            detections: objects down to :attr:`low_score`, in pixels.
            pts_s: the frame's own time; frames in between may be missing, and the gap is what counts.
            picture: the frame's pixels, for trackers that need them.

        Returns:
            Detections whose ``track_id`` is set for confirmed tracks and masked for objects without identity.
        """

    def predict(self, *, pts_s: float, picture_px: tuple[int, int]) -> Detections:
        """Return where the objects of the last :meth:`update` should be by now, on a frame without inference.

        Nothing is learnt from it: the next update goes on from the last one. Objects without an identity stay where
        they were seen.

        Args:
            pts_s: the frame's own time.
            picture_px: width and height of the picture.
        """

    def reset(self) -> None:
        """Forget all tracks, as after a reconnect; identities are never used again."""


@runtime_checkable
class AdjustableTracker(Tracker, Protocol):
    """A tracker whose score may change while it runs; with any other the stream begins anew then."""

    def set_report_score(self, score: float) -> None:
        """Report detections of at least this score, from the next frame on."""


@dataclass(frozen=True, kw_only=True)
class TrackerPlugin(Plugin):
    """A tracker.

    The factory takes what all trackers share by keyword: ``memory_s`` and ``class_agnostic`` of the configuration, and
    ``report_score``, the lowest score of a detection that is reported without identity. Where the entry has a
    configuration class, it takes ``options``, an instance of that, too.
    """

    uses_appearance: bool = False
    """Whether it compares embeddings, so that ``tracker.appearance`` may name a model."""


TRACKERS: Registry[TrackerPlugin] = Registry(
    "tracker",
    group="streamvision.trackers",
    plugins=(
        TrackerPlugin(
            name="steady",
            factory="pipelines.stages.tracking.steady:SteadyTracker",
            summary="our own combination: two stages, smoothed boxes, a moving camera told from the boxes",
        ),
        TrackerPlugin(
            name="sort", factory="pipelines.stages.tracking.sort:Sort", summary="SORT: one association by overlap"
        ),
        TrackerPlugin(
            name="bytetrack",
            factory="pipelines.stages.tracking.two_stage:ByteTrack",
            summary="ByteTrack: strong detections first, then weak ones",
        ),
        TrackerPlugin(
            name="ocsort",
            factory="pipelines.stages.tracking.sort:OcSort",
            summary="OC-SORT: heading, re-filtering over gaps, recovery",
        ),
        TrackerPlugin(
            name="botsort",
            factory="pipelines.stages.tracking.botsort:BotSort",
            summary="BoT-SORT: ByteTrack that follows a moving camera, and compares embeddings",
            uses_appearance=True,
        ),
    ),
)


def create_tracker(config: TrackerConfig, *, score: float) -> Tracker | None:
    """Return a new tracker for one stream, or ``None`` where none is wanted.

    Args:
        config: which one, and its settings.
        score: lowest score that the user wants to see; detections that reach it are reported with or without
            identity, weaker ones only where they continue a track.

    Raises:
        ConfigError: when there is no such tracker, or it does not accept its options.
    """
    if config.name == "none":
        return None
    plugin = TRACKERS.get(config.name)
    options = plugin.options_of(config.options)
    tracker: Tracker = plugin.load()(
        memory_s=config.memory_s,
        class_agnostic=config.class_agnostic,
        report_score=score,
        **({} if options is None else {"options": options}),
    )
    return tracker
