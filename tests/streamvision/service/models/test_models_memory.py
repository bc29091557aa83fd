"""What is said of the memory that is left, from files as the kernel writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from streamvision.core.model_location import ModelAddress
from streamvision.service.models import memory

MEMINFO = "MemTotal:  8000000 kB\nMemFree:  100000 kB\nMemAvailable:  2000000 kB\n"


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, place in (
        ("_MEMINFO", "meminfo"),
        ("_STATUS", "status"),
        ("_CGROUP", "cgroup"),
        ("_OF_PROCESS", "of_process"),
    ):
        monkeypatch.setattr(memory, name, tmp_path / place)
    (tmp_path / "meminfo").write_text(MEMINFO)
    return tmp_path


def group(folder: Path, *names: str, limit: str, used: int, spare: int, key: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / names[0]).write_text(f"{limit}\n")
    (folder / names[1]).write_text(f"{used}\n")
    (folder / "memory.stat").write_text(f"anon 5\n{key} {spare}\n")


def test_without_a_group_it_is_what_the_machine_has(kernel: Path) -> None:
    assert memory.available_bytes() == 2_000_000 * 1024
    assert memory.used_bytes() is None
    (kernel / "status").write_text("VmPeak: 9 kB\nVmRSS:\t   1000 kB\n")
    assert memory.used_bytes() == 1_024_000


def test_a_group_with_less_rules_and_what_it_can_give_back_counts(kernel: Path) -> None:
    (kernel / "of_process").write_text("0::/system.slice/streamvision.service\n")
    names = ("memory.max", "memory.current")
    slice_folder = kernel / "cgroup" / "system.slice"
    group(slice_folder, *names, limit="900000000", used=500_000_000, spare=0, key="inactive_file")
    inner = slice_folder / "streamvision.service"
    group(inner, *names, limit="max", used=100, spare=0, key="inactive_file")
    assert memory.available_bytes() == 400_000_000
    group(inner, *names, limit="300000000", used=200_000_000, spare=50_000_000, key="inactive_file")
    assert memory.available_bytes() == 150_000_000


def test_in_a_container_the_group_lies_at_the_root(kernel: Path) -> None:
    (kernel / "of_process").write_text("12:cpu:/x\n5:memory:/docker/abc\n")
    names = ("memory.limit_in_bytes", "memory.usage_in_bytes")
    folder = kernel / "cgroup" / "memory"
    group(folder, *names, limit=str(1 << 62), used=5, spare=0, key="total_inactive_file")
    assert memory.available_bytes() == 2_000_000 * 1024
    group(folder, *names, limit="100000000", used=40_000_000, spare=0, key="total_inactive_file")
    assert memory.available_bytes() == 60_000_000


def test_weights_beside_a_file_count_and_a_model_on_a_server_needs_the_margin_alone(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(b"x" * 10)
    (tmp_path / "a.bin").write_bytes(b"x" * 1000)
    assert memory.file_bytes(tmp_path / "a.xml") == 1010
    (tmp_path / "b.onnx").write_bytes(b"x" * 10)
    (tmp_path / "b.onnx.data").write_bytes(b"x" * 100)
    assert memory.file_bytes(tmp_path / "b.onnx") == 110
    assert memory.needed_bytes(ModelAddress("kserve://box/yolo")) == memory.MARGIN_BYTES
