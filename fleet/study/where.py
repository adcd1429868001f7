"""Which points of a grid a study has: comparisons of varied keys, as `--where` takes them.

::

    any  = all {"or" all}         all = one {"and" one}        one = "not" one | "(" any ")" | pair
    pair = term ("<" | "<=" | "==" | "!=" | ">=" | ">") term   term = key | number [unit] | word

Numbers with units are compared as quantities (500 ms < 1 s), words for equality only.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple, NoReturn

from fleet import units
from fleet.errors import InputError
from fleet.units import Dimension

Condition = Callable[[Mapping[str, str]], bool]
"""Takes the value of every varied key, as a scenario writes it."""

_MOST_LETTERS, _MOST_DEPTH = 500, 20
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    ">": operator.gt,
}  # fmt: skip
_TOKEN = re.compile(
    r"(?P<sign><=|>=|==|!=|<|>|\(|\))"
    r"|(?P<value>[0-9]+(?:\.[0-9]+)?(?:\s*(?!(?:and|or|not)\b)[A-Za-z%/\u00b5\u03bc][A-Za-z/]*)?)"
    r"|(?P<word>[^\W\d][\w.-]*)"
)
_DIMENSIONS = (Dimension.FRACTION, *(d for d in Dimension if d is not Dimension.FRACTION))


class _Term(NamedTuple):
    """A sign, a key or a value."""

    text: str
    is_key: bool = False


def condition(text: str, keys: Sequence[str]) -> Condition:
    """Return what an expression says of a point.

    Args:
        text: the expression.
        keys: those that vary.

    Raises:
        InputError: it is not of the grammar, or compares what does not vary; the condition itself
            raises it where two values cannot be compared.
    """
    if len(text) > _MOST_LETTERS:
        raise InputError(f"--where: is longer than {_MOST_LETTERS} letters; shorten it")
    return _Reader(text, keys).whole()


class _Reader:
    """Reads an expression from left to right."""

    def __init__(self, text: str, keys: Sequence[str]) -> None:
        self._text, self._keys = text, keys
        self._left = list(self._tokens())
        self._depth = 0

    def whole(self) -> Condition:
        holds = self._any()
        if self._left:
            self._refuse(f"'{self._left[0].text}' is too much")
        return holds

    def _refuse(self, why: str) -> NoReturn:
        raise InputError(
            f"--where '{self._text}': {why}; write such as 'KEY <= 4 and KEY != t4' of what varies:"
            f" {', '.join(self._keys)}"
        )

    def _tokens(self) -> Iterator[_Term]:
        at, text = 0, self._text
        while text[at:].strip():
            at += len(text[at:]) - len(text[at:].lstrip())
            key = self._key_at(at)
            match = _TOKEN.match(text, at)
            if key:
                yield _Term(key, is_key=True)
                at += len(key)
            elif match:
                yield _Term(match[0])
                at = match.end()
            else:
                self._refuse(f"'{text[at:][:20]}' is no part of an expression")

    def _key_at(self, at: int) -> str:
        """Return the varied key that stands at a place, empty if none does."""
        behind = r"(?![\w.*\[-])"
        fits = [k for k in self._keys if re.compile(re.escape(k) + behind).match(self._text, at)]
        return max(fits, key=len, default="")

    def _next(self) -> _Term:
        if not self._left:
            self._refuse("it ends where something should follow")
        return self._left.pop(0)

    def _is_next(self, word: str) -> bool:
        if self._left and self._left[0] == _Term(word):
            self._left.pop(0)
            return True
        return False

    def _any(self) -> Condition:
        parts = [self._all()]
        while self._is_next("or"):
            parts.append(self._all())
        return lambda point: any(part(point) for part in parts)

    def _all(self) -> Condition:
        parts = [self._one()]
        while self._is_next("and"):
            parts.append(self._one())
        return lambda point: all(part(point) for part in parts)

    def _one(self) -> Condition:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            self._refuse(f"it is deeper than {_MOST_DEPTH} levels")
        if self._is_next("not"):
            holds = _opposite(self._one())
        elif self._is_next("("):
            holds = self._any()
            if not self._is_next(")"):
                self._refuse("a bracket is not closed")
        else:
            holds = self._pair()
        self._depth -= 1
        return holds

    def _pair(self) -> Condition:
        one, sign, other = self._next(), self._next(), self._next()
        for term in (one, other):
            if term.text in ("(", ")", "and", "or", "not", *_COMPARE):
                self._refuse(f"'{term.text}' stands where a key or a value should")
        if sign.text not in _COMPARE:
            self._refuse(f"'{sign.text}' is none of {', '.join(_COMPARE)}")
        if not one.is_key and not other.is_key:
            self._refuse(f"neither '{one.text}' nor '{other.text}' varies")
        return lambda point: self._holds(_value(one, point), _value(other, point), sign.text)

    def _holds(self, one: str, other: str, sign: str) -> bool:
        left, right = _quantity(one), _quantity(other)
        if left and right:
            if left[0] is not right[0]:
                self._refuse(f"{one} and {other} are not of one kind")
            return _COMPARE[sign](left[1], right[1])
        if sign not in ("==", "!="):
            self._refuse(f"{one} and {other} can be compared with == and != only")
        return _COMPARE[sign](one, other)


def _value(term: _Term, point: Mapping[str, str]) -> str:
    return point[term.text] if term.is_key else term.text


def _opposite(inner: Condition) -> Condition:
    return lambda point: not inner(point)


def _quantity(text: str) -> tuple[Dimension, Fraction] | None:
    """Return what a text measures, None if that is nothing."""
    sign = -1 if text.startswith("-") else 1
    for dimension in _DIMENSIONS:
        try:
            return dimension, sign * Fraction(units.parse(text.lstrip("+-"), dimension))
        except InputError:
            continue
    return None
