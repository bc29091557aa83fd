"""One table of what a model is worth here in each format and precision: size, speed, accuracy, parity."""
