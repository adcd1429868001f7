"""Python worked out node by node: numbers, rows of numbers and loops that end, and nothing else.

What is worked out was checked before (`fleet.scenario.policy`). Whole numbers stay within 64 bits;
all that is worked out is counted, rows by what they hold, and has a limit, so that a text that
never answers ends at the same place, and soon, on every machine.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

MOST_WORK = 200_000
"""Work of one look, in expressions, statements, and things in rows made or gone through.

Then it counts as one without an end."""

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
    """Return the first of a row, or what is given instead.

    Raises:
        ReckoningError: there is neither.
    """
    if len(otherwise) > 1:
        raise ReckoningError("'next' takes a row, and what it is if that is empty")
    if not row and not otherwise:
        raise ReckoningError("next of an empty row; say what it is then, as in next(..., 0)")
    return row[0] if row else otherwise[0]


def _rounded(number: float) -> int:
    """Return the nearest whole number; Python's own would take any number of digits."""
    return round(number)


def _total(row: Iterable[Any]) -> Any:
    """Return the sum of a row, from left to right; Python's own has another from 3.12 on."""
    total: Any = 0
    for one in row:
        if isinstance(one, ROWS):
            raise ReckoningError("'sum' is of numbers")
        total = _bounded(total + one)
    return total


CALLS: dict[str, Callable[..., Any]] = {
    "abs": abs, "enumerate": enumerate, "int": int, "len": len, "max": max, "min": min,
    "next": _next, "range": range, "round": _rounded, "sorted": sorted, "sum": _total,
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


class _Nothing:
    """What a name of a function stands for before it is given a value."""


_NOTHING = _Nothing()


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
        self.line, self._done = 1, 0
        self._own: dict[str, dict[str, Any]] = {}

    def take(self, function: ast.FunctionDef, own: Iterable[str]) -> None:
        """Take a function up, and which names are its own, from its first line on."""
        self.functions[function.name] = function
        self._own[function.name] = dict.fromkeys(own, _NOTHING)

    def ask(self, function: str, given: Sequence[Any]) -> Any:
        """Return what a function gives.

        Raises:
            ReckoningError: it goes wrong, or does not end.
        """
        self._done = 0
        return self._call(self.functions[function], given)

    def _call(self, function: ast.FunctionDef, given: Sequence[Any]) -> Any:
        names = [one.arg for one in function.args.args]
        if len(names) != len(given):
            raise ReckoningError(
                f"'{function.name}' takes {len(names)} arguments, not {len(given)}"
            )
        own = self._own[function.name]
        self._work(len(own))
        left = self._block(function.body, own | dict(zip(names, given, strict=True)))
        if left is None:
            raise ReckoningError(f"'{function.name}' ends without 'return'")
        return left.value

    def _work(self, many: int = 1) -> None:
        self._done += many
        if self._done > MOST_WORK:
            raise ReckoningError(
                f"does not answer: it takes more than {MOST_WORK:,} steps, which are expressions"
                " worked out and things in rows gone through"
            )

    def _block(self, body: Sequence[ast.stmt], names: dict[str, Any]) -> _Left | None:
        for statement in body:
            self._work()
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
                    self._name(target, value, names)
            case ast.AugAssign():
                old = self._known(node.target.id, names)  # type: ignore[union-attr]
                if isinstance(old, list):
                    raise ReckoningError("a list is made longer by a = a + [...], not by '+='")
                value = self._sum(node.op, old, self._value(node.value, names))
                self._name(node.target, value, names)
            case ast.If():
                holds = self._value(node.test, names)
                return self._block(node.body if holds else node.orelse, names)
            case ast.For():
                return self._for(node, names)
            case ast.While():
                return self._while(node, names)
            case ast.Return():
                said = None if node.value is None else self._value(node.value, names)
                return _Left("return", said)
            case ast.Break() | ast.Continue():
                return _Left(type(node).__name__)
        return None

    def _for(self, node: ast.For, names: dict[str, Any]) -> _Left | None:
        for value in self._value(node.iter, names):
            self.line = node.lineno
            self._work()
            self._name(node.target, value, names)
            left = self._block(node.body, names)
            if left is not None and left.by != "Continue":
                return left if left.by == "return" else None
        return None

    def _while(self, node: ast.While, names: dict[str, Any]) -> _Left | None:
        while self._value(node.test, names):
            left = self._block(node.body, names)
            if left is not None and left.by != "Continue":
                return left if left.by == "return" else None
        return None

    def _value(self, node: ast.expr, names: dict[str, Any]) -> Any:
        """Return what an expression is; the line is its own meanwhile, and where it goes wrong."""
        self._work()
        before, self.line = self.line, node.lineno
        value = self._worked(node, names)
        self.line = before
        return value

    def _worked(self, node: ast.expr, names: dict[str, Any]) -> Any:
        match node:
            case ast.Constant():
                return _bounded(node.value)
            case ast.Name():
                return self._known(node.id, names)
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
            case ast.Tuple():
                return self._row(tuple([self._value(one, names) for one in node.elts]))
            case ast.List():
                return self._row([self._value(one, names) for one in node.elts])
            case ast.Subscript():
                return self._value(node.value, names)[self._value(node.slice, names)]
            case ast.ListComp():
                return self._row(self._each(node, names))
            case ast.GeneratorExp():
                return self._row(tuple(self._each(node, names)))
            case ast.Call():
                return self._called(node, names)
        raise ReckoningError(f"{type(node).__name__} has no value")

    def _known(self, name: str, names: dict[str, Any]) -> Any:
        """Return what a name stands for: one of a function's own never that at the top."""
        value = names[name] if name in names else self.names.get(name, _NOTHING)
        if value is _NOTHING:
            raise ReckoningError(f"'{name}' has no value yet")
        return value

    def _field(self, node: ast.Attribute, names: dict[str, Any]) -> Any:
        whose = self._value(node.value, names)
        if not isinstance(whose, Fields):
            raise ReckoningError(f"'.{node.attr}': only what is seen has fields")
        return whose.fields[node.attr]

    def _sum(self, op: ast.operator, left: Any, right: Any) -> Any:
        if not isinstance(left, ROWS) and not isinstance(right, ROWS):
            return _bounded(SUMS[type(op)](left, right))
        alike = type(left) is type(right) and not isinstance(left, range)
        if not isinstance(op, ast.Add) or not alike:
            raise ReckoningError(
                "numbers can be reckoned with; a row can only be added to a row, a tuple to a tuple"
                " and a list to a list"
            )
        return self._row(left + right)

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
            self._work(_size(left) + _size(right))
            if not COMPARISONS[type(op)](left, right):
                return False
            left = right
        return True

    def _each(self, node: ast.ListComp | ast.GeneratorExp, names: dict[str, Any]) -> list[Any]:
        (one,) = node.generators
        self._work(len(names))
        inside, out = dict(names), []
        for value in self._value(one.iter, names):
            self._work()
            self._name(one.target, value, inside)
            for test in one.ifs:
                if not self._value(test, inside):
                    break
            else:
                out.append(self._value(node.elt, inside))
        return out

    def _row(self, row: Any) -> Any:
        """Return a row, which counts by what it holds: numbers, or rows of numbers."""
        self._work(_size(row))
        for inner in () if isinstance(row, range) else row:
            if isinstance(inner, tuple | list) and any(isinstance(one, ROWS) for one in inner):
                raise ReckoningError(
                    "a row holds numbers, or rows of numbers, and not rows of such rows"
                )
            _bounded(inner)
        return row

    def _called(self, node: ast.Call, names: dict[str, Any]) -> Any:
        given = [self._value(one, names) for one in node.args]
        name = node.func.id  # type: ignore[attr-defined]
        if name in self.functions:
            return self._call(self.functions[name], given)
        self._work(sum(_size(one) for one in given))
        said = CALLS[name](*given)
        if isinstance(said, enumerate | zip):
            said = tuple(said)
        return self._row(said) if isinstance(said, ROWS) else _bounded(said)

    def _name(self, target: ast.expr, value: Any, names: dict[str, Any]) -> None:
        """Give a value to a name, or those of a row to several."""
        self._work()
        if isinstance(target, ast.Name):
            names[target.id] = value
            return
        if not isinstance(target, ast.Tuple | ast.List) or not isinstance(value, ROWS):
            raise ReckoningError("only names, and rows of names, can be given a value")
        if len(target.elts) != len(value):
            raise ReckoningError(f"a row of {len(value)} does not fit {len(target.elts)} names")
        for one, part in zip(target.elts, value, strict=True):
            self._name(one, part, names)


def _size(value: Any) -> int:
    """Return how much a value holds: of a row its things, and those in rows of it."""
    if isinstance(value, range):
        return len(value)
    if not isinstance(value, tuple | list):
        return 0
    return len(value) + sum(len(one) for one in value if isinstance(one, ROWS))


def _bounded(value: Any) -> Any:
    """Return a value that is not too large."""
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ReckoningError("a whole number leaves the 64 bits that it may have")
    return value
