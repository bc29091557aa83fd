"""Runs the first pass over the clips that are new, several at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path

from streamvision.core.redaction import printable
from streamvision.dashcam.clip import Clip
from streamvision.trip.clip_detections import ClipDetections
from streamvision.trip.detecting import Detecting, StoppedError
from streamvision.trip.index import TripIndex

log = logging.getLogger(__name__)

WORKERS = 2
"""Clips that are worked on at a time: while one waits for its decoder, the other one's picture is in the network."""
LOOK_EVERY_S = 0.5


class FirstPass:
    """Works on clips and keeps what is found.

    Args:
        detecting: finds the objects of a clip.
        index: where what is found is kept.
        is_stopped: asked now and then whether to stop.
    """

    def __init__(self, detecting: Detecting, index: TripIndex, *, is_stopped: Callable[[], bool]) -> None:
        self._detecting = detecting
        self._index = index
        self._is_stopped = is_stopped
        self._stop = threading.Event()
        self._told = threading.Lock()
        self._done_s = 0.0

    def run(self, clips: Mapping[str, Clip], on_progress: Callable[[float, float], None]) -> int:
        """Work on clips, in their order, and return how many were finished.

        Args:
            clips: by key.
            on_progress: called with the seconds of video that are done, and those that there are.

        Raises:
            StreamVisionError: when the model fails, or the disk is full.
            StoppedError: when the work was stopped; what is finished is kept.
        """
        self._done_s, total_s = 0.0, sum(clip.duration_s or 0.0 for clip in clips.values())
        finished = 0
        with ThreadPoolExecutor(WORKERS, thread_name_prefix="trip") as pool:
            waiting: set[Future[bool]] = {pool.submit(self._work, key, clip) for key, clip in clips.items()}
            try:
                while waiting:
                    done, waiting = wait(waiting, LOOK_EVERY_S, FIRST_COMPLETED)
                    finished += sum(one.result() for one in done)
                    if self._is_stopped():
                        raise StoppedError
                    on_progress(min(self._done_s, total_s), total_s)
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=True, cancel_futures=True)
                raise
        return finished

    def _work(self, key: str, clip: Clip) -> bool:
        """Work on one clip and say whether it was finished; one that changes meanwhile is left for another time."""
        if self._stop.is_set():
            return False
        before = _stamp(clip.path)
        try:
            found = self._detecting.run(clip, self._stop, self._add_progress)
        except StoppedError:
            return False
        if _stamp(clip.path) != before:
            log.warning("%s changed while it was read; it is left for the next run", clip.path.name)
            return False
        self._index.keep(key, found)
        _log(clip, found)
        return True

    def _add_progress(self, seconds: float) -> None:
        with self._told:
            self._done_s += seconds


def _log(clip: Clip, found: ClipDetections) -> None:
    if not len(found):
        why = found.note or f"{clip.path.name} has no pictures"
        log.warning("nothing of a clip could be decoded: %s", printable(why))
    log.debug("%s: %d frames, %d objects, %.1f s lost", clip.path.name, len(found), len(found.score), found.lost_s)


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
