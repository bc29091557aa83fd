"""Models that are replaced while a service runs: proven, shadowed, taken over, gone back from."""
