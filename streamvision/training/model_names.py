"""Names that ``--model`` takes, and what is said of one that it does not take: only what exists and can be trained."""

from __future__ import annotations

import contextlib
import difflib
import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import yaml

from streamvision.checkpoints.checkpoint_file import read_run
from streamvision.checkpoints.generator_names import GENERATORS
from streamvision.checkpoints.other_classifiers import SMALL, TIMM, timm_names
from streamvision.checkpoints.picture_names import PICTURE_NETWORKS
from streamvision.checkpoints.scene_networks import SMP, UNET, smp_names
from streamvision.checkpoints.scene_networks import TORCHVISION as SCENES
from streamvision.checkpoints.torch_runtime import import_torch, import_ultralytics
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.core.errors import ConfigError, MissingDependencyError

DETECTORS = (
    "ssdlite320_mobilenet_v3_large",
    "ssd300_vgg16",
    "retinanet_resnet50_fpn",
    "retinanet_resnet50_fpn_v2",
    "fasterrcnn_mobilenet_v3_large_320_fpn",
    "fasterrcnn_mobilenet_v3_large_fpn",
    "fasterrcnn_resnet50_fpn",
    "fasterrcnn_resnet50_fpn_v2",
    "fcos_resnet50_fpn",
)
"""Those of torchvision's that are trained here."""
KEYPOINT_DETECTORS = ("keypointrcnn_resnet50_fpn",)
"""Those of torchvision's that find keypoints."""
MASK_DETECTORS = ("maskrcnn_resnet50_fpn", "maskrcnn_resnet50_fpn_v2")
"""Those of torchvision's that find masks."""
OF_TORCHVISION = (*DETECTORS, *KEYPOINT_DETECTORS, *MASK_DETECTORS)
"""All of torchvision's for objects that are trained here."""
RELEASES = "https://github.com/ultralytics/assets/releases"
EXPORTS = (".onnx", ".tflite", ".engine", ".xml", ".mlpackage", ".mlmodel", ".torchscript", ".pb")
TENSOR_FILES = (".pth", ".safetensors", ".bin", ".ckpt", ".h5")
_KINDS = (
    "Trained are networks for scenes (unet, torchvision's deeplabv3_mobilenet_v3_large, smp/FAMILY@ENCODER), for "
    f"pictures of pictures ({', '.join(PICTURE_NETWORKS)}), deep3dbox, captioner, {', '.join(GENERATORS)}, YOLOX "
    "(yolox_nano, yolox_s), classifiers (lenet, small_xception, pilotnet, torchvision's resnet18, timm/NAME, your "
    "package.module:function), torchvision's detectors (ssdlite320_mobilenet_v3_large, keypointrcnn_resnet50_fpn, "
    "maskrcnn_resnet50_fpn), and ultralytics' architectures (yolo11n.yaml, rtdetr-l.yaml) and checkpoints (.pt)"
)
_LEAST_BEGINNING = 3
"""Letters of which the beginning of a name has at least so many."""
_SINGLE = (*GENERATORS, "deep3dbox", "captioner")
_TEXT_HEADS = ("World", "YOLOE")
_OTHER_HEADS = {"Depth": "nothing that measures depth is"}


def classifiers() -> list[str]:
    """Return the classifiers that are known by their names: torchvision's, and our small ones.

    Raises:
        MissingDependencyError: when torchvision is not installed.
    """
    import_torch()
    from torchvision import models

    return [*SMALL, *models.list_models(module=models)]


def own_names() -> list[str]:
    """Return all names of networks that are built here, without ultralytics' architectures.

    Raises:
        MissingDependencyError: when torchvision is not installed.
    """
    return [UNET, *_SINGLE, *SCENES, *PICTURE_NETWORKS, *SCALES, *classifiers(), *OF_TORCHVISION]


def architectures() -> list[str]:
    """Return ultralytics' architectures that can be trained here, each scale by itself, without ``.yaml``."""
    return [name for name, head in _heads().items() if refusal_of_head(head) is None]


def refusal_of_head(head: str) -> str | None:
    """Return why a network whose last layer is of this class is not trained here, and what is; ``None`` where it is."""
    if head.startswith(_TEXT_HEADS):
        return "it finds what a text names, and needs another network to read it; give one such as yolo11n.yaml"
    return next((why for other, why in _OTHER_HEADS.items() if head.startswith(other)), None)


