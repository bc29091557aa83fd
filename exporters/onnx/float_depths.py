"""Tries in ONNX Runtime which depths of a network must stay in float; see :mod:`exporters.float_layers`."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from exporters.base import ExportOptions
from exporters.float_layers import JUDGED_PICTURES, FloatReference, Found, choose_in_float
from exporters.onnx.quantise import Quantiser
from exporters.parity.tolerances import tolerance_for
from exporters.pictures import pictures_in
from streamvision.core.errors import ExportError
from streamvision.inference.backends.onnx_runtime import OnnxRuntimeBackend
from streamvision.inference.model_card import ModelCard


def find_float_depths(quantiser: Quantiser, model: Any, card: ModelCard, options: ExportOptions) -> Found:
    """Return which depths stay in float.

    Args:
        quantiser: makes copies of the network in 8 bits.
        model: the network in float32, an ``onnx.ModelProto``.
        card: how it is fed and read.
        options: with the folder of calibration pictures, and how to search.

    Raises:
        ExportError: when no folder was given.
        ModelError: when ONNX Runtime cannot execute the network.
    """
    import onnx

    if options.calibration is None:
        raise ExportError("layers are chosen on calibration pictures; give a folder with --calibration DIR")
    pictures = pictures_in(options.calibration, count=JUDGED_PICTURES)
    with tempfile.TemporaryDirectory(prefix="streamvision-") as scratch:

        def opened(network: Any) -> OnnxRuntimeBackend:
            path = Path(scratch) / "network.onnx"
            onnx.save(network, path)
            return OnnxRuntimeBackend(path, device="cpu")

        reference = FloatReference(opened(model), card, pictures, tolerance_for("int8"))
        every = frozenset(quantiser.depths)
        return choose_in_float(
            quantiser.depths,
            lambda in_float: reference.error(opened(quantiser.quantised(in_float=in_float))),
            lambda depth: reference.error(opened(quantiser.quantised(in_float=every - {depth})), roughly=True),
            search=options.search,
        )
