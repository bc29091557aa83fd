"""What the web and others ask of whoever runs the models: to replace one while its streams go on.

A change goes through the states loading, proving, shadowing, taking_over and done, and tells each with a sentence and
figures. Until it takes over it may end as refused or cancelled. It is rolled_back by itself where the new model fails
on its first frames, or later by a call.

Everything here is safe to call from any thread and returns soon; the work is done by another.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Protocol

from streamvision.core.config.model_request import ModelRequest
from streamvision.core.errors import StreamVisionError

DEFAULT_MODEL = "default"
"""Name of the run's own model, ``model:`` of the configuration; the others are those of ``models:``."""

ModelChangeState = Literal[
    "loading", "proving", "shadowing", "taking_over", "done", "refused", "cancelled", "rolled_back"
]
"""Where a change stands."""
ENDED: frozenset[ModelChangeState] = frozenset({"done", "refused", "cancelled", "rolled_back"})
"""States in which nothing goes on any more."""


class UnknownModelError(StreamVisionError, LookupError):
    """There is no model of that name."""


class ModelChangeError(StreamVisionError, RuntimeError):
    """What was asked for does not fit where the change stands, such as a second one beside one that goes on."""


@dataclass(frozen=True)
class RunningModel:
    """A model of the run, at one moment."""

    name: str
    """Its name; ``default`` for the run's own."""
    path: str
    """Its file or address, without secrets."""
    description: str | None
    """One line about the model and where it executes; ``None`` while no stream has it."""
    task: str | None
    """What it does; ``None`` while it is not open."""
    classes: tuple[str, ...] | None
    """Names of the classes that its streams know, by class id; ``None`` while it is not open."""
    card: dict[str, Any] | None
    """Its card, as plain values; ``None`` while it is not open."""
    streams: tuple[str, ...]
    """Ids of the streams that go through it."""
    previous_path: str | None
    """What it has replaced and may be rolled back to; ``None`` where there is nothing."""
    steps: tuple[dict[str, Any], ...] | None = None
    """Where there is no network: all steps of OpenCV in its place, ``name`` and ``options``; else, and in a cluster,
    ``None``."""


@dataclass(frozen=True)
class ModelMemory:
    """Whether there is memory for two models at a time, by what is known before the new one is opened."""

    needed_mb: float
    """What the new model will need, with a margin, estimated by the size of its file."""
    available_mb: float | None
    """What the machine, or the control group of this process, has left; ``None`` where that cannot be told."""
    grown_mb: float | None
    """By how much the process has grown in opening it; ``None`` before."""


@dataclass(frozen=True)
class Latency:
    """How long a model takes for one picture, preprocessing and decoding included."""

    p50_ms: float
    """Median in milliseconds."""
    p95_ms: float
    """Quantile in milliseconds that 95 % do not exceed."""


@dataclass(frozen=True)
class ClassAgreement:
    """One class, as both models find it on the same pictures."""

    name: str
    """The class."""
    current: int
    """Objects that the present model found."""
    new: int
    """Objects that the new model found."""
    matched: int
    """Objects that both found."""


@dataclass(frozen=True)
class ModelComparison:
    """The present model and the new one on the same pictures, so far."""

    pictures: int
    """How many were compared."""
    agreement: float | None
    """2 x objects that both found / all that either found, 0 to 1; for models of whole pictures the mean agreement of
    these; ``None`` where neither found any."""
    mean_iou: float | None
    """Mean overlap of the boxes that both found; ``None`` where there are none."""
    classes: tuple[ClassAgreement, ...]
    """By class, the most frequent first; at most 100."""
    current_ms: Latency | None
    """What the present model takes; ``None`` before the first picture."""
    new_ms: Latency | None
    """What the new model takes; ``None`` before the first picture."""


@dataclass(frozen=True)
class ModelProof:
    """What the new model was proven on before it saw a live frame."""

    by: Literal["streams", "data", "report", "gate"]
    """Pictures of the running streams, of a folder, the report that its export left beside it, or the comparison on
    labelled pictures that lies there."""
    asked_pictures: int
    """How many pictures it is to be proven on, at most; 0 where a file says it."""
    min_agreement: float
    """The agreement that is asked for."""
    comparison: ModelComparison | None
    """The figures so far; ``None`` where a file says it."""
    notes: tuple[str, ...]
    """What is worth knowing without being a fault, one sentence each."""


