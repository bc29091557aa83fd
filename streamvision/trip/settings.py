"""What a trip is made from, and how."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path

from streamvision.core.config.model import CALLS_KEYS, ModelConfig
from streamvision.core.config.privacy import PrivacyConfig
from streamvision.core.config.tracker import TrackerConfig
from streamvision.core.files import sha256_of
from streamvision.dashcam.clip import View
from streamvision.models import model_file
from streamvision.trip.clip_detections import FORMAT

TRACKER_MEMORY_S = 2.0
"""How long an identity may go unseen: a camera takes up to two seconds from one clip to the next."""


@dataclass(frozen=True, kw_only=True)
class TripSettings:
    """What a trip is made from, and how."""

    folder: Path
    """The card, or a copy of it."""
    output: Path
    """Where the results go."""
    state: Path
    """Where it is kept what is known, for the next run."""
    model: ModelConfig
    """What finds the objects."""
    tracker: TrackerConfig
    """What gives them identities."""
    view: View = "front"
    """The lens whose clips are worked on."""
    zone: tzinfo | None = None
    """Of the camera's clock, where no positions tell the time; ``None``: UTC."""
    gap_s: float = 60.0
    """Time without a recording from which on a new drive begins."""
    stride: int | None = None
    """The model is shown every Nth picture; ``None``: by the speed of the car."""
    text: str | None = None
    """A second model that reads the objects: a file, or ``package:NAME/FILE``."""
    privacy: PrivacyConfig = field(default_factory=PrivacyConfig)
    """What is hidden in all that is written; the state folder keeps it."""
    video: bool = True
    """Whether an annotated video of each drive is written."""
    tiles: str | None = None
    """Address of map tiles for the report; ``None``: it asks nothing of any network."""

    def detection_key(self) -> str:
        """Return a short name of all that decides what is found on a clip.

        Raises:
            OSError: when the model's file cannot be read.
        """
        model = self.model.model_dump_json(exclude={"path", *CALLS_KEYS, "call_timeout_s", "load_timeout_s"})
        parts = (str(FORMAT), sha256_of([model_file(self.model.path)]), model, str(self.stride))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
