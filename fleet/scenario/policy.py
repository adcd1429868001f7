"""Rules of one's own: a function in a small part of Python, which can do nothing but reckon.

A scenario may be a stranger's, and running it must not run what a stranger wrote. So the text is
never given to Python's own interpreter: it is parsed, everything in it that is not known to be
harmless is refused with its line, and the rest is worked out by `fleet.scenario.reckoning`. There
is nothing to import, to open or to call but a few functions on numbers. The same file is Python,
which its author can test as such: where the small part would give something else than Python, it is
refused, but that sums of rows go from left to right, and that rows are worked out whole.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeGuard

from fleet.errors import InputError
from fleet.model.ladder import ALWAYS, Answer, Seen
from fleet.scenario.reckoning import ALLOWED, CALLS, ROWS, Fields, Reckoner, ReckoningError

MOST_BYTES = 64_000
MOST_MEMORY = 16
"""Whole numbers that a rule can remember."""
MOST_DEEP = 60
"""Statements and expressions inside one another, with those of functions that they call.

Far from where Python's own stack ends, which depends on who has called.
"""
_PASSING = ("enumerate", "zip")
"""Calls that give a row which can be gone through once."""
_GO_THROUGH = ("next", "sum", "max", "min", "sorted", "tuple", "enumerate")
"""Calls whose first argument they go through."""


def text_of(path: Path) -> str:
    """Return the text of a file, of which not more is read than a rule may have.

    Raises:
        OSError: it cannot be read, or is too long.
        UnicodeDecodeError: it is no text.
    """
    with path.open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise OSError(f"it is longer than {MOST_BYTES:,} bytes")
    return text.decode("utf-8-sig")


class Policy:
    """A rule of a user's own, checked and ready to be asked.

    Attributes:
        reads: what it says that it reads.
    """

    def __init__(self, text: str, file: str, function: str, reads: Sequence[str]) -> None:
        """Check a text.

        Args:
            text: of the file.
            file: its name, for errors.
            function: the function in it.
            reads: what it says that it reads.

        Raises:
            InputError: it is no Python, uses what is not allowed, or reads what it does not say.
        """
        self.file, self.function, self.reads = file, function, tuple(reads)
        self._reckoner, self._deep = Reckoner(), dict[str, int]()
        tree = self._python(lambda: ast.parse(text))
        self._guarded(lambda: self._take_all(tree.body))
        self._python(lambda: compile(tree, file, "exec", dont_inherit=True))
        if function not in self._reckoner.functions:
            known = ", ".join(self._reckoner.functions) or "none"
            raise self._error(1, f"has no function '{function}'; functions: {known}")
        if len(self._reckoner.functions[function].args.args) != 1:
            line = self._reckoner.functions[function].lineno
            raise self._error(line, f"'{function}' takes one thing, what is seen")

    def __call__(self, seen: Seen) -> Answer:
        """Return what the rule wants.

        Raises:
            InputError: it goes wrong, does not end, or answers something else than rungs.
        """
        fields = {name: getattr(seen, name) for name in (*self.reads, *ALWAYS)}
        said = self._guarded(lambda: self._reckoner.ask(self.function, [Fields(fields)]))
        row = said if isinstance(said, ROWS) else (said,)
        for number in row:
            if isinstance(number, bool) or not isinstance(number, int) or abs(number) >= 2**63:
                raise self._error(
                    self._reckoner.line, f"answers with {_kind(number)}: a rung is a whole number,"
                    " alone or before those that are to be remembered"
                )  # fmt: skip
        if not 1 <= len(row) <= 1 + MOST_MEMORY:
            raise self._error(
                self._reckoner.line, f"answers {len(row)} numbers: a rung, and at most"
                f" {MOST_MEMORY} to be remembered"
            )  # fmt: skip
        return row[0], tuple(row[1:])

    def _error(self, line: int | None, problem: str) -> InputError:
        return InputError(f"{self.file}:{line or 1}: {problem}")

    def _guarded(self, work: Callable[[], Any]) -> Any:
        """Return what something gives; what goes wrong in it is told with its line."""
        try:
            return work()
        except InputError:
            raise
        except ReckoningError as error:
            raise self._error(self._reckoner.line, str(error)) from None
        except (ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise self._error(self._reckoner.line, f"{type(error).__name__}: {error}") from None

    def _python(self, work: Callable[[], Any]) -> Any:
        """Return what Python makes of a text without running it; what is no Python is told."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                return work()
        except (RecursionError, MemoryError):
            raise self._too_deep(1) from None
        except (SyntaxError, ValueError) as error:
            raise self._error(getattr(error, "lineno", 1), f"is no Python: {error}") from None

    def _too_deep(self, line: int) -> InputError:
        return self._error(
            line, f"is nested more than {MOST_DEEP} deep, with the functions that are called; give"
            " parts of it names of their own, one after another"
        )  # fmt: skip

    # What is allowed --------------------------------------------------------------------------

    def _take_all(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            self._take(node)

    def _take(self, node: ast.stmt) -> None:
        """Take up what stands at the top of the file: functions, numbers by name, and text."""
        if isinstance(node, ast.FunctionDef):
            self._check_name(node.name, node.lineno)
            if node.name in self._reckoner.names:
                raise self._error(node.lineno, f"'{node.name}' is a number further up already")
            self._deep[node.name] = self._check_function(node)
            self._reckoner.take(node, _given_in(node))
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self._check(node, "", node.lineno, 1)
            self._reckoner.line = node.lineno
            self._guarded(lambda: self._reckoner.do(node, self._reckoner.names))
        elif not _is_text(node):
            raise self._refused(node, node.lineno)

    def _check_function(self, node: ast.FunctionDef) -> int:
        """Refuse what is not allowed in a function; return how deep it goes."""
        rest = node.args
        extra = (rest.vararg, rest.kwarg, *rest.kwonlyargs, *rest.posonlyargs, *rest.defaults,
                 node.returns, *(one.annotation for one in rest.args),
                 *getattr(node, "type_params", ()))  # fmt: skip
        if node.decorator_list or any(one is not None for one in extra):
            raise self._error(
                node.lineno, "a function takes plain arguments, without defaults and annotations,"
                " and has no decorators"
            )  # fmt: skip
        for one in rest.args:
            self._check_name(one.arg, one.lineno)
        seen = rest.args[0].arg if node.name == self.function and rest.args else ""
        body = [one for one in node.body if not _is_text(one)]
        return max((self._check(one, seen, one.lineno, 1) for one in body), default=1)

    def _check(self, node: ast.AST, seen: str, line: int, deep: int) -> int:
        """Refuse what is not allowed in a statement or expression, and reads that are not said.

        Args:
            node: it.
            seen: the name of what is seen, empty where nothing is.
            line: of what it stands in, as operators have none of their own.
            deep: how many it stands in, with itself.

        Returns:
            The deepest that anything in it is, with functions that it calls.
        """
        line = getattr(node, "lineno", line)
        if not isinstance(node, ALLOWED):
            raise self._refused(node, line)
        deepest = deep + (self._check_call(node) if isinstance(node, ast.Call) else 0)
        if deepest > MOST_DEEP:
            raise self._too_deep(line)
        self._check_kind(node, seen, line)
        if isinstance(node, ast.Attribute):
            self._check_read(node, seen)
            return deepest
        inside = node.args if isinstance(node, ast.Call) else list(ast.iter_child_nodes(node))
        through = _gone_through(node)
        for child in inside:
            if _passes(child) and child not in through:
                raise self._error(
                    child.lineno, "a row of 'for' in round brackets, 'enumerate' and 'zip' can be"
                    " gone through once: by 'for', or right in a call such as sum(...); make it a"
                    " row that stays by tuple(...)"
                )  # fmt: skip
        below = [self._check(child, seen, line, deep + 1) for child in inside]
        return max(deepest, *below, 0)

    def _check_kind(self, node: ast.AST, seen: str, line: int) -> None:
        """Refuse some forms of what is allowed."""
        problem = ""
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float):
            problem = f"{node.value!r} is no number"
        elif isinstance(node, ast.Name) and node.id == seen:
            problem = f"'{seen}' is read by its fields, as in {seen}.rung"
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            self._check_name(node.id, line)
        elif isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            problem = "only names can be given a value"
        elif isinstance(node, ast.ListComp | ast.GeneratorExp) and len(node.generators) > 1:
            problem = "a row is made with one 'for'"
        elif isinstance(node, ast.comprehension) and node.is_async:
            problem = "'async' has no place in a rule"
        elif isinstance(node, ast.For | ast.While) and node.orelse:
            problem = "a loop has no 'else' here"
        if problem:
            raise self._error(line, problem)

    def _check_name(self, name: str, line: int) -> None:
        """Refuse a name that a function has: Python would call what it is given here."""
        if name in CALLS or name in self._reckoner.functions:
            raise self._error(line, f"'{name}' is a function already; take another name")

    def _check_read(self, node: ast.Attribute, seen: str) -> None:
        if not isinstance(node.value, ast.Name) or node.value.id != (seen or node.value.id):
            raise self._error(node.lineno, f"'.{node.attr}': only what is seen has fields")
        if seen and node.attr not in (*self.reads, *ALWAYS):
            said = ", ".join(self.reads) or "nothing"
            raise self._error(
                node.lineno, f"'{self.function}' reads '{node.attr}', which it does not say that it"
                f" reads ('reads' says {said}; always there are {', '.join(ALWAYS)}); add it there"
            )  # fmt: skip

    def _check_call(self, node: ast.Call) -> int:
        """Refuse what cannot be called; return how deep it goes."""
        name = _called_name(node.func)
        if name not in CALLS and name not in self._reckoner.functions:
            raise self._error(
                node.lineno, f"'{name}' cannot be called here; there are {', '.join(CALLS)}, and"
                " functions of the file that stand further up"
            )  # fmt: skip
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self._error(node.lineno, f"'{name}' is called with plain arguments only")
        if name == "next" and not (node.args and _passes(node.args[0])):
            raise self._error(
                node.lineno, "'next' is the first of what is gone through once, as in"
                " next((k for k in row if k > 3), 0)"
            )  # fmt: skip
        return self._deep.get(name, 0)

    def _refused(self, node: ast.AST, line: int) -> InputError:
        return self._error(
            line, f"{type(node).__name__} has no place in a rule, which reckons with numbers:"
            " assignments, 'if', 'for', 'while', 'return', comparisons, sums and the fields of what"
            " is seen"
        )  # fmt: skip


