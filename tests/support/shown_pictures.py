"""Which pictures of a numbered film (see numbered_film.py) a page shows, when, and whose boxes are drawn on them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Page

from support.browser import PATIENCE_MS
from support.numbered_film import geometry

_SCRIPT = Path(__file__).with_suffix(".js")
_CLOCK_READINGS = 20


@dataclass(frozen=True)
class ShownPicture:
    """One picture while it stood on the page."""

    number: int
    """Its number in the film."""
    first_s: float
    """``time.monotonic()`` of the repaint at which it was there first."""
    ahead: tuple[int | None, ...]
    """Of each repaint at which it stood there: how many pictures ahead of it the drawn box is, ``None`` where there is
    no box nearby; each but once."""

    @property
    def has_its_box(self) -> bool:
        """Whether at each repaint the box was that of this picture."""
        return self.ahead == (0,)


class ShownPictures:
    """Reads a page that is open already; what it says of is what the canvases hold when the browser repaints.

    Args:
        page: the page.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        page.evaluate(_SCRIPT.read_text(encoding="utf-8"), geometry())
        self._offset_s = self._clock_offset_s()

    def start(self, stage: str = ".stage", *, boxes: bool = True, every_ms: float = 0) -> None:
        """Begin to read.

        Args:
            stage: what holds the picture and all that lies above it, as a CSS selector.
            boxes: whether boxes are looked for, which takes 2 ms a repaint.
            every_ms: at least so long from one reading to the next.
        """
        self._page.evaluate(
            "([stage, options]) => shownPictures.start(stage, options)",
            [stage, {"withBoxes": boxes, "every_ms": every_ms}],
        )

    def wait_for(self, pictures: int, *, stage: str = ".stage", timeout_s: float = PATIENCE_MS / 1000) -> None:
        """Wait until so many pictures were shown."""
        self._page.wait_for_function(
            "([stage, count]) => shownPictures.count(stage) >= count", arg=[stage, pictures], timeout=timeout_s * 1000
        )

    def stop(self, stage: str = ".stage") -> list[ShownPicture]:
        """Stop reading and return what was shown, but for the first and the last: they were seen in part."""
        found = self._page.evaluate("(stage) => shownPictures.stop(stage)", stage)
        return [
            ShownPicture(one["number"], one["first_ms"] / 1000 + self._offset_s, tuple(one["ahead"]))
            for one in found["shown"][1:-1]
        ]

    def during(self, seconds: float, stage: str = ".stage", *, boxes: bool = True) -> list[ShownPicture]:
        """Return what is shown in the next seconds."""
        self.start(stage, boxes=boxes)
        self._page.wait_for_timeout(1000 * seconds)
        return self.stop(stage)

    def _clock_offset_s(self) -> float:
        """Return what is to be added to the page's clock, from the quickest of some questions."""
        answers = []
        for _ in range(_CLOCK_READINGS):
            before_s = time.monotonic()
            page_s = self._page.evaluate("performance.now()") / 1000
            after_s = time.monotonic()
            answers.append((after_s - before_s, (before_s + after_s) / 2 - page_s))
        return min(answers)[1]


def sent_times(times: Path) -> dict[int, list[float]]:
    """Return when each number was sent, from what the camera wrote."""
    sent: dict[int, list[float]] = {}
    for line in times.read_text(encoding="utf-8").splitlines():
        number, at_s = line.split()
        sent.setdefault(int(number), []).append(float(at_s))
    return sent


def ages_s(shown: list[ShownPicture], times: Path) -> list[float]:
    """Return how long after it was sent each picture was shown first.

    Args:
        shown: what was shown.
        times: what the camera wrote (``RtspServer(times=...)``).
    """
    sent = sent_times(times)
    ages = []
    for one in shown:
        before = [at_s for at_s in sent.get(one.number, ()) if at_s <= one.first_s]
        if before:
            ages.append(one.first_s - before[-1])
    return ages
