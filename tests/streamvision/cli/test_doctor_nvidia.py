"""``doctor`` says what an NVIDIA GPU is, what is installed for it, and which ONNX Runtime fits it."""

from __future__ import annotations

from streamvision.cli.doctor_nvidia import nvidia_checks
from streamvision.core.nvidia.jetpack import wheel_for_jetson
from streamvision.core.nvidia.machine import NvidiaMachine
from streamvision.core.nvidia.texts import Gpu, L4tVersion

ORIN = NvidiaMachine(
    gpus=(Gpu("Orin (nvgpu)", "8.7", None),),
    board="NVIDIA Jetson AGX Orin Developer Kit",
    l4t=L4tVersion(36, 4, 3),
    jetpack="6.2",
    power_mode="MAXN",
    driver="540.4.0",
    driver_cuda=None,
    cuda="12.6.77",
    cudnn="9.3.0",
    tensorrt=None,
    decoder="nvv4l2decoder",
    wheel=wheel_for_jetson(L4tVersion(36, 4, 3), (3, 10)),
)


def test_a_jetson_in_four_lines() -> None:
    hardware, software, decoder, runtime = nvidia_checks(ORIN)
    for part in ("AGX Orin", "8.7", "JetPack 6.2", "36.4.3", "MAXN"):
        assert part in hardware.detail
    assert not software.ok and software.detail == "driver 540.4.0, CUDA 12.6.77, cuDNN 9.3.0; not found: TensorRT"
    assert decoder.ok and "nvv4l2decoder" in decoder.detail
    assert runtime.ok and "pip install --extra-index-url" in runtime.detail


def test_a_machine_without_a_gpu_is_one_line() -> None:
    (check,) = nvidia_checks(None)
    assert not check.ok and not check.required
