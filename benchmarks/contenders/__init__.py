"""Programs that do the same work: read a video, detect, track, draw, and encode every frame as JPEG.

Each is run as ``python -m benchmarks.contenders.NAME``, or by a Python of its own as a file, with one JSON document as
its argument: ``{"video", "model", "side_px", "frames", "warmup"}``, and for ours ``{"backend", "precision", "adaptive",
"streams"}``. It writes one JSON document to standard output:
``{"fps", "cpu_ms", "rss_mb", "objects", "frames"}``, measured after the warm-up frames.
"""
