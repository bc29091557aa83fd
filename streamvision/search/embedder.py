"""An embedding model with everything around it: pictures in, unit vectors out."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.files import sha256_of
from streamvision.core.model_location import files_of
from streamvision.core.picture import Picture
from streamvision.inference.model import Model
from streamvision.models import model_file
from streamvision.search.index import EmbedderMark


class Embedder:
    """Describes pictures of objects.

    Args:
        detector: the model; :meth:`close` closes it.
        file: where it came from.

    Raises:
        ConfigError: when the model does not give embeddings.
    """

    def __init__(self, detector: Model, file: Path) -> None:
        if detector.card.task != "embed":
            raise ConfigError(
                f"{detector.describe()} is for {detector.card.task!r}; give an embedding model, whose card says "
                "'embed', or say that its head is embed"
            )
        self._file = file
        self._detector = detector

    @classmethod
    def open(
        cls, path: str | Path, *, head: str | None = None, requests: int = 1, threads: int | None = None
    ) -> Embedder:
        """Load the model.

        Args:
            path: its file, or ``package:NAME/FILE``.
            head: layout of its output, for files that do not say it: ``embed``.
            requests: how many threads may use it at a time.
            threads: how many threads of the processor it may use; by default as many as it likes.

        Raises:
            ConfigError: when the model does not give embeddings.
            StreamVisionError: when it cannot be loaded.
        """
        file = model_file(path)
        detector = Model.open(ModelConfig(path=file, head=head, requests=requests, threads=threads))
        try:
            return cls(detector, file)
        except BaseException:
            detector.close()
            raise

    @cached_property
    def mark(self) -> EmbedderMark:
        """Which model it is; the file is read for it."""
        return mark_of(self._file)

    def describe(self, pictures: Sequence[Picture]) -> NDArray[np.float32]:
        """Return (N, D) float32 rows of length 1, one a picture; all go through the model together.

        Raises:
            ModelError: when the model fails.
        """
        vectors = [
            found.image_result.embedding for found in self._detector.find(pictures) if found.image_result is not None
        ]
        known = [vector for vector in vectors if vector is not None]
        return np.stack(known) if known else np.empty((0, 0), np.float32)

    def close(self) -> None:
        """Release the model."""
        self._detector.close()

    def __enter__(self) -> Embedder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def mark_of(path: Path) -> EmbedderMark:
    """Return which model a file is; the weights beside a file, and all files of a folder, count too.

    Raises:
        ModelError: when it cannot be read.
    """
    files = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else files_of(path)
    try:
        return EmbedderMark(path.name, sha256_of(files))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}; give an embedding model") from error
