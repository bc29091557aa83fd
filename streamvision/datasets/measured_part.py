"""Which part of a data set is measured where nobody says it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, TypeVar, get_args

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Split


class _InParts(Protocol):
    """Labelled pictures of any kind."""

    @property
    def images(self) -> Sequence[Any]: ...

    def part(self, split: Split) -> Any: ...


D = TypeVar("D", bound=_InParts)


def choose_split(dataset: D, split: str | None) -> tuple[D, tuple[str, ...]]:
    """Return the part that is to be measured, and what to say about it.

    Raises:
        ConfigError: when the data set has no such part.
    """
    present = [name for name in get_args(Split) if any(image.split == name for image in dataset.images)]
    if split == "all" or (split is None and not present):
        return dataset, ()
    notes: tuple[str, ...] = ()
    if split is None:
        split = next(name for name in ("val", "test", "train") if name in present)
        notes = (f"The data set has the parts {', '.join(present)}; {split} was measured, --split chooses another.",)
    if split not in present:
        has = f"the parts {', '.join(present)}" if present else "no parts"
        raise ConfigError(f"--split {split}: the data set has {has}; leave it out or choose one of these")
    return dataset.part(split), notes  # type: ignore[arg-type]
