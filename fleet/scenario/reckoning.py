"""Python worked out node by node: numbers, rows of numbers and loops that end, and nothing else.

What is worked out was checked before (`fleet.scenario.policy`). Whole numbers stay within 64 bits;
rounds of loops, and what rows hold, are counted and have a limit, so that a text that never answers
ends at the same place on every machine.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

MOST_ROUNDS = 10_000
"""Rounds of all loops of one look, and things in its rows; then it counts as one without an end."""

SUMS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul,
    ast.Div: operator.truediv, ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
COMPARISONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt, ast.LtE: operator.le,
    ast.Gt: operator.gt, ast.GtE: operator.ge,
}  # fmt: skip
SIGNS: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg, ast.UAdd: operator.pos, ast.Not: operator.not_,
}  # fmt: skip
ALLOWED = (
    ast.Assign, ast.AugAssign, ast.If, ast.For, ast.While, ast.Return, ast.Pass, ast.Break,
    ast.Continue, ast.Constant, ast.Name, ast.Attribute, ast.BinOp, ast.UnaryOp, ast.BoolOp,
    ast.Compare, ast.IfExp, ast.Tuple, ast.List, ast.Subscript, ast.ListComp, ast.GeneratorExp,
    ast.comprehension, ast.Call, ast.Load, ast.Store, ast.And, ast.Or,
    *SUMS, *COMPARISONS, *SIGNS,
)  # fmt: skip
"""What may stand in a text."""


def _next(row: Sequence[Any], *otherwise: Any) -> Any:
    """Return the first of a row, or what is given instead."""
    return next(iter(row), *otherwise)


def _range(*ends: int) -> range:
    """Return numbers in a row, which are not too many."""
    numbers = range(*ends)
    if len(numbers) > MOST_ROUNDS:
        raise ReckoningError(f"a range of {len(numbers):,} is longer than {MOST_ROUNDS:,}")
    return numbers


def _rounded(number: float) -> int:
    """Return the nearest whole number; Python's own would take any number of digits."""
    return round(number)


def _total(row: Sequence[Any]) -> Any:
    """Return the sum of a row."""
    return sum(row)


CALLS: dict[str, Callable[..., Any]] = {
    "abs": abs, "enumerate": enumerate, "int": int, "len": len, "max": max, "min": min,
    "next": _next, "range": _range, "round": _rounded, "sorted": sorted, "sum": _total,
    "tuple": tuple, "zip": zip,
}  # fmt: skip
"""What may be called, beside functions of the same text that stand further up."""
ROWS = (tuple, list, range)


class ReckoningError(Exception):
    """What is wrong while a text is worked out."""


class _Left(NamedTuple):
    """That a block was left, by which word, and with what."""

    by: str
    value: Any = None


class Fields:
    """Something whose fields may be read, by name."""

    def __init__(self, fields: Mapping[str, Any]) -> None:
        """Remember them."""
        self.fields = fields


