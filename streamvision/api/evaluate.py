"""``streamvision.evaluate("best.onnx", "signs")``: the commands ``streamvision eval``, for Python."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from streamvision.api.measuring_options import MeasuringOptions
from streamvision.core.config.merging import with_aliases
from streamvision.core.config.model_input import ModelInputConfig
from streamvision.core.config.section import validate
from streamvision.core.config.slices import SlicesConfig
from streamvision.core.errors import ConfigError
from streamvision.core.model_location import ModelLocation, model_location
from streamvision.datasets import read_dataset
from streamvision.datasets.answer_table import is_answer_table, read_answers
from streamvision.datasets.captions import read_captions
from streamvision.datasets.class_csv import read_classes
from streamvision.datasets.class_labels import read_class_maps
from streamvision.datasets.dataset import DatasetFormat
from streamvision.datasets.kitti_cuboids import read_cuboids
from streamvision.datasets.measured_part import choose_split

if TYPE_CHECKING:
    from streamvision.evaluation.predictions import Measurement
    from streamvision.inference.model import Model

OPTIONS = ("backend", "device", "precision", "threads", "side_px", "head", "names", "input", "steps")
"""How the model is opened, by the names of the configuration."""
OF_ALL_MODELS = ("device", "threads")
"""Those of them that are for a detector, too, whose boxes are measured beside."""
_TILED = ("slices",)
MEASURED_BY: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("detect", "segment", "pose", "obb"), _TILED),
    "cuboid": ("camera_height_m", "pitch_deg", "detector"),
    "image": ("noise", "shrink", "reverse", "lpips", "features", "nearest_colour", "style"),
    "caption": ("train_data",),
    "classify": ("answers",),
}
"""What says how models of a task are measured, as the options of their commands do."""


def evaluate(
    model: str | Path,
    data: str | Path,
    *,
    split: str | None = None,
    classes: Sequence[str] = (),
    data_format: DatasetFormat | None = None,
    trust_checkpoint: bool = False,
    **options: Any,
) -> Measurement:
    """Measure a model on labelled pictures; a notebook shows the figures as tables.

    The model's card says which figures: those of ``streamvision eval detect``, ``segment``, ``pose``, ``obb``,
    ``semantic``, ``cuboid``, ``image`` (of pairs), ``caption``, ``classify`` or (of a table with several) ``answers``,
    as ``docs/evaluation.md`` describes them.

    Args:
        model: its file or address, a checkpoint (.pt), or the name of one that ships.
        data: labelled pictures, as the command of the model's task reads them.
        split: the part to measure: ``train``, ``val``, ``test`` or ``all``; by default val, else test, else all.
        classes: measure these alone.
        data_format: of labels that look like two formats.
        trust_checkpoint: read a checkpoint that asks for more than networks need, which runs its author's code.
        options: where the model executes, and what its file does not say of it: ``device``, ``backend``, ``imgsz``,
            ...; and how it is measured, as the options of its task's command say: ``slices`` (``"2x2"``) for objects,
            ``noise``, ``shrink``, ``reverse``, ``lpips``, ``features``, ``nearest_colour`` and ``style`` for pictures,
            ``train_data`` for sentences, ``answers`` for tables, ``camera_height_m``, ``pitch_deg`` and ``detector`` (a
            file, address or name) for objects in space.

    Returns:
        The evaluation; ``to_json()`` has its figures as plain values.

    Raises:
        ConfigError: when an argument is not known or not accepted, or a model's task has no figures.
        StreamVisionError: when the model or the data are refused.
    """
    from streamvision.evaluation.model import open_model

    path = model_location(model)
    known = MeasuringOptions.model_fields
    given = {name: value for name, value in options.items() if name in known}
    how = validate(MeasuringOptions, given, origin="streamvision.evaluate").model_dump(exclude_none=True)
    opening = {name: value for name, value in options.items() if name not in known}
    with ExitStack() as stack:
        detector = stack.enter_context(
            opened(path, opening, origin="streamvision.evaluate", trust_checkpoint=trust_checkpoint)
        )
        task = detector.card.task
        if wrong := [name for name in how if name not in MEASURED_BY.get(task, ())]:
            raise ConfigError(
                f"{wrong[0]} is not for {detector.describe()}, a model for {task}, which is measured with "
                f"{', '.join(MEASURED_BY.get(task, ())) or 'no option'}; leave it out"
            )
        if "detector" in how:
            same = {name: value for name, value in with_aliases(opening).items() if name in OF_ALL_MODELS}
            how["detector"] = stack.enter_context(
                open_model(model_location(how["detector"]), as_reported=True, trust_checkpoint=trust_checkpoint, **same)
            )
        measure, pictures = _measure_of(detector, Path(data), data_format, how, trusted=trust_checkpoint)
        part, notes = choose_split(pictures, split)
        if task == "caption":
            from streamvision.evaluation.captions.evaluate import baseline_captions

            training = read_captions(how["train_data"]) if "train_data" in how else None
            measure = partial(measure, training=baseline_captions(pictures, part, training))
        return measure(detector, part, classes=classes, notes=notes)


def opened(path: ModelLocation, options: Mapping[str, Any], *, origin: str, trust_checkpoint: bool) -> Model:
    """Open a model for measuring, with options by their names in the configuration.

    Raises:
        ConfigError: when an option is not known.
        StreamVisionError: when the model is refused.
    """
    from streamvision.evaluation.model import open_model

    given = with_aliases(options)
    if unknown := sorted(given.keys() - set(OPTIONS)):
        raise ConfigError(f"{origin} has no option {unknown[0]!r}; it has {', '.join(OPTIONS)}")
    if "input" in given:
        given["input"] = validate(ModelInputConfig, given["input"], origin=origin)
    return open_model(path, trust_checkpoint=trust_checkpoint, **given)


def _measure_of(
    detector: Model, data: Path, data_format: DatasetFormat | None, how: Mapping[str, Any], *, trusted: bool
) -> tuple[Callable[..., Measurement], Any]:
    """Return what measures models of this task, and the pictures as it takes them."""
    from streamvision.evaluation.answers import evaluate_answers
    from streamvision.evaluation.captions.evaluate import evaluate_captions
    from streamvision.evaluation.classify import evaluate_classifier
    from streamvision.evaluation.cuboid import evaluate_cuboids
    from streamvision.evaluation.evaluate import evaluate as evaluate_boxes
    from streamvision.evaluation.evaluate import evaluate_shapes
    from streamvision.evaluation.picture_measuring import PictureMeasuring
    from streamvision.evaluation.semantic import evaluate_semantic

    task = detector.card.task
    tiles: dict[str, Any] = {}
    if "slices" in how:
        tiles = {"slices": validate(SlicesConfig, {"tiles": how["slices"]}, origin="slices")}
    if task == "detect":
        return partial(evaluate_boxes, **tiles), read_dataset(data, format=data_format, option="data_format")
    if task in ("segment", "pose", "obb"):
        pictures = read_dataset(data, format=data_format, shapes=True, option="data_format")
        return partial(evaluate_shapes, task, **tiles), pictures
    if task == "cuboid":
        return partial(evaluate_cuboids, **how), read_cuboids(data)
    if task == "semantic":
        return evaluate_semantic, read_class_maps(data)
    if task == "image":
        return PictureMeasuring(**how).opened(data, trusted=trusted)
    if task == "caption":
        return evaluate_captions, read_captions(data)
    if task == "classify" and ("answers" in how or is_answer_table(data)):
        return evaluate_answers, read_answers(data, only=how.get("answers", ()))
    if task == "classify":
        return evaluate_classifier, read_classes(data)
    raise ConfigError(f"{detector.describe()} is a model for {task}, for which there are no figures")
