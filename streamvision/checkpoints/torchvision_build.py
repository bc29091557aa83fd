"""Builds torchvision's models, and other classifiers, with the weights that they were given; nothing is fetched.

What torchvision's own weights were made for (class names, input size, normalisation) is known by the file itself: its
SHA-256 begins with the digits that end the name torchvision publishes it under.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

from streamvision.checkpoints.checkpoint_file import TRUST_OPTION, UntrustedError, read_tensors
from streamvision.checkpoints.other_classifiers import (
    IMAGENET_CLASSES,
    IMAGENET_MEAN,
    IMAGENET_STD,
    OtherClassifier,
    is_other_classifier,
    is_user_code,
    other_classifier,
)
from streamvision.checkpoints.torch_runtime import import_torch
from streamvision.core.errors import ConfigError, ModelError
from streamvision.core.files import sha256_of

Kind = Literal["detect", "segment", "pose", "semantic", "classify"]

_LIST = "https://docs.pytorch.org/vision/stable/models.html"
_DETECTOR_SIDE_PX = 800
_UNUSED = ("aux_classifier.", "num_batches_tracked", "AuxLogits.", "aux1.", "aux2.")
"""Tensors that only training needs."""
INCEPTIONS = ("googlenet", "inception_v3")
"""Classifiers whose published weights shift the colours once more inside, and that have further results in training."""


@dataclass(frozen=True, eq=False)
class TorchvisionNetwork:
    """A torchvision network in evaluation mode and what is known of it."""

    network: Any
    """The ``torch.nn.Module`` as torchvision makes it."""
    name: str
    """Name of the architecture, as recipes and commands have it."""
    kind: Kind
    """What it does."""
    names: tuple[str, ...]
    """Class names; background has none where the network's labels count it."""
    beginning: str
    """Where its weights are from, in words."""
    side_px: int
    """Side of the square input that it is usually given."""
    crop_short_side_px: int | None = None
    """For classifiers: length of a picture's shorter side before the middle is cut out."""
    mean: tuple[float, float, float] | None = None
    """Mean of each channel, where the network wants it subtracted from its input."""
    std: tuple[float, float, float] | None = None
    """Standard deviation of each channel, likewise."""
    bicubic: bool = False
    """For classifiers: whether pictures are resized bicubically."""
    stretches: bool = False
    """Whether the model's own library stretches pictures to the input's size."""
    keypoints: int = 0
    """Keypoints of each object."""
    keypoint_names: tuple[str, ...] = ()
    """What they are called, where that is known."""

    @property
    def title(self) -> str:
        """What it is called in a card: with its library."""
        return self.name if is_other_classifier(self.name) else f"torchvision {self.name}"


def build_named(name: str, *, weights: Path | None, seed: int | None, trusted: bool = False) -> TorchvisionNetwork:
    """Return a model by its name, with a file of tensors or with random weights.

    Raises:
        ConfigError: when there is no such model, or not exactly one of ``weights`` and ``seed`` is given.
        ModelError: when the tensors are not this model's.
        MissingDependencyError: when torchvision is not installed.
    """
    import_torch()
    _check_name(name)
    if weights is not None and seed is not None:
        raise ConfigError("--weights and --random-weights exclude each other; give one of them")
    if weights is None and seed is None:
        raise ConfigError(
            f"{name} was given without weights, and nothing is downloaded unasked: give --weights FILE ({_LIST} lists "
            "them), or --random-weights SEED for a network that has learnt nothing"
        )
    if weights is not None:
        return _with_weights(name, weights, trusted=trusted)
    from streamvision.checkpoints.random_weights import random_network

    network = random_network(lambda: create(name), seed=seed or 0, kind=_kind(name))
    beginning = f"random weights, {seed=}"
    if (other := other_classifier(name)) is not None:
        return _described_other(name, other, network, classes=other.classes, beginning=beginning)
    published = _published(name)[0]
    return _described(name, network, published, names=_known_names(name, published), beginning=beginning)


def build_run(stored: Mapping[str, Any], path: Path, *, trusted: bool = False, besides: int = 0) -> TorchvisionNetwork:
    """Return the model of a run of ``streamvision train``.

    Args:
        stored: as :func:`~streamvision.checkpoints.checkpoint_file.read_run` returns it.
        path: where it was read from, for messages.
        trusted: whether an architecture that is code of the user's, which the file names, may be imported and run.
        besides: results that a classifier has beside its classes.

    Raises:
        ModelError: when the tensors are not those of the architecture.
        UntrustedError: when it is code and not trusted.
    """
    name, names, side_px = str(stored["architecture"]), tuple(stored["names"]), int(stored["imgsz"])
    if is_user_code(name) and not trusted:
        raise UntrustedError(
            f"{path} is a network of the code {name!r}, which would be imported and run with your rights; give "
            f"{TRUST_OPTION} if that is yours"
        )
    _check_name(name)
    beginning = f"trained, epoch {stored.get('epoch', '?')}"
    classifier = _kind(name) == "classify"
    sizes = input_sizes(name, side_px) if classifier else {}
    keypoint_names = tuple(map(str, stored.get("keypoints", ())))
    if keypoint_names:
        sizes["num_keypoints"] = len(keypoint_names)
    try:
        network = create(name, classes=len(names) + (besides if classifier else 1), **sizes)
    except ValueError as error:
        raise ModelError(f"{path} is no {name} that a run leaves ({error}); give the best.pt of one") from error
    _load(network, stored["model"], path, name)
    if classifier:
        return as_classifier(name, network, names=names, side_px=side_px, beginning=beginning)
    return TorchvisionNetwork(
        network=network,
        name=name,
        kind=_kind(name),
        names=names,
        beginning=beginning,
        side_px=side_px,
        stretches=stretches(name),
        keypoints=len(keypoint_names),
        keypoint_names=keypoint_names,
    )


