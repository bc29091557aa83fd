"""What sources and targets of an export agree on.

A source is a trained model that can be executed as it is; a target turns it into one artefact; the parity gate then
executes both on the same pictures and compares them stage by stage. Nothing is called an artefact before that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, cast

from streamvision.checkpoints.base import Source
from streamvision.core.errors import ExportError
from streamvision.core.registry import Plugin
from streamvision.inference.backends.base import Backend
from streamvision.inference.model_card import ModelCard, PixelFormat

ExportPrecision = Literal["fp32", "fp16", "int8-dynamic", "int8"]
"""Arithmetic or storage of the weights: ``int8-dynamic`` needs no pictures to calibrate with, ``int8`` does."""


def _unheard(done: int, total: int) -> None:
    """Take no note of progress."""


@dataclass(frozen=True)
class FloatSearch:
    """How the layers are found that stay in float in ``int8``; see :mod:`exporters.float_layers`."""

    seconds: float = 300.0
    """After so much processor time no further try is begun; 0: no layer stays in float but those before the outputs."""
    limit_share: float = 0.5
    """How much of what the gate allows the decoded outputs may use up on calibration pictures: other pictures, and what
    is left after suppression, differ more."""
    on_progress: Callable[[int, int], None] = field(default=_unheard, compare=False, repr=False)
    """Called with how many tries are done, and how many there may be."""


@dataclass(frozen=True)
class ExportOptions:
    """What the user asks of one artefact."""

    precision: ExportPrecision = "fp32"
    """Precision of the artefact."""
    size_px: tuple[int, int] | None = None
    """(width, height) of the input; ``None`` for the source's own."""
    dynamic_batch: bool = False
    """Whether one call takes any number of pictures."""
    dynamic_size: bool = False
    """Whether the input's width and height stay free."""
    uint8_input: bool = False
    """Whether the input is uint8 NHWC RGB, with the scaling inside the network."""
    pixel_format: PixelFormat | None = None
    """Layout of whole pictures that are the input, their resizing, colour and scaling inside the network; ``None``: the
    input is what the network sees."""
    nms: bool = False
    """Whether duplicates are suppressed inside the network."""
    mediapipe: bool = False
    """For TFLite detectors: whether the file has the form that MediaPipe Tasks' ObjectDetector runs, suppression
    included."""
    calibration: Path | None = None
    """Folder of pictures that static quantisation measures its ranges on."""
    search: FloatSearch = FloatSearch()
    """How static quantisation finds the layers that stay in float."""


@dataclass(frozen=True)
class UnverifiedArtifact:
    """An exported file that nobody has proven yet; it lies in a scratch folder until the gate has passed it."""

    format: str
    """What it is: the name of its :class:`TargetEntry`."""
    precision: ExportPrecision
    """Its precision."""
    path: Path
    """The file, or the folder for formats that are one."""
    card: ModelCard
    """The card that stands in its metadata."""
    notes: tuple[str, ...] = ()
    """What the user should know of it, one sentence each."""
    input_changes: frozenset[str] = frozenset()
    """Fields of the input card that differ from the source's on purpose, such as ``resize`` or ``color``, because the
    format's consumers feed it so and the network was changed to suit; any other difference is an error to the gate.
    Layout, type, free sizes, and scaling that goes inside with a uint8 input need no mention."""


class Target(Protocol):
    """Makes artefacts of one format. A new target is one new module, its test and its line in the registry."""

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the file into a scratch folder, the card in its own metadata; the options are those of its entry.

        Raises:
            ExportError: when the source cannot be turned into this format, saying why and what can be done.
            MissingDependencyError: when the converter is not installed, naming the command that installs it.
        """

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return what executes the file here, as exactly as this machine can, for the gate to compare."""


@dataclass(frozen=True, kw_only=True)
class TargetEntry(Plugin):
    """A format to export to, as far as it is known before its converter is imported.

    Its factory is called without arguments and returns a :class:`Target`.
    """

    suffix: str
    """How the names of its artefacts end."""
    precisions: tuple[ExportPrecision, ...]
    """What it can be made in, the default first."""
    options: tuple[str, ...] = ()
    """Names of the switches of :class:`ExportOptions` that it takes, such as ``nms``."""
    takes_onnx: bool = True
    """Whether it can be made of an ONNX file, which has no torch side."""
    backend: str = "auto"
    """Name of the backend that executes its files; ``auto``: by their ending."""
    device: str = "auto"
    """Device that its files are made for, as ``--device`` takes it."""

    def create(self) -> Target:
        """Return the target.

        Raises:
            MissingDependencyError: when what makes it is not installed.
        """
        return cast(Target, self.load()())

    def check_source(self, path: Path) -> None:
        """Check that this format can be made of such a file, before the file is opened.

        Raises:
            ExportError: when it cannot.
        """
        if path.suffix.lower() == ".onnx" and not self.takes_onnx:
            raise ExportError(
                f"{path} is an ONNX file, of which {self.name} cannot be made; give onnx, openvino or tensorrt, "
                "or give the checkpoint that it was made from"
            )

    def check(self, options: ExportOptions) -> None:
        """Check that this format can be made so, before any converter is started.

        Raises:
            ExportError: when it cannot, saying what to leave out.
        """
        if options.precision not in self.precisions:
            raise ExportError(
                f"{self.name} is not made in {options.precision}; give --precision {', '.join(self.precisions)}"
            )
        for switch in SWITCHES:
            if getattr(options, switch) and switch not in self.options:
                raise ExportError(
                    f"--{switch.replace('_', '-')} is not for {self.name}; leave it out, or export to another format"
                )
        if options.pixel_format is not None and (options.uint8_input or options.dynamic_size):
            instead = "--uint8-input" if options.uint8_input else "--dynamic-size"
            raise ExportError(
                f"--pixel-format {options.pixel_format} takes whole pictures of any size as bytes already; leave out "
                f"{instead}"
            )


SWITCHES = ("dynamic_batch", "dynamic_size", "uint8_input", "pixel_format", "nms", "mediapipe")
"""The fields of :class:`ExportOptions` that are asked for or not, in the order in which they stand in file names."""
