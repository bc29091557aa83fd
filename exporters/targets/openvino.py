"""OpenVINO for Intel processors, graphics and NPUs, and Arm CPUs."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

from exporters.base import ExportOptions, ExportPrecision, UnverifiedArtifact
from exporters.converters import import_converter, quiet
from exporters.float_layers import last_in_float, last_in_words
from exporters.onnx.conversion import to_onnx
from exporters.pictures import CALIBRATION_COUNT, calibration_tensors, check_calibration
from streamvision.checkpoints.base import Source
from streamvision.core.errors import ExportError
from streamvision.inference.backends.base import Backend
from streamvision.inference.backends.open_vino import OpenVinoBackend
from streamvision.inference.model_card import ModelCard, PixelFormat

_LEARNED = ("Convolution", "GroupConvolution", "ConvolutionBackpropData", "MatMul")
_LEAST_WEIGHTS = 32
"""A product with less is arithmetic, such as YOLO's expectation over 16 distances, and no learned layer."""


class OpenVinoTarget:
    """Makes a folder with an ``.xml`` file and its ``.bin``; the card is in the model's ``rt_info``."""

    def export(self, source: Source, options: ExportOptions, folder: Path) -> UnverifiedArtifact:
        """Write the files; see :meth:`exporters.base.Target.export`.

        Raises:
            ExportError: when the network cannot be converted, or ``int8`` is asked for without pictures.
            MissingDependencyError: when ONNX's packages, OpenVINO or NNCF are not installed.
        """
        openvino = import_converter("openvino")
        check_calibration(options.precision, options.calibration)
        proto, card = to_onnx(source, options)
        made = folder / f"{source.path.stem}_openvino"
        made.mkdir()
        path = made / f"{source.path.stem}.xml"
        if options.pixel_format is not None:
            from exporters.graph.picture_input import answer_companions

            answer_companions(proto, card)
        if options.precision == "int8":
            from exporters.onnx.graph import fold_constants

            proto = fold_constants(proto)
        model = _converted(openvino, proto, path)
        notes = _notes(options.precision, card)
        if options.precision == "int8":
            from exporters.onnx.float_depths import find_float_depths
            from exporters.onnx.quantise import Quantiser

            pictures = calibration_tensors(options.calibration, card.input)
            # Which layers hurt is the network's nature, and tried much sooner in ONNX Runtime.
            quantiser = Quantiser(proto, pictures, float_layers=last_in_float(card))
            found = find_float_depths(quantiser, proto, card, options)
            model = _quantised(model, pictures, float_layers=last_in_float(card), in_float=found.in_float)
            notes += (found.note(quantiser.depths), *pictures.notes())
        if options.pixel_format is not None:
            model, card = _with_picture_input(openvino, model, card, options.pixel_format, path)
        for key, value in card.to_metadata().items():
            model.set_rt_info(value, key)
        openvino.save_model(model, path, compress_to_fp16=options.precision == "fp16")
        return UnverifiedArtifact("openvino", options.precision, made, card, notes)

    def open(self, artifact: UnverifiedArtifact) -> Backend:
        """Return the model in OpenVINO on the CPU, which computes in float32 what is not quantised."""
        return OpenVinoBackend(next(artifact.path.glob("*.xml")), device="cpu")


def _converted(openvino: Any, proto: Any, path: Path) -> Any:
    import onnx

    through = path.with_suffix(".onnx")
    onnx.save(proto, through)
    try:
        # Unlike convert_model, it does not write the file's path into the model.
        return openvino.Core().read_model(through)
    except RuntimeError as error:
        last = str(error).strip().splitlines()[-1]
        raise ExportError(f"OpenVINO cannot read the network ({last}); export it to onnx") from error
    finally:
        through.unlink()


def _with_picture_input(
    openvino: Any, model: Any, card: ModelCard, pixel_format: PixelFormat, path: Path
) -> tuple[Any, ModelCard]:
    """Return the network behind whole pictures, and its card; see :mod:`exporters.graph.picture_input`."""
    from exporters.graph.picture_input import check_picture_input, picture_model

    check_picture_input(card, pixel_format)
    front = _converted(openvino, picture_model(card, pixel_format), path)
    made = front.get_results()[0].input_value(0)
    (parameter,) = model.get_parameters()
    for reader in parameter.output(0).get_target_inputs():
        reader.replace_source_output(made)
    whole = openvino.Model(model.get_results(), front.get_parameters(), "network")
    return whole, card.with_input(pixel_format=pixel_format)


def _quantised(model: Any, tensors: Any, *, float_layers: int, in_float: frozenset[int]) -> Any:
    nncf = import_converter("nncf")
    depths = learned_depths(model)
    ignored = [
        name for name, below in learned_below(model).items() if below < float_layers or max(depths[name], 1) in in_float
    ]
    with quiet():
        return nncf.quantize(
            model,
            nncf.Dataset(tensors),
            subset_size=CALIBRATION_COUNT,
            preset=nncf.QuantizationPreset.MIXED,
            ignored_scope=nncf.IgnoredScope(names=ignored, validate=False),
            # All weights take 7 bits, or sums of 16 bits overflow on processors without VNNI.
            advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
        )


def learned_below(model: Any) -> dict[str, int]:
    """Return by operation how many learned layers lie on the longest way from it to an output, itself not counted."""
    below: dict[str, int] = {}
    for operation in reversed(model.get_ordered_ops()):
        readers = {target.get_node() for port in operation.outputs() for target in port.get_target_inputs()}
        depths = [below[reader.get_friendly_name()] + _is_learned(reader) for reader in readers]
        if operation.get_type_name() != "Constant":
            below[operation.get_friendly_name()] = max(depths, default=0)
    return below


def learned_depths(model: Any) -> dict[str, int]:
    """Return by operation how many learned layers lie on the longest way from the input to it, itself counted."""
    depths: dict[str, int] = {}
    for operation in model.get_ordered_ops():
        if operation.get_type_name() != "Constant":
            given = [port.get_source_output().get_node().get_friendly_name() for port in operation.inputs()]
            depth = max((depths.get(name, 0) for name in given), default=0)
            depths[operation.get_friendly_name()] = depth + _is_learned(operation)
    return depths


def _is_learned(operation: Any) -> bool:
    if operation.get_type_name() not in _LEARNED:
        return False
    weights = operation.input_value(1)
    shape = weights.get_partial_shape()
    return bool(shape.is_static and prod(shape.to_shape()) >= _LEAST_WEIGHTS)


def _notes(precision: ExportPrecision, card: ModelCard) -> tuple[str, ...]:
    if precision == "fp16":
        return ("Only the weights are stored in float16; what is computed in depends on the device.",)
    if precision == "int8":
        return (
            f"{last_in_words(card)} in float, as 8 bits cannot hold results; weights take 7 bits, so that every "
            "processor computes the same. Whether it is faster depends on the processor: some compute bf16 faster than "
            "INT8.",
        )
    return ()
