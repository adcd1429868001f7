"""The strict YAML reader: what it reads, what it refuses, and where it says things stand."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import tracemalloc
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import InputError
from fleet.scenario import strict_yaml
from fleet.scenario.strict_yaml import load, loads


def refusal(text: str) -> str:
    with pytest.raises(InputError) as caught:
        loads(text, "city.yaml")
    message = str(caught.value)
    assert message.isprintable()
    return message


SCALARS = [
    ("true", True),
    ("false", False),
    ("null", None),
    ("~", None),
    ("", None),
    ("12", 12),
    ("-12", -12),
    ("+12", 12),
    ("0", 0),
    ("1.5", 1.5),
    (".5", 0.5),
    ("5.", 5.0),
    ("1e3", 1000.0),
    ("-2.5E-3", -0.0025),
    ("0e5", 0.0),
    ("0.000", 0.0),
    ("9" * 100, int("9" * 100)),
    ("'12'", "12"),
    ('"true"', "true"),
    ('""', ""),
    ("20 Mbit/s", "20 Mbit/s"),
    ('"a\\tb\\u00e9"', "a\tb\u00e9"),
    ("Zürich 🚦", "Zürich 🚦"),
    ("|\n  two\n  lines", "two\nlines"),
]


STAY_TEXT = """
    NO no yes on off True TRUE Null NULL y 12:30 017 0o17 0x1F 0b1 1_000 1,000 1.2.3 1e . 00 00.5
    .inf -.inf .nan 2024-05-16T17:00 2024-05-16 20Mbit/s << = 1e3x --1 +-1 1e+
"""
SCALARS += [(text, text) for text in STAY_TEXT.split()]


@pytest.mark.parametrize(("text", "expected"), SCALARS)
def test_plain_scalars_follow_yaml_1_2(text, expected):
    value = loads(f"key: {text}", "city.yaml").data["key"]
    assert value == expected
    assert type(value) is type(expected)


NESTED = """\
# a comment
name: Harbour
sensors:
  - id: a
    rate: 20 Mbit/s

  -
    id: b
links: {up: [1,
  2]}
notes: |
  long
