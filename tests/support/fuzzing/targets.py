"""The list of all targets."""

from __future__ import annotations

from support.fuzzing.collection_targets import COLLECTIONS
from support.fuzzing.config_targets import CONFIGURATION
from support.fuzzing.gps_targets import POSITIONS
from support.fuzzing.model_targets import MODELS
from support.fuzzing.reader_targets import READERS
from support.fuzzing.recording_targets import RECORDINGS
from support.fuzzing.target import Target
from support.fuzzing.web_targets import WEB

TARGETS = [*READERS, *COLLECTIONS, *POSITIONS, *RECORDINGS, *MODELS, *CONFIGURATION, *WEB]
GROUPS = tuple(dict.fromkeys(target.group for target in TARGETS))


def targets_of(name: str) -> list[Target]:
    """Return the targets of a group, or the one of that name."""
    found = [target for target in TARGETS if name in (target.group, target.name)]
    if not found:
        raise SystemExit(f"there is no target {name!r}; there are {', '.join((*GROUPS, *(t.name for t in TARGETS)))}")
    return found
