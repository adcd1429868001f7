"""Quantities as users write them: what is read, what is refused, and the way back to text."""

from __future__ import annotations

import subprocess
import sys
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet import units
from fleet.errors import InputError
from fleet.units import Dimension, parse

D = Dimension

GOOD = [
    (D.TIME, "3.1 ms", 3_100_000),
    (D.TIME, "10 min", 600 * 10**9),
    (D.TIME, "2 h", 7200 * 10**9),
    (D.TIME, "1 d", 86400 * 10**9),
    (D.TIME, "5 s", 5 * 10**9),
    (D.TIME, "250 us", 250_000),
    (D.TIME, "250 \u00b5s", 250_000),
    (D.TIME, "250 \u03bcs", 250_000),
    (D.TIME, "40 ns", 40),
    (D.TIME, "1.5e3 ms", 1_500_000_000),
    (D.TIME, "1E-3 s", 1_000_000),
    (D.TIME, "0 s", 0),
    (D.TIME, "  5ms ", 5_000_000),
    (D.TIME, "+5 ms", 5_000_000),
    (D.TIME, ".5 us", 500),
    (D.TIME, "5. us", 5000),
    (D.TIME, "20\u202fns", 20),
    (D.TIME, "0.000000001 s", 1),
    (D.TIME, "4611686018427387904 ns", 2**62),
    (D.TIME, "4611686018.427387903 s", 2**62 - 1),
    (D.DATA, "8 MiB", 8 * 2**20 * 8),
    (D.DATA, "3 kB", 24_000),
    (D.DATA, "1102 B", 8816),
    (D.DATA, "64 kbit", 64_000),
    (D.DATA, "64 kb", 64_000),
    (D.DATA, "1 b", 1),
    (D.DATA, "1 Gibit", 2**30),
    (D.DATA, "0.125 B", 1),
    (D.RATE, "20 Mbit/s", 20_000_000),
    (D.RATE, "20 Mb/s", 20_000_000),
    (D.RATE, "20 Mbps", 20_000_000),
    (D.RATE, "1 Gbit/s", 10**9),
    (D.RATE, "2 MB/s", 16_000_000),
    (D.RATE, "2 MBps", 16_000_000),
    (D.RATE, "1 KiB/s", 8192),
    (D.POWER, "3.1 W", 3_100_000),
    (D.POWER, "280 mW", 280_000),
    (D.POWER, "40 uW", 40),
    (D.POWER, "40 \u00b5W", 40),
    (D.POWER, "1 kW", 10**9),
    (D.POWER, "1 MW", 10**12),
    (D.POWER, "5000 nW", 5),
    (D.ENERGY, "4.9 mJ", 4_900_000),
    (D.ENERGY, "80 nJ", 80),
    (D.ENERGY, "1 J", 10**9),
    (D.ENERGY, "1 kWh", 3_600_000 * 10**9),
    (D.ENERGY, "1 mWh", 3_600_000_000),
    (D.ENERGY, "1000 pJ", 1),
    (D.ENERGY_PER_BIT, "80 nJ/bit", Fraction(80)),
    (D.ENERGY_PER_BIT, "0.008 kWh/GB", Fraction(3600)),
    (D.ENERGY_PER_BIT, "1 pJ/b", Fraction(1, 1000)),
    (D.ENERGY_PER_BIT, "1 nJ/B", Fraction(1, 8)),
    (D.FRAME_RATE, "30 fps", Fraction(30)),
    (D.FRAME_RATE, "29.97 fps", Fraction(2997, 100)),
    (D.FRAME_RATE, "0.2 fps", Fraction(1, 5)),
    (D.FRAME_RATE, "1 frame/min", Fraction(1, 60)),
    (D.FRAME_RATE, "6 frame/h", Fraction(1, 600)),
    (D.FRAME_RATE, "2 frames/d", Fraction(1, 43200)),
    (D.FRACTION, "0.1 %", Fraction(1, 1000)),
    (D.FRACTION, "5 ppm", Fraction(5, 10**6)),
    (D.FRACTION, "0.25", Fraction(1, 4)),
    (D.FRACTION, 0.25, Fraction(1, 4)),
    (D.FRACTION, 0.1, Fraction(1, 10)),
    (D.FRACTION, 1e-7, Fraction(1, 10**7)),
    (D.FRACTION, 1, Fraction(1)),
    (D.COUNT, "8", 8),
    (D.COUNT, 8, 8),
    (D.COUNT, 0, 0),
    (D.COUNT, "1e3", 1000),
]


@pytest.mark.parametrize(("dimension", "text", "expected"), GOOD)
def test_good_text_gives_the_exact_canonical_number(dimension, text, expected):
    value = parse(text, dimension)
    assert value == expected
    assert type(value) is type(expected)


