"""Generators as files: latent vectors in, pictures out; each proven beside torch on vectors that were drawn."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.converters import converting, import_converter, quiet
from exporters.onnx.conversion import OPSET, require_onnx
from exporters.tflite.conversion import card_file, convert, with_files
from streamvision.core.errors import ExportError, ParityError
from streamvision.core.files import write_whole
from streamvision.inference.backends.importing import import_runtime
from streamvision.inference.backends.lite_rt import read_appended_metadata
from streamvision.inference.backends.onnx_import import import_onnxruntime
from streamvision.inference.generator_card import GENERATOR_KEY, GeneratorCard

F32 = NDArray[np.float32]
INPUT, OUTPUT = "latents", "pictures"
CHECKED_LATENTS = 32
TOLERANCE = 1e-3
"""Most that a value of 0..1 may differ by: a quarter of a level."""


@dataclass(frozen=True)
class ProvenGenerator:
    """A file that gives the same pictures as torch."""

    path: Path
    """The file, or the folder."""
    greatest_difference: float
    """Between a value of its pictures and torch's, of 0..1."""

    def sentence(self) -> str:
        """Return what was proven, in words."""
        return f"equal on {CHECKED_LATENTS} latent vectors within {self.greatest_difference:.1e} of 0..1"


@dataclass(frozen=True)
class OpenedGenerator:
    """A file that can be executed."""

    run: Callable[[F32], F32]
    """From (N, latents) to (N, 3, H, W) RGB of 0..1."""
    card: str | None
    """The card that stands in it."""


@dataclass(frozen=True)
class GeneratorFormat:
    """How a generator becomes a file of a format, and is executed again."""

    title: str
    """The format as people write it."""
    write: Callable[[Any, GeneratorCard, Path], None]
    """Writes a ``torch.nn.Module`` in evaluation mode, which it may change."""
    open: Callable[[Path], OpenedGenerator]
    """Opens what was written."""
    free_batch: bool
    """Whether a call takes any number of vectors, and not one."""


def export_generator(module: Any, card: GeneratorCard, path: Path, *, format: str = "onnx") -> ProvenGenerator:
    """Write a generator with its card, and execute it beside torch.

    Args:
        module: ``torch.nn.Module`` from (N, latents) to (N, 3, H, W) RGB of 0..1, in evaluation mode; it may be
            changed.
        card: what the file says of itself.
        path: where to write it.
        format: one of :data:`FORMATS`.

    Raises:
        ExportError: when the network cannot be converted, or there is no such format.
        ParityError: when the file gives other pictures; none is left then.
        MissingDependencyError: when what converts or executes it is not installed.
    """
    import torch

    if format not in FORMATS:
        raise ExportError(f"generators are not made for {format}; give {', '.join(FORMATS)}")
    made = FORMATS[format]
    latents = np.random.default_rng(0).standard_normal((CHECKED_LATENTS, card.latents)).astype(np.float32)
    with torch.inference_mode():
        expected = module(torch.from_numpy(latents)).numpy()
    with converting(path, made.title, instead="train it again"), torch.no_grad():
        made.write(module, card, path)
    try:
        difference = _difference(made, path, latents, expected, card)
    except Exception:
        remove(path)
        raise
    return ProvenGenerator(path, difference)


def _difference(made: GeneratorFormat, path: Path, latents: F32, expected: Any, card: GeneratorCard) -> float:
    opened = made.open(path)
    if opened.card != card.to_metadata()[GENERATOR_KEY]:
        raise ParityError(f"{path} has lost what it says of itself; no file was kept")
    greatest = 0.0
    # A mix-up between the pictures of a call shows where calls have several.
    ends = (1, 4, len(latents)) if made.free_batch else range(1, len(latents) + 1)
    begin = 0
    for end in ends:
        found = opened.run(latents[begin:end])
        if found.shape != (end - begin, 3, card.height_px, card.width_px):
            raise ParityError(f"{path} gives {found.shape} for {end - begin} latent vectors; no file was kept")
        difference = float(np.abs(found - expected[begin:end]).max())
        if not difference <= TOLERANCE:
            raise ParityError(
                f"{path} gives pictures that differ by {difference:.2g} of 0..1 from those of torch; no file was kept"
            )
        greatest, begin = max(greatest, difference), end
    return greatest


