"""One run of the comparison: a model under its own card, and what it makes of a picture on every stage.

The picture goes through the runtime's own :class:`streamvision.inference.model.Model`, so that what is compared is what
users will see; a recorder around the backend keeps the tensors in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from streamvision.core.config.model import ModelConfig
from streamvision.core.errors import ModelError
from streamvision.core.picture import Picture
from streamvision.inference.backends.base import Backend
from streamvision.inference.heads.base import Candidates, ObjectHead
from streamvision.inference.model import Model, Prediction
from streamvision.inference.model_card import ModelCard


@dataclass(frozen=True, eq=False)
class Trace:
    """What one model makes of one picture."""

    tensor: NDArray[Any]
    """(3, H, W) or (H, W, 3) what the network was given, in the type and scale of its input."""
    outputs: list[NDArray[Any]]
    """What the network returned, each with a batch axis of 1 in front."""
    candidates: Candidates | None
    """All candidates from the lowest score up; ``None`` for models that find no objects."""
    found: Prediction
    """The final result, in the picture's own pixels."""


class _Recorder:
    """A :class:`Backend` that passes everything on and keeps the last call."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.tensor: NDArray[Any] = np.empty(0, np.float32)
        self.companions: Mapping[str, NDArray[Any]] | None = None
        self.returned: list[NDArray[Any]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def run(self, tensor: NDArray[Any], companions: Mapping[str, NDArray[Any]] | None = None) -> list[NDArray[Any]]:
        """Execute the model; input and outputs of the call are kept, as copies."""
        self.tensor, self.companions = tensor.copy(), companions
        returned = self._backend.run(tensor, companions) if companions else self._backend.run(tensor)
        self.returned = [output.copy() for output in returned]
        return self.returned


class ModelRun:
    """A model that can be asked what it makes of pictures.

    Args:
        backend: the loaded model; :meth:`close` closes it.
        card: how to feed and read it.
        path: its file, for messages.
        score: lowest score of objects.
        network_input: gives the network's input for the model's, where that is whole pictures.

    Raises:
        ModelError: when the card does not fit the model.
    """

    def __init__(
        self, backend: Backend, card: ModelCard, *, path: Path, score: float, network_input: Backend | None = None
    ) -> None:
        self._network_input = network_input
        self.backend = backend
        """The loaded model."""
        self.card = card
        """Its contract."""
        self._score = score
        self._recorder = _Recorder(backend)
        self._detector = Model(self._recorder, card, ModelConfig(path=path, score=score))

    @property
    def finds_objects(self) -> bool:
        """Whether the model finds objects, in contrast to judging pictures as a whole."""
        return isinstance(self._detector.head, ObjectHead)

    def trace(self, picture: Picture) -> Trace:
        """Return what the model makes of a picture.

        Raises:
            ModelError: when the runtime fails, or the model returns something else than its card says.
        """
        return self.trace_batch([picture])[0]

    def trace_batch(self, pictures: Sequence[Picture]) -> list[Trace]:
        """Return what the model makes of several pictures that go through it in one call.

        Raises:
            ModelError: when they do not fit into one call, and as :meth:`trace`.
        """
        if len(pictures) > self._detector.max_batch:
            raise ModelError(f"one call takes {self._detector.max_batch} pictures, not {len(pictures)}; give fewer")
        found = self._detector.find(pictures)
        head, outputs = self._detector.head, self._recorder.returned
        batch = self._recorder.tensor.shape[0]
        candidates: Sequence[Candidates | None] = [None] * batch
        if isinstance(head, ObjectHead):
            candidates = head.decode(outputs, score_threshold=self._score)
        tensor = self._recorder.tensor
        if self._network_input is not None:
            (fed,) = self._network_input.run(tensor, self._recorder.companions)
            tensor = fed.copy()
        split = [[_of_picture(output, index, batch) for output in outputs] for index in range(len(pictures))]
        return [Trace(tensor[index], split[index], candidates[index], found[index]) for index in range(len(pictures))]

    def close(self) -> None:
        """Release the model; calling it twice is harmless."""
        self._detector.close()

    def __enter__(self) -> ModelRun:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _of_picture(output: NDArray[Any], index: int, batch: int) -> NDArray[Any]:
    """Return the part of an output that belongs to one picture; outputs without a batch axis belong to the only one."""
    return output[index : index + 1] if output.ndim and output.shape[0] == batch else output
