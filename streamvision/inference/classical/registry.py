"""The steps by their names, which are OpenCV's; other packages add theirs by entry point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from streamvision.core.config.classical import StepConfig
from streamvision.core.errors import ConfigError
from streamvision.core.registry import Plugin, Registry
from streamvision.inference.classical.contours import Contours
from streamvision.inference.classical.step import Step

_HERE = "streamvision.inference.classical"


def _step(name: str, place: str, options: str, summary: str) -> Plugin:
    module = place.partition(":")[0]
    return Plugin(name=name, factory=f"{_HERE}.{place}", config=f"{_HERE}.{module}:{options}", summary=summary)


STEPS: Registry[Plugin] = Registry(
    "step",
    group="streamvision.classical_steps",
    plugins=(
        _step("mog2", "background:Mog2", "Mog2Options", "what differs from the learned background, of a still camera"),
        _step(
            "knn",
            "background:Knn",
            "KnnOptions",
            "what differs from the learned background, by the nearest of kept samples",
        ),
        _step("farneback", "flow:Farneback", "FarnebackOptions", "what moves, by dense optical flow"),
        _step("dis", "flow:Dis", "DisOptions", "what moves, by the faster dense flow of inverse search"),
        _step("lucas_kanade", "flow:LucasKanade", "LucasKanadeOptions", "what moves, by corners that are followed"),
        _step("absdiff", "flow:AbsDiff", "AbsDiffOptions", "what differs from the frame before"),
        _step("in_range", "pixels:InRange", "InRangeOptions", "colours"),
        _step("threshold", "pixels:Threshold", "ThresholdOptions", "what is brighter, or darker, than a level"),
        _step(
            "adaptive_threshold",
            "pixels:AdaptiveThreshold",
            "AdaptiveThresholdOptions",
            "what is brighter, or darker, than its surroundings",
        ),
        _step("canny", "pixels:Canny", "CannyOptions", "edges"),
        _step("blur", "pixels:Smoothing", "KernelOptions", "smooths the picture, or the mask (Gaussian)"),
        _step(
            "median_blur",
            "pixels:MedianSmoothing",
            "KernelOptions",
            "smooths the picture, or the mask, by the median, which takes single pixels away",
        ),
        _step("erode", "pixels:Erode", "MorphologyOptions", "makes what is marked smaller"),
        _step("dilate", "pixels:Dilate", "MorphologyOptions", "makes what is marked larger, so that parts join"),
        _step("open", "pixels:Open", "MorphologyOptions", "takes specks away"),
        _step("close", "pixels:Close", "MorphologyOptions", "fills gaps"),
        _step("contours", "contours:Contours", "ContoursOptions", "makes objects of what is marked"),
    ),
)
"""Their factories take their settings and give a :class:`streamvision.inference.classical.step.Step`."""
DEFAULT = (StepConfig(name="mog2"),)
"""What is done where no steps are given."""
ENDING = (
    StepConfig(name="open", options={"ksize": 3}),
    StepConfig(name="close", options={"ksize": 9}),
    StepConfig(name="contours"),
)
"""What follows where the steps make no objects themselves."""
LINES_ENDING = (StepConfig(name="dilate", options={"ksize": 3}), StepConfig(name="contours"))
"""What follows where they have drawn lines."""


class MadeStep(NamedTuple):
    """A step of one stream, and what it was made from."""

    config: StepConfig
    """Its name and its settings."""
    step: Step
    """The step, with what it remembers of earlier pictures."""


def create_steps(configs: Sequence[StepConfig], *, before: Sequence[MadeStep] = ()) -> list[MadeStep]:
    """Return steps for one stream, complete and in an order that makes sense.

    Args:
        configs: what is set; none: :data:`DEFAULT`.
        before: those that the stream has. As long as the new ones are the same they go on with what they have learned;
            from the first other one on all are made anew, since they are given something else.

    Raises:
        ConfigError: when there is no such step, it does not take its settings, or the order makes no sense.
    """
    going_on = list(before)
    made: list[MadeStep] = []

    def make(configs: Sequence[StepConfig]) -> None:
        for config in configs:
            is_same = len(made) < len(going_on) and going_on[len(made)].config == config
            if not is_same:
                del going_on[len(made) :]
            made.append(going_on[len(made)] if is_same else MadeStep(config, _created(config)))

    given = configs or DEFAULT
    make(given)
    if not any(step.role == "objects" for _, step in made):
        if not any(step.role in ("mask", "clean") for _, step in made):
            raise ConfigError(
                f"none of the steps ({', '.join(config.name for config in given)}) marks anything; add one that does, "
                "such as mog2, farneback, in_range or threshold"
            )
        make(LINES_ENDING if any(step.draws_lines for _, step in made) else ENDING)
    is_marked = compares = False
    for number, (config, step) in enumerate(made, 1):
        if isinstance(step, Contours) and compares:
            step.name = step.options.name or "moving"
        if step.role in ("clean", "objects") and not is_marked:
            raise ConfigError(
                f"step {number}, {config.name}, works on what an earlier step has marked, but none has; put one in "
                "front of it, such as mog2, farneback, in_range or threshold"
            )
        is_marked = step.role == "mask" or (is_marked and step.role != "objects")
        compares = step.remembers or (compares and step.role != "objects")
    if is_marked:
        raise ConfigError(
            f"the steps end with {made[-1].config.name}, which makes no objects; let contours be the last"
        )
    return made


def _created(config: StepConfig) -> Step:
    plugin = STEPS.get(config.name)
    step: Step = plugin.load()(plugin.options_of(config.options))
    return step
