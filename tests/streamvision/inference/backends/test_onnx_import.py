"""No ONNX Runtime, two of them, or a broken one: one sentence that leads on."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamvision.core.errors import MissingDependencyError
from streamvision.core.onnx_packages import installed_packages
from streamvision.inference.backends import onnx_import
from streamvision.inference.backends.onnx_import import import_onnxruntime, onnx_fault
from support.onnx_sites import write_site

CPU_AND_CUDA = {"onnxruntime": "1.26.0", "onnxruntime-gpu": "1.25.1"}
Only = Callable[..., None]


@pytest.fixture
def only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Only:
    """Return what makes these packages of ONNX Runtime the only ones."""

    def write(packages: dict[str, str], code: str | None = "class InferenceSession: ...\n") -> None:
        monkeypatch.setattr(sys, "path", [str(write_site(tmp_path, packages, code=code))])

    for module in [name for name in sys.modules if name.split(".")[0] == "onnxruntime"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)  # so that what is imported meanwhile is forgotten
    monkeypatch.delitem(sys.modules, "onnxruntime")
    onnx_import._warn_of.cache_clear()
    return write


def test_without_one_the_extras_are_named(only: Only) -> None:
    only({})
    with pytest.raises(
        MissingDependencyError, match=r"not installed: pip install 'streamvision-edge\[cpu\]', .*\[cuda\]"
    ):
        import_onnxruntime()


def test_one_is_imported_in_silence(only: Only, caplog: pytest.LogCaptureFixture) -> None:
    only({"onnxruntime": "1.26.0"})
    assert import_onnxruntime().InferenceSession is not None
    assert onnx_fault(installed_packages()) is None
    assert not caplog.records


def test_two_are_said_once_with_the_commands_that_mend_it(only: Only, caplog: pytest.LogCaptureFixture) -> None:
    only(CPU_AND_CUDA)
    with caplog.at_level(logging.WARNING):
        import_onnxruntime()
        import_onnxruntime()
    (record,) = caplog.records
    assert "onnxruntime 1.26.0 and onnxruntime-gpu 1.25.1 are installed" in record.getMessage()
    assert record.getMessage().endswith(
        "run pip uninstall -y onnxruntime onnxruntime-gpu, then pip install 'streamvision-edge[cuda]'"
    )


def test_two_without_cuda_leave_the_plain_one(only: Only) -> None:
    only({"onnxruntime": "1.26.0", "onnxruntime-openvino": "1.24.1"})
    assert str(onnx_fault(installed_packages())).endswith("then pip install 'streamvision-edge[cpu]'")


def test_on_a_jetson_doctor_knows_the_index(only: Only, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    only(CPU_AND_CUDA)
    release = tmp_path / "nv_tegra_release"
    release.write_text("# R36 (release), REVISION: 4.3\n")
    monkeypatch.setattr(onnx_import, "_JETSON", release)
    assert str(onnx_fault(installed_packages())).endswith(
        "then the command that 'streamvision doctor' names for this GPU"
    )


def test_one_that_lost_its_files_to_another_is_to_be_installed_again(only: Only) -> None:
    only({"onnxruntime-gpu": "1.25.1"}, None)
    with pytest.raises(
        MissingDependencyError, match=r"has lost files, .*--force-reinstall --no-deps onnxruntime-gpu==1\.25\.1"
    ):
        import_onnxruntime()


def test_two_of_which_nothing_can_be_imported_are_two(only: Only) -> None:
    only(CPU_AND_CUDA, None)
    with pytest.raises(MissingDependencyError, match="overwrite each other's files"):
        import_onnxruntime()


def test_one_that_does_not_load_says_why(only: Only) -> None:
    only({"onnxruntime": "1.26.0"}, "raise ImportError('GLIBC_2.38 not found')\n")
    with pytest.raises(MissingDependencyError, match=r"onnxruntime 1\.26\.0\) does not load \(GLIBC_2\.38 not found\)"):
        import_onnxruntime()
