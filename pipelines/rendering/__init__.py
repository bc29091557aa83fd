"""Boxes, labels, trails and the status line, drawn on YUV planes."""
