"""The operations that torch's exporter knows, which it lists anew for each network, a quarter of a small export."""

from __future__ import annotations

import sys
from functools import cache, wraps
from typing import Any


def list_operations_once() -> None:
    """Let this process keep the list that its first export makes, if torch is here at all; exports only read it."""
    torch = sys.modules.get("torch")
    if torch is None:
        return
    export = torch.onnx.export

    @wraps(export)
    def with_kept_list(*given: Any, **named: Any) -> Any:
        _keep_list()
        return export(*given, **named)

    torch.onnx.export = with_kept_list


@cache
def _keep_list() -> None:
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    ONNXRegistry.from_torchlib = staticmethod(cache(ONNXRegistry.from_torchlib))
