"""Measures this project on the machine at hand: the whole pipeline, the model alone, viewers, and hours on end."""
