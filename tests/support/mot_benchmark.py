"""Runs a tracker over MOTChallenge sequences and scores it with TrackEval."""

from __future__ import annotations

import configparser
import contextlib
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipelines.tracking.base import Tracker
from streamvision.detections import Detections


@dataclass(frozen=True, eq=False)
class Sequence:
    """The public detections of one MOTChallenge sequence."""

    folder: Path
    name: str
    frames: int
    fps: float
    detections: tuple[Detections, ...]


def load_sequence(folder: Path) -> Sequence:
    info = configparser.ConfigParser()
    info.read(folder / "seqinfo.ini")
    section = info["Sequence"]
    frames = int(section["seqLength"])
    table = np.loadtxt(folder / "det" / "det.txt", delimiter=",", usecols=range(7), ndmin=2)
    xyxy = np.hstack([table[:, 2:4], table[:, 2:4] + table[:, 4:6]]).astype(np.float32)
    everything = Detections(xyxy, table[:, 6].astype(np.float32), np.zeros(len(table), np.int32))
    by_frame = tuple(everything[table[:, 0] == number] for number in range(1, frames + 1))
    return Sequence(folder, section["name"], frames, float(section["frameRate"]), by_frame)


def load_sequences(root: Path) -> list[Sequence]:
    return [load_sequence(info.parent) for info in sorted(root.glob("*/seqinfo.ini"))]


def track(sequence: Sequence, tracker: Tracker) -> NDArray[np.float64]:
    """Return the (N, 10) rows of a MOTChallenge result: identified objects only."""
    rows = []
    for index, detections in enumerate(sequence.detections):
        result = tracker.update(detections, pts_s=index / sequence.fps)
        assert result.track_id is not None
        known = result[~np.ma.getmaskarray(result.track_id)]
        box = known.box_xyxy_px.astype(np.float64)
        row = np.full((len(known), 10), -1.0)
        row[:, 0] = index + 1
        row[:, 1] = np.ma.getdata(known.track_id)
        row[:, 2:4] = box[:, :2]
        row[:, 4:6] = box[:, 2:] - box[:, :2]
        row[:, 6] = known.score
        rows.append(row)
    return np.concatenate(rows)


def evaluate(results: Mapping[str, NDArray[np.float64]], *, root: Path, work: Path) -> dict[str, dict[str, float]]:
    """Return HOTA, DetA, AssA, IDF1, MOTA (percent) and IDSW for each sequence and for all of them combined."""
    from trackeval import datasets, metrics

    benchmark = "MOT15" if root.name == "mot15" else "MOT17"
    output = work / "tracker" / "data"
    output.mkdir(parents=True, exist_ok=True)
    for name, rows in results.items():
        np.savetxt(output / f"{name}.txt", rows, delimiter=",", fmt=["%d", "%d"] + ["%.3f"] * 8)
    lengths = {name: load_sequence(root / name).frames for name in results}
    with _silence():
        dataset = datasets.MotChallenge2DBox(
            {
                "GT_FOLDER": str(root),
                "TRACKERS_FOLDER": str(work),
                "TRACKERS_TO_EVAL": ["tracker"],
                "BENCHMARK": benchmark,
                "SKIP_SPLIT_FOL": True,
                "SEQ_INFO": lengths,
                "PRINT_CONFIG": False,
            }
        )
        judges = [
            metrics.HOTA(),
            metrics.CLEAR({"PRINT_CONFIG": False}),
            metrics.Identity({"PRINT_CONFIG": False}),
        ]
        scores: list[dict[str, dict[str, object]]] = [{} for _ in judges]
        for name in results:
            data = dataset.get_preprocessed_seq_data(dataset.get_raw_seq_data("tracker", name), "pedestrian")
            for judge, score in zip(judges, scores, strict=True):
                score[name] = judge.eval_sequence(data)
        for judge, score in zip(judges, scores, strict=True):
            score["combined"] = judge.combine_sequences(dict(score))
    return {name: _summary(*(score[name] for score in scores)) for name in scores[0]}


def run(root: Path, work: Path, create: Callable[[], Tracker]) -> dict[str, dict[str, float]]:
    """Track and score every sequence below ``root``, each with a tracker of its own."""
    return evaluate({s.name: track(s, create()) for s in load_sequences(root)}, root=root, work=work)


def _summary(
    hota: Mapping[str, object], clear: Mapping[str, object], identity: Mapping[str, object]
) -> dict[str, float]:
    percent = {name: 100 * float(np.mean(np.asarray(hota[name]))) for name in ("HOTA", "DetA", "AssA")}
    percent["IDF1"] = 100 * float(np.asarray(identity["IDF1"]))
    percent["MOTA"] = 100 * float(np.asarray(clear["MOTA"]))
    return percent | {"IDSW": float(np.asarray(clear["IDSW"]))}


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield
