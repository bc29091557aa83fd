"""Pictures that rows of the database name: whole, for their owner alone, and none that no row names."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from streamvision.core.errors import OutputError
from streamvision.service.picture_folder import PictureFolder
from support.small_disk import small_disk


def test_what_no_row_names_goes_and_the_rest_is_counted(tmp_path: Path) -> None:
    folder = PictureFolder(tmp_path / "pictures")
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        folder.write(name, name.encode())
    (folder.path / ".d.jpg.x1").write_bytes(b"half")  # left by a kill
    again = PictureFolder(folder.path)
    again.take_stock({"a.jpg", "b.jpg", "gone.jpg"})
    assert sorted(path.name for path in again.path.iterdir()) == ["a.jpg", "b.jpg"]
    assert again.count == 2
    again.write("b.jpg", b"newer")
    assert again.count == 2
    again.remove(["a.jpg"])
    assert (again.count, again.read("a.jpg"), again.read("b.jpg"), again.read(None)) == (1, None, b"newer", None)
    assert stat.S_IMODE((again.path / "b.jpg").stat().st_mode) == 0o600


def test_a_disk_that_is_full_leaves_the_earlier_picture_whole(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        folder = PictureFolder(disk / "pictures")
        folder.write("a.jpg", b"earlier")
        with pytest.raises(OutputError):
            folder.write("a.jpg", bytes(2 << 20))
        assert folder.read("a.jpg") == b"earlier"
        assert [path.name for path in folder.path.iterdir()] == ["a.jpg"]  # a part of it would keep the disk full
