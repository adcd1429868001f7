"""Rules of one's own: what Python gives, lines of what is wrong, and work that ends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from fleet.errors import InputError
from fleet.model.ladder import Counts, Seen, seen_of
from fleet.scenario.policy import MOST_BYTES, MOST_DEEP, Policy, text_of
from fleet.scenario.reckoning import MOST_WORK

READS = [field for field in Seen._fields if field not in ("rung", "rungs", "memory")]


def seen(*memory: int) -> Seen:
    return seen_of(Counts(waiting=7), 90, (9, 5, 2), 1, memory)


def asked(text: str, *memory: int) -> tuple[int, tuple[int, ...]]:
    return Policy(text, "rule.py", "rule", READS)(seen(*memory))


def body(*lines: str) -> str:
    return "def rule(seen):\n" + "".join(f"    {line}\n" for line in lines)


def refused(text: str, *memory: int) -> str:
    with pytest.raises(InputError) as caught:
        asked(text, *memory)
    return str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        body("return next(k for k, b in enumerate(seen.rung_bps) if b < 6)"),
        body("return next((k for k in seen.memory), 3)"),
        body("return [1, 2] + [3]"),
        body("return (1,) + tuple(sorted([3, 2]))"),
        body("return [(1, 2)] == [(1, 2)], [1] == (1,), 3 < 4 < 5")
        .replace("return", "a = ").replace("5\n", "5\n    return 1 if a[0] and not a[1] else 0\n"),
        body("a = [x for x in seen.rung_bps if x > 2]", "return max(a), min(a), sum(a)"),
        body("x = 0", "for x, y in zip(range(4), [4, 3, 2, 1]):",
             "    if x == 1:", "        continue", "    if x == 2:", "        break",
             "return x, y"),
        body("x = 3", "while x:", "    x -= 1", "    if x == 1:", "        return x", "return 9"),
        "K = 2\nK = K + 1\n\ndef up(k):\n    return k + K\n\n" + body("return up(up(seen.rung))"),
        body("k = [k for k in range(3)]", "return k"),
        body("return round(2.5), int(-2.5), abs(-3), len([[1], [2]]), max(1, 2)"),
    ],
)  # fmt: skip
def test_what_it_gives_is_what_python_gives(text: str) -> None:
    names: dict[str, Any] = {}
    exec(text, names)
    said = names["rule"](seen())
    row = tuple(said) if isinstance(said, tuple | list) else (said,)
    assert asked(text) == (row[0], row[1:])


def test_sums_of_fractions_go_from_left_to_right() -> None:
    """Python's own `sum` gives 1.0 here from 3.12 on."""
    text = body("row = [0.1 for k in range(10)]", "return 1 if sum(row) < 1 else 0")
    assert asked(text) == (1, ())
    row = [10.0**16, 1.0, -(10.0**16)]
    assert asked(body(f"return int(sum({row}))")) == (0, ())
    too_large = body(f"return sum([{2**62}, {2**62}, -{2**62}])")
    assert refused(too_large).startswith("rule.py:2: a whole number leaves the 64 bits")


NOT_IN_PYTHON = [
    (body("return [1] + (2,)"), 2, "a list to a list"),
    (body("return next((1, 2))"), 2, "'next' is the first of what is gone through once"),
    (body("a = [1]", "return next(a, 2)"), 3, "'next' is the first of"),
    (body("max = 3", "return max(1, 2)"), 2, "'max' is a function already"),
    ("def max(a, b):\n    return a\n" + body("return 1"), 1, "'max' is a function already"),
    ("def rule(seen, len):\n    return 1\n", 1, "'len' is a function already"),
    (body("return [sum for sum in (1, 2)]"), 2, "'sum' is a function already"),
    ("def f(a):\n    return a\n" + body("f = 3", "return f(1)"), 4, "'f' is a function already"),
    ("f = 3\n\ndef f(a):\n    return a\n" + body("return 1"), 3, "'f' is a number further up"),
    ("K = 1\n" + body("a = K", "K = 2", "return a"), 3, "'K' has no value yet"),
    (body("return [k async for k in (1, 2)]"), 2, "'async' has no place"),
    (body("a = zip((1,), (2,))", "return len(a)"), 2, "gone through once"),
    (body("return len(k for k in (1, 2))"), 2, "gone through once"),
    (body("return max((k for k in (1, 2)), 3)"), 2, "gone through once"),
    (body("a = [1]", "b = a", "a += [2]", "return b"), 4, "not by '+='"),
    (body("return 1", "break"), 3, "is no Python: 'break' outside loop"),
    ("def g(a, a):\n    return 1\n" + body("return 1"), 1, "is no Python: duplicate argument"),
    ("def g(a: b):\n    return 1\n" + body("return 1"), 1, "without defaults and annotations"),
    ("def g(a):\n    return a.rung\n" + body("return g(1)"), 2, "only what is seen has fields"),
    (body("return sum([(1, 2)])"), 2, "'sum' is of numbers"),
]


