"""A run whose streams are shared out over processes, since Python runs one thread at a time in each."""

from pipelines.workers.pool import WorkerPool

__all__ = ["WorkerPool"]
