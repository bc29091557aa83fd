"""What can be wrong with artefacts and the store that they come from."""

from __future__ import annotations

from streamvision.core.errors import StreamVisionError


class ArtifactError(StreamVisionError, ValueError):
    """A manifest, its signature or a file is not what it must be; nothing of it was used."""


class SignatureError(ArtifactError):
    """A manifest is not signed by a key that is trusted."""


class StoreError(StreamVisionError, OSError):
    """A store does not answer, or not as it should; another try may help."""


class AbsentError(StoreError):
    """A store answers, and has nothing of that name."""