def stretches(name: str) -> bool:
    """Say whether torchvision stretches pictures to the input of a network, as for its SSDs."""
    return name.startswith("ssd")


def as_classifier(
    name: str, network: Any, *, names: tuple[str, ...], side_px: int, beginning: str
) -> TorchvisionNetwork:
    """Describe a classifier that was trained here: it sees the largest square in a picture's middle."""
    mean, std = normalisation(name)
    return TorchvisionNetwork(
        network=network,
        name=name,
        kind="classify",
        names=names,
        beginning=beginning,
        side_px=side_px,
        crop_short_side_px=side_px,
        mean=mean,
        std=std,
    )


def normalisation(name: str) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """Return the mean and the standard deviation that a classifier is fed by, red, green and blue, of 0..1."""
    other = other_classifier(name)
    return (IMAGENET_MEAN, IMAGENET_STD) if other is None else (other.mean, other.std)


def _with_weights(name: str, path: Path, *, trusted: bool) -> TorchvisionNetwork:
    if not path.is_file():
        raise ConfigError(f"there are no weights at {path}, and nothing is downloaded unasked: {_LIST} lists them")
    tensors = read_tensors(path, trusted=trusted)
    classes = _class_count(name, tensors, path)
    network = create(name, classes=classes)
    _load(network, tensors, path, name)
    if (other := other_classifier(name)) is not None:
        return _described_other(name, other, network, classes=classes, beginning=f"weights {path.name}")
    published = _of_file(name, path)
    if published is not None and "COCO_V1" in str(published) and hasattr(network, "transform"):
        # Torchvision does so itself with these weights, which were made by a library that adds nothing there.
        _without_epsilon(network)
    shape_of = published or _published(name)[0]
    known = _known_names(name, shape_of)
    background = _kind(name) in ("detect", "segment", "pose")
    count = classes - background
    names = known if len(known) == count else tuple(f"class {class_id}" for class_id in range(count))
    return _described(name, network, shape_of, names=names, beginning=f"weights {path.name}")


def _described_other(
    name: str, other: OtherClassifier, network: Any, *, classes: int, beginning: str
) -> TorchvisionNetwork:
    known = _known_names("resnet18", _published("resnet18")[0]) if classes == IMAGENET_CLASSES else ()
    return TorchvisionNetwork(
        network=network,
        name=name,
        kind="classify",
        names=known or tuple(f"class {class_id}" for class_id in range(classes)),
        beginning=beginning,
        side_px=other.side_px,
        crop_short_side_px=int(other.side_px / other.crop_share),
        mean=other.mean,
        std=other.std,
        bicubic=other.bicubic,
    )


def _described(
    name: str, network: Any, published: Any, *, names: tuple[str, ...], beginning: str
) -> TorchvisionNetwork:
    kind = _kind(name)
    if kind == "classify":
        preset = published.transforms()
        return TorchvisionNetwork(
            network=network,
            name=name,
            kind=kind,
            names=names,
            beginning=beginning,
            side_px=int(preset.crop_size[0]),
            crop_short_side_px=int(preset.resize_size[0]),
            mean=_triple(preset.mean),
            std=_triple(preset.std),
            bicubic=preset.interpolation.value == "bicubic",
        )
    if kind == "semantic":
        preset = published.transforms()
        side_px = int(preset.resize_size[0])
        mean, std = _triple(preset.mean), _triple(preset.std)
        return TorchvisionNetwork(network, name, kind, names, beginning, side_px, mean=mean, std=std)
    fixed = network.transform.fixed_size
    side_px = int(fixed[0]) if fixed else min(_DETECTOR_SIDE_PX, int(network.transform.max_size))
    keypoints = int(network.roi_heads.keypoint_predictor.kps_score_lowres.out_channels) if kind == "pose" else 0
    stretches = fixed is not None
    return TorchvisionNetwork(network, name, kind, names, beginning, side_px, stretches=stretches, keypoints=keypoints)


def input_sizes(name: str, side_px: int) -> dict[str, Any]:
    """Return what :func:`create` must be given for a classifier that learns places, to see squares of this side."""
    if is_other_classifier(name):
        return {"side_px": side_px}
    if name.startswith("vit_"):
        return {"image_size": side_px}
    return {"input_size": (side_px, side_px)} if name.startswith("maxvit") else {}


