"""Classes are matched by name, and what does not match is said."""

import numpy as np
import pytest

from streamvision.core.errors import ConfigError
from streamvision.datasets.dataset import Dataset
from streamvision.evaluation.class_names import match_classes, translate
from support.labelled import truth

BOX = (1.0, 1.0, 9.0, 9.0)


def dataset(*class_ids, names):
    return Dataset(names, (truth(*((class_id, BOX) for class_id in class_ids)),))


def test_another_order():
    match = match_classes(dataset(0, 1, names=("stop", "car")), ("car", "stop"))
    keep, ids = translate(np.array([0, 1, 1], np.int32), match)
    assert (keep.all(), ids.tolist(), match.notes) == (True, [1, 0, 0], ())


def test_spelling_is_bridged_and_said():
    match = match_classes(dataset(0, names=("trafficlight",)), ("Traffic light",))
    assert match.data_id.tolist() == [0]
    assert "'Traffic light' was taken for" in match.notes[0]


def test_classes_that_the_data_does_not_mark_are_dropped_and_said():
    match = match_classes(dataset(0, names=("car",)), ("car", "dog"))
    keep, ids = translate(np.array([1, 0], np.int32), match)
    assert (keep.tolist(), ids.tolist()) == ([False, True], [0])
    assert "'dog'" in match.notes[0]


def test_a_class_that_the_model_lacks_is_an_error_that_says_what_to_do():
    with pytest.raises(ConfigError, match=r"'bus' is not among the model's classes \('car'\).*--class"):
        match_classes(dataset(0, 1, names=("car", "bus")), ("car",))


def test_only_some_classes():
    match = match_classes(dataset(0, 1, names=("car", "bus")), ("car",), only=("car",))
    assert match.measured == (0,)
    assert "Not measured: 'bus'." in match.notes


def test_an_unknown_class_is_an_error():
    with pytest.raises(ConfigError, match="--class 'tram': not a class of the data set, which has 'car'"):
        match_classes(dataset(0, names=("car",)), ("car",), only=("tram",))


def test_numbers_take_the_model_s_names():
    match = match_classes(dataset(1, names=("0", "1")), ("car", "bus", "tram"))
    assert match.names == ("car", "bus", "tram")
    assert match.data_id.tolist() == [0, 1, 2]
    assert "no class names" in match.notes[0]


def test_numbers_beyond_the_model_s_classes_are_an_error():
    with pytest.raises(ConfigError, match="marks class 5, but the model has only 2 classes"):
        match_classes(dataset(5, names=tuple("012345")), ("car", "bus"))


def test_classes_that_are_really_called_by_numbers_are_matched_by_name():
    match = match_classes(dataset(0, 1, names=("0", "1")), ("1", "0"))
    assert match.data_id.tolist() == [1, 0]
