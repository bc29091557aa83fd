"""What this project is called where it is installed from, and the commands that install more of it."""

from __future__ import annotations

from streamvision.core.onnx_packages import PLAIN, installed_packages

DISTRIBUTION = "streamvision-edge"
"""Name for pip. The package that is imported is ``streamvision``; a distribution of that name is somebody else's."""
WITH_PLAIN_ONNX_RUNTIME = ("cpu", "openvino", "train", "timm", "smp", "lpips", "drive", "export")
"""Extras that bring ONNX Runtime for the CPU."""


def with_extra(extra: str) -> str:
    """Return what pip takes for an extra, quoted for the shell; it is right in a checkout and in a wheel.

    >>> with_extra("openvino")
    "'streamvision-edge[openvino]'"
    """
    return f"'{DISTRIBUTION}[{extra}]'"


def install_command(extra: str) -> str:
    """Return the command that installs an extra here.

    >>> install_command("eval")
    "pip install 'streamvision-edge[eval]'"
    """
    return pip_install(with_extra(extra))


def pip_install(requirement: str) -> str:
    """Return the command that installs what :func:`with_extra` returned, or other packages, here.

    Where another ONNX Runtime than the plain one is installed, and the plain one would come and overwrite its files, it
    is put back.
    """
    command = f"pip install {requirement}"
    kept = next((package for package in installed_packages() if package.name != PLAIN), None)
    if kept is None or requirement not in map(with_extra, WITH_PLAIN_ONNX_RUNTIME):
        return command
    back = f"pip install --force-reinstall --no-deps {kept.name}=={kept.version}"
    return f"{command} && pip uninstall -y {PLAIN} && {back}"
