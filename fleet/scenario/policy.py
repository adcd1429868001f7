"""Rules of one's own: a function in a small part of Python, which can do nothing but reckon.

A scenario may be a stranger's, and running it must not run what a stranger wrote. So the text is
never given to Python's own interpreter: it is parsed, everything in it that is not known to be
harmless is refused with its line, and the rest is worked out by `fleet.scenario.reckoning`. There
is nothing to import, to open or to call but a few functions on numbers. The same file is plain
Python, which its author can test as such.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from fleet.errors import InputError
from fleet.model.ladder import ALWAYS, Answer, Seen
from fleet.scenario.reckoning import ALLOWED, CALLS, ROWS, Fields, Reckoner, ReckoningError

MOST_BYTES = 64_000
MOST_MEMORY = 16
"""Whole numbers that a rule can remember."""


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
        if len(text.encode()) > MOST_BYTES:
            raise InputError(f"{file}: is longer than {MOST_BYTES:,} bytes")
        try:
            tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise self._error(getattr(error, "lineno", 1), f"is no Python: {error}") from None
        self._reckoner = Reckoner()
        self._guarded(lambda: self._take_all(tree.body))
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
        except RecursionError:
            raise self._error(self._reckoner.line, "is nested too deeply") from None
        except (ArithmeticError, LookupError, TypeError, ValueError, StopIteration) as error:
            raise self._error(self._reckoner.line, f"{type(error).__name__}: {error}") from None

    # What is allowed --------------------------------------------------------------------------

    def _take_all(self, body: Sequence[ast.stmt]) -> None:
        for node in body:
            self._take(node)

    def _take(self, node: ast.stmt) -> None:
        """Take up what stands at the top of the file: functions, numbers by name, and text."""
        if isinstance(node, ast.FunctionDef):
            self._check_function(node)
            self._reckoner.functions[node.name] = node
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self._check(node, "")
            self._guarded(lambda: self._reckoner.do(node, self._reckoner.names))
        elif not _is_text(node):
            raise self._refused(node)

    def _check_function(self, node: ast.FunctionDef) -> None:
        rest = node.args
        extra = (rest.vararg, rest.kwarg, *rest.kwonlyargs, *rest.posonlyargs, *rest.defaults)
        if node.decorator_list or any(one is not None for one in extra):
            raise self._error(node.lineno, "a function takes plain arguments and has no decorators")
        seen = node.args.args[0].arg if node.name == self.function and node.args.args else ""
        for statement in node.body:
            if not _is_text(statement):
                self._check(statement, seen)

    def _check(self, node: ast.AST, seen: str) -> None:
        """Refuse what is not allowed in a statement or expression, and reads that are not said."""
        if not isinstance(node, ALLOWED):
            raise self._refused(node)
        if isinstance(node, ast.Call):
            self._check_call(node)
        if isinstance(node, ast.Constant) and not isinstance(node.value, int | float):
            raise self._error(node.lineno, f"{node.value!r} is no number")
        if isinstance(node, ast.Name) and node.id == seen:
            raise self._error(node.lineno, f"'{seen}' is read by its fields, as in {seen}.rung")
        if isinstance(node, ast.Attribute | ast.Subscript) and isinstance(node.ctx, ast.Store):
            raise self._error(node.lineno, "only names can be given a value")
        if isinstance(node, ast.Attribute):
            self._check_read(node, seen)
            return
        if isinstance(node, ast.ListComp | ast.GeneratorExp) and len(node.generators) > 1:
            raise self._error(node.lineno, "a row is made with one 'for'")
        if isinstance(node, ast.For | ast.While) and node.orelse:
            raise self._error(node.lineno, "a loop has no 'else' here")
        inside = ast.iter_child_nodes(node)
        for child in (*node.args,) if isinstance(node, ast.Call) else inside:
            self._check(child, seen)

    def _check_read(self, node: ast.Attribute, seen: str) -> None:
        if not isinstance(node.value, ast.Name) or node.value.id != (seen or node.value.id):
            raise self._error(node.lineno, f"'.{node.attr}': only what is seen has fields")
        if seen and node.attr not in (*self.reads, *ALWAYS):
            said = ", ".join(self.reads) or "nothing"
            raise self._error(
                node.lineno, f"'{self.function}' reads '{node.attr}', which it does not say that it"
                f" reads ('reads' says {said}; always there are {', '.join(ALWAYS)}); add it there"
            )  # fmt: skip

    def _check_call(self, node: ast.Call) -> None:
        name = node.func.id if isinstance(node.func, ast.Name) else ast.unparse(node.func)
        if name not in CALLS and name not in self._reckoner.functions:
            raise self._error(
                node.lineno, f"'{name}' cannot be called here; there are {', '.join(CALLS)}, and"
                " functions of the file that stand further up"
            )  # fmt: skip
        if node.keywords or any(isinstance(one, ast.Starred) for one in node.args):
            raise self._error(node.lineno, f"'{name}' is called with plain arguments only")

    def _refused(self, node: ast.AST) -> InputError:
        line, what = getattr(node, "lineno", 1), type(node).__name__
        return self._error(
            line, f"{what} has no place in a rule, which reckons with numbers: assignments, 'if',"
            " 'for', 'while', 'return', comparisons, sums and the fields of what is seen"
        )  # fmt: skip


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
