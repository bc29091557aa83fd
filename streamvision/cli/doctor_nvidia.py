"""What ``streamvision doctor`` says of an NVIDIA GPU: the machine, what is installed for it, and what fits."""

from __future__ import annotations

from streamvision.cli.doctor_check import Check
from streamvision.core.nvidia.machine import NvidiaMachine

_DECODERS = {
    "cuda": "by FFmpeg: --decode cuda",
    "nvv4l2decoder": "by GStreamer: 'gst:... ! nvv4l2decoder ! nvvidconv ! video/x-raw,format=I420'",
}


def nvidia_checks(machine: NvidiaMachine | None) -> list[Check]:
    """Return what is to be said of a machine; one line where it has no NVIDIA GPU."""
    if machine is None:
        return [Check("NVIDIA GPU", False, "none on this machine")]
    return [
        Check("NVIDIA GPU", True, _hardware(machine)),
        _software(machine),
        Check(
            "video decoder of the GPU (NVDEC)",
            machine.decoder is not None,
            _DECODERS[machine.decoder] if machine.decoder else "neither libnvcuvid nor nvv4l2decoder is installed",
        ),
        Check(
            "ONNX Runtime for this GPU",
            machine.wheel.command is not None,
            ": ".join(part for part in (machine.wheel.reason, machine.wheel.command) if part),
        ),
    ]


def _hardware(machine: NvidiaMachine) -> str:
    gpus = []
    for gpu in machine.gpus:
        details = [
            gpu.compute_capability and f"compute capability {gpu.compute_capability}",
            gpu.memory_mib and f"{gpu.memory_mib} MiB",
        ]
        said = ", ".join(detail for detail in details if detail)
        gpus.append(f"{gpu.name} ({said})" if said else gpu.name)
    parts = [
        machine.board,
        *gpus,
        machine.jetpack and f"JetPack {machine.jetpack}",
        machine.l4t and f"Jetson Linux (L4T) {machine.l4t}",
        machine.power_mode and f"power mode {machine.power_mode}",
    ]
    return ", ".join(part for part in parts if part)


def _software(machine: NvidiaMachine) -> Check:
    takes = f" (takes CUDA up to {machine.driver_cuda})" if machine.driver_cuda else ""
    versions = {
        "driver": machine.driver and f"{machine.driver}{takes}",
        "CUDA": machine.cuda,
        "cuDNN": machine.cudnn,
        "TensorRT": machine.tensorrt,
    }
    known = [f"{name} {version}" for name, version in versions.items() if version]
    missing = [name for name, version in versions.items() if not version]
    absent = f"not found: {', '.join(missing)}" if missing else ""
    return Check("NVIDIA software", not missing, "; ".join(part for part in (", ".join(known), absent) if part))
