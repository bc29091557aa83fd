"""What MediaPipe Tasks wants to know of a TFLite model."""
