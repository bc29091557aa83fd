"""Slicing: a large picture is shown to the network in tiles as well, and what is found there is merged."""
