from datetime import datetime, timezone

import pytest

from streamvision.gps.nmea import NmeaStream, degrees, fixes_in, parse_sentence, sentences_in

RMC = "$GPRMC,123519.50,A,4807.038,N,01131.000,E,022.4,084.4,230324,003.1,W"
GGA = "$GPGGA,123519.50,4807.038,N,01131.000,E,1,08,0.9,545.4,M,46.9,M,,"


def signed(line: str) -> str:
    total = 0
    for byte in line[1:].encode():
        total ^= byte
    return f"{line}*{total:02X}\r\n"


def unix_s(*parts: int, fraction_s: float = 0.0) -> float:
    return datetime(*parts, tzinfo=timezone.utc).timestamp() + fraction_s


def test_sentences_of_one_moment_are_one_fix() -> None:
    for text in (signed(RMC) + signed(GGA), signed(GGA) + signed(RMC)):
        (fix,) = fixes_in(text)
        assert (fix.latitude_deg, fix.longitude_deg) == pytest.approx((48 + 7.038 / 60, 11 + 31 / 60), abs=1e-12)
        assert fix.unix_s == unix_s(2024, 3, 23, 12, 35, 19, fraction_s=0.5)
        assert fix.speed_m_s == pytest.approx(22.4 * 1852 / 3600)
        assert (fix.course_deg, fix.altitude_m) == (84.4, 545.4)
        assert fix.error_m == pytest.approx(2.7)


def test_error_is_what_gst_says() -> None:
    (fix,) = fixes_in(signed(RMC) + signed(GGA) + signed("$GPGST,123519.50,1.8,,,,3.0,4.0,5.0"))
    assert fix.error_m == pytest.approx((25 / 2) ** 0.5)


@pytest.mark.parametrize(("letters", "signs"), [("NE", (1, 1)), ("NW", (1, -1)), ("SE", (-1, 1)), ("SW", (-1, -1))])
def test_hemispheres(letters: str, signs: tuple[int, int]) -> None:
    line = RMC.replace(",N,", f",{letters[0]},").replace(",E,", f",{letters[1]},")
    (fix,) = fixes_in(signed(line))
    assert (fix.latitude_deg * signs[0], fix.longitude_deg * signs[1]) == pytest.approx((48.1173, 11.51666667))


@pytest.mark.parametrize(
    "line",
    [
        RMC.replace(",A,", ",V,"),
        RMC.replace(",N,", ",,"),
        RMC.replace(",N,", ",X,"),
        RMC.replace("4807.038", ""),
        RMC.replace("4807.038", "4867.038"),
        RMC.replace("4807.038", "9900.000"),
        RMC.replace("01131.000", "18131.000"),
        RMC.replace("123519.50", "243519.50"),
        RMC.replace("4807.038", "٤٨٠٧.٠٣٨"),
        GGA.replace(",E,1,", ",E,0,"),
        "$GPRMC,,V,,,,,,,,,,N",
    ],
)
def test_no_fix(line: str) -> None:
    assert fixes_in(signed(line)) == []


def test_void_rmc_beside_a_gga_with_the_last_place_is_no_fix() -> None:
    assert fixes_in(signed(RMC.replace(",A,", ",V,")) + signed(GGA)) == []


def test_a_wrong_check_sum_rejects_its_sentence() -> None:
    wrong = signed(RMC).replace("4807", "4707")
    assert parse_sentence(wrong) is None
    assert [sentence.latitude_deg for sentence in sentences_in(wrong + signed(RMC))] == [pytest.approx(48.1173)]


def test_firmware_that_never_reckons_check_sums_is_read() -> None:
    assert len(fixes_in(f"{RMC}*00\n" + f"{RMC.replace('19.50', '20.50')}*00\n")) == 2


def test_sentences_without_check_sum_and_in_the_midst_of_a_line() -> None:
    assert [
        fix.course_deg for fix in fixes_in(f"[1700000000000]{RMC}\n\x00\x00junk{RMC.replace('19.50', '20.50')}\n")
    ] == [84.4, 84.4]


def test_day_of_gga_alone_goes_on_over_midnight() -> None:
    before = RMC.replace("123519.50", "235959.00").replace("230324", "311224")
    text = signed(before) + signed(GGA.replace("123519.50", "000000.00"))
    assert [fix.unix_s for fix in fixes_in(text)] == [unix_s(2024, 12, 31, 23, 59, 59), unix_s(2025, 1, 1)]
    assert [fix.unix_s for fix in fixes_in(signed(GGA))] == [None]


def test_leap_day_and_years_of_two_digits() -> None:
    assert fixes_in(signed(RMC.replace("230324", "290224")))[0].unix_s == unix_s(
        2024, 2, 29, 12, 35, 19, fraction_s=0.5
    )
    assert fixes_in(signed(RMC.replace("230324", "290223")))[0].unix_s is None
    assert fixes_in(signed(RMC.replace("230324", "060180")))[0].unix_s == unix_s(1980, 1, 6, 12, 35, 19, fraction_s=0.5)


def test_several_talkers_say_one_fix_and_several_fixes_of_one_second_stay() -> None:
    galileo = RMC.replace("$GP", "$GA")
    assert len(fixes_in(signed(RMC) + signed(galileo))) == 1
    assert len(fixes_in(signed(RMC) + signed(RMC.replace("4807.038", "4807.040")))) == 2


def test_stream_of_pieces() -> None:
    data = "".join(signed(RMC.replace("19.50", f"{second}.00")) for second in range(20, 26)).encode()
    for size in (1, 7, 100, 10_000):
        stream = NmeaStream()
        fixes = [fix for at in range(0, len(data), size) for fix in stream.feed(data[at : at + size])]
        last = stream.flush()
        assert [fix.unix_s for fix in fixes] == [unix_s(2024, 3, 23, 12, 35, second) for second in range(20, 25)]
        assert last is not None
        assert last.unix_s == unix_s(2024, 3, 23, 12, 35, 25)


def test_stream_keeps_no_more_than_a_sentence() -> None:
    stream = NmeaStream()
    for _ in range(100):
        assert stream.feed(b"$GPRMC," * 10_000) == []
    assert len(stream._rest) <= 1024
    assert stream.feed(b"\n" + signed(RMC).encode()) == []
    assert stream.flush() is not None


def test_degrees_of_degrees_and_minutes() -> None:
    assert degrees(4807.5) == pytest.approx(48.125)
    assert degrees(-4807.5) == pytest.approx(-48.125)
