"""What waits for a target is in order and bounded, and on disk it outlives a process that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from streamvision.core.errors import OutputError
from streamvision.notify.disk_spool import DiskSpool
from streamvision.notify.memory_spool import MemorySpool
from streamvision.notify.spool import Spool, open_spool
from support.small_disk import small_disk
from support.told import message

Open = Callable[..., Spool]


@pytest.fixture(params=["disk", "memory"])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Open:
    folder = tmp_path / "notify" if request.param == "disk" else None

    def open_it(*, max_messages: int = 100, max_bytes: int = 1 << 20) -> Spool:
        return open_spool(folder, "hook", max_messages=max_messages, max_bytes=max_bytes)

    return open_it


def frames(spool: Spool, count: int = 1000) -> list[int]:
    return [one.message.event["frame"] for one in spool.first(count)]


def test_messages_come_out_in_order_and_whole(opened: Open) -> None:
    spool = opened()
    sent = [message(number, jpeg=bytes([number]) * 9 if number % 2 else None) for number in range(5)]
    for one in sent:
        spool.put(one)
    assert [one.message for one in spool.first(3)] == sent[:3] and len(spool) == 5
    spool.remove(spool.first(2)[-1].number)
    assert frames(spool) == [2, 3, 4] and len(spool) == 3
    spool.remove(spool.first(100)[-1].number)
    assert frames(spool) == [] and len(spool) == 0 and spool.lost == 0
    spool.put(message(9))
    assert frames(spool) == [9]
    spool.close()
    spool.close()


@pytest.mark.parametrize("bounds", [{"max_messages": 10}, {"max_bytes": 10 * 3024}])
def test_beyond_a_bound_the_oldest_make_room_and_are_counted(opened: Open, bounds: dict[str, int]) -> None:
    spool = opened(**bounds)
    for number in range(25):
        spool.put(message(number, jpeg=bytes(2000)))
    assert frames(spool) == list(range(15, 25)) and spool.lost == 15
    taken = spool.first(3)[-1].number
    spool.put(message(25, jpeg=bytes(2000)))
    spool.remove(taken)  # one of them has made room in the meantime
    assert frames(spool) == list(range(18, 26)) and len(spool) == 8
    spool.put(message(26, jpeg=bytes(100_000)))
    assert len(spool) == (0 if "max_bytes" in bounds else 9), "what is larger than the whole bound is not kept"


def test_the_file_shrinks_is_its_owner_s_alone_and_one_process_has_it(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path / "n" / "hook.db", max_messages=100, max_bytes=1 << 24)
    for number in range(50):
        spool.put(message(number, jpeg=bytes(40_000)))
    second = open_spool(tmp_path / "n", "hook", max_messages=100, max_bytes=1 << 20)
    assert isinstance(second, MemorySpool)
    spool.remove(spool.first(100)[-1].number)
    spool.close()
    file = tmp_path / "n" / "hook.db"
    assert file.stat().st_size < 100_000
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_damaged_file_is_put_aside(tmp_path: Path) -> None:
    (tmp_path / "hook.db").write_bytes(b"no database" * 1000)
    (tmp_path / "hook.db-wal").write_bytes(b"nor this")
    spool = DiskSpool(tmp_path / "hook.db", max_messages=10, max_bytes=1 << 20)
    spool.put(message(1))
    assert frames(spool) == [1]
    assert (tmp_path / "hook.db.damaged").read_bytes().startswith(b"no database")


def test_a_full_disk_is_said_and_nothing_that_waits_is_lost(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", megabytes=1) as disk:
        spool = DiskSpool(disk / "hook.db", max_messages=10_000, max_bytes=1 << 30)
        kept = 0
        with pytest.raises(OutputError, match=r"hook\.db: .*full.*free space"):
            for kept in range(1000):
                spool.put(message(kept, jpeg=bytes(20_000)))
        assert frames(spool) == list(range(kept)) and len(spool) == kept
        spool.close()


PUTS = """
import sys
from pathlib import Path
from streamvision.notify.disk_spool import DiskSpool
from support.told import message
spool = DiskSpool(Path(sys.argv[1]), max_messages=100_000, max_bytes=1 << 30)
for number in range(100_000):
    spool.put(message(number, jpeg=bytes(5000)))
    print(number, flush=True)
"""


def test_a_killed_process_loses_nothing_that_was_put(tmp_path: Path, project_root: Path) -> None:
    file = tmp_path / "hook.db"
    expected: list[int] = []
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (project_root, project_root / "tests")))}
    for kill_after in (1, 40, 7):
        process = subprocess.Popen(
            [sys.executable, "-c", PUTS, str(file)], stdout=subprocess.PIPE, text=True, env=environment
        )
        assert process.stdout is not None
        said = [int(process.stdout.readline()) for _ in range(kill_after)]
        process.send_signal(signal.SIGKILL)
        said += [int(line) for line in process.stdout if line.endswith("\n")]
        process.wait(30)
        spool = DiskSpool(file, max_messages=100_000, max_bytes=1 << 30)
        found = frames(spool, 100_000)
        rest = found[len(expected) :]
        assert found[: len(expected)] == expected
        assert rest == list(range(len(rest))) and len(rest) in (len(said), len(said) + 1), "all that was put, in order"
        expected = found
        spool.close()
