"""What a Jetson and a machine with a graphics card are, read from files and commands as they really write them."""

from __future__ import annotations

import os
import stat
import sys
import time
from pathlib import Path

import pytest

from streamvision.core.nvidia import machine as machine_module
from streamvision.core.nvidia.machine import NvidiaMachine, read_machine, run_command

ORIN_RELEASE = (
    "# R36 (release), REVISION: 4.3, GCID: 38968081, BOARD: generic, EABI: aarch64, DATE: Wed Jan  8 01:49:37 "
    "UTC 2025\n# KERNEL_VARIANT: oot\nTARGET_USERSPACE_LIB_DIR=nvidia\n"
    "TARGET_USERSPACE_LIB_DIR_PATH=usr/lib/aarch64-linux-gnu/nvidia\n"
)
ORIN_MODEL = "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super\0"
ORIN_COMPATIBLE = "nvidia,p3768-0000+p3767-0005-super\0nvidia,p3767-0005\0nvidia,tegra234\0"
ORIN_SMI = "Orin (nvgpu), 540.4.0, 8.7, [N/A]\n"
THOR_SMI = "NVIDIA Thor, 580.00, 11.0, [N/A]\n"
THOR_RELEASE = "# R38 (release), REVISION: 4.0, GCID: 43443517, BOARD: generic, EABI: aarch64\n"
SERVER_SMI = "NVIDIA L40S, 580.126.09, 8.9, 46068 MiB\nNVIDIA L40S, 580.126.09, 8.9, 46068 MiB\n"
SMI_TABLE = "| NVIDIA-SMI 580.126.09             Driver Version: 580.126.09     CUDA Version: 13.0     |\n"
POWER_MODE = "NVPM VERB: Config file: /etc/nvpmodel.conf\nNV Power Mode: MODE_15W_6CORE\n2\n"
CUDA_JSON = (
    '{\n   "cuda" : {\n      "name" : "CUDA SDK",\n      "version" : "12.6.20241114"\n   },\n'
    '   "cuda_cudart" : {\n      "name" : "CUDA Runtime (cudart)",\n      "version" : "12.6.77"\n   }\n}\n'
)
CUDNN_HEADER = "#define CUDNN_MAJOR 9\n#define CUDNN_MINOR 3\n#define CUDNN_PATCHLEVEL 0\n#define CUDNN_VERSION 90300\n"
TENSORRT_HEADER = (
    "#define TRT_MAJOR_ENTERPRISE 10\n#define TRT_MINOR_ENTERPRISE 16\n#define TRT_PATCH_ENTERPRISE 2\n"
    "#define NV_TENSORRT_MAJOR TRT_MAJOR_ENTERPRISE //!< major\n#define NV_TENSORRT_MINOR TRT_MINOR_ENTERPRISE\n"
    "#define NV_TENSORRT_PATCH TRT_PATCH_ENTERPRISE\n"
)


def _written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the only one on the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/bin")
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    return folder


def _tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def _smi(folder: Path, csv: str, table: str = SMI_TABLE) -> None:
    _tool(
        folder, "nvidia-smi", f"""case "$1" in --query-gpu=*) printf '%s' '{csv}';; *) printf '%s' '{table}';; esac"""
    )


def _here(root: Path) -> NvidiaMachine:
    found = read_machine(root, python_path=[])
    assert found is not None
    return found


