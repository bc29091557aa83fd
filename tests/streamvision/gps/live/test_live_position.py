"""Positions while we look: sentences by UDP, and a real gpsd."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streamvision.core.position import Fix, Position
from streamvision.core.position_address import parse_position_address
from streamvision.gps.live import gpsd as gpsd_module
from streamvision.gps.live import nmea_udp, receiver
from streamvision.gps.live.gpsd import fix_of
from streamvision.gps.live.receiver import DELAY_S, LivePosition, ReceiverClock
from support.capturing import wait_until
from support.free_ports import free_port
from support.satellites import BEGIN_DEG, SPEED_M_S, Receiver, from_begin_m, gpsd, moment, needs_gpsd, send, udp_port

NOW_S = 1_790_488_023.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Try again soon, so that a test does not take the time of a real outage."""
    monkeypatch.setattr(receiver, "FIRST_RETRY_S", 0.2)
    monkeypatch.setattr(gpsd_module, "LOOK_S", 0.1)
    monkeypatch.setattr(nmea_udp, "LOOK_S", 0.1)


@contextmanager
def receiving(address: str, fixes: list[tuple[Fix, float]] | None = None) -> Iterator[LivePosition]:
    kept = [] if fixes is None else fixes
    live = LivePosition(address, on_fix=lambda fix, held_s: kept.append((fix, held_s)))
    live.start()
    try:
        yield live
    finally:
        live.close()


def on_the_way(position: Position | None) -> bool:
    """Say whether a position lies on the drive to the east, with its speed and course."""
    if position is None:
        return False
    east_m, north_m = from_begin_m(position.latitude_deg, position.longitude_deg)
    assert abs(north_m) < 1
    assert position.speed_m_s == pytest.approx(SPEED_M_S, abs=0.3)
    assert position.course_deg == pytest.approx(90, abs=2)
    return east_m > 5


class TestAddress:
    @pytest.mark.parametrize(
        ("text", "meant"),
        [
            ("gpsd://car", "gpsd://car:2947"),
            ("GPSD://127.0.0.1:3000/", "gpsd://127.0.0.1:3000"),
            ("gpsd://[::1]", "gpsd://[::1]:2947"),
            ("nmea-udp://:10110", "nmea-udp://127.0.0.1:10110"),
            ("nmea-udp://0.0.0.0:5000", "nmea-udp://0.0.0.0:5000"),
            ("nmea-udp://", "nmea-udp://127.0.0.1:10110"),
        ],
    )
    def test_what_is_meant(self, text: str, meant: str) -> None:
        assert str(parse_position_address(text)) == meant

    @pytest.mark.parametrize(
        "text",
        [
            "",
            "gpsd",
            "gpsd:car",
            "tcp://car:1",
            "gpsd://car:99999",
            "gpsd://car/x",
            "gpsd://car..local",
            "nmea-udp://" + "x" * 70,
            "gpsd://a:b@car",
            "://",
        ],
    )
    def test_what_is_none(self, text: str) -> None:
        with pytest.raises(ValueError, match="give gpsd://"):
            parse_position_address(text)


class TestSentences:
    def test_a_drive(self) -> None:
        port = udp_port()
        with receiving(f"nmea-udp://:{port}") as live, Receiver(port):
            wait_until(lambda: on_the_way(live.at(time.monotonic())))
            position = live.at(time.monotonic())
            assert position is not None
            assert (position.source, position.altitude_m) == ("nmea", 118.5)
        assert live.at(time.monotonic() + 10) is None

    @pytest.mark.parametrize("end", ["\r\n", "\n", ""])
    def test_a_sentence_a_datagram(self, end: str) -> None:
        fixes: list[tuple[Fix, float]] = []
        with receiving(f"nmea-udp://:{(port := udp_port())}", fixes):
            for second in range(3):
                send_until(port, [f"{line}{end}".encode() for line in moment(second, NOW_S + second).split()], fixes)
        assert [fix.altitude_m for fix, _ in fixes] == [118.5] * 3
        assert [fix.unix_s for fix, _ in fixes] == [NOW_S, NOW_S + 1, NOW_S + 2]

    def test_half_sentences(self) -> None:
        fixes: list[tuple[Fix, float]] = []
        with receiving(f"nmea-udp://:{(port := udp_port())}", fixes):
            text = moment(0, NOW_S).encode()
            send_until(port, [text[:40], text[40:90], text[90:]], fixes)
        assert fixes[0][0].latitude_deg == pytest.approx(BEGIN_DEG[0])

    def test_of_two_senders_one_is_taken(self) -> None:
        fixes: list[tuple[Fix, float]] = []
        with receiving(f"nmea-udp://:{(port := udp_port())}", fixes):
            for second in range(4):
                send(port, [moment(second, NOW_S + second).encode()])
                send(port, [moment(second + 500, NOW_S + second).encode()], host="127.0.0.2")
                time.sleep(0.3)
            wait_until(lambda: len(fixes) >= 2)
        east_m = [from_begin_m(fix.latitude_deg, fix.longitude_deg)[0] for fix, _ in fixes]
        assert all(abs(east) < 1000 for east in east_m) or all(abs(east) > 1000 for east in east_m)

    def test_no_fix_and_noise_are_nothing(self) -> None:
        fixes: list[tuple[Fix, float]] = []
        with receiving(f"nmea-udp://:{(port := udp_port())}", fixes) as live:
            noise = [moment(0, NOW_S, status=b"V").encode(), b"\xff" * 60_000, b"", b"$GPRMC,*", b"$" * 3000]
            good = moment(5, NOW_S + 5).encode()
            send_until(port, [*noise, good], fixes)
            assert live.at(time.monotonic()) is not None
        assert fixes[0][0].unix_s == NOW_S + 5

    def test_a_port_that_is_taken_is_tried_again(self, caplog: pytest.LogCaptureFixture) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.1", 0))
            port = other.getsockname()[1]
            fixes: list[tuple[Fix, float]] = []
            live = LivePosition(f"nmea-udp://:{port}", on_fix=lambda fix, held_s: fixes.append((fix, held_s)))
            live.start()
            wait_until(lambda: "tried again" in caplog.text)
        send_until(port, [moment(0, NOW_S).encode()], fixes)
        live.close()


