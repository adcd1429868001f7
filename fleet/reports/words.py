"""How numbers are said against a baseline."""

from __future__ import annotations


def against(ratio: float) -> str:
    """Return how much something is against a baseline, such as '-52.8 %' or '3.1 times'."""
    if ratio >= 2:
        return f"{ratio:.3g} times"
    for digits in range(3, 7):
        said = f"{100 * (ratio - 1):+.{digits}g}"
        if said != "-100" or not ratio:
            break
    return f"{said} %"
