"""Training: labelled pictures in, weights and an honest evaluation out. Nothing here is needed to run a model."""
