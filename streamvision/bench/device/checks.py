"""All checks, in the order in which they run: what others need stands before them, what takes longest at the end."""

from __future__ import annotations

from streamvision.bench.device.running import DeviceCheck

_HERE = "streamvision.bench.device"

CHECKS = (
    DeviceCheck("doctor", "The machine", f"{_HERE}.machine_checks:doctor", 180.0),
    DeviceCheck("runtime", "ONNX Runtime", f"{_HERE}.machine_checks:runtime", 30.0),
    DeviceCheck("film", "Decoding by the processor", f"{_HERE}.video_checks:film", 90.0),
    DeviceCheck("decoder", "Decoding by the GPU (NVDEC)", f"{_HERE}.video_checks:decoder", 60.0, needs_gpu=True),
    DeviceCheck("processor", "The model on the processor", f"{_HERE}.model_checks:processor", 90.0),
    DeviceCheck("cuda", "The model on CUDA", f"{_HERE}.model_checks:cuda", 90.0, needs_gpu=True),
    DeviceCheck("whole_pictures", "Exports that take whole pictures", f"{_HERE}.picture_checks:whole_pictures", 120.0),
    DeviceCheck("streams_1", "One stream", f"{_HERE}.video_checks:streams_1", 60.0),
    DeviceCheck("streams_2", "Two streams", f"{_HERE}.video_checks:streams_2", 60.0),
    DeviceCheck("streams_4", "Four streams", f"{_HERE}.video_checks:streams_4", 60.0),
    DeviceCheck("streams_8", "Eight streams", f"{_HERE}.video_checks:streams_8", 60.0),
    DeviceCheck("streams_16", "Sixteen streams", f"{_HERE}.video_checks:streams_16", 60.0),
    DeviceCheck(
        "tensorrt",
        "The model on TensorRT, and its kept engine",
        f"{_HERE}.model_checks:tensorrt",
        300.0,
        needs_gpu=True,
    ),
    DeviceCheck("typed_files", "Typed ONNX files on the processor", f"{_HERE}.model_checks:typed_files", 120.0),
    DeviceCheck(
        "typed_cuda", "Typed ONNX files on CUDA", f"{_HERE}.model_checks:typed_files_on_cuda", 60.0, needs_gpu=True
    ),
    DeviceCheck(
        "typed_tensorrt",
        "Typed ONNX files on TensorRT",
        f"{_HERE}.model_checks:typed_files_on_tensorrt",
        300.0,
        needs_gpu=True,
    ),
)
"""Deadlines are for the slowest machine, a Jetson Orin Nano that builds engines; together they are bounded, too."""
