"""What is looked at while somebody is connected is looked at again, whatever went wrong, until the pictures end."""

from __future__ import annotations

import threading

import pytest

from streamvision.core.errors import StateError
from streamvision.core.live import LiveView
from streamvision.web.connected_watch import ConnectedWatch
from streamvision.web.fanout import Fanout


class OneConnected(Fanout):
    """One that somebody is always connected to."""

    @property
    def connections(self) -> int:
        return 1


@pytest.fixture
def fanout() -> Fanout:
    return OneConnected(LiveView({}, statuses=list, stage_times=dict, model="none"))


@pytest.mark.parametrize(
    "error", [BrokenPipeError(32, "Broken pipe"), ConnectionResetError(), StateError("no database"), ValueError("bad")]
)
def test_one_bad_reading_is_told_and_not_the_last(
    fanout: Fanout, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    looks, again = [error], threading.Event()

    def look() -> None:
        if looks:
            raise looks.pop()
        again.set()

    watch = ConnectedWatch(look, fanout, every_s=0.001, name="test-watch", fault="it cannot be read")
    watch.start()
    try:
        assert again.wait(5.0)
    finally:
        watch.stop()
    assert "it cannot be read" in caplog.text


def test_it_ends_quietly_with_the_pictures(fanout: Fanout, caplog: pytest.LogCaptureFixture) -> None:
    looked = threading.Event()

    def look() -> None:
        looked.set()
        fanout.principals()  # whose loop has not begun, or is over

    watch = ConnectedWatch(look, fanout, every_s=0.001, name="test-watch", fault="it cannot be read")
    watch.start()
    try:
        assert looked.wait(5.0)
        ended = next((one for one in threading.enumerate() if one.name == "test-watch"), None)
        if ended is not None:
            ended.join(5.0)
            assert not ended.is_alive()
    finally:
        watch.stop()
    assert not caplog.text
