"""The face of a running pipeline: pages, API, metrics, and pictures for any number of viewers."""
