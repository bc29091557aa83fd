"""Facts about a machine with an NVIDIA GPU: what it is, what is installed on it, and what of ONNX Runtime fits it."""