@dataclass(frozen=True)
class ExampleObject:
    """An object on an example."""

    class_name: str
    """Its class."""
    score: float
    """Its score, 0 to 1."""
    box_xyxy_px: tuple[float, float, float, float]
    """Left, top, right, bottom, in pixels of the example's picture."""
    matched: bool
    """Whether the other model found it too."""


@dataclass(frozen=True)
class ShadowExample:
    """A picture that both models saw, kept because they differ on it."""

    number: int
    """Its number among the examples of this change."""
    stream_id: str
    """The stream that it is of."""
    frame: int
    """Number of the frame in its stream."""
    width_px: int
    """Width of the kept picture."""
    height_px: int
    """Height of the kept picture."""
    agreement: float | None
    """As in :class:`ModelComparison`, on this picture."""
    current: tuple[ExampleObject, ...]
    """What the present model found."""
    new: tuple[ExampleObject, ...]
    """What the new model found."""


@dataclass(frozen=True)
class ModelShadow:
    """The shadow run: the new model sees a share of the frames while the present one rules."""

    share: float
    """Share of the frames that is asked for."""
    asked_s: float
    """How long it goes on at least, in seconds."""
    for_s: float
    """How long it has gone on, in seconds."""
    skipped: int
    """Frames of the share that the new model did not see, since it was busy."""
    comparison: ModelComparison
    """The figures so far."""
    examples: tuple[ShadowExample, ...]
    """A few pictures on which they differ most."""


@dataclass(frozen=True)
class ModelChange:
    """One change of a model, at one moment."""

    number: int
    """Counts the changes of this run, so that a new one can be told from the last."""
    name: str
    """The model that is replaced, by its name."""
    state: ModelChangeState
    """Where it stands."""
    sentence: str
    """What goes on, or why it ended, in words."""
    path: str
    """The new model, without secrets."""
    previous_path: str
    """The model that was there before, without secrets."""
    take_over: Literal["ask", "automatic"]
    """Who lets it take over."""
    began_unix_s: float
    """When it was asked for."""
    ended_unix_s: float | None
    """When it ended; ``None`` while it goes on."""
    may_accept: bool
    """Whether :meth:`ModelControl.accept` is possible now."""
    may_cancel: bool
    """Whether :meth:`ModelControl.cancel` is possible now."""
    may_roll_back: bool
    """Whether :meth:`ModelControl.rollback` is possible now."""
    card: dict[str, Any] | None
    """The new model's card, as plain values; ``None`` before it is open."""
    description: str | None
    """One line about the new model and where it executes; ``None`` before it is open."""
    memory: ModelMemory | None
    """Whether there is memory for two; ``None`` before that is known."""
    proof: ModelProof | None
    """What it was proven on; ``None`` before, and where nothing was asked for."""
    shadow: ModelShadow | None
    """The shadow run; ``None`` before, and where none was asked for."""


class ModelControl(Protocol):
    """Models that are replaced while they run. ``name`` is one of ``models:``, or ``default`` for the run's own.

    Raises, each method: UnknownModelError, where there is no such model; StateError, where the state does not answer.
    """

    def running(self) -> list[RunningModel]:
        """Return the models of the run, the default first."""

    def change(self, name: str) -> ModelChange | None:
        """Return the change of a model that goes on, or the last one; ``None`` where there was none in this run."""

    def replace(self, name: str, request: ModelRequest) -> ModelChange:
        """Begin to replace a model, and return at once.

        Raises:
            ConfigError: when what is asked for cannot be: no such file, a folder without pictures.
            ModelChangeError: when a change of it goes on already.
        """

    def accept(self, name: str) -> ModelChange:
        """Let the new model take over between two frames, whatever the figures say.

        Raises:
            ModelChangeError: when no change is in its shadow run, or waits behind it.
        """

    def cancel(self, name: str) -> ModelChange:
        """Drop the new model; the present one has never stopped. A change that has ended is left as it is.

        Raises:
            ModelChangeError: when there is no change, or the new model is taking over just now.
        """

    def rollback(self, name: str) -> ModelChange:
        """Let the model come back that the last change has replaced: it is opened and takes over, without a proof.

        Raises:
            ModelChangeError: when there is none to come back to, or a change goes on.
        """

    def example_picture(self, name: str, number: int) -> bytes | None:
        """Return the picture of an example as a JPEG file, nothing drawn on it; ``None`` where there is none."""
