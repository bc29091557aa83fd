"""What the benchmark of clusters makes of what it sees; the machines themselves need root and some minutes."""

from __future__ import annotations

from pathlib import Path

from benchmarks.cluster.failover import _connections, _missed


def test_missing_numbers_are_counted_within_a_span_and_before_it() -> None:
    frames = [*range(20), *range(22, 30), 30, 30]
    found = [{"stream": "a", "frame": number, "time_unix_s": float(at)} for at, number in enumerate(frames)]
    found += [{"stream": "b", "frame": 0, "time_unix_s": 12.0}]
    figures = _missed(found, ["a"], (15.0, 30.0))
    assert figures["before"] == {"frames": 15, "missed": 0, "twice_or_begun_anew": 0}
    assert figures["while"] == {"frames": 15, "missed": 2, "twice_or_begun_anew": 1}


def test_connections_are_read_with_their_peers(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    lines = [
        "  sl  local_address rem_address   st",
        "   0: 0453530A:2135 0253530A:A1B2 01",
        "   1: 0453530A:2136 0:0 0A",
    ]
    table.write_text("\n".join(lines))
    assert list(_connections(table)) == [(0x2135, "10.83.83.2")]
