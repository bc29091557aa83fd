"""The report of a model with several answers: a class and numbers."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from streamvision.core.page_charts import Plotted
from streamvision.core.words import counted
from streamvision.evaluation.answers import AnswersEvaluation, ClassAnswer, NumberAnswer
from streamvision.evaluation.predictions import read_bgr
from streamvision.evaluation.report.measured import Figure, Section, Shown, Table, banded, drawn, write_measured
from streamvision.evaluation.report.parts import MAX_PICTURES, confusion_of
from streamvision.evaluation.report.words import most_mixed, times

MAX_ANSWERS = 12
"""Numbers that have a section of their own, those with the least skill."""


def build_answers_report(result: AnswersEvaluation, path: Path, *, title: str) -> None:
    """Write the report.

    Args:
        result: the evaluation.
        path: the HTML file.
        title: what was measured, in a few words.

    Raises:
        OutputError: when the file cannot be written.
        SourceError: when a picture cannot be read any more.
    """
    numbers = sorted(result.numbers, key=_skill)[:MAX_ANSWERS]
    pictures = max(MAX_PICTURES // (len(numbers) + (result.of_class is not None)), 2)
    of_class = result.of_class
    write_measured(
        path,
        title=title,
        about=result.model,
        figures=[
            Figure(_figure(result.skill), "skill", main=True),
            *([Figure(f"{of_class.accuracy:.1%}", f"{of_class.name} right", main=True)] if of_class else []),
            *(Figure(_figure(one.mae), f"mean error of {one.title}") for one in result.numbers[:3]),
            Figure(str(result.images), "pictures"),
        ],
        sentences=_in_short(result),
        sections=[
            _all_answers(result),
            None if of_class is None else _class_section(of_class, pictures),
            *(_number_section(one, at, pictures) for at, one in enumerate(numbers)),
        ],
        method=[
            "The naive answer is the same for all pictures: the commonest class, the mean of the right numbers. Skill "
            "is the share of its error that is gone: 1 is without error, 0 no better than naive.",
            "Pictures whose answer is not known count neither way.",
        ],
        result=result,
    )


def _skill(one: NumberAnswer) -> float:
    return 1.0 if one.skill is None else one.skill


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _in_short(result: AnswersEvaluation) -> list[str]:
    sentences = []
    if (one := result.of_class) is not None:
        sentences.append(
            f"{one.name} is right on {one.accuracy:.1%} of {counted(one.pictures, 'pictures')}; always saying the "
            f"commonest class is right on {one.naive_accuracy:.1%}."
        )
        if found := most_mixed(one.confusion, len(one.names)):
            count, marked, said = found
            sentences.append(
                f"Most often mixed up: {one.names[marked]} was taken for {one.names[said]} {times(count)}."
            )
    for number in result.numbers[:MAX_ANSWERS]:
        bias = float((number.said - number.truth).mean())
        sentences.append(
            f"{number.title} is off by {number.mae:.3g} on average, and the mean of all by {number.naive_mae:.3g}; it "
            f"is said {'too high' if bias > 0 else 'too low'} by {abs(bias):.2g} on average."
        )
    return sentences


def _all_answers(result: AnswersEvaluation) -> Section:
    rows: list[tuple[str | float | None, ...]] = []
    if (one := result.of_class) is not None:
        rows.append((one.name, one.accuracy, one.f1, None, None, None, one.naive_accuracy, one.skill))
    rows += [
        (number.title, None, None, number.mae, number.rmse, number.r2, number.naive_mae, number.skill)
        for number in result.numbers
    ]
    head = ("answer", "accuracy", "F1", "mean absolute error", "root of squares", "R2", "naive", "skill")
    words = "Each answer beside the naive one, whose accuracy or mean absolute error it is. Click a heading to sort."
    return Section("answers", "Answers", words, tables=[Table(head, rows)])


def _class_section(one: ClassAnswer, pictures: int) -> Section:
    names = (*one.names, "another class")
    wrong = np.flatnonzero(one.truth != one.said)
    worst = wrong[np.argsort(-one.said_score[wrong], kind="stable")][:pictures]
    return Section(
        "class",
        f"What {one.name} is taken for",
        "Rows are what the pictures are, columns the class that the model finds likeliest. Below, those that are "
        "wrong, the most certain first.",
        short=one.name,
        confusion=confusion_of(one.confusion, one.names, "another class", keep_other=False),
        none_mixed="No picture was taken for another class of the data set.",
        pictures=[
            Shown.of(
                read_bgr(one.paths[at]),
                file=one.paths[at].name,
                words=f"{names[one.truth[at]]} taken for {names[one.said[at]]}: {one.said_score[at]:.2f}",
            )
            for at in worst
        ],
        none_wrong="Every class is right.",
    )


def _number_section(one: NumberAnswer, at: int, pictures: int) -> Section:
    error = one.said - one.truth
    worst = np.argsort(-np.abs(error), kind="stable")[:pictures]
    return Section(
        f"number-{at}",
        f"Errors of {one.title}",
        "What was said over what is right: points on the dashed line are without error. Beside it, the mean error from "
        "small to large numbers, in bands of as many pictures each. Below, the pictures with the largest errors.",
        short=one.card.name,
        charts=[
            drawn(
                [Plotted("pictures", "c1", _pairs(one.truth, one.said))],
                x_title=f"right: {one.title}",
                y_title="said",
                title=f"{one.title}: said over right",
                diagonal=True,
            ),
            drawn(
                [
                    Plotted("always the mean", "other", _bands(one.truth, one.truth.mean() - one.truth), joined=True),
                    Plotted("model", "c0", _bands(one.truth, error), joined=True),
                ],
                x_title=f"right: {one.title}",
                y_title="mean absolute error",
                title=f"{one.title}: error by what is right",
            ),
        ],
        pictures=[
            Shown.of(
                read_bgr(one.paths[row]),
                file=one.paths[row].name,
                words=f"{one.truth[row]:.4g} said to be {one.said[row]:.4g} ({error[row]:+.3g})",
            )
            for row in worst.tolist()
            if error[row]
        ],
        none_wrong="Every number is right.",
    )


def _pairs(x: NDArray[np.float64], y: NDArray[np.float64]) -> Sequence[tuple[float, float]]:
    return [*zip(x.tolist(), y.tolist(), strict=True)]


def _bands(x: NDArray[np.float64], error: NDArray[np.float64]) -> Sequence[tuple[float, float]]:
    return [((low + high) / 2, mean) for low, high, mean, _ in banded(x, np.abs(error))]
