"""``streamvision doctor``: what is installed, which accelerators really work, what to install for what."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import json
import os
import platform
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

import streamvision
from streamvision.cli.doctor_check import Check
from streamvision.cli.doctor_formats import fastest_format
from streamvision.cli.doctor_nvidia import nvidia_checks
from streamvision.core.errors import ConfigError, StreamVisionError
from streamvision.core.install import install_command
from streamvision.core.nvidia.machine import read_machine
from streamvision.core.onnx_packages import installed_packages
from streamvision.core.registry import Registry
from streamvision.inference.backends.onnx_import import onnx_fault
from streamvision.inference.backends.probe import PROBES, BackendReport, survey
from streamvision.inference.backends.registry import BACKENDS
from streamvision.inference.tuning.choice import kept_sentence
from streamvision.models import TEXT_MODEL, model_file, shipped_models

OPENCV_PACKAGES = (
    "opencv-python-headless",
    "opencv-python",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
REGISTRIES = (
    "pipelines.capture.registry:SOURCES",
    "streamvision.inference.backends.registry:BACKENDS",
    "streamvision.inference.heads.registry:HEADS",
    "pipelines.stages.tracking.registry:TRACKERS",
    "pipelines.stages.registry:FRAME_STAGES",
    "pipelines.outputs.registry:SINKS",
    "exporters.targets.registry:TARGETS",
    "streamvision.notify.registry:TARGETS",
    "streamvision.gps.containers.registry:GPS_FORMATS",
)
"""What other packages may add to, by entry point."""


@dataclass(frozen=True)
class FoundPlugin:
    """A plug-in that another package brings."""

    kind: str
    """What it is, such as ``tracker``."""
    name: str
    """What configuration and command line call it."""
    package: str
    """The package that brings it."""
    problem: str | None
    """Why it cannot be used; ``None`` where it can."""


@click.command()
@click.option("--model", type=Path, metavar="FILE", help="Say which form of this model is fastest here.")
@click.option("--json", "as_json", is_flag=True, help="Print the results as one JSON document on stdout.")
def doctor(model: Path | None, as_json: bool) -> int:
    """Check this machine: what is installed, which accelerators really execute a model, what to install for what.

    Every device is tried with a small model, so that "works" means that it executed one. Exit code 1 if something
    that is needed does not work; optional parts may be absent. What 'bench formats' has found on this machine is said
    in one line.
    """
    if model is not None and not model.exists():
        raise ConfigError(f"there is no model at {model}; give a checkpoint or a model file that exists")
    nvidia = read_machine()
    backends, plugins = survey(), find_plugins()
    checks = [*(check() for check in CHECKS), _onnx_runtime(backends), *nvidia_checks(nvidia)]
    fastest, check = fastest_format(model, backends)
    checks.append(check)
    healthy = all(c.ok for c in checks if c.required) and any(d.works for b in backends for d in b.devices)
    if as_json:
        document = {
            "version": streamvision.__version__,
            "healthy": healthy,
            "checks": [asdict(check) for check in checks],
            "nvidia": nvidia.to_json() if nvidia else None,
            "backends": [backend.to_json() for backend in backends],
            "plugins": [asdict(plugin) for plugin in plugins],
            "fastest_format": asdict(fastest) if fastest else None,
        }
        click.echo(json.dumps(document))
    else:
        _print(checks, backends, plugins)
        click.echo("\nReady." if healthy else "\nSomething that is needed does not work; see the lines marked with x.")
    return 0 if healthy else 1


def _machine() -> Check:
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return Check(
        "machine", True, f"{platform.system()} {platform.machine()}, Python {platform.python_version()}, {usable} cores"
    )


def _video() -> Check:
    try:
        import av
    except ImportError as error:
        return Check("video files, RTSP, HTTP", False, f"PyAV does not load ({error}): pip install av", required=True)
    decoders = [name for name in ("h264", "hevc", "av1", "mjpeg") if name in av.codecs_available]
    version = ".".join(map(str, av.library_versions["libavcodec"]))
    return Check(
        "video files, RTSP, HTTP", True, f"PyAV {av.__version__} with libavcodec {version}: {', '.join(decoders)}", True
    )


def _recording() -> Check:
    import av

    encoders = [name for name in ("libx264", "libopenh264", "mpeg4") if name in av.codecs_available]
    detail = f"MP4 by {encoders[0]}" if encoders else "this PyAV has no video encoder: pip install --force-reinstall av"
    return Check("recording", bool(encoders), detail)


def _cameras() -> Check:
    devices = sorted(path.name for path in Path("/dev").glob("video*"))
    return Check("USB cameras", bool(devices), ", ".join(devices) or "no /dev/video* on this machine")


def _sources() -> Check:
    from pipelines.capture.registry import accepted_sources

    try:
        return Check("sources", True, accepted_sources())
    except StreamVisionError as error:  # a package that adds a kind is broken
        return Check("sources", False, str(error), required=True)


def _gstreamer() -> Check:
    try:
        import gi

        gi.require_version("Gst", "1.0")
        from gi.repository import Gst

        Gst.init(None)
    except (ImportError, ValueError):
        return Check(
            "GStreamer (gst: sources)",
            False,
            "optional: apt-get install python3-gst-1.0 gstreamer1.0-plugins-good gstreamer1.0-libav, "
            "in an environment made with python3 -m venv --system-site-packages",
        )
    return Check("GStreamer (gst: sources)", True, Gst.version_string())


def _opencv() -> Check:
    found = [f"{name} {version}" for name in OPENCV_PACKAGES if (version := _version(name))]
    mend = f"pip uninstall -y {' '.join(OPENCV_PACKAGES)} && pip install 'opencv-python-headless<4.12'"
    said = " and ".join(found) or "no package of it"
    try:
        import cv2

        loaded = str(cv2.__version__)
    except (ImportError, AttributeError) as error:  # what another package's removal leaves behind lacks names
        return Check("OpenCV", False, f"{said} installed, which does not load ({error}): {mend}", required=True)
    if len(found) < 2:
        return Check("OpenCV", True, f"{found[0] if found else 'without a package'}, loaded as {loaded}", required=True)
    # ultralytics asks for opencv-python, so that no environment for training has one alone without pip's complaint.
    overwritten = f"{said} installed, loaded as {loaded}; they overwrite each other, and where that makes trouble"
    return Check("OpenCV", False, f"{overwritten}: {mend}")


def _onnx_runtime(backends: Sequence[BackendReport]) -> Check:
    packages = installed_packages()
    others = [
        plugin.package
        for plugin in BACKENDS.built_in
        if plugin.name != "onnxruntime" and not PROBES.keys().isdisjoint(plugin.endings)
    ]
    alone = not any(map(importlib.util.find_spec, others))
    fault = onnx_fault(packages) or next((report.problem for report in backends if report.name == "onnxruntime"), None)
    found = ", ".join(map(str, packages)) or "without a package of its own"
    return Check("ONNX Runtime", fault is None, fault or found, required=alone or bool(packages))


def _models() -> Check:
    found = [f"{model.name} ({model.finds}; weights under {model.licence})" for model in shipped_models().values()]
    missing = "the files of the package are not all there; install it again"
    return Check("models that ship, by name for --model", bool(found), ", ".join(found) or missing)


def _text() -> Check:
    name = "reading text (second models)"
    try:
        return Check(name, True, model_file(TEXT_MODEL).name)
    except StreamVisionError:
        # Not an extra: its package asks for opencv-python, which would overwrite opencv-python-headless.
        return Check(name, False, "optional: pip install --no-deps rapidocr-onnxruntime")


def _tuning() -> Check:
    said = kept_sentence()
    return Check("calls into the network", True, said or "measured when a run opens a model the first time")


def _servers() -> Check:
    name = "models on servers (kserve://)"
    if importlib.util.find_spec("tritonclient") is None:
        return Check(name, False, f"optional: {install_command('kserve')}")
    return Check(name, True, f"tritonclient {importlib.metadata.version('tritonclient')}")


def find_plugins() -> list[FoundPlugin]:
    """Return what other packages add to the registries, each tried."""
    found = []
    for path in REGISTRIES:
        module, _, attribute = path.partition(":")
        registry: Registry[Any] = getattr(importlib.import_module(module), attribute)
        for name, package in registry.from_packages().items():
            try:
                registry.get(name).load()
                problem = None
            except StreamVisionError as error:
                problem = str(error)
            found.append(FoundPlugin(registry.kind, name, package, problem))
    return found


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


CHECKS: tuple[Callable[[], Check], ...] = (
    _machine,
    _video,
    _recording,
    _opencv,
    _sources,
    _gstreamer,
    _cameras,
    _models,
    _text,
    _tuning,
    _servers,
)


def _print(checks: list[Check], backends: list[BackendReport], plugins: list[FoundPlugin]) -> None:
    click.echo(f"StreamVision {streamvision.__version__}\n")
    for check in checks:
        mark = "+" if check.ok else ("x" if check.required else "-")
        click.echo(f"  {mark} {check.name}: {check.detail}")
    click.echo("\nWhat models can run on (each was tried with a small model):")
    for backend in backends:
        if backend.installed is None:
            click.echo(f"  - {backend.name}: {backend.problem or f'not installed: {backend.install}'}")
            continue
        for device in backend.devices:
            command = f"--backend {backend.name} --device {device.name}"
            click.echo(
                f"  {'+' if device.works else '-'} {backend.name} {backend.installed}, {command}: {device.detail}"
            )
    if plugins:
        click.echo("\nWhat other packages add:")
    for plugin in plugins:
        click.echo(
            f"  {'x' if plugin.problem else '+'} {plugin.kind} {plugin.name}, of {plugin.package}"
            + (f": {plugin.problem}" if plugin.problem else "")
        )