@pytest.mark.parametrize(("text", "line", "why"), NOT_IN_PYTHON)
def test_what_fails_in_python_does_so_here(text: str, line: int, why: str) -> None:
    said = refused(text)
    assert said.startswith(f"rule.py:{line}: ")
    assert why in said


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        (body("a = 1", "b = (1 +", "     a ** 2)", "return b"), 4, "Pow has no place"),
        (body("a = 1", "return a in (1, 2)"), 3, "In has no place"),
        (body("a = 1", "return a is 1"), 3, "Is has no place"),
        (body("a = 1", "return ~a"), 3, "Invert has no place"),
        ("def f(a):\n    b = a\n    return b\n" + body("a = 1", "return (f(1) +", "  1 // 0)"),
         7, "ZeroDivisionError"),
        ("def f(a):\n    b = a\n    return b\n" + body("a = 1", "return f(1) // 0"),
         6, "ZeroDivisionError"),
        ("def f(a):\n    b = a\n    return b\n" + body("return f(0.5)"),
         5, "answers with 0.5"),
        (body("a = 2", "while 4 // a:", "    a -= 1", "    a = a", "return 1"),
         3, "ZeroDivisionError"),
        (body("a = 2", "for k, j in ((1, 2), (3,)):", "    a = k", "return 1"),
         3, "a row of 1 does not fit 2 names"),
        (body("a = 1", "return next(k for k in seen.memory)"), 3, "next of an empty row"),
        (body("a = [next(k for k in (1, 2) if k > j) for j in (0, 5)]", "return a"),
         2, "next of an empty row"),
        (body("for k in (1, 2):", "    while next(j for j in seen.memory):", "        k += 1",
              "return 1"), 3, "next of an empty row"),
        (body("for j in (next(j for j in seen.memory), 1):", "    j += 1", "return 1"),
         2, "next of an empty row"),
        ("A = 1\nB = A // 0\n" + body("return 1"), 2, "ZeroDivisionError"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_line(text: str, line: int, why: str) -> None:
    said = refused(text)
    assert said.startswith(f"rule.py:{line}: ")
    assert why in said


LONG = "R = [k for k in range(10_000)]\n"
PAIR = "A = [k for k in range(5_000)]\nB = [k for k in range(5_000)]\n"


@pytest.mark.parametrize(
    "text",
    [
        LONG + body(*["a = " + "+".join(["max(R)"] * 20)] * 1000, "return 1"),
        LONG + body("while 1:", "    a = sorted(R)", "return 1"),
        PAIR + body("while 1:", "    a = A == B", "return 1"),
        LONG + body("a = [R for k in range(10_000)]", "return 1"),
        body("for k in range(1_000_000_000):", "    pass", "return 1"),
        body("return sum(range(1_000_000_000))"),
        body("a = (1, 2)", "while 1:", "    a = a + a", "return 1"),
        body("r = [k for k in range(1000)]", "while 1:",
             "    " + ", ".join(f"x{k}" for k in range(1000)) + " = r", "return 1"),
        body(*[f"x{k} = 1" for k in range(2000)], "while 1:", "    a = [k for k in ()]",
             "return 1"),
        "def f(a):\n    return a\n" + body("while f(1):", "    pass", "return 1"),
    ],
)  # fmt: skip
def test_work_is_bounded_and_so_is_time(text: str) -> None:
    text = text if len(text) < MOST_BYTES else text[: text.index("\n", 50_000)] + "\n    return 1\n"
    began_s = time.process_time()
    assert f"does not answer: it takes more than {MOST_WORK:,} steps" in refused(text)
    assert time.process_time() - began_s < 5


def test_the_limit_is_of_one_look_and_counts_each_expression() -> None:
    """A round takes 6: three expressions of the test, a statement, its number and its name."""
    text = body("k = 0", "while k < {}:", "    k += 1", "return k")
    most = MOST_WORK // 6 - 10
    rule = Policy(text.format(most), "rule.py", "rule", READS)
    assert [rule(seen())[0] for _ in range(3)] == [most] * 3
    assert "does not answer" in refused(text.format(most + 20))


def test_depth_is_counted_and_does_not_hang_on_the_stack() -> None:
    deep = body("return " + "-" * MOST_DEEP + "1")
    said = refused(deep)
    assert f"rule.py:2: is nested more than {MOST_DEEP} deep" in said
    assert asked(body("return " + "-" * (MOST_DEEP - 2) + "1")) == (1, ())

    def from_below(frames: int) -> Any:
        return from_below(frames - 1) if frames else asked(body("return " + "-" * 50 + "1"))

    assert from_below(300) == (1, ())
    for many in (1000, 20_000):
        assert f"is nested more than {MOST_DEEP} deep" in refused(
            body("return " + "-" * many + "1")
        )


def test_functions_that_call_functions_count_with_what_they_call() -> None:
    head = "def f0(a):\n    return a\n"
    chain = [f"def f{k}(a):\n    return f{k - 1}(a)\n" for k in range(1, 40)]
    said = refused(head + "".join(chain) + body("return f39(1)"))
    assert "is nested more than" in said
    assert asked(head + "".join(chain[:20]) + body("return f20(1)")) == (1, ())


def test_a_function_has_one_name_and_does_not_call_itself() -> None:
    twice = "def f(a):\n    return a\ndef f(a):\n    return f(a)\n" + body("return f(1)")
    assert refused(twice).startswith("rule.py:3: 'f' is a function already")
    assert "'rule' cannot be called here" in refused(body("return rule(seen.rung)"))


def test_a_file_is_read_up_to_its_limit_and_may_begin_with_a_mark(tmp_path: Path) -> None:
    file = tmp_path / "rule.py"
    file.write_bytes(b"\xef\xbb\xbf" + body("return 1").encode())
    assert asked(text_of(file)) == (1, ())
    file.write_bytes(b"#" * MOST_BYTES)
    assert len(text_of(file)) == MOST_BYTES
    with file.open("r+b") as sparse:
        sparse.truncate(1 << 40)  # which no memory holds
    with pytest.raises(OSError, match="longer than 64,000 bytes"):
        text_of(file)