TIME_ADVICE = "write a number with a unit, such as '3.1 ms'"
RATE_ADVICE = "write a number with a unit, such as '20 Mbit/s'"

MESSAGES = [
    (D.RATE, "fast", f"'fast' is not a rate; {RATE_ADVICE}"),
    (D.RATE, "20", f"'20' has no unit; {RATE_ADVICE}"),
    (D.RATE, 20, f"20 has no unit; {RATE_ADVICE}"),
    (D.TIME, 2.5, f"2.5 has no unit; {TIME_ADVICE}"),
    (D.TIME, 0, f"0 has no unit; {TIME_ADVICE}"),
    (D.RATE, "20 mbit/s", "'20 mbit/s': unknown unit 'mbit/s' (did you mean 'Mbit/s'?)"),
    (D.RATE, "20 mbps", "'20 mbps': unknown unit 'mbps' (did you mean 'Mbps' or 'MBps'?)"),
    (D.RATE, "2 Mbit / s", "'2 Mbit / s': unknown unit 'Mbit / s' (did you mean 'Mbit/s'?)"),
    (D.POWER, "3 mw", "'3 mw': unknown unit 'mw' (did you mean 'mW' or 'MW'?)"),
    (D.TIME, "5 m", "'5 m': unknown unit 'm' (a time is written in ns, us, ms, s, min, h or d)"),
    (D.COUNT, "8 frames", "'8 frames': unknown unit 'frames' (a count is written without a unit)"),
    (D.RATE, "5 MB", f"'5 MB' is data, not a rate; {RATE_ADVICE}"),
    (D.TIME, "5 mW", f"'5 mW' is a power, not a time; {TIME_ADVICE}"),
    (D.TIME, "30 fps", f"'30 fps' is a frame rate, not a time; {TIME_ADVICE}"),
    (D.TIME, "5 %", f"'5 %' is a fraction, not a time; {TIME_ADVICE}"),
    (D.TIME, "0.5 ns", "'0.5 ns' is too fine; the finest step is 1 ns, so round it to that"),
    (D.DATA, "0.3 B", "'0.3 B' is too fine; the finest step is 1 bit, so round it to that"),
    (D.COUNT, "2.5", "'2.5' is too fine; the finest step is 1, so round it to that"),
    (D.TIME, "-5 ms", f"'-5 ms' is negative; a time is zero or more; {TIME_ADVICE}"),
    (D.TIME, "-0 ms", f"'-0 ms' is negative; a time is zero or more; {TIME_ADVICE}"),
    (D.TIME, "", f"'' is empty; {TIME_ADVICE}"),
    (D.TIME, " ", f"'' is empty; {TIME_ADVICE}"),
    (D.TIME, "inf", f"'inf' is not a finite number; {TIME_ADVICE}"),
    (D.TIME, "-Infinity s", f"'-Infinity s' is not a finite number; {TIME_ADVICE}"),
    (D.TIME, ".nan", f"'.nan' is not a finite number; {TIME_ADVICE}"),
    (D.TIME, float("nan"), f"nan is not a finite number; {TIME_ADVICE}"),
    (D.TIME, True, f"true is not a time; {TIME_ADVICE}"),
    (D.TIME, False, f"false is not a time; {TIME_ADVICE}"),
    (D.TIME, None, f"null is not a time; {TIME_ADVICE}"),
    (D.TIME, ["5 s"], f"a list is not a time; {TIME_ADVICE}"),
    (D.TIME, {"s": 5}, f"a mapping is not a time; {TIME_ADVICE}"),
    (D.TIME, "1,000 ms", f"'1,000 ms' is not a time; {TIME_ADVICE}"),
    (
        D.TIME,
        "1e30 s",
        "'1e30 s' is too large; the largest is 2**62 ns, about 4.6e18 ns",
    ),
    (D.TIME, "1e999999999 s", f"'1e999999999 s': the exponent is beyond 99; {TIME_ADVICE}"),
]


@pytest.mark.parametrize(("dimension", "text", "message"), MESSAGES)
def test_bad_text_has_its_own_message(dimension, text, message):
    with pytest.raises(InputError) as caught:
        parse(text, dimension)
    assert str(caught.value) == message


BAD = [
    (D.TIME, "4611686018427387905 ns"),
    (D.FRACTION, 2**62 + 1),
    (D.FRACTION, True),
    (D.FRACTION, -0.5),
    (D.FRACTION, float("inf")),
    (D.COUNT, True),
    (D.COUNT, 2.5),
    pytest.param(D.COUNT, 10**5000, id="count-5001-digits"),
    (D.COUNT, -1),
    (D.TIME, "1_000 ms"),
    (D.TIME, "1.2.3 ms"),
    (D.TIME, "1 000 ms"),
    (D.TIME, "0x10 ms"),
    (D.TIME, "1/2 s"),
    (D.TIME, "1e ms"),
    (D.TIME, "\u0665 ms"),
    (D.TIME, "\u22125 ms"),
    (D.TIME, "5 ms 3 us"),
    (D.TIME, "5 MS "),
    (D.TIME, "9" * 101 + " ns"),
    (D.TIME, "1e-999999999 s"),
    (D.DATA, "5 KB"),
    (D.DATA, "1 mB"),
    (D.RATE, "5 MB/h"),
    (D.TIME, b"5 s"),
]


