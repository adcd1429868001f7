"""Claims of a paper as a table for who evaluates it, and what came of checking them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fleet import doors
from fleet.show.digest import KEPT, MISSED
from fleet.study.artifact import Artifact, Met


def page(artifact: Artifact) -> Iterator[str]:
    """Yield the lines of a page in Markdown: each claim, how it is checked, what is expected."""
    minutes = sum(claim.minutes for claim in artifact.claims.values())
    yield f"# {doors.markdown(artifact.title)}"
    yield ""
    yield (
        f"{len(artifact.claims)} claims, {minutes:g} minutes on two cores in all. `fleet artifact"
        f" {doors.terminal(artifact.path.name)} --check` checks them, with `--claim NAME` one of"
        " them."
    )
    yield ""
    yield "| name | claim | command | expected | minutes |"
    yield "|---|---|---|---|---:|"
    for name, claim in artifact.claims.items():
        cells = [
            doors.markdown(name), doors.markdown(claim.claim), doors.markdown(claim.command),
            "<br>".join(map(doors.markdown, claim.expect)), f"{claim.minutes:g}",
        ]  # fmt: skip
        yield f"| {' | '.join(cells)} |"


def checked(name: str, said: str, met: Sequence[Met], spent_s: float) -> Iterator[str]:
    """Yield whether a claim is kept, and each thing that is expected of it."""
    missed = sum(not one.kept for one in met)
    mark = MISSED if missed else KEPT
    yield f"{mark} {name}: {said} ({spent_s / 60:.1f} min)"
    for one in met:
        yield f"  {KEPT if one.kept else MISSED} {one.text}: {one.measured}"
