"""All formats to export to. A new one is one new file, its test and its entry here; packages add entry points."""

from __future__ import annotations

from exporters.base import TargetEntry
from streamvision.core.install import with_extra
from streamvision.core.registry import Registry

_EXTRA = with_extra("export")

TARGETS = Registry(
    "export format",
    group="streamvision.targets",
    plugins=[
        TargetEntry(
            name="onnx",
            factory="exporters.targets.onnx:OnnxTarget",
            summary="ONNX Runtime, OpenVINO, OpenCV's DNN module, browsers",
            suffix=".onnx",
            precisions=("fp32", "fp16", "int8"),
            options=("dynamic_batch", "dynamic_size", "uint8_input", "pixel_format", "nms"),
            backend="onnxruntime",
            extra=_EXTRA,
        ),
        TargetEntry(
            name="openvino",
            factory="exporters.targets.openvino:OpenVinoTarget",
            summary="Intel processors, graphics and NPUs, Arm CPUs",
            suffix="_openvino",
            precisions=("fp32", "fp16", "int8"),
            options=("dynamic_batch", "dynamic_size", "uint8_input", "pixel_format", "nms"),
            backend="openvino",
            extra=_EXTRA,
        ),
        TargetEntry(
            name="tflite",
            factory="exporters.targets.tflite:TfliteTarget",
            summary="LiteRT on Android, on small boards and in browsers; MediaPipe Tasks",
            suffix=".tflite",
            precisions=("fp32", "fp16", "int8-dynamic", "int8"),
            options=("uint8_input", "nms", "mediapipe"),
            takes_onnx=False,
            backend="litert",
            extra=_EXTRA,
        ),
        TargetEntry(
            name="ncnn",
            factory="exporters.targets.ncnn:NcnnTarget",
            summary="NCNN on small boards such as the Raspberry Pi, and on phones",
            suffix="_ncnn_model",
            precisions=("fp32", "fp16"),
            extra=_EXTRA,
            backend="ncnn",
        ),
        TargetEntry(
            name="coreml",
            factory="exporters.targets.coreml:CoreMlTarget",
            summary="iOS 16 and macOS 13 or later, with Vision's object detection",
            suffix=".mlpackage",
            precisions=("fp16", "fp32"),
            options=("uint8_input", "nms"),
            takes_onnx=False,
            backend="coreml",
            extra=_EXTRA,
        ),
        TargetEntry(
            name="tensorrt",
            factory="exporters.targets.tensorrt:TensorRtTarget",
            summary="NVIDIA GPUs: the file that --device tensorrt builds engines from on the device",
            suffix="_tensorrt.onnx",
            precisions=("fp32", "fp16", "int8"),
            options=("dynamic_batch", "dynamic_size", "uint8_input", "pixel_format", "nms"),
            backend="onnxruntime",
            device="tensorrt",
            extra=_EXTRA,
        ),
    ],
)
