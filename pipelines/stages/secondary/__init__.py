"""Secondary models: on the crops of objects, batched over all streams and remembered by identity, and on key frames."""

from pipelines.stages.secondary.models import SecondaryModels

__all__ = ["SecondaryModels"]
