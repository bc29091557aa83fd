"""Finds out what a model is and opens it as a source for exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from streamvision.checkpoints.base import GeneratingSource, Source, StoredRun
from streamvision.checkpoints.checkpoint_file import read_run
from streamvision.checkpoints.generator_names import DCGAN, VAE
from streamvision.checkpoints.other_classifiers import is_other_classifier
from streamvision.checkpoints.picture_names import PICTURE_NETWORKS
from streamvision.checkpoints.scene_networks import TORCHVISION, is_scene_network
from streamvision.checkpoints.torch_runtime import refuse_address
from streamvision.checkpoints.yolox_scales import SCALES
from streamvision.core.errors import ConfigError, ModelError
from streamvision.models import model_file

ACCEPTED = (
    "an ultralytics checkpoint (.pt), the name of a model of torchvision, timm (timm/NAME), "
    "segmentation-models-pytorch (smp/FAMILY@ENCODER) or YOLOX with --weights FILE, the best.pt of a run of "
    "'streamvision train', or an .onnx file"
)


def open_source(
    model: str | Path,
    *,
    weights: Path | None = None,
    names: Sequence[str] | None = None,
    head: str | None = None,
    size_px: tuple[int, int] | None = None,
    random_weights: int | None = None,
    fed: Mapping[str, Any] | None = None,
    trust_checkpoint: bool = False,
    load_timeout_s: float | None = None,
) -> Source:
    """Open a trained model, whatever library it comes from.

    Args:
        model: a file, or the name of a torchvision model such as ``fasterrcnn_resnet50_fpn`` or of a YOLOX; with
            ``random_weights`` also an ultralytics architecture such as ``yolo11n-pose.yaml``.
        weights: of a model that was given by its name: a state dict, for YOLOX also an ONNX file.
        names: class names that override the file's.
        head: layout of the outputs, for ONNX files that do not say it.
        size_px: (width, height) of the input that the card states; ``None`` for the model's own.
        random_weights: seed of random weights, for a network that has learnt nothing; only for models given by name.
        fed: how pictures are fed, by key of ``model.input``, for ONNX files that do not say it.
        trust_checkpoint: whether a checkpoint that asks for more than networks need is read all the same, which runs
            its author's code.
        load_timeout_s: longest time for opening an ONNX file and running it once; ``None`` for ten minutes.

    Raises:
        ConfigError: when options do not belong together, or a model given by name has no weights.
        ModelError: when the file is not a model, of a kind that is not known, or not trusted.
        MissingDependencyError: when the library that it needs is not installed.
    """
    refuse_address(model)
    path = model_file(Path(model).expanduser())
    given = tuple(names) if names else None
    if path.suffix.lower() == ".onnx":
        _refuse(model, weights=weights, random_weights=random_weights)
        from streamvision.checkpoints.onnx_file import LOAD_TIMEOUT_S, OnnxSource

        limit_s = LOAD_TIMEOUT_S if load_timeout_s is None else load_timeout_s
        return OnnxSource(path, head=head, names=given, size_px=size_px, fed=fed, load_timeout_s=limit_s)
    if head is not None or fed:
        option = "--input" if head is None else "--head"
        raise ConfigError(f"{option} is for .onnx files; {model} says it itself, leave it out")
    if path.suffix.lower() in {".yaml", ".yml"}:
        from streamvision.checkpoints.ultralytics import UltralyticsSource

        _refuse(model, weights=weights)
        if random_weights is None:
            raise ConfigError(
                f"{model} is an architecture without weights: give a checkpoint (.pt), or --random-weights SEED for a "
                "network that has learnt nothing"
            )
        return UltralyticsSource(path, names=given, size_px=size_px, random_weights=random_weights)
    if str(model) in SCALES:
        from streamvision.checkpoints.yolox import YoloxSource

        return YoloxSource.of_name(
            str(model), weights=weights, seed=random_weights, names=given, size_px=size_px, trusted=trust_checkpoint
        )
    if is_scene_network(str(model)) and str(model) not in TORCHVISION and not path.is_file():
        from streamvision.checkpoints.scenes import SceneSource

        return SceneSource.of_name(
            str(model), weights=weights, seed=random_weights, names=given, size_px=size_px, trusted=trust_checkpoint
        )
    if (is_other_classifier(str(model)) and not path.is_file()) or (path.suffix == "" and not path.exists()):
        from streamvision.checkpoints.torchvision import TorchvisionSource
        from streamvision.checkpoints.torchvision_build import build_named

        described = build_named(str(model), weights=weights, seed=random_weights, trusted=trust_checkpoint)
        return TorchvisionSource(described, path=weights or path, names=given, size_px=size_px)
    _refuse(model, weights=weights, random_weights=random_weights)
    if path.suffix.lower() in {".pt", ".pth"}:
        if (stored := read_run(path, trusted=trust_checkpoint)) is None:
            from streamvision.checkpoints.ultralytics import UltralyticsSource

            return UltralyticsSource(path, names=given, size_px=size_px, trusted=trust_checkpoint)
        return _of_run(StoredRun(stored=stored, path=path, names=given, size_px=size_px, trusted=trust_checkpoint))
    raise ConfigError(f"{model} is not a model that can be exported; give {ACCEPTED}")


def open_generator(path: Path, *, trust_checkpoint: bool = False) -> GeneratingSource | None:
    """Open what a run left that makes pictures of latent vectors; ``None`` for any other file.

    Raises:
        ModelError: when the tensors are not those of the network that the checkpoint names, or it is not trusted.
        MissingDependencyError: when torch is not installed.
    """
    if path.suffix.lower() != ".pt" or (stored := read_run(path, trusted=trust_checkpoint)) is None:
        return None
    run = StoredRun(stored=stored, path=path)
    if run.architecture == DCGAN:
        from streamvision.checkpoints.dcgan import DcganSource

        return DcganSource.of_run(run)
    if run.architecture == VAE:
        from streamvision.checkpoints.vae import VaeSource

        return VaeSource.of_run(run)
    return None


def _of_run(run: StoredRun) -> Source:
    """Open what a run of ``streamvision train`` left, by the architecture that it names."""
    from streamvision.checkpoints import captioner
    from streamvision.checkpoints.torchvision import TorchvisionSource
    from streamvision.checkpoints.yolox import YoloxSource

    if is_scene_network(run.architecture):
        from streamvision.checkpoints.scenes import SceneSource

        return SceneSource.of_run(run)
    if run.architecture in SCALES:
        return YoloxSource.of_run(run)
    if run.architecture == "deep3dbox":
        from streamvision.checkpoints.deep3dbox import Deep3dBoxSource

        return Deep3dBoxSource.of_run(run)
    if run.architecture == DCGAN:
        raise ModelError(
            f"{run.path} is a generator, which makes pictures of latent numbers and takes none; give its "
            "generator.onnx to synthetic:generator?model=FILE, or export it with streamvision export"
        )
    if run.architecture == VAE:
        from streamvision.checkpoints.vae import VaeSource

        return VaeSource.of_run(run)
    if run.architecture == "drive_agent":
        from streamvision.checkpoints.drive_agent import DriveAgentSource

        return DriveAgentSource.of_run(run)
    if "answers" in run.stored:  # of any classifier
        from streamvision.checkpoints.answers import AnswersSource

        return AnswersSource.of_run(run)
    if run.architecture in PICTURE_NETWORKS:
        from streamvision.checkpoints.pictures import PictureSource

        return PictureSource.of_run(run)
    if run.architecture == captioner.ARCHITECTURE:
        return captioner.CaptionerSource.of_run(run)
    return TorchvisionSource.of_run(run)


def _refuse(model: str | Path, *, weights: Path | None = None, random_weights: int | None = None) -> None:
    if weights is not None or random_weights is not None:
        option = "--weights" if weights is not None else "--random-weights"
        raise ConfigError(f"{model} brings its own weights; leave out {option}, which is for models given by name")