def test_an_orin_with_jetpack_6(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _written(
        tmp_path / "root",
        {
            "etc/nv_tegra_release": ORIN_RELEASE,
            "proc/device-tree/model": ORIN_MODEL,
            "proc/device-tree/compatible": ORIN_COMPATIBLE,
            "proc/device-tree/serial-number": "1420123456789\0",
            "usr/local/cuda/version.json": CUDA_JSON,
            "usr/lib/aarch64-linux-gnu/libcudnn.so.9": "",
            "usr/lib/aarch64-linux-gnu/libcudnn.so.9.3.0": "",
            "usr/lib/aarch64-linux-gnu/libnvinfer.so.10": "",
            "usr/lib/aarch64-linux-gnu/libnvinfer.so.10.3.0": "",
            "usr/lib/aarch64-linux-gnu/gstreamer-1.0/libgstnvvideo4linux2.so": "",
        },
    )
    _smi(tools, ORIN_SMI, "")
    _tool(tools, "nvpmodel", f"printf '%s' '{POWER_MODE}'")
    monkeypatch.setattr(machine_module.sys, "version_info", (3, 10, 12, "final", 0))
    found = _here(root)
    assert found.board == "NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"
    assert (str(found.l4t), found.jetpack, found.power_mode) == ("36.4.3", "6.2", "MODE_15W_6CORE")
    assert (found.driver, found.cuda, found.cudnn, found.tensorrt) == ("540.4.0", "12.6.77", "9.3.0", "10.3.0")
    assert [(gpu.name, gpu.compute_capability, gpu.memory_mib) for gpu in found.gpus] == [("Orin (nvgpu)", "8.7", None)]
    assert found.decoder == "nvv4l2decoder"
    assert found.wheel.command is not None and "jp6/cu126" in found.wheel.command
    assert "1420123456789" not in str(found.to_json())


def test_a_jetson_without_tools_is_told_by_its_chip(tmp_path: Path, tools: Path) -> None:
    root = _written(
        tmp_path / "root",
        {
            "etc/nv_tegra_release": "# R35 (release), REVISION: 4.1, GCID: 1, BOARD: t186ref, EABI: aarch64\n",
            "proc/device-tree/model": "Jetson-AGX\0",
            "proc/device-tree/compatible": "nvidia,p2972-0000\0nvidia,tegra194\0",
        },
    )
    found = _here(root)
    assert (found.jetpack, found.gpus[0].name, found.gpus[0].compute_capability) == ("5.1.2", "Xavier", "7.2")
    assert found.wheel.command is None and "6.1 or later" in found.wheel.reason
    assert (found.driver, found.cuda, found.cudnn, found.tensorrt, found.power_mode) == (None,) * 5


def test_a_thor_with_the_python_of_its_jetpack_and_with_another(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = _written(
        tmp_path / "root", {"etc/nv_tegra_release": THOR_RELEASE, "usr/include/NvInferVersion.h": TENSORRT_HEADER}
    )
    _smi(tools, THOR_SMI)
    monkeypatch.setattr(machine_module.sys, "version_info", (3, 12, 3, "final", 0))
    found = _here(root)
    assert (found.jetpack, found.tensorrt, found.gpus[0].compute_capability) == ("7.1", "10.16.2", "11.0")
    assert found.wheel.command is not None and "sbsa/cu130" in found.wheel.command
    monkeypatch.setattr(machine_module.sys, "version_info", (3, 11, 3, "final", 0))
    assert _here(root).wheel == (None, _here(root).wheel.reason) and "python3.12" in _here(root).wheel.reason


def test_a_server_with_two_cards(tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = _written(
        tmp_path / "root",
        {
            "usr/lib/x86_64-linux-gnu/libnvcuvid.so.1": "",
            "usr/include/x86_64-linux-gnu/cudnn_version.h": CUDNN_HEADER,
            "opt/cuda/libcudart.so.12.6.77": "",
        },
    )
    _smi(tools, SERVER_SMI)
    monkeypatch.setenv("LD_LIBRARY_PATH", "/opt/cuda:")
    monkeypatch.setattr(machine_module.platform, "machine", lambda: "x86_64")
    found = _here(root)
    assert len(found.gpus) == 2 and found.gpus[0].memory_mib == 46068
    assert (found.driver, found.driver_cuda, found.cuda) == ("580.126.09", "13.0", "12.6.77")
    assert found.cudnn is not None and found.cudnn.startswith("9") and found.decoder == "cuda"
    assert (found.l4t, found.board) == (None, None) and found.wheel.command is not None


def test_libraries_of_pythons_packages_are_as_exact_as_their_metadata(
    tmp_path: Path, tools: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages = _written(
        tmp_path / "site-packages",
        {
            "nvidia/cudnn/lib/libcudnn.so.9": "",
            "nvidia/cuda_runtime/lib/libcudart.so.13": "",
            "nvidia_cudnn_cu13-9.24.0.43.dist-info/METADATA": "Name: nvidia-cudnn-cu13\nVersion: 9.24.0.43\n",
            "nvidia_cuda_runtime-13.0.96.dist-info/METADATA": "Name: nvidia-cuda-runtime\nVersion: 13.0.96\n",
        },
    )
    _written(tmp_path / "root", {"usr/lib/x86_64-linux-gnu/libcudart.so.12.6.77": ""})
    _smi(tools, SERVER_SMI)
    found = read_machine(tmp_path / "root", python_path=[str(packages)])
    assert found is not None
    assert (found.cuda, found.cudnn) == ("12.6.77 and 13.0.96", "9.24.0")


def test_no_nvidia_gpu(tmp_path: Path, tools: Path) -> None:
    assert read_machine(tmp_path, python_path=[]) is None
    _tool(
        tools,
        "nvidia-smi",
        "echo 'NVIDIA-SMI has failed because it could not communicate with the NVIDIA driver.'; exit 9",
    )
    assert read_machine(tmp_path, python_path=[]) is None


def test_what_hostile_files_and_tools_say_is_bounded_and_harmless(tmp_path: Path, tools: Path) -> None:
    root = _written(
        tmp_path / "root",
        {
            "etc/nv_tegra_release": "# R36 (release), REVISION: 4.3" + "9" * 100_000,
            "proc/device-tree/model": "x" * 100_000,
            "usr/local/cuda/version.json": "[" * 60_000,
            "usr/include/cudnn_version.h": "#define CUDNN_MAJOR CUDNN_MAJOR\n",
        },
    )
    _smi(tools, "a, b, c, d\n,,,\n\n" + "x\n" * 1000)
    found = _here(root)
    assert (found.driver, found.cuda, found.cudnn) == (None, None, None)
    assert len(str(found.to_json())) < 100_000


def test_a_tool_that_hangs_costs_its_deadline(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine_module, "COMMAND_TIMEOUT_S", 0.2)
    _tool(tools, "nvpmodel", f"exec {sys.executable} -c 'import time; time.sleep(300)'")
    begin_s = time.monotonic()
    assert run_command(["nvpmodel", "-q"]) == ""
    assert time.monotonic() - begin_s < 200
