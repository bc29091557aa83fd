"""Scores MOTChallenge results with TrackEval, the reference."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.evaluation.tracks.mot_files import read_sequences, write_results


def evaluate(
    results: Mapping[str, NDArray[np.float64]], *, root: Path, work: Path, benchmark: str
) -> dict[str, dict[str, float]]:
    """Return HOTA, DetA, AssA, IDF1, MOTA (percent) and IDSW for each sequence and for all of them combined."""
    from trackeval import datasets, metrics

    output = work / "tracker" / "data"
    output.mkdir(parents=True, exist_ok=True)
    for name, rows in results.items():
        write_results(rows, output / f"{name}.txt")
    lengths = {sequence.name: sequence.frames for sequence in read_sequences(root) if sequence.name in results}
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