class Reckoner:
    """Works functions of a text out.

    Attributes:
        functions: by name, those that may be called.
        names: numbers that stand at the top of the text, by name.
        line: where it is.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self.functions: dict[str, ast.FunctionDef] = {}
        self.names: dict[str, Any] = {}
        self.line, self._rounds = 1, 0

    def ask(self, function: str, given: Sequence[Any]) -> Any:
        """Return what a function gives.

        Raises:
            ReckoningError: it goes wrong, or does not end.
        """
        self._rounds = 0
        return self._call(self.functions[function], given)

    def _call(self, function: ast.FunctionDef, given: Sequence[Any]) -> Any:
        names = [one.arg for one in function.args.args]
        if len(names) != len(given):
            raise ReckoningError(
                f"'{function.name}' takes {len(names)} arguments, not {len(given)}"
            )
        self._round()
        left = self._block(function.body, dict(zip(names, given, strict=True)))
        if left is None:
            raise ReckoningError(f"'{function.name}' ends without 'return'")
        return left.value

    def _round(self, many: int = 1) -> None:
        self._rounds += many
        if self._rounds > MOST_ROUNDS:
            raise ReckoningError(
                f"does not answer: its loops go round more than {MOST_ROUNDS:,} times"
            )

    def _block(self, body: Sequence[ast.stmt], names: dict[str, Any]) -> _Left | None:
        for statement in body:
            self.line = statement.lineno
            left = self.do(statement, names)
            if left is not None:
                return left
        return None

    def do(self, node: ast.stmt, names: dict[str, Any]) -> _Left | None:
        """Work a statement out; return that the block is left, if it is.

        Raises:
            ReckoningError: it goes wrong.
        """
        match node:
            case ast.Assign():
                value = self._value(node.value, names)
                for target in node.targets:
                    _name(target, value, names)
            case ast.AugAssign():
                old = self._value(ast.Name(node.target.id), names)  # type: ignore[union-attr]
                value = self._sum(node.op, old, self._value(node.value, names))
                _name(node.target, value, names)
            case ast.If():
                holds = self._value(node.test, names)
                return self._block(node.body if holds else node.orelse, names)
            case ast.For() | ast.While():
                return self._loop(node, names)
            case ast.Return():
                said = None if node.value is None else self._value(node.value, names)
                return _Left("return", said)
            case ast.Break() | ast.Continue():
                return _Left(type(node).__name__)
        return None

    def _loop(self, node: ast.For | ast.While, names: dict[str, Any]) -> _Left | None:
        for _ in self._rounds_of(node, names):
            self._round()
            left = self._block(node.body, names)
            if left is not None and left.by == "return":
                return left
            if left is not None and left.by == "Break":
                break
        return None

    def _rounds_of(self, node: ast.For | ast.While, names: dict[str, Any]) -> Iterator[None]:
        if isinstance(node, ast.While):
            while self._value(node.test, names):
                yield
            return
        for value in self._value(node.iter, names):
            _name(node.target, value, names)
            yield

    def _value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return _bounded(node.value)
            case ast.Name():
                if node.id not in names and node.id not in self.names:
                    raise ReckoningError(f"'{node.id}' has no value yet")
                return names.get(node.id, self.names.get(node.id))
            case ast.Attribute():
                return self._field(node, names)
            case ast.BinOp():
                left, right = self._value(node.left, names), self._value(node.right, names)
                return self._sum(node.op, left, right)
            case ast.UnaryOp():
                return SIGNS[type(node.op)](self._value(node.operand, names))
            case ast.BoolOp():
                return self._either(node, names)
            case ast.Compare():
                return self._compares(node, names)
            case ast.IfExp():
                holds = self._value(node.test, names)
                return self._value(node.body if holds else node.orelse, names)
            case ast.Tuple() | ast.List():
                return self._row(tuple(self._value(one, names) for one in node.elts))
            case ast.Subscript():
                return self._value(node.value, names)[self._value(node.slice, names)]
            case ast.ListComp() | ast.GeneratorExp():
                return self._each(node, names)
            case ast.Call():
                return self._called(node, names)
        raise ReckoningError(f"{type(node).__name__} has no value")

    def _field(self, node: ast.Attribute, names: dict[str, Any]) -> Any:
        whose = self._value(node.value, names)
        if not isinstance(whose, Fields):
            raise ReckoningError(f"'.{node.attr}': only what is seen has fields")
        return whose.fields[node.attr]

    def _sum(self, op: ast.operator, left: Any, right: Any) -> Any:
        rows = isinstance(left, ROWS) or isinstance(right, ROWS)
        if rows and not (isinstance(op, ast.Add) and type(left) is type(right) is tuple):
            raise ReckoningError("numbers can be reckoned with; rows can only be added to rows")
        if rows:
            return self._row(left + right)
        return _bounded(SUMS[type(op)](left, right))

    def _either(self, node: ast.BoolOp, names: dict[str, Any]) -> Any:
        stops = isinstance(node.op, ast.Or)
        value = None
        for one in node.values:
            value = self._value(one, names)
            if bool(value) is stops:
                break
        return value

    def _compares(self, node: ast.Compare, names: dict[str, Any]) -> bool:
        left = self._value(node.left, names)
        for op, one in zip(node.ops, node.comparators, strict=True):
            right = self._value(one, names)
            if not COMPARISONS[type(op)](left, right):
                return False
            left = right
        return True

    def _each(self, node: ast.ListComp | ast.GeneratorExp, names: dict[str, Any]) -> Any:
        (one,) = node.generators
        inside, out = dict(names), []
        for value in self._value(one.iter, names):
            self._round()
            _name(one.target, value, inside)
            if all(self._value(test, inside) for test in one.ifs):
                out.append(self._value(node.elt, inside))
        return self._row(tuple(out))

    def _row(self, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return a row, which counts by its length; one holds numbers, or rows of numbers."""
        self._round(len(row))
        for inner in row:
            if isinstance(inner, ROWS) and any(isinstance(one, ROWS) for one in inner):
                raise ReckoningError(
                    "a row holds numbers, or rows of numbers, and not rows of such rows"
                )
        return row

    def _called(self, node: ast.Call, names: dict[str, Any]) -> Any:
        given = [self._value(one, names) for one in node.args]
        name = node.func.id  # type: ignore[attr-defined]
        if name in self.functions:
            return self._call(self.functions[name], given)
        said = CALLS[name](*given)
        if isinstance(said, list | tuple | enumerate | zip):
            return self._row(tuple(said))
        return _bounded(said)


def _name(target: ast.expr, value: Any, names: dict[str, Any]) -> None:
    """Give a value to a name, or those of a row to several."""
    if isinstance(target, ast.Name):
        names[target.id] = value
        return
    if not isinstance(target, ast.Tuple | ast.List) or not isinstance(value, ROWS):
        raise ReckoningError("only names, and rows of names, can be given a value")
    if len(target.elts) != len(value):
        raise ReckoningError(f"a row of {len(value)} does not fit {len(target.elts)} names")
    for one, part in zip(target.elts, value, strict=True):
        _name(one, part, names)


def _bounded(value: Any) -> Any:
    """Return a value that is not too large."""
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ReckoningError("a whole number leaves the 64 bits that it may have")
    return value
