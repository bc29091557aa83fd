"""Which processor this machine has, what it can do, and how busy it has been."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_STAT = Path("/proc/stat")
_CPU = Path("/proc/cpuinfo")
INSTRUCTION_SETS = {
    "avx2": "AVX2",
    "fma": "FMA",
    "f16c": "F16C",
    "avx_vnni": "AVX-VNNI",
    "avx512f": "AVX-512",
    "avx512_vnni": "AVX-512 VNNI",
    "avx512_bf16": "AVX-512 BF16",
    "avx512_fp16": "AVX-512 FP16",
    "amx_int8": "AMX INT8",
    "amx_bf16": "AMX BF16",
    "asimd": "NEON",
    "asimdhp": "NEON FP16",
    "asimddp": "NEON dot product",
    "i8mm": "NEON I8MM",
    "bf16": "NEON BF16",
    "sve": "SVE",
}
"""What decides how fast a network is, by the kernel's word for it."""


def instruction_sets() -> list[str]:
    """Return which of :data:`INSTRUCTION_SETS` the processor has; empty where the system does not tell."""
    flags = {flag for words in _of_processor("flags", "Features")[:1] for flag in words.split()}
    return [name for flag, name in INSTRUCTION_SETS.items() if flag in flags]


def processor_name() -> str:
    """Return the processor's model as the system gives it."""
    names = _of_processor("model name", "Model")
    return names[0] if names else platform.processor() or platform.machine()


def busy_s() -> float | None:
    """Return the machine's user, nice, system, interrupt and stolen time (proc(5)); ``None`` where it is not told."""
    try:
        first = _STAT.read_text(encoding="ascii").splitlines()[0].split()
        user, nice, system, _idle, _waiting, irq, softirq, steal = map(int, first[1:9])
    except (OSError, ValueError, IndexError):
        return None
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def _of_processor(*keys: str) -> list[str]:
    try:
        lines = _CPU.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    return [line.partition(":")[2].strip() for line in lines if line.startswith(keys)]