def published_side_px(name: str) -> int:
    """Return the side of the squares that a classifier's published weights see; of several, the smallest."""
    if (other := other_classifier(name)) is not None:
        return other.side_px
    return min(int(entry.transforms().crop_size[0]) for entry in _published(name))


def create(name: str, *, classes: int | None = None, **settings: Any) -> Any:
    """Return an architecture with random weights, in evaluation mode.

    Args:
        name: torchvision's name of it, or that of another classifier.
        classes: classes, background included where a detector counts it; ``None`` for those of its published weights.
        settings: further ones of the architecture, such as the sizes of its pictures (:func:`input_sizes`).
    """
    if (other := other_classifier(name)) is not None:
        return other.create(classes or other.classes, settings.get("side_px", other.side_px)).eval()
    from torchvision.models import get_model

    options: dict[str, Any] = {"weights": None, **settings}
    if _kind(name) != "classify":
        options["weights_backbone"] = None
    if name in INCEPTIONS:
        options |= {"transform_input": True, "init_weights": False}
    if classes is not None:
        options["num_classes"] = classes
    return get_model(name, **options).eval()


def _load(network: Any, tensors: dict[str, Any], path: Path, name: str) -> None:
    needed = {key for key in network.state_dict() if not any(part in key for part in _UNUSED)}
    missing = sorted(needed - tensors.keys())
    if missing:
        raise ModelError(
            f"{path} does not hold the weights of {name}: {len(missing)} tensors are missing, such as {missing[0]}; "
            "give those of the same architecture"
        )
    own = network.state_dict()
    try:
        network.load_state_dict({key: tensors[key] for key in own if key in tensors}, strict=False)
    except RuntimeError as error:
        raise ModelError(
            f"{path} does not hold the weights of {name} ({str(error).splitlines()[-1].strip()}); give those of the "
            "same architecture"
        ) from error


def without_memory(make: Callable[[], Any]) -> Any:
    """Return a network on torch's ``meta`` device: its shapes and what it would do with them, and no numbers."""
    torch = import_torch()
    try:
        with torch.device("meta"):
            return make()
    except Exception:  # RegNet computes its widths by tensors, and others may do anything; what is wrong is wrong again
        return make().to("meta")


def class_tensors(name: str) -> dict[str, tuple[int, int, int]]:
    """Return the tensors that grow with the number of classes: key -> (axis, elements per class, and besides)."""
    few, more = (without_memory(partial(create, name, classes=count)).state_dict() for count in (2, 3))
    found = {}
    for key, tensor in few.items():
        sizes = zip(tensor.shape, more[key].shape, strict=True)
        for axis, (small, large) in enumerate(sizes):
            if small != large and not any(part in key for part in _UNUSED):
                found[key] = (axis, large - small, small - 2 * (large - small))
    return found


def is_classifier(name: str) -> bool:
    """Say whether this is the name of a classifier.

    Raises:
        MissingDependencyError: when torchvision is not installed.
    """
    import_torch()
    from torchvision import models

    return is_other_classifier(name) or name in models.list_models(module=models)


def _class_count(name: str, tensors: dict[str, Any], path: Path) -> int:
    for key, (axis, each, besides) in class_tensors(name).items():
        if key in tensors and len(tensors[key].shape) > axis:
            return (int(tensors[key].shape[axis]) - besides) // each
    raise ModelError(f"{path} does not hold the weights of {name}; give a state dict of the same architecture")


def _without_epsilon(network: Any) -> None:
    from torch.nn import BatchNorm2d

    for layer in network.modules():
        if isinstance(layer, BatchNorm2d):
            layer.eps = 0.0


def _published(name: str) -> list[Any]:
    from torchvision.models import get_model_weights

    return list(get_model_weights(name))


def _of_file(name: str, path: Path) -> Any | None:
    """Return torchvision's entry of the weights in a file, where they are its own."""
    digest = sha256_of([path])
    beginnings = ((entry, Path(entry.url).stem.rpartition("-")[2]) for entry in _published(name))
    return next((entry for entry, beginning in beginnings if digest.startswith(beginning)), None)


def _known_names(name: str, published: Any) -> tuple[str, ...]:
    names = tuple(published.meta["categories"])
    return names[1:] if _kind(name) in ("detect", "segment", "pose") else names


def _triple(values: Any) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in values)
    return red, green, blue


def _kind(name: str) -> Kind:
    from torchvision import models

    if name in models.list_models(module=models.detection):
        return "segment" if name.startswith("mask") else "pose" if name.startswith("keypoint") else "detect"
    return "semantic" if name in models.list_models(module=models.segmentation) else "classify"


def _check_name(name: str) -> None:
    from torchvision import models

    if other_classifier(name) is not None:
        return
    parts = (models, models.detection, models.segmentation)
    known = [known for part in parts for known in models.list_models(module=part)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"{_LIST} lists torchvision's"
        raise ConfigError(f"{name} is neither a file nor the name of a model: {hint}")
