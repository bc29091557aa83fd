"""Arithmetic of the network in training."""

from __future__ import annotations


def use_bf16(precision: str, device: str) -> bool:
    """Say whether the network computes in bfloat16 on the CPU."""
    if device != "cpu" or precision == "fp32":
        return False
    if precision == "bf16":
        return True
    import torch

    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(getattr(torch.cpu, check, lambda: False)() for check in checks)
