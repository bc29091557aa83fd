"""The operations of ML Programs, in torch: what each one means.

Follows Apple's reference of the Model Intermediate Language
(https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html), opsets iOS 15 and 16.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from exporters.coreml.operations.arrays import ARRAYS
from exporters.coreml.operations.elementwise import ELEMENTWISE
from exporters.coreml.operations.layers import LAYERS

OPERATIONS: Mapping[str, Callable[..., Any]] = {**ELEMENTWISE, **LAYERS, **ARRAYS}
"""By type, a function of the operation's named inputs.

Tensors come in as torch tensors (half precision widened to float32), parameters as numpy arrays or Python scalars, and
absent optional inputs as ``None``. It returns a tensor, or a sequence of them where the operation has several outputs.
"""
