"""What card is to be made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from streamvision.core.errors import ConfigError
from streamvision.synthetic.sizes import check_size

MAX_FRAMES = 2_000_000
_LONGEST_SEAM_S = 10.0
_FARTHEST_CLOCK_S = 10 * 365 * 86_400.0


@dataclass(frozen=True)
class GpsNoise:
    """What the receiver says beside the truth; standard deviations, of each axis, of what is drawn for each drive."""

    independent_m: float = 1.5
    """Part that is new at each fix."""
    correlated_m: float = math.sqrt(3.0**2 - 1.5**2)
    """Part that wanders (a first-order Gauss-Markov process), as the ionosphere and reflections make it."""
    correlation_s: float = 60.0
    """Time in which the wandering part forgets all but 1/e of what it was."""
    speed_m_s: float = 0.15
    """Of the speed over ground, new at each fix."""
    course_deg: float = 0.8
    """Of the course, new at each fix."""

    @property
    def total_m(self) -> float:
        """Standard deviation of each axis, both parts together."""
        return math.hypot(self.independent_m, self.correlated_m)


@dataclass(frozen=True)
class TripSpec:
    """A card of one camera.

    Raises:
        ConfigError: when there is no such card.
    """

    duration_s: float = 120.0
    """How long each drive is."""
    clip_s: float = 60.0
    """How long each clip is; the last one is what is left."""
    width_px: int = 1280
    """Width of the picture, even."""
    height_px: int = 720
    """Height of the picture, even."""
    fps: float = 30.0
    """Frames a second."""
    seed: int = 0
    """Of the road, its signs and all noise."""
    drives: int = 1
    """How many times the same way is driven; each with times of frames, traffic and noise of its own."""
    begin_s: float = 2.0
    """Where on the way the first frame is, in seconds of driving."""
    start: datetime = datetime(2026, 6, 1, 8, 30, 12, 400_000, timezone.utc)
    """When the first frame of the first drive was taken."""
    between_s: float = 86_400.0
    """Time from the beginning of a drive to that of the next."""
    origin_deg: tuple[float, float] = (50.0, 10.0)
    """Latitude and longitude at which the way begins."""
    bearing_deg: float = 60.0
    """Direction around which the way winds, clockwise from north."""
    noise: GpsNoise = GpsNoise()
    """What the receiver says beside the truth."""
    gps_delay_s: float = 0.2
    """Time from that of a fix until the camera writes it between its pictures."""
    gps_holes_s: tuple[tuple[float, float], ...] = ()
    """Beginning and end of times of each drive in which there is no reception."""
    gps_is_local: bool = False
    """Whether the camera writes its own zone's time where the receiver's UTC belongs, as some Viofo do."""
    zone_s: float = 0.0
    """How far the camera's zone is ahead of UTC."""
    clock_error_s: float = 0.0
    """How far the camera's clock is ahead of the time of its zone."""
    seam_s: float = 0.0
    """Time that is lost between two clips; a negative one is recorded twice."""
    cut_last: bool = False
    """Whether the power failed in the last clip of each drive: its last third and its index are missing."""

    def __post_init__(self) -> None:
        self._check(
            1 <= self.fps <= 240
            and 0 < self.duration_s < MAX_FRAMES
            and self.frames >= 2
            and self.frames * self.drives <= MAX_FRAMES,
            f"{self.drives} drives of {self.duration_s:g} s at {self.fps:g} fps",
            f"give 1 to 240 fps, two frames and at most {MAX_FRAMES:,} in all",
        )
        self._check(
            min(self.width_px, self.height_px) >= 64 and not (self.width_px % 2 or self.height_px % 2),
            f"a picture of {self.width_px}x{self.height_px}",
            "give even sides from 64 pixels",
        )
        check_size(self.width_px, self.height_px)
        self._check(self.clip_s >= 1, f"clips of {self.clip_s:g} s", "give at least 1 second")
        self._check(
            abs(self.seam_s) <= min(_LONGEST_SEAM_S, self.clip_s / 2),
            f"seams of {self.seam_s:g} s",
            f"give at most {min(_LONGEST_SEAM_S, self.clip_s / 2):g}, and less than 0 for what is recorded twice",
        )
        self._check(
            self.drives == 1 or self.between_s >= self.duration_s + 120,
            f"drives that begin every {self.between_s:g} s and take {self.duration_s:g} s",
            "leave two minutes between them",
        )
        self._check(
            abs(self.zone_s + self.clock_error_s) <= _FARTHEST_CLOCK_S,
            f"a clock that is {self.zone_s + self.clock_error_s:g} s ahead of UTC",
            "give at most ten years",
        )
        self._check(
            0 <= self.noise.total_m <= 1000 and 0 <= self.gps_delay_s <= 5,
            f"GPS noise of {self.noise.total_m:g} m, {self.gps_delay_s:g} s late,",
            "give 0 to 1000 m and 0 to 5 s",
        )
        self._check(
            self.seed >= 0 and self.begin_s >= 1, f"seed {self.seed} from {self.begin_s:g} s on", "give 0 and 1 or more"
        )

    def _check(self, accepted: bool, given: str, advice: str) -> None:
        if not accepted:
            raise ConfigError(f"{given} cannot be made: {advice}")

    @property
    def frames(self) -> int:
        """How many frames each drive takes, those between clips too."""
        return round(self.duration_s * self.fps)

    def start_unix_s(self, drive: int) -> float:
        """Return when the first frame of a drive, counted from 0, was taken."""
        return self.start.timestamp() + drive * self.between_s

    def begin_of(self, drive: int) -> float:
        """Return where on the way the first frame of a drive is, in seconds: frames of two drives never coincide."""
        return self.begin_s + drive * (0.31 + 0.413 / self.fps)

    def camera_time(self, unix_s: float) -> datetime:
        """Return what the camera's own clock shows."""
        shown_s = unix_s + self.zone_s + self.clock_error_s
        return datetime(1970, 1, 1) + timedelta(seconds=shown_s)


@dataclass(frozen=True)
class ClipCut:
    """Which frames of a drive a clip holds."""

    drive: int
    """From 0."""
    number: int
    """Which clip of the drive, from 0."""
    first: int
    """Its first frame, counted over the drive."""
    frames: int
    """How many."""
    is_last: bool
    """Whether the drive ends with it."""


def clip_cuts(spec: TripSpec, drive: int) -> list[ClipCut]:
    """Return the clips of a drive; a rest of less than a second goes into the last one."""
    each, seam = round(spec.clip_s * spec.fps), round(spec.seam_s * spec.fps)
    firsts = [0]
    while (first := firsts[-1] + each + seam) <= spec.frames - spec.fps:
        firsts.append(first)
    cuts = []
    for number, first in enumerate(firsts):
        is_last = number == len(firsts) - 1
        frames = spec.frames - first if is_last else each
        cuts.append(ClipCut(drive, number, first, frames, is_last))
    return cuts
