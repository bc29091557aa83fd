"""The pipeline as a Python iterator: :func:`streamvision.stream`."""
