"""How good a model is, and why it is wrong where it is."""
