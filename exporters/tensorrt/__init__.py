"""What TensorRT needs: ONNX files whose convolutions are quantised as it takes them."""