def send_until(port: int, datagrams: list[bytes], fixes: list[tuple[Fix, float]]) -> None:
    """Send, again and again with pauses, until one fix more is there."""
    count = len(fixes)
    for _ in range(60):
        send(port, datagrams)
        deadline_s = time.monotonic() + 0.25
        while time.monotonic() < deadline_s:
            if len(fixes) > count:
                return
            time.sleep(0.01)
    raise AssertionError("no fix came")


@needs_gpsd
class TestGpsd:
    def test_a_drive_that_begins_later_and_a_gpsd_that_comes_back(self, caplog: pytest.LogCaptureFixture) -> None:
        port, nmea_port = free_port(), udp_port()
        with receiving(f"gpsd://127.0.0.1:{port}") as live, Receiver(nmea_port):
            wait_until(lambda: "tried again" in caplog.text)
            with gpsd(port=port, nmea_port=nmea_port):
                wait_until(lambda: on_the_way(live.at(time.monotonic())), timeout_s=40)
                position = live.at(time.monotonic())
                assert position is not None
                assert position.source == "gpsd"
                assert position.error_m is not None
            wait_until(lambda: live.at(time.monotonic()) is None, timeout_s=20)
            with gpsd(port=port, nmea_port=nmea_port):
                wait_until(lambda: on_the_way(live.at(time.monotonic())), timeout_s=40)


class TestOddServers:
    @pytest.mark.parametrize(
        "said",
        [
            b"\0" * 200_000,
            b"not json\n{}\n[1,2]\n" + b"[" * 50_000 + b"\n",
            b'{"class":"TPV","mode":3,"lat":1e999,"lon":"x"}\n{"class":"TPV","mode":1,"lat":1,"lon":2}\n',
        ],
    )
    def test_what_is_no_gpsd_does_no_harm(self, said: bytes) -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            heard = threading.Event()
            fixes: list[tuple[Fix, float]] = []

            def answer() -> None:
                for _ in range(2):
                    connection, _ = server.accept()
                    with connection:
                        connection.recv(100)
                        connection.sendall(said)
                        if heard.is_set():
                            connection.sendall(b'{"class":"TPV","mode":3,"lat":54.45,"lon":18.5}\n')
                            threading.Event().wait(1)
                    heard.set()

            thread = threading.Thread(target=answer, daemon=True)
            thread.start()
            with receiving(f"gpsd://127.0.0.1:{server.getsockname()[1]}", fixes):
                wait_until(heard.is_set)
                if said[:1] != b"\0":
                    wait_until(lambda: bool(fixes))
            assert [(fix.latitude_deg, fix.unix_s) for fix, _ in fixes] == (
                [] if said[:1] == b"\0" else [(54.45, None)]
            )

    def test_a_report(self) -> None:
        report = json.loads(
            '{"class":"TPV","device":"udp://1","mode":3,"time":"2026-09-27T05:47:03.250Z","lat":54.45,"lon":18.5,'
            '"altMSL":118.5,"track":90.25,"speed":10.288,"epx":9.8,"epy":9.8}'
        )
        assert fix_of(report) == Fix(
            54.45,
            18.5,
            unix_s=NOW_S + 0.25,
            altitude_m=118.5,
            speed_m_s=10.288,
            course_deg=90.25,
            error_m=pytest.approx(5.0),
        )

    @pytest.mark.parametrize("time_told", ["2026-02-30T05:47:03Z", "now", 5, None])
    def test_a_time_that_is_none(self, time_told: object) -> None:
        fix = fix_of({"mode": 2, "lat": 1, "lon": 2, "time": time_told})
        assert fix is not None
        assert fix.unix_s is None


class TestClock:
    def test_late_sentences_do_not_move_the_moment(self) -> None:
        clock = ReceiverClock()
        late_s = [0.2, 0.9, 0.4, 0.2]
        moments_s = [clock.moment_s(Fix(1, 2, unix_s=float(n)), arrived_s=100 + n + s) for n, s in enumerate(late_s)]
        assert moments_s == pytest.approx([100.2 - DELAY_S + n for n in range(4)])

    def test_a_clock_that_is_set_begins_anew(self) -> None:
        clock = ReceiverClock()
        clock.moment_s(Fix(1, 2, unix_s=10.0), arrived_s=100.0)
        assert clock.moment_s(Fix(1, 2, unix_s=90_000.0), arrived_s=101.0) == pytest.approx(101.0 - DELAY_S)
