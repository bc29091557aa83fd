"""Pictures that somebody labels on the page: what is known of each, and what is decided.

Boxes are (left, top, right, bottom) in pixels of the picture as it is shown, its EXIF orientation applied.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from streamvision.core.errors import ConfigError

PictureState = Literal["waiting", "labelled"]


class UnknownPictureError(ConfigError, LookupError):
    """There is no picture of that name, or somebody has thrown it away."""


class PictureChangedError(ConfigError):
    """Somebody else has decided on the picture since it was opened."""


@dataclass(frozen=True)
class LabelBox:
    """A box that is proposed, or that somebody has drawn or accepted."""

    class_name: str
    """What it is."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom in pixels of the picture."""
    score: float | None = None
    """How sure the model is, 0 to 1; ``None`` where it is somebody's label."""
    origin: str | None = None
    """Who proposes it; ``None`` where it is somebody's label."""


@dataclass(frozen=True)
class KeptReason:
    """Why a picture was kept."""

    kind: str
    """What was noticed, in a word."""
    value: float
    """How strongly, 0 to 1."""
    why: str
    """The same in one sentence."""


@dataclass(frozen=True)
class PictureEntry:
    """A picture in the list of all."""

    name: str
    """What it is called."""
    state: PictureState
    """Whether somebody has accepted it."""
    reasons: tuple[str, ...]
    """Why it was kept, in words such as ``uncertain``."""
    classes: tuple[str, ...]
    """Classes that are marked on it, or proposed."""
    taken: bool
    """Whether somebody else has it before them."""


@dataclass(frozen=True)
class LabelOverview:
    """All pictures of a folder."""

    folder: str
    """Name of the folder."""
    folder_id: str
    """Tells the folder apart from others of the same name; says nothing about where it is."""
    classes: tuple[str, ...]
    """Names of the classes by their ids."""
    pictures: tuple[PictureEntry, ...]
    """Those that are worth most first."""
    left_out: int
    """How many more there are."""


@dataclass(frozen=True)
class OpenedPicture:
    """All that is known of one picture."""

    name: str
    """What it is called."""
    state: PictureState
    """Whether somebody has accepted it."""
    version: str
    """Another one once somebody has decided on it."""
    width_px: int
    """Its width."""
    height_px: int
    """Its height."""
    boxes: tuple[LabelBox, ...]
    """What is marked on it, or proposed."""
    reasons: tuple[KeptReason, ...]
    """Why it was kept, the strongest first."""
    stream: str
    """The stream that it comes from."""
    source: str
    """That stream's source, without secrets."""
    model: str
    """Name of the model that proposes."""
    captured_unix_s: float | None
    """When it was captured, where that is known."""


class Labelling(Protocol):
    """A folder of pictures that are labelled; any thread may use it.

    Every method raises ``StreamVisionError`` when the folder cannot be read or written.
    """

    def overview(self, by: str) -> LabelOverview:
        """Return all pictures.

        Args:
            by: who asks; tells one open page apart from the others.
        """

    def opened(self, name: str, by: str) -> OpenedPicture:
        """Return one picture, which others then see as taken for a while.

        Raises:
            UnknownPictureError: when there is none of that name.
        """

    def let_go(self, by: str) -> None:
        """Let others have the picture that somebody has before them, as when they close the page.

        Args:
            by: who had it.
        """

    def jpeg(self, name: str) -> bytes:
        """Return a picture as a JPEG file.

        Raises:
            UnknownPictureError: when there is none of that name.
        """

    def accept(self, name: str, boxes: Sequence[LabelBox], version: str) -> OpenedPicture:
        """Save what is on a picture; what it is already is no change.

        Raises:
            UnknownPictureError: when there is none of that name.
            PictureChangedError: when somebody else has decided on it since that version.
            ConfigError: when a box has no class, is too small or outside of the picture.
        """

    def refuse(self, name: str, version: str) -> None:
        """Throw a picture away.

        Raises:
            UnknownPictureError: when there is none of that name.
            PictureChangedError: when somebody else has decided on it since that version.
        """

    def close(self) -> None:
        """Write what is written at intervals only, as at the end; decisions are saved before they are answered."""

    def put_back(self, name: str) -> OpenedPicture:
        """Let a picture wait again that was thrown away since the start.

        Raises:
            UnknownPictureError: when it cannot be had back.
        """
