"""Charts are whole SVG documents, whatever the figures."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from streamvision.core.charts import Bar, Panel, bar_chart, panel_chart, save_svg
from streamvision.core.errors import OutputError
from streamvision.core.page_charts import (
    CLASS_COLORS,
    Plotted,
    Series,
    color_of,
    line_chart,
    reliability_chart,
    scatter_chart,
    unit_chart,
)

SVG = "{http://www.w3.org/2000/svg}"


def texts(drawn: str) -> list[str]:
    return [element.text or "" for element in ElementTree.fromstring(drawn).iter(f"{SVG}text")]


def test_bars_are_as_long_as_their_values() -> None:
    drawn = bar_chart("Speed", "here", [Bar("a < b", 10, 20), Bar("c", 40, strong=True, note="best")], unit="fps")
    bars = list(ElementTree.fromstring(drawn).iter(f"{SVG}rect"))[1:]  # behind the background
    widths = [float(bar.get("width") or 0) for bar in bars]
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.01)
    assert {"Speed", "here", "a < b", "10 fps", "best"} <= set(texts(drawn))


@pytest.mark.parametrize(
    ("x", "lines"),
    [
        ([1.0, 2.0, 4.0], {"p50": [1.0, None, 3.0], "p99": [10.0, 20.0, 30.0]}),
        ([5.0], {"one": [0.0]}),
        ([], {"none": []}),
    ],
)
def test_lines_of_every_kind_are_drawn(x: list[float], lines: dict[str, list[float | None]]) -> None:
    drawn = panel_chart("Growth", "", [Panel("fps", x, lines)], x_label="streams")
    assert set(lines) | {"fps", "streams"} <= set(texts(drawn))


def test_only_svg_files_are_written(tmp_path: Path) -> None:
    save_svg(bar_chart("t", "", [], unit="ms"), tmp_path / "a.svg")
    assert ElementTree.parse(tmp_path / "a.svg").getroot().tag == f"{SVG}svg"
    with pytest.raises(OutputError, match=r"ends in \.svg"):
        save_svg("", tmp_path / "a.png")
    with pytest.raises(OutputError, match="cannot write"):
        save_svg("", tmp_path / "none" / "a.svg")


def test_charts_of_a_page_take_their_colours_from_its_style_sheet() -> None:
    lines = line_chart(
        [(3, Series("a & b", "c1", [(0, 0), (1, 1)], "AP 0.5"))], x_title="recall", y_title="precision", title="t"
    )
    (group,) = (g for g in ElementTree.fromstring(lines).iter("g"))
    assert (group.get("class"), group.get("data-series")) == ("series c1", "3")
    assert [line.get("points") for line in group.iter("polyline")] == ["54,374 624,14"] * 2
    assert group.findtext("title") == "a & b AP 0.5"
    bins = reliability_chart([(0.0, 0.1, None, 0), (0.1, 0.2, 0.5, 4)], title="t")
    assert "4 detections are right" in bins
    dots = list(ElementTree.fromstring(scatter_chart([(0, 5), (9, 7)], ["c0", "other"], [1], title="t")).iter("circle"))
    assert [dot.get("class") for dot in dots] == ["dot c0", "dot other odd"]
    assert color_of(CLASS_COLORS) == "other"


@pytest.mark.parametrize("points", [[], [(3.0, 3.0)], [(-2.0, 1e6), (5.5, -4e6)], [(1e-9, 0.0), (2e-9, 0.0)]])
def test_charts_in_units_hold_all_points_between_round_numbers(points: list[tuple[float, float]]) -> None:
    plotted = [Plotted("a < b", "c1", points), Plotted("line", "c2", points, joined=True)]
    for diagonal in (False, True):
        drawn = unit_chart(plotted, x_title="m", y_title="s", title="t", diagonal=diagonal)
        root = ElementTree.fromstring(drawn)
        places = [(float(one.get("cx") or -1), float(one.get("cy") or -1)) for one in root.iter("circle")]
        assert len(places) == len(points)
        assert all(54 <= x <= 624 and 14 <= y <= 374 for x, y in places)
        assert len([one for one in root.iter("line") if one.get("class") == "ideal"]) == diagonal
        ticks = [one.text for one in root.iter("text") if one.get("class") == "tick"]
        across = [one for one in root.iter("text") if one.get("text-anchor") == "middle" and one.get("class") == "tick"]
        assert len({one.text for one in across}) == len(across), "no two ticks of an axis are written alike"
        assert len(ticks) == len([one for one in root.iter("line") if one.get("class") == "grid"]) >= 4