def _called_name(node: ast.expr) -> str:
    """Return what is called, for errors: a name, or a name and one of its fields."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        return f"{node.value.id}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "something without a name"


def _passes(node: ast.AST) -> TypeGuard[ast.expr]:
    """Return whether Python makes a row of it that can be gone through once."""
    if isinstance(node, ast.Call):
        return _called_name(node.func) in _PASSING
    return isinstance(node, ast.GeneratorExp)


def _gone_through(node: ast.AST) -> Sequence[ast.AST]:
    """Return what stands in something and is gone through by it at once."""
    if isinstance(node, ast.For | ast.comprehension):
        return [node.iter]
    if not isinstance(node, ast.Call):
        return ()
    name = _called_name(node.func)
    alone = name not in ("max", "min") or len(node.args) == 1
    return node.args if name == "zip" else node.args[: name in _GO_THROUGH and alone]


def _given_in(node: ast.AST) -> list[str]:
    """Return the names that are given a value in a function; those of rows made by 'for' are not.

    As in Python, where such a row has its names to itself.
    """
    if isinstance(node, ast.ListComp | ast.GeneratorExp):
        return []
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        return [node.id]
    return [name for child in ast.iter_child_nodes(node) for name in _given_in(child)]


def _is_text(node: ast.stmt) -> bool:
    """Return whether a statement is text that says what something is."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _kind(value: object) -> str:
    """Return what a value is, in words."""
    if isinstance(value, bool | float):
        return repr(value)
    if isinstance(value, ROWS):
        return "a row of rows"
    return "nothing" if value is None else "too much"