@pytest.mark.parametrize(("dimension", "text"), BAD)
def test_bad_text_is_refused_in_one_short_line(dimension, text):
    with pytest.raises(InputError) as caught:
        parse(text, dimension)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 250


@pytest.mark.parametrize("dimension", Dimension)
@given(value=st.text() | st.integers() | st.floats() | st.booleans() | st.none() | st.binary())
def test_any_input_is_read_or_refused(dimension, value):
    try:
        result = parse(value, dimension)
    except InputError:
        return
    assert 0 <= result <= units.LARGEST


CONVENIENCE = [
    (units.time_ns, "3 us", 3000),
    (units.data_bit, "1 B", 8),
    (units.rate_bps, "1 kbit/s", 1000),
    (units.power_uw, "1 mW", 1000),
    (units.energy_nj_per_bit, "1 nJ/bit", Fraction(1)),
    (units.frame_rate, "1 fps", Fraction(1)),
    (units.fraction, "1 %", Fraction(1, 100)),
    (units.count, "7", 7),
]


@pytest.mark.parametrize(("read", "text", "expected"), CONVENIENCE)
def test_convenience_functions_read_their_own_dimension(read, text, expected):
    assert read(text) == expected
    assert type(read(text)) is type(expected)
    with pytest.raises(InputError):
        read("5 parsec")


FORMATS = [
    (units.format_time_ns, 3_100_000, "3.1 ms"),
    (units.format_time_ns, 0, "0 ns"),
    (units.format_time_ns, 1, "1 ns"),
    (units.format_time_ns, 600 * 10**9, "10 min"),
    (units.format_time_ns, 90 * 10**9, "90 s"),
    (units.format_time_ns, 86400 * 10**9, "1 d"),
    (units.format_time_ns, 3600 * 10**9 + 1, "3600.000000001 s"),
    (units.format_time_ns, -5000, "-5 us"),
    (units.format_data_bit, 8 * 2**20 * 8, "8 MiB"),
    (units.format_data_bit, 24_000, "3 kB"),
    (units.format_data_bit, 16_000 * 8, "16 kB"),
    (units.format_data_bit, 1001, "1001 bit"),
    (units.format_rate_bps, 20_000_000, "20 Mbit/s"),
]


@pytest.mark.parametrize(("write", "value", "expected"), FORMATS)
def test_format_picks_the_unit_a_person_would(write, value, expected):
    assert write(value) == expected


@pytest.mark.parametrize(
    ("value", "digits", "expected"),
    [
        (3_123_457, 3, "3.12 ms"),
        (999_999, 3, "1 ms"),
        (-999_999, 3, "-1 ms"),
        (5, 3, "5 ns"),
        (0, 3, "0 ns"),
    ],
)
def test_format_rounds_only_when_asked(value, digits, expected):
    assert units.format_time_ns(value, digits) == expected


@pytest.mark.parametrize(
    ("write", "read"),
    [
        (units.format_time_ns, units.time_ns),
        (units.format_data_bit, units.data_bit),
        (units.format_rate_bps, units.rate_bps),
    ],
)
@given(
    value=st.integers(0, units.LARGEST)
    | st.builds(lambda n, p: n * 10**p, st.integers(0, 999), st.integers(0, 15))
    | st.builds(lambda n, p: n << p, st.integers(0, 999), st.integers(0, 50))
)
def test_what_is_written_reads_back_the_same(write, read, value):
    assert read(write(value)) == value


@given(st.decimals(0, 10**9, places=9))
def test_decimal_seconds_are_exact(seconds):
    assert units.time_ns(f"{seconds:f} s") == int(seconds * 10**9)


@given(st.floats(0, 1e18))
def test_a_bare_fraction_means_the_decimal_that_was_written(value):
    if value and value < 1e-99:
        return
    assert units.fraction(value) == Fraction(repr(value))


def test_import_is_light():
    heavy = "{'numpy', 'pydantic', 'ray', 'yaml', 'dataclasses', 'inspect'}"
    script = f"import sys; import fleet.units; print(sorted({heavy} & set(sys.modules)))"
    run = subprocess.run(
        [sys.executable, "-S", "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(units.__file__).rsplit("/fleet/", 1)[0]},
    )
    assert run.stdout.strip() == "[]"
