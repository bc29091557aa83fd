"""Names are added to a ``data.yaml`` as somebody has written it."""

from __future__ import annotations

import pytest
import yaml

from streamvision.datasets.yaml_names import with_names

BLOCK = """# mine
train: images  # all of them
val: images
names:
  0: stop  # octagon
  1: 'no'
# the end
"""


@pytest.mark.parametrize(
    "text",
    [
        BLOCK,
        "names:\n- stop # octagon\n- 'no'\nnc: 2 # two\ntrain: images\n",
        "names: [stop, 'no']\n# mine\ntrain: images",
        "train: images\nnames: {0: stop, 1: 'no'}\n# end",
        "train: images\nnames:\n    - stop\n    - 'no'",
        "names: &mine  # with an anchor\n  - stop\n  - 'no'\n# mine\n",
        "names: !!seq\r\n- stop # octagon\r\n- 'no'\r\nnc: 2\r\n",
        'nc: 2\nnames:\n  0: stop\n  1: "no"\n\n\nval: images\n',
        "base: &base\n  train: images  # both\n<<: *base\nnames:\n- &one stop  # octagon\n- 'no'\nnc: 2\nbest: *one\n",
    ],
)
def test_all_else_stays_as_it_was_written(text: str) -> None:
    added = ("stop", "no", "yield: new", "Straße #7")
    result = with_names(text, added)
    assert result is not None
    before, after = yaml.safe_load(text), yaml.safe_load(result)
    names = after["names"]
    assert tuple(names.values() if isinstance(names, dict) else names) == added
    assert after.get("nc") == (4 if "nc" in before else None)
    assert {key: value for key, value in after.items() if key not in ("names", "nc")} == {
        key: value for key, value in before.items() if key not in ("names", "nc")
    }
    comments = [line.partition("#")[2] for line in text.splitlines() if "#" in line]
    assert [line.rpartition("#")[2] for line in result.splitlines() if "#" in line and "Stra" not in line] == comments


@pytest.mark.parametrize(
    "text",
    [
        "",
        "names: {}",
        "names: stop",
        "[",
        "names: &a [stop, *a]",
        "names:\n  0: |\n    stop\n",
        "names: &own [stop]\nothers: *own\n",
        "base: &own {0: stop}\nnames: *own\n",
        "base: &own {names: [stop]}\n<<: *own\n",
        "base: &own {0: stop}\nnames: {<<: *own}\n",
        "base: &own {nc: 1}\n<<: *own\nnames: [stop]\n",
        "one: &one stop\nnames:\n- *one  # octagon\n",
        "one: &one stop\nnames: {0: *one}\n",
        "nc: &count 1\nnames: [stop]\nothers: *count\n",
    ],
)
def test_what_cannot_be_added_to_is_said(text: str) -> None:
    assert with_names(text, ("stop", "no")) is None
