"""What all contenders measure alike. It imports nothing of the project, so that any Python can run it."""

import json
import os
import resource
import sys
import time

JPEG_QUALITY = 80
SCORE = 0.25
NMS_IOU = 0.6


def task():
    """Return what is to be done."""
    return json.loads(sys.argv[1])


class Stopwatch:
    """Counts frames and objects; the first frames are not measured."""

    def __init__(self, warmup):
        self._warmup = warmup
        self._begin_s = self._cpu_s = self._end_s = self._end_cpu_s = None
        self.frames = self.objects = self.bytes = 0

    def frame(self, objects, jpeg):
        """Note a finished frame: how many objects it has, and its JPEG file."""
        if self.frames == self._warmup:
            self._begin_s, self._cpu_s = time.perf_counter(), time.process_time()
            self.objects = self.bytes = 0
        self._end_s, self._end_cpu_s = time.perf_counter(), time.process_time()
        self.frames += 1
        self.objects += objects
        self.bytes += len(jpeg)

    def report(self):
        """Write the figures to standard output."""
        wall_s, cpu_s = self._end_s - self._begin_s, self._end_cpu_s - self._cpu_s
        measured = self.frames - 1 - self._warmup  # the clock starts when the first measured frame is done
        found = {
            "fps": measured / wall_s,
            "cpu_ms": 1e3 * cpu_s / measured,
            "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            "objects": self.objects / (measured + 1),
            "jpeg_kb": self.bytes / (measured + 1) / 1e3,
            "frames": self.frames,
        }
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()
        os._exit(0)  # some libraries' threads do not end by themselves
