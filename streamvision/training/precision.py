"""In which arithmetic a network computes; imports torch."""

from __future__ import annotations

import torch


def use_bf16(precision: str, device: str) -> bool:
    """Say whether the network computes in bfloat16 on the CPU."""
    if device != "cpu" or precision == "fp32":
        return False
    if precision == "bf16":
        return True
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)