def _to_onnx(module: Any, card: GeneratorCard) -> Any:
    require_onnx()
    import torch
    from onnx import helper

    program: Any = torch.onnx.export(
        module,
        (torch.zeros(2, card.latents),),  # torch takes an axis of length one for a constant
        input_names=[INPUT],
        output_names=[OUTPUT],
        opset_version=OPSET,
        dynamo=True,
        optimize=True,
        verbose=False,
        external_data=False,
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )
    model = program.model_proto
    helper.set_model_props(model, card.to_metadata())
    return model


def _write_onnx(module: Any, card: GeneratorCard, path: Path) -> None:
    write_whole(path, _to_onnx(module, card).SerializeToString())


def _open_onnx(path: Path) -> OpenedGenerator:
    session = import_onnxruntime().InferenceSession(str(path), providers=["CPUExecutionProvider"])
    card = session.get_modelmeta().custom_metadata_map.get(GENERATOR_KEY)
    return OpenedGenerator(lambda latents: session.run([OUTPUT], {INPUT: latents})[0], card)


def _write_openvino(module: Any, card: GeneratorCard, path: Path) -> None:
    openvino = import_converter("openvino")
    model = openvino.Core().read_model(_to_onnx(module, card).SerializeToString())
    for key, value in card.to_metadata().items():
        model.set_rt_info(value, key)
    path.mkdir()
    openvino.save_model(model, path / f"{path.stem}.xml", compress_to_fp16=False)


def _open_openvino(path: Path) -> OpenedGenerator:
    openvino = import_converter("openvino")
    model = openvino.Core().read_model(next(path.glob("*.xml")))
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return OpenedGenerator(lambda latents: compiled(latents)[0], model.get_rt_info(GENERATOR_KEY).value)


def _write_tflite(module: Any, card: GeneratorCard, path: Path) -> None:
    write_whole(path, with_files(convert(module, (1, card.latents)), card_file(card)))


def _open_tflite(path: Path) -> OpenedGenerator:
    interpreter = import_runtime("ai_edge_litert.interpreter").Interpreter(model_path=str(path), num_threads=1)
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(latents: F32) -> F32:
        interpreter.set_tensor(given["index"], latents)
        interpreter.invoke()
        pictures: F32 = interpreter.get_tensor(made["index"])
        return pictures

    return OpenedGenerator(run, read_appended_metadata(path).get(GENERATOR_KEY))


def _write_coreml(module: Any, card: GeneratorCard, path: Path) -> None:
    from exporters.coreml.conversion import Conversion, to_ml_program
    from streamvision.checkpoints.restoring import AsTuple

    conversion = Conversion(input_name=INPUT, image=False, output_names=(OUTPUT,), precision="fp32")
    model = to_ml_program(AsTuple(module).eval(), (1, card.latents), conversion)
    model.user_defined_metadata.update(card.to_metadata())
    with quiet():
        model.save(str(path))


def _open_coreml(path: Path) -> OpenedGenerator:
    from exporters.coreml.program import Program

    coremltools = import_converter("coremltools")
    with quiet():
        model = coremltools.models.MLModel(str(path), skip_model_load=True)
        spec = model.get_spec()
        program = Program(spec, Path(model.weights_dir), path=path)
    card = dict(spec.description.metadata.userDefined).get(GENERATOR_KEY)
    return OpenedGenerator(lambda latents: program.run({INPUT: latents})[OUTPUT].astype(np.float32), card)


def remove(path: Path) -> None:
    """Remove what an export has left, where it has."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


FORMATS: Mapping[str, GeneratorFormat] = {
    "onnx": GeneratorFormat("ONNX", _write_onnx, _open_onnx, free_batch=True),
    "openvino": GeneratorFormat("OpenVINO", _write_openvino, _open_openvino, free_batch=True),
    "tflite": GeneratorFormat("TFLite", _write_tflite, _open_tflite, free_batch=False),
    "coreml": GeneratorFormat("Core ML", _write_coreml, _open_coreml, free_batch=False),
}
"""By the names of export formats, those that generators are made in, in float32."""
