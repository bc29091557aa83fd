from __future__ import annotations

import pytest

pytest.importorskip("ai_edge_quantizer")

from exporters.tflite.conversion import read_tree
from exporters.tflite.quantisation import float_operations, quantise
from streamvision.core.errors import ExportError
from streamvision.inference.backends.probe import TFLITE_BYTES

TREE = read_tree(TFLITE_BYTES)  # one convolution


@pytest.mark.parametrize(("first", "last", "kept"), [(0, 0, 0), (1, 0, 1), (0, 1, 1)])
def test_the_first_and_the_last_convolutions_are_told(first: int, last: int, kept: int) -> None:
    assert len(float_operations(TREE, first=first, last=last)) == kept


def test_float32_stays_as_it_is() -> None:
    assert quantise(TFLITE_BYTES, "fp32") is TFLITE_BYTES


def test_a_network_of_one_convolution_has_nothing_for_static_int8() -> None:
    with pytest.raises(ExportError, match="this network has no more"):
        quantise(TFLITE_BYTES, "int8")
