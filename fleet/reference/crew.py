"""Servers or decoders of the reference engine: who is idle, and who works until when."""

from __future__ import annotations


class Crew:
    """Servers or decoders of some kinds: who is idle, who is busy until when.

    `idle` holds (since when, kind) and `busy` (until when, kind). The one that has been idle
    longest works first; among those, the kind that is named first.
    """

    def __init__(self, counts: list[int]) -> None:
        """Set up a crew that is idle from time zero; `counts` says how many there are by kind."""
        self.idle = [(0, kind) for kind, count in enumerate(counts) for _ in range(count)]
        self.busy: list[tuple[int, int]] = []
        self.leaving: list[tuple[int, int]] = []
        self.spent_ns = [0] * len(counts)

    def take(self) -> int:
        """Have somebody begin to work; return the kind."""
        first = min(self.idle)
        self.idle.remove(first)
        return first[1]

    def work(self, kind: int, until_ns: int) -> tuple[int, int]:
        """Remember until when somebody works."""
        job = (until_ns, kind)
        self.busy.append(job)
        return job

    def end(self, job: tuple[int, int], began_ns: int) -> None:
        """End a job; the worker is idle, or gone if it was given back."""
        until_ns, kind = job
        self.spent_ns[kind] += until_ns - began_ns
        if job in self.busy:
            self.busy.remove(job)
            self.idle.append(job)
        else:
            self.leaving.remove(job)

    def stop(self, now_ns: int) -> None:
        """Have everybody drop what he is at; who was given back is gone."""
        self.idle += [(now_ns, kind) for _, kind in self.busy]
        self.busy, self.leaving = [], []

    def add(self, now_ns: int, count: int) -> None:
        """Add workers of the first kind."""
        self.idle += [(now_ns, 0)] * count

    def retire(self) -> int | None:
        """Let the one of the first kind go that is free first; return until when it works."""
        idle = [worker for worker in self.idle if worker[1] == 0]
        if idle:
            self.idle.remove(min(idle))
            return None
        job = min(job for job in self.busy if job[1] == 0)
        self.busy.remove(job)
        self.leaving.append(job)
        return job[0]
