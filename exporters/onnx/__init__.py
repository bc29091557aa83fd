"""ONNX models: made from torch networks, described, quantised, stored in few bytes."""
