"""Stages that behave, and stages that do not."""

from __future__ import annotations

import sys
import time

import numpy as np

import streamvision


def only_first(view: streamvision.StageView) -> streamvision.Detections:
    return view.detections[:1]


def raises(view: streamvision.StageView) -> None:
    raise KeyError("no such plate")


def exits(view: streamvision.StageView) -> None:
    sys.exit("enough")


def sleeps(view: streamvision.StageView, seconds: float = 30.0) -> None:
    time.sleep(seconds)


def wrong_type(view: streamvision.StageView) -> str:
    return "nonsense"


def wrong_size(view: streamvision.StageView) -> np.ndarray:
    return np.zeros((3, 3, 3), np.uint8)


def paints(view: streamvision.StageView, level: int = 7) -> np.ndarray:
    return np.full_like(view.bgr, level)


@streamvision.stage(budget_ms=5000)
class Counts:
    """Tells how many frames this stream's own instance has seen."""

    def __init__(self, start: int = 0) -> None:
        self.seen = start

    def __call__(self, view: streamvision.StageView) -> streamvision.StageOutput:
        self.seen += 1
        return streamvision.StageOutput(
            marks=(streamvision.Note(f"{self.seen}", (4, 4)), streamvision.Outline(((0, 0), (20, 20), (0, 20)))),
            events=(streamvision.StageEvent("seen", values={"frames": self.seen}),),
        )
