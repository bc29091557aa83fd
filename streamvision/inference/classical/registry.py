"""The steps by their names, which are OpenCV's; other packages add theirs by entry point."""

from __future__ import annotations

from collections.abc import Sequence

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
        _step("knn", "background:Knn", "KnnOptions", "the same by the nearest of kept samples"),
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
        _step("median_blur", "pixels:MedianSmoothing", "KernelOptions", "the same by the median"),
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


def create_steps(configs: Sequence[StepConfig]) -> list[Step]:
    """Return new steps for one stream, complete and in an order that makes sense.

    Raises:
        ConfigError: when there is no such step, it does not take its settings, or the order makes no sense.
    """
    given = list(configs or DEFAULT)
    made = [_created(config) for config in given]
    if not any(step.role == "objects" for step in made):
        if not any(step.role in ("mask", "clean") for step in made):
            raise ConfigError(
                f"none of the steps ({', '.join(config.name for config in given)}) marks anything; add one that does, "
                "such as mog2, farneback, in_range or threshold"
            )
        ending = LINES_ENDING if any(step.draws_lines for step in made) else ENDING
        given += ending
        made += map(_created, ending)
    is_marked = compares = False
    for number, (config, step) in enumerate(zip(given, made, strict=True), 1):
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
        raise ConfigError(f"the steps end with {given[-1].name}, which makes no objects; let contours be the last")
    return made


def _created(config: StepConfig) -> Step:
    plugin = STEPS.get(config.name)
    step: Step = plugin.load()(plugin.options_of(config.options))
    return step
