"""The report of drivers: how each drive went, from moment to moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from streamvision.core.page_charts import Plotted, color_of
from streamvision.core.words import counted
from streamvision.evaluation.driving import DriveFigures, DrivingEvaluation
from streamvision.evaluation.report.measured import Drawn, Figure, Section, Shown, Table, drawn, write_measured
from streamvision.evaluation.report.parts import MAX_PICTURES
from streamvision.synthetic.driving.world import IN_LANE_M

KM_H = 3.6
MAX_ROADS = 6
"""Roads of which charts are drawn, those on which the networks came least far."""


REFERENCES = ("none", "rules", "rules, signs")
"""Drivers that networks are measured beside."""


def build_drive_report(drivers: Sequence[DrivingEvaluation], path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        drivers: how each drove, on the same roads, the one that does nothing and the one that knows the truth first.
        path: the HTML file.
        title: what was measured, in a few words.

    Raises:
        OutputError: when the file cannot be written.
    """
    networks = [one for one in drivers if one.driver not in REFERENCES] or drivers
    best = max(networks, key=lambda one: one.mean_and_spread("in_lane_s")[0])
    kept = best.rules_kept_share
    write_measured(
        path,
        title=title,
        about=", ".join(one.driver for one in drivers),
        figures=[
            Figure(f"{best.mean_and_spread('in_lane_s')[0]:.1f} s", f"in lane, of {best.seconds:g} s", main=True),
            Figure(f"{best.mean_and_spread('mean_offset_m')[0]:.2f} m", "beside the middle of the lane", main=True),
            Figure(f"{best.mean_and_spread('within_limit_share')[0]:.1%}", "of the time within the limit"),
            Figure("-" if kept is None else f"{kept:.0%}", "of the rules kept"),
            Figure(str(len(best.drives)), "roads"),
        ],
        sentences=[_in_short(one) for one in drivers],
        sections=[_table(drivers), *_roads(drivers, networks), _ends(drivers)],
        method=[
            "Each driver drives once on each road, in the drawn drive. A drive ends early when the car leaves its lane "
            "or hits the car ahead.",
            f"The large figures are those of {best.driver}, which stayed in its lane longest.",
        ],
    )


def _in_short(one: DrivingEvaluation) -> str:
    ended = [drive.ended for drive in one.drives if drive.ended]
    mean, spread = one.mean_and_spread("driven_s")
    differs = f" ± {spread:.1f}" if len(one.drives) > 1 else ""
    why = ", ".join(f"{counted(ended.count(each), 'times')} {each}" for each in sorted(set(ended)))
    early = f"{len(ended)} of {counted(len(one.drives), 'drives')} ended early{f' ({why})' if why else ''}"
    return f"{one.driver} drove {mean:.1f}{differs} s; {early}."


def _table(drivers: Sequence[DrivingEvaluation]) -> Section:
    rows = [
        (
            *(one.driver, str(drive.seed), drive.driven_s, drive.in_lane_s, drive.driven_m, drive.mean_offset_m),
            *(drive.within_limit_share, f"{drive.rules_kept} of {drive.rules_met}", drive.ended or "-"),
        )
        for one in drivers
        for drive in one.drives
    ]
    head = (
        "driver",
        "road",
        "s driven",
        "s in lane",
        "m driven",
        "m beside",
        "within the limit",
        "rules kept",
        "ended",
    )
    return Section(
        "drives",
        "Drives",
        "Each drive. m beside is the mean distance from the middle of the lane. Click a heading to sort.",
        tables=[Table(head, rows)],
    )


def _roads(drivers: Sequence[DrivingEvaluation], networks: Sequence[DrivingEvaluation]) -> list[Section]:
    roads = range(len(drivers[0].drives))
    ranked = sorted(roads, key=lambda at: sum(one.drives[at].driven_s for one in networks))
    return [
        Section(
            f"road-{seed}",
            f"Road {seed}",
            "The way from the middle of the lane, and the speed beside the limit, over the time. A line ends where the "
            "drive does.",
            short=f"Road {seed}",
            charts=[_offsets(drivers, at), _speeds(drivers, at)],
        )
        for at in sorted(ranked[:MAX_ROADS])
        for seed in [drivers[0].drives[at].seed]
    ]


def _offsets(drivers: Sequence[DrivingEvaluation], at: int) -> Drawn:
    longest_s = max(one.drives[at].driven_s for one in drivers)
    edges = [
        Plotted(label, "other", [(0.0, side), (longest_s, side)], joined=True)
        for side, label in ((-IN_LANE_M, "the car's left wheels on the line"), (IN_LANE_M, "the right ones"))
    ]
    lines = [
        Plotted(one.driver, color_of(number), _over_time(one.drives[at], "offset_m"), joined=True)
        for number, one in enumerate(drivers)
    ]
    return drawn([*edges, *lines], x_title="s", y_title="m right of the middle of the lane", title="Place in the lane")


def _speeds(drivers: Sequence[DrivingEvaluation], at: int) -> Drawn:
    longest = max((one.drives[at] for one in drivers), key=lambda drive: drive.driven_s)
    lines = [
        Plotted(one.driver, color_of(number), _over_time(one.drives[at], "speed_m_s", KM_H), joined=True)
        for number, one in enumerate(drivers)
    ]
    limit = Plotted("limit", "other", _over_time(longest, "limit_m_s", KM_H), joined=True)
    return drawn([limit, *lines], x_title="s", y_title="km/h", title="Speed")


def _over_time(drive: DriveFigures, value: str, factor: float = 1.0) -> list[tuple[float, float]]:
    values = (factor * getattr(drive.trace, value)).tolist()
    return [*zip(drive.trace.time_s.tolist(), values, strict=True)]


def _ends(drivers: Sequence[DrivingEvaluation]) -> Section:
    ended = [(one, drive) for one in drivers[::-1] for drive in one.drives if drive.trace.last_bgr is not None]
    return Section(
        "pictures",
        "Where drives ended early",
        "What was to be seen then; drives of networks first.",
        short="Pictures",
        pictures=[
            Shown.of(
                drive.trace.last_bgr,
                file=f"{one.driver}, road {drive.seed}",
                words=f"{drive.ended} after {drive.driven_s:.1f} s, {drive.driven_m:.0f} m",
            )
            for one, drive in ended[:MAX_PICTURES]
            if drive.trace.last_bgr is not None
        ],
        none_wrong="Every drive came to its end.",
    )
