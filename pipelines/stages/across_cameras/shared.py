"""What all cameras of a run share to give one object one identity: the model, the gallery, and the order of files."""

from __future__ import annotations

from pipelines.stages.across_cameras.appearance_model import AppearanceModel
from pipelines.stages.across_cameras.file_order import FileOrder
from pipelines.stages.across_cameras.gallery import Gallery, Rules
from streamvision.core.config.across_cameras import AcrossCamerasConfig


class CameraIdentities:
    """One for a run; streams come and go.

    Args:
        config: which streams take part, and when two objects are one.
        model: describes objects; it is closed by whoever closes the other models.
    """

    def __init__(self, config: AcrossCamerasConfig, model: AppearanceModel) -> None:
        self.config = config
        """Which streams take part, and when two objects are one."""
        self.model = model
        """Describes objects."""
        self.gallery = Gallery(rules_of(config))
        """All identities."""
        self.files = FileOrder()
        """Whose frame comes next, where sources are files."""
        self._live: bool | None = None

    @classmethod
    def open(cls, config: AcrossCamerasConfig) -> CameraIdentities:
        """Load the model.

        Raises:
            StreamVisionError: when it is not there, cannot be run or gives no embeddings.
        """
        return cls(config, AppearanceModel.open(config))

    def begin(self, *, live: bool) -> None:
        """Let a stream take part; what was seen by another clock than its own is forgotten, since no time fits it.

        Args:
            live: whether its time is that of arrival; files count from their beginning.
        """
        if self._live not in (None, live):
            self.gallery.forget()
        self._live = live


def rules_of(config: AcrossCamerasConfig) -> Rules:
    """Return when two tracks may be one object."""
    return Rules(
        similarity=config.similarity,
        memory_s=config.memory_s,
        overlap_s=config.overlap_s,
        transit_s={frozenset(way.between): (way.min_s, way.max_s) for way in config.transit},
        views=config.views,
        max_identities=config.max_identities,
    )
