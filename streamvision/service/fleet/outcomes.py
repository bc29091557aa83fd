"""What became of the models of a store on this device, through restarts."""

from __future__ import annotations

import json
import logging
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from streamvision.artifacts.manifest import Artifact
from streamvision.core.files import write_whole
from streamvision.core.reading import UnreadableError, read_json

_log = logging.getLogger(__name__)

OutcomeState = Literal["running", "refused", "cancelled", "rolled_back"]
_MAX_BYTES = 1 << 20
_MAX_SENTENCE = 1000


@dataclass(frozen=True)
class Outcome:
    """What became of a model."""

    id: str
    """Digest of its files."""
    number: int
    """Number of the manifest in which it was published."""
    state: OutcomeState
    """What became of it."""
    sentence: str
    """The same in words."""

    def is_of(self, artifact: Artifact) -> bool:
        """Say whether this is about a model as it was published."""
        return (self.id, self.number) == (artifact.id, artifact.number)


class Outcomes:
    """By name, what became of the model that was published last.

    Args:
        file: where they are kept.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._by_name: dict[str, Outcome] = {}

    def read(self) -> None:
        """Read what is kept; what is damaged counts as nothing, so that models are tried once more."""
        try:
            found = read_json(self._file, limit=_MAX_BYTES) if self._file.exists() else {}
            self._by_name = {str(name): _outcome(one) for name, one in dict(found).items()}
        except (UnreadableError, TypeError, ValueError) as error:
            _log.warning("%s is damaged and begins anew: %s", self._file, error)
            self._by_name = {}

    def of(self, name: str, artifact: Artifact) -> Outcome | None:
        """Return what became of a model; ``None`` where nothing has yet."""
        found = self._by_name.get(name)
        return found if found is not None and found.is_of(artifact) else None

    def note(self, name: str, artifact: Artifact, state: OutcomeState, sentence: str) -> None:
        """Write down what became of a model.

        Raises:
            OutputError: when it cannot be written; it is known to this process all the same.
        """
        outcome = Outcome(artifact.id, artifact.number, state, sentence[:_MAX_SENTENCE])
        if self._by_name.get(name) != outcome:
            self._by_name = {**self._by_name, name: outcome}
            write_whole(self._file, json.dumps({key: asdict(one) for key, one in self._by_name.items()}))


def _outcome(document: Any) -> Outcome:
    outcome = Outcome(**document)
    if outcome.state not in get_args(OutcomeState):
        raise ValueError(f"there is no state {outcome.state!r}")
    return outcome
