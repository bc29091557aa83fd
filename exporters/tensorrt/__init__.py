"""What TensorRT needs before and on the device: half-precision and quantised ONNX files, and engines with a cache."""