def refuse_missing(model: str) -> ConfigError:
    """Return the error for what is neither a file that training begins from nor a name that it knows."""
    path = Path(model).expanduser()
    suffix = path.suffix.lower()
    if suffix in EXPORTS:
        if path.stem in SCALES:
            return ConfigError(
                f"{model} is an export; to go on from its weights give --model {path.stem} --weights {model}"
            )
        return ConfigError(
            f"{model} is an export, which cannot learn; give the checkpoint (.pt) that it was made from, or the name "
            f"of an architecture. {_KINDS}"
        )
    if suffix in TENSOR_FILES:
        near = _near(re.sub(r"-[0-9a-f]{8}$", "", path.stem), own_names()) or ["NAME"]
        return ConfigError(
            f"{model} would be weights without their architecture; give its name too, as in --model {near[0]} "
            f"--weights {model}"
        )
    if suffix in (".yaml", ".yml", "") and path.stem in _heads() and path.stem not in architectures():
        return ConfigError(f"{model} is not trained here: {refusal_of_head(_heads()[path.stem])}")
    if suffix in (".yaml", ".yml"):
        return ConfigError(f"there is no architecture {model}{_meant(path.stem, architectures(), ending='.yaml')}")
    if suffix == ".pt":
        return _missing_checkpoint(path)
    return _unknown_name(model, path)


def refuse_own_run(path: Path, *, trusted: bool) -> ConfigError | None:
    """Return the error for weights of a run whose networks take them by ``--weights``; ``None`` for other files."""
    stored = read_run(path, trusted=trusted)
    if stored is None:
        return None
    return ConfigError(
        f"{path} holds weights of {stored['architecture']} that streamvision train made; go on from them with --model "
        f"{stored['architecture']} --weights {path}"
    )


def _missing_checkpoint(path: Path) -> ConfigError:
    absent = f"there are no weights at {path}, and nothing is downloaded unasked: put the file there"
    if path.stem in architectures():
        return ConfigError(
            f"{absent} (ultralytics' own are at {RELEASES}), give another with --model, or begin from nothing with "
            f"--model {path.stem}.yaml"
        )
    if path.stem in own_names():
        return ConfigError(f"{absent}, or begin from nothing with --model {path.stem}")
    return ConfigError(f"{absent}, or begin from nothing with the name of an architecture. {_KINDS}")


def _unknown_name(model: str, path: Path) -> ConfigError:
    if path.stem in architectures() and path.suffix == "":
        return _missing_checkpoint(path.with_suffix(".pt"))
    known = [*own_names(), *_of_extras(), *(f"{name}.yaml" for name in architectures())]
    return ConfigError(f"{model} is neither a file nor the name of a model{_meant(model, known)}")


def _of_extras() -> list[str]:
    """Return the names of networks of the optional libraries that are installed."""
    families = []
    for listed in (timm_names, smp_names):
        with contextlib.suppress(MissingDependencyError):
            families += listed()
    return families


def _meant(name: str, known: Sequence[str], *, ending: str = "") -> str:
    near = _near(name, known)
    if not near:
        return f". {_KINDS}"
    return f"; did you mean {' or '.join(f'{one}{ending}' for one in near)}? {_KINDS}"


def _near(name: str, known: Sequence[str]) -> list[str]:
    """Return the name that is the same but for case and punctuation; else up to two that begin so, or are alike."""
    by_plain: dict[str, str] = {}
    for one in known:
        by_plain.setdefault(_plain(one.removeprefix(SMP).removeprefix(TIMM).removesuffix(".yaml")), one)
    wanted = _plain(name)
    if wanted in by_plain:
        return [by_plain[wanted]]
    begun = [one for one in by_plain if len(wanted) >= _LEAST_BEGINNING and one.startswith(wanted)]
    near = sorted(begun, key=len)[:2] or difflib.get_close_matches(wanted, by_plain, n=2, cutoff=0.7)
    return [by_plain[one] for one in near]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower().replace("+", "plus"))


def _scaled(stem: str, scales: Iterable[str]) -> list[str]:
    """Return an architecture's names: ``yolo11-seg`` with its scales is ``yolo11n-seg`` and so on."""
    parts = re.fullmatch(r"(yolo(?:e-)?v?\d+)(-.*)?", stem)
    if parts is None:
        return [stem]
    return [stem, *(f"{parts[1]}{scale}{parts[2] or ''}" for scale in scales)]


@lru_cache(maxsize=1)
def _heads() -> dict[str, str]:
    """Return the class of the last layer of each of ultralytics' architectures, by its name with its scale."""
    folder = Path(str(import_ultralytics().__file__)).parent / "cfg" / "models"
    documents = {file.stem: yaml.safe_load(file.read_text(encoding="utf-8")) for file in sorted(folder.rglob("*.yaml"))}
    return {
        name: str(document["head"][-1][2])
        for stem, document in documents.items()
        for name in _scaled(stem, document.get("scales") or ())
    }
