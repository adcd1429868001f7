"""Texts kept as bytes are the texts that they were made of."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.texts import Texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=6)))
def test_texts_are_a_sequence_of_what_they_were_made_of(written: list[str]) -> None:
    texts = Texts(written)
    assert len(texts) == len(written)
    assert list(texts) == written == [texts[k] for k in range(len(written))]
    assert texts == written
    assert texts == Texts(iter(written)) == pickle.loads(pickle.dumps(texts))
    assert [*written, ""] != texts != Texts([*written, "more"])
    assert (texts[1:-1], texts[::-2]) == (written[1:-1], written[::-2])
    assert [texts[-k] for k in range(1, len(written) + 1)] == written[::-1]


def test_what_is_beyond_the_end_is_an_error() -> None:
    texts = Texts(["one", "two"])
    assert texts.index("two") == 1
    assert "three" not in texts
    with pytest.raises(IndexError):
        texts[2]


def test_many_are_read_in_parts() -> None:
    assert list(Texts(map(str, range(25_001)))) == [str(k) for k in range(25_001)]