"""


def test_structure_and_lines():
    document = loads(NESTED, "city.yaml")
    assert document.data == {
        "name": "Harbour",
        "sensors": [{"id": "a", "rate": "20 Mbit/s"}, {"id": "b"}],
        "links": {"up": [1, 2]},
        "notes": "long\n",
    }
    assert document.path == Path("city.yaml")
    assert "_lines" not in repr(document)


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ((), 2),
        (("name",), 2),
        (("sensors",), 3),
        (("sensors", 0), 4),
        (("sensors", 0, "rate"), 5),
        (("sensors", 1), 8),
        (("sensors", 1, "id"), 8),
        (("sensors", 0, "missing"), 4),
        (("sensors", 9, "id"), 3),
        (("sensors", 0, "rate", "tagged-union", 3), 5),
        (("nowhere", 1), 2),
        (("links", "up", 0), 9),
        (("links", "up", 1), 10),
        (("notes",), 11),
    ],
)
def test_line_of_the_nearest_known_value(path, line):
    assert loads(NESTED, "city.yaml").line_of(path) == line


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_count_with_every_line_ending(end):
    document = loads(NESTED.replace("\n", end), "city.yaml")
    assert document.line_of(("notes",)) == 11


BOMB = "a: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)

MESSAGES = [
    ("a: &x 1", "city.yaml:1: anchor '&x' is not allowed; remove it"),
    (BOMB, "city.yaml:1: anchor '&a' is not allowed; remove it"),
    ("a: 1\nb: *x", "city.yaml:2: alias '*x' is not allowed; write the value out"),
    ("a: 1\n*x : 2", "city.yaml:2: alias '*x' is not allowed; write the value out"),
    ("&x a: 1", "city.yaml:1: anchor '&x' is not allowed; remove it"),
    ("&x\na: 1", "city.yaml:1: anchor '&x' is not allowed; remove it"),
    ("a:\n  - !!str 5", "city.yaml:2: tag '!!str' is not allowed; write a plain value"),
    ("a: !x [1]", "city.yaml:1: tag '!x' is not allowed; write a plain value"),
    ("! a: 1", "city.yaml:1: tag '!' is not allowed; write a plain value"),
    (
        "a: !!python/object/apply:os.system [true]",
        "city.yaml:1: tag '!!python/object/apply:os.system' is not allowed; write a plain value",
    ),
    ("a: 1\nb: 2\n'a': 3", "city.yaml:3: key 'a' is already on line 1; keep one of the two"),
    ("a:\n  b: {c: 1, c: 1}", "city.yaml:2: key 'c' is already on line 2; keep one of the two"),
    ("a: 1\n2: 1", "city.yaml:2: key '2' is not text; put it in quotes"),
    ("true: 1", "city.yaml:1: key 'true' is not text; put it in quotes"),
    ("1.5: 1", "city.yaml:1: key '1.5' is not text; put it in quotes"),
    ("~: 1", "city.yaml:1: key '~' is not text; put it in quotes"),
    ("? [a]\n: 1", "city.yaml:1: a key must be text, not a list or a mapping; write a name"),
    ("{a: {[b]: 1}}", "city.yaml:1: a key must be text, not a list or a mapping; write a name"),
    (
        "a: 1\n---\nb: 1",
        "city.yaml:2: a second document begins here; keep one document in a file",
    ),
    ("a: 1\n---", "city.yaml:2: a second document begins here; keep one document in a file"),
    ("", "city.yaml:1: the file is empty; write 'key: value' lines"),
    ("# nothing\n\n", "city.yaml:1: the file is empty; write 'key: value' lines"),
    ("\n- a", "city.yaml:2: the top level is not a mapping; write 'key: value' lines"),
    ("text", "city.yaml:1: the top level is not a mapping; write 'key: value' lines"),
    ("---\n", "city.yaml:1: the top level is not a mapping; write 'key: value' lines"),
    ("a: 1\nb: \0", "city.yaml:2: character U+0000 is not allowed; remove it"),
    ("a: \x1b[31m", "city.yaml:1: character U+001B is not allowed; remove it"),
    ("a: x\u2028b: y", "city.yaml:1: character U+2028 is not allowed; remove it"),
    ("a: \ud800", "city.yaml:1: character U+D800 is not allowed; remove it"),
    ('a: 1\nb: "\\0"', "city.yaml:2: character U+0000 is not allowed; remove it"),
    ('"\\x1b": 1', "city.yaml:1: character U+001B is not allowed; remove it"),
    ("a: 1e999", "city.yaml:1: '1e999' is beyond the range of a number; put it in quotes"),
    ("a: 1.0e-999", "city.yaml:1: '1.0e-999' is beyond the range of a number; put it in quotes"),
    pytest.param(
        "a: " + "9" * 5000,
        "city.yaml:1: an integer of more than 100 digits; shorten it or put it in quotes",
        id="5000-digits",
    ),
]


@pytest.mark.parametrize(("text", "message"), MESSAGES)
def test_refusals_say_where_and_what_to_do(text, message):
    assert refusal(text) == message


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: [1\nb: 2", 2),
        ("a: 'x\n\n\n", 1),
        ("a: 1\n b: 2", 2),
        ("x: 1\n\ta: 1", 2),
        ("a: b: c", 1),
        ("a: 1\nb: @x", 2),
        ('a: "\\q"', 1),
        ('a: 1\nb: "\\UFFFFFFFF"', 2),
        ('a: 1\nb: "\\U00110000"', 2),
        ("%YAML 2.0\n---\na: 1", 1),
        ("a: !undefined!x 1", 1),
        ("- a\nb: 1", 1),
        ("a: 1\n]", 2),
    ],
)
def test_syntax_errors_name_the_line(text, line):
    assert refusal(text).startswith(f"city.yaml:{line}: ")


def test_an_unclosed_quote_names_the_line_where_it_began():
    assert "began on line 2" in refusal("a: 1\nb: 'x\nc: 2\nd: 3\n")


def test_merge_keys_do_not_merge():
    assert loads("a: {<<: {b: 1}}", "x").data == {"a": {"<<": {"b": 1}}}


def flow(depth: int) -> str:
    return "a: " + "[" * (depth - 1) + "]" * (depth - 1)


def test_depth_limit():
    assert loads(flow(32), "city.yaml").data
    message = "city.yaml:1: nested deeper than 32 levels; flatten it"
    assert refusal(flow(33)) == message
    assert refusal("".join(f"{' ' * i}k:\n" for i in range(33)) + " " * 33 + "k: 1").endswith(
        "nested deeper than 32 levels; flatten it"
    )


def test_a_depth_bomb_is_refused_at_once():
    began = time.process_time()
    assert "nested deeper" in refusal("a: " + "[" * 900_000)
    assert "nested deeper" in refusal("a: " + "{a: " * 200_000)
    assert time.process_time() - began < 5


def test_node_limit(monkeypatch):
    assert strict_yaml.MAX_NODES == 200_000
    monkeypatch.setattr(strict_yaml, "MAX_NODES", 10)
    # The top mapping, the key and the list are three nodes.
    assert len(loads("a: [1, 1, 1, 1, 1, 1, 1]", "x").data["a"]) == 7
    message = "city.yaml:2: more than 10 values; describe groups instead"
    assert refusal("a: [1, 1, 1, 1, 1, 1, 1,\n 1]") == message


def test_text_size_limit_counts_bytes():
    fits = "a: " + "x" * (1_000_000 - 3)
    assert len(loads(fits, "x").data["a"]) == 999_997
    assert "larger than 1000000 bytes" in refusal(fits + "x")
    assert "larger than 1000000 bytes" in refusal("a: " + "é" * 500_000)


def test_load_reads_a_file(tmp_path):
    file = tmp_path / "city.yaml"
    file.write_bytes("\ufeffname: Zürich\nb: 2\n".encode())
    document = load(file)
    assert document.data == {"name": "Zürich", "b": 2}
    assert document.path == file
    assert document.line_of(("b",)) == 2
    assert load(str(file)).data == document.data


def file_refusal(path) -> str:
    with pytest.raises(InputError) as caught:
        load(path)
    message = str(caught.value)
    assert message.isprintable()
    return message


def test_a_huge_file_is_refused_without_reading_it(tmp_path):
    file = tmp_path / "huge.yaml"
    with file.open("wb") as handle:
        handle.truncate(100_000_000)
    tracemalloc.start()
    try:
        message = file_refusal(file)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert message.startswith(f"{file}:1: the file is larger than 1000000 bytes; ")
    assert peak_bytes < 500_000


def test_a_file_that_is_just_too_large(tmp_path):
    file = tmp_path / "big.yaml"
    file.write_bytes(b"a: " + b"x" * 999_997)
    assert load(file).data["a"] == "x" * 999_997
    file.write_bytes(b"a: " + b"x" * 999_998)
    assert "larger than 1000000 bytes" in file_refusal(file)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(("size", "good"), [(450_000, True), (550_000, False)])
def test_a_pipe_has_the_same_limit(tmp_path, size, good):
    pipe = tmp_path / "pipe.yaml"
    os.mkfifo(pipe)

    def write():
        with contextlib.suppress(BrokenPipeError):
            # The limit falls inside a two-byte character: the size must be judged first.
            pipe.write_bytes(("ab: " + "é" * size).encode())

    writer = threading.Thread(target=write)
    writer.start()
    try:
        if good:
            assert len(load(pipe).data["ab"]) == size
        else:
            assert "larger than 1000000 bytes" in file_refusal(pipe)
    finally:
        writer.join(timeout=10)


def test_not_utf_8(tmp_path):
    file = tmp_path / "latin.yaml"
    file.write_bytes("a: 1\nb: Zürich\n".encode("latin-1"))
    assert file_refusal(file) == (f"{file}:2: byte 0xfc is not UTF-8 text; save the file as UTF-8")
    file.write_bytes("a: 1\n".encode("utf-16"))
    assert file_refusal(file).startswith(f"{file}:1: byte 0xff is not UTF-8")


def test_missing_file_folder_and_unreadable_file(tmp_path, monkeypatch):
    missing = tmp_path / "missing.yaml"
    assert file_refusal(missing) == f"{missing}:1: no such file; check the path"
    assert file_refusal(tmp_path) == (f"{tmp_path}:1: this is a folder; name a YAML file in it")
    file = tmp_path / "city.yaml"
    file.write_text("a: 1")
    assert "cannot read the file (Not a directory)" in file_refusal(file / "x.yaml")
    assert "cannot read the file (embedded null byte)" in file_refusal("a\0b")

    def deny(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", deny)
    assert file_refusal(file) == (
        f"{file}:1: cannot read the file (Permission denied); check the path and its permissions"
    )


def test_a_line_break_in_a_name_does_not_break_the_error(tmp_path):
    assert "\\n" in file_refusal(tmp_path / "two\nlines.yaml")


def test_long_parts_are_shortened():
    for text in (
        "k" * 100_000 + "x: 1",
        "'" + "k" * 100_000 + "': 1",
        "a: &" + "k" * 100_000 + " 1",
        "a: *" + "k" * 100_000,
        "a: !" + "k" * 100_000 + " 1",
        "a: !" + "k" * 100_000 + "!x 1",
    ):
        assert len(refusal(text)) < 600


words = st.text(st.characters(codec="utf-8", categories=["L", "N", "P", "Zs", "So"]), max_size=12)
scalars = words | st.integers() | st.booleans() | st.none() | st.floats(allow_nan=False).filter(abs)
values = st.recursive(
    scalars.filter(lambda v: v not in (float("inf"), float("-inf"))),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(words, values, min_size=1, max_size=4))
def test_quoted_data_reads_back_the_same(data):
    text = as_flow(data)
    assert loads(text, "x").data == data


def as_flow(value) -> str:
    """Write YAML by hand: PyYAML's own writer follows YAML 1.1."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"? {as_flow(k)} : {as_flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(as_flow(v) for v in value) + "]"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if value is None or isinstance(value, bool):
        return {True: "true", False: "false", None: "null"}[value]
    return repr(value)


PIECES = """a : - [ ] { } , ' " \\ &a *a !!str --- ... %YAML # | > ? 1 << ~ \ufeff"""
pieces = st.sampled_from([*PIECES.split(), " ", "  ", "\n", "\t", "\r", ": ", "- ", "? "])


@given(st.text() | st.lists(pieces, max_size=40).map("".join))
def test_any_text_is_read_or_refused_in_one_line(text):
    try:
        document = loads(text, "x.yaml")
    except InputError as error:
        message = str(error)
        assert message.isprintable()
        line = int(message.split(":")[1])
        assert 1 <= line <= len(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    else:
        assert document.line_of(()) >= 1


@given(st.lists(pieces, max_size=20).map(lambda parts: "a: " + "".join(parts)))
def test_whatever_is_read_is_what_pyyaml_reads_as_structure(text):
    try:
        data = loads(text, "x").data
    except InputError:
        return
    assert as_text(data) == as_text(yaml.load(text, Loader=yaml.BaseLoader))


def as_text(value):
    if isinstance(value, dict):
        return {key: as_text(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_text(item) for item in value]
    return "scalar"
